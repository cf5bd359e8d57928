"""Where the bug may be: functions ranked by the failure, the failing tests and the description.

No model is asked. Each source is a weight of the table below: frames of the traceback, lines that
run in failing rather than passing tests, names that the failing tests use or are called after,
names that the description mentions; then what those functions call, and what changed lately.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.context.sources import Source, Sources, class_of
from agent.repair.recent import Age, Edited
from tools import symbols
from tools.inner_tests import inner_tests
from tools.likely import is_test
from tools.report import Failure, Ran
from tools.symbols import Symbol

WEIGHTS = {
    "frame": 12.0,  # the last; the one before it half of it, then a third
    "coverage": 10.0,
    "description": 5.0,
    "test": 4.0,
    "title": 3.0,
    "callee": 0.5,  # of the caller's
    "uncommitted": 6.0,
    "last commit": 3.0,
    "last commits": 1.5,
}
_CHANGED: dict[Age, str] = {
    "uncommitted": "changed, not committed",
    "last commit": "changed by the last commit",
    "last commits": "changed lately",
}
TITLED = 20  # lines shown of a test that is only a title in its file
CALLEES_OF = 6  # the best suspects whose callees become suspects too

_FRAME = re.compile(r"""(?:File ")?([\w./\\@+-]+\.[A-Za-z]{1,4})"?(?::|, line )(\d+)""")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """A candidate that others start from: whole files, as they are in the tree and in it."""

    before: Mapping[str, str | None]
    after: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A function that may hold the bug; `text` is its whole file, `why` says what pointed here.

    `lines` are those of the file that ran in failing tests, the most suspicious first; empty where
    that is not known. `guards` are some of the passing tests that run it. With `near` the text is
    what that candidate makes of the file.
    """

    path: str
    symbol: Symbol
    text: str
    score: float
    why: str
    lines: tuple[int, ...] = ()
    guards: tuple[str, ...] = ()
    near: Near | None = None

    def files(self, text: str) -> dict[str, str | None]:
        """Return the files of the candidate that makes its file this text."""
        return {**(self.near.after if self.near else {}), self.path: text}

    def files_before(self) -> dict[str, str | None]:
        """Return those files as they are in the tree."""
        return {self.path: self.text, **(self.near.before if self.near else {})}

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
    edited: Sequence[Edited] = (),
    weights: Mapping[str, float] = WEIGHTS,
) -> list[Suspect]:
    """Return the functions that may hold the bug, the likeliest first.

    With `ran`, what runs in failing and in passing tests, only functions that run in a failing one;
    names that a test uses, and calls, are guesses at the same, and count only without it.
    `edited` is what changed lately, the newest first; without `ran` that alone makes a suspect.
    """
    ranking = _Ranking(sources, weights)
    ranking.by_traceback(failures)
    texts = [] if ran else [source_of_test(sources, test)[1] for test in targets]
    used = {name for text in texts for name in _NAME.findall(text)}
    ranking.by_names(used, "test", "used by the failing test")
    ranking.by_names(set(_NAME.findall(description)), "description", "named in the description")
    if ran:
        ranking.by_runs(ran)
    else:
        ranking.by_calls()
    ranking.by_changes(edited, known=bool(ran))
    ranking.by_titles(targets)
    ranking.without_tests(targets)
    return ranking.suspects()


_Key = tuple[str, str, int]  # path, name, first line


class _Ranking:
    """Adds up what points to each function."""

    def __init__(self, sources: Sources, weights: Mapping[str, float]) -> None:
        self._sources = sources
        self._weights = weights
        self._found: dict[_Key, tuple[Source, Symbol]] = {}
        self._scores: defaultdict[_Key, float] = defaultdict(float)
        self._reasons: dict[_Key, str] = {}
        self._lines: defaultdict[_Key, dict[int, float]] = defaultdict(
            dict
        )  # how suspicious each is
        self._guards: defaultdict[_Key, dict[str, None]] = defaultdict(dict)
        self._stood: set[tuple[str, int]] = set()  # lines of the tracebacks, by file

    def _point(self, source: Source, symbol: Symbol, weight: float, why: str) -> None:
        key = _key(source, symbol)
        self._found[key] = (source, symbol)
        self._scores[key] += weight
        self._reasons.setdefault(key, why)

    def by_traceback(self, failures: Sequence[Failure]) -> None:
        """Add frames of the tracebacks, the nearer to the failure the more.

        By one over their rank, as Wong et al.: Boosting Bug-Report-Oriented Fault Localization with
        Segmentation and Stack-Trace Analysis (2014).
        """
        for failure in failures:
            frames = list(_frames(self._sources, failure.trace))
            for rank, (source, symbol, line) in enumerate(reversed(frames), 1):
                self._stood.add((source.path, line))
                weight = self._weights["frame"] / rank / len(failures)
                self._point(source, symbol, weight, "in the traceback")

    def by_names(self, names: set[str], kind: str, why: str) -> None:
        """Add functions that are named."""
        there = list(self._sources.defining(names))
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
            own = 1 if symbol.short in names else 0.3
            self._point(source, symbol, self._weights[kind] * own / same[symbol.short], why)

    def by_calls(self) -> None:
        """Add what the best so far call."""
        best = sorted(self._scores.items(), key=lambda item: -item[1])[:CALLEES_OF]
        for key, score in best:
            source, symbol = self._found[key]
            called = set(_NAME.findall(source.text[symbol.start : symbol.end])) - {symbol.short}
            there = list(self._sources.defining(called))
            same = Counter(function.short for _, function in there)
            for callee_source, callee in there:
                if callee.short in called:
                    weight = score * self._weights["callee"] / same[callee.short]
                    if callee_source.path != source.path:
                        weight /= 2
                    self._point(callee_source, callee, weight, f"called by {symbol.name}")

    def by_runs(self, ran: Sequence[Ran]) -> None:
        """Add what runs in failing rather than passing tests; what does not is no suspect."""
        suspicions: defaultdict[_Key, float] = defaultdict(float)
        for source, symbol, suspicion, lines, guards in _executed(self._sources, ran):
            key = _key(source, symbol)
            self._guards[key].update(dict.fromkeys(guards))
            for line, suspect in lines.items():
                self._lines[key][line] = max(suspect, self._lines[key].get(line, 0.0))
            if suspicion > suspicions[key]:  # of a function and what is nested in it
                weight = self._weights["coverage"] * (suspicion - suspicions[key])
                suspicions[key] = suspicion
                self._point(source, symbol, weight, "runs when the tests fail")
        self._found = {key: value for key, value in self._found.items() if suspicions[key]}

    def by_changes(self, edited: Sequence[Edited], known: bool) -> None:
        """Add what changed lately: all of it, or what is `known` already."""
        ages: dict[_Key, tuple[Source, Symbol, Age]] = {}
        for each in edited:
            for source, symbol in _touched(self._sources, each):
                if not known or _key(source, symbol) in self._found:
                    ages.setdefault(_key(source, symbol), (source, symbol, each.age))
        # a change of many functions points to none of them in particular
        same = Counter(age for _, _, age in ages.values())
        for source, symbol, age in ages.values():
            self._point(source, symbol, self._weights[age] / same[age], _CHANGED[age])

    def by_titles(self, targets: Sequence[str]) -> None:
        """Add to what the failing tests are called after, where it was found already."""
        titles = [set(_words(test.rsplit("::", 1)[-1].split("[", 1)[0])) for test in targets]
        for source, symbol in list(self._found.values()):
            words = set(_words(symbol.short))
            if words and any(words <= title for title in titles):
                self._point(source, symbol, self._weights["title"], "the failing test is called so")

    def without_tests(self, targets: Sequence[str]) -> None:
        """Take out what is a test itself, though it stands in a source: it is the proof."""
        failing = [source_of_test(self._sources, test) for test in targets]
        for key, (source, symbol) in list(self._found.items()):
            text = source.text[symbol.start : symbol.end]
            inner = inner_tests(source.path, source.text)
            if (source.path, text) in failing or any(
                start <= symbol.start and symbol.end <= end for _, (start, end) in inner
            ):
                del self._found[key]

    def _worst_first(self, key: _Key) -> tuple[int, ...]:
        """Return the lines that ran: those of a traceback, then by how few other tests ran them."""
        lines = self._lines[key]

        def order(line: int) -> tuple[bool, float, int]:
            return (key[0], line) not in self._stood, -lines[line], line

        return tuple(sorted(lines, key=order))

    def suspects(self) -> list[Suspect]:
        """Return them, the likeliest first."""
        ranked = [
            Suspect(
                source.path,
                symbol,
                source.text,
                round(self._scores[key], 2),
                self._reasons[key],
                self._worst_first(key),
                tuple(self._guards[key]),
            )
            for key, (source, symbol) in self._found.items()
        ]
        return sorted(ranked, key=lambda each: (-each.score, each.path, each.symbol.start))


def _key(source: Source, symbol: Symbol) -> _Key:
    return source.path, symbol.name, symbol.start_line


def _words(name: str) -> list[str]:
    """Return the words of a name: `parse_URLs`, `parseUrls` -> parse, urls."""
    return [word.lower() for word in re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", name)]


def _executed(
    sources: Sources, ran: Sequence[Ran]
) -> Iterator[tuple[Source, Symbol, float, dict[int, float], tuple[str, ...]]]:
    """Yield functions that ran, their suspicion by Ochiai's formula, from 0 to 1, their lines' too.

    That of a function is the most of its lines, where they were watched, else how often it ran.
    Abreu, Zoeteweij, van Gemund: On the Accuracy of Spectrum-based Fault Localization (2007).
    """
    failing = max((each.failing for each in ran), default=0)

    def ochiai(red: int, green: int) -> float:
        return red / math.sqrt(max(failing * (red + green), 1))

    for each in ran:
        located = sources.located(each.path)
        if located is None or is_test(located):
            continue
        source = sources.get(located)
        symbol = symbols.enclosing(source.functions, each.line) if source else None
        if source is not None and symbol is not None:
            # a function that all tests run may have a line that only failing ones do
            own = {line: ochiai(red, green) for line, red, green in each.counts}
            whole = max(own.values(), default=ochiai(each.failing, each.passing))
            lines = {line: own.get(line, 0.0) for line in each.lines}
            yield source, symbol, whole, lines, each.guards


def _touched(sources: Sources, edited: Edited) -> Iterator[tuple[Source, Symbol]]:
    """Yield the functions that hold lines that changed."""
    source = None if is_test(edited.path) else sources.get(edited.path)
    if source is None:
        return
    first = symbols.enclosing(source.functions, edited.first)
    for symbol in source.functions:
        if symbol == first or edited.first < symbol.start_line <= edited.last:
            yield source, symbol


def _frames(sources: Sources, trace: str) -> Iterator[tuple[Source, Symbol, int]]:
    for path, line in _FRAME.findall(trace):
        located = sources.located(path.replace("\\", "/"))
        if located is None or is_test(located):
            continue
        source = sources.get(located)
        symbol = symbols.enclosing(source.functions, int(line)) if source else None
        if source is not None and symbol is not None:
            yield source, symbol, int(line)
