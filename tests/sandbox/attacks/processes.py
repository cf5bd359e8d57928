"""Attacks on other processes, on what is to end with the command, and on the terminal."""

from __future__ import annotations

from tests.sandbox.attacks.case import Case, hole, lost, python, toothless
from tests.sandbox.attacks.witness import litter, shared_memory, survivors, terminal, victim

_FROM = 'import ctypes, os, resource, signal\npid = int(os.environ["VICTIM"])\n'
_AFFINITY = "Landlock does not mediate it, and threads are bound by the same call"

_ON_A_PROCESS: dict[str, str] = {
    "a process killed": "os.kill(pid, 9)",
    "a process stopped": "os.kill(pid, signal.SIGSTOP)",
    "a process killed by its descriptor": "signal.pidfd_send_signal(os.pidfd_open(pid), 9)",
    "a thread killed": "ctypes.CDLL(None).syscall({'x86_64': 234}.get(os.uname().machine, 131),"
    " pid, pid, 9)",
    "a process killed by a queued signal": "ctypes.CDLL(None).sigqueue(pid, 9, None)",
    "a process killed by the end of a pipe's owner": """
import fcntl
r, w = os.pipe()
fcntl.fcntl(r, fcntl.F_SETOWN, pid)
fcntl.fcntl(r, 10, 9)  # F_SETSIG
fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC)
os.write(w, b"x")
""",
    "a process traced": """
libc = ctypes.CDLL(None)
if libc.ptrace(0x4206, pid, 0, 0) == 0:  # PTRACE_SEIZE
    print("GOT it")
    libc.ptrace(17, pid, 0, 0)
""",
    "a process's memory read across": """
libc = ctypes.CDLL(None, use_errno=True)
class Vector(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t)]
start = int(next(l for l in open(f"/proc/{pid}/maps") if "r" in l.split()[1]).split("-")[0], 16)
buffer = ctypes.create_string_buffer(4)
ours, theirs = Vector(ctypes.addressof(buffer), 4), Vector(start, 4)
if libc.process_vm_readv(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) == 4:
    print("GOT it")
""",
    "a process's descriptor taken": """
fd = os.pidfd_open(pid)
number = 438  # pidfd_getfd
if ctypes.CDLL(None).syscall(number, fd, 0, 0) >= 0: print("GOT it")
""",
}

_DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {before}
        for fd in range({first}, 64):
            try: os.close(fd)
            except OSError: pass
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c",
            "import time; time.sleep(60)", os.environ["TOKEN"]])
    os._exit(0)
os.wait()
"""
_COMETS = """
import os, sys, time
end = time.monotonic() + 10
code = ("import os, sys, time\\n"
        "while time.monotonic() < float(sys.argv[2]):\\n"
        "    if os.fork(): os._exit(0)\\n"
        "    os.setsid()\\n")
for _ in range(24):
    if os.fork() == 0:
        os.setsid()
        os.execv(sys.executable,
            [sys.executable, "-I", "-S", "-c", code, os.environ["TOKEN"], str(end)])
"""
_LEAVE = 'setsid "$PYTHON" -I -S -c \'import time; time.sleep(60)\' "$TOKEN" >/dev/null 2>&1 &'
_CRIPPLE = """
import os, resource
status = lambda pid: open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
above = int(status(os.getppid())[1])  # the shell's parent
resource.prlimit(above, resource.RLIMIT_NOFILE, (0, 0))
"""
_BOMB = """
import os, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(20); os._exit(0)
        made += 1
except OSError as error:
    print("stopped", made, flush=True)
else:
    print("GOT", made, flush=True)
os.kill(0, 9)
"""

CASES = (
    *(Case(name, python(_FROM + code), witness=victim) for name, code in _ON_A_PROCESS.items()),
    Case(
        "a process's limits lowered",
        python(_FROM + "resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))"),
        witness=victim,
    ),
    Case(
        "a process's turn put last",
        python(_FROM + "os.setpriority(os.PRIO_PROCESS, pid, 19)"),
        witness=victim,
        only="user",
    ),
    Case(
        "a process bound to one processor",
        python(_FROM + "os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})"),
        witness=victim,
        only="user",
        reduced=hole(_AFFINITY),
    ),
    Case(
        "the processes of others listed",
        'for p in /proc/[0-9]*; do [ "$p" = "/proc/$VICTIM" ] && echo GOT $p; done',
        witness=victim,
        reduced=lost("processes are visible in the list"),
    ),
    Case(
        "shared memory of another program",
        python(
            "import ctypes, os\nlibc = ctypes.CDLL(None)\nlibc.shmat.restype = ctypes.c_void_p\n"
            "segment = libc.shmget(int(os.environ['KEY']), 0, 0)\n"
            "if segment >= 0:\n"
            "    at = libc.shmat(segment, None, 0)\n"
            "    print(ctypes.string_at(at, 11)); ctypes.memmove(at, b'changed', 7)\n"
        ),
        witness=shared_memory,
    ),
    # what is to end with the command
    Case(
        "a daemon, forked twice in a session of its own",
        python(_DAEMON.format(before="", first=0)),
        witness=survivors,
        plain=toothless("there what leaves its session is found too, as a descendant"),
    ),
    Case(
        "a daemon that holds the output open",
        python(_DAEMON.format(before="", first=3)),
        witness=survivors,
        plain=toothless("as above"),
    ),
    Case(
        "a daemon that hears no signal",
        python(
            _DAEMON.format(
                before="import signal; [signal.signal(n, 1) for n in (1, 2, 15, 17)]", first=0
            )
        ),
        witness=survivors,
        plain=toothless("as above"),
    ),
    Case(
        "a daemon, when its command is stopped at the end of its time",
        f"{_LEAVE}\nsleep 30",
        witness=survivors,
        limits={"wall_s": 0.5},
        plain=toothless("as above"),
    ),
    Case(
        "a daemon, after its command stopped itself",
        f"{_LEAVE}\nkill -STOP $$",
        witness=survivors,
        limits={"wall_s": 0.5},
        plain=toothless("as above"),
    ),
    Case(
        "processes that are gone before they can be killed",
        python(_COMETS),
        witness=survivors,
        plain=toothless("on one processor they are caught there too"),
    ),
    Case(
        "a daemon, after what watches over it was crippled",
        f"{python(_CRIPPLE)}{_LEAVE}",
        witness=survivors,
    ),
    Case(
        "a daemon, after what watches over it was killed",
        # it must be out of the command's session by then
        f"{_LEAVE}\nsleep 0.3; kill -9 $PPID; sleep 0.3",
        witness=survivors,
    ),
    Case(
        "a fork bomb",
        python(_BOMB),
        limits={"wall_s": 20, "processes": 300},
        plain=toothless("the limits hold there too"),
    ),
    Case(
        "a temporary folder too deep to be removed",
        python(
            "import os\nfolder = os.environ['TMPDIR']\nopen('where', 'w').write(folder)\n"
            "os.chdir(folder)\nfor _ in range(1500):\n    os.mkdir('d'); os.chdir('d')\n"
        ),
        witness=litter,
        plain=toothless("there the folder is /tmp itself"),
    ),
    Case(
        "a file larger than its limit",
        "head -c 3000000 /dev/zero > big; [ $(stat -c %s big) -gt 1100000 ] && echo GOT more",
        limits={"file_bytes": 1 << 20},
        plain=toothless("the limits hold there too"),
    ),
    Case(
        "more memory than its limit",
        # it is looked at five times a second, less often by a busy machine
        python("import time\nx = bytearray(400 << 20)\ntime.sleep(10)\nprint('GOT it')"),
        limits={"memory_bytes": 200 << 20},
        plain=toothless("the limits hold there too"),
    ),
    # the terminal
    Case(
        "another terminal of the user, read and written",
        python(
            "import os\nfd = os.open(os.environ['TERMINAL'], os.O_RDWR | os.O_NOCTTY)\n"
            "os.write(fd, b'evil'); print(os.read(fd, 99))"
        ),
        witness=terminal,
    ),
    Case(
        "words typed into its own terminal",
        python(
            "import fcntl, os, select\nfd = os.open('/dev/tty', os.O_RDWR)\n"
            "for char in b'x\\n': fcntl.ioctl(fd, 0x5412, bytes([char]))\n"
            "if select.select([fd], [], [], 0.2)[0]: print('GOT', os.read(fd, 9))"
        ),
        pty=True,
        plain=toothless("dev.tty.legacy_tiocsti decides, which differs"),
    ),
)
