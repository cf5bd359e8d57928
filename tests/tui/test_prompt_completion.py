from __future__ import annotations

from pathlib import Path

import pytest
from inline_snapshot import snapshot
from textual import events
from textual.widgets import Static

from agent.context.index import Index
from sandbox.workspace import Workspace
from tests.tui.prompts import CSS, seen, write
from tests.tui.screen import Stage
from tui.commands import COMMANDS, Command
from tui.files import Files, Name, rank
from tui.recall import Recall
from tui.widgets.completion import Completion
from tui.widgets.prompt import Prompt

NAMES = (
    "src/pricing.py",
    "src/pricing_rules.py",
    "src/api/price.py",
    "tests/test_pricing.py",
    "docs/enterprise.md",
    "pri/other.py",
    "src/日本語/説明.md",
    "secret.log",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "es\x1bcape.py").touch()
    return tmp_path


def stage(root: Path, *entries: str) -> tuple[Stage, Prompt, Completion]:
    popup = Completion()
    own = Command("review-api", "look at the API", "[WORDS]", lambda do, word: None, "repository")
    table = COMMANDS | {own.name: own}
    prompt = Prompt(popup, Files(Workspace(root)), commands=lambda: table, recall=Recall(entries))
    return Stage(Static(), popup, prompt, told=(Prompt.Submitted,), css=CSS), prompt, popup


def ranked(query: str, *names: str) -> list[str]:
    return [hit.path for hit in rank(query, [Name.of(name) for name in names], 10)]


def test_the_beginning_of_a_files_own_name_comes_first() -> None:
    assert ranked("pri", *NAMES) == [
        "src/api/price.py",
        "src/pricing.py",
        "src/pricing_rules.py",
        "docs/enterprise.md",
        "tests/test_pricing.py",
        "pri/other.py",
    ]


def test_letters_in_order_and_near_spellings_fit_when_nothing_else_does() -> None:
    assert ranked("tpri", *NAMES) == ["tests/test_pricing.py", "docs/enterprise.md"]
    assert ranked("prcigin", *NAMES)[:1] == ["src/pricing.py"]
    assert ranked("cmd", "docs/policy.md", "tui/commands.py")[0] == "tui/commands.py"
    assert ranked("api/pr", *NAMES) == ["src/api/price.py"]
    assert ranked("[^-]\\", *NAMES) == []


async def test_an_at_sign_lists_files_that_git_would_and_tab_takes_one(root: Path) -> None:
    app, prompt, popup = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "see @pricing")
        assert popup.chosen is not None and popup.chosen.shown == "src/pricing.py"
        await pilot.press("down", "up", "tab")
        assert prompt.value == "see @src/pricing.py "
        assert not popup.is_open
        await write(pilot, "and me@here @log")
        assert not popup.is_open
        await write(pilot, " @escape.py")
        assert popup.chosen is None or "cape" not in popup.chosen.shown


async def test_a_name_in_the_middle_is_completed_in_place(root: Path) -> None:
    app, prompt, _ = stage(root)
    async with app.run_test() as pilot:
        prompt.put("fix  now\n")
        prompt.move_cursor((0, 4))
        await write(pilot, "@pricing")
        await pilot.press("enter")
        assert prompt.value == "fix @src/pricing.py now\n"
        assert app.said == []


def offered(popup: Completion) -> list[str]:
    return [choice.shown for choice in popup._choices]


async def test_the_diff_and_what_fails_are_offered_and_sent_as_they_are(root: Path) -> None:
    app, prompt, popup = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "review @di")
        assert offered(popup)[0] == "diff"
        await pilot.press("tab")
        assert prompt.value == "review @diff "
        await write(pilot, "and @failing")
        await pilot.press("enter")
        assert [each.text for each in app.said] == ["review @diff and @failing"]


async def test_the_lines_of_a_file_are_typed_by_hand(root: Path) -> None:
    app, _, popup = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "see @src/pricing.py:1-")
        assert not popup.is_open
        await write(pilot, "4")
        await pilot.press("enter")
        assert [each.text for each in app.said] == ["see @src/pricing.py:1-4"]


async def test_definitions_are_offered_from_an_index_that_is_there(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    (root / "src/pricing.py").write_text("class Price:\n    def total(self):\n        pass\n")
    workspace, popup = Workspace(root), Completion()
    prompt = Prompt(popup, Files(workspace, cache=cache))
    async with Stage(Static(), popup, prompt, css=CSS).run_test() as pilot:
        await write(pilot, "@tot")
        assert "Price.total" not in offered(popup)
        with Index.of(workspace, cache) as index:
            index.update(workspace)
        await write(pilot, "a")
        assert offered(popup) == ["Price.total"]
        await pilot.press("tab")
        assert prompt.value == "@Price.total "
        await write(pilot, "@Price.t")
        assert offered(popup)[0] == "Price.total"


async def test_a_name_with_spaces_is_put_in_quotes(root: Path) -> None:
    (root / "my notes.md").touch()
    app, prompt, _ = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "@notes")
        await pilot.press("tab")
        assert prompt.value == '@"my notes.md" '


async def test_escape_closes_the_list_until_another_word_begins(root: Path) -> None:
    app, _, popup = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "@pri")
        await pilot.press("escape", "c")
        assert not popup.is_open
        await write(pilot, " @pri")
        assert popup.is_open
        await pilot.press("home")
        assert not popup.is_open


async def test_a_large_tree_is_ranked_aside_and_what_is_taken_is_what_was_typed(
    tmp_path: Path,
) -> None:
    for number in range(1500):
        (tmp_path / f"f{number}.py").touch()
    app, prompt, popup = stage(tmp_path)
    async with app.run_test() as pilot:
        await write(pilot, "@f14")
        assert popup.chosen is not None and popup.chosen.shown == "f14.py"
        for char in "77":
            app.post_message(events.Key(char, char))
        await pilot.press("tab")
        assert prompt.value == "@f1477.py "


async def test_a_new_file_is_found_once_the_list_is_old(root: Path) -> None:
    files = Files(Workspace(root), fresh=0.0)
    popup = Completion()
    prompt = Prompt(popup, files)
    app = Stage(Static(), popup, prompt)
    async with app.run_test() as pilot:
        await write(pilot, "@new")
        assert not popup.is_open
        (root / "new.py").touch()
        await write(pilot, " @new")
        assert popup.chosen is not None and popup.chosen.shown == "new.py"


async def test_enter_completes_a_command_and_then_submits_it(root: Path) -> None:
    app, prompt, _ = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "/di")
        await pilot.press("enter")
        assert prompt.value == "/diff"
        await pilot.press("enter")
        await write(pilot, "/undo")
        await pilot.press("enter")
        await write(pilot, "/mod")
        await pilot.press("tab")
        assert prompt.value == "/model "
        assert [said.text for said in app.said] == ["/diff", "/undo"]


async def test_a_recalled_command_opens_no_list(root: Path) -> None:
    app, prompt, popup = stage(root, "first", "/diff")
    async with app.run_test() as pilot:
        await pilot.press("up")
        assert not popup.is_open
        await pilot.press("up")
        assert prompt.value == "first"


async def test_ctrl_r_searches_what_was_typed_before(root: Path) -> None:
    app, prompt, popup = stage(root, "fix the price", "add a test", "fix\nall", "say")
    async with app.run_test() as pilot:
        await write(pilot, "fi")
        await pilot.press("ctrl+r", "x")
        assert popup.chosen is not None and popup.chosen.text == "fix\nall"
        await pilot.press("ctrl+r", "enter")
        assert prompt.value == "fix the price"
        assert app.said == []
        await pilot.press("ctrl+r", "escape")
        assert prompt.value == "fix the price"
        assert not popup.is_open


async def test_a_click_takes_what_it_is_on(root: Path) -> None:
    app, prompt, _ = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "@pri")
        await pilot.click(Completion, offset=(8, 2))
        assert prompt.value == "@src/pricing.py "


@pytest.mark.parametrize("width", [60, 100, 160])
async def test_the_list_above_the_prompt(root: Path, width: int) -> None:
    app, prompt, _ = stage(root, "fix the price of things\nand add a test", "price it " * 9)
    screens = []
    async with app.run_test(size=(width, 14)) as pilot:
        await write(pilot, "see @pri")
        screens.append(await seen(pilot))
        prompt.put("")
        await write(pilot, "/re")
        screens.append(await seen(pilot))
        prompt.put("")
        await write(pilot, "pri")
        await pilot.press("ctrl+r", "down")
        screens.append(await seen(pilot))
    assert "\n\n".join(screens) == LISTS[width]


LISTS = snapshot(
    {
        60: """\
 ─ files · 1 of 6 ─────────────────────────────────────────
 ▸ src/api/price.py
   src/pricing.py
   src/pricing_rules.py
   docs/enterprise.md
   tests/test_pricing.py
 > see @pri

 ─ commands · 1 of 5 ──────────────────────────────────────
 ▸ /review      go through the changes by hunk
   /redo        do it again
   /rewind      go back to an earlier turn           [TURN]
   /remember    keep a lesson for this repository     WORDS
   /review-api  look at the API          repository [WORDS]
 / /re

 ─ history · 2 of 2 ───────────────────────────────────────
   price it price it price it price it price it price it p…
 ▸ fix the price of things                          2 lines
 > pri\
""",
        100: """\
 ─ files · 1 of 6 ───────────────────────────────────────────────────── Tab takes it · Esc closes ─
 ▸ src/api/price.py
   src/pricing.py
   src/pricing_rules.py
   docs/enterprise.md
   tests/test_pricing.py
 > see @pri

 ─ commands · 1 of 5 ────────────────────────────────────────────────── Tab takes it · Esc closes ─
 ▸ /review      go through the changes by hunk
   /redo        do it again
   /rewind      go back to an earlier turn                                                 [TURN]
   /remember    keep a lesson for this repository                                           WORDS
   /review-api  look at the API                                                repository [WORDS]
 / /re

 ─ history · 2 of 2 ─────────────────────────────────────────────────── Tab takes it · Esc closes ─
   price it price it price it price it price it price it price it price it price it
 ▸ fix the price of things   (64)   2 lines
 > pri\
""",
        160: """\
 ─ files · 1 of 6 ───(113)─── Tab takes it · Esc closes ─
 ▸ src/api/price.py
   src/pricing.py
   src/pricing_rules.py
   docs/enterprise.md
   tests/test_pricing.py
 > see @pri

 ─ commands · 1 of 5 ───(110)─── Tab takes it · Esc closes ─
 ▸ /review      go through the changes by hunk
   /redo        do it again
   /rewind      go back to an earlier turn                                                 [TURN]
   /remember    keep a lesson for this repository                                           WORDS
   /review-api  look at the API                                                repository [WORDS]
 / /re

 ─ history · 2 of 2 ───(111)─── Tab takes it · Esc closes ─
   price it price it price it price it price it price it price it price it price it
 ▸ fix the price of things   (64)   2 lines
 > pri\
""",
    }
)


async def test_a_path_that_is_too_long_loses_its_beginning(tmp_path: Path) -> None:
    folder = tmp_path / "a_folder_with_a_long_name" / "and_日本語_another"
    folder.mkdir(parents=True)
    (folder / "pricing.py").touch()
    app, _, _ = stage(tmp_path)
    async with app.run_test(size=(40, 8)) as pilot:
        await write(pilot, "@pri")
        assert await seen(pilot) == snapshot("""\
 ─ files · 1 of 1 ─────────────────────
 ▸ …_name/and_日本語_another/pricing.py
 > @pri\
""")


async def test_what_a_command_takes_is_offered_where_it_is_known(root: Path) -> None:
    app, prompt, popup = stage(root)
    async with app.run_test() as pilot:
        await write(pilot, "/autonomy ")
        assert popup.is_open
        await pilot.press("enter")  # meant as it stands: nothing was chosen
        assert app.said[-1].text == "/autonomy "
        await write(pilot, "/theme l")
        await pilot.press("enter")
        assert prompt.value == "/theme light" and not popup.is_open
        await pilot.press("enter")
        assert app.said[-1].text == "/theme light"
        await write(pilot, "/effort ")
        await pilot.press("down", "down", "enter", "enter")
        assert app.said[-1].text == "/effort 2"
        await write(pilot, "/fix @pricing")
        assert popup.chosen is not None and popup.chosen.shown == "src/pricing.py"
