"""Which module imports which, as the syntax of sources has it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sandbox.workspace import Workspace
from tools.base import ToolError
from tools.languages import language_of
from tools.shown import NODES, Edge, Graph, brief
from tools.sources import Sources, found, is_there, unknown
from tools.steps import bounded
from tools.trees import encode

if TYPE_CHECKING:
    from tree_sitter import Node

_SOURCE = "(import_statement source: (string) @module)(export_statement source: (string) @module)"
IMPORTS = {
    "python": """
(import_statement name: (dotted_name) @module)
(import_statement name: (aliased_import name: (dotted_name) @module))
(import_from_statement) @from
""",
    "javascript": _SOURCE,
    "typescript": _SOURCE,
    "tsx": _SOURCE,
}


def modules(workspace: Workspace, names: Sequence[str]) -> tuple[Graph, tuple[str, ...]]:
    """Return which module imports which, below files or folders. Raises ToolError.

    Where there are many, a node is a folder.
    """
    sources = Sources(workspace)
    for place in names or ["."]:
        if not is_there(workspace, place):
            raise ToolError(f"there is no file or folder {brief(place, 60)}")
        sources.take(place, IMPORTS)
    paths = list(sources.texts)
    if not paths:
        raise ToolError(f"no imports are known of in {unknown(names or ['.'], IMPORTS)}")
    known = _Modules(workspace, paths)
    pairs: dict[tuple[str, str], None] = {}
    for path, text in sources.texts.items():
        if sources.late:
            break
        for other in known.imported(path, text):
            pairs.setdefault((path, other))
    notes = [*sources.notes]
    told = {path: path for path in paths}
    if len(paths) > NODES:
        told = {path: posixpath.dirname(path) or "." for path in paths}
        notes.append(f"{len(paths):,} modules by their folders")
    below = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    if below and len(set(told.values())) > 1:
        notes.append(f"names are those below {brief(below)}")
        told = {path: name.removeprefix(f"{below}/") for path, name in told.items()}
    edges = dict.fromkeys((told[one], told[other]) for one, other in pairs)
    shown = [Edge(source=one, target=other) for one, other in edges if one != other]
    return bounded(list(dict.fromkeys(told.values())), shown, notes)


class _Modules:
    """Which file an import means, among those that are looked at."""

    def __init__(self, workspace: Workspace, paths: Sequence[str]) -> None:
        self._paths = set(paths)
        self._packages: dict[str, bool] = {}
        self._workspace = workspace
        self._dotted: dict[str, str] = {}
        for path in paths:
            stem = posixpath.splitext(path)[0].removesuffix("/__init__").strip("/")
            parts = stem.split("/")
            for at in range(len(parts)):
                # a source folder is no part of the name; a package is
                if not at or not self._package("/".join(parts[:at])):
                    self._dotted.setdefault(".".join(parts[at:]), path)

    def _package(self, folder: str) -> bool:
        if folder not in self._packages:
            init = f"{folder}/__init__.py"
            self._packages[folder] = self._workspace.kind(init) == "file"
        return self._packages[folder]

    def imported(self, path: str, text: str) -> Iterator[str]:
        """Yield the files that a source imports."""
        language = language_of(path, text)
        if language is None or language.name not in IMPORTS:
            return
        data = encode(text)
        patterns = IMPORTS[language.name]
        for node in found(language, data, patterns, "module"):
            name = data[node.start_byte : node.end_byte].decode(errors="replace").strip("\"'`")
            python = language.name == "python"
            meant = self._python(name) if python else self._script(path, name)
            if meant and meant != path:
                yield meant
        if language.name == "python":
            for node in found(language, data, patterns, "from"):
                yield from self._from(path, node, data)

    def _from(self, path: str, node: Node, data: bytes) -> Iterator[str]:
        module, *names = [
            data[each.start_byte : each.end_byte].decode(errors="replace").partition(" as ")[0]
            for each in node.named_children
        ] or [""]
        if module.startswith("."):
            up = len(module) - len(module.lstrip("."))
            folder = path
            for _ in range(up):
                folder = posixpath.dirname(folder)
            module = ".".join(filter(None, [folder.replace("/", "."), module.lstrip(".")]))
        for name in names or [""]:
            meant = self._python(f"{module}.{name}", whole=True) or self._python(module)
            if meant and meant != path:
                yield meant

    def _python(self, name: str, whole: bool = False) -> str:
        while name:
            if name in self._dotted:
                return self._dotted[name]
            name = "" if whole else name.rpartition(".")[0]
        return ""

    def _script(self, path: str, name: str) -> str:
        if not name.startswith("."):
            return ""
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        stem = posixpath.splitext(meant)[0]
        ends = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", "/index.ts", "/index.tsx", "/index.js")
        tried = [f"{one}{end}" for one in (meant, stem) for end in ends]
        return next((each for each in tried if each in self._paths), "")
