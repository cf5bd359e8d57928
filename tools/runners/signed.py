"""Reports that code under test cannot forge by accident, nor by writing files.

The run gets a random key on its standard input, and signs each record of its report together with
all that came before. Code that leaves early, or writes a report of its own, leaves a chain without
its end. Code that searches the memory of its own process for the key is not held by this.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.contents import left_in
from tools.report import Ran, Screened, TestOutcome
from tools.runners.base import Findings, Launch, Place, Proposal, short

REPORT = "report.jsonl"
Record = dict[str, Any]  # one line of a report, as the scripts beside this file write it

# takes everything from standard input: nothing to find in argv, environment or files
_LOADER = (
    "import json,sys;h=json.loads(sys.stdin.buffer.readline());"
    "exec(compile(h.pop('boot'),'<wisp>','exec'),{'__name__':'wisp_boot','header':h})"
)


def _source(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _screen(proposals: Sequence[Proposal]) -> dict[str, object]:
    # as latin-1 any bytes are a text
    texts = [
        {path: None if data is None else data.decode("latin-1") for path, data in each.items()}
        for each in proposals
    ]
    sources = {"screen": _source("_screen.py"), "codes": _source("_codes.py")}
    return {**sources, "candidates": texts}


def python_launch(
    python: str,
    script: str,
    arguments: Sequence[str],
    targets: Sequence[str],
    folder: Path,
    *,
    watched: Sequence[Place] | None = None,
    proposals: Sequence[Proposal] = (),
) -> Launch:
    """Run one of our scripts with the project's interpreter, as `python -m` would be run.

    With `watched` it also counts which functions ran in failing and in passing tests, and of the
    watched ones (in a run of targets, of all) which lines. With `proposals` no test is run but to
    decide these.
    """
    key = secrets.token_bytes(32)
    header = {
        "boot": _source("_boot.py"),
        "script": _source(script),
        "key": key.hex(),
        "report": str(folder / REPORT),
        "folder": str(folder),
        "arguments": list(arguments),
        "targets": list(targets),
        **({} if watched is None else {"trace": _source("_trace.py"), "watched": list(watched)}),
        **(_screen(proposals) if proposals else {}),
    }
    return Launch(
        argv=(python, "-c", _LOADER),
        folder=folder,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        stdin=json.dumps(header).encode() + b"\n",
        key=key,
    )


def read_records(launch: Launch) -> tuple[list[Record], bool]:
    """Return the records that bear our signature, and whether all of the file does."""
    try:
        lines = left_in(launch.folder, REPORT).split(b"\n")
    except OSError:
        return [], False
    records: list[Record] = []
    before = b""
    for line in lines[:-1]:
        signature, _, payload = line.partition(b" ")
        before = hmac.new(launch.key, before + payload, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(signature, before):
            return records, False
        records.append(json.loads(payload))
    return records, lines[-1] == b""


def finished(records: Sequence[Mapping[str, Any]], exit_code: int | None) -> bool:
    """Whether the last record closes the run, with the exit status that the process had."""
    last = records[-1] if records else {}
    return last.get("type") == "finish" and last.get("exit") == exit_code


def fold(launch: Launch, exit_code: int | None, missing: str) -> Findings:
    """Make findings of the records of a Python run; `missing` is said where it is not installed."""
    records, whole = read_records(launch)
    if records and records[-1]["type"] == "missing":
        return Findings(missing=missing)
    found = Findings()
    collected: dict[str, None] = {}
    running: dict[str, None] = {}
    outcomes: dict[str, set[str]] = {}
    for record in records:
        kind, test = record["type"], record.get("id", "")
        if kind == "collected":
            collected.update(dict.fromkeys(record["ids"]))
        elif kind == "start":
            running[test] = None
        elif kind == "stop" or (kind == "phase" and record.get("when") == "teardown"):
            running.pop(test, None)
        if kind == "covered":
            found.ran = [
                Ran(
                    path=path,
                    line=line,
                    failing=failing,
                    passing=passing,
                    lines=tuple(each for each, _, _ in counts),
                    counts=tuple(map(tuple, counts)),
                    guards=tuple(guards),
                )
                for path, line, failing, passing, counts, guards in record["functions"]
            ]
        if kind == "screened":
            found.screened[record["number"]] = Screened(
                number=record["number"],
                passed=record["passed"],
                test=record.get("test", ""),
                message=short(record.get("message", "")),
                passes=record.get("passes", 0),
                moved=record.get("moved", False),
            )
        if kind == "phase":
            outcomes.setdefault(test, set()).add(_told(record))
            if record["outcome"] == "failed":
                found.fail(test, record.get("message") or _last(record), record.get("trace", ""))
    for test, told in outcomes.items():
        if "failed" not in told and test not in running:
            # a test that was run again until it passed has proved nothing
            passed = told <= {"passed", "through"} and "passed" in told
            found.tests[test] = TestOutcome.PASSED if passed else TestOutcome.SKIPPED
    for test in running:
        if test not in found.tests:
            found.fail(test, "the run ended inside this test")
    found.trusted = (
        whole
        and finished(records, exit_code)
        and not running
        and collected.keys() <= found.tests.keys()
        # nothing ran, or a failure was seen, and yet the status says that all is well
        and not (exit_code == 0 and (found.failures or not outcomes))
    )
    return found


def _told(record: Record) -> str:
    # that set-up and tear-down went well says nothing of the test
    outcome = str(record["outcome"])
    aside = record.get("when") in {"setup", "teardown"}
    return "through" if aside and outcome == "passed" else outcome


def _last(record: Record) -> str:
    lines = [line for line in record.get("trace", "").splitlines() if line.strip()]
    return lines[-1].removeprefix("E ").strip() if lines else ""
