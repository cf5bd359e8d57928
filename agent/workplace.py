"""A copy of the tree to work in: tools see it in the original's place, and change nothing else.

Its files are no one's, so to change them needs no approval; what comes of it is put to the policy
when it is to go into the user's tree. Everything else is decided as it is anywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

from agent.copies import Copies, Copy
from agent.policy import Decide, Decision, Verdict
from sandbox.aside import Aside
from sandbox.base import Command, CommandResult, Mount, Process, Sandbox
from tools.base import Effect, ToolCall, ToolContext, ToolMemory
from tools.shell import stop_jobs

CHECK = "check"
CHECK_REASON = "`agent fix` is consent to run the project's own checks, and this runs in a copy"
EDIT_REASON = "this changes a copy, and what comes of it is asked about before it is applied"


@dataclass(frozen=True)
class Workplace:
    """A copy, and what tools need to work in it as if it were the workspace."""

    copy: Copy
    context: ToolContext

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, context: ToolContext, copies: Copies, extra: Mapping[str, bytes | None]
    ) -> AsyncIterator[Workplace]:
        """Make the place, with `extra` files in it, and take it away.

        Raises as `Copies.make` does. Needs FULL containment.
        """
        async with copies.make() as copy:
            for path, data in extra.items():
                await copy.write(path, data or b"")
            workspace = context.workspace
            beside = [path for path in workspace.extra if not path.is_relative_to(workspace.root)]
            # read-only, and first: one may hold the workspace
            shown = (*(Mount(path, path) for path in beside), *copy.mounts)
            place = replace(
                context,
                workspace=Aside(workspace, copy.path, copy.mounted),
                sandbox=Shown(context.sandbox, shown),
                memory=ToolMemory(),
            )
            try:
                yield cls(copy, place)
            finally:
                await stop_jobs(place.memory)

    async def touched(self) -> list[str]:
        """Return the files that are not as they were at first, once nothing runs any more."""
        await stop_jobs(self.context.memory)
        return await self.copy.touched()


class Shown:
    """A sandbox whose commands all see these mounts; for the rest the one that it stands on."""

    def __init__(self, sandbox: Sandbox, mounts: tuple[Mount, ...]) -> None:
        self.containment = sandbox.containment
        self.backend = sandbox.backend
        self.why_not = sandbox.why_not
        self.features = sandbox.features
        self._sandbox = sandbox
        self._mounts = mounts

    async def run(self, command: Command, write: Callable[[bytes], None]) -> CommandResult:
        """Run to the end, as the seam says."""
        return await self._sandbox.run(self._with(command), write)

    async def spawn(self, command: Command, *, pty: bool = False) -> Process:
        """Start and return at once, as the seam says."""
        return await self._sandbox.spawn(self._with(command), pty=pty)

    def _with(self, command: Command) -> Command:
        return replace(command, mounts=(*self._mounts, *command.mounts))


def deciding_in_copy(decide: Decide) -> Decide:
    """Return what decides calls there: as `decide` does, but for edits of the copy and checks."""

    def decided(call: ToolCall, effects: frozenset[Effect]) -> Decision:
        left = effects - {Effect.EDIT}
        whole = decide(call, left)
        if call.name == CHECK:
            return replace(whole, verdict=Verdict.ALLOW, reason=CHECK_REASON)
        return whole if left else replace(whole, verdict=Verdict.ALLOW, reason=EDIT_REASON)

    return decided
