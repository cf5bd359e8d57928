"""`agent map [QUERY]`: what of this repository belongs to a task."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from agent.config import cache_path
from agent.context.lately import uncommitted
from agent.context.ranking import Task
from agent.context.repomap import TOKENS, map_of
from agent.footing import open_workspace
from agent.lines import out, say

NOTHING = "no source here"


def show(folder: Path, query: str, tokens: int | None, as_json: bool) -> int:
    """Print the map; what is left to say of it goes to stderr."""
    workspace = open_workspace(folder)
    task = Task(query, asyncio.run(uncommitted(workspace)))
    found = map_of(workspace, task, cache_path(), tokens or TOKENS)
    if as_json:
        told = [
            {
                "path": path,
                "definitions": [
                    {
                        "name": each.definition.name,
                        "kind": each.definition.kind,
                        "line": each.definition.line,
                        "end_line": each.definition.end,
                    }
                    for each in shown
                ],
            }
            for path, shown in found.shown.items()
        ]
        state = {"sources": found.state.files, "partial": found.state.partial}
        out(json.dumps({"tokens": found.tokens, **state, "files": told}, indent=2))
        return 0
    if not found.text:
        about = query and found.state.files
        say("nothing here is about that; agent map shows what is central" if about else NOTHING)
        return 0
    out(found.text)
    definitions = sum(map(len, found.shown.values()))
    files = f"in {len(found.shown)} of {found.state.files:,} sources"
    say(f"definitions: {definitions}, {files}, about {found.tokens:,} tokens")
    return 0
