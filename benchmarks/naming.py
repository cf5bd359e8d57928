"""What it costs to hold calls to the names that there are, by the number of files.

A part of `engine.py`: the files are made in a temporary folder, and looked at as a session does.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.context.nameable import Nameable
from agent.models._matching import BadGrammar, Vocabulary
from agent.models.base import Known
from agent.models.grammar import calls
from sandbox.workspace import Workspace
from tools import registry

COUNTS = (100, 2_000, 20_000)
FORM_ALONE = (50_000, 100_000)  # more than are ever asked for
WARM = 5  # requests
WALKED = 20  # calls whose tokens are timed
_PARTS = ("order", "cart", "price", "user", "token", "parse", "render", "cache", "queue", "index")

Found = TypeVar("Found")


def paths(count: int) -> list[str]:
    """Return so many paths as people write them: some forty characters, a dozen to a folder."""
    rng = random.Random(7)
    found: dict[str, None] = {}
    while len(found) < count:
        around = rng.choices(_PARTS, k=rng.randint(1, 4))
        folder = "/".join((*around, f"part{rng.randrange(1000)}"))
        for _ in range(min(12, count - len(found))):
            name = "_".join(rng.sample(_PARTS, 2))
            found[f"src/{folder}/{name}_{rng.randrange(100)}.py"] = None
    return list(found)


def naming(words: Vocabulary) -> None:
    """Print what a request costs beside the model, and each token of a call.

    Seconds are those of the clock; those of tokens and of reading a grammar are of the processor,
    since other work on the machine would be most of what a clock sees of them.
    """
    words.matcher('start: "a"')  # what is first is slow
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            print(_with_files(words, Path(folder), paths(count)))
    for count in FORM_ALONE:
        grammar = calls(registry.schemas(), Known({"place": (tuple(paths(count)),)}))
        try:
            print(f"{count:,} names: the grammar alone is read in {_ms(words.matcher, grammar)}")
        except BadGrammar:
            print(f"{count:,} names: refused by llguidance")


def _with_files(words: Vocabulary, root: Path, names: list[str]) -> str:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    time.sleep(0.1)  # what changed just now is looked at again
    there, tools = Nameable(Workspace(root)), registry.schemas()

    def listed() -> str:
        return calls(tools, there.known(()))

    grammar, first = _timed(listed)
    again = statistics.median(_timed(listed)[1] for _ in range(WARM))
    sent = statistics.median(
        _timed(lambda: json.loads(json.dumps(grammar)))[1] for _ in range(WARM)
    )
    _, read = _timed(lambda: words.matcher(grammar), time.thread_time)
    _, kept = _timed(lambda: words.matcher(grammar), time.thread_time)
    each = []
    for name in random.Random(3).sample(names, WALKED):
        matcher = words.matcher(grammar)
        call = json.dumps({"name": "read", "arguments": {"path": name}})
        for token in words.tokenise(call):
            each.append(_timed(matcher.mask, time.thread_time)[1])
            if not matcher.take([token]):
                raise SystemExit(f"error: the grammar refuses {call}")
    mean, median = statistics.fmean(each) * 1e6, statistics.median(each) * 1e6
    return (
        f"{len(names):,} files: a request {(again + sent + kept) * 1000:.1f} ms (aim 50; listing"
        f" and grammar {again * 1000:.1f}, the pipe {sent * 1000:.1f}), the first"
        f" {first * 1000:.0f}, and {read * 1000:.0f} to read a grammar that is new;"
        f" a token {mean:.0f} µs (aim 100; median {median:.0f}, most {max(each) * 1e6:,.0f})"
    )


def _timed(
    do: Callable[[], Found], clock: Callable[[], float] = time.perf_counter
) -> tuple[Found, float]:
    began = clock()
    found = do()
    return found, clock() - began


def _piped(grammar: str) -> object:
    return json.loads(json.dumps(grammar))


def _ms(read: Callable[[str], object], grammar: str) -> str:
    return f"{_timed(lambda: read(grammar), time.thread_time)[1] * 1000:.0f} ms"
