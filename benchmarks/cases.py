"""Real bugs of small libraries: the code of one release with the tests of the next.

`read` gives the cases of a list, `lay_out` makes one into a git repository with an environment, and
`verify` measures that it is what the list says. The archives come from the package index by the
user's own pip, pinned by SHA-256; they, the environment and nothing else are kept in the cache.
From the command line: `python benchmarks/cases.py list`, `… verify [NAME]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import tomllib
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks._archives import (
    archive,
    default_cache,
    environment,
    on_host,
    site_packages,
    tail,
    unpack,
)
from benchmarks._seeding import put_in
from benchmarks._source import CaseError as CaseError  # part of what this module offers
from benchmarks._source import changed_lines, cut, graft
from sandbox.base import Command, Containment, Limits
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace

HERE = Path(__file__).parent
LISTS = (HERE / "historic.toml", HERE / "demo.toml", HERE / "seeded.toml")
NO_TRACE = ("-p", "no:cacheprovider")  # the folder stays as it is
TESTS_S = 300.0  # seconds that one run of a case's tests may take

Outcomes = Mapping[str, str]
"""How each test ended, by its node id: passed, failed, skipped or xfailed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One bug. Paths are relative to the top of the archive.

    `tests` are laid over the older code, without the functions and classes in `cut`. `source` is
    what an editable install would put on the import path. `function` is `path::name` or
    `path::Class.name`: its newer body alone repairs the bug; empty where it takes several. `seed`
    is a bug of `_seeding` that is put into the older code, which is the newer one then.
    """

    name: str
    library: str
    old: str
    old_sha256: str
    new: str
    new_sha256: str
    bug: str
    tests: tuple[str, ...]
    failing: tuple[str, ...]
    function: str = ""
    source: str = "."
    cut: tuple[str, ...] = ()
    seed: str = ""


class Archives(NamedTuple):
    """The two source archives of a case, verified."""

    old: Path
    new: Path


@dataclass(frozen=True, slots=True)
class Measured:
    """What `verify` saw: outcomes with the older code, the newer, and the older with one function.

    `changed` counts the changed lines of the code, `lines` those of the older function.
    """

    old: Outcomes
    new: Outcomes
    repaired: Outcomes = field(default_factory=dict)
    changed: int = 0
    lines: int = 0


def read(path: Path) -> tuple[Case, ...]:
    """Return the cases of a list, in its order; raises CaseError for one that is not well formed.

    An entry that only names a case (`from` the historic list) is that case.
    """
    known = {entry.name for entry in fields(Case)}
    cases: list[Case] = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
        if set(entry) == {"from"}:
            cases.append(find(entry["from"], read(LISTS[0])))
            continue
        if strange := set(entry) - known:
            raise CaseError(f"{path.name}: unknown keys: {', '.join(sorted(strange))}")
        listed = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
        try:
            cases.append(Case(**{**entry, **listed}))
        except TypeError as error:
            raise CaseError(f"{path.name}: {entry.get('name', 'a case')}: {error}") from None
    return tuple(cases)


def find(name: str, cases: tuple[Case, ...]) -> Case:
    """Return the case of this name; raises CaseError."""
    for case in cases:
        if case.name == name:
            return case
    raise CaseError(f"no case {name}; there are {', '.join(case.name for case in cases)}")


def fetch(case: Case, cache: Path | None = None) -> Archives:
    """Return the archives, loaded by pip when they are not here; raises CaseError."""
    cache = default_cache() if cache is None else cache
    return Archives(
        archive(cache, case.library, case.old, case.old_sha256),
        archive(cache, case.library, case.new, case.new_sha256),
    )


def lay_out(
    case: Case,
    folder: Path,
    cache: Path | None = None,
    *,
    code: Literal["old", "new"] = "old",
) -> Path:
    """Make `folder` a git repository of the case, with one commit, and return it resolved.

    It holds the older code (or the newer) as in the archive, the newer tests, and a `.venv` that
    git does not see: in it are pytest and the code, as after an editable install. The folder must
    not exist, or be empty. Raises CaseError.
    """
    cache = default_cache() if cache is None else cache
    site = environment(cache)
    folder = lay_code(case, folder, cache, code=code)
    _commit(folder, f"{case.library} {case.old} with the tests of {case.new}")
    equip(folder, case.source, site)
    return folder


def lay_code(
    case: Case,
    folder: Path,
    cache: Path | None = None,
    *,
    code: Literal["old", "new"] = "old",
) -> Path:
    """Make `folder` the files of the case alone; else as `lay_out`."""
    archives = fetch(case, cache)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder = folder.parent.resolve() / folder.name
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        newer = unpack(archives.new, Path(scratch) / "new")
        unpack(archives.old if code == "old" else archives.new, folder)
        lay_tests(case, newer, folder)
        if case.seed and code == "old":
            wrong = folder / case.seed.partition("::")[0]
            wrong.write_bytes(put_in(case.seed, wrong.read_bytes()))
    return folder


def equip(folder: Path, source: str, site: Path) -> None:
    """Make the `.venv` of a case: the packages that tests need, and the code by its place.

    The packages are copied: the cache may lie where a sandbox hides it.
    """
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder / ".venv")
    own = site_packages(folder / ".venv")
    shutil.copytree(site, own, dirs_exist_ok=True)
    own.joinpath("case.pth").write_text(f"{(folder / source).resolve()}\n", encoding="utf-8")


def verify(case: Case, cache: Path | None = None) -> Measured:
    """Run the tests on both codes, contained, and return what was seen; raises CaseError.

    `problems` says whether that is what the list promises.
    """
    cache = default_cache() if cache is None else cache
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        older = lay_out(case, Path(scratch) / "old", cache)
        newer = lay_out(case, Path(scratch) / "new", cache, code="new")
        old, new = run_tests(older), run_tests(newer)
        changed = changed_lines(older, newer, case.tests)
        if not case.function:
            return Measured(old, new, changed=changed)
        lines = graft(case.function, newer, older)
        return Measured(old, new, run_tests(older), changed, lines)


def problems(case: Case, seen: Measured) -> list[str]:
    """Return in what the measurement differs from what the list says; empty when in nothing."""
    found: list[str] = []
    failing = {test for test, outcome in seen.old.items() if outcome == "failed"}
    for test in sorted(failing ^ set(case.failing)):
        how = "fails and is not listed" if test in failing else "is listed and does not fail"
        found.append(f"{how}: {test}")
    found += [f"fails on {case.new}: {test}" for test, end in seen.new.items() if end == "failed"]
    for test in sorted(set(case.failing) - set(seen.new)):
        found.append(f"not there on {case.new}: {test}")
    others = (set(seen.old) | set(seen.new)) - failing
    for test in sorted(others):
        if seen.old.get(test) != seen.new.get(test):
            found.append(f"{seen.old.get(test)} and then {seen.new.get(test)}: {test}")
    if case.function and seen.repaired != seen.new:
        found.append(f"{case.function} alone does not repair it")
    return found


def run_tests(folder: Path, targets: tuple[str, ...] = ()) -> dict[str, str]:
    """Run the tests of a laid-out case (all, or these) in the sandbox; return how each ended."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        scratch = Path(made).resolve()
        shutil.copy(HERE / "_outcomes.py", scratch)
        written = scratch / "outcomes.json"
        python = str(folder / ".venv" / "bin" / "python")
        command = Command(
            argv=(python, "-m", "pytest", "-q", "-p", "_outcomes", *NO_TRACE, *targets),
            cwd=folder,
            env={
                "CASE_OUTCOMES": str(written),
                "PYTHONPATH": str(scratch),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            writable=(scratch,),
            limits=Limits(wall_s=TESTS_S),
        )
        said = asyncio.run(_contained(command, folder))
        if not written.exists():
            raise CaseError(f"the tests did not run: {tail(said)}")
        outcomes: dict[str, str] = json.loads(written.read_text(encoding="utf-8"))
        return outcomes


def lay_tests(case: Case, newer: Path, folder: Path) -> None:
    """Replace the tests in a folder by the newer ones, without what the case cuts out."""
    for path in case.tests:
        source, target = newer / path, folder / path
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        elif source.exists():
            shutil.copy2(source, target)
        else:
            raise CaseError(f"{case.library} {case.new} has no {path}")
    for test in case.cut:
        cut(test, folder)


# -- within


def _commit(folder: Path, message: str) -> None:
    """Make the folder a repository with one commit, whatever the user's git is set up to do."""
    person = {"NAME": "Wisp benchmarks", "EMAIL": "cases@localhost", "DATE": "2000-01-01T00:00:00Z"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    clean |= {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in person.items()}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    on_host(("git", "init", "-q", "-b", "main"), folder, clean)
    (folder / ".git" / "info" / "exclude").write_text(".venv/\n__pycache__/\n", encoding="utf-8")
    on_host(("git", "add", "-A", "-f"), folder, clean)
    on_host(("git", "commit", "-q", "-m", message), folder, clean)


async def _contained(command: Command, folder: Path) -> bytes:
    said = bytearray()
    sandbox = await open_sandbox(Workspace(folder), "auto")
    if sandbox.containment is Containment.NONE:
        raise CaseError(f"no sandbox to run strangers' tests in: {sandbox.why_not}")
    result = await sandbox.run(command, said.extend)
    if result.timed_out:
        raise CaseError(f"the tests took more than {TESTS_S:.0f} s")
    return bytes(said)


def main(arguments: list[str]) -> int:
    """List the cases, or verify those that are named (all without a name); return the exit code."""
    if not arguments or arguments[0] not in ("list", "verify"):
        print("usage: python benchmarks/cases.py list | verify [NAME …]", file=sys.stderr)
        return 2
    cases = {case.name: case for path in LISTS for case in read(path)}
    wanted = [find(name, tuple(cases.values())) for name in arguments[1:]] or list(cases.values())
    bad = 0
    for case in wanted:
        print(f"{case.name}: {case.library} {case.old} -> {case.new}, {len(case.failing)} failing")
        if arguments[0] == "list":
            print(f"  {case.bug}\n  {case.function or 'several functions'}")
            continue
        seen = verify(case)
        wrong = problems(case, seen)
        bad += bool(wrong)
        place = f"{case.function}, {seen.lines} lines" if case.function else "several functions"
        print(f"  {len(seen.old)} tests, {seen.changed} changed lines; to repair: {place}")
        print("\n".join(f"  WRONG {line}" for line in wrong) or "  as listed", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CaseError as error:
        sys.exit(f"error: {error}")
