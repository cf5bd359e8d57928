"""The `check` tool: the project's own tests, and what they said."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from sandbox.base import SandboxError
from sandbox.workspace import PathError
from tools.base import (
    Brief,
    Effect,
    Frozen,
    Names,
    Preview,
    Tool,
    ToolContext,
    ToolError,
    ToolResult,
)
from tools.report import CheckReport, TestOutcome
from tools.runners import Runner, detect, from_command, run_check

_TIMEOUT = 600.0  # seconds
_MOST_NAMED = 20  # failing tests that are named; the rest are counted
_MOST_TRACES = 3  # of which the traceback is shown
_TRACE_LINES = 25
_OUTPUT_LINES = 30


class CheckArgs(Frozen):
    """Test ids or files; all of them when there are no targets."""

    targets: Annotated[list[str], Names("test")] = Field(default=[])


class Check(Tool[CheckArgs]):
    """Run the project's tests."""

    name = "check"
    args = CheckArgs
    brief = Brief(("targets?",))

    def effects(self, args: CheckArgs, context: ToolContext) -> frozenset[Effect]:
        """Run the project's code, with the network that the user's settings give it."""
        network = {Effect.NETWORK} if context.network.check.leaves else set()
        return frozenset({Effect.EXECUTE, *network})

    def origin(self, args: CheckArgs, context: ToolContext) -> str:
        """Nowhere else, also with a network: the user named its hosts for the project's tests."""
        return ""

    def preview(self, args: CheckArgs, context: ToolContext) -> Preview:
        """Show the command that the check stands for."""
        runner = find_runner(context)
        command = runner.command if runner else "(no check found)"
        reach = context.network.check
        body = f"network: {reach}" if reach else ""
        return Preview(kind="command", title=" ".join((command, *args.targets)), body=body)

    async def run(self, args: CheckArgs, context: ToolContext) -> ToolResult:
        """Run it; raises ToolError when the project has no check."""
        runner = await asyncio.to_thread(find_runner, context)
        if runner is None:
            raise ToolError(
                "no tests found: none for pytest, unittest, npm, cargo, go or make. "
                "Write one, or ask the user to give one with `--check CMD`"
            )
        report = await _run(runner, context, args.targets)
        text = describe(report, args.targets)
        if args.targets and _empty(report) and all(_there(context, t) for t in args.targets):
            report = await _run(runner, context, [])
            text = f"no test in {', '.join(args.targets)}, so all ran\n{describe(report, [])}"
        return ToolResult(
            text=text,
            ok=report.green,
            summary=text.partition("\n")[0],
            report=report,
            origin=", ".join(report.reached),
        )


async def _run(runner: Runner, context: ToolContext, targets: list[str]) -> CheckReport:
    try:
        return await run_check(
            runner,
            context.sandbox,
            context.workspace,
            targets,
            reach=context.network.check,
            timeout=_TIMEOUT,
            output=context.output,
        )
    except SandboxError as error:
        raise ToolError(f"the check was not started: {error}") from error


def _there(context: ToolContext, target: str) -> bool:
    """Whether a target is a path of something, which may well hold no test."""
    try:
        return context.workspace.kind(target) in ("file", "link", "directory")
    except PathError:
        return False


def _empty(report: CheckReport) -> bool:
    """Whether a run that came to its end had no test at all, nor any error that told why."""
    ended = report.complete and not report.timed_out
    return ended and report.granularity == "test" and not (report.tests or report.failures)


def find_runner(context: ToolContext) -> Runner | None:
    """Return the check that was given, else the first that is found, else None."""
    if context.check_command:
        return from_command(context.check_command, context.workspace)
    return next(iter(detect(context.workspace)), None)


def describe(report: CheckReport, targets: list[str]) -> str:
    """Return a report as the model reads it: counts, then failures, cut with a note."""
    lines = [f"{verdict(report)} ({report.command}, {report.seconds:.1f} s)"]
    missing = []
    if report.granularity == "test":
        # of one alone, whatever ran was it, however it was called
        alone = len(targets) == 1 and bool(report.tests)
        missing = [target for target in targets if not alone and not _ran(target, report)]
    if missing:
        lines.append(f"not run: {', '.join(missing)}; no such test; leave targets out to run all")
    if targets and report.granularity == "exit-status":
        lines.append("this check cannot run a part of the tests: all of it ran")
    failures = {failure.test: failure for failure in report.failures}
    names = report.failed
    for name in names[:_MOST_NAMED]:
        message = failures[name].message if name in failures else ""
        lines.append(f"FAILED {name}" + (f": {message}" if message else ""))
    if len(names) > _MOST_NAMED:
        lines.append(f"… and {len(names) - _MOST_NAMED} more failed")
    for failure in report.failures[:_MOST_TRACES]:
        if failure.trace:
            trace = failure.trace.splitlines()
            cut = ["…"] if len(trace) > _TRACE_LINES else []
            lines += [f"--- {failure.test}", *cut, *trace[-_TRACE_LINES:]]
    if len(report.failures) > _MOST_TRACES:
        lines.append(
            f"… {len(report.failures) - _MOST_TRACES} more tracebacks; run one as a target"
        )
    if not report.green and not report.failures:
        printed = report.output.rstrip().splitlines()
        cut = ["…"] if len(printed) > _OUTPUT_LINES else []
        lines += ["--- output", *cut, *printed[-_OUTPUT_LINES:]]
    lines += [f"[sandbox: {note}]" for note in report.notes]
    return "\n".join(lines)


def verdict(report: CheckReport) -> str:
    """Return the outcome in a few words, never better than what was seen."""
    counts = ", ".join(
        f"{len(names)} {outcome}"
        for outcome in (TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.SKIPPED)
        if (names := report.named(outcome))
    )
    if report.timed_out:
        return f"timed out; until then: {counts or 'nothing'}"
    if not report.complete:
        return f"the run was cut off, so it proves nothing; seen: {counts or 'nothing'}"
    if not counts:
        status = "passed" if report.green else "failed"
        return f"{status}, exit status {report.exit_code}"
    return counts if report.green or report.failed else f"{counts}, exit status {report.exit_code}"


def _ran(target: str, report: CheckReport) -> bool:
    # unittest names tests by modules, whatever file they were asked for by
    dotted = target.removesuffix(".py").strip("/").replace("/", ".")
    starts = (f"{target}::", f"{target}[", f"{target}.", f"{target.rstrip('/')}/", f"{dotted}.")
    return any(test == target or test.startswith(starts) for test in report.tests)
