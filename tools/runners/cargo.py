"""cargo test, read from what it prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tools.report import TestOutcome
from tools.runners.base import Ended, Findings, Launch, Runner

# `Running tests/api.rs (target/debug/deps/api-1f2e)` or `Running unittests src/lib.rs (…)`
_SECTION = re.compile(r"^\s*(?:Running (?:unittests )?(\S+) \(|(Doc-tests) (\S+))", re.MULTILINE)
_ANNOUNCED = re.compile(r"^running (\d+) tests?$", re.MULTILINE)
_TEST = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b", re.MULTILINE)
_SUM = re.compile(r"^test result: (?:ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored", re.M)
_FAILURE = re.compile(r"^---- (.+?) stdout ----\n(.*?)(?=^---- |^failures:$)", re.M | re.S)
_PANIC = re.compile(r"panicked at (?:'(.*?)', )?(\S+?:\d+:\d+)(?::\n(.*))?")
_OUTCOMES = {
    "ok": TestOutcome.PASSED,
    "FAILED": TestOutcome.FAILED,
    "ignored": TestOutcome.SKIPPED,
}


class Cargo(Runner):
    """Runs `cargo test`; ids are `src/lib.rs::module::test`, by the file the test target is from.

    Tests that print past the harness could put lines between; a section whose counts do not add up
    is not believed.
    """

    name = "cargo"
    command = "cargo test"

    def __init__(self, cargo: str) -> None:
        self.cargo = cargo

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run all of it to the end, or the tests of these names."""
        names = [target.partition("::")[2] or target for target in targets]
        chosen = ("--", "--exact", *names) if names else ()
        env = {"CARGO_TERM_COLOR": "never", "RUST_BACKTRACE": "1"}
        return Launch((self.cargo, "test", "--no-fail-fast", *chosen), folder, env)

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """Read each section between `Running …` and `test result: …`."""
        found = Findings()
        sections = list(_SECTION.finditer(ended.output))
        for at, section in enumerate(sections):
            end = sections[at + 1].start() if at + 1 < len(sections) else len(ended.output)
            where = section[1] or f"doc:{section[3]}"
            if not _read_section(where, ended.output[section.end() : end], found):
                found.trusted = False
        if not sections:
            found.trusted = ended.exit_code != 0  # it did not compile, and says so
        elif bool(found.failures) != (ended.exit_code != 0):
            found.trusted = False
        return found


def _read_section(where: str, text: str, found: Findings) -> bool:
    traces = {match[1]: match[2] for match in _FAILURE.finditer(text)}
    counts = dict.fromkeys(TestOutcome, 0)
    for match in _TEST.finditer(text):
        outcome = _OUTCOMES[match[2]]
        counts[outcome] += 1
        test = f"{where}::{match[1]}"
        found.tests[test] = outcome
        if outcome is TestOutcome.FAILED:
            trace = traces.get(match[1], "")
            panic = _PANIC.search(trace)
            message = (panic[1] or panic[3] or "") if panic else trace
            found.fail(test, message, trace)
    announced, told = _ANNOUNCED.search(text), _SUM.search(text)
    if announced is None or told is None:
        return False
    expected = tuple(int(number) for number in told.groups())
    order = (TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.SKIPPED)
    return expected == tuple(counts[o] for o in order) and sum(expected) == int(announced[1])
