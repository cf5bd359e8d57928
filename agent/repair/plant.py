"""Proof that a function is what runs: a raising line planted in it must make the tests fail.

Without it a repair could be "verified" although the tests import another copy of the code.
"""

from __future__ import annotations

import secrets

from agent.repair.localise import Suspect
from tools import symbols
from tools.languages import language_of
from tools.report import CheckReport, TestOutcome

# how each language raises with a message; one without a row cannot be proved, and is not repaired
RAISING: dict[str, str] = {
    "python": 'raise RuntimeError("{mark}")',
    "javascript": 'throw new Error("{mark}");',
    "typescript": 'throw new Error("{mark}");',
    "tsx": 'throw new Error("{mark}");',
    "go": 'panic("{mark}")',
    "rust": 'panic!("{mark}");',
    "java": 'if (true) throw new RuntimeException("{mark}");',
    "cpp": "__builtin_trap(); /* {mark} */",
    "c": "__builtin_trap(); /* {mark} */",
}
# languages where the same can stand at the end of a file, to see that it is loaded
LOADED = frozenset({"python", "javascript", "typescript", "tsx"})
UNNAMED = frozenset({"c", "cpp"})  # a trap ends the process without a word


def planted(suspect: Suspect, text: str) -> tuple[str, str] | None:
    """Return the file's `text` with the line planted, and the mark; None where it cannot be.

    The line becomes the first statement of the function, after a docstring.
    """
    language = language_of(suspect.path, text)
    statement = RAISING.get(language.name) if language else None
    if language is None or statement is None:
        return None
    found = symbols.find(symbols.definitions(suspect.path, text), suspect.symbol.name)
    if not found:
        return None
    symbol = min(found, key=lambda each: abs(each.start_line - suspect.symbol.start_line))
    mark = _mark()
    at = symbols.body_start(suspect.path, text, symbol)
    if at is None:
        return None
    line = statement.format(mark=mark)
    before = text[:at]
    indent = before[before.rfind("\n") + 1 :]
    if indent.strip():  # a body on the line of its head: `def f(): return 1`, `{ return 1; }`
        joint = "; " if language.name == "python" else " "
        return before + line + joint + text[at:], mark
    return before + line + "\n" + indent + text[at:], mark


def planted_at_end(path: str, text: str) -> tuple[str, str] | None:
    """Return the file's `text` with the line planted behind all else, and the mark; or None.

    It runs when the file is loaded, whatever is called in it.
    """
    language = language_of(path, text)
    if language is None or language.name not in LOADED:
        return None
    mark = _mark()
    line = RAISING[language.name].format(mark=mark)
    return f"{text.rstrip()}\n{line}\n", mark


def _mark() -> str:
    return f"wisp-planted-{secrets.token_hex(6)}"


def reached(report: CheckReport, targets: tuple[str, ...], mark: str, path: str) -> bool:
    """Whether the targets failed because of the planted line.

    No target may pass, and the mark must be seen: what fails without it failed for another reason.
    """
    if report.granularity == "exit-status":
        return not report.green and mark in report.output
    if any(report.tests.get(test) is TestOutcome.PASSED for test in targets):
        return False
    language = language_of(path, "")
    if language is not None and language.name in UNNAMED:
        return not report.green
    return mark in report.output or any(
        mark in failure.trace or mark in failure.message for failure in report.failures
    )
