from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from sandbox.workspace import Workspace
from tests.tui.prompts import seen
from tests.tui.screen import Stage
from tui.files import Files
from tui.recall import Recall
from tui.widgets.completion import Completion
from tui.widgets.prompt import Prompt


def stage(root: Path) -> tuple[Stage, Prompt]:
    popup = Completion()
    recall = Recall(["earlier"])
    prompt = Prompt(popup, Files(Workspace(root)), recall=recall, vim=True)
    return Stage(Static(), popup, prompt, told=(Prompt.Submitted,)), prompt


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("x", "one two.thre\nfour"),
        ("0x", "ne two.three\nfour"),
        ("0wx", "one wo.three\nfour"),
        ("0wwx", "one twothree\nfour"),
        ("0ex", "on two.three\nfour"),
        ("bx", "one two.hree\nfour"),
        ("0dw", "two.three\nfour"),
        ("0wD", "one \nfour"),
        ("wD", "one two.three\n"),
        ("d0", "e\nfour"),
        ("0de", " two.three\nfour"),
        ("dd", "four"),
        ("ddp", "four\none two.three"),
        ("jdd", "one two.three"),
        ("ggdd", "four"),
        ("Gdd", "one two.three"),
        ("0cwsix", "six two.three\nfour"),
        ("ccsix", "six\nfour"),
        ("0xp", "noe two.three\nfour"),
        ("ia", "one two.threae\nfour"),
        ("aa", "one two.threea\nfour"),
        ("0Aa", "one two.threea\nfour"),
        ("Ia", "aone two.three\nfour"),
        ("oa", "one two.three\na\nfour"),
        ("Oa", "a\none two.three\nfour"),
        ("0lhx", "ne two.three\nfour"),
        ("$xx", "one two.thr\nfour"),
        ("0xu", "one two.three\nfour"),
        ("zq", "one two.three\nfour"),
    ],
)
async def test_the_keys_of_vi_edit(tmp_path: Path, keys: str, text: str) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        prompt.put("one two.three\nfour")
        prompt.move_cursor((0, 13))
        await pilot.press("escape", *keys)
        assert prompt.value == text


async def test_the_mode_is_told_by_the_sign_and_begins_anew_with_each_prompt(
    tmp_path: Path,
) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test(size=(60, 5)) as pilot:
        await pilot.press("d", "d")
        assert (await seen(pilot)).endswith(" > dd")
        await pilot.press("escape")
        assert (await seen(pilot)).endswith(" N dd")
        await pilot.press("enter")
        assert [said.text for said in app.said] == ["dd"]
        assert prompt.vim is not None and not prompt.vim.normal


async def test_j_and_k_walk_the_history_at_the_ends(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("escape", "k")
        assert prompt.value == "earlier"
        await pilot.press("j")
        assert prompt.value == ""


async def test_escape_closes_the_list_before_it_leaves_a_mode(tmp_path: Path) -> None:
    app, prompt = stage(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("slash")
        assert app.query_one(Completion).is_open
        await pilot.press("escape")
        assert not app.query_one(Completion).is_open
        assert prompt.sign == "/"
        await pilot.press("escape")
        assert prompt.sign == "N"
