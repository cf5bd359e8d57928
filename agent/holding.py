"""What holds here, for a person who asks: the sandbox found by its live test, and a try of it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import Blocked, UsageError
from sandbox.base import Command, Containment, Limits, Sandbox, SandboxError
from sandbox.detect import Mode, open_sandbox
from sandbox.environment import trusted_program
from sandbox.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Held:
    """What the sandbox gives on this machine, and what to type for more."""

    containment: Containment
    backend: str
    features: tuple[str, ...]
    why_not: str  # FULL; empty when it is
    hint: str

    def rows(self) -> dict[str, str]:
        """Return what there is to say, by its label."""
        rows = {
            "containment": self.containment.name,
            "backend": self.backend,
            "features": ", ".join(self.features) or "none",
            "why not full": self.why_not,
            "hint": self.hint,
        }
        return {label: value for label, value in rows.items() if value}

    def data(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "containment": int(self.containment),
            "containment_name": self.containment.name.lower(),
            "backend": self.backend,
            "features": list(self.features),
            "why_not": self.why_not,
            "hint": self.hint,
        }


def held_by(sandbox: Sandbox, workspace: Workspace, mode: Mode = "auto") -> Held:
    """Return what a sandbox that was opened in this mode holds."""
    hint = _hint(sandbox, workspace) if mode == "auto" else "--sandbox auto takes the strongest"
    if sandbox.containment is Containment.FULL:
        hint = ""
    found = tuple(sorted(sandbox.features))
    return Held(sandbox.containment, sandbox.backend, found, sandbox.why_not, hint)


# where Linux says that namespaces are not for everybody, the value that says so, what to type
_CLOSED = (
    ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
)


def _hint(sandbox: Sandbox, workspace: Workspace) -> str:
    if sys.platform != "linux":
        return ""
    if trusted_program("bwrap", (workspace.root, *workspace.extra)) is None:
        return "apt-get install bubblewrap"
    for name, closed, hint in _CLOSED:
        try:
            if Path("/proc/sys", name).read_text().strip() == closed:
                return hint
        except OSError:
            continue
    if Path("/.dockerenv").exists():
        return "docker run --security-opt seccomp=unconfined, for a container with namespaces"
    return "agent sandbox status --sandbox full says what is in the way"


async def contain(workspace: Workspace, mode: Mode) -> Sandbox:
    """Return the sandbox that holds here; raises Blocked where less does than was asked for."""
    try:
        return await open_sandbox(workspace, mode)
    except SandboxError as error:
        raise Blocked(str(error), "--sandbox=auto takes what holds here") from error


async def run_held(
    workspace: Workspace,
    argv: Sequence[str],
    write: Callable[[bytes], None],
    *,
    cwd: Path,
    mode: Mode,
    network: bool = False,
    git: bool = False,
    paths: Sequence[str] = (),
) -> int:
    """Run a command as the `shell` tool would, its output to `write`; return its exit code.

    Raises UsageError for what is not there, Blocked where nothing contains it.
    """
    if shutil.which(argv[0]) is None and not (cwd / argv[0]).exists():
        raise UsageError(f"no such program: {argv[0]}", "agent sandbox run -- CMD")
    writable = tuple(_there(path) for path in paths)
    sandbox = await contain(workspace, mode)
    if sandbox.containment is Containment.NONE and mode != "off":
        raise Blocked(f"nothing would contain it: {sandbox.why_not}", "--sandbox=off runs it so")
    command = Command(
        tuple(argv),
        cwd=cwd,
        network=network,
        git=git,
        writable=writable,
        limits=Limits(wall_s=None),
    )
    try:
        result = await sandbox.run(command, write)
    except SandboxError as error:
        raise Blocked(str(error), "agent sandbox status") from error
    return 128 + (result.signal or 0) if result.exit_code is None else result.exit_code


def _there(path: str) -> Path:
    place = Path(path).expanduser()
    if not place.exists():
        raise UsageError(f"no such path: {path}", "--path FOLDER")
    return place.resolve()
