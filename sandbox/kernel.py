"""Linux calls that Python has no names for: prctl, capabilities, Landlock, seccomp, inotify.

Imported by the launcher, where every import costs each command time: nothing but `ctypes` here.
All functions raise OSError.
"""

from __future__ import annotations

import ctypes
import os
import struct

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT = 24, 38, 36, 47
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446

# Landlock's rights on files and folders
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
_IN_FOLDERS = 0b1_1111_1111_1000 | 1 << 13  # listing, removing, making, moving in
_TRUNCATE, _DEVICE_IOCTL = 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
LIST = READ_DIR
WRITE = READ | WRITE_FILE | _IN_FOLDERS | _TRUNCATE | _DEVICE_IOCTL
_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _DEVICE_IOCTL
LEAST_ABI = 3  # below it a file can be emptied without the right to write it

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _syscall(number: int, *arguments: object) -> int:
    return _checked(int(_libc.syscall(ctypes.c_long(number), *arguments)))


def prctl(option: int, *arguments: int) -> int:
    """Change something about this process."""
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(int(_libc.prctl(option, *values)))


def drop_capabilities() -> None:
    """Give up every privilege of root but its user id; for good once no new ones can be had."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # the kernel knows no more, or an ordinary user holds none
            break
    prctl(PR_CAP_AMBIENT, 4)  # PR_CAP_AMBIENT_CLEAR_ALL
    header = struct.pack("=II", 0x20080522, 0)
    _syscall(_CAPSET[os.uname().machine], header, bytes(24))


def landlock_abi() -> int:
    """Return the version of Landlock; 0 where there is none."""
    try:
        return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1))
    except OSError:
        return 0


def landlock(rules: list[tuple[str, int]], *, network: bool) -> None:
    """Restrict this process to these rights below these paths; missing paths are skipped.

    Without `network`, TCP is denied too. Signals and abstract sockets stay within where the
    kernel can hold that.
    """
    abi = landlock_abi()
    if abi < LEAST_ABI:
        raise OSError(95, f"Landlock {LEAST_ABI} is needed, this kernel has {abi}")
    handled = WRITE if abi >= 5 else WRITE & ~_DEVICE_IOCTL
    tcp = 0b11 if abi >= 4 and not network else 0
    scopes = 0b11 if abi >= 6 else 0
    attributes = struct.pack("=QQQ", handled, tcp, scopes)[
        : 24 if abi >= 6 else 16 if abi >= 4 else 8
    ]
    ruleset = _syscall(
        _CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)
    )
    for path, rights in rules:
        try:
            target = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        is_folder = os.fstat(target).st_mode & 0o170000 == 0o040000
        allowed = rights & handled & (handled if is_folder else _ON_FILES)
        rule = struct.pack("=Qi", allowed, target)
        _syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint(0))
        os.close(target)
    _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    os.close(ruleset)


def seccomp(program: bytes) -> None:
    """Filter the system calls of this process and of all it starts."""
    code = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    _checked(int(_libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), filter_, ctypes.c_ulong(0), 0)))


def inotify() -> int:
    """Return a descriptor that tells what happens in watched folders, and never waits."""
    return _checked(int(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)))


def inotify_watch(queue: int, folder: str, events: int) -> int:
    """Watch a folder, no link; returns the number that its events bear."""
    only_folder, no_follow, not_unlinked = 0x0100_0000, 0x0200_0000, 0x0400_0000
    flags = ctypes.c_uint32(events | only_folder | no_follow | not_unlinked)
    return _checked(int(_libc.inotify_add_watch(queue, os.fsencode(folder), flags)))
