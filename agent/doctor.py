"""`agent doctor`: what is installed, what holds, and what to type to improve it.

Each part is looked at by one function of the table; nothing is changed, and no key is shown.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from agent import config as settings
from agent.errors import WispError
from agent.holding import contain, held_by
from sandbox.base import Command, Containment, Limits, Sandbox, SandboxError
from sandbox.environment import trusted_program
from sandbox.workspace import Workspace

State = Literal["ok", "missing", "wrong"]
LEAST_FREE = 1 << 30  # bytes on the disks that logs, checkpoints and models are on
FIXED = (0, 12)  # of bubblewrap: from here on it does not follow /oldroot


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: a part, its state, and what to type; without a `needed` one no main job works."""

    name: str
    state: State
    text: str
    hint: str = ""
    needed: bool = False

    @property
    def stops(self) -> bool:
        """Whether the main job cannot be done because of it."""
        return self.needed and self.state != "ok"


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at."""

    workspace: Workspace
    sandbox: Sandbox

    async def version(self, program: str, *words: str) -> tuple[Path | None, str]:
        """Return where a program is, and what it calls its version, as far as it says one."""
        found = trusted_program(program, (self.workspace.root, *self.workspace.extra))
        if found is None:
            return None, ""
        said = bytearray()
        command = Command(
            (str(found), *(words or ("--version",))),
            cwd=self.workspace.root,
            read_only=True,
            limits=Limits(wall_s=10),
        )
        try:
            await self.sandbox.run(command, said.extend)
        except SandboxError:
            return found, "version not said"
        number = re.search(r"\d+(\.\d+)+", said.decode(errors="replace"))
        return found, number[0] if number else "version not said"


Look = Callable[[Patient], AsyncIterator[Finding]]


async def examine(folder: Path) -> AsyncIterator[Finding]:
    """Yield what is found, part by part."""
    from agent.footing import open_workspace

    workspace = open_workspace(folder)
    patient = Patient(workspace, await contain(workspace, "auto"))
    for look in LOOKS:
        async for finding in look(patient):
            yield finding


def as_data(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings as JSON has them."""
    works = not any(each.stops for each in findings)
    return {"works": works, "findings": [asdict(each) for each in findings]}


async def _system(patient: Patient) -> AsyncIterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    yield Finding("system", "ok", f"{platform.system()} {platform.release()}, {cores} cores")
    yield Finding("python", "ok", f"{platform.python_version()}, {sys.executable}")


async def _programs(patient: Patient) -> AsyncIterator[Finding]:
    git, version = await patient.version("git")
    if git is None:
        yield Finding("git", "missing", "for checkpoints", "apt-get install git", needed=True)
    else:
        yield Finding("git", "ok", f"{version}, {git}", needed=True)
    bwrap, version = await patient.version("bwrap")
    if bwrap is None:
        state: State = "missing" if sys.platform == "linux" else "ok"
        hint = "apt-get install bubblewrap" if sys.platform == "linux" else ""
        yield Finding("bwrap", state, "for the full sandbox, on Linux", hint)
    else:
        old = tuple(map(int, re.findall(r"\d+", version)[:2])) < FIXED
        about = "; CVE-2026-87766 is in it, and is not reached: it is given no links" if old else ""
        yield Finding("bwrap", "ok", f"{version}, {bwrap}{about}")
    rg, version = await patient.version("rg")
    found = rg is not None
    yield Finding(
        "rg",
        "ok" if found else "missing",
        f"{version}, {rg}" if found else "searching is slower without it",
        "" if found else "apt-get install ripgrep",
    )


async def _compiler(patient: Patient) -> AsyncIterator[Finding]:
    for name in ("c++", "g++", "clang++"):
        found, version = await patient.version(name)
        if found is not None:
            yield Finding("compiler", "ok", f"{version}, {found}")
            return
    yield Finding(
        "compiler", "missing", "for building llama.cpp", "apt-get install build-essential"
    )


def _library(name: str) -> str:
    """Return the version of an installed library without importing it, or nothing."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


async def _libraries(patient: Patient) -> AsyncIterator[Finding]:
    for library, extra, use in (
        ("llama-cpp-python", "local", "for models on this machine"),
        ("litellm", "remote", "for remote models"),
        ("keyring", "keyring", "for keys in the system's keyring"),
    ):
        version = _library(library)
        hint = "" if version else f"uv tool install 'wisp-agent[{extra}]'"
        yield Finding(library, "ok" if version else "missing", version or use, hint)


async def _configuration(patient: Patient) -> AsyncIterator[Finding]:
    root = patient.workspace.root
    for name, repository in (("settings", None), ("repository", root)):
        where = settings.config_path() if repository is None else root / ".wisp" / "settings.toml"
        try:
            loaded = settings.load({}, repository)
        except WispError as error:
            yield Finding(name, "wrong", error.message, error.hint or f"edit {where}", needed=True)
            continue
        left = f"; left alone: {', '.join(loaded.ignored)}" if loaded.ignored else ""
        there = str(where) if where.is_file() else f"none at {where}"
        yield Finding(name, "ok", f"{there}{left}", needed=True)


async def _models(patient: Patient) -> AsyncIterator[Finding]:
    from agent.models import catalog

    for entry in catalog.CATALOG:
        path = catalog.folder() / entry.file
        if not path.is_file():
            continue
        again = f"rm {path}, then agent models pull {entry.name}"
        if await _sum(path) == entry.sha256:
            yield Finding("model file", "ok", f"{entry.name}, its sum verified")
        else:
            yield Finding("model file", "wrong", f"{entry.name} has another sum", again)
    try:
        name = settings.load({}, patient.workspace.root).settings.model
    except WispError:
        return  # said above
    yield _model(name)


async def _sum(path: Path) -> str:
    import asyncio

    def read() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return await asyncio.to_thread(read)


def _model(name: str) -> Finding:
    """Return whether the model that the settings name can be asked."""
    from agent import keys
    from agent.models import catalog, choose
    from agent.models.providers import provider_of

    def no(text: str, hint: str, state: State = "missing") -> Finding:
        return Finding("model", state, text, hint, needed=True)

    try:
        if name.startswith(choose.SCRIPTED):
            return Finding("model", "ok", name, needed=True)
        provider = provider_of(name) if choose.is_remote(name) else None
        if provider is not None:
            if not _library("litellm"):
                return no(f"{name} needs litellm", "uv tool install 'wisp-agent[remote]'")
            if not provider.base and keys.key_for(provider.name) is None:
                return no(f"{name} has no key", f"agent keys set {provider.name}")
            return Finding("model", "ok", name, needed=True)
        found = catalog.resolve(name)
    except WispError as error:
        return no(error.message, error.hint, "wrong")
    if not found.present:
        return no(f"{name} is not on this machine", found.hint)
    if not _library("llama-cpp-python"):
        return no(f"{name} needs llama.cpp", "uv tool install 'wisp-agent[local]'")
    return Finding("model", "ok", f"{name}, {found.path}", needed=True)


async def _keys(patient: Patient) -> AsyncIterator[Finding]:
    from agent import keys
    from agent.models.providers import PROVIDERS

    told = []
    for name in sorted({each.name for each in PROVIDERS.values()}):
        try:
            key = keys.key_for(name)
        except WispError as error:
            yield Finding("keys", "wrong", error.message, error.hint)
            return
        if key is not None:
            told.append(f"{name} from {key.source}")
    yield Finding("keys", "ok", "; ".join(told) or "none, and local models need none")


async def _folders(patient: Patient) -> AsyncIterator[Finding]:
    for name, path in (("state", settings.state_path()), ("cache", settings.cache_path())):
        yield _folder(name, path)


def _folder(name: str, path: Path) -> Finding:
    """Return whether a folder of ours can be written, and by nobody else."""
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        hint = f"XDG_{name.upper()}_HOME says another place"
        return Finding(name, "wrong", f"{there} cannot be written", hint, needed=True)
    about = path.stat() if path.is_dir() else None
    if about is not None and about.st_uid != os.geteuid():
        text = f"{path} belongs to another user"
        return Finding(name, "wrong", text, f"chown {os.geteuid()} {path}", needed=True)
    if about is not None and about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return Finding(name, "wrong", f"others can write in {path}", f"chmod go-w {path}")
    free = shutil.disk_usage(there).free
    text = f"{path}, {free / 1e9:.1f} GB free"
    if free < LEAST_FREE:
        return Finding(name, "wrong", text, f"df -h {there}")
    return Finding(name, "ok", text, needed=True)


async def _sandbox(patient: Patient) -> AsyncIterator[Finding]:
    held = held_by(patient.sandbox, patient.workspace)
    text = f"{held.containment.name} by {held.backend}"
    if held.containment is Containment.FULL:
        yield Finding("sandbox", "ok", text, needed=True)
    elif held.containment is Containment.REDUCED:
        yield Finding("sandbox", "ok", f"{text}: {held.why_not}", held.hint, needed=True)
    else:
        hint = held.hint or "--sandbox=off, for one command line"
        yield Finding("sandbox", "missing", held.why_not, hint, needed=True)
    yield Finding("held", "ok", ", ".join(held.features) or "nothing")


LOOKS: tuple[Look, ...] = (
    _system,
    _programs,
    _compiler,
    _libraries,
    _configuration,
    _models,
    _keys,
    _folders,
    _sandbox,
)


def lines(finding: Finding) -> Iterator[str]:
    """Yield a finding as a person reads it."""
    yield f"{finding.name:16} {finding.state:7} {finding.text}".rstrip()
    if finding.hint:
        yield f"{'':16} hint: {finding.hint}"
