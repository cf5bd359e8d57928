"""Attacks on the kernel itself: calls that no build makes, and ways to more rights."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sandbox.attacks.case import TEETH, ByUser, Case, python, toothless
from tests.sandbox.attacks.witness import victim

_ROOTS = toothless("the kernel refuses it to an ordinary user anyway")


@dataclass(frozen=True)
class Call:
    """A system call by its numbers on x86_64 and aarch64, made so that it does no harm.

    Its arguments are such that the kernel says neither EPERM nor ENOSYS: what a filter says.
    """

    x86: int
    arm: int
    arguments: str = ""
    root: bool = False  # only root is not refused by the kernel itself


# the numbers stand here again, so that a wrong one in the filter's own table is found
_CALLS: dict[str, Call] = {
    "ptrace": Call(101, 117, "0, 0, 0, 0"),
    "process_vm_writev": Call(311, 271, "os.getpid(), 0, 0, 0, 0, 0"),
    "process_madvise": Call(440, 440, "-1, 0, 0, 0, 0"),
    "kcmp": Call(312, 272, "os.getpid(), os.getpid(), 1, 0, 0"),
    "io_uring_setup": Call(425, 425, "1, 0"),
    "io_uring_enter": Call(426, 426, "-1, 0, 0, 0, 0, 0"),
    "io_uring_register": Call(427, 427, "-1, 0, 0, 0"),
    "add_key": Call(248, 217, "0, 0, 0, 0, 0"),
    "request_key": Call(249, 218, "0, 0, 0, 0"),
    "keyctl": Call(250, 219, "0, -3, 1"),
    "mount": Call(165, 40, "0, 0, 0, 0, 0", root=True),
    "umount2": Call(166, 39, 'b"/nothing-here", 0'),
    "pivot_root": Call(155, 41, 'b"/nothing-here", b"/nothing-here"', root=True),
    "chroot": Call(161, 51, 'b"/"', root=True),
    "open_tree": Call(428, 428, '-1, b"x", 0'),
    "move_mount": Call(429, 429, '-1, b"x", -1, b"x", 0', root=True),
    "fsopen": Call(430, 430, 'b"tmpfs", 0', root=True),
    "fsconfig": Call(431, 431, "-1, 6, 0, 0, 0"),
    "fsmount": Call(432, 432, "-1, 0, 0", root=True),
    "fspick": Call(433, 433, '-1, b"x", 0', root=True),
    "mount_setattr": Call(442, 442, '-1, b"x", 0, 0, 0'),
    "unshare of users": Call(272, 97, "0x10000000"),
    "unshare of mounts": Call(272, 97, "0x20000", root=True),
    "setns": Call(308, 268, "-1, 0"),
    "clone3": Call(435, 435, "0, 0"),
    "bpf": Call(321, 280, "0, 0, 0", root=True),
    "perf_event_open": Call(298, 241, "0, 0, -1, -1, 0"),
    "userfaultfd": Call(323, 282, "1"),
    "finit_module": Call(313, 273, '-1, b"", 0', root=True),
    "delete_module": Call(176, 106, 'b"wisp_none", 0x800', root=True),
    "open_by_handle_at": Call(304, 265, "-1, 0, 0", root=True),
    "name_to_handle_at": Call(303, 264, '-100, b"/", 0, 0, 0'),
    "reboot, by a wrong word": Call(169, 142, "0, 0, 0, 0", root=True),
    "swapon": Call(167, 224, 'b"/nothing-here", 0', root=True),
    "acct": Call(163, 89, 'b"/nothing-here"', root=True),
    "quotactl": Call(179, 60, "0x800002 << 8, 0, 0, 0"),
    "fanotify_init": Call(300, 262, "0x200, 0"),
    "syslog": Call(103, 116, "10, 0, 0", root=True),
    "clock_settime": Call(227, 112, "0, 0"),
    "clock_adjtime": Call(305, 266, "0, 0"),
    "modify_ldt": Call(154, -1, "0, 0, 0"),
    "iopl": Call(172, -1, "0"),
}
_MAKE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
number = {{"x86_64": {x86}, "aarch64": {arm}}}.get(os.uname().machine, -1)
ctypes.set_errno(38)
got = libc.syscall(ctypes.c_long(number), {arguments})
error = ctypes.get_errno()
denied = number < 0 or (got == -1 and error in (1, 38))
print(f"held {{error}}" if denied else f"GOT {{got}} {{error}}")
"""
# getpid by the numbers and the entry of 32 bits, which a filter for 64 bits does not know
_OLD_ENTRY = """
import ctypes, mmap, os, sys
if os.uname().machine == "x86_64":
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex("53b814000000cd805bc3"))  # push rbx; mov eax,20; int 80; pop; ret
    at = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if ctypes.CFUNCTYPE(ctypes.c_int)(at)() == os.getpid(): print("GOT it")
"""
_X32 = """
import ctypes, os
got = ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))
if os.uname().machine == "x86_64" and got == os.getpid(): print("GOT it")
"""
_CLONE = """
import ctypes, os
number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
child = ctypes.CDLL(None).syscall(ctypes.c_long(number), ctypes.c_long(0x10000000 | 17), 0, 0, 0, 0)
if child == 0: os._exit(0)
print("GOT a namespace" if child > 0 else "held")
"""
_COMMANDS: dict[str, tuple[str, bool, tuple[str, ...]]] = {  # attack, root alone, needs
    "a device node made": ("mknod d b 7 0 && echo GOT it", True, ()),
    "a file system mounted": (
        "mkdir m; mount -t tmpfs none m && echo GOT it && umount m",
        True,
        ("mount",),
    ),
    "an owner changed": ("touch f; chown 12345 f && echo GOT it", True, ()),
    "namespaces of its own": ("unshare -U true && echo GOT it", False, ("unshare",)),
    "a sandbox in the sandbox": (
        "bwrap --ro-bind / / true && echo GOT it",
        False,
        ("bwrap",),
    ),
    "the namespaces of another process": (
        'nsenter -t "$VICTIM" -m -p true && echo GOT it',
        True,
        ("nsenter",),
    ),
    "privileges": (
        "grep '^Cap\\(Prm\\|Eff\\|Amb\\)' /proc/self/status | grep -v 0000000000000000"
        " | sed 's/^/GOT /'",
        True,
        (),
    ),
    "privileges won by a program": (
        "grep -q 'NoNewPrivs:.0' /proc/self/status && echo GOT more",
        False,
        (),
    ),
    "the kernel's log": ("dmesg | head -1 | sed 's/^/GOT /'", True, ("dmesg",)),
    "the host's name": ('hostname "$(hostname)" && echo GOT it', True, ("hostname",)),
}


def _call(name: str, call: Call) -> Case:
    code = _MAKE.format(x86=call.x86, arm=call.arm, arguments=call.arguments)
    plain = ByUser(root=TEETH, user=_ROOTS) if call.root else TEETH
    return Case(f"the call {name}", python(code), plain=plain, absent="held 38")


CASES = (
    *(_call(name, call) for name, call in _CALLS.items()),
    Case(
        "the call open_tree_attr",
        python(_MAKE.format(x86=467, arm=467, arguments='-1, b"x", 0, 0, 0')),
        absent="held 38",
    ),
    Case("a namespace of users, by clone", python(_CLONE)),
    Case("calls by the entry of 32 bits", python(_OLD_ENTRY)),
    Case(
        "calls by the numbers of x32",
        python(_X32),
        plain=toothless("few kernels are built with x32"),
    ),
    Case(
        "the root made writable",
        "mount -o remount,rw / && echo GOT it; mount -o remount,rw,bind / && echo GOT it",
        only="root",
        needs=("mount",),
        plain=toothless("it would change how the host's root is mounted"),
    ),
    *(
        Case(
            name,
            f"{{ {attack}; }} 2>&1",
            needs=needs,
            witness=victim if "VICTIM" in attack else None,
            plain=ByUser(root=TEETH, user=_ROOTS) if root else TEETH,
        )
        for name, (attack, root, needs) in _COMMANDS.items()
    ),
)
