"""Runs a checker on one file: in the sandbox, which only reads, without network, within bounds."""

from __future__ import annotations

from sandbox.base import Command, Limits, SandboxError
from tools.base import ToolContext
from tools.capture import Capture
from tools.diagnostics.base import MOST_FOUND, Checker, Finding
from tools.diagnostics.project import Asked

_OUTPUT = 4 << 20  # bytes
_WITHOUT_TALK = ("/bin/sh", "-c", 'exec "$@" 2>/dev/null', "sh")


async def run(context: ToolContext, asked: Asked) -> tuple[Finding, ...] | None:
    """Return what it says of its file as it is now; None where it says nothing in time."""
    checker, memory = asked.checker, context.memory.diagnosed
    assert isinstance(checker, Checker), "a server is consulted"
    capture = Capture(head=_OUTPUT, tail=1)
    argv = (str(asked.program), *checker.arguments(asked.place))
    try:
        result = await context.sandbox.run(
            Command(
                argv=argv if checker.both_streams else (*_WITHOUT_TALK, *argv),
                cwd=asked.place.folder,
                env=asked.variables(context.workspace),
                read_only=True,
                limits=Limits(wall_s=checker.seconds, kill_grace_s=0.2, output_bytes=2 * _OUTPUT),
            ),
            capture,
        )
    except SandboxError:
        memory.mute[checker.name] += 1
        return None
    if result.timed_out:
        memory.slow[checker.name] += 1
        return None
    output = capture.text(_OUTPUT)
    try:
        if capture.cut or result.exit_code is None or not checker.spoke(result.exit_code, output):
            raise ValueError("it did not come to its end")
        found = tuple(checker.read(output, asked.place))
        if len(found) > MOST_FOUND:
            raise ValueError("too many to compare")
    # another version says it in another form
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        memory.mute[checker.name] += 1
        return None
    return found
