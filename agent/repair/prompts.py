"""What the model is told for one repair: the failing test, what it said, the function, no more.

A small model pays for every token it reads, so each part has a price in tokens and a reason. What
is the same for all suspects comes first, and everything up to the last line is the same for all
candidates of one, so each is read once.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.messages import Message, SystemMessage, UserMessage
from agent.models.estimate import upper
from agent.repair.focus import head_of, part_of_test, said_by, said_for, tail_of
from agent.repair.localise import Suspect
from tools import symbols
from tools.report import Failure
from tools.symbols import Symbol

SYSTEM = "You repair bugs in code. You change as little as needed and keep names and parameters."
NAMED, SUSPECTS = 10, 8  # failing tests and suspects that the free loop is told of
LOOP_BUG, LOOP_TEST, LOOP_FAILURE = 400, 530, 400  # tokens, in what begins a free loop

# what stands beside the function: at most so many tokens of it, and why; with the words around it
# under 700
PRICES: Mapping[str, tuple[int, str]] = {
    "bug": (110, "what the user says"),
    "test": (250, "what must hold: the failing line and what it needs"),
    "failure": (130, "what happened in its place"),
    "around": (90, "what the function leans on in its file"),
}

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
    told = [*parts(evidence, suspect).values(), what]
    return SystemMessage(text=SYSTEM), UserMessage(text="\n\n".join(told), by="harness")


def parts(evidence: Evidence, suspect: Suspect) -> dict[str, str]:
    """Return what a prompt tells, by the names of `PRICES`, and the function last."""
    most = {name: tokens for name, (tokens, _) in PRICES.items()}
    told: dict[str, str] = {}
    if evidence.bug:
        told["bug"] = f"Bug report: {head_of(evidence.bug, most['bug'])}"
    if evidence.test:
        test = part_of_test(dedent(evidence.test), evidence.failure, most["test"])
        told["test"] = f"This test fails:\n{_block(test)}"
    if evidence.failure is not None:
        said = said_for(evidence.failure, most["failure"])
        told["failure"] = f"It says:\n{_block(said)}"
    if around := head_of(surroundings(suspect), most["around"]):
        told["around"] = f"From {suspect.path}:\n{_block(around)}"
    where = f"`{suspect.symbol.name}` in {suspect.path}"
    told["function"] = f"The bug is in {where}:\n{_block(dedent_function(suspect))}"
    return told


def priced(evidence: Evidence, suspect: Suspect) -> str:
    """Return in a line what each part of a suspect's prompts costs, and why it is there."""
    told = parts(evidence, suspect)
    function = upper(told.pop("function"))
    beside = sum(map(upper, told.values())) + upper(SYSTEM) + upper(EXPLAIN)
    each = [f"{name} {upper(text)} ({PRICES[name][1]})" for name, text in told.items()]
    where = f"{suspect.symbol.name} in {suspect.path}"
    return f"prompt for {where}: {function} tokens, and {beside} beside it: {', '.join(each)}"


def loop_prompt(evidence: Evidence, targets: Sequence[str], suspects: Sequence[Suspect]) -> str:
    """Return what begins a free loop: what fails, what it says, where it may be, the task."""
    parts = [f"Bug report: {head_of(evidence.bug, LOOP_BUG)}"] if evidence.bug else []
    if targets:
        more = f"\n… and {len(targets) - NAMED} more" if targets[NAMED:] else ""
        names = "\n".join(each[:120] for each in targets[:NAMED])
        parts.append(f"These tests fail:\n{names}{more}")
    if evidence.test:
        test = _block(head_of(dedent(evidence.test), LOOP_TEST))
        parts.append(f"One of them, in {evidence.test_path}:\n{test}")
    if evidence.failure is not None:
        said = tail_of(said_by(evidence.failure), LOOP_FAILURE)
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
    parts = [f"Bug report: {head_of(bug, LOOP_BUG)}", f"From {path}:\n{_block(source)}", listing]
    parts.append(
        "Write one pytest test function that fails because of this bug and passes once it is"
        " repaired. Import what it needs. Answer with the test file only, in one code block."
    )
    return SystemMessage(text="You write tests."), UserMessage(text="\n\n".join(parts))


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
    return "\n".join(dict.fromkeys(kept))


def _block(text: str) -> str:
    return f"```\n{text.strip(chr(10))}\n```"
