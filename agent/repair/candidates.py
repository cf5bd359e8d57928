"""Candidates: what the model wrote, read, gated and put into its file.

A gate refuses before any test runs: what does not parse, what changes nothing, what was tried, and
what reaches for the test machinery instead of the bug.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from agent.repair.localise import Suspect
from tools import redefining, symbols
from tools.base import ToolError
from tools.diffs import unified
from tools.inner_tests import restored

# what a repair must not bring in: ways to end the process, to find the tests, to reach around them
REACHING = re.compile(
    r"""\b(os\._exit|sys\.exit|quit\(|exit\(|os\.abort|os\.kill|signal\.|atexit|pytest|unittest
    |conftest|junit|sys\.modules|sys\.argv|sys\._getframe|sys\.settrace|inspect\.|gc\.
    |__import__|importlib|builtins|globals\(|exec\(|eval\(|(?<!re\.)compile\(|ctypes|subprocess
    |PYTEST_CURRENT_TEST|process\.exit|process\.argv|jest|vitest|System\.exit|os\.Exit)""",
    re.X,
)
_LITERAL = r"""(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]))"""
_COMPARED = re.compile(rf"(?:={{2,3}}|\bcase|\bin|\bis)\s*[(\[{{]*\s*({_LITERAL})")
_ANSWERED = re.compile(rf"(?:\breturn|=>|->|[^=!<>]=)\s*({_LITERAL})")
_PAIRED = re.compile(rf"({_LITERAL})[)\]]*\s*:\s*({_LITERAL})")
_NOTHING = {"0", ""}
_FENCE = re.compile(r"^```[^\n]*\n(.*?)(?:^```|\Z)", re.S | re.M)


Key = frozenset[tuple[str, str]]
"""What is equal for equal changes: paths, and the form of the code there."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A proposed change: whole files, as they were (None for a new one) and would be (None: gone).

    `suspects` are the functions that it changes; `loose` the files in which it changes something
    beside functions, or adds one.
    """

    before: Mapping[str, str | None]
    after: Mapping[str, str | None]
    suspects: tuple[Suspect, ...]
    diff: str
    loose: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The functions that it changes, else its files."""
        return ", ".join([each.symbol.name for each in self.suspects] or self.after)

    @property
    def size(self) -> int:
        """How many lines come or go."""
        lines = self.diff.splitlines()
        return sum(each[:1] in ("+", "-") and each[:3] not in ("+++", "---") for each in lines)

    @property
    def change(self) -> str:
        """The first line that is new, or else the first that goes, in a few words."""
        lines = [" ".join(line.split()) for line in self.diff.splitlines()[2:]]
        changed = [line for line in lines if line[:1] in ("+", "-")]
        return next((line for line in changed if line[0] == "+"), "".join(changed[:1]))[:80]


class Refused(Exception):
    """The proposal is not worth a test run; the message says why."""


class Gate:
    """Reads proposals and lets each through once.

    `tests` are the sources of the failing tests, for whose input no repair makes an exception.
    """

    def __init__(self, tests: str = "") -> None:
        self._told = {_bare(each) for each in re.findall(_LITERAL, tests)}
        self._seen: set[Key] = set()

    def read(self, suspect: Suspect, reply: str) -> Candidate:
        """Return the candidate in a reply; raises Refused."""
        code = code_in(reply, suspect.symbol.short, suspect.path)
        if not code:
            raise Refused("no code in the reply")
        try:
            name = f"{suspect.symbol.name}:{suspect.symbol.start_line}"
            splice = redefining.by_symbol(suspect.path, suspect.text, name, code)
        except ToolError as error:
            raise Refused(str(error).split("\n", 1)[0]) from error
        text = suspect.text[: splice.start] + splice.new + suspect.text[splice.end :]
        if errors := symbols.new_errors(suspect.path, suspect.text, text):
            raise Refused(f"line {errors[0].line} does not parse: {errors[0].message}")
        if restored(suspect.path, text, suspect.text) != text:
            raise Refused("changes a test that stands in this file")
        old, new = suspect.text[splice.start : splice.end], splice.new
        key = self.key(suspect, new)
        if key is None:
            raise Refused("the same as the original")
        self._first(key)
        if brought := set(REACHING.findall(new)) - set(REACHING.findall(old)):
            raise Refused(f"brings in `{sorted(brought)[0]}`, which no repair needs")
        if self._excepts(old, new):
            raise Refused("makes an exception for what the failing test gives and expects")
        before, after = suspect.files_before(), suspect.files(text)
        diff = "".join(unified(path, before[path] or "", after[path] or "") for path in after)
        return Candidate(before, after, (suspect,), diff)

    def once(self, after: Mapping[str, str | None]) -> None:
        """Let these files through if they were not let through before; raises Refused."""
        self._first(frozenset((path, shape(path, text or "")) for path, text in after.items()))

    def _first(self, key: Key) -> None:
        if not self.is_new(key):
            raise Refused("the same as an earlier attempt")
        self.tried(key)

    def _excepts(self, old: str, new: str) -> bool:
        """Whether code newly compares with one literal of the tests and answers with another.

        What is compared with nothing, and 1 that gives 1, are no exceptions: so recursions end.
        """
        before, after = _exceptions(old), _exceptions(new)
        given, expected = ((b & self._told) - a for a, b in zip(before, after, strict=True))
        return bool(given - _NOTHING and expected and (given | expected) - _NOTHING - {"1"})

    def key(self, suspect: Suspect, new: str) -> Key | None:
        """Return what is equal for equal code in place of a suspect; None for its own code."""
        made = shape(suspect.path, new)
        if made == shape(suspect.path, suspect.source):
            return None
        near = suspect.near.after if suspect.near else {}
        with_it = {(path, shape(path, text or "")) for path, text in near.items()}
        return frozenset({(suspect.path, f"{suspect.symbol.name}:{made}"), *with_it})

    def is_new(self, key: Key) -> bool:
        """Whether nothing of this key was tried."""
        return key not in self._seen

    def tried(self, key: Key | None) -> None:
        """Note that it was tried, so that it is not tried again."""
        if key is not None:
            self._seen.add(key)


def _exceptions(code: str) -> tuple[set[str], set[str]]:
    """Return the literals that code compares with, or looks up, and those that it answers with."""
    keys = _PAIRED.findall(code)
    given = {_bare(each) for each in _COMPARED.findall(code)} | {_bare(key) for key, _ in keys}
    return given, {_bare(each) for each in _ANSWERED.findall(code)} | {_bare(v) for _, v in keys}


def _bare(literal: str) -> str:
    return literal.strip("\"'`")


def code_in(reply: str, name: str, path: str) -> str:
    """Return the definition of `name` from a reply: from its last code block, or from its text."""
    blocks = _FENCE.findall(reply)
    texts: list[str] = [*reversed(blocks), *([] if blocks else [reply])]
    for text in texts:
        known = symbols.definitions(path, text)
        same = [each for each in known if each.short == name]
        if same:
            # the last one: a reply may first repeat the wrong one
            line_start = text.rfind("\n", 0, same[-1].start) + 1
            return text[line_start : same[-1].end]
    return ""


def shape(path: str, text: str) -> str:
    """Return a text in a form that is equal for equal code: without comments and layout."""
    if path.endswith((".py", ".pyi")):
        try:
            tree = ast.parse(textwrap.dedent(text))
        except (SyntaxError, ValueError, RecursionError):
            return _squeezed(text)
        dumped: str = ast.dump(tree)
        return dumped
    return _squeezed(text)


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"(#|//).*", "", text)).strip()
