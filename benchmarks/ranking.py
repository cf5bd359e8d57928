"""How often what a release changed stands in the map that is made for it.

    python benchmarks/ranking.py [--half a|b] [--limit N] [--aider PYTHON] [--show]

Each row of changes.tsv is two releases in a row, pinned by hash, that differ in one to six
functions of the code. The map of the older one is made for what the newer one's changelog says, and
for the names of its new tests; it is asked whether a changed file, and a changed function, stands
in the first 1,000 and 2,000 tokens. With `--aider`, the Python of an environment that has
aider-chat, Aider's map is asked the same, file names and words of the text given to it as
mentioned.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from agent.context.ranking import Task
from agent.context.repomap import map_of
from benchmarks._archives import default_cache, loaded
from benchmarks._shares import wilson
from benchmarks._source import CaseError
from benchmarks._truth import Changed, changed
from sandbox.workspace import Workspace
from tools import symbols

LIST = Path(__file__).with_name("changes.tsv")
BUDGETS = (1000, 2000)  # tokens
SAID = 2000  # characters of a changelog that are asked about
NAMED = 10  # new tests
_LOG = re.compile(
    r"(?:^|/)(?:change|history|news|release|what'?s_?new)[^/]*$"
    r"|/(?:changes|changelog|releases?|whats_?new)/[^/]*$",
    re.I,
)
_TEXT = {".rst", ".md", ".txt", ""}
# folders that hold none of the code, wherever they stand, besides those of every list
TESTS = frozenset({"test", "testing", "testsuite", "_tests", "t"})
MOST_BYTES = 1 << 30  # of one release, unpacked

Seen = dict[str, set[str]]  # the definitions that a map shows, by file


@dataclass(frozen=True, slots=True)
class Release:
    """Two releases in a row: what the newer one says, its new tests, what changed in the code."""

    name: str
    top: Path
    says: dict[str, str]
    truth: Changed


def read(path: Path = LIST) -> list[tuple[str, ...]]:
    """Return the rows: library, older version and hash, newer version and hash."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if not line.startswith("#")]


def half_of(library: str) -> str:
    """Return the half that all releases of a library belong to."""
    return "ab"[hashlib.sha256(library.encode()).digest()[0] % 2]


def unpacked(row: tuple[str, ...], folder: Path) -> Release:
    """Lay both releases out below a folder; raises CaseError."""
    library, old, old_sum, new, new_sum = row
    older = unpack(loaded(default_cache(), library, old, old_sum), folder / "older")
    newer = unpack(loaded(default_cache(), library, new, new_sum), folder / "newer")
    says = {"changelog": news(older, newer), "new tests": _new_tests(older, newer)}
    return Release(f"{library}-{new}", older, says, truth_of(older, newer))


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the files of an archive, its links left out; return its top. Raises CaseError.

    By hand, since the filters of tarfile came with Python 3.11.4.
    """
    folder.mkdir(parents=True)
    size = 0
    try:
        with tarfile.open(archive) as file:
            for member in file:
                size += member.size + tarfile.BLOCKSIZE  # its head: many empty ones also cost
                if size > MOST_BYTES:
                    raise CaseError(f"{archive.name} is larger than {MOST_BYTES >> 20} MiB")
                path = PurePosixPath(member.name)
                leaves = path.is_absolute() or ".." in path.parts
                if leaves or not (member.isreg() or member.isdir() or member.issym()):
                    raise CaseError(f"{archive.name} does not unpack: {member.name!r}")
                target = folder / path
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                elif member.isreg() and (content := file.extractfile(member)) is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise CaseError(f"{archive.name} does not unpack: {error}") from None
    tops = [path for path in folder.iterdir() if path.is_dir()]
    if len(tops) != 1:
        raise CaseError(f"{archive.name} has {len(tops)} folders at its top")
    return tops[0]


def tests_of(*tops: Path) -> tuple[str, ...]:
    """Return the folders of trees that hold tests and not code, besides those of every list."""
    inside = {
        path.relative_to(top).as_posix()
        for top in tops
        for path in top.rglob("*")
        if path.name in TESTS and path.is_dir()
    }
    return tuple(sorted(inside))


def truth_of(older: Path, newer: Path) -> Changed:
    """Return what changed in the code from one release to the next."""
    return changed(older, newer, tests_of(older, newer))


def news(older: Path, newer: Path) -> str:
    """Return the lines of changelogs that are new."""
    before = {line for _, line in log_lines(older)}
    return "\n".join(line for _, line in log_lines(newer) if line not in before)[:SAID]


def log_lines(top: Path) -> Iterator[tuple[Path, str]]:
    """Yield the lines of the changelogs of a release, without the empty ones."""
    for path in sorted(top.rglob("*")):
        name = path.relative_to(top).as_posix()
        if _LOG.search(name) and path.suffix in _TEXT and path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if line.strip():
                    yield path, line.strip()


def _new_tests(older: Path, newer: Path) -> str:
    """Return the ids of tests that the newer release has and the older has not, or not so."""
    found: list[str] = []
    for path in sorted(newer.rglob("*.py")):
        name = path.relative_to(newer)
        if not ({"tests"} | TESTS) & set(name.parts[:-1]):
            continue
        texts = [_text(older / name), _text(path)]
        if texts[0] == texts[1]:
            continue
        had = {texts[0][s.start : s.end] for s in symbols.definitions(str(name), texts[0])}
        found += [
            f"{name.as_posix()}::{each.name.replace('.', '::')}"
            for each in symbols.definitions(str(name), texts[1])
            if each.short.startswith("test") and texts[1][each.start : each.end] not in had
        ]
    return "\n".join(found[:NAMED])


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def ours(release: Release, text: str, tokens: int, cache: Path) -> Seen:
    """Return what our map shows."""
    found = map_of(Workspace(release.top), Task(text), cache, tokens)
    return {
        path: {f"{each.definition.name}:{each.definition.line}" for each in every}
        for path, every in found.shown.items()
    }


def aiders(python: str, release: Release, text: str, tokens: int) -> Seen:
    """Return what Aider's map shows."""
    program = Path(__file__).with_name("_aider_map.py")
    asked = json.dumps({"top": str(release.top), "text": text, "tokens": tokens})
    done = subprocess.run(
        [python, program], input=asked, capture_output=True, text=True, cwd=release.top
    )
    if done.returncode:
        raise CaseError(f"Aider: {done.stderr.strip()[-300:]}")
    return {path: set(names) for path, names in json.loads(done.stdout.splitlines()[-1]).items()}


def hits(seen: Seen, truth: Changed) -> tuple[bool, bool]:
    """Return whether a changed file is shown, and a changed function."""
    files = {path for path, *_ in truth.functions}
    exact = {(path, f"{name}:{line}") for path, name, line in truth.functions}
    short = {(path, name.rpartition(".")[2]) for path, name, _ in truth.functions}
    shown = {(path, name) for path, names in seen.items() for name in names}
    return bool(files & seen.keys()), bool((exact | short) & shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--half", choices=("a", "b"))
    parser.add_argument("--limit", type=int, help="the first so many rows")
    parser.add_argument("--aider", help="the Python of an environment with aider-chat")
    parser.add_argument("--show", action="store_true", help="print a line for each release")
    given = parser.parse_args()
    rows = [row for row in read() if given.half in (None, half_of(row[0]))][: given.limit]
    counts: dict[tuple[str, str, int], list[tuple[bool, bool]]] = defaultdict(list)
    spent: dict[str, float] = defaultdict(float)
    place = default_cache() / "runs"
    place.mkdir(parents=True, exist_ok=True)
    for row in rows:
        with tempfile.TemporaryDirectory(dir=place) as made:
            release = unpacked(row, Path(made))
            for kind, text in release.says.items():
                for tokens in BUDGETS if text.strip() else ():
                    began = _cpu()
                    found = {"ours": ours(release, text, tokens, Path(made) / "cache")}
                    spent["ours"] += _cpu() - began
                    if given.aider:
                        began = _cpu()
                        found["aider"] = aiders(given.aider, release, text, tokens)
                        spent["aider"] += _cpu() - began
                    for who, seen in found.items():
                        counts[who, kind, tokens].append(hits(seen, release.truth))
                        if given.show:
                            print(release.name, who, kind, tokens, hits(seen, release.truth))
    print(f"{len(rows)} releases of {len({row[0] for row in rows})} libraries")
    for (who, kind, tokens), every in sorted(counts.items()):
        cells = [_share([each[at] for each in every]) for at in (0, 1)]
        print(f"{who:6} {kind:10} {tokens:5} tokens  file {cells[0]}  function {cells[1]}")
    for who, seconds in spent.items():
        print(f"{who}: {seconds:.0f} s of CPU in all")


def _share(good: list[bool]) -> str:
    low, high = wilson(sum(good), len(good))
    return f"{sum(good):3} of {len(good):3} [{low:.0%}-{high:.0%}]"


def _cpu() -> float:
    """Return the seconds of CPU of this process and of its children."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    try:
        main()
    except CaseError as error:
        sys.exit(f"error: {error}")
