"""What is to be done a little later is done once, in its widget's turn, unless it is cancelled."""

from __future__ import annotations

from textual.widgets import Static

from tests.tui.screen import Stage
from tui.later import later


async def test_it_is_done_once_and_in_order_unless_it_is_cancelled() -> None:
    done: list[str] = []
    app = Stage(Static())
    async with app.run_test() as pilot:
        later(app, 0.05, lambda: done.append("second"))
        later(app, -1.0, lambda: done.append("first"))  # what is late already is not left out
        later(app, 0.01, lambda: done.append("cancelled")).cancel()
        while "second" not in done:
            await pilot.pause(0.01)
        later(app, 0.01, lambda: done.append("never"))
    assert done == ["first", "second"], "and nothing once the app has ended"
