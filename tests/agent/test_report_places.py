"""Where reports are put: files, stdout, the summary of a job; and what is never replaced."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support import UNITTEST, Ended, agent, put, result, script

from agent.log import read
from agent.redaction import Redaction
from agent.report.drawing import drawn

OLD = Path(__file__).parent / "data" / "session_schema_1.jsonl"
CALC = "def add(a, b):\n    return a - b\n"
TESTS = """import unittest
from calc import add

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""
EDIT = {"calls": [{"edit": {"path": "calc.py", "old": "a - b", "new": "a + b"}}]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TESTS})


def reported(root: Path, *words: str | Path, **more: Any) -> Ended:
    return agent("sessions", "report", OLD, *words, cwd=root, **more)


def test_html_is_a_file_here_and_the_others_go_to_stdout(root: Path) -> None:
    name = f"wisp-report-{OLD.stem}.html"
    ended = reported(root)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == f"the report is in {root / name}\n"
    assert (root / name).read_text().startswith("<!doctype html>\n<!-- a report of wisp -->")
    assert reported(root).code == 0, "a report of ours is replaced"
    assert sorted(each.name for each in root.iterdir()) == ["calc.py", "test_calc.py", name]
    markdown = reported(root, "--format", "markdown")
    assert markdown.out.startswith("<!-- a report of wisp -->") and markdown.err == ""
    assert json.loads(reported(root, "--format=json").out)["wisp_report"] == 1
    assert reported(root, "--out", "-").out == (root / name).read_text()


def test_a_name_says_the_form_and_what_is_there_is_kept(root: Path) -> None:
    assert reported(root, "--out", "a.md").code == 0
    assert (root / "a.md").read_text() == drawn(read(OLD), "markdown", Redaction())
    assert reported(root, "--out", "a.md", "--format", "json").code == 0, "one replaces another"
    assert json.loads((root / "a.md").read_text())["wisp_report"] == 1
    (root / "mine.html").write_text("<!doctype html>\nmine")
    (root / "link.html").symlink_to(root / "calc.py")
    os.mkfifo(root / "pipe.html")
    (root / "folder.html").mkdir()
    for name in ("mine.html", "link.html", "pipe.html", "folder.html", "a.txt", "no/b.html"):
        ended = reported(root, "--out", name)
        assert ended.code == 2 and len(ended.errors) == len(ended.hints) == 1, name
    assert (root / "mine.html").read_text() == "<!doctype html>\nmine"
    assert (root / "calc.py").read_text() == CALC
    assert reported(root, "--format", "pdf").hints == ["hint: --format html, markdown or json"]


def test_a_run_leaves_its_reports_and_adds_to_the_summary_of_its_job(
    root: Path, tmp_path: Path
) -> None:
    summary = tmp_path / "step_summary_1"
    summary.write_text("# Before\n")
    model = script(tmp_path / "s.yaml", EDIT, "Mended.")
    places = ("--report", summary, "--report", tmp_path / "r.html", "--report", tmp_path / "r.json")
    words = ("run", "-p", "mend it", "-m", model, "--check", UNITTEST, *places, "--json")
    ended = agent(*words, cwd=root, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert result(ended).outcome in ("done", "unverified", "blocked")
    assert summary.read_text().startswith("# Before\n<!-- a report of wisp -->\n\n## ")
    whole = json.loads((tmp_path / "r.json").read_text())
    assert whole["turns"][0]["prompt"] == "mend it"
    assert whole["turns"][0]["exit_code"] == ended.code
    assert (tmp_path / "r.html").stat().st_size > 5000
    assert f"the report is in {tmp_path / 'r.html'}" in ended.out
    assert not [each for each in root.iterdir() if "report" in each.name]


def test_a_report_that_cannot_be_is_said_before_the_work(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yaml", "Done.")
    for name in ("calc.py", "no/r.html", "r"):
        ended = agent("run", "-p", "x", "-m", model, "--report", name, cwd=root)
        assert (ended.code, ended.out) == (2, "") and len(ended.errors) == 1
    assert agent("sessions", "list", cwd=root).out == ""


@pytest.mark.full
@pytest.mark.usefixtures("written")
def test_a_repair_is_told_with_its_attempts(root: Path, tmp_path: Path) -> None:
    good, wrong = (f"def add(a, b):\n    return a {sign} b\n" for sign in "+*")
    samples = ("    return a - b\n", "why", wrong, "why", good)
    model = script(tmp_path / "s.yaml", *({"samples": [each]} for each in samples))
    place = tmp_path / "r.json"
    ended = agent(
        "fix", "add is wrong", "-m", model, "--check", UNITTEST, "--report", place, cwd=root
    )
    assert ended.code == 0, ended.err
    whole = json.loads(place.read_text())
    (turn,) = whole["turns"]
    assert [each["verdict"] for each in turn["attempts"]] == ["refused", "failed", "verified"]
    assert turn["verdicts"] == {"refused": 1, "failed": 1, "verified": 1}
    assert turn["proof"]["verified"] and turn["proof"]["newly_passing"]["items"]
    assert turn["diffs"][0]["paths"]["items"] == ["calc.py"]
    assert whole["totals"]["attempts"] == 3 and whole["totals"]["checks"] > 5
    assert {each["kind"] for each in turn["timeline"]} == {
        "phase",
        "check",
        "reply",
        "attempt",
        "call",
    }
    within = [each for each in turn["timeline"] if each["attempt"] == 3]
    assert within[0]["kind"] == "attempt" and "+    return a + b" in within[0]["diff"]
