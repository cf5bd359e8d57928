"""Edits of one line: where, with the failing test in view, the model would write another one.

Asked for a whole function, a small model copies it: most samples are the original, and what it
would have changed drowns in the copying. Here nothing is copied. Each line that ran in the failing
tests is called wrong in turn, and the model's probabilities along that very line, read in one batch
without writing anything, tell where it would leave it. The likeliest of these forks, over all
lines, are written to their end, some ten tokens each. None is the original, no two are the same.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from agent.repair import prompts
from agent.repair.asking import Asking, Question, Written
from agent.repair.localise import Suspect

LINES = 40  # of one function that are looked at
AT_A_TIME = 12  # lines looked at before any of their edits are tried
KEPT = 12  # forks kept of one line
AGAIN = 0.15  # nats that each further fork of one line is put back, so that others have a turn
ROOM = 60  # tokens of an edit
_IDLE = re.compile(r"(#|//|/\*|\*|`|\W{1,2}$|$)")  # how a line begins that no edit repairs


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a function that stands at the left margin; `number` counts from 0."""

    number: int
    indent: str
    text: str


_Scored = tuple[float, Line, str]  # log-probability, line, how it begins anew


class LineEdits:
    """The edits of one suspect, likeliest first; each is given once."""

    def __init__(self, asking: Asking, evidence: prompts.Evidence, suspect: Suspect) -> None:
        self._asking = asking
        self._messages = prompts.edit_prompt(evidence, suspect)
        self._suspect = suspect
        self._unread = lines_to_edit(suspect)
        self._sure: list[_Scored] = []  # by the whole way, which favours what differs early
        self._there: list[_Scored] = []  # by the fork alone, which favours what differs late
        self._added: list[_Scored] = []  # that a line called wrong is repeated first says nothing
        self._given: set[tuple[Line, str]] = set()

    async def next(self, count: int) -> list[Written]:
        """Return up to `count` functions, each the suspect with one line written anew.

        Each time more lines are looked at: a long function takes as long to look at as many edits
        take to be tried.
        """
        part, self._unread = self._unread[:AT_A_TIME], self._unread[AT_A_TIME:]
        await self._look_at(part)
        ranked = _by_turns(_spread(self._sure), _spread(self._there), _spread(self._added))
        given = [each for each in ranked if each not in self._given][:count]
        self._given.update(given)
        # what all have in common is read once; what is written is short, so all of it in a batch
        starts = [f"{line.text}{prompts.MUST_BE}{start}" for line, start in given]
        question = Question(self._messages, prompts.WRONG_LINE, ROOM)
        texts = await self._asking.completed(question, starts)
        return [
            text.becoming(replaced(self._suspect, line, _code(text, line)))
            for (line, _), text in zip(given, texts, strict=True)
        ]

    async def _look_at(self, lines: Sequence[Line]) -> None:
        for line in lines:
            prefill = prompts.WRONG_LINE + line.text + prompts.MUST_BE
            text = f"{line.text}\n```"  # to leave it before the fence is to add a line
            for each in await self._asking.forks(self._messages, prefill, text, KEPT):
                start = text[: each.at] + each.piece
                if each.at > len(line.text):
                    self._added.append((each.logprob, line, start))
                else:
                    self._sure.append((each.before + each.logprob, line, start))
                    self._there.append((each.logprob, line, start))


def lines_to_edit(suspect: Suspect) -> list[Line]:
    """Return the lines of the body that may be wrong, the most suspicious first.

    Only those that ran, where it is known what ran; in their order where that is not known.
    """
    code = prompts.dedent_function(suspect)
    first, ran = _first_line(suspect), ran_lines(suspect)
    head = prompts.opening(suspect).count("\n") - 1
    found = []
    for number, text in enumerate(code.split("\n")):
        bare = text.strip()
        if number < head or _IDLE.match(bare):
            continue
        if ran and number + first not in ran and not bare.startswith("else"):
            continue
        found.append(Line(number, text[: len(text) - len(text.lstrip())], bare))
    places = {line: place for place, line in enumerate(suspect.lines)}
    begun = sorted(places)

    def suspicion(line: Line) -> int:
        """Return the place of the statement that the line is a part of."""
        at = bisect_right(begun, line.number + first)
        return places[begun[at - 1]] if at else len(places)

    return sorted(found, key=suspicion)[:LINES]


def ran_lines(suspect: Suspect) -> set[int]:
    """Return the lines of the file with statements of the suspect that ran in a failing test.

    Empty where that is not known.
    """
    code, first = prompts.dedent_function(suspect), _first_line(suspect)
    whole = _whole_statements(code, {line - first + 1 for line in suspect.lines})
    return {line + first - 1 for line in whole}


def _first_line(suspect: Suspect) -> int:
    return suspect.text.count("\n", 0, suspect.symbol.head) + 1


def replaced(suspect: Suspect, line: Line, new: str) -> str:
    """Return the function with one line replaced by one or several."""
    code = prompts.dedent_function(suspect).split("\n")
    code[line.number : line.number + 1] = [line.indent + each for each in new.split("\n")]
    return "\n".join(code)


def _spread(found: list[_Scored]) -> list[tuple[Line, str]]:
    """Return the likeliest first, each further one of the same line put back a little."""
    found.sort(key=lambda each: -each[0])
    before: Counter[int] = Counter()
    ranked = []
    for logprob, line, start in found:
        ranked.append((logprob - AGAIN * before[line.number], line, start))
        before[line.number] += 1
    ranked.sort(key=lambda each: -each[0])
    return [(line, start) for _, line, start in ranked]


def _by_turns(*orders: list[tuple[Line, str]]) -> list[tuple[Line, str]]:
    """Return what stands in any of these orders once, the first of each before the second."""
    rows = zip_longest(*orders)
    return list(dict.fromkeys(each for row in rows for each in row if each is not None))


def _code(text: str, line: Line) -> str:
    """Return what stands in the second block of a completed answer."""
    new = text.removeprefix(line.text + prompts.MUST_BE)
    return re.split(r"^```", new, maxsplit=1, flags=re.M)[0].rstrip()


def _whole_statements(code: str, ran: set[int]) -> Iterator[int]:
    """Yield the lines of all statements that begin on one of these, without what they contain."""
    if not ran:
        return
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        yield from ran
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno in ran:
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            yield from range(node.lineno, max(end, node.lineno) + 1)
