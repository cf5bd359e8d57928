"""The sandbox with one defence taken out, and the attack that must then get through.

A mutation is a change of the text of a copy, so no seam is needed in what is tested. Where its text
is no longer found, the defence has moved: move the mutation after it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """`changes` are (file below sandbox/, old text, new text); `red` is what gets through then."""

    name: str
    changes: tuple[tuple[str, str, str], ...]
    backend: str
    red: str
    only: str = ""  # where only root, or only a user, has anything to gain

    def __str__(self) -> str:
        return self.name


_BWRAP, _LAUNCH, _PLAN = "bubblewrap.py", "_launch.py", "plan.py"
_NO_GATE = (
    "mounted.py",
    "before:\n                    return False",
    "before:\n                    return True",
)
_NO_FILTER = (_BWRAP, '*("--seccomp", str(filter_fd), ', "*(")


def _full(name: str, red: str, *changes: tuple[str, str, str], only: str = "") -> Mutation:
    return Mutation(f"full: {name}", changes, "full", red, only)


def _reduced(name: str, red: str, *changes: tuple[str, str, str], only: str = "") -> Mutation:
    return Mutation(f"reduced: {name}", changes, "reduced", red, only)


MUTATIONS = (
    _full(
        "the root is bound writable",
        "a new file outside",
        (_BWRAP, '("--ro-bind", "/", "/"', '("--bind", "/", "/"'),
    ),
    _full("no process namespace", "a process killed", (_BWRAP, '"--unshare-pid", ', "")),
    _full(
        "no namespace of shared memory",
        "shared memory of another program",
        (_BWRAP, '"--unshare-ipc", ', ""),
    ),
    _full(
        "no network namespace",
        "a TCP service",
        (_BWRAP, '*(() if command.network else ("--unshare-net",)),', ""),
    ),
    _full(
        "privileges are kept",
        "privileges",
        (_BWRAP, '"--cap-drop", "ALL", ', ""),
        only="root",
    ),
    _full("no filter of calls", "the call keyctl", _NO_FILTER),
    _full(
        "no filter of calls, and namespaces of users",
        "namespaces of its own",
        _NO_FILTER,
        (_BWRAP, '"--disable-userns", ', ""),
    ),
    _full(
        "devices of the host",
        "another terminal of the user, read and written",
        (_BWRAP, '"--dev", "/dev"', '"--dev-bind", "/dev", "/dev"'),
    ),
    _full(
        "sockets are not masked",
        "a service behind a socket",
        (_BWRAP, "yield from _bind(_mute(path))", "continue"),
    ),
    _full(
        "secrets are not masked",
        "the ssh key",
        (_BWRAP, 'return ("--tmpfs", str(path))', "return ()"),
        (_BWRAP, 'yield from ("--remount-ro", str(path))', "continue"),
    ),
    _full(
        "our own folders are no secrets",
        "our own sessions and settings",
        ("protected.py", "    yield from map(str, own_directories())\n", ""),
    ),
    _full(
        "protected names are not bound",
        "a hook written",
        (_PLAN, "        else:\n            yield Shown(path, target / name, False)", ""),
    ),
    _full(
        "the git directory is not pinned",
        "the git directory renamed and made anew, with git granted",
        (_PLAN, "    yield Shown(path, target, True)\n    for name", "    for name"),
    ),
    _full(
        "a folder above a protected file is not pinned",
        "the attributes, with their folder moved, with git granted",
        (_PLAN, 'yield Shown(inner.parent, target / name.split("/", 1)[0], True)', "pass"),
    ),
    _full(
        "links are not refused",
        "a git directory that is a link outside, with git granted",
        (_PLAN, "    if path.is_symlink():\n        raise", "    if False:\n        raise"),
        _NO_GATE,
    ),
    _full(
        "read-only is not kept",
        "the workspace, where it is read-only",
        (_PLAN, "Shown(root, root, not command.read_only)", "Shown(root, root, True)"),
    ),
    _full(
        "the environment is not scrubbed",
        "a key in the environment",
        ("environment.py", "dict(_passed(source, network))", "dict(source)"),
    ),
    _full(
        "no limit on files",
        "a file larger than its limit",
        ("limits.py", "found.append((resource.RLIMIT_FSIZE, size, size))", "pass"),
    ),
    _full(
        "the filter does not ask for the machine",
        "calls by the entry of 32 bits",
        ("seccomp.py", "_op(_EQUAL, found.audit, 1), _op(_RETURN, _KILL)]", "]"),
    ),
    _reduced(
        "no rules of Landlock",
        "a new file outside",
        (_LAUNCH, 'kernel.landlock(orders["rules"], network=orders["network"])', "pass"),
    ),
    _reduced(
        "no scope of Landlock",
        "a process killed",
        ("kernel.py", "scopes = 0b11 if abi >= 6 else 0", "scopes = 0"),
    ),
    _reduced(
        "no filter of calls",
        "a service behind a socket",
        (_LAUNCH, 'kernel.seccomp(orders["filter"])', "pass"),
    ),
    _reduced(
        "the filter lets sockets of the network be made",
        "a UDP service",
        ("landlock.py", "frozenset({seccomp.NETLINK})", "frozenset({seccomp.NETLINK, 2})"),
    ),
    _reduced(
        "the filter does not look at what clone is asked for",
        "a namespace of users, by clone",
        ("seccomp.py", "_op(_ANY_BIT, _NEW_NAMESPACE, 0, 1)", "_op(_ANY_BIT, 0, 0, 1)"),
    ),
    _reduced(
        "secrets are among what may be read",
        "the ssh key",
        ("landlock.py", "if entry.path in closed or", "if"),
    ),
    _reduced(
        "privileges are kept",
        "a device node made",
        (_LAUNCH, "kernel.drop_capabilities()", "pass"),
        only="root",
    ),
    _reduced(
        "what is left is not killed",
        "a daemon, forked twice in a session of its own",
        (_LAUNCH, "    _kill_all(child)\n    _remove", "    _remove"),
    ),
    _reduced(
        "the environment is not scrubbed",
        "a key in the environment",
        ("environment.py", "dict(_passed(source, network))", "dict(source)"),
    ),
)
