"""A filter of system calls, as classic BPF, made here so that no C library is needed.

What it denies is what a build or a test never does and a way out often does: other processes'
memory, mounts and namespaces, kernel interfaces with a long record of holes, typing into the
terminal. A denied call fails with EPERM; `clone3` and `openat2` fail with ENOSYS, so that programs
use `clone` and `openat`, whose flags a filter can read. A call by another architecture's numbers
kills the process.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

# socket families
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
LOCAL_AND_NETWORK = frozenset({UNIX, INET, INET6, NETLINK})

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000
# user, mount, pid, net, ipc, uts and cgroup namespaces
_NEW_NAMESPACE = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x0E000000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


@dataclass(frozen=True, slots=True)
class Machine:
    """One architecture: its audit number, and its numbers of the calls that the filter names."""

    audit: int
    column: int
    x32: bool


MACHINES: Mapping[str, Machine] = {
    "x86_64": Machine(0xC000003E, 0, True),
    "aarch64": Machine(0xC00000B7, 1, False),
    "arm64": Machine(0xC00000B7, 1, False),
}
# name: number on x86_64, on aarch64; -1 where it does not exist
DENIED: Mapping[str, tuple[int, int]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "vhangup": (153, 58),
}
# System V's shared memory, semaphores and queues belong to a user, not to a folder: denied where no
# namespace keeps those of other programs away
SHARED: Mapping[str, tuple[int, int]] = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
}
# What changes another process of the user; the last number is the argument that names it, and a
# process changes itself by 0.
OTHERS: Mapping[str, tuple[int, int, int]] = {
    "prlimit64": (302, 261, 0),
    "setpriority": (141, 140, 1),
    "ioprio_set": (251, 30, 1),
    "migrate_pages": (256, 238, 0),
    "move_pages": (279, 239, 0),
}
# Which argument is a file's new mode: every user of the machine could start a setuid program. A
# setgid bit passes, since folders that a group shares have it.
MODES: Mapping[str, tuple[int, int, int]] = {
    "chmod": (90, -1, 1),
    "fchmod": (91, 52, 1),
    "fchmodat": (268, 53, 2),
    "fchmodat2": (452, 452, 2),
}
# the same, for what makes a file; for these two only where their flags say that they make one
_MADE: Mapping[str, tuple[int, int, int]] = {
    "creat": (85, -1, 1),
    "mknod": (133, -1, 1),
    "mknodat": (259, 33, 2),
}
_OPENED: Mapping[str, tuple[int, int, int]] = {"open": (2, -1, 2), "openat": (257, 56, 3)}
_OPENAT2 = 437  # what it asks for lies in memory, where a filter cannot look
_CREATES = 0o100 | 0o20000000
_SETUID = 0o4000
_CLONE, _CLONE3, _IOCTL = (56, 220), (435, 435), (16, 29)
_SOCKET, _SOCKETPAIR = (41, 198), (53, 199)
_PAIRS = frozenset({UNIX})


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _deny(error: int) -> bytes:
    return _op(_RETURN, _ERRNO | error)


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """Run the body for one call; it may fall through, with the call's number loaded again."""
    whole = [*body, _op(_LOAD, _NUMBER)]
    return [_op(_EQUAL, number, 0, len(whole)), *whole]


def _argument(index: int) -> bytes:
    return _op(_LOAD, _ARGUMENT + 8 * index)  # the lower half; the kernel ignores the upper


def _only(allowed: Iterable[int]) -> list[bytes]:
    """Deny unless the first argument is one of these."""
    values = sorted(allowed)
    checks = [_op(_EQUAL, value, len(values) - index) for index, value in enumerate(values)]
    return [_argument(0), *checks, _deny(errno.EPERM)]


@lru_cache
def program(
    families: frozenset[int] = LOCAL_AND_NETWORK, machine: str = "", *, alone: bool = True
) -> bytes:
    """Return the filter, ready for the kernel, that allows sockets of these families only.

    Where the command is not `alone`, it can see other processes, and is kept from changing them.
    Raises LookupError on a machine whose numbers are not known.
    """
    found = MACHINES.get(machine or os.uname().machine)
    if found is None:
        raise LookupError(f"no system call filter for {machine or os.uname().machine}")
    code = [_op(_LOAD, _ARCH), _op(_EQUAL, found.audit, 1), _op(_RETURN, _KILL)]
    code += [_op(_LOAD, _NUMBER)]
    if found.x32:
        code += [_op(_AT_LEAST, _X32, 0, 1), _deny(errno.EPERM)]
    for numbers in (*DENIED.values(), *(() if alone else SHARED.values())):
        number = numbers[found.column]
        if number >= 0:
            code += [_op(_EQUAL, number, 0, 1), _deny(errno.EPERM)]
    code += _when(_SOCKET[found.column], _only(families))
    code += _when(_SOCKETPAIR[found.column], _only(_PAIRS))
    for *columns, index in () if alone else OTHERS.values():
        itself = [_argument(index), _op(_EQUAL, 0, 1), _deny(errno.EPERM)]
        code += _when(columns[found.column], itself)
    for *columns, index in (*MODES.values(), *_MADE.values(), *_OPENED.values()):
        setuid = [_argument(index), _op(_ANY_BIT, _SETUID, 0, 1), _deny(errno.EPERM)]
        if (*columns, index) in _OPENED.values():
            setuid = [_argument(index - 1), _op(_ANY_BIT, _CREATES, 0, len(setuid)), *setuid]
        if columns[found.column] >= 0:
            code += _when(columns[found.column], setuid)
    namespaces = [_argument(0), _op(_ANY_BIT, _NEW_NAMESPACE, 0, 1), _deny(errno.EPERM)]
    code += _when(_CLONE[found.column], namespaces)
    typing = [_argument(1), _op(_EQUAL, _TIOCSTI, 1), _op(_EQUAL, _TIOCLINUX, 0, 1)]
    code += _when(_IOCTL[found.column], [*typing, _deny(errno.EPERM)])
    for number in (_CLONE3[found.column], _OPENAT2):
        code += [_op(_EQUAL, number, 0, 1), _deny(errno.ENOSYS)]
    code += [_op(_RETURN, _ALLOW)]
    return b"".join(code)
