"""FULL containment: bubblewrap, with namespaces, a view of the file system, and a call filter.

What is covered: writes outside, reads of secrets, the network, other processes, the terminal,
capabilities, new namespaces, everything the command leaves running, protected names in the
workspace, also absent ones and those of repositories within. What is not: memory and disk used up
within the limits, what is in a repository that the command makes (a tripwire looks at that).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import plan, seccomp
from sandbox.base import MOST_MEMORY, Command, CommandResult, Containment, Process, SandboxError
from sandbox.environment import caches_directory, command_environment, trusted_program
from sandbox.gateway import Attended, Gateway, gateway
from sandbox.inside import Inside
from sandbox.limits import Bounded
from sandbox.mounted import Gate
from sandbox.plan import Shown
from sandbox.process import Child, Start, to_the_end
from sandbox.protected import secrets
from sandbox.services import reachable
from sandbox.streams import memory_file
from sandbox.toolchains import toolchains
from sandbox.watcher import watch
from sandbox.workspace import Workspace

if TYPE_CHECKING:
    from sandbox.dialing import Resolve

# empty, private and in memory
_PRIVATE = ("/tmp", "/var/tmp", "/run")
_OWN_WORDS = b"bwrap: "
_TRIES = 12  # where sockets of others come and go, on a machine that is busy
_SHARED_MEMORY = "/dev/shm"
# in /proc: settings of the whole machine
_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
_NOTHING = Path(__file__).with_name("py.typed")  # an empty file that is always there
# how a shell calls each limit, in what unit; of processes, each has a name of its own
_FLAGS: Mapping[int, tuple[str, int]] = {
    resource.RLIMIT_CORE: ("c", 1),
    resource.RLIMIT_NOFILE: ("n", 1),
    resource.RLIMIT_FSIZE: ("f", 512),
    resource.RLIMIT_CPU: ("t", 1),
    resource.RLIMIT_NPROC: ("pu", 1),
}
_NAMESPACES = (
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--disable-userns", "--cap-drop", "ALL", "--new-session", "--die-with-parent"),
)


class Bubblewrap:
    """Runs each command in namespaces of its own. Raises SandboxError where bwrap is missing."""

    containment = Containment.FULL
    backend = "bubblewrap"
    why_not = ""

    def __init__(
        self,
        workspace: Workspace,
        *,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        features: frozenset[str] = frozenset(),
        lookup: Resolve | None = None,
    ) -> None:
        self.features = features
        self._lookup = lookup
        self._workspace = workspace
        self._home = (home or Path.home()).resolve()
        self._environ = os.environ if environ is None else environ
        wide = plan.refuse_as_root(workspace, self._home)
        if wide:
            raise SandboxError(wide)
        found = trusted_program("bwrap", (workspace.root, *workspace.extra))
        if found is None:
            raise SandboxError("bubblewrap is not installed")
        self._bwrap = str(found)
        try:
            self._filter = seccomp.program()
        except LookupError as error:
            raise SandboxError(str(error)) from error
        self._inside = Inside(workspace, self._home)

    async def run(self, command: Command, write: Callable[[bytes], None]) -> CommandResult:
        """Run to the end, as the seam says."""
        tries = _TRIES
        while True:
            tries -= 1
            words, hidden = _FirstWords(write), list[Path]()
            try:
                result = await self._once(command, words, hidden)
            except SandboxError:
                # a service that ended took its socket from under the mount: nothing was run
                if tries and not all(path.exists() for path in hidden):
                    continue
                words.end()
                raise
            words.end()
            return result

    async def _once(
        self, command: Command, write: Callable[[bytes], None], hidden: list[Path]
    ) -> CommandResult:
        """Run it; `hidden` gets the sockets of others that were hidden from it."""
        with gateway(command, self._lookup) as way:
            child, sockets = await self._start(command, way, command.stdin is not None)
            hidden += sockets
            return await way.ended(await child.run(write, command.stdin))

    async def spawn(self, command: Command, *, pty: bool = False) -> Process:
        """Start and return at once, as the seam says."""
        way = Gateway(command, self._lookup)
        try:
            return Attended((await self._start(command, way, True, pty))[0], way)
        except BaseException:
            way.close()
            raise

    async def _start(
        self, command: Command, way: Gateway, pipe: bool, pty: bool = False
    ) -> tuple[Child, list[Path]]:
        """Return the command, started, and the sockets of others that are hidden from it."""
        if self._inside.cold and not command.read_only:
            await asyncio.to_thread(self._inside.look)
        caches = caches_directory(self._workspace.root)
        environment = command_environment(
            self._environ,
            home=self._home,
            temporary="/tmp",
            caches=caches,
            network=command.network or command.reach.hosts,
            added=command.env,
        )
        try:
            watched = watch()
        except OSError as error:
            raise SandboxError(f"nothing could see to its end: {error}") from error
        try:
            held = self._inside.hold(command)
        except OSError as error:  # something beside us exchanges what we look at
            raise SandboxError(f"the workspace could not be looked at: {error}") from error
        bounded = Bounded(command.limits, held.release)
        tools = [*toolchains(self._environ, _PRIVATE)]
        hidden = [*dict.fromkeys(secrets(self._home, self._environ))]
        shown_tools = [real for _, real in tools]
        sockets = [*reachable(hidden, _PRIVATE, shown_tools, self._roots())]
        try:
            shown: list[Shown] = []
            view = [*self._view(command, caches, tools, hidden, sockets, held.shown, shown)]
        except BaseException as error:
            bounded.release()
            if isinstance(error, OSError):
                raise SandboxError(f"the workspace could not be looked at: {error}") from error
            raise
        filter_fd = memory_file(self._filter)
        status, told = os.pipe()
        line = os.dup(watched.line)
        gate = Gate()
        os.set_blocking(status, False)
        arguments = [
            *(self._bwrap, *_NAMESPACES),
            *(() if command.network else ("--unshare-net",)),
            *view,
            # no variable has this name: it only marks the command line for the watcher; bwrap's
            # own processes hold the line, and close it before the command
            *("--unsetenv", watched.mark, "--sync-fd", str(line)),
            *("--seccomp", str(filter_fd), "--json-status-fd", str(told)),
            *gate.options,
            *("--chdir", str(command.cwd), "--", *way.wrap(command.argv)),
        ]
        try:
            child = Child(
                Start(
                    _limited(bounded, arguments),
                    cwd=Path("/"),
                    env=environment,
                    stdin="pipe" if pipe else "none",
                    pty=pty,
                    pass_fds=(filter_fd, told, line, *gate.passed, *way.hand_over()),
                    wrappers=2,
                    status=status,
                    limits=command.limits,
                    after=bounded.release,
                )
            )
        except OSError as error:
            gate.close()
            bounded.release()
            raise SandboxError(f"the command was not started: {error}") from error
        opening = asyncio.ensure_future(asyncio.to_thread(gate.open, child, shown))
        try:
            await asyncio.shield(opening)
        except BaseException:  # moved, or cancelled: it was not let run
            gate.end(child)
            await to_the_end(_gone(child, opening))
            raise
        finally:
            gate.close()
        return child, sockets

    # -- the view of the file system, in the order of mounting

    def _view(
        self,
        command: Command,
        caches: Path | None,
        tools: Sequence[tuple[Path, Path]],
        hidden: Sequence[Path],
        sockets: Sequence[Path],
        held: Sequence[Shown],
        shown: list[Shown],
    ) -> Iterator[str]:
        """Yield the options; `shown` gets what is laid where commands can write."""
        yield from ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
        # bwrap itself does that only where the files' modes would let us write; those of root do
        for place in _KERNEL:
            if os.path.lexists(place):
                yield from ("--ro-bind", place, place)
        for place in (*_PRIVATE, _SHARED_MEMORY):
            if Path(place).is_dir() and not Path(place).is_symlink():
                size = MOST_MEMORY // (3 if place == "/tmp" else 12)  # under half of all memory
                yield from ("--size", str(size), "--perms", "1777", "--tmpfs", place)
        yield from ("--remount-ro", "/dev")  # its folder is in memory too
        for prefix, real in tools:
            yield from ("--ro-bind", str(real), str(prefix))
        yield from self._resolver(command)
        writable = [plan.check_path(path, "a writable path") for path in command.writable]
        own = [*([caches] if caches else []), *writable]
        tops = (*self._roots(), *own)
        # those that a later mount would uncover wait for it
        inside = [path for path in hidden if any(top in path.parents for top in tops)]
        masks = {one.target for one in held}
        for path in hidden:
            if path not in inside:
                yield from _hide(path)
        for path in sockets:
            if not any(top in path.parents for top in tops):
                yield from _bind(_mute(path))
        for root in plan.roots(self._workspace, command):
            shown.append(root)
            if root.writable:
                guards = plan.guards(root.source, root.target, git=command.git)
                shown += [one for one in guards if one.target not in masks]  # each mount takes time
        shown += held
        for path in own:
            shown.append(Shown(path, path, True))
            if path in writable and path.is_dir():
                shown += plan.guards(path, path, git=command.git)
        shown += [_mute(path) for path in sockets if any(top in path.parents for top in tops)]
        for one in shown:
            yield from _bind(one)
        yield from self._mounts(command, shown)
        for path in inside:  # a copy that is shown in the workspace's place has them too
            yield from _hide(path)
        # last, since what is mounted within them needed to be made in them
        for path in hidden:
            if path.is_dir() and path not in {one.target for one in shown}:
                yield from ("--remount-ro", str(path))

    def _mounts(self, command: Command, shown: list[Shown]) -> Iterator[str]:
        for mount in command.mounts:
            source = plan.check_path(mount.source, "a mount's source")
            plan.check_target(mount.target, shown)
            added = [Shown(source, mount.target, mount.writable and not command.read_only)]
            if mount.target in self._roots() and added[0].writable:
                added += plan.guards(source, mount.target, git=command.git)
            shown += added
            for one in added:
                yield from _bind(one)

    def _roots(self) -> tuple[Path, ...]:
        return (self._workspace.root, *self._workspace.extra)

    @staticmethod
    def _resolver(command: Command) -> Iterator[str]:
        """Show the resolver's configuration, which often lies in the hidden /run."""
        real = os.path.realpath("/etc/resolv.conf")
        if command.network and real.startswith("/run/") and Path(real).is_file():
            yield from ("--ro-bind", real, real)


async def _gone(child: Child, opening: Awaitable[None]) -> None:
    """See a command gone that was killed before it ran."""
    for ends in (opening, child.wait()):
        with contextlib.suppress(SandboxError):
            await ends
    child.close()


class _FirstWords:
    """Passes output on, but for a first line of bubblewrap's own, until more comes, or `end`."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._first: bytearray | None = bytearray()

    def __call__(self, data: bytes) -> None:
        if self._first is None:
            self._write(data)
            return
        self._first += data
        begins = self._first[: len(_OWN_WORDS)] == _OWN_WORDS[: len(self._first)]
        if not begins or b"\n" in self._first[:-1]:
            self.end()

    def end(self) -> None:
        """Pass on what was kept, and all that comes."""
        if self._first:
            self._write(bytes(self._first))
        self._first = None


def _bind(shown: Shown) -> tuple[str, str, str]:
    return ("--bind" if shown.writable else "--ro-bind", str(shown.source), str(shown.target))


def _mute(socket: Path) -> Shown:
    """Lay nothing over a socket, so that nobody is reached by it."""
    return Shown(Path("/dev/null"), socket, False)


def _hide(path: Path) -> tuple[str, ...]:
    """Lay nothing over a secret: an empty folder, or an empty file."""
    if path.is_dir():
        return ("--tmpfs", str(path))
    return ("--ro-bind", str(_NOTHING), str(path))


def _limited(bounded: Bounded, arguments: list[str]) -> tuple[str, ...]:
    """Put the limits in front: the shell's `ulimit` costs a millisecond and is everywhere."""
    script = ""
    for kind, soft, hard in bounded.limits:
        flag, unit = _FLAGS[kind]
        most = resource.getrlimit(kind)[1]
        for which, value in (("S", soft), ("H", hard)):
            if most == resource.RLIM_INFINITY or value < most:
                set_ = f"ulimit -{which}{{}} {value // unit}"
                script += " 2>/dev/null || ".join(map(set_.format, flag)) + "; "
    if bounded.door:
        script += f"echo 0 > {bounded.door}; "
    return ("/bin/sh", "-c", f'{script}exec "$@"', "sh", *arguments)
