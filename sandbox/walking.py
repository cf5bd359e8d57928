"""Listing a tree as git would, without git: `.gitignore` files and dependency folders.

No link to a folder is followed, and no descriptor leaves the tree.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from sandbox import beneath
from sandbox.names import show

# folders that tools fill and nobody edits, whatever `.gitignore` says
DEPENDENCY_FOLDERS = frozenset(
    {
        ".venv",
        "node_modules",
        "bower_components",
        "__pycache__",
        "__pypackages__",
        ".tox",
        ".nox",
        ".eggs",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".gradle",
        ".next",
        ".nuxt",
        ".svelte-kit",
        ".parcel-cache",
        ".turbo",
        ".terraform",
        ".direnv",
    }
)
# a common word names such a folder only where one of these files lies beside it
DEPENDENCY_BESIDE: Mapping[str, frozenset[str]] = {
    "target": frozenset({"Cargo.toml", "pom.xml", "build.sbt"}),
    "Pods": frozenset({"Podfile"}),
    "deps": frozenset({"mix.exs"}),
    "_build": frozenset({"mix.exs", "dune-project"}),
}
# a folder that holds one of these says of itself that it can be made again
DEPENDENCY_WITHIN = frozenset({"pyvenv.cfg", "CACHEDIR.TAG"})
STARS = 3  # of one name in an ignore file, and folders of any depth in one pattern
TEMPORARY = ".wisp-"  # how the names of half-written files begin; the writer's pid follows

Ignores = Callable[[str], bool | None]  # path below the .gitignore -> ignored, kept, not said


def half_written(name: str) -> int:
    """Return who was writing a file of this name for us, 0 where it is no half-written file."""
    found = re.fullmatch(re.escape(TEMPORARY) + r"(\d+)-[0-9a-f]{16}\.tmp", name)
    return int(found[1]) if found else 0


def is_dependency_folder(name: str, beside: Collection[str], within: Collection[str] = ()) -> bool:
    """Whether a folder is not the user's own work.

    `beside` are the names in its parent, `within` those in the folder itself.
    """
    if name in DEPENDENCY_FOLDERS:
        return True
    if not DEPENDENCY_WITHIN.isdisjoint(within):
        return True
    return not DEPENDENCY_BESIDE.get(name, frozenset()).isdisjoint(beside)


def _matcher(lines: list[str]) -> Ignores | None:
    """Return what one ignore file says, or None when it says nothing."""
    lines = [line for line in lines if line.strip() and not line.startswith("#") and _ends(line)]
    if not lines:
        return None
    from pathspec import GitIgnoreSpec

    try:
        spec = GitIgnoreSpec.from_lines(lines)
    except ValueError:  # git takes no notice of a line that means nothing
        spec = GitIgnoreSpec.from_lines(list(filter(_means_something, lines)))
    patterns = [
        pattern.regex.pattern.replace("(?P<ps_d>", "(?:")
        for pattern in spec.patterns
        if pattern.include is not None and pattern.regex is not None
    ]
    # nearly every path matches no pattern at all: one regex answers that four times as fast
    any_of = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))

    def ignores(path: str) -> bool | None:
        if not any_of.match(path):
            return None
        return spec.check_file(path).include

    return ignores


def _ends(line: str) -> bool:
    """Whether trying a pattern on a path ends in time: each star may stand for any run of a name.

    With eight of them a name of 40 letters took a second, and one of 200 no end. One that is left
    out ignores nothing.
    """
    parts = line.split("/")
    deep = sum("**" in part for part in parts)
    return deep <= STARS and all(len(re.findall(r"\*+", part)) <= STARS for part in parts)


def _means_something(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _read_lines(parent: int, name: str) -> list[str]:
    """Return the lines of an ignore file; none when it cannot be read."""
    try:
        with os.fdopen(beneath.open_file(parent, name), "rb") as file:
            data = file.read(1 << 20)
    except OSError:
        return []
    return os.fsdecode(data).splitlines()


def _exclude_lines(base: Path) -> list[str]:
    """Return the lines of `.git/info/exclude`."""
    try:
        with beneath.folder(base, (".git", "info")) as parent:
            return _read_lines(parent, "exclude")
    except OSError:
        return []


class _Rules:
    """The ignore files from the top down to one folder; the deepest that speaks decides."""

    def __init__(self, levels: tuple[tuple[str, Ignores], ...] = ()) -> None:
        self.levels = levels

    def deeper(self, prefix: str, lines: list[str]) -> _Rules:
        found = _matcher(lines)
        return _Rules((*self.levels, (prefix, found))) if found else self

    def ignore(self, path: str) -> bool:
        for prefix, ignores in reversed(self.levels):
            said = ignores(path[len(prefix) :])
            if said is not None:
                return said
        return False


def walk(
    base: Path,
    start: beneath.Parts,
    *,
    ignored: bool,
    entered: Callable[[str], None] | None = None,
) -> Iterator[beneath.Parts]:
    """Yield the files below `start` in the order of their shown paths; skips what it cannot read.

    With `ignored`, only `.git` is left out. `entered` is called with the absolute path of every
    folder before that is read.
    """
    rules = _Rules()
    if not ignored:
        rules = rules.deeper("", _exclude_lines(base))
        for depth in range(len(start)):
            above = start[:depth]
            try:
                with beneath.folder(base, above) as parent:
                    lines = _read_lines(parent, ".gitignore")
            except OSError:
                return
            rules = rules.deeper("".join(f"{name}/" for name in above), lines)
    # newest last: (parts, whether it is a folder, the rules above it, names beside it)
    todo: list[tuple[beneath.Parts, bool, _Rules, Collection[str]]] = [(start, True, rules, ())]
    while todo:
        parts, is_folder, rules, beside = todo.pop()
        if not is_folder:
            yield parts
            continue
        if entered is not None:
            entered(str(base.joinpath(*parts)))
        try:
            files, folders, lines = _entries(base, parts)
        except OSError:
            continue
        names = {*files, *folders}
        if not ignored:
            if parts != start and is_dependency_folder(parts[-1], beside, names):
                continue
            rules = rules.deeper("".join(f"{name}/" for name in parts), lines)
        found = [(show(name), name, False) for name in files]
        found += [(show(name) + "/", name, True) for name in folders if name != ".git"]
        prefix = "".join(f"{name}/" for name in parts)
        for _, name, inner in sorted(found, reverse=True):
            if not ignored and (
                (inner and is_dependency_folder(name, names))
                or (not inner and half_written(name))
                or rules.ignore(f"{prefix}{name}/" if inner else f"{prefix}{name}")
            ):
                continue
            todo.append(((*parts, name), inner, rules, names))


def near_top(base: Path, depth: int, folders: int) -> Iterator[beneath.Parts]:
    """Yield the files of the top folder and of those down to `depth` below, ignored ones too.

    Not those in dependency folders, and only of the first so many `folders`.
    """
    todo: list[beneath.Parts] = [()]
    for parts in todo:
        try:
            files, inner, _ = _entries(base, parts)
        except OSError:
            continue
        names = {*files, *inner}
        if parts and is_dependency_folder(parts[-1], (), names):
            continue
        yield from ((*parts, name) for name in files)
        if len(parts) < depth:
            below = [each for each in inner if not is_dependency_folder(each, names)]
            todo += [(*parts, each) for each in sorted(below) if each != ".git"]
            del todo[folders:]


def _entries(base: Path, parts: beneath.Parts) -> tuple[list[str], list[str], list[str]]:
    """Return the files and folders in a folder, and the lines of its `.gitignore`."""
    files: list[str] = []
    folders: list[str] = []
    lines: list[str] = []
    with beneath.folder(base, parts) as here, os.scandir(here) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file() and entry.name != ".git":
                    files.append(entry.name)
            except OSError:  # a link in a loop
                continue
        if ".gitignore" in files:
            lines = _read_lines(here, ".gitignore")
    return files, folders, lines


def is_ignored(base: Path, parts: beneath.Parts) -> bool:
    """Whether the ignore files say so of this file, or of a folder above it; reads no other."""
    rules = _Rules().deeper("", _exclude_lines(base))
    prefix = ""
    for depth, name in enumerate(parts):
        try:
            with beneath.folder(base, parts[:depth]) as parent:
                rules = rules.deeper(prefix, _read_lines(parent, ".gitignore"))
        except OSError:
            return False
        prefix += name + ("/" if depth + 1 < len(parts) else "")
        if rules.ignore(prefix):
            return True
    return False
