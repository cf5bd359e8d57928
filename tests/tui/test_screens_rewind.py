"""The line of time: what each turn changed, and the point that is picked to go back to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from inline_snapshot import snapshot
from textual.pilot import Pilot

from agent.events import (
    AttemptFinished,
    AttemptStarted,
    Base,
    Rewound,
    StepStarted,
    ToolFinished,
    ToolRequested,
    TurnFinished,
    TurnStarted,
    Verification,
)
from agent.messages import Usage
from tests.tui.screen import Stage, folded, text_of
from tests.tui.told import DIFF
from tools.base import ToolCall, ToolResult
from tui.screens.rewind import Timeline, turns_of

NOON = 1_795_176_000.0  # 2026-11-20 12:00 UTC


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def call(
    name: str, files: tuple[str, ...], diff: str = "", *, by: Any = "model", **arguments: Any
) -> list[Base]:
    asked = ToolCall(id=f"c-{name}-{files}", name=name, arguments=arguments)
    result = ToolResult(text="ok", changed=files, diff=diff)
    return [ToolRequested(call=asked, by=by), ToolFinished(call_id=asked.id, result=result)]


def a_turn(
    prompt: str, *inside: list[Base], outcome: Any = "done", ago: float = 0.0, **more: Any
) -> list[Base]:
    events: list[Base] = [TurnStarted(prompt=prompt, kind=more.pop("kind", "run"))]
    for step, calls in enumerate(inside, 1):
        events += [StepStarted(step=step), *calls]
    if outcome:
        events.append(TurnFinished(outcome=outcome, usage=Usage(), **more))
    return [each.model_copy(update={"time": NOON - ago}) for each in events]


LOG: list[Base] = [
    *a_turn("where are totals made?", [*call("read", ())], ago=90_000),
    *a_turn(
        "totals are wrong when a discount is zero",
        [],
        call("edit", ("src/pricing.py",), DIFF, path="src/pricing.py"),
        call("write", ("tests/test_zero.py",), DIFF, path="tests/test_zero.py"),
        kind="fix",
        ago=3_600,
        verification=Verification(verified=True),
        changed=("src/pricing.py", "tests/test_zero.py"),
    ),
    *call("shell", ("mine.txt",), by="user", command="touch mine.txt"),
    *a_turn(
        "format\nthem all \x1b[2J",
        call("shell", ("a.py", "b.py", "c.py"), command="black ."),
        outcome="unverified",
        ago=1_800,
        changed=("a.py", "b.py", "c.py"),
    ),
    Rewound(id="x", backup="y", files=("a.py", "b.py")),
    *a_turn("and now the \u4ef7\u683c table", outcome="cancelled", ago=60),
]


async def open_timeline(pilot: Pilot[None], events: list[Base]) -> list[str | None]:
    picked: list[str | None] = []
    await pilot.app.push_screen(Timeline(events, clock=lambda: NOON), picked.append)
    await pilot.pause()
    return picked


async def at(width: int, *keys: str, events: list[Base] = LOG) -> str:
    app = Stage()
    async with app.run_test(size=(width, 18)) as pilot:
        await open_timeline(pilot, events)
        await pilot.press(*keys)
        return folded(await text_of(pilot))


async def picked(*keys: str, events: list[Base] = LOG) -> list[str | None]:
    app = Stage()
    async with app.run_test(size=(100, 30)) as pilot:
        found = await open_timeline(pilot, events)
        await pilot.press(*keys)
        await pilot.pause()
        return found


async def test_at_60_columns() -> None:
    assert await at(60) == snapshot("""\
╭─ rewind ─────────────────────────────────────────────────╮
│   ● 1  Thu 11:00  where are totals made?          ✓ done │
│   ● 2  11:00      fix: totals are wrong when a discount… │
│   │ ├ edit src/pricing.py                  step 2  +1 -1 │
│   │ ╰ write tests/test_zero.py             step 3  +1 -1 │
│   ● 3  11:30      format           3 files  - unverified │
│   │ ╰ shell black .                      step 1  3 files │
│   │ ↶ went back: 2 files                                 │
│ ▸ ● 4  11:59      and now the 价格 table     - cancelled │
│                                                          │
│                                                          │
│ ──────────────────────────────────────────────────────── │
│ back to before turn 4: no file, conversation too         │
│                                                          │
│                                                          │
│                                                          │
│ your own changes stay; /redo brings the files back       │
╰─────────── ↑ ↓ select   Enter goes back   s steps   Esc ─╯
""")


async def test_at_100_columns_a_step_is_selected() -> None:
    assert await at(100, "k", "k", "k") == snapshot("""\
╭─ rewind ─────────────────────────────────────────────────────────────────────────────────────────╮
│   ● 1  Thu 11:00  where are totals made?                                       no change  ✓ done │
│   ● 2  11:00      fix: totals are wrong when a discount is zero              2 files  ✓ verified │
│   │ ├ edit src/pricing.py                                                          step 2  +1 -1 │
│ ▸ │ ╰ write tests/test_zero.py                                                     step 3  +1 -1 │
│   ● 3  11:30      format                                                   3 files  - unverified │
│   │ ╰ shell black .                                                              step 1  3 files │
│   │ ↶ went back: 2 files                                                                         │
│   ● 4  11:59      and now the 价格 table                                  no change  - cancelled │
│                                                                                                  │
│                                                                                                  │
│ ──────────────────────────────────────────────────────────────────────────────────────────────── │
│ back to before step 3 of turn 2: 4 files, conversation too                                       │
│ tests/test_zero.py  a.py  b.py  c.py                                                             │
│                                                                                                  │
│                                                                                                  │
│ what you changed yourself stays; /redo brings the files back, F4 this conversation               │
╰─────────────────────────────── ↑ ↓ select   Enter goes back to before it   s steps   Esc closes ─╯
""")


async def test_at_160_columns() -> None:
    assert await at(160, "g", "j") == snapshot("""\
              ╭─ rewind ────────────────────────────────────────────────────────────────────────
⤷ ─────────────────────────────────────────────────╮
              │   ● 1  Thu 11:00  where are totals made?
⤷                                no change  ✓ done │
              │ ▸ ● 2  11:00      fix: totals are wrong when a discount is zero
⤷                              2 files  ✓ verified │
              │   │ ├ edit src/pricing.py
⤷                                    step 2  +1 -1 │
              │   │ ╰ write tests/test_zero.py
⤷                                    step 3  +1 -1 │
              │   ● 3  11:30      format
⤷                            3 files  - unverified │
              │   │ ╰ shell black .
⤷                                  step 1  3 files │
              │   │ ↶ went back: 2 files
⤷                                                  │
              │   ● 4  11:59      and now the 价格 table
⤷                         no change  - cancelled │
              │
⤷                                                  │
              │
⤷                                                  │
              │ ────────────────────────────────────────────────────────────────────────────────
⤷ ──────────────────────────────────────────────── │
              │ back to before turn 2: 5 files, conversation too
⤷                                                  │
              │ src/pricing.py  tests/test_zero.py  a.py  b.py  c.py
⤷                                                  │
              │
⤷                                                  │
              │
⤷                                                  │
              │ what you changed yourself stays; /redo brings the files back, F4 this conversati
⤷ on                                               │
              ╰─────────────────────────────────────────────────────────────── ↑ ↓ select   Ente
⤷ r goes back to before it   s steps   Esc closes ─╯
""")


async def test_the_turn_or_the_step_that_is_selected_is_picked() -> None:
    assert await picked("enter") == ["4"]
    assert await picked("up", "enter") == ["3.1"]
    assert await picked("up", "up", "up", "enter") == ["2.3"]
    assert await picked("g", "enter") == ["1"]
    assert await picked("s", "up", "up", "enter") == ["2"]
    assert await picked("escape") == [None]
    assert await picked("f5") == [None]


async def test_going_back_to_a_step_takes_back_what_came_from_there_on() -> None:
    shown = await at(100, "k", "k", "k")
    assert "back to before step 3 of turn 2: 4 files, conversation too" in shown
    assert "tests/test_zero.py  a.py  b.py  c.py" in shown
    assert "mine.txt" not in shown, "what the user did stays"


async def test_before_the_first_turn_the_conversation_begins_anew() -> None:
    shown = await at(100, "g")
    assert "back to before turn 1: 5 files, the conversation begins anew" in shown


async def test_without_a_turn_there_is_nothing_to_pick() -> None:
    assert "no turn to go back to yet" in await at(60, "enter", "j", "s", events=[])


async def test_what_attempts_change_are_copies() -> None:
    tried = [
        AttemptStarted(attempt=1, detail="rewrite"),
        *(each.model_copy(update={"attempt": 1}) for each in call("edit", ("a.py",))),
        AttemptFinished(verdict="failed", detail="x"),
    ]
    assert turns_of(a_turn("fix it", tried, outcome=""))[0].files == []


async def test_a_session_of_a_thousand_turns_opens_at_its_end() -> None:
    events = [event for number in range(1_000) for event in a_turn(f"turn {number}")]
    assert "1000  12:00  turn 999" in await at(60, events=events)
