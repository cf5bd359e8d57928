"""Chooses the releases that ranking.py asks about, by the rule in README.md ("The changes").

    python benchmarks/choose_changes.py

Every pair that is looked at is written to considered.tsv at once, and is not looked at again: what
was stopped goes on where it was. When all libraries are through, changes.tsv is written anew with
the pairs that fit. No map is made.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from packaging.utils import InvalidSdistFilename, parse_sdist_filename
from packaging.version import Version

from benchmarks import ranking
from benchmarks._archives import Offer, default_cache, loaded, offered
from benchmarks._source import CaseError, code_files

FIRST = """
alembic astroid babel black celery click docutils flask httpx jinja2 networkx pip pylint pytest
requests rich scrapy setuptools sphinx sqlparse starlette tornado urllib3 werkzeug
"""
SECOND = """
aiohttp ansible-core coverage django djangorestframework falcon httpcore ipython jupyter-client
kombu nbconvert paramiko pdm pint prompt-toolkit pygments pypdf pyramid sqlalchemy tox trio twisted
uvicorn virtualenv
"""
UNTIL = "2026-11-23"  # what was uploaded on this day or later did not exist when the list was made
TAKEN = 6  # pairs of one library
LOOKED_AT = 25
WITHOUT = 10  # newest pairs without a changelog, after which a library is left
FUNCTIONS = range(1, 7)
FILES = 5
DIFFER = 40  # files of which it is asked what changed in them
SOURCES = 15
SAYS = 30  # characters
ARCHIVE = 30 << 20  # bytes
CONSIDERED = Path(__file__).with_name("considered.tsv")
HEAD = "library\tolder\tits sha256\tnewer\tits sha256"
FITS = "fits"
NO_LOG = "4: no changelog"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two releases in a row, as the index offers them."""

    library: str
    older: Offer
    newer: Offer

    def row(self) -> tuple[str, ...]:
        """Return the columns that name the pair in both files."""
        names = ((str(version_of(each)), each.sha256) for each in (self.older, self.newer))
        return (self.library, *itertools.chain(*names))


def version_of(offer: Offer) -> Version | None:
    """Return the version of a .tar.gz source archive, None of any other file."""
    if not offer.name.endswith(".tar.gz"):
        return None
    try:
        return parse_sdist_filename(offer.name)[1]
    except InvalidSdistFilename:
        return None


def pairs(library: str, offers: tuple[Offer, ...]) -> list[Pair]:
    """Return the pairs of consecutive final releases that are looked at, newest first."""
    releases = {
        version: offer
        for offer in offers
        if offer.uploaded < UNTIL and not offer.yanked and (version := version_of(offer))
        if not version.is_prerelease and not version.is_postrelease
    }
    newest = [releases[version] for version in sorted(releases, reverse=True)]
    found = [Pair(library, older, newer) for newer, older in itertools.pairwise(newest)]
    return found[:LOOKED_AT]


def verdict(older: Path, newer: Path, version: str) -> str:
    """Return what becomes of a pair: `fits`, or the point of the rule that it fails, and why."""
    if next(ranking.log_lines(newer), None) is None:
        return NO_LOG
    says = ranking.news(older, newer).strip()
    if len(says) < SAYS or version not in says:
        return f"4: {len(says)} characters of news, {version} {'not ' * (version not in says)}named"
    aside = ranking.tests_of(older, newer)
    before, after = (set(code_files(top, aside)) for top in (older, newer))
    if len(before) < SOURCES:
        return f"5: {len(before)} files of code"
    differ = sum(_bytes(older / name) != _bytes(newer / name) for name in before | after)
    if differ > DIFFER:
        return f"6: {differ} files differ"
    try:
        truth = ranking.truth_of(older, newer)
    except (SyntaxError, ValueError, RecursionError):
        return "6: a file that differs does not parse"
    files = {path for path, *_ in truth.functions} | set(truth.outside)
    if len(truth.functions) not in FUNCTIONS or len(files) > FILES:
        return f"6: {len(truth.functions)} functions, {len(files)} files changed"
    return FITS


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def considered(library: str, known: dict[tuple[str, ...], str]) -> Iterator[tuple[str, ...]]:
    """Look at the pairs of a library that are not known; yield each with what became of it."""
    place = default_cache() / "runs"
    place.mkdir(parents=True, exist_ok=True)
    looked: list[str] = []
    with tempfile.TemporaryDirectory(dir=place) as made:
        for pair in pairs(library, offered(library)):
            if pair.row() not in known:
                known[pair.row()] = became = _looked_at(pair, Path(made))
                yield *pair.row(), became
            looked.append(known[pair.row()])
            if looked.count(FITS) == TAKEN or looked == [NO_LOG] * WITHOUT:
                break


def _looked_at(pair: Pair, folder: Path) -> str:
    if max(pair.older.size, pair.newer.size) > ARCHIVE:
        return f"2: an archive is larger than {ARCHIVE >> 20} MiB"
    both = (pair.older, pair.newer)
    archives = [
        loaded(default_cache(), pair.library, str(version_of(each)), each.sha256) for each in both
    ]
    try:
        older, newer = (_laid_out(each, folder / each.stem) for each in archives)
    except CaseError:  # what it says may quote the archive
        shutil.rmtree(folder)
        folder.mkdir()
        return "2: an archive does not unpack"
    became = verdict(older, newer, str(version_of(pair.newer)))
    shutil.rmtree(folder / archives[1].stem)
    return became


def _laid_out(archive: Path, folder: Path) -> Path:
    """Return the top of a release, which the pair before this one may have unpacked."""
    if folder.is_dir():
        return next(path for path in folder.iterdir() if path.is_dir())
    return ranking.unpack(archive, folder)


def main() -> None:
    known: dict[tuple[str, ...], str] = {}
    if CONSIDERED.exists():
        for line in CONSIDERED.read_text(encoding="utf-8").splitlines()[1:]:
            *named, became = line.split("\t")
            known[tuple(named)] = became
    else:
        CONSIDERED.write_text(f"{HEAD}\twhat became of it\n", encoding="utf-8")
    for library in (FIRST + SECOND).split():
        with CONSIDERED.open("a", encoding="utf-8") as file:
            for row in considered(library, known):
                print("\t".join(row), file=file, flush=True)
        fit = sum(each[0] == library and became == FITS for each, became in known.items())
        print(f"{library}: {fit} pairs", file=sys.stderr, flush=True)
    fitting = sorted((row for row in known if known[row] == FITS), key=itemgetter(0))
    lines = [f"# {HEAD}", *("\t".join(row) for row in fitting)]
    ranking.LIST.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except CaseError as error:
        sys.exit(f"error: {error}")
