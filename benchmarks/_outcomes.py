"""A pytest plugin that `cases.py` lays beside a case: writes how each test ended, as JSON.

The file is named by `CASE_OUTCOMES`; it maps node ids to `passed`, `failed`, `skipped` or
`xfailed`. A file that cannot be collected is `failed` under its own name.
"""

import json
import os
from pathlib import Path

_RANK = ("passed", "xfailed", "skipped", "failed")  # of two phases of a test the later one counts
_outcomes: dict[str, str] = {}


def pytest_runtest_logreport(report) -> None:  # type: ignore[no-untyped-def]  # pytest is not ours
    """Note how a phase of a test ended."""
    outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
    known = _outcomes.get(report.nodeid, "passed")
    _outcomes[report.nodeid] = max(known, outcome, key=_RANK.index)


def pytest_collectreport(report) -> None:  # type: ignore[no-untyped-def]  # as above
    """Note what could not be collected."""
    if report.outcome == "failed":
        _outcomes[report.nodeid] = "failed"


def pytest_sessionfinish() -> None:
    """Write them down."""
    Path(os.environ["CASE_OUTCOMES"]).write_text(json.dumps(_outcomes), encoding="utf-8")
