"""What stands on the host for an attack to reach: services, processes, terminals, shared memory."""

from __future__ import annotations

import ctypes
import os
import pty
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.sandbox.attacks.case import SECRET, Unavailable
from tests.sandbox.ground import Ground

_PATIENCE = 10.0  # seconds that a thread waits for its attack
_ANSWERS_S = 5.0  # seconds in which a process that nobody stopped answers


@dataclass
class Seen:
    """A witness made of its facts and of a look at the host."""

    facts: dict[str, str]
    saw: Callable[[], str] = lambda: ""


# -- the network


@contextmanager
def ports(ground: Ground) -> Iterator[Seen]:
    """TCP and UDP services on both loopbacks: $TCP4, $UDP4, $TCP6, $UDP6."""
    facts: dict[str, str] = {}
    services: dict[str, socket.socket] = {}
    with ExitStack() as stack:
        for version, family, address in (
            ("4", socket.AF_INET, "127.0.0.1"),
            ("6", socket.AF_INET6, "::1"),
        ):
            for name, kind in (("TCP", socket.SOCK_STREAM), ("UDP", socket.SOCK_DGRAM)):
                service = stack.enter_context(socket.socket(family, kind))
                service.bind((address, 0))
                if name == "TCP":
                    service.listen()
                services[name + version] = service
                facts[name + version] = str(service.getsockname()[1])
        yield Seen(facts, lambda: _reached(services))


def _reached(services: dict[str, socket.socket]) -> str:
    """Say which services somebody spoke to: a connection waits, or a datagram."""
    ready = select.select([*services.values()], [], [], 0)[0]
    return ", ".join(f"reached {name}" for name, each in services.items() if each in ready)


def unix(
    bind: str, reach: str = "", *, rename: bool = False, below: str = "", kind: int = 1
) -> Callable[[Ground], object]:
    """A service that is bound as `bind` (from `below`) and reached as $SOCKET; {top} is known."""

    @contextmanager
    def serve(ground: Ground) -> Iterator[Seen]:
        name, path = (each.format(top=ground.top) for each in (bind, reach or bind))
        with socket.socket(socket.AF_UNIX, kind) as service:
            if name.startswith("@"):
                service.bind("\0" + name[1:] + ground.top.name)
                path = "@" + name[1:] + ground.top.name
            else:
                here = os.open(".", os.O_PATH)
                try:
                    os.chdir(ground.top / below)
                    service.bind(name + ".first" if rename else name)
                    if rename:
                        Path(name + ".first").rename(name)
                finally:
                    os.fchdir(here)
                    os.close(here)
            if kind == socket.SOCK_STREAM:
                service.listen()
            yield Seen({"SOCKET": path}, lambda: _reached({path: service}))

    return serve


_ELSEWHERE = """
import socket, sys
service = socket.socket(socket.AF_UNIX)
service.bind(sys.argv[1])
service.listen()
print("up", flush=True)
service.accept()
print("reached", flush=True)
sys.stdin.read()
"""


@contextmanager
def other_network(ground: Ground) -> Iterator[Seen]:
    """A service whose process is in a network of its own, as a container's or systemd's is."""
    path = ground.outside / "elsewhere.sock"
    how = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
    program = [*how, sys.executable, "-I", "-c", _ELSEWHERE, str(path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != b"up\n":
            raise Unavailable("no network of its own can be made for a service")
        out = process.stdout

        def saw() -> str:
            return "reached" if select.select([out], [], [], 0.1)[0] else ""

        yield Seen({"SOCKET": str(path)}, saw)
        process.stdin.close()
        process.kill()


def put_back(name: str) -> Callable[[Ground], object]:
    """A file of the ground that may be changed for a while, as long as it then says the same."""

    @contextmanager
    def witness(ground: Ground) -> Iterator[Seen]:
        path = ground.top / name
        before = path.read_bytes()
        yield Seen({}, lambda: "" if path.read_bytes() == before else f"changed: {name}")

    return witness


# -- processes


@contextmanager
def victim(ground: Ground) -> Iterator[Seen]:
    """A process of the user, $VICTIM, that keeps a secret; it is to stay as it is."""
    code = (
        f"import sys; secret = {SECRET!r} + str(1) + ' kept'\n"
        "print('up', flush=True)\n"
        "for line in sys.stdin: print('still up', flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "WISP_TEST_API_KEY": SECRET},
    ) as process:
        said, told = process.stdout, process.stdin
        assert said is not None and told is not None
        said.readline()
        before = _shape(process.pid)

        def saw() -> str:
            # on a busy machine a signal acts late: whoever answers has had all that were sent
            with suppress(BrokenPipeError):
                told.write(b"\n")
            if not select.select([said], [], [], _ANSWERS_S)[0] or not said.readline():
                return f"it no longer answers: {process.poll()}"
            after = _shape(process.pid)
            return "" if after == before else f"changed: {before} -> {after}"

        yield Seen({"VICTIM": str(process.pid)}, saw)
        process.kill()


def _shape(pid: int) -> tuple[object, ...]:
    limits = [resource.prlimit(pid, kind) for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)]
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    stopped = state in "tT"
    return (limits, os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid), stopped)


@contextmanager
def survivors(ground: Ground) -> Iterator[Seen]:
    """Sees what still runs when the command has ended: whatever has $TOKEN on its command line."""
    words = {os.getpid()}

    def living() -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in words:
                with suppress(OSError):
                    line = (entry / "cmdline").read_bytes().split(b"\0")
                    if os.fsencode(ground.top.name) in line:
                        found.append(int(entry.name))
        return found

    def saw() -> str:
        # one look misses what forks while it looks
        left = {pid for _ in range(3) for pid in living()}
        return f"still running: {len(left)}" if left else ""

    yield Seen({}, saw)
    end = time.monotonic() + _PATIENCE
    while (left := living()) and time.monotonic() < end:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def shared_memory(ground: Ground) -> Iterator[Seen]:
    """A segment of System V with a secret, of the key $KEY."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    key = 0x57000000 | os.getpid() & 0xFFFFFF
    segment = libc.shmget(key, 4096, 0o1600)
    address = libc.shmat(segment, None, 0)
    ctypes.memmove(address, SECRET.encode(), len(SECRET))
    try:
        yield Seen(
            {"KEY": str(key)},
            lambda: "" if ctypes.string_at(address, len(SECRET)) == SECRET.encode() else "written",
        )
    finally:
        libc.shmdt(ctypes.c_void_p(address))
        libc.shmctl(segment, 0, None)


@contextmanager
def terminal(ground: Ground) -> Iterator[Seen]:
    """Another terminal of the user, $TERMINAL, into which a secret has just been typed."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, SECRET.encode() + b"\n")
        os.read(ours, 100)  # its echo
        os.set_blocking(ours, False)

        def saw() -> str:
            try:
                return f"written to: {os.read(ours, 100)!r}"
            except BlockingIOError:
                return ""

        yield Seen({"TERMINAL": os.ttyname(theirs)}, saw)
    finally:
        os.close(ours)
        os.close(theirs)


# -- files


def strays(*places: str) -> Callable[[Ground], object]:
    """Sees files that appear at these places of the host; {token} is known."""

    @contextmanager
    def look(ground: Ground) -> Iterator[Seen]:
        paths = [Path(place.format(token=ground.top.name)) for place in places]

        def saw() -> str:
            return ", ".join(f"made: {path}" for path in paths if os.path.lexists(path))

        try:
            yield Seen({}, saw)
        finally:
            for path in paths:
                if path.is_dir():
                    path.rmdir()
                else:
                    path.unlink(missing_ok=True)

    return look


@contextmanager
def litter(ground: Ground) -> Iterator[Seen]:
    """Sees the command's temporary folder, which the attack wrote down in `where`, still there."""
    place = ground.root / "where"

    def left() -> str:
        folder = place.read_text() if place.exists() else ""
        ours = Path(folder).name.startswith("wisp-") and Path(folder).parent == Path("/tmp")
        return folder if ours and Path(folder).exists() else ""

    yield Seen({}, lambda: f"left: {left()}" if left() else "")
    if folder := left():
        subprocess.run(["rm", "-rf", "--", folder], check=True)


@contextmanager
def setting(ground: Ground) -> Iterator[Seen]:
    """A setting of the running kernel, $SETTING, put back afterwards."""
    path = Path("/proc/sys/kernel/printk_ratelimit_burst")
    before = path.read_text()
    try:
        yield Seen(
            {"SETTING": str(path), "VALUE": str(int(before) + 1)},
            lambda: "" if path.read_text() == before else "the kernel's setting was changed",
        )
    finally:
        if path.read_text() != before:
            path.write_text(before)


@dataclass
class _Waiting:
    ground: Ground
    act: Callable[[Ground], object]
    done: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        end = time.monotonic() + _PATIENCE
        while not (self.ground.root / "ready").exists():
            if time.monotonic() > end or self.done.wait(0.005):
                return
        self.act(self.ground)
        (self.ground.root / "go").touch()


def during(act: Callable[[Ground], object]) -> Callable[[Ground], object]:
    """Does something on the host once the attack has made `ready`, and then makes `go`."""

    @contextmanager
    def wait(ground: Ground) -> Iterator[Seen]:
        waiting = _Waiting(ground, act)
        thread = threading.Thread(target=waiting)
        thread.start()
        try:
            yield Seen({})
        finally:
            waiting.done.set()
            thread.join()

    return wait


@contextmanager
def disk(ground: Ground) -> Iterator[Seen]:
    """A disk of the machine, $DISK, with a secret in its first block."""
    image = ground.outside / "image"
    image.write_bytes(SECRET.encode().ljust(1 << 16, b"\0"))
    attach = ["losetup", "-f", "--show", str(image)]
    found = subprocess.run(attach, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise Unavailable(f"no loop device can be had: {found.stderr.strip()}")
    device = found.stdout.strip()
    try:
        yield Seen({"DISK": device})
    finally:
        subprocess.run(["losetup", "-d", device], check=True)
