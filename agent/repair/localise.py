"""Where the bug may be: functions ranked by the failure, the failing tests and the description.

No model is asked. Three sources, each a weight of the table below: frames of the traceback, names
that the failing tests use, names that the description mentions; then what those functions call.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sandbox.workspace import PathError, Workspace
from tools import symbols
from tools.languages import language_of
from tools.report import Failure
from tools.symbols import Symbol
from tools.textfile import NotText, TextFile

WEIGHTS = {"last frame": 12.0, "frame": 6.0, "description": 5.0, "test": 4.0, "callee": 0.5}
MAX_FILES = 3000  # source files looked at
MAX_BYTES = 400_000  # of one file
CALLEES_OF = 6  # the best suspects whose callees become suspects too

_FRAME = re.compile(r"""(?:File ")?([\w./\\@+-]+\.[A-Za-z]{1,4})"?(?::|, line )(\d+)""")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEST_FOLDERS = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs"})
_TEST_FILE = re.compile(r"(^tests?_|_tests?$|\.test$|\.spec$|^conftest$|^tests?$)")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A function that may hold the bug; `text` is its whole file, `why` says what pointed here."""

    path: str
    symbol: Symbol
    text: str
    score: float
    why: str

    @property
    def source(self) -> str:
        """The function without its decorators."""
        return self.text[self.symbol.head : self.symbol.end]

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from every other."""
        return self.path, self.symbol.name, self.symbol.start_line


@dataclass
class Source:
    """A file and its functions, parsed once."""

    path: str
    text: str
    functions: list[Symbol] = field(default_factory=list)


def is_test(path: str) -> bool:
    """Whether a path is a test or serves tests, by the common conventions."""
    pure = PurePosixPath(path)
    if _TEST_FOLDERS & {part.lower() for part in pure.parts[:-1]}:
        return True
    return bool(_TEST_FILE.search(pure.stem.lower()))


class Sources:
    """The text and functions of the workspace, read when first asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._files: dict[str, Source | None] = {}
        self._paths: list[str] | None = None

    def paths(self) -> list[str]:
        """Return the source files that are no tests, in order, at most `MAX_FILES`."""
        if self._paths is None:
            self._paths = []
            for path in self._workspace.walk():
                if len(self._paths) >= MAX_FILES:
                    break
                if language_of(path, "") is not None and not is_test(path):
                    self._paths.append(path)
        return self._paths

    def get(self, path: str) -> Source | None:
        """Return a file, parsed; None where there is no such text."""
        if path not in self._files:
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: str) -> Source | None:
        text = self.text(path)
        if text is None:
            return None
        functions = [
            each for each in symbols.definitions(path, text) if each.kind in ("function", "method")
        ]
        return Source(path, text, functions)

    def text(self, path: str) -> str | None:
        """Return the text of a file without parsing it."""
        try:
            view = self._workspace.read(path, MAX_BYTES)
            return None if view.truncated else TextFile.decode(view.data).text
        except (PathError, NotText):
            return None

    def located(self, path: str) -> str | None:
        """Return a path of a traceback as ours; None where it is outside or not there."""
        try:
            found = self._workspace.locate(path)
            return found if self._workspace.kind(found) == "file" else None
        except PathError:
            return None

    def defining(self, names: Iterable[str]) -> Iterator[tuple[Source, Symbol]]:
        """Yield every function with one of these short names."""
        wanted = {name for name in names if len(name) > 1}
        if not wanted:
            return
        pattern = re.compile(r"\b(" + "|".join(map(re.escape, sorted(wanted))) + r")\b")
        for path in self.paths():
            known = self._files.get(path)
            text = known.text if known else self.text(path)
            if text is None or not pattern.search(text):
                continue
            source = self.get(path)
            for function in source.functions if source else ():
                if function.short in wanted or _class_of(function) in wanted:
                    assert source is not None
                    yield source, function


def test_source(sources: Sources, test: str) -> tuple[str, str]:
    """Return the path and the text of a test's function, empty where it is not found.

    Test ids are pytest's: `path::Class::name[parameters]`; others name a function somewhere.
    """
    path, _, rest = test.partition("::")
    located = sources.located(path)
    name = (rest or test).split("[", 1)[0].replace("::", ".")
    source = sources.get(located) if located else None
    if source is None:
        return located or "", ""
    found = symbols.find(source.functions, name)
    if not found:
        return source.path, ""
    return source.path, source.text[found[0].start : found[0].end]


def suspects(
    sources: Sources, failures: Sequence[Failure], targets: Sequence[str], description: str
) -> list[Suspect]:
    """Return the functions that may hold the bug, the likeliest first."""
    scores: Counter[tuple[str, str, int]] = Counter()
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
        _, text = test_source(sources, test)
        used |= set(_NAME.findall(text))
    mentioned = set(_NAME.findall(description))
    for names, kind, why in (
        (used, "test", "used by the failing test"),
        (mentioned, "description", "named in the description"),
    ):
        there = list(sources.defining(names))
        same = Counter(symbol.short for _, symbol in there)
        for source, symbol in there:
            # a name that many functions share points to none of them in particular; a class that
            # is named points to its methods, less than their own name would
            own = symbol.short in names
            point(source, symbol, WEIGHTS[kind] * (1 if own else 0.3) / same[symbol.short], why)
    for key, score in scores.most_common(CALLEES_OF):
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
    ranked = [
        Suspect(source.path, symbol, source.text, round(scores[key], 2), reasons[key])
        for key, (source, symbol) in found.items()
    ]
    return sorted(ranked, key=lambda each: (-each.score, each.path, each.symbol.start))


def _frames(sources: Sources, trace: str) -> Iterator[tuple[Source, Symbol]]:
    for path, line in _FRAME.findall(trace):
        located = sources.located(path.replace("\\", "/"))
        if located is None or is_test(located):
            continue
        source = sources.get(located)
        symbol = symbols.enclosing(source.functions, int(line)) if source else None
        if source is not None and symbol is not None:
            yield source, symbol


def _class_of(symbol: Symbol) -> str:
    return symbol.name.rpartition(".")[0].rpartition(".")[2]
