"""The `shell` tool: one command, in the foreground or left running."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path

from sandbox.base import Command, CommandResult, Containment, Limits, SandboxError
from sandbox.contents import left_in
from sandbox.names import show
from sandbox.reach import EVERYTHING, OFF, Reach
from tools.base import (
    BackgroundJob,
    Brief,
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
from tools.commands import effects_of, names_protected, touches_protected
from tools.trusted import trusted_program

_TIMEOUT = 120.0  # seconds
_LONGEST_TIMEOUT = 3600.0
_OUTPUT_BYTES = 6_000  # for the model
_UNREAD_BYTES = 64_000  # of a job's output that nobody read yet
_SETTLE_S = 0.5  # how long a job is watched for an early end before the call returns
_READ_BYTES = 65_536
_NAMED = 80  # characters of a command, where it names its output

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
    makes = True
    brief = Brief(("command+",), "Run a command in a fresh shell, such as mv or rm.")

    def effects(self, args: ShellArgs, context: ToolContext) -> frozenset[Effect]:
        """Say what it asks for; where nothing contains it, what its text says."""
        if args.job:
            return frozenset({Effect.READ})  # its start was decided; ending it undoes nothing
        found = {Effect.EXECUTE}
        if args.network:
            if not _reach(args, context):
                raise ToolError(
                    "the user's settings keep this off the network; go on without `network`"
                )
            found.add(Effect.NETWORK)
        if args.paths:
            found.add(Effect.OUTSIDE)
        if args.git:
            found.add(Effect.DESTROY)
        held = context.sandbox.containment
        protected = {
            Containment.NONE: names_protected,
            Containment.REDUCED: touches_protected,
        }.get(held)
        if protected is not None and protected(args.command):
            found.add(Effect.DESTROY)
        if held is Containment.NONE:
            return (frozenset(found) - {Effect.EXECUTE}) | effects_of(args.command)
        return frozenset(found)

    def origin(self, args: ShellArgs, context: ToolContext) -> str:
        """Name a command that had the network; others print what is here."""
        if args.job:
            job = context.memory.jobs.get(args.job)
            return job.origin if job else ""
        if Effect.NETWORK not in self.effects(args, context):
            return ""
        command = " ".join(args.command.split())
        return f"`{command[:_NAMED]}{'…' * (len(command) > _NAMED)}`, with the network"

    def preview(self, args: ShellArgs, context: ToolContext) -> Preview:
        """Show the whole command, and what it asks for beyond the workspace."""
        if args.job:
            return Preview(kind="text", title=f"{'stop' if args.stop else 'read'} job {args.job}")
        reach = _reach(args, context)
        asks = [] if reach == OFF else ["network"] if reach.everything else [f"network: {reach}"]
        asks += [name for name in ("git", "background") if getattr(args, name)]
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
                return await _leave_running(args, context, writable, self.origin(args, context))
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


def _reach(args: ShellArgs, context: ToolContext) -> Reach:
    """Return what the command reaches of the network: what it asks for, as the settings have it."""
    rules = context.network
    listed = rules.command(args.command)
    if listed is None:
        return EVERYTHING if args.network and not rules.off else OFF
    return listed if args.network else listed.inward


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
    reach = _reach(args, context)
    capture = Capture(context.output)
    with tempfile.TemporaryDirectory(prefix="wisp-shell-") as name:
        end = Path(name) / "directory"
        shell = _shell(context)
        result = await context.sandbox.run(
            Command(
                argv=(shell, "-c", _WRAPPED, Path(shell).name, str(end), args.command),
                cwd=start,
                network=reach.everything,
                reach=reach,
                git=args.git,
                writable=(*writable, Path(name)),
                limits=Limits(wall_s=timeout),
            ),
            capture,
        )
        note += _remember(end, context)
    text = capture.text(_OUTPUT_BYTES).rstrip()
    told = _ending(result, timeout)
    note += "".join(f"[sandbox: {each}]\n" for each in result.notes)
    shown = f"{text}\n" if text else ("(no output)\n" if result.ok else "")
    summary = "; ".join((told, *result.notes[:1]))
    return ToolResult(text=f"{shown}{note}[{told}]", ok=result.ok, summary=summary)


def _remember(end: Path, context: ToolContext) -> str:
    """Keep the directory where the command ended, and say when it changed."""
    memory, root = context.memory, context.workspace.root
    try:
        told = left_in(end.parent, end.name)
        directory = Path(os.fsdecode(told.removesuffix(b"\n")))
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
    args: ShellArgs, context: ToolContext, writable: tuple[Path, ...], origin: str
) -> ToolResult:
    start, note = _start(context)
    reach = _reach(args, context)
    process = await context.sandbox.spawn(
        Command(
            argv=(_shell(context), "-c", args.command),
            cwd=start,
            network=reach.everything,
            reach=reach,
            git=args.git,
            writable=writable,
            limits=Limits(wall_s=args.timeout or None),
        )
    )
    jobs = context.memory.jobs
    job = BackgroundJob(f"j{len(jobs) + 1}", args.command, process)
    job.origin = origin
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
    result = await job.process.wait()
    job.unread += "".join(f"[sandbox: {each}]\n" for each in result.notes).encode()
    job.ended = _ending(result, timeout)


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
    """End every background job and language server; to be called when the session ends."""
    servers = [memory.diagnosed.servers.popitem()[1] for _ in range(len(memory.diagnosed.servers))]
    jobs = [job for job in memory.jobs.values() if not job.ended]
    await asyncio.gather(*(each.stop() for each in servers), *(_stop(job) for job in jobs))
