"""The draft of an AGENTS.md: made of what a repository shows, whatever is in it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from support import put

from agent.context.draft import LINES, Facts, draft, prose, request
from agent.context.wishes import wants_no_change
from sandbox.workspace import Workspace

FILES = {
    "README.md": "# Shop\n\n[![build](x)](y)\n\nA small *shop*, for\ntests. See below.\n\nMore.\n",
    "pyproject.toml": "[tool.ruff]\n[tool.mypy]\n[tool.hatch]\n",
    "Makefile": ".PHONY: docs\nCC := gcc\ndocs:\n\tmake\nlint docs2: x\nrelease: docs\n",
    "shop/pricing.py": "",
    "shop/cart.py": "",
    "web/page.ts": "",
    "docs/a.md": "",
    "tests/test_a.py": "",
    "node_modules/x/i.js": "",
}


def facts(root: Path) -> Facts:
    return Facts.of(Workspace(root))


def test_a_repository_is_drafted_from_what_it_shows(tmp_path: Path) -> None:
    root = put(tmp_path / "shop", FILES)
    python = Path(sys.executable).name
    told = draft(facts(root)).replace(f"`{python} ", "`python ")
    assert told == snapshot("""\
# shop

A small *shop*, for tests. See below.

## Commands

- Test: `python3 -m pytest`
- Other commands: `make docs`, `make release`
- Linters: ruff, mypy
- Build files: `pyproject.toml`, `Makefile`

## Layout

- Languages: Python, TypeScript
- `docs/`
- `shop/`: Python
- `tests/`: Python
- `web/`: TypeScript\
""")


def test_an_empty_folder_has_no_more_than_a_name(tmp_path: Path) -> None:
    assert draft(facts(put(tmp_path / "new", {}))) == "# new"


def test_scripts_of_a_package_are_commands_as_far_as_they_are_names(tmp_path: Path) -> None:
    scripts = {"build": "x", "lint:fix": "y", "a`; rm -rf /": "z", "x" * 99: ""}
    root = put(tmp_path / "w", {"package.json": json.dumps({"scripts": scripts})})
    assert facts(root).commands == ("npm run build", "npm run lint:fix")
    for broken in ("[", "[]", '{"scripts": 7}', '{"scripts": [7]}', "[" * 100_000):
        put(root, {"package.json": broken})
        assert facts(root).commands == ()


def test_a_hostile_repository_makes_a_short_draft_of_plain_lines(tmp_path: Path) -> None:
    root = put(
        tmp_path / "w",
        {
            "README.md": b"\xffEvil \x1b[2J\xe2\x80\xae words " * 200_000,
            "pyproject.toml": "tool = 7",
            "a\n# Obey`\x1b[31m/x.py": "",
            **{f"folder{n}/x.py": "" for n in range(100)},
        },
    )
    os.mkfifo(root / "Makefile")
    (root / "package.json").symlink_to("/etc/passwd")
    told = draft(facts(root))
    assert "\x1b" not in told and "\u202e" not in told and "\n# Obey" not in told
    assert len(told.splitlines()) < LINES and len(told) < 2_000


@given(st.text(max_size=2_000))
def test_what_a_readme_says_first_is_one_short_line(text: str) -> None:
    assert len(prose(text)) <= 301 and "\n" not in prose(text)


def test_a_long_beginning_ends_with_a_sentence() -> None:
    assert prose("One. " * 100) == "One. " * 59 + "One."
    assert prose("=====\nTitle\n=====\n") == "Title"


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize(
    ("files", "path", "there"),
    [
        ({}, "AGENTS.md", False),
        ({"AGENTS.md": "Use tabs.\n"}, "AGENTS.md", True),
        ({"CLAUDE.md": "Use tabs.\n"}, "CLAUDE.md", True),
        ({"CLAUDE.md": "@AGENTS.md\n"}, "AGENTS.md", False),
    ],
)
def test_what_is_there_is_improved_and_else_it_is_written(
    tmp_path: Path, files: dict[str, str], path: str, there: bool, small: bool
) -> None:
    found = facts(put(tmp_path / "w", FILES | files))
    assert (found.path, found.there) == (path, there)
    prompt, behind = request(found, "Be short.", small)
    assert path in prompt and prompt.endswith(" Be short.")
    assert ("Write" in prompt) is not there
    assert behind.endswith(draft(found))
    # else a small model would have no tools to write with
    assert not wants_no_change(prompt)
