"""Where a run works: in the user's own folder, or in a git worktree that is made for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import WispError
from agent.events import Notice
from agent.footing import open_workspace
from agent.holding import contain
from agent.job import Job
from agent.worktree import Left, Worktree, Worktrees
from sandbox.base import Sandbox
from sandbox.workspace import Workspace


@dataclass
class Site:
    """The workspace of a run and its folder; `home` is the user's, `notices` are to be told."""

    home: Workspace
    workspace: Workspace
    cwd: Path
    sandbox: Sandbox
    notices: list[Notice] = field(default_factory=list)
    left: Left | None = None  # the worktree, where it was kept for the changes in it
    _tree: tuple[Worktrees, Worktree] | None = None

    @classmethod
    async def open(cls, job: Job, home: Workspace, name: str) -> Site:
        """Go where the job is to work; `leave` ends that. Raises WispError.

        What killed processes left in worktrees of this repository is looked at first.
        """
        mode = job.settings.sandbox
        sandbox = await contain(home, mode)
        site = cls(home, home, job.cwd, sandbox)
        trees = Worktrees(home.root, sandbox)
        await site._sweep(trees)
        if job.worktree:
            tree = await trees.make(name)
            site._tree = (trees, tree)
            text = f"a git worktree of the last commit, without what is not in it: {tree.path}"
            site.notices.append(Notice(text=text))
            cwd = tree.path / job.cwd.relative_to(home.root)
            site.cwd = cwd if cwd.is_dir() else tree.path
            site.workspace = open_workspace(tree.path, job.add_dirs)
            site.sandbox = await contain(site.workspace, mode)
        return site

    async def leave(self) -> Left | None:
        """End it, once; return the worktree where it was kept."""
        if self._tree is not None:
            (trees, tree), self._tree = self._tree, None
            self.left = await trees.settle(tree)
        return self.left

    async def _sweep(self, trees: Worktrees) -> None:
        try:
            found = await trees.sweep()
        except WispError as error:  # no reason not to work
            self.notices.append(Notice(text=error.message, hint=error.hint))
            return
        for left in found:
            text = f"a session that was cut off left changes: {left.path}"
            self.notices.append(Notice(text=text, hint=left.hint))
