"""The changes screen: gone through by hunk, accepted, taken back."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from inline_snapshot import snapshot
from textual.pilot import Pilot

from agent.approval import nobody
from agent.config import Settings
from agent.desk import Desk
from agent.job import Job
from agent.policy import Autonomy
from agent.redaction import Redaction
from agent.review import Review
from tests.support import put, script
from tests.tui.screen import Stage, folded, text_of
from tools.base import ToolCall
from tui.screens.changes import Changes

PRICING = '''\
"""Prices."""

from decimal import Decimal


def rounded(amount):
    return round(amount, 2)


def empty(items):
    return not items


def total(items, discount=None):
    amount = sum(item.price for item in items)
    if discount:
        amount -= amount * discount
    return rounded(amount)
'''
FIXED = PRICING.replace("if discount:", "if discount is not None:").replace(
    "Decimal\n", "Decimal, ROUND_HALF_EVEN\n"
)


async def present(name: str) -> None:
    assert name


@contextlib.asynccontextmanager
async def a_desk(root: Path) -> AsyncIterator[Desk]:
    """A session that has made its first checkpoint."""
    model = script(root.parent / "model.yaml", "done")
    job = Job("run", "", Settings(model=model, autonomy=Autonomy.EDIT), root)
    told = Desk.open(job, (), nobody, nobody, redaction=Redaction(), have_model=present)
    async with told as desk:
        call = ToolCall(id="u1", name="shell", arguments={"command": "python3 -c pass"})
        await desk.command(call)
        yield desk


@dataclass
class Opened:
    root: Path
    pilot: Pilot[None]
    busy: bool = False

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        await self.pilot.app.workers.wait_for_complete()
        return await text_of(self.pilot)

    @property
    def pricing(self) -> str:
        return (self.root / "src/pricing.py").read_text()


@contextlib.asynccontextmanager
async def opened(top: Path, width: int = 100, height: int = 24) -> AsyncIterator[Opened]:
    root = put(top / "work", {"src/pricing.py": PRICING, "notes.txt": "old\n", "logo": b"\0\1"})
    async with a_desk(root) as desk:
        put(root, {"src/pricing.py": FIXED, "tests/test_zero.py": "def test():\n    pass\n"})
        put(root, {"logo": b"\0\1\2"})
        (root / "notes.txt").unlink()
        review = await Review.of(desk)
        app = Stage()
        async with app.run_test(size=(width, height)) as pilot:
            it = Opened(root, pilot)
            await app.push_screen(Changes(review, lambda: it.busy))
            await pilot.pause()
            yield it


async def at(top: Path, width: int) -> str:
    async with opened(top, width) as it:
        return folded(await it.press("n", "n"))


async def test_at_60_columns_the_files_stand_over_their_hunks(tmp_path: Path) -> None:
    assert await at(tmp_path, 60) == snapshot('''\
╭─ changes ────────────────────────────────────────────────╮
│    ~ logo                                         binary │
│    - notes.txt                                     +0 -1 │
│ ▸  ~ src/pricing.py                                +2 -2 │
│    + tests/test_zero.py                            +2 -0 │
│ ──────────────────────────────────────────────────────── │
│ src/pricing.py                                           │
│                                                          │
│ ▌  1 of 2  lines 1-6                              +1 -1  │
│ ▌  1 │ """Prices."""                                     │
│ ▌  2 │                                                   │
│ ▌  3 │-from decimal import Decimal                       │
│ ▌  3 │+from decimal import Decimal, ROUND_HALF_EVEN      │
│ ▌  4 │                                                   │
│ ▌  5 │                                                   │
│ ▌  6 │ def rounded(amount):                              │
│                                                          │
│    2 of 2  lines 13-18  def empty(items):         +1 -1  │
│   13 │                                                 ▁ │
│   14 │ def total(items, discount=None):                  │
│   15 │     amount = sum(item.price for item in items)    │
│   16 │-    if discount:                                  │
│ 4 files  +4 -3   0 of 5 hunks accepted                   │
╰─ j k hunk   ] [ file   a A accept   r R take back   Esc ─╯
''')


async def test_at_100_columns_the_files_stand_beside_their_hunks(tmp_path: Path) -> None:
    assert await at(tmp_path, 100) == snapshot('''\
╭─ changes ────────────────────────────────────────────────────────────────────────────────────────╮
│    ~ logo               binary │src/pricing.py                                                   │
│    - notes.txt           +0 -1 │                                                                 │
│ ▸  ~ src/pricing.py      +2 -2 │▌  1 of 2  lines 1-6                                      +1 -1  │
│    + tests/test_zero.py  +2 -0 │▌  1 │ """Prices."""                                             │
│                                │▌  2 │                                                           │
│                                │▌  3 │-from decimal import Decimal                               │
│                                │▌  3 │+from decimal import Decimal, ROUND_HALF_EVEN              │
│                                │▌  4 │                                                           │
│                                │▌  5 │                                                           │
│                                │▌  6 │ def rounded(amount):                                      │
│                                │                                                                 │
│                                │   2 of 2  lines 13-18  def empty(items):                 +1 -1  │
│                                │  13 │                                                           │
│                                │  14 │ def total(items, discount=None):                          │
│                                │  15 │     amount = sum(item.price for item in items)            │
│                                │  16 │-    if discount:                                          │
│                                │  16 │+    if discount is not None:                              │
│                                │  17 │         amount -= amount * discount                       │
│                                │  18 │     return rounded(amount)                                │
│                                │                                                                 │
│                                │                                                                 │
│ 4 files  +4 -3   0 of 5 hunks accepted                                                           │
╰────── j k hunk   ] [ file   a accept   A all of the file   r take back   R file   f files   Esc ─╯
''')


async def test_at_160_columns_the_hunks_alone_are_side_by_side(tmp_path: Path) -> None:
    async with opened(tmp_path, 160) as it:
        assert folded(await it.press("n", "n", "f")) == snapshot('''\
╭─ changes ─────────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────╮
│ src/pricing.py
⤷                                                                │
│
⤷                                                                │
│ ▌  1 of 2  lines 1-6
⤷                                                         +1 -1  │
│ ▌  1 │ """Prices."""                                                            1 │ """Prices.
⤷ """                                                            │
│ ▌  2 │                                                                          2 │
⤷                                                                │
│ ▌  3 │-from decimal import Decimal                                              3 │+from decim
⤷ al import Decimal, ROUND_HALF_EVEN                             │
│ ▌  4 │                                                                          4 │
⤷                                                                │
│ ▌  5 │                                                                          5 │
⤷                                                                │
│ ▌  6 │ def rounded(amount):                                                     6 │ def rounde
⤷ d(amount):                                                     │
│
⤷                                                                │
│    2 of 2  lines 13-18  def empty(items):
⤷                                                         +1 -1  │
│   13 │                                                                         13 │
⤷                                                                │
│   14 │ def total(items, discount=None):                                        14 │ def total(
⤷ items, discount=None):                                         │
│   15 │     amount = sum(item.price for item in items)                          15 │     amount
⤷  = sum(item.price for item in items)                           │
│   16 │-    if discount:                                                        16 │+    if dis
⤷ count is not None:                                             │
│   17 │         amount -= amount * discount                                     17 │         am
⤷ ount -= amount * discount                                      │
│   18 │     return rounded(amount)                                              18 │     return
⤷  rounded(amount)                                               │
│
⤷                                                                │
│
⤷                                                                │
│
⤷                                                                │
│
⤷                                                                │
│ 4 files  +4 -3   0 of 5 hunks accepted
⤷                                                                │
╰────────────────────────────────────────────────────────────────── j k hunk   ] [ file   a acce
⤷ pt   A all of the file   r take back   R file   f files   Esc ─╯
''')


async def test_a_session_that_changed_nothing_says_so(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": "1"})
    async with a_desk(root) as desk:
        review = await Review.of(desk)
        app = Stage()
        async with app.run_test(size=(60, 8)) as pilot:
            await app.push_screen(Changes(review))
            await pilot.press("j", "a", "A", "r", "R", "n", "pagedown")
            assert "nothing was changed in this session" in await text_of(pilot)
            await pilot.press("escape")
            assert not isinstance(app.screen, Changes)


async def test_accepting_goes_to_the_next_open_hunk_and_says_how_far_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        assert "0 of 5 hunks accepted" in await it.press("n")
        shown = await it.press("A", "a")
        assert "2 of 5 hunks accepted" in shown
        assert "✓ 1 of 2" in shown
        assert "▌  2 of 2" in shown
        assert "✓ ~ src/pricing.py" in await it.press("a")
        shown = await it.press("k", "a")
        assert "2 of 5" in shown, "accepted once more, it is open again"


async def test_a_hunk_is_taken_back_only_when_asked_twice(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        assert "? r again takes this hunk back" in await it.press("n", "n", "r")
        assert it.pricing == FIXED
        await it.press("j", "r", "escape", "r")
        assert it.pricing == FIXED, "another key in between takes the question away"
        shown = await it.press("r")
        assert it.pricing == FIXED.replace("if discount is not None:", "if discount:")
        assert "1 taken back" in shown
        assert "↶ 2 of 2" in shown
        await it.press("R", "R")
        assert it.pricing == PRICING


async def test_files_that_came_and_went_are_taken_back_whole(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        await it.press("R", "R")
        assert (it.root / "logo").read_bytes() == b"\0\1"
        assert "r again puts this file back" in await it.press("n", "r")
        await it.press("r")
        assert (it.root / "notes.txt").read_text() == "old\n"
        assert "R again removes this file" in await it.press("n", "n", "R")
        await it.press("R")
        assert not (it.root / "tests").exists()


async def test_a_file_that_changed_since_is_left_and_one_line_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        put(it.root, {"src/pricing.py": "the user's\n"})
        shown = await it.press("n", "n", "r", "r")
        assert "✗ changed since it was shown: src/pricing.py" in shown
        assert it.pricing == "the user's\n"


async def test_nothing_is_taken_back_while_a_turn_runs(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        it.busy = True
        assert "✗ a turn runs" in await it.press("r", "r")
        assert (it.root / "logo").read_bytes() == b"\0\1\2"


async def test_a_click_marks_a_hunk_and_j_goes_through_all_files(tmp_path: Path) -> None:
    async with opened(tmp_path) as it:
        assert "▌  1 of 1  binary: 3 bytes, was 2" in await it.press()
        assert "▌  1 of 2" in await it.press("j", "j")
        assert "▌  2 of 2" in await it.press("j")
        assert "test_zero.py" in (await it.press("j")).splitlines()[1]
        assert "▌  2 of 2" in await it.press("k")
        await it.pilot.click("Hunks", offset=(10, 2))
        assert "▌  1 of 2" in await it.press()


@pytest.mark.parametrize("key", ["escape", "q", "f3"])
async def test_it_closes(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as it:
        await it.press(key)
        assert not isinstance(it.pilot.app.screen, Changes)


async def test_a_hunk_of_any_length_and_any_bytes_is_shown_tame(tmp_path: Path) -> None:
    root = put(tmp_path / "work", {"a": ""})
    async with a_desk(root) as desk:
        put(root, {"a": "\x1b[2J [bold] \u202e\tx\n" + "line\n" * 5_000 + "last"})
        review = await Review.of(desk)
        app = Stage()
        async with app.run_test(size=(60, 20)) as pilot:
            await app.push_screen(Changes(review))
            shown = await text_of(pilot)
            assert "\\x1b[2J [bold] \\u202e" in shown
            await pilot.press(*["pagedown"] * 60)
            assert "… 4,603 more lines" in await text_of(pilot)
