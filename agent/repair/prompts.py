"""What the model is told for one repair: the failing test, what it said, the function, no more.

A small model pays for every token it reads, so each part has a budget in characters. Everything up
to the last line is the same for all candidates of one suspect, so their samples share its prefill.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from agent.messages import Message, SystemMessage, UserMessage
from agent.repair.localise import Suspect
from tools import symbols
from tools.report import Failure
from tools.symbols import Symbol

SYSTEM = "You repair bugs in code. You change as little as needed and keep names and parameters."
NAMED, SUSPECTS = 10, 8  # failing tests and suspects that the free loop is told of
TEST_BUDGET, TRACE_BUDGET, AROUND_BUDGET, BUG_BUDGET = 1600, 1200, 900, 1200  # characters

REWRITE = "Answer with the whole corrected function, nothing else, in one code block."
EXPLAIN = (
    "First say in one sentence what the code does wrong for this input."
    " Then give the whole corrected function in one code block."
)
CAUSE = "The bug: "  # how an explanation begins
WRONG = "One line is wrong. Which one, and what must it be?"
TASK = (
    "Repair the code, not the tests: what is changed in tests, or in what configures them, is"
    " thrown away. Find the cause, repair it where it is, change as little as needed. Run the"
    " failing tests with check (`targets`), and all of them at the end. You work in a copy of the"
    " project: no commit is needed, and nothing to install. Remove what you made only to look."
    " When the tests pass, stop and say in one sentence what was wrong."
)
AGAIN = (
    "That is no repair yet: {}. Your changes are still there. Go on from them, or take them back"
    " and look for another cause."
)
WRONG_LINE, MUST_BE = "The wrong line:\n```\n", "\n```\nIt must be:\n```\n"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the bug when the model is asked."""

    bug: str
    failure: Failure | None
    test_path: str
    test: str  # the source of the failing test


def repair_prompt(evidence: Evidence, suspect: Suspect, explain: bool) -> tuple[Message, ...]:
    """Return the messages that ask for a corrected function."""
    return _asked(evidence, suspect, EXPLAIN if explain else REWRITE)


def edit_prompt(evidence: Evidence, suspect: Suspect) -> tuple[Message, ...]:
    """Return the messages that ask for one wrong line.

    The answer is `WRONG_LINE`, the line, `MUST_BE`, the right one and a fence.
    """
    return _asked(evidence, suspect, WRONG)


def _asked(evidence: Evidence, suspect: Suspect, what: str) -> tuple[Message, ...]:
    parts = []
    if evidence.bug:
        parts.append(f"Bug report: {_cut(evidence.bug, BUG_BUDGET)}")
    if evidence.test:
        parts.append(f"This test fails:\n{_block(_cut(dedent(evidence.test), TEST_BUDGET))}")
    if evidence.failure is not None:
        said = _cut_front(said_by(evidence.failure), TRACE_BUDGET)
        parts.append(f"It says:\n{_block(said)}")
    around = surroundings(suspect)
    if around:
        parts.append(f"From {suspect.path}:\n{_block(around)}")
    where = f"`{suspect.symbol.name}` in {suspect.path}"
    parts.append(f"The bug is in {where}:\n{_block(dedent_function(suspect))}")
    parts.append(what)
    return SystemMessage(text=SYSTEM), UserMessage(text="\n\n".join(parts), by="harness")


def loop_prompt(evidence: Evidence, targets: Sequence[str], suspects: Sequence[Suspect]) -> str:
    """Return what begins a free loop: what fails, what it says, where it may be, the task."""
    parts = [f"Bug report: {_cut(evidence.bug, BUG_BUDGET)}"] if evidence.bug else []
    if targets:
        more = f"\n… and {len(targets) - NAMED} more" if targets[NAMED:] else ""
        names = "\n".join(each[:120] for each in targets[:NAMED])
        parts.append(f"These tests fail:\n{names}{more}")
    if evidence.test:
        test = _block(_cut(dedent(evidence.test), TEST_BUDGET))
        parts.append(f"One of them, in {evidence.test_path}:\n{test}")
    if evidence.failure is not None:
        said = _cut_front(said_by(evidence.failure), TRACE_BUDGET)
        parts.append(f"It says:\n{_block(said)}")
    if suspects:
        rows = [
            f"{each.path}:{each.symbol.start_line} {each.symbol.name} ({each.why})"[:160]
            for each in suspects[:SUSPECTS]
        ]
        parts.append("Where it may be, likeliest first:\n" + "\n".join(rows))
    return "\n\n".join([*parts, TASK])


def opening(suspect: Suspect) -> str:
    """Return how the code begins: the head of the function and its docstring, already written.

    So the model goes straight to the body, and can neither rename it nor drop its docstring.
    """
    return f"```\n{_head_and_body(suspect)[0]}"


def body(suspect: Suspect) -> str:
    """Return what follows the opening as the function stands now."""
    return f"{_head_and_body(suspect)[1]}\n```"


def _head_and_body(suspect: Suspect) -> tuple[str, str]:
    code = dedent_function(suspect)
    known = symbols.find(symbols.definitions(suspect.path, code), suspect.symbol.short)
    start = symbols.body_start(suspect.path, code, known[0]) if known else None
    at = code.rfind("\n", 0, start) + 1 if start is not None else 0
    return code[:at], code[at:]


def prompt_for_test(bug: str, listing: str, source: str, path: str) -> tuple[Message, ...]:
    """Return the messages that ask for a test which fails because of the bug."""
    parts = [f"Bug report: {_cut(bug, BUG_BUDGET)}", f"From {path}:\n{_block(source)}", listing]
    parts.append(
        "Write one pytest test function that fails because of this bug and passes once it is"
        " repaired. Import what it needs. Answer with the test file only, in one code block."
    )
    return SystemMessage(text="You write tests."), UserMessage(text="\n\n".join(parts))


def said_by(failure: Failure) -> str:
    """Return what a failure said, without the lines that only repeat the test's source."""
    errors = [line for line in failure.trace.splitlines() if line.startswith(("E ", ">"))]
    return "\n".join(errors) or failure.trace or failure.message


def dedent_function(suspect: Suspect) -> str:
    """Return the function as it would stand at the left margin."""
    return dedented(suspect.text, suspect.symbol)


def dedented(text: str, symbol: Symbol, grown: int = 0) -> str:
    """Return a definition in a text at the left margin; it may have `grown` by so much there."""
    line_start = text.rfind("\n", 0, symbol.head) + 1
    indent = text[line_start : symbol.head]
    whole = text[symbol.head : symbol.end + grown]
    return textwrap.dedent((indent if indent.isspace() else "") + whole)


def dedent(text: str) -> str:
    """Dedent a definition whose first line has lost its indentation."""
    first, newline, rest = text.partition("\n")
    return first + newline + textwrap.dedent(rest) if newline and rest[:1].isspace() else text


def surroundings(suspect: Suspect) -> str:
    """Return what the function leans on in its file: constants, and heads of what it calls."""
    body = suspect.source
    used = set(re.findall(r"[A-Za-z_]\w*", body)) - {suspect.symbol.short}
    lines = suspect.text.split("\n")
    known = symbols.definitions(suspect.path, suspect.text)
    kept: list[str] = []
    for each in known:
        inside = suspect.symbol.start <= each.start <= suspect.symbol.end
        if each.short in used and not inside:
            kept.append(suspect.text[each.head : each.end].split("\n", 1)[0])
    owner = suspect.symbol.name.rpartition(".")[0]
    if owner and (held := symbols.find(known, owner)):
        kept.insert(0, suspect.text[held[0].head : held[0].end].split("\n", 1)[0])
    for line in lines:
        if (match := re.match(r"([A-Za-z_]\w*)\s*(?::[^=]+)?=\s*\S", line)) and match[1] in used:
            kept.append(line[:160])
    return _cut("\n".join(dict.fromkeys(kept)), AROUND_BUDGET)


def _block(text: str) -> str:
    return f"```\n{text.strip(chr(10))}\n```"


def _cut(text: str, budget: int) -> str:
    if len(text) <= budget:
        return text
    return text[:budget].rsplit("\n", 1)[0] + "\n…"


def _cut_front(text: str, budget: int) -> str:
    """Keep the end: what a failure says last is what it is about."""
    if len(text) <= budget:
        return text
    return "…\n" + text[-budget:].split("\n", 1)[-1]
