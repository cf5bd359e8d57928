"""The call filter, run in an interpreter of its own for every call of both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from sandbox import seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
DENY, ABSENT = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
MACHINES = [("x86_64", 0xC000003E, 0), ("aarch64", 0xC00000B7, 1)]


def run(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """Interpret the filter as the kernel would; every jump must stay inside."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    code = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, value = 0, 0
    while True:
        op, yes, no, operand = code[at]
        at += 1
        if op == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif op == 0x06:
            return int(operand)
        else:
            hit = {0x15: value == operand, 0x35: value >= operand, 0x45: value & operand != 0}[op]
            at += yes if hit else no


@pytest.mark.parametrize(("machine", "arch", "column"), MACHINES)
def test_every_call_is_allowed_but_the_listed_ones(machine: str, arch: int, column: int) -> None:
    program = seccomp.program(machine=machine)
    listed = {numbers[column] for numbers in seccomp.DENIED.values()}
    absent, socket, pair = (435, 437), (41, 198)[column], (53, 199)[column]
    for number in range(1024):
        verdict = run(program, arch, number)
        if number in listed or number in (socket, pair):  # a family of 0 is none
            assert verdict == DENY, number
        elif number in absent:
            assert verdict == ABSENT
        else:
            assert verdict == ALLOW, number
    assert len(program) // 8 < 4096


@pytest.mark.parametrize(("machine", "arch", "column"), MACHINES)
def test_arguments_decide_where_they_matter(machine: str, arch: int, column: int) -> None:
    program = seccomp.program(machine=machine)
    offline = seccomp.program(frozenset({seccomp.NETLINK}), machine)
    socket, pair = (41, 198)[column], (53, 199)[column]
    for family in range(64):
        allowed = family in (1, 2, 10, 16)
        assert run(program, arch, socket, family) == (ALLOW if allowed else DENY)
        assert run(offline, arch, socket, family) == (ALLOW if family == 16 else DENY)
        # the upper half of a register is not looked at by the kernel either
        assert run(offline, arch, socket, family | 1 << 40) == (ALLOW if family == 16 else DENY)
        assert run(offline, arch, pair, family) == (ALLOW if family == 1 else DENY)
    clone, ioctl = (56, 220)[column], (16, 29)[column]
    thread, fork = 0x003D0F00, 0x01200011
    assert run(program, arch, clone, thread) == run(program, arch, clone, fork) == ALLOW
    for bit in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000):
        assert run(program, arch, clone, fork | bit) == DENY
    for chmod, opened, others in (((90, 2, 302), (53, 56, 261))[column],):
        at = () if chmod == 90 else (0,)
        assert run(program, arch, chmod, *at, 0, 0o4755) == DENY
        assert run(program, arch, chmod, *at, 0, 0o2755) == ALLOW
        flags = () if opened == 2 else (0,)
        assert run(program, arch, opened, *flags, 0, 0o101, 0o4755) == DENY
        assert run(program, arch, opened, *flags, 0, 0o1, 0o4755) == ALLOW
        with_others = seccomp.program(frozenset(), machine, alone=False)
        assert run(with_others, arch, others, 1) == DENY
        assert run(with_others, arch, others, 0) == run(program, arch, others, 1) == ALLOW
    for number in (numbers[column] for numbers in seccomp.SHARED.values()):
        assert run(program, arch, number) == ALLOW
        assert run(seccomp.program(frozenset(), machine, alone=False), arch, number) == DENY
    assert run(program, arch, ioctl, 0, 0x5401) == ALLOW
    assert run(program, arch, ioctl, 0, 0x5412) == run(program, arch, ioctl, 0, 0x541C) == DENY


def test_other_architectures_numbers_are_no_way_around() -> None:
    for machine, arch, _ in MACHINES:
        program = seccomp.program(machine=machine)
        for other in (0x40000003, 0xC000003E, 0xC00000B7, 0x40000028):
            if other != arch:
                assert run(program, other, 39) == KILL
    assert run(seccomp.program(machine="x86_64"), 0xC000003E, 0x40000000 | 59) == DENY
    with pytest.raises(LookupError, match="vax"):
        seccomp.program(machine="vax")
