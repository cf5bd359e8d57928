"""What is not held, as a table for people, made from what the suite expects.

`python -m tests.sandbox.attacks.table` writes it into docs/containment.md; a test compares.
"""

from __future__ import annotations

from pathlib import Path

from tests.sandbox.attacks.case import Case, Outcome
from tests.sandbox.attacks.suite import KINDS

DOCUMENT = Path(__file__).parents[3] / "docs" / "containment.md"
BEGIN, END = "<!-- begin: what the attacks of the suite get -->\n", "<!-- end -->\n"


_GRANTED = ", with git granted"
_SANDBOXES = {
    "full": "FULL does not hold",
    "reduced": "REDUCED does not hold",
}


def as_markdown() -> str:
    """Return a table for each sandbox: why something is not held, and what gets through so."""
    count = sum(map(len, KINDS.values()))
    text = (
        f"Of {count} attacks these get through. *To be mended* is a fault of ours, not a limit.\n"
    )
    for backend, title in _SANDBOXES.items():
        text += f"\n| {title} | |\n|---|---|\n"
        text += "".join(f"| {why} | {'; '.join(names)} |\n" for why, names in _reasons(backend))
    return text


def _reasons(backend: str) -> list[tuple[str, list[str]]]:
    """Return each reason, and the attacks that get through for it."""
    found: dict[str, list[str]] = {}
    for case in (case for cases in KINDS.values() for case in cases):
        users = [case.only] if case.only else ["root", "user"]
        lost = [user for user in users if _lost(case, backend, user)]
        if not lost or case.name.endswith(_GRANTED):
            continue
        why = case.expected(backend, lost[0]).why
        if why.startswith("HOLE:"):
            why = f"{why.removeprefix('HOLE: ')} (*to be mended*)"
        by = "" if lost == ["root", "user"] else f" (by {'root' if lost == ['root'] else 'a user'})"
        found.setdefault(why, []).append(case.name + by)
    return [*found.items()]


def _lost(case: Case, backend: str, user: str) -> bool:
    return case.expected(backend, user).outcome is Outcome.LOST


def within(text: str) -> str:
    """Return the document with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}{as_markdown()}{END}{tail}"


if __name__ == "__main__":
    DOCUMENT.write_text(within(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
