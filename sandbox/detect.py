"""Which containment this machine gives, found by trying it: a real command tries to get out.

Nothing is concluded from a program being installed or a kernel being new. The test runs in a small
folder of its own with a home of its own, so it touches nothing of the user's.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sandbox import bounds, plan
from sandbox.base import Command, Containment, Limits, Sandbox, SandboxError
from sandbox.bubblewrap import Bubblewrap
from sandbox.landlock import Landlock
from sandbox.plain import Plain
from sandbox.workspace import Workspace

Mode = Literal["auto", "full", "reduced", "off"]
_Make = Callable[[Workspace, Path, Mapping[str, str]], Sandbox]

INSTALL = "install bubblewrap 0.8 or newer for the full sandbox: apt-get install bubblewrap"
_START, _END = "wisp-canaries-start", "wisp-canaries-end"

# Each canary prints its name when it is *held*. Only builtins: a fork each would triple the cost.
_SCRIPT = """
echo START
{ echo x > inside; } 2>/dev/null && echo inside
{ echo x > "$OUT/file"; echo x > "$HOME/.bashrc"; } 2>/dev/null
[ -n "$PYTHON" ] || for each in .git/config:git .git/hooks/pre-commit:hooks .mcp.json:absent \
sub/.git/config:nested; do { echo x > "${each%:*}"; } 2>/dev/null || echo "${each#*:}"; done
{ read -r line < "$HOME/.ssh/id"; } 2>/dev/null; [ -z "$line" ] && echo secret
[ -z "$WISP_CANARY_TOKEN" ] && echo environment
{ echo x > "$TMPDIR/canary"; } 2>/dev/null && echo temporary
while read -r name value _; do case "$name:$value" in
CapEff::0000000000000000) echo capabilities;; NoNewPrivs::1) echo privileges;;
Seccomp::2) echo calls;; esac; done < /proc/self/status
{ read -r first < /proc/1/comm; } 2>/dev/null; [ "$first" = bwrap ] && echo processes
kill -0 "$OUTER" 2>/dev/null || echo signals
lines=0; while read -r _; do lines=$((lines + 1)); done < /proc/net/dev
[ "$lines" = 3 ] && echo interfaces
[ -z "$PYTHON" ] || "$PYTHON" -I -S -c "$SOCKETS"
echo END
"""
_SOCKETS = """
import _socket
held = 0
for family in (2, 10):
    for kind in (1, 2):
        try:
            _socket.socket(family, kind)
        except OSError:
            held += 1
if held == 4:
    print("sockets", flush=True)
"""
_BOTH = frozenset(
    {"inside", "secret", "environment", "temporary", "capabilities", "privileges", "calls"}
)
# what must be held for a backend to count as this
CANARIES: Mapping[Containment, frozenset[str]] = {
    Containment.FULL: _BOTH
    | {"git", "hooks", "absent", "nested", "processes", "signals", "interfaces"},
    Containment.REDUCED: _BOTH | {"sockets"},
}
# what it says of a backend that these canaries were held; of the last one, see `_limits_processes`
SHOWN: Mapping[str, frozenset[str]] = {
    "writes-held": frozenset({"inside", "outside", "home"}),
    "network-off": frozenset({"interfaces"}),
    "secrets-hidden": frozenset({"secret"}),
    "environment-scrubbed": frozenset({"environment"}),
    "unprivileged": frozenset({"capabilities", "privileges", "calls"}),
    "processes-hidden": frozenset({"processes", "signals"}),
    "protected": frozenset({"git", "hooks", "absent"}),
    "nested-protected": frozenset({"nested"}),
    "processes-limited": frozenset({"forks"}),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the self-test of a backend found; `features` are those of `base.FEATURES` that hold."""

    backend: str
    containment: Containment
    features: frozenset[str]
    why_not: str  # why it cannot be used; empty when every canary is held


def _bubblewrap(workspace: Workspace, home: Path, environ: Mapping[str, str]) -> Sandbox:
    return Bubblewrap(workspace, home=home, environ=environ)


def _landlock(workspace: Workspace, home: Path, environ: Mapping[str, str]) -> Sandbox:
    return Landlock(workspace, why_not="", home=home, environ=environ)


async def open_sandbox(workspace: Workspace, mode: Mode) -> Sandbox:
    """Return the strongest sandbox that holds here, or the one asked for.

    `auto` ends with one of containment NONE that says why; `full` and `reduced` raise SandboxError
    when that cannot be had; `off` is a person's choice and tests nothing.
    """
    if mode == "off":
        return Plain(why_not="the sandbox was switched off")
    wide = plan.refuse_as_root(workspace, Path.home())
    reasons = [wide] if wide else []
    if not wide and sys.platform != "linux":
        reasons.append("there is no sandbox for this system yet; only Linux has one")
    if not reasons and mode in ("auto", "full"):
        found = await try_out(_bubblewrap)
        if not found.why_not:
            return Bubblewrap(workspace, features=found.features)
        reasons.append(f"{found.why_not}; {INSTALL}")
    if not wide and sys.platform == "linux" and mode in ("auto", "reduced"):
        found = await try_out(_landlock)
        if not found.why_not:
            why_not = "; ".join(reasons) or "a reduced sandbox was asked"
            return Landlock(workspace, why_not=why_not, features=found.features)
        reasons.append(found.why_not)
    if mode != "auto":
        raise SandboxError("; ".join(reasons))
    return Plain(why_not="; ".join(reasons))


async def self_test(make: _Make) -> str:
    """Return why the backend does not hold, or an empty string when every canary is held."""
    return (await try_out(make)).why_not


async def try_out(make: _Make) -> Outcome:
    """Try a backend out, in a folder that is removed afterwards."""
    nothing = ("none", Containment.NONE, frozenset[str]())
    top: Path | None = None
    try:
        top = _folder()
        return await _try(make, top)
    except SandboxError as error:
        return Outcome(*nothing, str(error))
    except OSError as error:
        return Outcome(*nothing, f"the self-test needs a temporary folder: {error.strerror}")
    finally:
        if top is not None:
            shutil.rmtree(top, ignore_errors=True)


def _folder() -> Path:
    """Make the folder of the test, if possible where nothing is hidden anyway."""
    from platformdirs import user_cache_path

    try:
        usual = user_cache_path()
        usual.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="wisp-canaries-", dir=usual)).resolve()
    except OSError:  # a home that is read-only or full
        return Path(tempfile.mkdtemp(prefix="wisp-canaries-")).resolve()


async def _try(make: _Make, top: Path) -> Outcome:
    work, home, out = top / "work", top / "home", top / "out"
    for folder in (work / ".git" / "hooks", work / "sub" / ".git", home / ".ssh", out):
        folder.mkdir(parents=True)
    (work / ".git" / "config").touch()
    (work / "sub" / ".git" / "config").touch()
    (home / ".ssh" / "id").write_text("secret\n")
    environ = {**os.environ, "WISP_CANARY_TOKEN": os.urandom(8).hex()}
    sandbox = make(Workspace(work), home, environ)
    reduced = sandbox.containment is Containment.REDUCED
    command = Command(
        ("/bin/sh", "-c", _SCRIPT.replace("START", _START).replace("END", _END)),
        cwd=work,
        env={
            "OUT": str(out),
            "OUTER": str(os.getpid()),
            "PYTHON": sys.executable if reduced else "",
            "SOCKETS": _SOCKETS,
        },
        limits=Limits(wall_s=20),
    )
    output = bytearray()
    # side by side, since every start waits for both
    trial = asyncio.create_task(_limits_processes(sandbox, work))
    try:
        result = await sandbox.run(command, output.extend)
    finally:
        bounded = await trial
    lines = output.decode(errors="replace").split("\n")
    if not result.ok or lines[:1] != [_START] or _END not in lines:
        said = output.decode(errors="replace").strip().replace(_START, "").strip()
        why = f"{sandbox.backend} does not run here: {said or result}"
        return Outcome(sandbox.backend, sandbox.containment, frozenset(), why)
    # whether a write got out is seen from outside only: it may have gone to a private folder
    escaped = _seen(work, home, out)
    broken = CANARIES[sandbox.containment] - set(lines) | escaped
    why = f"{sandbox.backend} does not hold here: {', '.join(sorted(broken))}" if broken else ""
    held = {*lines, "outside", "home"} - escaped
    if "sockets" in held:
        held.add("interfaces")
    if bounded:
        held.add("forks")
    features = frozenset(name for name, canaries in SHOWN.items() if canaries <= held)
    return Outcome(sandbox.backend, sandbox.containment, features, why)


async def _limits_processes(sandbox: Sandbox, work: Path) -> bool:
    """Whether a command that may have one process cannot start a second."""
    # the bound of an ordinary user is on top of what the machine runs
    one = 1 if os.geteuid() == 0 else 1 - bounds.tasks()
    command = Command(
        ("timeout", "5", "true"), work, read_only=True, limits=Limits(wall_s=10, processes=one)
    )
    try:
        result = await sandbox.run(command, bytearray().extend)
    except SandboxError as error:  # bubblewrap is itself the first process
        return os.strerror(errno.EAGAIN) in str(error)
    return result.exit_code == 125


def _seen(work: Path, home: Path, out: Path) -> set[str]:
    """Return the canaries that did not survive, as the host sees it."""
    wanted = (
        (work / "inside", True, "inside"),
        (out / "file", False, "outside"),
        (home / ".bashrc", False, "home"),
    )
    return {name for path, there, name in wanted if path.exists() is not there}
