"""The table of language servers.

None for Go and Rust: where gopls and rust-analyzer would do there are a `go.mod` and a `Cargo.toml`
too, and so the compilers, which say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.diagnostics.ty import NO_PROGRAMS


@dataclass(frozen=True, slots=True)
class Server:
    """One language server: how it is called, and for which languages.

    `languages` maps our names to the protocol's, `runs_code` is as a checker has it, `unsure` are
    codes that only say that packages were not found: they are left out. `pulls` says that it may be
    asked; one that only tells by itself is waited for, and where it tells in parts, until nothing
    more came for `settle` seconds. Where it tells nothing when nothing changed, `quiet` seconds of
    silence are that.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    languages: Mapping[str, str]
    runs_code: bool = True
    unsure: frozenset[str] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    pulls: bool = True
    settle: float = 0.0
    quiet: float = 0.0
    seconds: float = 10.0
    replaces: bool = False


_PYTHON = {"python": "python"}

SERVERS = (
    Server(
        "ty server",
        "ty",
        ("server",),
        _PYTHON,
        runs_code=False,
        unsure=frozenset({"unresolved-import", "import-not-found"}),
        variables=NO_PROGRAMS,
    ),
    # each of these starts the interpreter that it finds in a `.venv`
    Server(
        "pyrefly lsp",
        "pyrefly",
        ("lsp",),
        _PYTHON,
        unsure=frozenset({"missing-import", "import-error"}),
    ),
    Server(
        "pyright-langserver",
        "pyright-langserver",
        ("--stdio",),
        _PYTHON,
        unsure=frozenset({"reportMissingImports", "reportMissingModuleSource"}),
    ),
    # loads the TypeScript that lies in the project's `node_modules`
    Server(
        "typescript-language-server",
        "typescript-language-server",
        ("--stdio",),
        # of JavaScript it tells what does not parse, which we know
        {"typescript": "typescript", "tsx": "typescriptreact"},
        unsure=frozenset({"2307", "7016"}),
        settle=0.4,
        quiet=2.0,
        seconds=15.0,  # most of it to begin with
    ),
)
