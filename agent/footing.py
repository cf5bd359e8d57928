"""What a turn stands on, opened as the settings say: workspace, sandbox, model, the strong one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.config import Settings
from agent.errors import UsageError
from agent.models.base import Model
from agent.models.providers import KeyFor
from sandbox.workspace import Workspace

if TYPE_CHECKING:
    from agent.escalation import Strong


def open_workspace(cwd: Path, add_dirs: tuple[Path, ...] = ()) -> Workspace:
    """Return the workspace of a folder: its nearest git top, else itself. Raises UsageError."""
    for folder in (cwd, *add_dirs):
        if not folder.is_dir():
            raise UsageError(f"not a folder: {folder}")
    if _bare(cwd):
        raise UsageError(
            f"{cwd} is a bare repository: it has no working tree", "git worktree add ../work"
        )
    top = next((each for each in (cwd, *cwd.parents) if (each / ".git").exists()), cwd)
    return Workspace(top, add_dirs)


def _bare(folder: Path) -> bool:
    return (
        all((folder / name).exists() for name in ("HEAD", "objects", "refs"))
        and not (folder / ".git").exists()
    )


def writable(root: Path) -> None:
    """Raise UsageError for a working tree that cannot be written to."""
    flags = os.statvfs(root).f_flag
    if (
        flags & os.ST_RDONLY
        or not os.access(root, os.W_OK)
        or not root.stat().st_mode & stat.S_IWUSR
    ):
        raise UsageError(f"the working tree is read-only: {root}", "fix needs to write to it")


@contextlib.asynccontextmanager
async def start_model(settings: Settings, key_for: KeyFor) -> AsyncIterator[Model]:
    """Yield the model, which loads meanwhile; raises ModelUnusable."""
    from agent.models.choose import open_model

    model = open_model(
        settings.model,
        settings.context,
        api_base=settings.api_base,
        max_cost=settings.max_cost,
        key_for=key_for,
        kv_cache=settings.kv_cache and not os.environ.get("CI"),  # a runner starts anew
        host_idle=settings.stays(),
    )
    loading = asyncio.ensure_future(model.start())
    # the first request says what went wrong with loading
    loading.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        yield model
    finally:
        loading.cancel()
        await model.close()


def strong_model(settings: Settings, key_for: KeyFor) -> Strong | None:
    """Return the model that may take over, opened only when it is wanted."""
    from agent.models.choose import open_model

    name, base = settings.strong, settings.strong_api_base
    if not name:
        return None
    from agent.escalation import Strong

    def opened(budget: float) -> Model:
        return open_model(
            name, api_base=base, max_cost=budget, key_for=key_for, host_idle=settings.stays()
        )

    return Strong(name, settings.escalate, opened)
