"""The header and the last line, at each width."""

from __future__ import annotations

from dataclasses import replace

import pytest
from inline_snapshot import snapshot

from agent.messages import Usage
from agent.policy import Autonomy, Stance
from sandbox.base import Containment
from tests.tui.screen import Stage, folded, text_of
from tui.state import Reading, State
from tui.widgets.effort import Effort, said
from tui.widgets.header import Header, Place, line
from tui.widgets.slider import Slider
from tui.widgets.status import Meters, Status, hints, meters

HERE = Place("orders-api", "main", dirty=True)
IDLE = State(model="qwen2.5-coder-1.5b", window=8192, context=2100, cached=1900)
BUSY = replace(
    IDLE,
    working=True,
    began=100.0,
    doing="running pytest",
    rate=14.23,
    queued=["a"],
    turn=Usage(cost=0.021),
    stance=Stance(Autonomy.RUN, Containment.FULL),
)
READS = replace(BUSY, doing="reading", reading=Reading(0, 0.0, 1200, 2000, 6.0))
AWAY = replace(
    BUSY, model="gpt-5", local=False, host="api.openai.com", left={"api.openai.com": 12_400}
)


async def on_screen(width: int, *states: State) -> str:
    """The three lines that are always there, for one state after the other."""
    header, slider, status = Header("orders-api"), Slider(BUSY.stance), Status()
    seen = []
    async with Stage(header, slider, status).run_test(size=(width, 3)) as pilot:
        for state in states:
            header.show(state, HERE)
            slider.show(state.stance)
            status.show(state, 141.5)
            seen.append(await text_of(pilot))
    return folded("\n\n".join(seen))


async def test_the_lines_at_60_columns() -> None:
    assert await on_screen(60, IDLE, BUSY, READS, AWAY) == snapshot("""\
 qwen2.5-coder-1.5b · local             ctx ▓░░░░ 2.1k/8.2k
 ◂ASK▸ 1/4  reads; everything else asks              ▢ NONE
 effort ●●○○ 2               F1 help  F2 policy  F3 changes

 qwen2.5-coder-1.5b · local             ctx ▓░░░░ 2.1k/8.2k
 ◂RUN▸ 3/4  edits and commands run; the rest asks    ▣ FULL
 effort ●●○○ 2   ● running pytest   00:41   queued 1

 qwen2.5-coder-1.5b · local      reading 1.2k/2k ▓▓▓░░ ~4 s
 ◂RUN▸ 3/4  edits and commands run; the rest asks    ▣ FULL
 effort ●●○○ 2   ● reading   00:41   14.2 tok/s   queued 1

 gpt-5 · api.openai.com     ↑ 12.4 kB   ctx ▓░░░░ 2.1k/8.2k
 ◂RUN▸ 3/4  edits and commands run; the rest asks    ▣ FULL
 effort ●●○○ 2   ● running pytest   00:41   queued 1
""")


async def test_the_lines_at_100_columns() -> None:
    assert await on_screen(100, IDLE, BUSY, READS, AWAY) == snapshot("""\
 wisp  orders-api ⎇ main*      qwen2.5-coder-1.5b · local       ctx ▓▓░░░░░ 2.1k/8.2k (1.9k cached)
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks                 ▢ NONE: no sandbox
 effort ●●○○ 2                                          F1 help  F2 policy  F3 changes  F4 sessions

 wisp  orders-api ⎇ main*      qwen2.5-coder-1.5b · local       ctx ▓▓░░░░░ 2.1k/8.2k (1.9k cached)
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and commands run; the rest asks           ▣ FULL sandbox
 effort ●●○○ 2   ● running pytest   00:41   14.2 tok/s   $0.02   queued 1        F1 help  F2 policy

 wisp  orders-api ⎇ main*          qwen2.5-coder-1.5b · local          reading 1.2k/2k ▓▓▓▓░░░ ~4 s
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and commands run; the rest asks           ▣ FULL sandbox
 effort ●●○○ 2   ● reading   00:41   14.2 tok/s   $0.02   queued 1   F1 help  F2 policy  F3 changes

 wisp  orders-api ⎇ main*  gpt-5 · api.openai.com   ↑ 12.4 kB   ctx ▓▓░░░░░ 2.1k/8.2k (1.9k cached)
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and commands run; the rest asks           ▣ FULL sandbox
 effort ●●○○ 2   ● running pytest   00:41   14.2 tok/s   $0.02   queued 1        F1 help  F2 policy
""")


async def test_the_lines_at_160_columns() -> None:
    assert await on_screen(160, IDLE, BUSY, READS, AWAY) == snapshot("""\
 wisp  orders-api ⎇ main*                                    qwen2.5-coder-1.5b · local
⤷                             ctx ▓▓░░░░░ 2.1k/8.2k (1.9k cached)
 OBSERVE ─[ASK]─ EDIT ─ RUN ─ FULL   reads; everything else asks
⤷                                              ▢ NONE: no sandbox
 effort ●●○○ 2
⤷                     F1 help  F2 policy  F3 changes  F4 sessions

 wisp  orders-api ⎇ main*                                    qwen2.5-coder-1.5b · local
⤷                             ctx ▓▓░░░░░ 2.1k/8.2k (1.9k cached)
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and contained commands run; network, outside and dest
⤷ roy ask                                          ▣ FULL sandbox
 effort ●●○○ 2   ● running pytest   00:41   14.2 tok/s   $0.02   queued 1
⤷                     F1 help  F2 policy  F3 changes  F4 sessions

 wisp  orders-api ⎇ main*                                        qwen2.5-coder-1.5b · local
⤷                                    reading 1.2k/2k ▓▓▓▓░░░ ~4 s
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and contained commands run; network, outside and dest
⤷ roy ask                                          ▣ FULL sandbox
 effort ●●○○ 2   ● reading   00:41   14.2 tok/s   $0.02   queued 1
⤷                     F1 help  F2 policy  F3 changes  F4 sessions

 wisp  orders-api ⎇ main*                                gpt-5 · api.openai.com
⤷                 ↑ 12.4 kB   ctx ▓▓░░░░░ 2.1k/8.2k (1.9k cached)
 OBSERVE ─ ASK ─ EDIT ─[RUN]─ FULL   edits and contained commands run; network, outside and dest
⤷ roy ask                                          ▣ FULL sandbox
 effort ●●○○ 2   ● running pytest   00:41   14.2 tok/s   $0.02   queued 1
⤷                     F1 help  F2 policy  F3 changes  F4 sessions
""")


@pytest.mark.parametrize("width", [20, 40, 60, 61, 80, 100, 160, 200])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    wide = replace(AWAY, model="長い名前" * 20, host="h" * 300, left={"\x1b[31m" * 50: 10**9})
    place = Place("日本" * 40, "b\x1b]0;x\x07" * 9, dirty=True)
    for state in (IDLE, READS, wide):
        shown = line(state, width, place)
        assert shown.cell_length <= width
        assert "\x1b" not in shown.plain
        assert meters(replace(state, doing="\x1b[2J" * 30), 0.0, width).cell_length <= width


def test_the_model_and_the_meter_are_there_at_every_width() -> None:
    for width in range(60, 161):
        shown = line(IDLE, width, HERE).plain
        assert "qwen2.5-coder-1.5b · local" in shown
        assert "2.1k/8.2k" in shown


def test_nothing_left_stays_quiet() -> None:
    assert "↑" not in line(BUSY, 160, HERE).plain
    assert "↑ 12.4 kB   ctx" in line(AWAY, 160, HERE).plain  # to whom the model says
    more = replace(AWAY, left={"pypi.org": 100, "api.openai.com": 12_400})
    assert "↑ 12.5 kB api.openai.com +1" in line(more, 160, HERE).plain


def test_a_waiting_question_is_said_in_place_of_what_runs() -> None:
    assert meters(replace(BUSY, questions=1), 141.0, 100).plain.startswith("? waits for you")


def test_hints_go_first_and_the_most_useful_stays() -> None:
    assert [len(hints(width)) for width in (6, 7, 18, 42, 43)] == [0, 1, 2, 3, 4]
    assert hints(10) == (("f1", "F1 help"),)


async def test_a_click_on_a_key_presses_it() -> None:
    status = Status()
    app = Stage(status, told=(Status.Pressed,))
    async with app.run_test(size=(100, 2)) as pilot:
        status.show(IDLE, 0.0)
        shown = await text_of(pilot)
        for words in ("F2", "F4 sessions"):
            column = shown.index(words) - status.query_one(Meters).region.x
            await pilot.click(Meters, offset=(column, 0))
        await pilot.click(Meters, offset=(30, 0))
        await pilot.pause()
    assert [each.key for each in app.said] == ["f2", "f4"]


async def test_a_click_turns_the_knob() -> None:
    effort = Effort(2)
    app = Stage(effort, told=(Effort.Moved,))
    async with app.run_test(size=(60, 2)) as pilot:
        assert await text_of(pilot) == "effort ●●○○ 2"
        for column in (0, 7, 8, 10, 12, 30):
            await pilot.click(effort, offset=(column, 0))
        await pilot.pause()
        effort.show(4)
        assert await text_of(pilot) == "effort ●●●● 4"
    assert [each.effort for each in app.said] == [0, 1, 4]  # 2 is where it stands


async def test_pointing_at_the_knob_says_what_it_means() -> None:
    effort = Effort(2)
    async with Stage(effort).run_test(size=(60, 2)) as pilot:
        assert effort.tooltip is None
        await pilot.hover(effort)
        await pilot.pause()
        assert effort.tooltip == said(2)
    assert said(2) == snapshot(
        "effort 2: thinks up to 2,048 tokens; a fix tries up to 8 rewrites and 72 one-line edits"
    )
    assert said(0) == snapshot(
        "effort 0: does not think first; a fix tries up to 1 rewrite and no one-line edits"
    )
