"""A git worktree to work in, outside of the repository, while somebody else works in it.

It lies below the state directory, on a branch of its own, `wisp/ID`, from the last commit. At the
end it is removed where nothing was changed in it; else it stays, with the whole change as one patch
beside it. One that a killed process left is looked at by the next start: removed if unchanged, kept
and told of if not. Git runs within the sandbox, without hooks and without programs that the
repository's configuration names; of the user's `.git` only what a worktree needs is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.claim import claimed
from agent.config import state_path
from agent.errors import Failed, UsageError
from agent.session import workspace_key
from agent.store import TRUSTED_PATH
from sandbox.base import Command, Limits, Sandbox, SandboxError
from sandbox.walking import DEPENDENCY_FOLDERS

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
}
_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
_DRIVER = re.compile(r"filter\..+\.(clean|smudge|process|required)|diff\..+\.(command|textconv)")
_PATCH = ("--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color")
_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Left:
    """A worktree that holds changes, and the patch that has all of them."""

    path: Path
    patch: Path

    @property
    def hint(self) -> str:
        """What to type to take the changes over."""
        return f"git apply --3way {self.patch}"


@dataclass(frozen=True, slots=True)
class Worktree:
    """One worktree: where it is, what it began from, the lock that says that it is in use."""

    path: Path
    base: str
    lock: int

    @property
    def home(self) -> Path:
        """The folder of ours that holds it."""
        return self.path.parent

    @property
    def branch(self) -> str:
        """Its branch."""
        return f"wisp/{self.home.name}"


class Worktrees:
    """The worktrees of one repository; `sandbox` is one of its workspace. Raises WispError."""

    def __init__(self, root: Path, sandbox: Sandbox) -> None:
        self._root = root
        self._sandbox = sandbox
        self._place = Path(os.path.realpath(state_path())) / "worktrees" / workspace_key(root)

    async def make(self, name: str) -> Worktree:
        """Make one from the last commit."""
        if not (self._root / ".git").exists():
            raise UsageError("--worktree is for git repositories, and this is none", "git init")
        code, said = await self._git(self._root, "rev-parse", "--verify", "HEAD^{commit}")
        if code:
            raise UsageError("--worktree begins from a commit, and there is none yet", "git commit")
        home = self._place / name
        try:
            self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = _lock(home)
            fcntl.flock(lock, fcntl.LOCK_EX)  # before there is anything to sweep
            home.mkdir(mode=0o700)
        except OSError as error:
            raise Failed(f"cannot make a worktree: {error.strerror}: {home}") from error
        tree = Worktree(home / (self._root.name or "root"), said.strip(), lock)
        words = ("worktree", "add", "--quiet", "-b", tree.branch, str(tree.path), tree.base)
        code, said = await self._git(self._root, *words, home=home, git=True)
        if code:
            await self._remove(Worktree(tree.path, "", lock))
            os.close(lock)
            raise Failed(f"cannot make a worktree: {_last(said)}")
        (home / "base").write_text(tree.base)  # last: it says that the worktree is whole
        return tree

    async def settle(self, tree: Worktree) -> Left | None:
        """End the use of one: removed where nothing was changed, else kept and returned."""
        try:
            if tree.base and tree.path.is_dir() and await self._changed(tree):
                return Left(tree.path, await self._patch(tree))
            await self._remove(tree)
            return None
        finally:
            os.close(tree.lock)

    async def sweep(self) -> list[Left]:
        """Look at what killed processes left; return those that hold changes, each once."""
        left = []
        for home in sorted(self._place.glob("*/")):
            if (tree := self._abandoned(home)) and (kept := await self.settle(tree)):
                left.append(kept)
        return left

    def _abandoned(self, home: Path) -> Worktree | None:
        """Return a worktree whose process is gone and which nobody has looked at since."""
        path = home / (self._root.name or "root")
        if path.exists() and (home / "changes.patch").exists():
            return None
        try:
            lock = _lock(home)
        except OSError:
            return None
        if not claimed(lock):
            os.close(lock)
            return None
        base = ""
        with contextlib.suppress(OSError):
            base = (home / "base").read_text().strip()
        return Worktree(path, base, lock)

    async def _changed(self, tree: Worktree) -> bool:
        code, said = await self._git(tree.path, "rev-parse", "HEAD", home=tree.home)
        return bool(code) or said.strip() != tree.base or any(await self._dirty(tree))

    async def _dirty(self, tree: Worktree) -> tuple[bool, list[str]]:
        """Return whether git sees changes, and what it ignores but somebody may have written."""
        words = ("status", "--porcelain", "--ignored", "-z", "--no-renames")
        code, said = await self._git(tree.path, *words, home=tree.home)
        lines = [line for line in said.split("\0") if line]
        ignored = [line[3:].rstrip("/") for line in lines if line.startswith("!! ")]
        own = [path for path in ignored if DEPENDENCY_FOLDERS.isdisjoint(path.split("/"))]
        return bool(code) or len(lines) > len(ignored), own

    async def _patch(self, tree: Worktree) -> Path:
        """Write all that is different from the base, without touching the index or objects."""
        aside = tree.home / "aside"
        patch = tree.home / "changes.patch"
        code, said = await self._git(
            tree.path, "rev-parse", "--git-path", "objects", home=tree.home
        )
        objects = (tree.path / said.strip()).resolve()
        (aside / "objects").mkdir(parents=True, exist_ok=True)
        env = {
            "GIT_INDEX_FILE": str(aside / "index"),
            "GIT_OBJECT_DIRECTORY": str(aside / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
        _, ignored = await self._dirty(tree)
        steps: Sequence[tuple[str, ...]] = (
            ("read-tree", tree.base),
            ("add", "--all"),
            ("add", "--force", "--", *(f":(literal){path}" for path in ignored)),
            ("diff", "--cached", *_PATCH, f"--output={aside / patch.name}", tree.base),
        )
        for words in steps:
            code, said = await self._git(tree.path, *words, home=tree.home, env=env)
            if code:
                raise Failed(
                    f"cannot write a patch: {_last(said)}", f"the changes are in {tree.path}"
                )
        (aside / patch.name).replace(patch)
        shutil.rmtree(aside, ignore_errors=True)
        return patch

    async def _remove(self, tree: Worktree) -> None:
        """Remove one without changes; git itself refuses where there are some.

        One without a base was never whole, so nothing was done in it.
        """
        force = () if tree.base else ("--force", "--force")
        words = ("worktree", "remove", *force, str(tree.path))
        await self._git(self._root, *words, home=tree.home, git=True)
        if tree.base and tree.path.is_dir():
            return
        if not await self._forgotten(tree):
            return  # it stays known, so the next sweep tries again
        shutil.rmtree(tree.home, ignore_errors=True)
        tree.home.with_suffix(".lock").unlink(missing_ok=True)

    async def _forgotten(self, tree: Worktree) -> bool:
        """Delete the branch; whether it is gone."""
        ref = f"refs/heads/{tree.branch}"
        for _ in range(2):
            await self._git(
                self._root, "update-ref", "-d", ref, *filter(None, [tree.base]), git=True
            )
            code, _said = await self._git(self._root, "rev-parse", "--verify", "--quiet", ref)
            if code:
                return True
            # a git of ours that was killed leaves its lock; nobody else has business with this ref
            _, place = await self._git(self._root, "rev-parse", "--git-path", f"{ref}.lock")
            (self._root / place.strip()).unlink(missing_ok=True)
        return False

    async def _git(
        self,
        folder: Path,
        *words: str,
        home: Path | None = None,
        git: bool = False,
        env: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """Run git without hooks and drivers; return its exit code and what it said."""
        _, listed = await self._run(folder, ("config", "--list", "--name-only", "-z"), home)
        drivers = {
            name: "false" if name.endswith(".required") else ""
            for name in listed.split("\0")
            if _DRIVER.fullmatch(name)
        }
        return await self._run(folder, words, home, git, drivers, env)

    async def _run(
        self,
        folder: Path,
        words: Sequence[str],
        home: Path | None,
        git: bool = False,
        drivers: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        program = shutil.which("git", path=TRUSTED_PATH)
        if program is None:
            raise UsageError("--worktree needs git, and there is none", "apt-get install git")
        settings = {**_SETTINGS, **(drivers or {})}
        given = {**_ENVIRONMENT, **(env or {}), "GIT_CONFIG_COUNT": str(len(settings))}
        for at, (name, value) in enumerate(settings.items()):
            given[f"GIT_CONFIG_KEY_{at}"], given[f"GIT_CONFIG_VALUE_{at}"] = name, value
        output = bytearray()
        command = Command(
            argv=(program, *words),
            cwd=folder,
            env=given,
            git=git,
            read_only=not git,
            writable=(home,) if home else (),
            limits=Limits(wall_s=_SECONDS, file_bytes=None),
        )
        try:
            result = await self._sandbox.run(command, output.extend)
        except SandboxError as error:
            raise Failed(f"git was not started: {error}") from error
        return result.exit_code or int(not result.ok), output.decode("utf-8", "surrogateescape")


def _lock(home: Path) -> int:
    return os.open(home.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _last(said: str) -> str:
    return (said.strip().splitlines() or ["git failed"])[-1]
