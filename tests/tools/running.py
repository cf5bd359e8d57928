"""What tests of the tools that run things share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.tools.bench import Bench
from tools.base import Tool, ToolError, ToolResult
from tools.report import CheckReport
from tools.runners import Runner, run_check
from tools.runners.pytest import Pytest

# without the plugins that happen to be installed beside ours
QUICK = ("--disable-plugin-autoload",)
PYTEST = Pytest(sys.executable, QUICK)


def put(root: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")


async def use(tool: Tool[Any], bench: Bench, **arguments: Any) -> ToolResult:
    return await tool.run(tool.args.model_validate(arguments), bench.context)


async def refused(tool: Tool[Any], bench: Bench, **arguments: Any) -> str:
    with pytest.raises(ToolError) as caught:
        await use(tool, bench, **arguments)
    return str(caught.value)


async def checked(
    bench: Bench,
    runner: Runner,
    files: Mapping[str, str],
    targets: Sequence[str] = (),
    *,
    timeout: float = 60,
) -> CheckReport:
    """Run a check over these files in the real sandbox."""
    put(bench.root, files)
    context = bench.context
    return await run_check(
        runner, context.sandbox, context.workspace, targets, timeout=timeout, output=context.output
    )


def git(root: Path, *words: str) -> str:
    """Run git as the user would, outside any sandbox."""
    done = subprocess.run(
        ("git", "-c", "user.name=U", "-c", "user.email=u@example.org", *words),
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def program(name: str) -> str:
    """Skip, loudly, where a program is missing; CI installs them all."""
    places = (os.environ["PATH"], "/usr/bin")  # rustup's cargo may have no toolchain behind it
    for found in filter(None, (shutil.which(name, path=path) for path in places)):
        if name != "cargo" or not subprocess.run([found, "-V"], capture_output=True).returncode:
            return found
    pytest.skip(f"{name} is not installed here, or only in name")


async def sh(bench: Bench, command: str, **more: object) -> ToolResult:
    """Run a command through the `shell` tool; it must end with 0."""
    result = await bench.call("shell", command=textwrap.dedent(command), timeout=200, **more)
    assert result.ok, result.text
    return result
