"""Models by role: what the user says of them, what counts more; a repository says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from support import agent, put

from agent.config import Settings, config_path, load
from agent.errors import UsageError


def user(text: str) -> Path:
    put(config_path().parent, {"config.toml": text})
    return config_path()


ALL = '[models]\nmain = "a"\nsmall = "b"\nstrong = "c"\nsmall_api_base = "http://b.test/v1/"\n'


@pytest.mark.parametrize(
    ("kind", "flags", "environ", "model", "base"),
    [
        ("run", {}, {}, "a", ""),
        ("fix", {}, {}, "b", "http://b.test/v1"),
        ("fix", {"model": "x"}, {}, "x", ""),
        ("fix", {}, {"WISP_MODEL": "x"}, "x", ""),
        ("fix", {"api_base": "http://x.test"}, {}, "a", "http://x.test"),
        ("fix", {}, {"WISP_SMALL": "y"}, "y", "http://b.test/v1"),
        ("fix", {"model": "x"}, {"WISP_SMALL": "y"}, "x", ""),
        ("fix", {}, {"WISP_MODEL": "x", "WISP_SMALL": "y"}, "y", "http://b.test/v1"),
        ("run", {"model": "x"}, {}, "x", ""),
    ],
)
def test_each_kind_of_work_has_its_model(
    kind: Literal["run", "fix"], flags: dict[str, Any], environ: dict[str, str], model: str,
    base: str,
) -> None:  # fmt: skip
    user(ALL)
    found = load(flags, None, environ).for_work(kind)
    assert (found.model, found.api_base, found.strong) == (model, base, "c")


def test_without_a_small_one_a_repair_is_done_by_the_main_one() -> None:
    user('[models]\nmain = "a"\nmain_api_base = "http://a.test"')
    found = load({}, None, {})
    assert found.for_work("fix") == found.for_work("run") == found.settings
    assert (found.settings.model, found.settings.api_base) == ("a", "http://a.test")
    assert found.sources["model"] == "user"


def test_the_window_that_was_told_is_that_of_the_main_model() -> None:
    user(f"context = 200000\n{ALL}")
    loaded = load({}, None, {})
    assert (loaded.for_work("run").context, loaded.for_work("fix").context) == (200000, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('model = "a"\n[models]\nmain = "b"', "model and models.main are one"),
        ('[models]\nstong = "b"', "unknown setting in {file}: models.stong"),
        ("models = 3", "models: it is a table"),
        ('strong = "b"', "{file}, strong: it belongs below [models]"),
        ("[models]\nstrong = 3", "strong: Input should be a valid string (it is 3)"),
        ('[models]\nstrong_api_base = "x"', "an address begins with https:// or http://"),
        ("escalate = 0", "escalate: Input should be greater than 0 (it is 0)"),
        ("escalate = inf", "escalate: Input should be a finite number (it is inf)"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(text: str, said: str) -> None:
    file = user(text)
    with pytest.raises(UsageError) as caught:
        load({}, None, {})
    assert str(file) in caught.value.message
    assert said.format(file=file) in caught.value.message


def test_a_repository_sets_no_role_and_can_only_lower_the_budget(tmp_path: Path) -> None:
    theirs = (
        'small = "evil"\nstrong = "evil"\nstrong_api_base = "http://evil.test"\nescalate = 0.25\n'
        '[models]\nmain = "evil"\n'
    )
    put(tmp_path / ".wisp", {"settings.toml": theirs})
    loaded = load({}, tmp_path, {})
    assert loaded.settings == Settings(escalate=0.25)
    assert loaded.ignored == ("small", "strong", "strong_api_base", "models")
    put(tmp_path / ".wisp", {"settings.toml": "escalate = 50"})
    assert load({}, tmp_path, {}).ignored == ("escalate",)
    put(tmp_path / ".wisp", {"settings.toml": "escalate = 0.25"})
    assert load({"escalate": 3}, tmp_path, {}).settings.escalate == 3, "a person said so just now"


def test_they_are_shown_with_their_source(tmp_path: Path) -> None:
    user(ALL)
    ended = agent("config", cwd=tmp_path, env={"WISP_STRONG": "d"})
    rows = [line.split() for line in ended.out.splitlines()]
    for row in (["model", "a", "user"], ["small", "b", "user"], ["strong", "d", "environment"]):
        assert row in rows
    assert ["escalate", "1.0", "default"] in rows
