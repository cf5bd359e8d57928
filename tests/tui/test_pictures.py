"""Each screen as a picture, dark and light: `tests/tui/pictures` has what they look like.

`WISP_PICTURES=write` writes them anew; look at them before they are kept.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.policy import Autonomy
from tests.support import put, script
from tests.tui.live import Live, live
from tests.tui.recorded import Kept
from tests.tui.told import Teller, repair
from tui.actions import Actions
from tui.player import Player
from tui.widgets.header import Place

WRITE = os.environ.get("WISP_PICTURES") == "write"  # tests run without settings from outside
FOLDER = Path(__file__).with_name("pictures")
FILES = {
    "src/pricing.py": (
        '"""Prices."""\n\n\ndef total(items, discount=None):\n'
        "    amount = sum(item.price for item in items)\n    if discount:\n"
        "        amount -= amount * discount\n    return round(amount, 2)\n"
    ),
    "README.md": "# Orders\n",
}
EDIT = {
    "say": "A discount of zero is a discount.",
    "calls": [
        {
            "edit": {
                "path": "src/pricing.py",
                "old": "    if discount:",
                "new": "    if discount is not None:",
            }
        }
    ],
}
PUSH = {
    "say": "I would push it.",
    "calls": [
        {
            "shell": {
                "command": "git commit -am 'Zero is a discount' && git push origin main",
                "network": True,
                "git": True,
            }
        }
    ],
}
ASK = {
    "say": "",
    "calls": [
        {"ask": {"question": "Which rounding is wanted?", "choices": ["half up", "half even"]}}
    ],
}
PLAN = {
    "say": "Three steps.",
    "calls": [
        {
            "plan": {
                "items": [
                    {"text": "compare the discount with None, not by its truth"},
                    {"text": "add a test of a discount of zero"},
                    {"text": "say it in the changelog"},
                ]
            }
        }
    ],
}
SHOW = {
    "say": "Here it is.",
    "calls": [
        {
            "show": {
                "kind": "table",
                "title": "Slowest tests",
                "data": "test,seconds\ntest_totals,12.4\ntest_prices,7.25\n",
            }
        },
        {"show": {"kind": "line", "data": "run,old,new\n1,9,2\n2,6,3\n3,8,1\n4,7,2\n"}},
    ],
}
# what is another in each run, by something as long
VARIES = (
    (re.compile(r"\b20\d{6}-\d{6}-[0-9a-f]{6}\b"), "20260101-120000-abcdef"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b"), "2026-01-01"),
    (re.compile(r"\b\d\d:\d\d\b"), "12:00"),
    (re.compile(r"\b\d+\.\d(?=(&#160;|\s)s\b)"), "0.1"),
)


async def story(at: Live) -> None:
    """Show a repair that was made."""
    teller = Teller()
    repair(teller)
    at.app.main.transcript.show(teller.fold)


async def approval(at: Live) -> None:
    await at.say("push it")
    await at.until("─ asks ─")
    at.app.main.wanted.front.focus()  # type: ignore[union-attr]  # it is there


async def question(at: Live) -> None:
    await at.say("round it")
    await at.until("Which rounding")
    at.app.main.wanted.front.focus()  # type: ignore[union-attr]  # it is there


async def plan(at: Live) -> None:
    await at.say("make a plan")
    await at.until("─ a plan ─")
    at.app.main.wanted.front.focus()  # type: ignore[union-attr]  # it is there


async def completion(at: Live) -> None:
    await story(at)
    await at.press("slash", *"re")
    await at.until("/rewind")


async def changed(at: Live, key: str) -> None:
    """Open a screen after a turn that changed something."""
    await at.say("a discount of zero is ignored")
    await at.until("not proved")
    await at.rest()
    await at.press(key)
    await at.until(lambda: len(at.app.screen_stack) == 2)


async def settled(at: Live, words: str, key: str) -> None:
    await changed(at, key)
    await at.until(words)


async def first(at: Live) -> None:
    at.app.run_worker(_missing(at.app.actions))
    await at.until(lambda: len(at.app.screen_stack) == 2)


async def _missing(actions: Actions) -> None:
    from tui.screens.first import First

    await actions._app.push_screen_wait(First("qwen2.5-coder-1.5b"))


async def shown(at: Live) -> None:
    await at.say("show me how it stands")
    await at.until("That is all")
    await at.rest()


def hurry(at: Live) -> None:
    """Let nothing have taken a moment: a call shows its time only where it took one."""
    for card in at.app.fold.cards:
        for name in {"took", "_took"} & vars(card).keys():
            setattr(card, name, 0.0)
            card.version += 1
    at.app.main.transcript.settle()


Shown = Callable[[Live], Awaitable[None]]
SCREENS: dict[str, tuple[tuple[Any, ...], Autonomy, Shown]] = {
    "repair": ((), Autonomy.RUN, story),
    "approval": ((PUSH,), Autonomy.RUN, approval),
    "question": ((ASK,), Autonomy.RUN, question),
    "plan": ((PLAN, "Shall I?"), Autonomy.OBSERVE, plan),
    "shown": ((SHOW, "That is all."), Autonomy.ASK, shown),
    "commands": ((), Autonomy.EDIT, completion),
    "policy": (
        (EDIT, "Done."),
        Autonomy.EDIT,
        lambda at: settled(at, "what each level says", "f2"),
    ),
    "changes": ((EDIT, "Done."), Autonomy.EDIT, lambda at: settled(at, "of 1 hunk", "f3")),
    "sessions": ((EDIT, "Done."), Autonomy.EDIT, lambda at: settled(at, "a discount of", "f4")),
    "rewind": ((EDIT, "Done."), Autonomy.EDIT, lambda at: settled(at, "back to before", "f5")),
    "models": ((EDIT, "Done."), Autonomy.EDIT, lambda at: settled(at, "none answers", "f6")),
    "help": ((EDIT, "Done."), Autonomy.EDIT, lambda at: settled(at, "everywhere", "f1")),
    "first": ((), Autonomy.ASK, first),
}


@pytest.fixture
def work(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", "/tmp/wisp-pictures")  # it stands in some
    for name in [each for each in os.environ if each.endswith(("_API_KEY", "_TOKEN"))]:
        monkeypatch.delenv(name)
    root = put(home / "orders-api", FILES)
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "first"]):
        who = ["-c", "user.name=T", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *who, *words], cwd=root, check=True)
    return root


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", SCREENS)
async def test_how_a_screen_looks(work: Path, name: str, theme: str) -> None:
    replies, level, reach = SCREENS[name]
    # where it stands is seen in some
    model = script(put(Path("/tmp/wisp-pictures"), {}) / f"{name}-{theme}.yaml", *replies)
    async with live(work, model=model, level=level, theme=theme, size=(100, 32)) as at:
        await reach(at)
        hurry(at)
        at.app.state.model, at.app.state.ended = "qwen2.5-coder-1.5b", at.app.state.began + 41
        assert at.app.work.desk is not None, "it is open"
        at.app.main.draw(at.app.state, at.app.work.desk.stance, instead="", now=0.0)
        at.app.main.place(at.app.state, Place("orders-api", "main", name != "repair"))
        for each in (*at.app.screen.query("Input"), *at.app.screen.query("TextArea")):
            each.cursor_blink = False  # type: ignore[attr-defined]  # both have it
        await at.pilot.pause()
        picture = at.app.export_screenshot(title="wisp")
        if at.app.work.busy:
            at.app.work.stop()
    compare(picture, f"{name}-{theme}.svg")


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_how_a_playback_looks(theme: str) -> None:
    told = Kept()
    repair(told)
    recording = told.recording()
    app = Player(recording, theme=f"wisp-{theme}", now=lambda: 0.0)
    async with app.run_test(size=(100, 32)) as pilot:
        app.playback.seek(recording.due[-2])
        await pilot.pause()
        while app.playback.transcript.pending:
            await pilot.pause()
        picture = app.export_screenshot(title="wisp")
    compare(picture, f"playback-{theme}.svg")


def compare(picture: str, name: str) -> None:
    """Hold a picture against the one that is kept, or keep it."""
    for found, other in VARIES:
        picture = found.sub(other, picture)
    picture = re.sub(r"terminal-\d+-", "terminal-", picture)
    kept = FOLDER / name
    if WRITE:
        FOLDER.mkdir(exist_ok=True)
        kept.write_text(picture, encoding="utf-8")
    assert picture == kept.read_text(encoding="utf-8"), f"{kept.name} looks otherwise now"
