"""The sessions of a folder: listed, searched, looked into, named, opened."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot
from textual.pilot import Pilot

from agent.events import Base, MessageFinished, SessionStarted, TurnFinished, TurnStarted, as_line
from agent.messages import AssistantMessage, Usage
from agent.policy import Autonomy
from agent.sessions import Kept, folder
from agent.summary import Summary
from agent.terminal import inert
from sandbox.base import Containment
from tests.tui.screen import Stage, folded, text_of
from tui.screens.session_lines import last_lines, row
from tui.screens.sessions import Sessions

ROOT = Path("/work/orders-api")
NOON = 1_795_176_000.0  # 2026-11-20 12:00 UTC
HERE = "20261120-113000-aaaaaa"
Until = Callable[[str], bool]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def keep(
    session: str,
    prompt: str = "",
    *,
    ago: float = 0.0,
    outcome: Any = "done",
    name: str = "",
    answer: str = "",
    model: str = "qwen2.5-coder-1.5b",
    kind: Any = "run",
) -> Path:
    """Put a session there, last used so many seconds before noon."""
    events: list[Base] = [
        SessionStarted(
            id=session,
            cwd=str(ROOT),
            model=model,
            autonomy=Autonomy.RUN,
            effort=2,
            containment=Containment.FULL,
        )
    ]
    if prompt:
        events.append(TurnStarted(prompt=prompt, kind=kind))
        message = AssistantMessage(text=answer)
        events += [MessageFinished(message=message, usage=Usage())] if answer else []
        events += [TurnFinished(outcome=outcome, usage=Usage())] if outcome else []
    used = NOON - ago
    path = folder(ROOT) / f"{session}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    stamped = (
        each.model_copy(update={"seq": number, "time": used - 60})
        for number, each in enumerate(events, 1)
    )
    path.write_text("".join(f"{as_line(each)}\n" for each in stamped), encoding="utf-8")
    os.utime(path, (used, used))
    if name:
        path.with_suffix(".name").write_text(f"{name}\n", encoding="utf-8")
    return path


@pytest.fixture
def some(home: Path) -> None:
    hour, day = 3600.0, 86_400.0
    keep(HERE, "rename the setting `tax`", ago=60, outcome=None)
    keep(
        "20261120-090000-bbbbbb",
        "totals are wrong when a discount is zero",
        ago=2 * hour,
        kind="fix",
        name="pricing",
        answer="The condition leaves a discount of zero out.\nIt now asks for None.",
    )
    keep("20261119-100000-cccccc", "add a route for refunds", ago=day, outcome="unverified")
    keep("20261118-100000-dddddd", "why is the import slow?", ago=2 * day, outcome="cancelled")
    keep("20261101-100000-eeeeee", "bump the version", ago=19 * day, outcome="blocked")
    keep(
        "20250301-100000-ffffff",
        "read\tthe parser \x1b[2J and explain what each of its functions is there for",
        ago=600 * day,
        outcome="failed",
        model="anthropic/claude-opus-4-5",
        answer="its parser breaks on a discount",
    )
    keep("20250101-100000-999999", ago=700 * day)


async def until(pilot: Pilot[Any], holds: Until) -> str:
    """Wait until the screen is as it is to be, and return it."""
    while not holds(shown := await text_of(pilot)):
        pass
    return shown


class Opened:
    """A stage with the screen over it, and what it returned."""

    def __init__(self) -> None:
        self.app = Stage()
        self.returned: list[Path | None] = []

    async def show(self, pilot: Pilot[Any]) -> str:
        screen = Sessions(ROOT, HERE, clock=lambda: NOON)
        await self.app.push_screen(screen, self.returned.append)
        return await until(pilot, lambda text: "7 sessions of this folder " in text)


async def at(width: int, height: int = 18) -> str:
    opened = Opened()
    async with opened.app.run_test(size=(width, height)) as pilot:
        await opened.show(pilot)
        await pilot.press("down")
        wide = width >= 120
        return folded(await until(pilot, lambda text: not wide or "It now asks" in text))


@pytest.mark.usefixtures("some")
async def test_the_list_at_60_columns() -> None:
    assert await at(60) == snapshot("""\
╭─ sessions ───────────────────────────────────────────────╮
│ search titles, and what was said                         │
│                                                          │
│   ● this one    11:59      rename the setting `tax`      │
│ ▸ ✓ done        10:00      pricing  fix: totals are wro… │
│   - unverified  Thu 12:00  add a route for refunds       │
│   - cancelled   Wed 12:00  why is the import slow?       │
│   ⊘ blocked     1 Nov      bump the version              │
│   ✗ failed      2025-03-30 read the parser \\x1b[2J and … │
│   - no turn     2024-12-20 no prompt yet                 │
│                                                          │
│                                                          │
│                                                          │
│                                                          │
│ pricing  fix: totals are wrong when a discount is zero   │
│ 10:00  qwen2.5-coder-1.5b  20261120-090000-bbbbbb        │
│ 7 sessions of this folder                                │
╰──────────────── Enter opens   Ctrl+N names   Esc closes ─╯
""")


@pytest.mark.usefixtures("some")
async def test_the_list_at_100_columns() -> None:
    assert await at(100) == snapshot("""\
╭─ sessions ───────────────────────────────────────────────────────────────────────────────────────╮
│ search titles, and what was said                                                                 │
│                                                                                                  │
│   ● this one    11:59      rename the setting `tax`                       qwen2.5-coder-1.5b     │
│ ▸ ✓ done        10:00      pricing  fix: totals are wrong when a discou…  qwen2.5-coder-1.5b     │
│   - unverified  Thu 12:00  add a route for refunds                        qwen2.5-coder-1.5b     │
│   - cancelled   Wed 12:00  why is the import slow?                        qwen2.5-coder-1.5b     │
│   ⊘ blocked     1 Nov      bump the version                               qwen2.5-coder-1.5b     │
│   ✗ failed      2025-03-30 read the parser \\x1b[2J and explain what eac…  anthropic/claude-opu
⤷ s… │
│   - no turn     2024-12-20 no prompt yet                                  qwen2.5-coder-1.5b     │
│                                                                                                  │
│                                                                                                  │
│                                                                                                  │
│                                                                                                  │
│ pricing  fix: totals are wrong when a discount is zero                                           │
│ 10:00  qwen2.5-coder-1.5b  20261120-090000-bbbbbb                                                │
│ 7 sessions of this folder                                                                        │
╰────────────────────────── type to search   ↑ ↓ select   Enter opens   Ctrl+N names   Esc closes ─╯
""")


@pytest.mark.usefixtures("some")
async def test_the_list_at_160_columns_has_the_last_lines_beside_it() -> None:
    assert await at(160) == snapshot("""\
╭─ sessions ────────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────╮
│ search titles, and what was said
⤷                                                                │
│
⤷                                                                │
│   ● this one    11:59      rename the setting `tax`                    qwen2.5-coder-1.5b    │
⤷                                                                │
│ ▸ ✓ done        10:00      pricing  fix: totals are wrong when a dis…  qwen2.5-coder-1.5b    │
⤷  session 20261120-090000-bbbbbb, 2026-11-20 09:59              │
│   - unverified  Thu 12:00  add a route for refunds                     qwen2.5-coder-1.5b    │
⤷  qwen2.5-coder-1.5b, level RUN, containment FULL, in           │
│   - cancelled   Wed 12:00  why is the import slow?                     qwen2.5-coder-1.5b    │
⤷  /work/orders-api                                              │
│   ⊘ blocked     1 Nov      bump the version                            qwen2.5-coder-1.5b    │
⤷                                                                │
│   ✗ failed      2025-03-30 read the parser \\x1b[2J and explain what …  anthropic/claude-opus…│
⤷  == turn 1, fix, 09:59:00                                      │
│   - no turn     2024-12-20 no prompt yet                               qwen2.5-coder-1.5b    │
⤷  > totals are wrong when a discount is zero                    │
│                                                                                              │
⤷  The condition leaves a discount of zero out.                  │
│                                                                                              │
⤷  It now asks for None.                                         │
│                                                                                              │
⤷                                                                │
│                                                                                              │
⤷  done                                                          │
│                                                                                              │
⤷                                                                │
│                                                                                              │
⤷                                                                │
│ 7 sessions of this folder
⤷                                                                │
╰────────────────────────────────────────────────────────────────────────────────────── type to
⤷ search   ↑ ↓ select   Enter opens   Ctrl+N names   Esc closes ─╯
""")


@pytest.mark.usefixtures("some")
async def test_typing_finds_titles_at_once_and_then_what_was_said() -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 14)) as pilot:
        await opened.show(pilot)
        await pilot.press(*"discount")
        shown = await until(pilot, lambda text: "2 sessions found " in text)
        assert "  pricing  fix: totals are wrong" in shown
        assert "said in it  read the parser" in shown
        await pilot.press("down", "enter")
        await pilot.pause()
    assert opened.returned == [folder(ROOT) / "20250301-100000-ffffff.jsonl"]


@pytest.mark.usefixtures("some")
async def test_a_slash_before_the_words_is_no_word() -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 14)) as pilot:
        await opened.show(pilot)
        await pilot.press(*"/refunds")
        assert "1 session found" in await until(pilot, lambda text: "looked" not in text)
        await pilot.press(*" nowhere")
        assert "no session found" in await until(pilot, lambda text: "looked" not in text)
        await pilot.press("enter")  # nothing is selected, so nothing is opened
        assert opened.returned == []


@pytest.mark.usefixtures("some")
async def test_esc_ends_the_search_and_then_closes() -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 14)) as pilot:
        await opened.show(pilot)
        await pilot.press(*"import", "escape")
        assert "7 sessions of this folder" in await text_of(pilot)
        assert opened.returned == []
        await pilot.press("escape")
    assert opened.returned == [None]


@pytest.mark.usefixtures("some")
async def test_the_session_that_is_open_is_not_opened_again() -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 14)) as pilot:
        await opened.show(pilot)
        await pilot.press("enter")
        await pilot.pause()
    assert opened.returned == [None]


@pytest.mark.usefixtures("some")
async def test_a_click_selects_and_another_opens() -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 14)) as pilot:
        await opened.show(pilot)
        await pilot.click(offset=(30, 5))
        assert "▸ - unverified" in await text_of(pilot)
        await pilot.click(offset=(30, 5))
        await pilot.pause()
    assert opened.returned == [folder(ROOT) / "20261119-100000-cccccc.jsonl"]


@pytest.mark.usefixtures("some")
async def test_a_session_is_named_and_one_name_is_not_given_twice() -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 14)) as pilot:
        await opened.show(pilot)
        await pilot.press("ctrl+n", *"pricing", "enter")
        assert "bbbbbb is called pricing already: choose another name" in await text_of(pilot)
        await pilot.press("backspace", "enter")
        shown = await text_of(pilot)
        assert "pricin  rename the setting" in shown and "already" not in shown
        await pilot.press("ctrl+n", *"x", "escape", "ctrl+n", "ctrl+u", "enter")
        assert "● this one    11:59      rename the setting" in await text_of(pilot)
    assert opened.returned == []
    assert not (folder(ROOT) / f"{HERE}.name").exists()


async def test_a_folder_without_sessions_says_so(home: Path) -> None:
    opened = Opened()
    async with opened.app.run_test(size=(60, 8)) as pilot:
        await opened.app.push_screen(Sessions(ROOT, HERE), opened.returned.append)
        assert await until(pilot, lambda text: "reading" not in text) == snapshot("""\
╭─ sessions ───────────────────────────────────────────────╮
│ search titles, and what was said                         │
│                                                          │
│                                                          │
│                                                          │
│                                                          │
│ no session of this folder yet                            │
╰──────────────── Enter opens   Ctrl+N names   Esc closes ─╯\
""")


async def test_a_thousand_sessions_are_listed_before_they_are_read(home: Path) -> None:
    place = keep("20261120-090000-000000", "the first of many")
    for number in range(1, 1000):
        path = place.with_name(f"20261120-090000-{number:06}.jsonl")
        path.write_bytes(place.read_bytes())
        os.utime(path, (NOON - number, NOON - number))
    opened = Opened()
    async with opened.app.run_test(size=(100, 10)) as pilot:
        await opened.app.push_screen(Sessions(ROOT, HERE, clock=lambda: NOON))
        await until(pilot, lambda text: "1,000 sessions" in text)
        await pilot.press("up", "end", *["pagedown"] * 3)
        assert "▸" in await text_of(pilot)
        await until(pilot, lambda text: "1,000 sessions of this folder " in text)


async def test_the_last_lines_of_a_long_session_keep_the_numbers_of_its_turns(home: Path) -> None:
    path = keep("20261120-090000-bbbbbb", "begin", answer="word " * 80_000)
    with path.open("a", encoding="utf-8") as file:
        for number in range(2, 4):
            started = TurnStarted(prompt=f"prompt {number}").model_copy(update={"time": NOON})
            file.write(f"{as_line(started)}\n")
        file.write('{"torn')
    assert last_lines(path, 100) == snapshot(
        [
            "",
            "== turn 1, run, 11:59:00",
            "> begin",
            "",
            "done",
            "",
            "== turn 2, run, 12:00:00",
            "> prompt 2",
            "",
            "== turn 3, run, 12:00:00",
            "> prompt 3",
        ]
    )


@given(text=st.text(max_size=200), name=st.text(max_size=60), width=st.integers(40, 200))
def test_no_row_is_wider_than_its_list(text: str, name: str, width: int) -> None:
    told = Summary(HERE, name, NOON, NOON, text, text, text, text, text, text)
    for chosen in (False, True):
        drawn = row(Kept(Path(HERE), NOON), told, width, NOON, chosen=chosen, found=chosen)
        assert drawn.cell_length <= width
        assert inert(drawn.plain) == drawn.plain and "\n" not in drawn.plain
