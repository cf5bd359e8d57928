"""REDUCED containment: Landlock and a call filter, where namespaces cannot be had.

What is covered: writes outside, reads of secrets, the network, sockets of running services,
signals to other processes, capabilities, everything the command leaves running. What is not:
`.git` and other protected names inside the workspace (a tripwire looks at them afterwards), modes
and times of the user's own files outside, names of files and folders, processes in the list, files
made in /dev/shm.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sandbox import plan, seccomp
from sandbox.base import Command, CommandResult, Containment, Process, SandboxError
from sandbox.environment import caches_directory, command_environment
from sandbox.inside import Inside
from sandbox.launcher import launch, private_folder
from sandbox.process import Child
from sandbox.protected import secrets
from sandbox.workspace import Workspace

# what every program may write to: nothing in them lasts
_DEVICES = (
    *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
    *("/dev/tty", "/dev/ptmx", "/dev/shm"),  # semaphores live in /dev/shm
)
# Landlock knows ports, not hosts: a port that is open to loopback is open to the world
NO_REACH = (
    "the reduced sandbox has the whole network or none, no hosts and no loopback alone;"
    " install bubblewrap"
)


class Landlock:
    """Restricts each command before it starts. Raises SandboxError where the kernel cannot."""

    containment = Containment.REDUCED
    backend = "landlock"

    def __init__(
        self,
        workspace: Workspace,
        *,
        why_not: str,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        features: frozenset[str] = frozenset(),
    ) -> None:
        self.features = features
        self.why_not = why_not
        self._workspace = workspace
        self._home = (home or Path.home()).resolve()
        self._environ = os.environ if environ is None else environ
        wide = plan.refuse_as_root(workspace, self._home)
        if wide:
            raise SandboxError(wide)
        if sys.platform != "linux":
            raise SandboxError("Landlock exists on Linux only")
        from sandbox import kernel

        if kernel.landlock_abi() < kernel.LEAST_ABI:
            raise SandboxError("this kernel has no Landlock, or one from before Linux 6.2")
        # a Unix socket reaches whatever service listens at a path, so only pairs are left
        local = frozenset({seccomp.NETLINK})
        try:
            self._offline = seccomp.program(local, alone=False)
            self._online = seccomp.program(local | {seccomp.INET, seccomp.INET6}, alone=False)
        except LookupError as error:
            raise SandboxError(str(error)) from error
        self._inside = Inside(workspace, self._home)

    async def run(self, command: Command, write: Callable[[bytes], None]) -> CommandResult:
        """Run to the end, as the seam says."""
        child = await self._start(command, command.stdin is not None)
        return await child.run(write, command.stdin)

    async def spawn(self, command: Command, *, pty: bool = False) -> Process:
        """Start and return at once, as the seam says."""
        return await self._start(command, True, pty)

    async def _start(self, command: Command, pipe: bool, pty: bool = False) -> Child:
        if command.reach and not command.network:
            raise SandboxError(f"{NO_REACH}; it wanted {command.reach}")
        if self._inside.cold and not command.read_only:
            await asyncio.to_thread(self._inside.look)
        caches = caches_directory(self._workspace.root)
        rules = [*self._rules(command, caches, pty)]
        temporary = private_folder()
        environment = command_environment(
            self._environ,
            home=self._home,
            temporary=str(temporary),
            caches=caches,
            network=command.network,
            added=command.env,
        )
        return launch(
            command,
            environment,
            temporary=temporary,
            rules=[*rules, _writable(temporary)],
            after=self._inside.watch(command).release,
            call_filter=self._online if command.network else self._offline,
            pipe=pipe,
            pty=pty,
        )

    def _rules(self, command: Command, caches: Path | None, pty: bool) -> Iterator[tuple[str, int]]:
        from sandbox import kernel

        yield ("/", kernel.LIST)
        for path in _around({*secrets(self._home, self._environ)}):
            yield (path, kernel.READ)
        for root in plan.roots(self._workspace, command):
            plan.check_path(root.source, "the workspace")
            yield _writable(root.source) if root.writable else (str(root.source), kernel.READ)
        for added in command.writable:
            yield _writable(plan.check_path(added, "a writable path"))
        if caches is not None:
            yield _writable(caches)
        for device in _DEVICES:
            yield (device, kernel.WRITE)
        if pty:  # a terminal of its own; with it those of others are within reach
            yield ("/dev/pts", kernel.WRITE)


def _writable(path: Path) -> tuple[str, int]:
    from sandbox import kernel

    return (str(path), kernel.WRITE)


def _around(hidden: set[Path]) -> Iterator[str]:
    """Yield paths that together hold everything but the hidden ones.

    Rights only add up, so a folder that holds a hidden one is never named itself.
    """
    closed = {str(path) for path in hidden}
    above = {str(parent) for path in hidden for parent in path.parents}
    todo = ["/"]
    while todo:
        try:
            entries = [*os.scandir(todo.pop())]
        except OSError:
            continue
        for entry in entries:
            # of /dev, only what is listed: root could read the disks by their modes
            if entry.path in closed or entry.path == "/dev" or entry.is_symlink():
                continue
            if entry.path in above:
                todo.append(entry.path)
            else:
                yield entry.path
