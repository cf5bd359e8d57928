from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inline_snapshot import snapshot
from textual.widgets import Static

from agent.terminal import inert
from sandbox.workspace import Workspace
from tests.tui.prompts import CSS, paste, seen, write
from tests.tui.screen import Stage
from tui.files import Files
from tui.recall import Recall
from tui.widgets.completion import Completion
from tui.widgets.prompt import READY, Prompt
from tui.widgets.queue import Queue

LONG = "\n".join(f"line {number} of a log" for number in range(20))


def stage(root: Path, *entries: str) -> tuple[Stage, Prompt]:
    popup, queue = Completion(), Queue()
    prompt = Prompt(popup, Files(Workspace(root)), recall=Recall(entries), queue=queue)
    told = (Prompt.Submitted, Prompt.EditorWanted, Queue.Withdrawn)
    return Stage(Static(), popup, queue, prompt, told=told, css=CSS), prompt


async def test_enter_submits_and_leaves_an_empty_prompt(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await write(pilot, "add a test")
        await pilot.press("enter")
        assert [said.text for said in app.said] == ["add a test"]
        assert prompt.is_empty
        await pilot.press("enter", "space", "enter")
        assert len(app.said) == 1


@pytest.mark.parametrize("key", ["shift+enter", "alt+enter", "ctrl+j"])
async def test_other_enters_make_a_new_line(tmp_path: Path, key: str) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("a", key, "b")
        assert prompt.value == "a\nb"
        assert app.said == []


async def test_a_backslash_at_the_end_makes_a_new_line_and_two_do_not(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("a", "backslash", "enter", "b")
        assert prompt.value == "a\nb"
        await pilot.press("backslash", "backslash", "enter")
        assert [said.text for said in app.said] == ["a\nb\\\\"]


async def test_keys_of_readline_edit(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await write(pilot, "one two three")
        await pilot.press("ctrl+w", "ctrl+a", "X", "ctrl+e", "Y")
        assert prompt.value == "Xone two Y"
        await pilot.press("ctrl+u", "ctrl+y", "home", "ctrl+f", "ctrl+k")
        assert prompt.value == "X"
        await pilot.press("ctrl+underscore")
        assert prompt.value == "Xone two Y"


async def test_a_line_is_deleted_to_its_ends_however_it_is_wrapped(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test(size=(40, 12)) as pilot:
        await write(pilot, "word " * 30)
        await pilot.press("ctrl+u")
        assert prompt.value == ""
        await pilot.press("ctrl+y", "ctrl+a", "ctrl+a")
        prompt.move_cursor((0, 5))
        await pilot.press("ctrl+k")
        assert prompt.value == "word "


async def test_ctrl_c_escape_and_ctrl_d_of_an_empty_prompt_are_the_apps(tmp_path: Path) -> None:
    app, _ = stage(tmp_path)
    app.bind("escape,ctrl+d", "bell")
    heard: list[str] = []

    async def bell() -> None:
        heard.append("bell")

    app.action_bell = bell  # type: ignore[method-assign]  # of this one app
    async with app.run_test() as pilot:
        assert app.active_bindings["ctrl+c"].node is app.screen
        await pilot.press("escape", "ctrl+d")
        assert len(heard) == 2
        await pilot.press("a", "home", "ctrl+d")
        assert len(heard) == 2


@pytest.mark.parametrize("keys", [("ctrl+g",), ("ctrl+x", "ctrl+e")])
async def test_the_editor_is_asked_for_with_the_text(tmp_path: Path, keys: tuple[str, ...]) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await pilot.press(*keys)
        assert [said.text for said in app.said] == [LONG]
        prompt.put("from the editor")
        assert prompt.value == "from the editor"


async def test_up_and_down_walk_the_entries_that_begin_with_what_is_typed(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path, "fix one", "add two", "fix three", "add four")
    async with app.run_test() as pilot:
        await write(pilot, "fix")
        seen = []
        for key in ("up", "up", "up", "down", "down", "down"):
            await pilot.press(key)
            seen.append(prompt.value)
        assert seen == ["fix three", "fix one", "fix one", "fix three", "fix", "fix"]


async def test_what_was_changed_in_the_history_is_still_there_on_the_way_back(
    tmp_path: Path,
) -> None:
    app, prompt = stage(tmp_path, "one", "two")
    async with app.run_test() as pilot:
        await write(pilot, "")
        await pilot.press("up", "X", "up", "down")
        assert prompt.value == "twoX"
        await pilot.press("enter", "up", "up")
        assert prompt.value == "two"


async def test_long_entries_are_walked_past_in_both_directions(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path, "first", "a\nb\nc", "last")
    async with app.run_test() as pilot:
        await pilot.press("up", "up", "up")
        assert prompt.value == "first"
        await pilot.press("down", "down")
        assert prompt.value == "last"


async def test_up_in_an_empty_prompt_takes_back_what_was_queued(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path, "earlier")
    async with app.run_test() as pilot:
        app.query_one(Queue).show(["one", "two"])
        await pilot.press("up")
        assert [said.text for said in app.said] == ["two"]
        assert prompt.value == "two"
        await pilot.press("up")
        assert prompt.value == "two"  # no entry begins so; the queue gives only to an empty one
        assert app.query_one(Queue).prompts == ("one",)


async def test_a_large_paste_is_one_mark_that_goes_as_a_whole(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await write(pilot, "see ")
        await paste(pilot, LONG.replace("\n", "\r"))
        assert prompt.text == "see [pasted 20 lines #1]"
        assert prompt.value == f"see {LONG}"
        await pilot.press("left")
        assert prompt.cursor_location == (0, 4)
        await pilot.press("right", "backspace")
        assert prompt.value == "see "
        await pilot.press("ctrl+z")
        assert prompt.value == f"see {LONG}"
        await pilot.press("enter")
        assert [said.text for said in app.said] == [f"see {LONG}"]
        await pilot.press("up")
        assert prompt.text == "see [pasted 20 lines #1]"


async def test_a_long_line_is_folded_by_its_characters(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, "x" * 1234)
        assert prompt.text == "[pasted 1,234 characters #1]"
        await paste(pilot, "y" * 800)
        assert prompt.text.endswith("y" * 800)


async def test_ctrl_o_and_a_click_unfold_in_place(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, LONG)
        await write(pilot, " end")
        await pilot.press("ctrl+o")
        assert prompt.text == f"{LONG} end"
        await pilot.press("ctrl+z")
        assert prompt.text == "[pasted 20 lines #1] end"
        await pilot.click(Prompt, offset=(8, 0))
        assert prompt.text == f"{LONG} end"


async def test_what_hides_in_a_paste_is_spelt_out(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await paste(pilot, "a\x1b[31mb\u202ec\x0bd\te\r\nf")
        assert prompt.value == "a\\x1b[31mb\\u202ec\\x0bd\te\nf"


@pytest.mark.parametrize(
    ("text", "sign"), [("!ls", "!"), ("/di", "/"), ("/etc/x is", ">"), ("", ">")]
)
async def test_the_sign_says_what_kind_of_text_it_is(tmp_path: Path, text: str, sign: str) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await write(pilot, text)
        assert prompt.sign == sign.replace(">", READY)
        assert (await seen(pilot)).splitlines()[-1].startswith(f" {sign} {text}".rstrip())


async def test_it_grows_to_a_third_of_the_screen(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test(size=(80, 30)) as pilot:
        await pilot.press(*["a", "ctrl+j"] * 3)
        assert prompt.size.height == 4
        prompt.put("a\n" * 30)
        await pilot.pause()
        assert prompt.size.height == 9


@pytest.mark.parametrize("width", [60, 100, 160])
async def test_the_prompt_with_its_queue(tmp_path: Path, width: int) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test(size=(width, 12)) as pilot:
        empty = await seen(pilot)
        app.query_one(Queue).show(["add a test\ntoo", "日本語 " * 12, "c", "d", "e"])
        await write(
            pilot, "fix @src/a.py: totals are wrong when a discount is zero, or none is given"
        )
        await pilot.press("ctrl+j")
        await paste(pilot, LONG)
        both = f"{empty}\n\n{await seen(pilot)}"
        assert prompt.size.height <= 4
    assert both == SCREENS[width]


SCREENS = snapshot(
    {
        60: """\
 >

 queued 1 · add a test …
 queued 2 · 日本語 日本語 日本語 日本語 日本語 日本語 日本…
 queued 3 · c
 … 2 more
 > fix @src/a.py: totals are wrong when a discount is
   zero, or none is given
   [pasted 20 lines #1]\
""",
        100: """\
 >   (71)   @ file  / command  ! shell

 queued 1 · add a test …
 queued 2 · 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語
 queued 3 · c
 … 2 more   (75)   ↑ takes it back
 > fix @src/a.py: totals are wrong when a discount is zero, or none is given
   [pasted 20 lines #1]\
""",
        160: """\
 >   (131)   @ file  / command  ! shell

 queued 1 · add a test …
 queued 2 · 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語 日本語
 queued 3 · c
 … 2 more   (135)   ↑ takes it back
 > fix @src/a.py: totals are wrong when a discount is zero, or none is given
   [pasted 20 lines #1]\
""",
    }
)


def test_any_text_comes_out_as_it_went_in(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    printable = st.characters(min_codepoint=32, max_codepoint=0x2FFF).filter(str.isprintable)
    piece = st.one_of(
        st.tuples(st.just("typed"), st.text(printable, max_size=5)),
        st.tuples(st.just("pasted"), st.text(max_size=40)),
        st.tuples(st.just("pasted"), st.text("ab\n\r\t\x1b", min_size=20).map(lambda t: t * 40)),
    )

    with asyncio.Runner() as runner:
        opened = app.run_test()
        pilot = runner.run(opened.__aenter__())

        @settings(max_examples=15)
        @given(st.lists(piece, max_size=4))
        def comes_out(pieces: list[tuple[str, str]]) -> None:
            runner.run(check(pieces))

        async def check(pieces: list[tuple[str, str]]) -> None:
            prompt.put("")
            app.said.clear()
            wanted = ""
            for how, text in pieces:
                await (write if how == "typed" else paste)(pilot, text)
                whole = text.replace("\r\n", "\n").replace("\r", "\n")
                wanted += text if how == "typed" else inert(whole)
            await write(pilot, ".")
            wanted += "."
            assert prompt.value == wanted
            await pilot.press("enter")
            assert [said.text for said in app.said] == [wanted]
            await pilot.press("up")
            assert prompt.value == inert(wanted)

        try:
            comes_out()
        finally:
            runner.run(opened.__aexit__(None, None, None))
