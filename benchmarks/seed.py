"""Chooses bugs to be put into the libraries of the historic list, by the rule in README.md.

    python benchmarks/seed.py [LIBRARY ...] > benchmarks/seeded.toml

No model has a part in it. What is printed says which bug it is, not what the code was.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks._seeding import LOST, UNDONE, Bug, Kind, bugs
from benchmarks._source import ASIDE, CaseError
from benchmarks.cases import LISTS, Case, default_cache, lay_out, read, run_tests

TRIES = 25  # bugs of one group that are tried in a library
MOST = 20  # tests that may fail
HEAD = """\
# Bugs put into released code by the rule in README.md, chosen before any model saw one:
# `python benchmarks/seed.py` makes this file. `python benchmarks/cases.py verify` measures it.
"""


def newest() -> dict[str, Case]:
    """Return the newest pair of each library, as the historic list has them."""
    found: dict[str, Case] = {}
    for case in read(LISTS[0]):
        found.setdefault(case.library, case)
    return found


def in_order(every: list[Bug], kinds: tuple[Kind, ...], chance: random.Random) -> Iterator[Bug]:
    """Yield bugs of these kinds, each kind as often as any other, in an order of chance."""
    left = {kind: [bug for bug in every if bug.kind == kind] for kind in kinds}
    for bugs_of_kind in left.values():
        chance.shuffle(bugs_of_kind)
    while any(left.values()):
        kind = chance.choice([kind for kind in kinds if left[kind]])
        yield left[kind].pop()


def chosen(case: Case, folder: Path) -> Iterator[Case]:
    """Yield the first bug of each group that fits, as a case of the same release."""
    before = run_tests(folder)
    if "failed" in before.values():
        raise CaseError(f"{case.library} {case.new} fails by itself")
    chance = random.Random(f"{case.library} {case.new}")
    every: list[Bug] = []
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        aside = any(name.is_relative_to(test) for test in case.tests)
        if not aside and ".venv" not in name.parts and not ASIDE & set(name.parts):
            every += bugs(str(name), path.read_bytes())
    for group in (UNDONE, LOST):
        for _, bug in zip(range(TRIES), in_order(every, group, chance), strict=False):
            path = folder / bug.name.partition("::")[0]
            data = path.read_bytes()
            path.write_bytes(data[: bug.start] + bug.new + data[bug.end :])
            try:
                after = run_tests(folder)
            except CaseError:  # the tests do not even begin, or not end
                after = {}
            finally:
                path.write_bytes(data)
            failing = tuple(sorted(test for test, end in after.items() if end == "failed"))
            others = {test: end for test, end in before.items() if test not in failing}
            same = others == {test: end for test, end in after.items() if test not in failing}
            print(f"# {bug.name}: {len(failing)} fail", file=sys.stderr, flush=True)
            if same and 1 <= len(failing) <= MOST:
                yield replace(
                    case,
                    name=f"{case.library}-{case.new}-{bug.kind}",
                    old=case.new,
                    old_sha256=case.new_sha256,
                    bug="",
                    failing=failing,
                    function="::".join(bug.name.split("::")[:2]),
                    seed=bug.name,
                )
                break


def told(case: Case) -> str:
    """Return a case as it stands in a list."""
    lines = ["", "[[case]]"]
    for key in ("name", "library", "old", "old_sha256", "new", "new_sha256", "bug"):
        lines.append(f"{key} = {json.dumps(getattr(case, key))}")
    lines.append(f"tests = {json.dumps(list(case.tests))}")
    lines.append("failing = [" + "".join(f"\n  {json.dumps(e)}," for e in case.failing) + "\n]")
    for key in ("function", "source", "seed"):
        lines.append(f"{key} = {json.dumps(getattr(case, key))}")
    if case.cut:
        lines.append("cut = [" + "".join(f"\n  {json.dumps(each)}," for each in case.cut) + "\n]")
    return "\n".join(lines)


def main() -> None:
    print(HEAD, end="")
    for library, case in newest().items():
        if sys.argv[1:] and library not in sys.argv[1:]:
            continue
        place = default_cache() / "runs"
        place.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"seed-{library}-", dir=place))
        try:
            for each in chosen(case, lay_out(case, made / library, code="new")):
                print(told(each), flush=True)
        finally:
            shutil.rmtree(made, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except CaseError as error:
        sys.exit(f"error: {error}")
