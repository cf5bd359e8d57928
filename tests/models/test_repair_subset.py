"""The benchmark of repairs on its first seeded bug, with the real 0.5B: what CI runs of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.cases import LISTS, read

PROJECT = Path(__file__).parents[2]


@pytest.mark.model
@pytest.mark.full
@pytest.mark.timeout(500)
def test_a_case_is_run_once_in_each_arm_and_no_repair_of_it_is_wrong(
    small_model: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results.jsonl"
    command = [sys.executable, "benchmarks/repair.py", "--list", "seeded", "--subset", "1"]
    command += ["--arm", "all", "--arm", "rewriting", "--limit", "90", "--model", str(small_model)]
    for _ in range(2):  # the second time there is nothing left to run
        ended = subprocess.run(
            [*command, "--results", str(results)], cwd=PROJECT, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        rows = [json.loads(line) for line in results.read_text().splitlines()]
        (case,) = read(LISTS[2])[:1]
        assert [(row["case"], row["arm"]) for row in rows] == [
            (case.name, "all"),
            (case.name, "rewriting"),
        ]
        assert [row["wrong"] for row in rows] == ["", ""]
        assert {row["exit"] for row in rows} <= {0, 1, 5}  # verified, none found, out of time
        assert "seeded: 1 cases that were run in each of: all, rewriting" in ended.stdout
