"""A bench for tools: a workspace, and calls as the loop makes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.base import Sandbox
from sandbox.workspace import Workspace
from tools import registry
from tools.base import Effect, Preview, ToolCall, ToolContext, ToolError, ToolMemory, ToolResult


class Bench:
    """A workspace and what a session would remember of it; calls go through the registry."""

    def __init__(self, root: Path, sandbox: Sandbox, extra: tuple[Path, ...] = ()) -> None:
        self.root = root
        self.live: list[str] = []
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.answer: str | None = None
        self.context = ToolContext(
            workspace=Workspace(root, extra),
            sandbox=sandbox,
            memory=ToolMemory(),
            output=self.live.append,
            question=self._question,
        )

    async def _question(self, question: str, choices: tuple[str, ...]) -> str | None:
        self.asked.append((question, choices))
        return self.answer

    def file(self, path: str, content: str | bytes) -> Path:
        """Put a file there, as the user would."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    async def call(self, name: str, **arguments: Any) -> ToolResult:
        """Make a call; raises ToolError as the loop would see it."""
        tool, args = registry.parse(ToolCall(id="c1", name=name, arguments=arguments))
        return await tool.run(args, self.context)

    async def refused(self, name: str, **arguments: Any) -> str:
        """Make a call that must be refused, and return what the model is told."""
        with pytest.raises(ToolError) as caught:
            await self.call(name, **arguments)
        return str(caught.value)

    def effects(self, name: str, **arguments: Any) -> set[Effect]:
        tool, args = registry.parse(ToolCall(id="c1", name=name, arguments=arguments))
        return set(tool.effects(args, self.context))

    def preview(self, name: str, **arguments: Any) -> Preview:
        tool, args = registry.parse(ToolCall(id="c1", name=name, arguments=arguments))
        return tool.preview(args, self.context)
