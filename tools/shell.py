"""The `shell` tool: one command, in the foreground or left running."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path

from sandbox.base import Command, CommandResult, Containment, Limits, SandboxError
from sandbox.names import show
from tools.base import (
    BackgroundJob,
    Effect,
    Frozen,
    Preview,
    Tool,
    ToolContext,
    ToolError,
    ToolMemory,
    ToolResult,
)
from tools.capture import Capture
from tools.commands import effects_of, touches_git
from tools.trusted import trusted_program

_TIMEOUT = 120.0  # seconds
_LONGEST_TIMEOUT = 3600.0
_OUTPUT_BYTES = 6_000  # for the model
_UNREAD_BYTES = 64_000  # of a job's output that nobody read yet
_SETTLE_S = 0.5  # how long a job is watched for an early end before the call returns
_READ_BYTES = 65_536

# The command is evaluated, not pasted: a syntax error in it leaves the trap alone. The trap does
# not change the exit status; a command that sets its own loses only the directory.
_WRAPPED = """trap 'pwd -P >"$_wisp_end"' EXIT
_wisp_end=$1 _wisp_do=$2
set --
eval "$_wisp_do"
"""


class ShellArgs(Frozen):
    """A command, or a background job to look at; `timeout` is seconds."""

    command: str = ""
    timeout: float = 0
    background: bool = False
    job: str = ""
    stop: bool = False
    network: bool = False
    paths: list[str] = []  # noqa: RUF012 - pydantic copies it
    git: bool = False


class Shell(Tool[ShellArgs]):
    """Run a command in a fresh shell, or read (`stop`: end) a background `job`.

    Set network, paths (outside the workspace, to write) and git (to change .git) only if needed.
    """

    name = "shell"
    args = ShellArgs

    def effects(self, args: ShellArgs, context: ToolContext) -> frozenset[Effect]:
        """Say what it asks for; where nothing contains it, what its text says."""
        if args.job:
            return frozenset({Effect.READ})  # its start was decided; ending it undoes nothing
        found = {Effect.EXECUTE}
        if args.network:
            found.add(Effect.NETWORK)
        if args.paths:
            found.add(Effect.OUTSIDE)
        if args.git:
            found.add(Effect.DESTROY)
        if context.sandbox.containment is Containment.NONE:
            return (frozenset(found) - {Effect.EXECUTE}) | effects_of(args.command)
        if context.sandbox.containment is Containment.REDUCED and touches_git(args.command):
            found.add(Effect.DESTROY)
        return frozenset(found)

    def preview(self, args: ShellArgs, context: ToolContext) -> Preview:
        """Show the whole command, and what it asks for beyond the workspace."""
        if args.job:
            return Preview(kind="text", title=f"{'stop' if args.stop else 'read'} job {args.job}")
        asks = [name for name in ("network", "git", "background") if getattr(args, name)]
        asks += [f"writes {path}" for path in args.paths]
        title = "run" + (f" ({', '.join(asks)})" if asks else "")
        return Preview(kind="command", title=title, body=args.command)

    async def run(self, args: ShellArgs, context: ToolContext) -> ToolResult:
        """Run it; a command that fails is a result, one that cannot start a ToolError."""
        if args.job:
            return await _look(args, context)
        if not args.command.strip():
            raise ToolError("`command` is empty; give the command to run")
        if "\0" in args.command:
            raise ToolError("`command` has a NUL character; leave it out")
        writable = tuple(_writable(path) for path in args.paths)
        try:
            if args.background:
                return await _leave_running(args, context, writable)
            return await _run(args, context, writable)
        except SandboxError as error:
            raise ToolError(f"the command was not started: {error}") from error


def _writable(path: str) -> Path:
    place = Path(path).expanduser()
    if not place.is_absolute():
        raise ToolError(f"`paths` must be absolute: {path}; paths in the workspace need no asking")
    if not place.exists():
        raise ToolError(f"no such path: {path}; give its nearest folder that exists")
    return place.resolve()


def _start(context: ToolContext) -> tuple[Path, str]:
    """Return where the last command ended, and a note when that is gone."""
    root = context.workspace.root
    directory = context.memory.directory
    if context.workspace.kind(show(directory)) == "directory":  # which may show another tree
        return root / directory, ""
    note = f"{directory} is gone; this ran in the top folder\n"
    context.memory.directory = "."
    return root, note


def _shell(context: ToolContext) -> str:
    return trusted_program("bash", context.workspace.root) or "/bin/sh"


async def _run(args: ShellArgs, context: ToolContext, writable: tuple[Path, ...]) -> ToolResult:
    timeout = min(args.timeout or _TIMEOUT, _LONGEST_TIMEOUT)
    start, note = _start(context)
    capture = Capture(context.output)
    with tempfile.TemporaryDirectory(prefix="wisp-shell-") as name:
        end = Path(name) / "directory"
        shell = _shell(context)
        result = await context.sandbox.run(
            Command(
                argv=(shell, "-c", _WRAPPED, Path(shell).name, str(end), args.command),
                cwd=start,
                network=args.network,
                git=args.git,
                writable=(*writable, Path(name)),
                limits=Limits(wall_s=timeout),
            ),
            capture,
        )
        note += _remember(end, context)
    text = capture.text(_OUTPUT_BYTES).rstrip()
    told = _ending(result, timeout)
    shown = f"{text}\n" if text else ("(no output)\n" if result.ok else "")
    return ToolResult(text=f"{shown}{note}[{told}]", ok=result.ok, summary=told)


def _remember(end: Path, context: ToolContext) -> str:
    """Keep the directory where the command ended, and say when it changed."""
    memory, root = context.memory, context.workspace.root
    try:
        directory = Path(os.fsdecode(end.read_bytes().removesuffix(b"\n")))
    except OSError:
        return ""
    if not directory.is_relative_to(root):
        if directory.is_absolute():
            return f"the next command starts in {memory.directory}: {directory} is outside\n"
        return ""
    now = str(directory.relative_to(root))
    changed, memory.directory = now != memory.directory, now
    return f"now in {now}\n" if changed else ""


def _ending(result: CommandResult, timeout: float) -> str:
    if result.timed_out:
        return f"timed out after {timeout:g} s and was ended; give a longer timeout, or background"
    if result.exit_code is not None:
        # a shell, and a sandbox, tell of a signal as 128 and its number
        by = f" ({_signal(result.exit_code - 128)})" if result.exit_code > 128 else ""
        return f"exit {result.exit_code}{by}, {result.seconds:.1f} s"
    return f"ended by {_signal(result.signal or 0)}, {result.seconds:.1f} s"


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name}; perhaps out of memory" if name == "SIGKILL" else name


# -- background jobs


async def _leave_running(
    args: ShellArgs, context: ToolContext, writable: tuple[Path, ...]
) -> ToolResult:
    start, note = _start(context)
    process = await context.sandbox.spawn(
        Command(
            argv=(_shell(context), "-c", args.command),
            cwd=start,
            network=args.network,
            git=args.git,
            writable=writable,
            limits=Limits(wall_s=args.timeout or None),
        )
    )
    jobs = context.memory.jobs
    job = BackgroundJob(f"j{len(jobs) + 1}", args.command, process)
    jobs[job.id] = job
    job.pump = asyncio.create_task(_pump(job, args.timeout))
    await asyncio.wait({job.pump}, timeout=_SETTLE_S)
    state = job.ended or f'running; shell job="{job.id}" reads its output, stop=true ends it'
    return ToolResult(
        text=f"{_unread(job)}{note}[{job.id} {state}]",
        ok=not job.ended or job.ended.startswith("exit 0"),
        summary=f"{job.id} {job.ended or 'running'}",
    )


async def _pump(job: BackgroundJob, timeout: float) -> None:
    """Read the job's output until it ends, so that a full pipe never stops it."""
    while data := await job.process.read(_READ_BYTES):
        job.unread += data
        if len(job.unread) > 2 * _UNREAD_BYTES:
            job.dropped += len(job.unread) - _UNREAD_BYTES
            del job.unread[:-_UNREAD_BYTES]
    job.ended = _ending(await job.process.wait(), timeout)


def _unread(job: BackgroundJob) -> str:
    """Take what the job printed since the last look."""
    capture = Capture(head=_OUTPUT_BYTES, tail=_UNREAD_BYTES)
    capture(bytes(job.unread))
    text = capture.text(_OUTPUT_BYTES).rstrip()
    if job.dropped:
        text = f"… {job.dropped} bytes before this are gone …\n{text}"
    job.unread.clear()
    job.dropped = 0
    return f"{text}\n" if text else ""


async def _look(args: ShellArgs, context: ToolContext) -> ToolResult:
    """Return a job's new output; with `timeout`, once it ended or so many seconds passed."""
    job = context.memory.jobs.get(args.job)
    if job is None:
        known = ", ".join(f"{job.id} ({job.command})" for job in context.memory.jobs.values())
        raise ToolError(f"no job {args.job}; there are: {known or 'none'}")
    if args.stop and not job.ended:
        await _stop(job)
        job.ended = job.ended or "stopped"
    elif args.timeout and job.pump is not None:
        await asyncio.wait({job.pump}, timeout=min(args.timeout, _LONGEST_TIMEOUT))
    state = job.ended or "running"
    text = _unread(job) or ("(no new output)\n" if not job.ended else "")
    return ToolResult(text=f"{text}[{job.id} {state}]", summary=f"{job.id} {state}")


async def _stop(job: BackgroundJob) -> None:
    await job.process.stop()
    if job.pump is not None:
        await asyncio.wait({job.pump})


async def stop_jobs(memory: ToolMemory) -> None:
    """End every background job; to be called when the session ends."""
    await asyncio.gather(*(_stop(job) for job in memory.jobs.values() if not job.ended))
