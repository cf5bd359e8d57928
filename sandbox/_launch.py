"""Runs one command in a Python of its own, and sees that nothing of it is left.

Started by `launcher.py` as `python -I -S -c … FD`; FD holds its marshalled `Orders`. This process
stays outside of what it restricts: it adopts whatever the command leaves behind, and when the
command ends, or the other end of the lifeline closes because whoever started us is gone, it kills
all of that, removes the private folder, tells how it went and ends. A failure to start goes to the
output, without a status.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` builds enums for 8 ms
import marshal
import os
import select
import sys

from sandbox.descendants import descendants

TYPE_CHECKING = False  # importing `typing` for it would take 8 ms
if TYPE_CHECKING:
    from sandbox.launcher import Orders

LINUX = sys.platform == "linux"
KILL, PIPE, CHILD, TERM, FILE_SIZE = 9, 13, 17 if LINUX else 20, 15, 25


def main() -> None:
    """Start the command, wait, clean up, and exit as it did; 128 and the signal where one hit."""
    orders: Orders = marshal.loads(_read_all(int(sys.argv[1])))
    # they came through an exec and must not go through another: the command could lie over them
    os.set_inheritable(orders["lifeline"], False)
    os.set_inheritable(orders["status"], False)
    if LINUX:
        from sandbox import kernel

        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    _signal.set_wakeup_fd(wake)
    # a handler, since what is ignored would stay ignored in the command; TERM is meant for it only
    for number in (CHILD, TERM, 1, 2):
        _signal.signal(number, lambda *_: None)
    supervisor = os.getpid()
    failed, fail = os.pipe()
    child = os.fork()
    if child == 0:
        _become(orders, supervisor, fail)
    os.close(fail)
    error = _read_all(failed)
    if error:
        os.waitpid(child, 0)
        os.write(2, error)
        _remove(orders["temporary"])
        os._exit(1)
    code = _wait(child, orders["lifeline"], woken)
    if orders["group"]:
        _shut(orders["group"])
    _kill_all(child)
    _remove(orders["temporary"])
    os.write(orders["status"], b'{ "exit-code": %d }\n' % code)
    os._exit(code)


def _become(orders: Orders, supervisor: int, fail: int) -> None:
    """Turn into the command, within its bounds."""
    doing = "the sandbox"
    try:
        os.setsid()
        if orders["terminal"]:
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (PIPE, FILE_SIZE, CHILD, TERM, 1, 2):
            _signal.signal(number, _signal.SIG_DFL)
        _signal.set_wakeup_fd(-1)
        if LINUX:
            from sandbox import kernel

            kernel.prctl(kernel.PR_SET_PDEATHSIG, KILL)
            if os.getppid() != supervisor:
                os._exit(1)
        _limit(orders["limits"])
        if orders["group"]:
            _enter(orders["group"])
        doing = orders["cwd"]
        os.chdir(doing)
        doing = "the sandbox"
        if orders["contained"]:
            kernel.drop_capabilities()
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            kernel.landlock(orders["rules"], network=orders["network"])
            kernel.seccomp(orders["filter"])
        doing = orders["argv"][0]
        os.execvp(doing, orders["argv"])
    except OSError as error:
        os.write(fail, f"{doing}: {error.strerror}\n".encode(errors="surrogateescape"))
        os._exit(1)


def _limit(limits: list[tuple[int, int, int]]) -> None:
    import resource

    for kind, soft, hard in limits:
        most = resource.getrlimit(kind)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(kind, (soft, hard))


def _enter(group: str) -> None:
    """Put this process into a group of processes."""
    door = os.open(group, os.O_WRONLY)
    os.write(door, b"0")
    os.close(door)


def _shut(group: str) -> None:
    """Let nothing in a group start anything any more: what forks for ever would outrun a kill."""
    try:
        most = os.open(f"{os.path.dirname(group)}/pids.max", os.O_WRONLY)  # noqa: PTH120 pathlib is slow to import
        os.write(most, b"0")
        os.close(most)
    except OSError:
        return


def _wait(child: int, lifeline: int, woken: int) -> int:
    """Reap whatever ends until the command does, or the lifeline closes."""
    waiting = select.poll()
    waiting.register(lifeline, select.POLLIN | select.POLLHUP)
    waiting.register(woken, select.POLLIN)
    while True:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if pid == 0:
                break
        for descriptor, _ in waiting.poll():
            if descriptor == lifeline:
                return 128 + KILL
            os.read(woken, 4096)


def _kill_all(child: int) -> None:
    """Kill everything below us until nothing is left; a fork between two looks is caught next."""
    while True:
        for pid in descendants(os.getpid())[1:]:
            _kill(pid)
        if not LINUX:
            _kill(-child)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        select.select([], [], [], 0.002)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, KILL)
    except (ProcessLookupError, PermissionError):
        return


def _remove(folder: str) -> None:
    if not folder:
        return
    try:
        os.rmdir(folder)  # noqa: PTH106 pathlib is slow to import
    except OSError:
        import shutil

        try:
            shutil.rmtree(folder, ignore_errors=True)
        except RecursionError:
            _flatten(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _flatten(folder: str) -> None:
    """Move the folders at any depth to the top, so that none is too deep to be removed."""
    todo, count = [folder], 0
    for above in todo:
        try:
            names = [
                entry.name for entry in os.scandir(above) if entry.is_dir(follow_symlinks=False)
            ]
            for name in names:
                count += 1
                flat = f"{folder}/.{count}.{os.getpid()}"
                os.rename(f"{above}/{name}", flat)  # noqa: PTH104 pathlib is slow to import
                todo.append(flat)
        except OSError:
            continue


def _read_all(descriptor: int) -> bytes:
    data = b""
    while chunk := os.read(descriptor, 1 << 16):
        data += chunk
    os.close(descriptor)
    return data
