"""The `test` script of a package.json: node --test, jest, vitest, or whatever it is."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sandbox.contents import left_in
from tools.report import TestOutcome
from tools.runners.base import Ended, Findings, Launch, Runner
from tools.runners.signed import REPORT, fold

_OUTCOMES = {"passed": TestOutcome.PASSED, "failed": TestOutcome.FAILED}


def _files(targets: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(target.partition("::")[0] for target in targets))


class NodeTest(Runner):
    """Runs `node --test`; ids are `file::suite > test`. A part is chosen by whole files."""

    name = "node"

    def __init__(self, node: str, arguments: Sequence[str] = ()) -> None:
        self.node = node
        self.arguments = tuple(a for a in arguments if not a.startswith("--test-reporter"))
        self.command = " ".join(("node", "--test", *self.arguments))

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run it with a reporter of ours that signs what it saw, and node's own for people."""
        source = (Path(__file__).parent / "_node_reporter.mjs").read_text(encoding="utf-8")
        arguments = self.arguments
        if targets:
            # options stay, the files they ran on go
            arguments = (*(a for a in arguments if a.startswith("-")), *_files(targets))
        key = secrets.token_bytes(32)
        header = {"key": key.hex(), "report": str(folder / REPORT)}
        return Launch(
            argv=(
                *(
                    self.node,
                    "--test",
                    "--test-reporter=spec",
                    "--test-reporter-destination=stdout",
                ),
                f"--test-reporter=data:text/javascript,{quote(source)}",
                f"--test-reporter-destination={folder / 'unused'}",
                *arguments,
            ),
            folder=folder,
            env={"NO_COLOR": "1"},
            stdin=json.dumps(header).encode(),
            key=key,
        )

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """Read the signed report."""
        return fold(launch, ended.exit_code, "")


class JsonReporting(Runner):
    """Runs jest or vitest, which write the same JSON; ids are `file::suite > test`.

    Their report is not signed: it is believed when its counts and the exit status agree.
    """

    def __init__(self, name: str, program: str, arguments: Sequence[str], root: Path) -> None:
        self.name = name
        self.program = program
        self.arguments = tuple(arguments)
        self.root = root
        self.command = " ".join((name, *arguments))

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run all of it once, or the named tests of these files."""
        out = f"--outputFile={folder / 'report.json'}"
        names = [target.partition("::")[2].replace(" > ", " ") for target in targets]
        chosen: tuple[str, ...] = ()
        if targets and all(names):
            chosen = ("-t", "^(" + "|".join(map(re.escape, names)) + ")$")
        if self.name == "jest":
            own = (*self.arguments, "--json", "--ci", "--watchAll=false", out, *chosen)
            files = ("--runTestsByPath", *_files(targets)) if targets else ()
        else:
            rest = tuple(a for a in self.arguments if a not in {"run", "watch"})
            own = ("run", *rest, "--reporter=default", "--reporter=json", out, *chosen)
            files = _files(targets)
        return Launch((self.program, *own, *files), folder, {"NO_COLOR": "1", "CI": "1"})

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """Read the JSON report."""
        found = Findings()
        try:
            data = json.loads(left_in(launch.folder, "report.json"))
        except (OSError, ValueError):
            found.trusted = False
            return found
        total = 0
        for suite in data.get("testResults", ()):
            path = Path(suite.get("name", ""))
            file = str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)
            results = suite.get("assertionResults", ())
            total += len(results)
            for result in results:
                _read_result(file, result, found)
            if suite.get("status") == "failed" and not any(
                failure.test.startswith(file) for failure in found.failures
            ):
                found.fail(file, _plain(suite.get("message", "")), _plain(suite.get("message", "")))
        agreed = bool(found.failures) == (ended.exit_code != 0)
        found.trusted = agreed and total == data.get("numTotalTests")
        return found


def _read_result(file: str, result: dict[str, Any], found: Findings) -> None:
    test = f"{file}::{' > '.join((*result.get('ancestorTitles', ()), result.get('title', '')))}"
    outcome = _OUTCOMES.get(result.get("status", ""), TestOutcome.SKIPPED)
    if outcome is TestOutcome.FAILED:
        trace = _plain("\n".join(result.get("failureMessages") or ()))
        found.fail(test, trace, trace)
    else:
        found.tests[test] = outcome


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", text)


class NpmScript(Runner):
    """Runs `npm test`, known by its exit status."""

    name = "npm"
    command = "npm test"
    per_test = False

    def __init__(self, npm: str) -> None:
        self.npm = npm

    def launch(self, targets: Sequence[str], folder: Path) -> Launch:
        """Run all of it."""
        env = {"NO_COLOR": "1", "CI": "1", "npm_config_update_notifier": "false"}
        return Launch((self.npm, "test", "--silent"), folder, env)

    def read(self, launch: Launch, ended: Ended) -> Findings:
        """There is nothing to read but the exit status."""
        return Findings()
