"""An edit that was allowed is no permission to run what lies in the repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sessions import run

from agent.events import CallDecided
from agent.policy import Autonomy
from sandbox.base import Containment
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tools.base import Effect

SAYS = {
    "diagnostics": [
        {
            "code": {"value": "parse"},
            "location": {"path": "a.js", "range": {"start": {"line": 1, "column": 1}}},
            "message": "the repository's program ran",
        }
    ]
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose linter is a program in the repository, which speaks of a changed file."""
    folder = tmp_path / "work"
    programs = folder / "node_modules" / ".bin"
    programs.mkdir(parents=True)
    (folder / "biome.json").write_text("{}")
    (folder / "a.js").write_text("f(1);\n")
    linter = programs / "biome"
    linter.write_text("#!/bin/sh\ngrep -q 1 a.js && echo '{\"diagnostics\": []}' || cat said\n")
    linter.chmod(0o755)
    (folder / "said").write_text(json.dumps(SAYS))
    return folder


EDIT = {"calls": [{"edit": {"path": "a.js", "old": "f(1)", "new": "f(2)"}}]}


@pytest.mark.parametrize(
    ("level", "ran"),
    [(Autonomy.ASK, False), (Autonomy.EDIT, False), (Autonomy.RUN, True), (Autonomy.FULL, True)],
)
async def test_the_repositorys_linter_runs_where_its_tests_would_run_unasked(
    root: Path, level: Autonomy, ran: bool
) -> None:
    sandbox = await open_sandbox(Workspace(root), "auto")
    if sandbox.containment is Containment.NONE:
        pytest.skip("NOT TESTED: nothing contains a command here")
    done = await run(
        root, [EDIT, "done"], level=level, answers=[True], sandbox=sandbox, diagnostics=True
    )
    (decided,) = done.of(CallDecided)
    assert decided.effects == (Effect.EDIT,)
    (result,) = done.results
    assert result.ok
    assert ("the repository's program ran" in result.text) is ran
    assert bool(result.broken) is ran


async def test_without_containment_it_is_not_run_at_any_level(root: Path) -> None:
    sandbox = await open_sandbox(Workspace(root), "off")
    done = await run(root, [EDIT, "done"], level=Autonomy.FULL, sandbox=sandbox, diagnostics=True)
    assert "the repository's program ran" not in done.results[0].text
