"""Where the bug may be: functions ranked by the failure, the failing tests and the description.

No model is asked. Four sources, each a weight of the table below: frames of the traceback, what
runs in failing rather than passing tests, names that the failing tests use, names that the
description mentions; then what those functions call.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.context.sources import Source, Sources, class_of, is_test
from tools import symbols
from tools.report import Failure, Ran
from tools.symbols import Symbol

WEIGHTS = {
    "last frame": 12.0,
    "coverage": 10.0,
    "frame": 6.0,
    "description": 5.0,
    "test": 4.0,
    "callee": 0.5,  # of the caller's
}
TITLED = 20  # lines shown of a test that is only a title in its file
CALLEES_OF = 6  # the best suspects whose callees become suspects too

_FRAME = re.compile(r"""(?:File ")?([\w./\\@+-]+\.[A-Za-z]{1,4})"?(?::|, line )(\d+)""")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A function that may hold the bug; `text` is its whole file, `why` says what pointed here.

    `lines` are those of the file that ran in failing tests; empty where that is not known.
    """

    path: str
    symbol: Symbol
    text: str
    score: float
    why: str
    lines: tuple[int, ...] = ()

    @property
    def source(self) -> str:
        """The function without its decorators."""
        return self.text[self.symbol.head : self.symbol.end]

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from every other."""
        return self.path, self.symbol.name, self.symbol.start_line


def source_of_test(sources: Sources, test: str) -> tuple[str, str]:
    """Return the path and the text of a test's function, empty where it is not found.

    Test ids are pytest's, `path::Class::name[parameters]`; unittest's, `package.module.Class.name`;
    or node's, `path::suite > title`, where a title is a text in the file and no name.
    """
    path, _, rest = test.partition("::")
    located = sources.located(path) if rest else None
    if not rest:
        located, rest = _of_module(sources, test)
    source = sources.get(located) if located else None
    if source is None:
        return located or "", ""
    found = symbols.find(source.functions, rest.split("[", 1)[0].replace("::", "."))
    if found:
        return source.path, source.text[found[0].start : found[0].end]
    at = source.text.find(rest.rpartition(" > ")[2])
    if at < 0 or not rest:
        return source.path, ""
    line = source.text.rfind("\n", 0, at) + 1
    return source.path, "\n".join(source.text[line:].split("\n")[:TITLED])


def _of_module(sources: Sources, test: str) -> tuple[str | None, str]:
    """Return the file of a dotted test id, and what follows its module in the id."""
    parts = test.split(".")
    for end in range(len(parts) - 1, 0, -1):
        path = "/".join(parts[:end]) + ".py"
        for folder in ("", "tests/", "test/"):  # where discovery starts, ids do not say
            if located := sources.located(folder + path):
                return located, ".".join(parts[end:])
    return None, ""


def suspects(
    sources: Sources,
    failures: Sequence[Failure],
    targets: Sequence[str],
    description: str,
    ran: Sequence[Ran] = (),
) -> list[Suspect]:
    """Return the functions that may hold the bug, the likeliest first.

    With `ran`, what runs in failing and in passing tests, only functions that run in a failing one.
    """
    scores: defaultdict[tuple[str, str, int], float] = defaultdict(float)
    reasons: dict[tuple[str, str, int], str] = {}
    found: dict[tuple[str, str, int], tuple[Source, Symbol]] = {}

    def point(source: Source, symbol: Symbol, weight: float, why: str) -> None:
        key = (source.path, symbol.name, symbol.start_line)
        found[key] = (source, symbol)
        scores[key] += weight
        reasons.setdefault(key, why)

    for failure in failures:
        frames = list(_frames(sources, failure.trace))
        for number, (source, symbol) in enumerate(frames):
            kind = "last frame" if number == len(frames) - 1 else "frame"
            point(source, symbol, WEIGHTS[kind] / len(failures), "in the traceback")
    used: set[str] = set()
    for test in targets:
        _, text = source_of_test(sources, test)
        used |= set(_NAME.findall(text))
    mentioned = set(_NAME.findall(description))
    for names, kind, why in (
        (used, "test", "used by the failing test"),
        (mentioned, "description", "named in the description"),
    ):
        there = list(sources.defining(names))
        # of several functions with one name, those whose class is named too are meant
        named = {symbol.short for _, symbol in there if class_of(symbol) in names}
        there = [
            each
            for each in there
            if each[1].short not in named or class_of(each[1]) in names or not class_of(each[1])
        ]
        same = Counter(symbol.short for _, symbol in there)
        for source, symbol in there:
            # a name that many functions share points to none of them in particular; a class that
            # is named points to its methods, less than their own name would
            own = symbol.short in names
            point(source, symbol, WEIGHTS[kind] * (1 if own else 0.3) / same[symbol.short], why)
    best = sorted(scores.items(), key=lambda item: -item[1])[:CALLEES_OF]
    for key, score in best:
        source, symbol = found[key]
        called = set(_NAME.findall(source.text[symbol.start : symbol.end])) - {symbol.short}
        there = list(sources.defining(called))
        same = Counter(function.short for _, function in there)
        for callee_source, callee in there:
            if callee.short in called:
                weight = score * WEIGHTS["callee"] / same[callee.short]
                if callee_source.path != source.path:
                    weight /= 2
                point(callee_source, callee, weight, f"called by {symbol.name}")
    lines: defaultdict[tuple[str, str, int], set[int]] = defaultdict(set)
    suspicions: defaultdict[tuple[str, str, int], float] = defaultdict(float)
    for source, symbol, suspicion, there_ran in _executed(sources, ran):
        key = (source.path, symbol.name, symbol.start_line)
        lines[key] |= set(there_ran)
        if suspicion > suspicions[key]:  # of a function and what is nested in it
            more = suspicion - suspicions[key]
            suspicions[key] = suspicion
            point(source, symbol, WEIGHTS["coverage"] * more, "runs when the tests fail")
    if ran:
        found = {key: value for key, value in found.items() if suspicions[key]}
    ranked = [
        Suspect(
            source.path,
            symbol,
            source.text,
            round(scores[key], 2),
            reasons[key],
            tuple(sorted(lines[key])),
        )
        for key, (source, symbol) in found.items()
    ]
    return sorted(ranked, key=lambda each: (-each.score, each.path, each.symbol.start))


def _executed(
    sources: Sources, ran: Sequence[Ran]
) -> Iterator[tuple[Source, Symbol, float, tuple[int, ...]]]:
    """Yield functions that ran, their suspicion by Ochiai's formula, from 0 to 1, and their lines.

    Abreu, Zoeteweij, van Gemund: On the Accuracy of Spectrum-based Fault Localization (2007).
    """
    failing = max((each.failing for each in ran), default=0)
    for each in ran:
        located = sources.located(each.path)
        if located is None or is_test(located):
            continue
        source = sources.get(located)
        symbol = symbols.enclosing(source.functions, each.line) if source else None
        if source is not None and symbol is not None:
            suspicion = each.failing / math.sqrt(max(failing * (each.failing + each.passing), 1))
            yield source, symbol, suspicion, each.lines


def _frames(sources: Sources, trace: str) -> Iterator[tuple[Source, Symbol]]:
    for path, line in _FRAME.findall(trace):
        located = sources.located(path.replace("\\", "/"))
        if located is None or is_test(located):
            continue
        source = sources.get(located)
        symbol = symbols.enclosing(source.functions, int(line)) if source else None
        if source is not None and symbol is not None:
            yield source, symbol
