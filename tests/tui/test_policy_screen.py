"""The policy: the table, the last calls at each level, and moving the slider from there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from inline_snapshot import snapshot
from textual.pilot import Pilot

from agent.events import (
    Base,
    CallDecided,
    SessionStarted,
    StanceTaken,
    TextDelta,
    ToolFinished,
    ToolRequested,
)
from agent.grants import Grant
from agent.policy import Autonomy, Stance, Taint, decide
from sandbox.base import Containment
from tests.tui.screen import Stage, folded, text_of
from tools.base import Effect, ToolCall, ToolResult
from tui.screens.policy import LAST, Policy, last_calls

RUN = Stance(Autonomy.RUN, Containment.FULL)
RULE = Grant.of("shell[network]: npm install", source="grants.toml, line 3")
WHY_NOT = "bubblewrap is not installed"
CALLS: tuple[tuple[str, dict[str, Any], set[Effect]], ...] = (
    ("read", {"path": "src/pricing.py"}, {Effect.READ}),
    ("edit", {"path": "src/pricing.py"}, {Effect.EDIT}),
    ("shell", {"command": "pytest -q\x1b[2J"}, {Effect.EXECUTE}),
    ("shell", {"command": "git push origin main"}, {Effect.NETWORK, Effect.DESTROY}),
)


def a_session(*calls: tuple[str, dict[str, Any], set[Effect]]) -> Iterator[Base]:
    opening = {"id": "s", "cwd": "/x", "model": "m", "effort": 2}
    yield SessionStarted(**opening, autonomy=RUN.autonomy, containment=RUN.containment)
    yield StanceTaken.of(RUN)
    for number, (name, arguments, effects) in enumerate(calls):
        call = ToolCall(id=f"c{number}", name=name, arguments=arguments)
        decision = decide(call, frozenset(effects), RUN)
        yield TextDelta(text="I do it")
        yield ToolRequested(call=call)
        yield CallDecided(
            call_id=call.id,
            effects=tuple(effects),
            verdict=decision.verdict,
            reason=decision.reason,
            containment=RUN.containment,
        )
        yield ToolFinished(call_id=call.id, result=ToolResult(text="so"))


class Opened:
    """The screen over a stage, all of it read."""

    def __init__(self, stance: Stance = RUN, why_not: str = "", *calls: Any) -> None:
        self.moves: list[Autonomy] = []
        self.app = Stage()
        self.screen = Policy(stance, list(a_session(*calls)), why_not, self.moves.append)

    async def open(self, pilot: Pilot[None]) -> None:
        await self.app.push_screen(self.screen)
        await pilot.pause()
        await self.app.workers.wait_for_complete()


async def shown(width: int, stance: Stance, why_not: str = "") -> str:
    opened = Opened(stance, why_not, *CALLS)
    async with opened.app.run_test(size=(width, 40)) as pilot:
        await opened.open(pilot)
        return folded((await text_of(pilot)).strip("\n"))


HELD = Stance(Autonomy.RUN, Containment.REDUCED, grants=(RULE,))


async def test_the_policy_at_60_columns() -> None:
    assert await shown(60, HELD, WHY_NOT) == snapshot("""\
╭─ policy ─────────────────────────────────────────────────╮
│             READ  EDIT  EXECUTE NETWORK OUTSIDE DESTROY  │
│   0 OBSERVE allow deny  deny    deny    deny    deny     │
│   1 ASK     allow ask   ask     ask     ask     ask      │
│   2 EDIT    allow allow ask     ask     ask     ask      │
│ ▸ 3 RUN     allow allow allow*  ask     ask     ask      │
│   4 FULL    allow allow allow   allow   allow   ask      │
│ * allow if contained, which it is here, else ask         │
│                                                          │
│ now     edits and contained commands run; network,       │
│         outside and destroy ask                          │
│ held    ◧ REDUCED sandbox: bubblewrap is not installed   │
│ rules   shell[network]: npm install  grants.toml, line 3 │
│                                                          │
│ the last calls, and wh… OBSERVE ASK   EDIT  RUN   FULL   │
│ read src/pricing.py     allow   allow allow allow allow  │
│ edit src/pricing.py     deny    ask   allow allow allow  │
│ shell pytest -q\\x1b[2J  deny    ask   ask   allow allow  │
│ shell git push origin…  deny    ask   ask   ask   ask    │
╰───────────────── ← → or 0-4 move the slider, Esc closes ─╯
""")


async def test_the_policy_at_100_columns() -> None:
    assert await shown(100, HELD, WHY_NOT) == snapshot("""\
╭─ policy ─────────────────────────────────────────────────────────────────────────────────────────╮
│             READ  EDIT  EXECUTE                      NETWORK OUTSIDE DESTROY                     │
│   0 OBSERVE allow deny  deny                         deny    deny    deny                        │
│   1 ASK     allow ask   ask                          ask     ask     ask                         │
│   2 EDIT    allow allow ask                          ask     ask     ask                         │
│ ▸ 3 RUN     allow allow allow if contained, else ask ask     ask     ask                         │
│   4 FULL    allow allow allow                        allow   allow   ask                         │
│                                                                                                  │
│ now     edits and contained commands run; network, outside and destroy ask                       │
│ held    ◧ REDUCED sandbox: bubblewrap is not installed                                           │
│ rules   shell[network]: npm install  grants.toml, line 3                                         │
│                                                                                                  │
│ the last calls, and what each level says                        OBSERVE ASK   EDIT  RUN   FULL   │
│ read src/pricing.py                                             allow   allow allow allow allow  │
│ edit src/pricing.py                                             deny    ask   allow allow allow  │
│ shell pytest -q\\x1b[2J                                          deny    ask   ask   allow allo
⤷ w  │
│ shell git push origin main                                      deny    ask   ask   ask   ask    │
╰───────────────────────────────────────────────────────── ← → or 0-4 move the slider, Esc closes ─╯
""")


async def test_the_policy_at_160_columns() -> None:
    assert await shown(160, HELD, WHY_NOT) == snapshot("""\
              ╭─ policy ────────────────────────────────────────────────────────────────────────
⤷ ─────────────────────────────────────────────────╮
              │             READ  EDIT  EXECUTE                      NETWORK OUTSIDE DESTROY
⤷                                                  │
              │   0 OBSERVE allow deny  deny                         deny    deny    deny
⤷                                                  │
              │   1 ASK     allow ask   ask                          ask     ask     ask
⤷                                                  │
              │   2 EDIT    allow allow ask                          ask     ask     ask
⤷                                                  │
              │ ▸ 3 RUN     allow allow allow if contained, else ask ask     ask     ask
⤷                                                  │
              │   4 FULL    allow allow allow                        allow   allow   ask
⤷                                                  │
              │
⤷                                                  │
              │ now     edits and contained commands run; network, outside and destroy ask
⤷                                                  │
              │ held    ◧ REDUCED sandbox: bubblewrap is not installed
⤷                                                  │
              │ rules   shell[network]: npm install  grants.toml, line 3
⤷                                                  │
              │
⤷                                                  │
              │ the last calls, and what each level says
⤷                 OBSERVE ASK   EDIT  RUN   FULL   │
              │ read src/pricing.py
⤷                 allow   allow allow allow allow  │
              │ edit src/pricing.py
⤷                 deny    ask   allow allow allow  │
              │ shell pytest -q\\x1b[2J
⤷                 deny    ask   ask   allow allow  │
              │ shell git push origin main
⤷                 deny    ask   ask   ask   ask    │
              ╰─────────────────────────────────────────────────────────────────────────────────
⤷ ──────── ← → or 0-4 move the slider, Esc closes ─╯
""")


async def test_the_policy_after_text_from_elsewhere_with_nothing_held() -> None:
    taint = Taint(source="https://example.com/x", text="do this")
    stance = Stance(Autonomy.FULL, Containment.NONE, taint=taint)
    assert await shown(60, stance, "no Landlock here") == snapshot("""\
╭─ policy ─────────────────────────────────────────────────╮
│             READ  EDIT  EXECUTE NETWORK OUTSIDE DESTROY  │
│   0 OBSERVE allow deny  deny    deny    deny    deny     │
│   1 ASK     allow ask   ask     ask     ask     ask      │
│   2 EDIT    allow allow ask     ask     ask     ask      │
│   3 RUN     allow allow allow*  ask     ask     ask      │
│ ▸ 4 FULL    allow allow ask!    ask!    ask!    ask      │
│ * allow if contained, which it is not here, else ask     │
│ ! the table allows it; why it asks here is said below    │
│                                                          │
│ now     edits run; commands, network, outside and        │
│         destroy ask: nothing contains commands and text  │
│         from https://example.com/x was read              │
│ held    ▢ NONE: no sandbox: no Landlock here             │
│ beware  text from https://example.com/x was read; no     │
│         rule counts for network, outside and destroy     │
│ rules   none                                             │
│                                                          │
│ the last calls, and wh… OBSERVE ASK   EDIT  RUN   FULL   │
│ read src/pricing.py     allow   allow allow allow allow  │
│ edit src/pricing.py     deny    ask   allow allow allow  │
│ shell pytest -q\\x1b[2J  deny    ask   ask   allow allow  │
│ shell git push origin…  deny    ask   ask   ask   ask    │
╰───────────────── ← → or 0-4 move the slider, Esc closes ─╯
""")


async def test_keys_move_the_slider_and_the_row_that_is_lit() -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 30)) as pilot:
        await opened.open(pilot)
        assert "no calls so far" in await text_of(pilot)
        await pilot.press("right", "right", "left", "0", "left", "2")
        assert "▸ 2 EDIT" in await text_of(pilot)
        await pilot.press("escape")
        assert await text_of(pilot) == ""
    levels = [Autonomy.FULL, Autonomy.RUN, Autonomy.OBSERVE, Autonomy.EDIT]
    assert opened.moves == levels


@pytest.mark.parametrize("key", ["escape", "f2", "q"])
async def test_it_closes(key: str) -> None:
    opened = Opened()
    async with opened.app.run_test(size=(100, 30)) as pilot:
        await opened.open(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert opened.app.screen is not opened.screen


async def test_the_stance_that_was_handed_over_is_left_alone() -> None:
    stance = Stance(Autonomy.RUN, Containment.FULL)
    opened = Opened(stance)
    async with opened.app.run_test(size=(100, 30)) as pilot:
        await opened.open(pilot)
        await pilot.press("0")
    assert stance.autonomy is Autonomy.RUN


def test_only_the_last_calls_are_told() -> None:
    many = [("read", {"path": f"{number}.py"}, {Effect.READ}) for number in range(LAST + 5)]
    rows = last_calls(list(a_session(*many)))
    assert [row.call.arguments["path"] for row in rows][:: LAST - 1] == ["5.py", "24.py"]


def test_each_level_says_of_a_call_what_its_row_of_the_table_says() -> None:
    rows = last_calls(list(a_session(*CALLS)))
    said = {row.call.id: " ".join(row.verdicts) for row in rows}
    assert said == {
        "c0": "allow allow allow allow allow",
        "c1": "deny ask allow allow allow",
        "c2": "deny ask ask allow allow",
        "c3": "deny ask ask ask ask",
    }
