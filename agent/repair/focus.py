"""Texts cut to a price: of a test what its failing line needs, of a failure what it is about.

Prices are tokens by an estimate that errs upwards (`agent.models.estimate`).
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence

from agent.models.estimate import upper
from tools.report import Failure

LEFT_OUT = "…"


def head_of(text: str, most: int) -> str:
    """Return the first lines of a text that cost no more; at least a part of the first one."""
    if upper(text) <= most:
        return text
    lines, price = [], upper(LEFT_OUT)
    for line in text.split("\n"):
        price += upper(line) + 1
        if price > most:
            break
        lines.append(line)
    if not lines:
        lines = [text.split("\n", 1)[0][: 2 * most]]
    return "\n".join([*lines, LEFT_OUT])


def tail_of(text: str, most: int) -> str:
    """Return the last lines of a text that cost no more."""
    lines = text.split("\n")
    kept = head_of("\n".join(reversed(lines)), most).split("\n")
    return "\n".join(reversed(kept))


def said_by(failure: Failure) -> str:
    """Return what a failure said, without the lines that only repeat the test's source."""
    errors = [line for line in failure.trace.splitlines() if line.startswith(("E ", ">"))]
    return "\n".join(errors) or failure.trace or failure.message


def said_for(failure: Failure, most: int) -> str:
    """Return what a failure said last and its beginning: of a long comparison the first lines."""
    said = said_by(failure)
    if upper(said) <= most:
        return said
    lines = said.split("\n")
    starts = [n for n, line in enumerate(lines) if line.startswith(">")]
    last = "\n".join(lines[starts[-1] :]) if starts else ""
    # where nothing tells the frames apart, what is said last is what it is about
    return head_of(last, most) if last else tail_of(said, most)


def part_of_test(test: str, failure: Failure | None, most: int) -> str:
    """Return a test that costs no more: the statements that its failing line needs, in their order.

    A test that is not Python, or whose failing line is not known, is cut at its end.
    """
    if upper(test) <= most:
        return test
    lines = test.split("\n")
    at = _failing(lines, failure)
    if at is None:
        return head_of(test, most)
    wanted = _needed(test, at)
    kept = {at}
    price = upper(lines[at]) + 2
    head = next(
        (n for n, line in enumerate(lines) if line.lstrip().startswith(("def ", "async "))), 0
    )
    for number in (head, *wanted):
        if number >= head and number not in kept and price + upper(lines[number]) + 1 <= most:
            kept.add(number)
            price += upper(lines[number]) + 1
    return "\n".join(_with_gaps(lines, kept))


def _failing(lines: Sequence[str], failure: Failure | None) -> int | None:
    """Return the line that failed, by the marks that pytest puts before the lines it was at."""
    trace = failure.trace.splitlines() if failure else []
    marked = {line[1:].strip() for line in trace if line.startswith(">")}
    found = [number for number, line in enumerate(lines) if line.strip() in marked]
    return found[-1] if found else None


def _needed(test: str, at: int) -> Iterator[int]:
    """Yield the lines before one, those first that give it the names it uses, then the nearest."""
    try:
        tree = ast.parse(textwrap.dedent(test))
    except (SyntaxError, ValueError, RecursionError):
        yield from range(at - 1, -1, -1)
        return
    statements = sorted(
        (node for node in ast.walk(tree) if isinstance(node, ast.stmt) and node.lineno - 1 <= at),
        key=lambda node: -node.lineno,
    )
    names: set[str] = set()
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        last = node.end_lineno or node.lineno
        inner = getattr(node, "body", None)
        head = inner[0].lineno - 1 if inner else last  # of `with` and `for` only what opens them
        named = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
        gives = {each.id for each in named if isinstance(each.ctx, ast.Store)}
        if node.lineno - 1 <= at < last or gives & names:
            names |= {each.id for each in named}
            yield from range(node.lineno - 1, head)
    yield from range(at - 1, 0, -1)


def _with_gaps(lines: Sequence[str], kept: set[int]) -> Iterator[str]:
    before = min(kept) - 1
    for number in sorted(kept):
        if number > before + 1:
            indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
            yield indent + LEFT_OUT
        yield lines[number]
        before = number
    if before < len(lines) - 1:
        yield LEFT_OUT
