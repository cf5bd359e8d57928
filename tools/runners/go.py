"""go test, read from its JSON events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.report import TestOutcome
from tools.runners.base import Ended, Findings, Launch, Runner

_OUTCOMES = {
    "pass": TestOutcome.PASSED,
    "fail": TestOutcome.FAILED,
    "skip": TestOutcome.SKIPPED,
}
_MESSAGE = re.compile(r"^\s*\S+\.go:\d+:(?:\d+:)? (.*)")


class Go(Runner):
    """Runs `go test ./...`; ids are `package::TestName/subtest`."""

    name = "go"
    command = "go test ./..."

    def __init__(self, go: str) -> None:
        self.go = go

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run all packages, or the tests of these names in their packages."""
        if not targets:
            return Launch((self.go, "test", "-json", "-count=1", "./..."), folder)
        pairs = [target.partition("::") for target in targets]
        packages = dict.fromkeys(package for package, _, _ in pairs)
        names = dict.fromkeys(name.split("/")[0] for _, _, name in pairs if name)
        chosen = ("-run", "^(" + "|".join(map(re.escape, names)) + ")$") if names else ()
        return Launch((self.go, "test", "-json", "-count=1", *chosen, *packages), folder)

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """Read the events; each package that started must have ended."""
        found = Findings()
        output: dict[str, list[str]] = {}
        open_packages: set[str] = set()
        broken = False
        for event in _events(ended.output):
            package, test = event.get("Package", ""), event.get("Test", "")
            name = f"{package}::{test}" if test else package
            action = event.get("Action")
            if action in {"output", "build-output"}:
                name = name or event.get("ImportPath", "")
                output.setdefault(name, []).append(event.get("Output", ""))
            elif action in {"start", "run"}:
                open_packages.add(name)
            elif action in _OUTCOMES:
                open_packages.discard(name)
                build = output.get(event.get("FailedBuild", ""), ())
                trace = "".join((*build, *output.get(name, ())))
                if action == "fail" and (test or not _tests_failed(found, package)):
                    broken = True
                    found.fail(name, _message(trace), trace)
                elif test:
                    found.tests[name] = _OUTCOMES[action]
        found.trusted = not open_packages and broken == (ended.exit_code != 0)
        return found


def _tests_failed(found: Findings, package: str) -> bool:
    # a package fails for its tests; where none did, it did not build or crashed
    return any(failure.test.startswith(package + "::") for failure in found.failures)


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a test printed something like it
            if isinstance(event, dict):
                yield event


def _message(trace: str) -> str:
    for line in trace.splitlines():
        if match := _MESSAGE.match(line):
            return match[1]
        if line.startswith("panic:"):
            return line
    return next((line for line in trace.splitlines() if not line.startswith(("=== ", "#"))), "")
