"""The card of a call that showed something."""

from __future__ import annotations

from inline_snapshot import snapshot

from tests.tui.told import Teller
from tools.base import ToolResult
from tools.shown import Grid, Shown
from tui.cards.call import CallCard


def shown(rows: int) -> ToolResult:
    cells = tuple((f"name {number}", str(number * 7)) for number in range(rows))
    grid = Grid(columns=("name", "count"), rows=cells)
    table = Shown(kind="table", title="Counts", grid=grid)
    return ToolResult(text="shown to the user", summary=f"{rows} rows, 2 columns", shown=table)


def test_what_is_shown_stands_open_on_its_card() -> None:
    told = Teller()
    told.call("show", shown(2), kind="table", title="Counts", data="name,count\n")
    told.call(
        "show",
        ToolResult(text="no number to draw", summary="no number to draw", ok=False),
        kind="line",
        path="a.csv",
    )
    assert told.text(60) == snapshot("""\

    ▾ ▦ show    table               2 rows, 2 columns  0.4 s
      Counts
      name   │ count
      ───────┼──────
      name 0 │     0
      name 1 │     7
    ▾ ▦ show    line a.csv        no number to draw  ✗ 0.4 s
      no number to draw
""")
    card = told.fold.cards[0]
    assert isinstance(card, CallCard)
    assert card.plain() == snapshot("""\
Counts
name   │ count
───────┼──────
name 0 │     0
name 1 │     7\
""")
    card.toggle()
    assert len(card.lines(60)) == 1
    card.toggle()
    assert len(card.lines(60)) == 6


def test_a_long_table_is_whole_where_the_user_opens_it() -> None:
    told = Teller()
    told.call("show", shown(150), kind="table", path="a.csv")
    card = told.fold.cards[0]
    assert isinstance(card, CallCard)
    assert card.lines(60)[-1].plain.strip() == "… 130 more rows" and len(card.lines(60)) == 25
    assert abs(card.guess(60) - len(card.lines(60))) < 3
    card.toggle()
    card.toggle()
    assert len(card.lines(60)) == 154 and abs(card.guess(60) - 154) < 3
