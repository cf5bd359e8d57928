"""FULL containment: bubblewrap, with namespaces, a view of the file system, and a call filter.

What is covered: writes outside, reads of secrets, the network, other processes, the terminal,
capabilities, new namespaces, everything the command leaves running. What is not: memory and disk
used up within the limits, absent protected names, nested repositories.
"""

from __future__ import annotations

import os
import resource
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import plan, seccomp
from sandbox.base import Command, CommandResult, Containment, Limits, Process, SandboxError
from sandbox.environment import caches_directory, command_environment, trusted_program
from sandbox.gateway import Attended, Gateway, gateway
from sandbox.plan import Shown
from sandbox.process import Child, Start
from sandbox.protected import secrets
from sandbox.streams import memory_file
from sandbox.watcher import watch
from sandbox.workspace import Workspace

if TYPE_CHECKING:
    from sandbox.dialing import Resolve

# empty, private and in memory; `/dev/shm` comes with `--dev`
_PRIVATE = ("/tmp", "/var/tmp", "/run")
_NOTHING = Path(__file__).with_name("py.typed")  # an empty file that is always there
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
        lookup: Resolve | None = None,
    ) -> None:
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

    async def run(self, command: Command, write: Callable[[bytes], None]) -> CommandResult:
        """Run to the end, as the seam says."""
        with gateway(command, self._lookup) as way:
            child = self._start(command, way, command.stdin is not None)
            return await way.ended(await child.run(write, command.stdin))

    async def spawn(self, command: Command, *, pty: bool = False) -> Process:
        """Start and return at once, as the seam says."""
        way = Gateway(command, self._lookup)
        try:
            return Attended(self._start(command, way, True, pty), way)
        except BaseException:
            way.close()
            raise

    def _start(self, command: Command, way: Gateway, pipe: bool, pty: bool = False) -> Child:
        caches = caches_directory()
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
        filter_fd = memory_file(self._filter)
        try:
            view = [*self._view(command, caches)]
        except BaseException:
            os.close(filter_fd)
            raise
        status, told = os.pipe()
        line = os.dup(watched.line)
        os.set_blocking(status, False)
        arguments = [
            *(self._bwrap, *_NAMESPACES),
            *(() if command.network else ("--unshare-net",)),
            *view,
            # no variable has this name: it only marks the command line for the watcher; bwrap's
            # own processes hold the line, and close it before the command
            *("--unsetenv", watched.mark, "--sync-fd", str(line)),
            *("--seccomp", str(filter_fd), "--json-status-fd", str(told)),
            *("--chdir", str(command.cwd), "--", *way.wrap(command.argv)),
        ]
        try:
            return Child(
                Start(
                    _limited(command.limits, arguments),
                    cwd=Path("/"),
                    env=environment,
                    stdin="pipe" if pipe else "none",
                    pty=pty,
                    pass_fds=(filter_fd, told, line, *way.hand_over()),
                    wrappers=2,
                    status=status,
                    limits=command.limits,
                )
            )
        except OSError as error:
            raise SandboxError(f"the command was not started: {error}") from error

    # -- the view of the file system, in the order of mounting

    def _view(self, command: Command, caches: Path | None) -> Iterator[str]:
        yield from ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
        for place in _PRIVATE:
            if Path(place).is_dir() and not Path(place).is_symlink():
                yield from ("--perms", "1777", "--tmpfs", place)
        for prefix in self._toolchains():
            yield from ("--ro-bind", str(prefix), str(prefix))
        yield from self._resolver(command)
        hidden = [*dict.fromkeys(secrets(self._home))]
        writable = [plan.check_path(path, "a writable path") for path in command.writable]
        own = [*([caches] if caches else []), *writable]
        shown: list[Shown] = []
        tops = (*self._roots(), *own)
        # those that a later mount would uncover wait for it
        inside = [path for path in hidden if any(top in path.parents for top in tops)]
        for path in hidden:
            if path not in inside:
                yield from _hide(path)
        for path in _sockets((*self._roots(), *hidden)):
            yield from ("--ro-bind", "/dev/null", str(path))
        for root in plan.roots(self._workspace, command):
            shown.append(root)
            if root.writable:
                shown += plan.guards(root.source, root.target, git=command.git)
        shown += [Shown(path, path, True) for path in own]
        for one in shown:
            yield from _bind(one)
        for path in inside:
            yield from _hide(path)
        yield from self._mounts(command, shown)
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

    def _toolchains(self) -> Iterator[Path]:
        """Yield the environments that lie in a hidden place, such as a clone's below /tmp."""
        for name in dict.fromkeys((sys.prefix, self._environ.get("VIRTUAL_ENV", ""))):
            path = Path(name)
            inside = any(path.is_relative_to(place) for place in _PRIVATE)
            if inside and os.path.realpath(path) == name and (path / "pyvenv.cfg").is_file():
                yield path

    @staticmethod
    def _resolver(command: Command) -> Iterator[str]:
        """Show the resolver's configuration, which often lies in the hidden /run."""
        real = os.path.realpath("/etc/resolv.conf")
        if command.network and real.startswith("/run/") and Path(real).is_file():
            yield from ("--ro-bind", real, real)


def _bind(shown: Shown) -> tuple[str, str, str]:
    return ("--bind" if shown.writable else "--ro-bind", str(shown.source), str(shown.target))


def _hide(path: Path) -> tuple[str, ...]:
    """Lay nothing over a secret: an empty folder, or an empty file."""
    if path.is_dir():
        return ("--tmpfs", str(path))
    return ("--ro-bind", str(_NOTHING), str(path))


def _sockets(known: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the sockets of running services that would be reachable by their path.

    A read-only mount does not keep a program from talking to the service behind a socket.
    """
    try:
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for name in sorted({"/" + line.partition(" /")[2] for line in lines if " /" in line}):
        path = Path(name)
        if any(path.is_relative_to(place) for place in (*map(Path, _PRIVATE), *known)):
            continue
        try:
            if stat.S_ISSOCK(path.lstat().st_mode) and os.path.realpath(path) == name:
                yield path
        except OSError:
            continue


def _limited(limits: Limits, arguments: list[str]) -> tuple[str, ...]:
    """Put the limits in front: the shell's `ulimit` costs a millisecond and is everywhere."""
    wanted = (
        ("-c", resource.RLIMIT_CORE, 0, 1),
        ("-n", resource.RLIMIT_NOFILE, limits.open_files, 1),
        ("-f", resource.RLIMIT_FSIZE, limits.file_bytes, 512),
        ("-v", resource.RLIMIT_AS, limits.memory_bytes, 1024),
    )
    script = ""
    for flag, kind, value, unit in wanted:
        hard = resource.getrlimit(kind)[1]
        if value is not None and (hard == resource.RLIM_INFINITY or value < hard):
            script += f"ulimit {flag} {value // unit}; "
    return ("/bin/sh", "-c", f'{script}exec "$@"', "sh", *arguments)
