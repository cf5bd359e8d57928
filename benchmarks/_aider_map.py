"""Aider's map of a tree for a text; run by the Python that has Aider. Prints what it shows as JSON.

The request comes on stdin: the top of the tree, the text, the tokens. Aider takes every file of the
tree, as it does of a repository; file names and words of the text count as mentioned.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = {
    ".py",
    ".js",
    ".ts",
    ".tsx",
    ".c",
    ".h",
    ".cc",
    ".cpp",
    ".hpp",
    ".rs",
    ".go",
    ".java",
    ".sh",
    ".md",
    ".rst",
}


class Tokens:
    """Counts tokens as tiktoken would, roughly: it may not be able to load its table."""

    def token_count(self, text: str) -> int:
        return len(re.findall(r"[A-Za-z]{1,6}|\d|[^\sA-Za-z\d]|\s+", text))


def main() -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    from aider.io import InputOutput  # type: ignore[import-not-found]  # it has its own environment
    from aider.repomap import RepoMap  # type: ignore[import-not-found]  # as above

    asked: dict[str, Any] = json.load(sys.stdin)
    top, text = Path(asked["top"]), asked["text"]
    files = sorted(path for path in found(top) if path.suffix in KINDS)
    names = {path.relative_to(top).as_posix() for path in files}
    made = RepoMap(
        map_tokens=asked["tokens"],
        root=str(top),
        main_model=Tokens(),
        io=InputOutput(pretty=False, yes=True),
        map_mul_no_files=1,
        refresh="auto",
    )
    drawn = made.get_repo_map(
        [],
        [str(path) for path in files],
        mentioned_fnames={name for name in names if name.rpartition("/")[2] in text},
        mentioned_idents=set(re.split(r"\W+", text)) - {""},
    )
    print(json.dumps(shown(drawn or "", names)))


def found(top: Path) -> Iterator[Path]:
    """Yield the files of a tree, without git's, which may be packing them."""
    for folder, inner, names in os.walk(top):
        inner[:] = [each for each in inner if each != ".git"]
        yield from (Path(folder, each) for each in names)


def shown(drawn: str, names: set[str]) -> dict[str, list[str]]:
    """Return the names of definitions in a map, by file."""
    known: dict[str, list[str]] = {}
    path = ""
    for line in drawn.splitlines():
        if line.rstrip(":") in names:
            path = line.rstrip(":")
            known.setdefault(path, [])
        elif path and (match := re.match(r"│\s*(?:async )?(?:def|class) (\w+)", line)):
            known[path].append(match[1])
    return known


if __name__ == "__main__":
    main()
