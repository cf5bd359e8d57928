"""Builders that tests share: the command line as a process, a script, a log, a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.report import CheckReport, TestOutcome

AGENT = Path(sys.executable).with_name("agent")
# checks by an interpreter that is there on every machine, without what is installed beside it
UNITTEST = f"{sys.executable} -m unittest"
PYTEST = f"{sys.executable} -m pytest --disable-plugin-autoload"


@dataclass(frozen=True)
class Ended:
    """How a command line ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The `error:` lines."""
        return [each for each in self.err.splitlines() if each.startswith("error: ")]

    @property
    def hints(self) -> list[str]:
        """The `hint:` lines."""
        return [each for each in self.err.splitlines() if each.startswith("hint: ")]


def agent(
    *words: str | Path,
    cwd: Path,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    agent: Path = AGENT,
    patience: float = 60,
) -> Ended:
    """Run the installed command to its end; a traceback of ours is never an answer."""
    done = subprocess.run(
        [agent, *words],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, **(env or {})},
        timeout=patience,
        check=False,
    )
    err = done.stderr.decode(errors="replace")
    assert "Traceback" not in err, err
    return Ended(done.returncode, done.stdout.decode(errors="replace"), err)


def script(path: Path, *replies: Mapping[str, Any] | str) -> str:
    """Write the replies of a scripted model; return the name that `--model` takes."""
    items = [{"say": each} if isinstance(each, str) else dict(each) for each in replies]
    path.write_text(yaml.safe_dump(items), encoding="utf-8")
    return f"scripted:{path}"


def lines(text: str) -> list[dict[str, Any]]:
    """Read a stream of JSON lines."""
    return [json.loads(each) for each in text.splitlines()]


def report(
    passed: Sequence[str] = (),
    failed: Sequence[str] = (),
    skipped: Sequence[str] = (),
    **more: Any,
) -> CheckReport:
    """Make the report of a run of tests that came to its end."""
    tests = (
        dict.fromkeys(passed, TestOutcome.PASSED)
        | dict.fromkeys(failed, TestOutcome.FAILED)
        | dict.fromkeys(skipped, TestOutcome.SKIPPED)
    )
    told: dict[str, Any] = {
        "command": "pytest",
        "runner": "pytest",
        "granularity": "test",
        "exit_code": 1 if failed else 0,
        "complete": True,
        "tests": tests,
    }
    return CheckReport(**(told | more))


def put(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, which is made."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def picture(root: Path) -> dict[str, bytes]:
    """Return every file of a tree but git's own, byte for byte."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


def result(ended: Ended) -> Any:
    """Return the result object, the last line of `--json`."""
    from agent.events import Result, parse

    last = parse(ended.out.splitlines()[-1])
    assert isinstance(last, Result)
    assert last.exit_code == ended.code
    return last
