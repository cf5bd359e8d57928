"""Attacks on what lies outside the workspace: written, moved, marked, or left behind."""

from __future__ import annotations

from tests.sandbox.attacks.case import (
    FIRST,
    PARENT,
    TEETH,
    ByUser,
    Case,
    lost,
    python,
    toothless,
)
from tests.sandbox.attacks.witness import setting, strays

_METADATA = "Landlock does not mediate modes, times and attributes"

_SHELL: dict[str, str] = {
    "a new file outside": 'echo x > "$OUTSIDE/new"',
    "a file outside, by way of ..": "echo x > ../outside/new",
    "the shell's start file": "echo evil >> ~/.bashrc",
    "a file outside, through a link": 'ln -s "$OUTSIDE" l; echo x > l/new',
    "a file outside, through a link to it": 'ln -s "$OUTSIDE/file" l; echo x > l',
    "a file outside, through /proc/self/root": 'echo x > "/proc/self/root$OUTSIDE/new"',
    "a file outside, through a process's folder": "echo x > /proc/self/cwd/../outside/new",
    "a file outside removed": 'rm -f "$OUTSIDE/file"',
    "a file outside emptied": 'truncate -s 0 "$OUTSIDE/file"',
    "a file outside moved in": 'mv "$OUTSIDE/file" taken; [ -e "$OUTSIDE/file" ] || mv taken t2',
    "a file moved out": 'echo x > f; mv f "$OUTSIDE/moved"',
    "a file outside linked and written": 'ln "$OUTSIDE/file" h && echo x >> h',
    "a link planted outside": 'ln -s "$WORK" "$OUTSIDE/l"',
    "a pipe planted outside": 'mkfifo "$OUTSIDE/p"',
    "a folder planted outside": 'mkdir "$OUTSIDE/d"',
    "a file outside overwritten in place": (
        'printf x | dd of="$OUTSIDE/file" bs=1 conv=notrunc 2>/dev/null'
    ),
    "a setuid program planted outside": 'cp /bin/true "$OUTSIDE/s"; chmod 4755 "$OUTSIDE/s"',
    "the ssh configuration, made": 'mkdir -p ~/.ssh; echo "ProxyCommand x" > ~/.ssh/config',
    "an autostart entry": "mkdir -p ~/.config/autostart && echo x > ~/.config/autostart/x",
    "a program in the user's PATH": "mkdir -p ~/.local/bin && echo x > ~/.local/bin/ls",
    "a systemd unit of the user": (
        "mkdir -p ~/.config/systemd/user && echo x > ~/.config/systemd/user/x.service"
    ),
}

_METADATA_ATTACKS: dict[str, str] = {
    "the mode of a file outside": 'chmod 0777 "$OUTSIDE/file"',
    "the mode of the keys": "chmod 0777 ~/.ssh ~/.ssh/id",
    "the times of a file outside": 'touch -d 2001-01-01 "$OUTSIDE/file"',
}

_OPEN = 'import ctypes, os, mmap\noutside = os.environ["OUTSIDE"]\n'
_SYSCALLS: dict[str, str] = {
    "a descriptor opened for reading, opened again for writing": """
fd = os.open(outside + "/file", os.O_RDONLY)
os.write(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY), b"x")
""",
    "a descriptor of a path, opened again for writing": """
fd = os.open(outside + "/file", os.O_PATH)
os.write(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_TRUNC), b"x")
""",
    "an unnamed file linked into a folder outside": """
fd = os.open(".", os.O_TMPFILE | os.O_RDWR)
os.link(f"/proc/self/fd/{fd}", outside + "/tmpfile", src_dir_fd=os.open("/", os.O_PATH))
""",
    "an unnamed file made in a folder outside": """
fd = os.open(outside, os.O_TMPFILE | os.O_RDWR)
os.link(f"/proc/self/fd/{fd}", outside + "/tmpfile", src_dir_fd=os.open("/", os.O_PATH))
""",
    "two names exchanged across the border": """
open("mine", "w").write("x")
libc = ctypes.CDLL(None)
libc.renameat2(-100, b"mine", -100, os.fsencode(outside + "/file"), 2)
""",
    "a folder renamed out by descriptors": """
os.mkdir("d")
here, there = os.open(".", os.O_PATH), os.open(outside, os.O_PATH)
os.rename("d", "d", src_dir_fd=here, dst_dir_fd=there)
""",
    "a path too long to be looked at whole": """
os.makedirs("deep"); os.chdir("deep")
for _ in range(40):
    os.mkdir("n" * 200); os.chdir("n" * 200)
os.chdir("../" * 41 + "../outside")
open("new", "w").write("x")
""",
    "a file outside, by writing into its mapping": """
fd = os.open(outside + "/file", os.O_RDWR)
mmap.mmap(fd, 0)[:1] = b"x"
""",
}

CASES = (
    *(Case(name, f"{{ {script}; }} 2>/dev/null") for name, script in _SHELL.items()),
    *(
        Case(name, f"{{ {script}; }} 2>/dev/null", reduced=lost(_METADATA))
        for name, script in _METADATA_ATTACKS.items()
    ),
    *(Case(name, python(_OPEN + code)) for name, code in _SYSCALLS.items()),
    Case(
        "an attribute of a file outside",
        python(_OPEN + 'os.setxattr(outside + "/file", "user.wisp", b"x")'),
        reduced=lost(_METADATA),
    ),
    Case(
        "a file outside, through the first process's root",
        'echo x > "/proc/1/root$OUTSIDE/new"',
        plain=toothless(FIRST),
    ),
    Case(
        "a file outside, through the parent's folder",
        'echo x > "/proc/$PPID/cwd$OUTSIDE/new"',
        plain=ByUser(root=TEETH, user=toothless(PARENT)),
    ),
    Case(
        "the workspace, where it is read-only",
        "echo x > new; echo x >> file; rm -f file; mv file f2",
        prepare="echo 1 > file",
        kept=("outside", "home", "work"),
        read_only=True,
    ),
    Case(
        "beside a folder that was granted",
        'echo x > "$OUTSIDE/open/../new"; mv "$OUTSIDE/open" "$OUTSIDE/moved"',
        prepare='mkdir "$OUTSIDE/open"',
        writable=("outside/open",),
    ),
    Case(
        "through a link in a folder that was granted",
        'ln -s .. "$OUTSIDE/open/up"; echo x > "$OUTSIDE/open/up/new"',
        prepare='mkdir "$OUTSIDE/open"',
        kept=("home", "outside/file", "outside/new"),
        writable=("outside/open",),
    ),
    Case(
        "a file in the host's /tmp",
        'echo x > "/tmp/$TOKEN"; echo x > "/var/tmp/$TOKEN"',
        witness=strays("/tmp/{token}", "/var/tmp/{token}"),
    ),
    Case(
        "a file in the host's shared memory",
        'echo x > "/dev/shm/$TOKEN"',
        witness=strays("/dev/shm/{token}"),
        reduced=lost("semaphores of the C library live in /dev/shm, so it can be written"),
    ),
    Case(
        "a group of processes made in the host's cgroups",
        'for top in /sys/fs/cgroup /sys/fs/cgroup/pids; do mkdir "$top/$TOKEN"; done',
        witness=strays("/sys/fs/cgroup/{token}", "/sys/fs/cgroup/pids/{token}"),
        only="root",
        needs=("/sys/fs/cgroup",),
    ),
    Case(
        "a setting of the running kernel",
        'echo "$VALUE" > "$SETTING"',
        witness=setting,
        plain=ByUser(
            root=TEETH,
            user=toothless("only root owns it"),
        ),
    ),
    Case(
        "a setuid program left in the workspace",
        "chmod 6755 program; cp --preserve=mode program other; rm other",
        prepare="cp /bin/true program",
        kept=("work/program",),
    ),
)
