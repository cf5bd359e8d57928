"""What each request of a turn may name."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from sessions import run

from agent.models.base import Chunk, Known, ModelRequest
from agent.models.scripted import ScriptedModel


class Listening(ScriptedModel):
    """Says what its script says, and keeps what it might have named."""

    def __init__(self, *replies: Any) -> None:
        super().__init__(ScriptedModel.of(list(replies))._replies)
        self.known: list[Known] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        assert request.known is not None
        self.known.append(request.known())
        async for chunk in super().stream(request):
            yield chunk


async def test_each_request_may_name_what_is_there_by_then(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    (root / "a.py").write_text("")
    (root / ".gitignore").write_text("*.log\n")
    (root / "build.log").write_text("")
    write = {"write": {"path": "src/b.py", "content": "x = 1\n"}}
    read = {"read": {"path": "build.log"}}
    model = Listening({"calls": [write]}, {"calls": [read]}, {"say": "Done."})
    await run(root, [], model=model, prompt="Write src/b.py, then see /etc/hosts.")
    files = [sum(known.names["file"], ()) for known in model.known]
    assert files[0] == (".gitignore", "a.py")
    assert files[1] == (".gitignore", "a.py", "src/b.py")
    places = [sum(known.names["place"], ()) for known in model.known]
    assert places[0] == (*files[0], ".", "/etc/hosts")
    assert set(places[2]) == {*files[2], ".", "src", "/etc/hosts"}
    assert "test" not in model.known[0].names
