"""What the map and the search cost on large code bases, beside Aider's map and plain ripgrep.

    python benchmarks/context.py [NAME …] [--quick] [--runs N] [--only map|search]
        [--aider PYTHON] [--limit SECONDS] [--memory GB]

The trees stand in context.toml, pinned by hash; each is a git repository with one commit. A map is
a fresh process, `agent map`, start included: cold (until it is no longer partial, in as many calls
as that takes), warm, with a text, and after one file was changed. CPU is the kernel's count of the
process and of its children; MB is the most that was seen of them together, and the cache is what
lies on the disk. With `--aider`, the Python of an environment that has aider-chat, Aider's map of
the same tree is made in the same run, with as much time and memory as is allowed to it. A search is
the tool itself, in the sandbox, beside `rg` with the same pattern, in turn; the ratio is the median
of the pairs'. `--quick` takes the first tree alone, once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.context.tags import wanted
from benchmarks._archives import default_cache
from benchmarks._source import CaseError
from benchmarks._spent import Spent, spend
from benchmarks._trees import Tree, files, laid_out, read, size
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import ToolContext, ToolMemory
from tools.search import Search, SearchArgs

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its bytecode
AGENT = Path(sys.executable).with_name("agent")
CALLS = 30  # of a cold map, at most
TOKENS = 1000
HEAD = f"  {'':34} {'CPU s':>7} {'wall s':>7} {'MB':>6} {'cache MB':>9}"


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line says."""

    runs: int
    aider: str | None
    limit: float
    memory: float  # GB


def row(label: str, every: list[Spent], cache: int) -> None:
    """Print the medians of some runs, or why there is none."""
    cpu, wall = (statistics.median(getattr(each, name) for each in every) for name in TIMES)
    memory = max(each.memory for each in every) / 1e6
    why = next((f"  {each.why}" for each in every if each.why), "")
    print(f"  {label:34} {cpu:7.2f} {wall:7.2f} {memory:6.0f} {cache / 1e6:9.1f}{why}")
    sys.stdout.flush()


TIMES = ("cpu", "wall")


def ours(top: Path, tree: Tree, given: Given, cache: Path) -> None:
    """Measure `agent map`."""

    def asked(query: str = "") -> Spent:
        words = ["map", *([query] if query else []), "--json", "--tokens", str(TOKENS)]
        spent = spend([AGENT, *words], top, {"XDG_CACHE_HOME": str(cache)})
        if spent.why:
            raise CaseError(f"agent map: {spent.why}")
        return spent

    def partial(spent: Spent) -> bool:
        return bool(json.loads(spent.out)["partial"])

    cold, calls = asked(), 1
    while partial(cold) and calls < CALLS:
        cold, calls = cold.then(asked()), calls + 1
    row(f"ours, cold, in {calls} call{'s' * (calls > 1)}", [cold], size(cache))
    # what was written just now is looked at once more
    time.sleep(2)
    asked()
    row("ours, warm", [asked() for _ in range(given.runs)], size(cache))
    row("ours, with a text", [asked(tree.query) for _ in range(given.runs)], size(cache))
    with touched(top):
        row("ours, one file changed", [asked()], size(cache))
    row("ours, and changed back", [asked()], size(cache))


def aiders(top: Path, tree: Tree, given: Given) -> None:
    """Measure Aider's map."""
    assert given.aider is not None, "asked for"
    program = Path(__file__).with_name("_aider_map.py")

    def asked(query: str = "") -> Spent:
        said = json.dumps({"top": str(top), "text": query, "tokens": TOKENS})
        command = [str(given.aider), program]
        return spend(command, top, None, said, given.limit, int(given.memory * 1e9))

    def kept() -> int:
        return sum(map(size, top.glob(".aider.tags.cache*")))

    def forget() -> None:
        for each in top.glob(".aider.tags.cache*"):
            shutil.rmtree(each)

    forget()
    try:
        cold = asked()
        row("Aider's, cold", [cold], kept())
        warm = asked()
        row("Aider's, again", [warm], kept())
        if not warm.why:
            row("Aider's, with a text", [asked(tree.query)], kept())
            with touched(top):
                row("Aider's, one file changed", [asked()], kept())
    finally:
        forget()


@contextlib.contextmanager
def touched(top: Path) -> Iterator[None]:
    """Add a line to one source, and take it out again."""
    path = next(path for path in sorted(files(top)) if wanted(path.relative_to(top).as_posix()))
    before, stamp = path.read_bytes(), path.stat()
    path.write_bytes(before + b"\n")
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


# -- search


async def searches(top: Path, tree: Tree, given: Given) -> None:
    """Measure our search and ripgrep's, in turn."""
    workspace = Workspace(top)
    sandbox = await open_sandbox(workspace, "auto")
    context = ToolContext(workspace, sandbox, ToolMemory(), lambda text: None, nobody)
    rg = shutil.which("rg")
    if rg is None:
        raise CaseError("ripgrep is not installed, so there is nothing to search beside")
    print(f"  {'search, ' + sandbox.containment.name:34} {'ours ms':>8} {'rg ms':>8} {'ratio':>7}")
    for pattern in tree.patterns:
        pairs = [
            (await tool(context, pattern), plain(rg, top, pattern))
            for number in range(-1, max(3, given.runs))
        ][1:]
        own, other = (1000 * statistics.median(each) for each in zip(*pairs, strict=True))
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        print(f"  {pattern:34} {own:8.0f} {other:8.0f} {ratio:7.2f}")
        sys.stdout.flush()


async def nobody(question: str, choices: tuple[str, ...]) -> str | None:
    """Answer no question."""
    return None


async def tool(context: ToolContext, pattern: str) -> float:
    """Return the seconds that our search takes."""
    began = time.monotonic()
    await Search().run(SearchArgs(pattern=pattern), context)
    return time.monotonic() - began


def plain(rg: str, top: Path, pattern: str) -> float:
    """Return the seconds that ripgrep takes."""
    began = time.monotonic()
    subprocess.run([rg, "--no-config", "-n", pattern, "."], cwd=top, capture_output=True)
    return time.monotonic() - began


def commit() -> str:
    """Return which state of the code is measured."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip() or "no commit"


def lines(top: Path, every: list[Path]) -> int:
    """Return how many lines the sources have."""
    return sum(path.read_bytes().count(b"\n") for path in every)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="trees; all, if none is named")
    parser.add_argument("--quick", action="store_true", help="the first tree alone, once")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--aider", help="the Python of an environment with aider-chat")
    parser.add_argument("--limit", type=float, default=300, help="seconds for each map of Aider's")
    parser.add_argument("--memory", type=float, default=10, help="GB for each map of Aider's")
    parser.add_argument("--only", choices=("map", "search"))
    told = parser.parse_args()
    given = Given(1 if told.quick else told.runs, told.aider, told.limit, told.memory)
    trees = [each for each in read() if not told.names or each.name in told.names]
    if not trees:
        parser.error(f"none of {', '.join(each.name for each in read())}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"commit {commit()}, {platform.platform()}, Python {platform.python_version()}")
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f} at the start")
    if given.aider:
        print(f"Aider: at most {given.limit:.0f} s and {given.memory:.0f} GB for each map")
    for tree in trees[:1] if told.quick else trees:
        top = laid_out(tree)
        measure(top, tree, given, told.only)


def measure(top: Path, tree: Tree, given: Given, only: str | None) -> None:
    """Measure one tree."""
    every = list(files(top))
    sources = [path for path in every if wanted(path.relative_to(top).as_posix())]
    count = f"{len(sources):,} sources of {len(every):,} files, {lines(top, sources):,} lines"
    print(f"\n{tree.name} {tree.version}: {count}")
    if only != "search":
        print(HEAD)
        place = default_cache() / "runs"
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place) as cache:
            ours(top, tree, given, Path(cache))
        if given.aider:
            aiders(top, tree, given)
    if only != "map":
        asyncio.run(searches(top, tree, given))


if __name__ == "__main__":
    try:
        main()
    except CaseError as error:
        sys.exit(f"error: {error}")
