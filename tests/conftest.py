"""Each test has a home of its own; what cannot be tested on a machine is said loudly.

`WISP_REQUIRE_MODEL=1` and `WISP_REQUIRE_FULL=1` turn the skip of a test marked `model` or `full`
into a failure: that is how CI runs. What the sessions of a test did is done again over their logs;
`WISP_REPLAY_REPAIRS=1` does so with what repairs ran, too.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import platformdirs
import pytest
from hypothesis import settings

PROJECT = Path(__file__).parents[1]
REQUIRE = {"model": "WISP_REQUIRE_MODEL", "full": "WISP_REQUIRE_FULL"}
REPLAY = "WISP_REPLAY_REPAIRS"
OURS = ("WISP_TEST_MODELS", REPLAY, *REQUIRE.values())

# where the real models are, asked before the first test gets another home
MODELS = Path(os.environ.get("WISP_TEST_MODELS") or platformdirs.user_cache_path("wisp") / "models")
os.environ["WISP_TEST_MODELS"] = str(MODELS)
# an installed program has its bytecode; without it each of the many starts of ours compiles all of
# it, which is more than half of such a start, and each worker rewrites all the assertions
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
_RUSTUP = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")


# no test may fail because a machine is slow; what is drawn is new in every run, so a few are many
settings.register_profile("wisp", deadline=None, max_examples=50)
settings.load_profile("wisp")


@pytest.fixture(scope="session")
def _homes() -> Iterator[Path]:
    # not in /tmp, which a full sandbox hides from its commands
    (PROJECT / ".cache").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="homes-", dir=PROJECT / ".cache"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def home(_homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, with everything that depends on it, and no settings from outside."""
    folder = Path(tempfile.mkdtemp(prefix="home-", dir=_homes))
    for name in [each for each in os.environ if each.startswith("WISP_") and each not in OURS]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WISP_HOST", "private")  # no host of a model outlives a test
    monkeypatch.setenv("HOME", str(folder))
    for name in ("CONFIG", "STATE", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
    if _RUSTUP.is_dir():  # the toolchain of this machine, not of this user
        monkeypatch.setenv("RUSTUP_HOME", str(_RUSTUP))
    return folder


@pytest.fixture(autouse=True)
def _replayed(request: pytest.FixtureRequest, home: Path) -> Iterator[None]:
    """What a test's sessions did is done again over their logs, and nothing may be different."""
    own = "tmp_path" in request.fixturenames and request.getfixturevalue("tmp_path")
    yield
    places = [*home.glob("state/wisp/sessions/*/*.jsonl")]
    places += own.glob("state*/*.jsonl") if own else ()
    if not places or request.node.get_closest_marker("behind_the_log"):
        return
    from replays import differences

    for place in places:
        assert differences(place) == []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # what pluggy sends here
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    for mark, variable in REQUIRE.items():
        if item.get_closest_marker(mark) and os.environ.get(variable) == "1":
            report.outcome = "failed"
            report.longrepr = f"{variable}=1, but this was skipped: {_reason(report)}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    missed: dict[str, list[str]] = {}
    for report in terminalreporter.stats.get("skipped", []):
        marks = " and ".join(mark for mark in REQUIRE if mark in report.keywords)
        reason = _reason(report).removeprefix("NOT TESTED").lstrip(",: ")
        missed.setdefault(f"{marks}: {reason}" if marks else reason, []).append(report.nodeid)
    if not missed:
        return
    terminalreporter.section("NOT TESTED ON THIS MACHINE", sep="!", yellow=True, bold=True)
    for reason, tests in missed.items():
        terminalreporter.line(f"skipped, {reason}: {len(tests)}")
        for test in tests:
            terminalreporter.line(f"    {test}")


def _reason(report: pytest.TestReport) -> str:
    found = report.longrepr
    return str(found[-1] if isinstance(found, tuple) else found).removeprefix("Skipped: ")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repair tries only what a model writes: no small changes that need none."""
    monkeypatch.setenv("WISP_RUNGS", "edit,rewrite,vary,explain,refine,loop")
