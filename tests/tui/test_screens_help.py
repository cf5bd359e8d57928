"""The help: every key and every command as they are bound, found by typing."""

from __future__ import annotations

import re

import pytest
from inline_snapshot import snapshot
from textual.binding import Binding

from agent.policy import Autonomy
from tests.tui.screen import Stage, folded, text_of
from tui.app import Wisp
from tui.commands import COMMANDS, Command
from tui.screens.help import PROMPT, Entry, Help, entries_of, groups, key_name, taken
from tui.widgets.prompt import Prompt
from tui.widgets.transcript import Transcript

OWN = Command("tidy", "tidy \x1b[2J up", "[WORDS]", lambda do, word: None, "repository")
ALL = {**COMMANDS, "tidy": OWN}


def entries(name: str) -> tuple[Entry, ...]:
    return dict(groups(ALL))[name]


async def at(width: int, typed: str = "", *keys: str, height: int = 24) -> str:
    app = Stage()
    async with app.run_test(size=(width, height)) as pilot:
        await app.push_screen(Help(ALL))
        await pilot.pause()
        await pilot.press(*typed, *keys)
        # the end of a scroll bar moves with each key that is added
        return re.sub("[▁-█]", " ", folded(await text_of(pilot)))


async def test_at_60_columns() -> None:
    assert await at(60) == snapshot("""\
╭─ help ───────────────────────────────────────────────────╮
│ search keys and commands                                 │
│                                                          │
│ everywhere                                               │
│   Shift+Tab      up a notch, around                      │
│   Alt+→          up a notch                              │
│   Alt+←          down a notch                            │
│   Alt+↑          more effort                             │
│   Alt+↓          less effort                             │
│   Ctrl+C         stop; twice: leave                      │
│   Esc            stop the turn                           │
│   PgUp           a page up                               │
│   PgDn           a page down                             │
│   Ctrl+End       to the end                              │
│   Ctrl+L         draw the screen anew                    │
│   F1             help                                    │
│   F2             policy                                  │
│   F3             changes                                 │
│   F4             sessions                                │
│   F5             rewind                                  │
│   F6             models                                  │
│   Tab            to a question, or to the transcript     │
│                  and back                                │
╰───── type to search   ↑ ↓ PgUp PgDn scroll   Esc closes ─╯
""")


async def test_at_100_columns() -> None:
    assert await at(100) == snapshot("""\
╭─ help ───────────────────────────────────────────────────────────────────────────────────────────╮
│ search keys and commands                                                                         │
│                                                                                                  │
│ everywhere                                                                                       │
│   Shift+Tab               up a notch, around                                                     │
│   Alt+→                   up a notch                                                             │
│   Alt+←                   down a notch                                                           │
│   Alt+↑                   more effort                                                            │
│   Alt+↓                   less effort                                                            │
│   Ctrl+C                  stop; twice: leave                                                     │
│   Esc                     stop the turn                                                          │
│   PgUp                    a page up                                                              │
│   PgDn                    a page down                                                            │
│   Ctrl+End                to the end                                                             │
│   Ctrl+L                  draw the screen anew                                                   │
│   F1                      help                                                                   │
│   F2                      policy                                                                 │
│   F3                      changes                                                                │
│   F4                      sessions                                                               │
│   F5                      rewind                                                                 │
│   F6                      models                                                                 │
│   Tab                     to a question, or to the transcript and back                           │
│                                                                                                  │
╰───────────────────────────────────────────── type to search   ↑ ↓ PgUp PgDn scroll   Esc closes ─╯
""")


async def test_at_160_columns_what_is_typed_is_found() -> None:
    assert await at(160, "model") == snapshot("""\
                        ╭─ help ────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────╮
                        │ model
⤷                                        │
                        │
⤷                                        │
                        │ everywhere
⤷                                        │
                        │   F6                      models
⤷                                        │
                        │
⤷                                        │
                        │ commands
⤷                                        │
                        │   /model [NAME]           choose the model
⤷                                        │
                        │
⤷                                        │
                        │ prompt
⤷                                        │
                        │   Enter                   send; while a turn runs the model reads it b
⤷ efore its next step                    │
                        │
⤷                                        │
                        │ an approval
⤷                                        │
                        │   n                       no, with a word to the model
⤷                                        │
                        │
⤷                                        │
                        │ a question of the model
⤷                                        │
                        │   1-9                     pick an answer
⤷                                        │
                        │   Enter                   send what is typed
⤷                                        │
                        │   Esc                     give no answer
⤷                                        │
                        │
⤷                                        │
                        │ models (F6)
⤷                                        │
                        │   Esc                     back, or close
⤷                                        │
                        │   F6                      close
⤷                                        │
                        ╰───────────────────────────────────────────────────────── type to searc
⤷ h   ↑ ↓ PgUp PgDn scroll   Esc closes ─╯
""")


def test_every_binding_of_the_app_stands_in_it() -> None:
    told = {(key, each.about) for each in entries("everywhere") for key in each.keys.split()}
    for binding in Wisp.BINDINGS:
        assert isinstance(binding, Binding)
        assert {(key_name(key), binding.description) for key in binding.key.split(",")} <= told


@pytest.mark.parametrize("bound", [Prompt, Transcript])
def test_every_key_of_the_prompt_and_the_transcript_stands_in_it_but_those_that_select(
    bound: type[Prompt] | type[Transcript],
) -> None:
    keys = {key for each in entries(bound.__name__.lower()) for key in each.keys.split()}
    for binding in bound.BINDINGS:
        assert isinstance(binding, Binding)
        if bound is Prompt and binding.action.endswith("(True)"):
            continue  # with Shift, as one line says
        assert bound is Transcript or binding.action in PROMPT
        mine = {key for key in binding.key.split(",") if key not in taken()}
        assert {key_name(key) for key in mine} <= keys


def test_a_key_that_the_app_takes_first_is_not_said_to_be_the_prompts() -> None:
    assert {"alt+left", "pageup"} <= taken()
    assert "Alt+←" not in " ".join(each.keys for each in entries("prompt"))
    assert "PgUp" not in " ".join(each.keys for each in entries("transcript"))


def test_every_command_stands_in_it_with_what_it_takes_and_says() -> None:
    told = {each.keys: each.about for each in entries("commands")}
    assert len(told) == len(ALL)
    for command in COMMANDS.values():
        assert told[f"/{command.name} {command.takes}".rstrip()].startswith(command.about)
    assert told["/quit"] == "leave; the session is kept; also /exit /q"
    assert told["/tidy [WORDS]"] == "tidy \\x1b[2J up   (repository)"


def test_levels_are_told_from_the_table() -> None:
    told = [
        f"{each.keys}: {each.about}" for each in entries("levels, where commands are contained")
    ]
    assert len(told) == len(Autonomy)
    assert told == snapshot(
        [
            "0 OBSERVE: reads; everything else is denied",
            "1 ASK: reads; everything else asks",
            "2 EDIT: edits run; commands, network, outside and destroy ask",
            "3 RUN: edits and contained commands run; network, outside and destroy ask",
            "4 FULL: edits, contained commands, network and outside run; destroy asks",
        ]
    )


def test_every_screen_has_its_keys() -> None:
    assert [name for name, told in groups(ALL) if told] == snapshot(
        [
            "everywhere",
            "levels, where commands are contained",
            "commands",
            "prompt",
            "transcript",
            "an approval",
            "a question of the model",
            "a plan",
            "policy (F2)",
            "changes (F3)",
            "sessions (F4)",
            "rewind (F5)",
            "models (F6)",
            "loading a model",
            "agent sessions replay",
        ]
    )


def test_keys_are_called_as_they_are_printed() -> None:
    names = ["ctrl+c", "pageup", "alt+right", "j", "G", "right_square_bracket", "ctrl+underscore"]
    names += ["f1", "shift+tab", "escape"]
    assert [key_name(each) for each in names] == snapshot(
        ["Ctrl+C", "PgUp", "Alt+→", "j", "G", "]", "Ctrl+_", "F1", "Shift+Tab", "Esc"]
    )
    twice = [Binding("j,down", "move(1)", "Next"), Binding("n", "move(1)", "next")]
    assert entries_of(twice) == (Entry("j ↓ n", "next"),)


async def test_words_find_lines_and_a_title_finds_its_group() -> None:
    shown = await at(100, "effort")
    assert "Alt+↑" in shown
    assert "/effort [LEVEL]" in shown
    assert "3 lines found" in shown
    assert "PgUp PgDn" in await at(100, "approval")
    assert "no key and no command of this name" in await at(100, "xyzzy")


async def test_escape_clears_the_search_and_then_closes() -> None:
    app = Stage()
    async with app.run_test(size=(100, 24)) as pilot:
        await app.push_screen(Help(ALL))
        await pilot.press("x", "escape")
        assert isinstance(app.screen, Help)
        await pilot.press("escape")
        assert not isinstance(app.screen, Help)


async def test_it_scrolls_by_line_and_page() -> None:
    assert "everywhere" not in await at(100, "", "down")
    first = await at(100, "", "pagedown")
    assert await at(100, "", "pagedown", "up", "down") == first
    assert "everywhere" in await at(100, "", "pagedown", "pageup")
