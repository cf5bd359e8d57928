"""The templates for CI: their own shell steps are run here, on a repository with a failing test."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import AGENT, UNITTEST, agent, put, script

from agent.config import Settings

CI = Path(__file__).parents[1] / "docs" / "ci"
GITHUB = yaml.safe_load((CI / "github-action.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab-ci.yml").read_text())
CALC = "def add(a, b):\n    return a - b\n"
TESTS = """import unittest
from calc import add

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""
GOOD = {"samples": ["    return a + b\n"]}
WRONG = {"samples": ["    return a * b\n"]}


def steps(job: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each["run"] for each in job["steps"] if "run" in each}


@pytest.fixture
def root(tmp_path: Path, home: object) -> Path:
    root = put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TESTS})
    who = ("-c", "user.name=a", "-c", "user.email=a@b.test")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "one")):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def shell(text: str, root: Path, *options: str, **variables: str | Path) -> tuple[int, str]:
    """Run a step as a runner does; return how it ended, and what it said."""
    given = {
        **os.environ,
        "CI": "true",
        "PATH": f"{AGENT.parent}{os.pathsep}{os.environ['PATH']}",
        "WISP_CHECK": UNITTEST,
        "WISP_EFFORT": "0",
        **{name: str(value) for name, value in variables.items()},
    }
    done = subprocess.run(
        ["bash", *options, "-c", text],
        cwd=root,
        env=given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.decode(errors="replace")


@pytest.mark.full
@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("reply", "code", "said"), [(GOOD, 0, "repaired"), (WRONG, 1, "no repair")]
)
def test_the_steps_for_github_leave_a_patch_a_report_and_a_summary(
    root: Path, tmp_path: Path, reply: dict[str, Any], code: int, said: str
) -> None:
    model = script(tmp_path / "s.yaml", reply)
    temp, summary = tmp_path / "temp", tmp_path / "summary"
    temp.mkdir()
    summary.write_text("")
    run = steps(GITHUB["jobs"]["repair"])
    variables = {
        "WISP_MODEL": model,
        "RUNNER_TEMP": temp,
        "GITHUB_STEP_SUMMARY": summary,
        "BUG": "add $(touch owned) `touch owned`; --sandbox=off",
    }
    for name in ("The model", "The repair"):
        ended, text = shell(run[name], root, "-e", **variables)
        assert ended == (code if name == "The repair" else 0), text
    assert said in text and not list(tmp_path.rglob("owned"))
    assert "report.html" in {each.name for each in (temp / "wisp").iterdir()}
    assert summary.read_text().startswith("<!-- a report of wisp -->")
    patch = temp / "wisp" / "repair.patch"
    assert ("+    return a + b" in patch.read_text()) == (code == 0)
    if code == 0:
        subprocess.run(["git", "reset", "-q", "--hard"], cwd=root, check=True)
        subprocess.run(["git", "apply", patch], cwd=root, check=True)
        assert "a + b" in (root / "calc.py").read_text()
    assert (temp / "wisp" / "session.json").stat().st_size > 100
    log = temp / "wisp" / "session.jsonl"
    assert "add" in agent("sessions", "replay", log, "--plain", cwd=tmp_path).out


@pytest.mark.full
@pytest.mark.usefixtures("written")
def test_the_steps_for_gitlab_leave_them_in_the_tree_and_the_cache_outside(
    root: Path, tmp_path: Path
) -> None:
    job = GITLAB["repair"]
    model = script(tmp_path / "s.yaml", GOOD)
    cache = tmp_path / "cache"
    put(root, {".wisp-cache/kept": "1"})
    variables = {"WISP_MODEL": model, "XDG_CACHE_HOME": cache}
    # all that needs neither root nor the internet
    before = [each for each in job["before_script"] if not re.search(r"install|-m venv|PATH", each)]
    assert len(before) == 3
    text = "\n".join([*before, *job["script"]])
    ended, told = shell(text, root, "-e", "-o", "pipefail", **variables)
    assert ended == 0 and "repaired and verified" in told, told
    names = {"report.html", "report.md", "repair.patch", "session.json", "session.jsonl"}
    assert {each.name for each in (root / "wisp").iterdir()} == names
    patch = (root / "wisp" / "repair.patch").read_text()
    assert "+    return a + b" in patch and "wisp-cache" not in patch
    assert shell("\n".join(job["after_script"]), root, "-e", **variables)[0] == 0
    assert (root / ".wisp-cache" / "kept").read_text() == "1" and not cache.exists()


def texts(value: Any, place: str = "") -> list[tuple[str, str]]:
    match value:
        case dict():
            return [each for key, inner in value.items() for each in texts(inner, str(key))]
        case list():
            return [each for inner in value for each in texts(inner, place)]
        case _:
            return [(place, str(value))]


def test_no_text_that_a_stranger_chose_reaches_a_shell() -> None:
    shells = [text for place, text in texts(GITHUB) if place == "run"]
    shells += [text for place, text in texts(GITLAB) if place.endswith("script")]
    assert len(shells) > 10
    assert not [text for text in shells if "${{" in text]
    stranger = re.compile(
        r"title|body|head_ref|github\.event|CI_COMMIT|MERGE_REQUEST", re.IGNORECASE
    )
    both = (CI / "github-action.yml").read_text() + (CI / "gitlab-ci.yml").read_text()
    code = "\n".join(line.partition(" #")[0] for line in both.splitlines() if line[:1] != "#")
    assert not stranger.findall(code)
    for text in shells:
        assert shell(text, Path("/"), "-n") == (0, ""), text
        for variable in re.finditer(r"\$\w+", text):
            before = text[: variable.start()]
            assert before.count('"') % 2 == 1, f"{variable[0]} is not quoted in {text}"


def test_the_workflow_has_no_more_rights_than_it_needs() -> None:
    assert GITHUB["permissions"] == {"contents": "read"}
    triggers = GITHUB[True]  # YAML takes `on` for a truth
    assert set(triggers) == {"push", "pull_request", "workflow_dispatch"}
    used = [text for place, text in texts(GITHUB) if place == "uses"]
    assert {each.partition("@")[0] for each in used} == {
        "actions/checkout",
        "actions/cache",
        "actions/upload-artifact",
    }
    checkouts = [
        step
        for job in GITHUB["jobs"].values()
        for step in job["steps"]
        if "checkout" in step.get("uses", "")
    ]
    assert all(each["with"]["persist-credentials"] is False for each in checkouts)
    assert not [text for _, text in texts(GITHUB) if "secrets." in text], "none is needed"
    assert all("timeout-minutes" in job for job in GITHUB["jobs"].values())


def test_every_variable_is_a_setting() -> None:
    own = {"WISP_PACKAGE"}
    for job in (GITHUB["jobs"]["repair"]["env"], GITLAB["repair"]["variables"]):
        named = {each for each in job if each.startswith("WISP_")} - own
        assert named and {each[5:].lower() for each in named} <= set(Settings.model_fields)
        values = {each[5:].lower(): job[each] for each in named}
        Settings.model_validate(values)
