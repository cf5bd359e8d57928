"""The two lists of bugs, with a part of the failing tests held back from whoever repairs them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.cases import LISTS, Case, CaseError, lay_out

OF_LIST = {"historic": LISTS[0], "seeded": LISTS[2]}


def held_back(case: Case) -> tuple[str, ...]:
    """Return the test functions that are cut out before the repair: every second one that fails."""
    functions = sorted({test.partition("[")[0] for test in case.failing})
    return tuple(functions[1::2])


def lay_out_shown(case: Case, made: Path) -> tuple[Path, tuple[str, ...]]:
    """Lay a case out below `made` without what is held back; return its folder, and what that is.

    Nothing is held back where a class would be left without a body. Raises CaseError.
    """
    hidden = held_back(case)
    try:
        shown = replace(case, cut=(*case.cut, *hidden))
        return lay_out(shown, made / "shown" / case.library), hidden
    except CaseError:
        return lay_out(case, made / "whole" / case.library), ()
