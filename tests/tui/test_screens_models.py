"""The picker of models: what it lists, what it says of each, what it returns."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inline_snapshot import snapshot
from textual.pilot import Pilot

from agent.models import catalog
from agent.models.providers import PROVIDERS
from agent.models.servers import Served, Server
from tests.tui.screen import Stage, folded, text_of
from tui.screens.model_choices import served
from tui.screens.models import Models

Chosen = tuple[str, str] | None


@pytest.fixture(autouse=True)
def quiet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, no keyring; Ollama is looked for where nobody listens."""
    for provider in PROVIDERS.values():
        for name in provider.variables:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    monkeypatch.setenv("HOME", "/home/me")


@pytest.fixture
def some(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default is here, a file of the user's own, and keys of two providers."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-never-shown")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-shown")
    folder = catalog.folder()
    folder.mkdir(parents=True)
    put(folder / catalog.DEFAULT.file, catalog.DEFAULT.bytes)
    put(folder / "codestral-22b-q4.gguf", 13_300_000_000)
    put(folder / "half.gguf.part", 1000)


def put(path: Path, size: int) -> None:
    path.touch()
    os.truncate(path, size)


class Picking:
    """The picker over a stage, and what it returned."""

    def __init__(self, current: str = catalog.DEFAULT.name) -> None:
        self.app = Stage()
        self.screen = Models(current)
        self.returned: list[Chosen] = []

    async def show(self, pilot: Pilot[Any]) -> str:
        await self.app.push_screen(self.screen, self.returned.append)
        return await until(pilot, lambda text: "looking" not in text)


async def until(pilot: Pilot[Any], holds: Callable[[str], bool]) -> str:
    """Wait until the screen is as it is to be, and return it."""
    while not holds(shown := await text_of(pilot)):
        pass
    return shown


async def at(width: int, *keys: str) -> str:
    picking = Picking()
    async with picking.app.run_test(size=(width, 24)) as pilot:
        await picking.show(pilot)
        await pilot.press(*keys)
        return folded(await text_of(pilot))


@pytest.mark.usefixtures("some")
async def test_the_models_at_60_columns() -> None:
    assert await at(60) == snapshot("""\
╭─ models, in use: qwen2.5-coder-1.5b ─────────────────────╮
│ on this machine              nothing leaves this machine │
│ ▸ ● qwen2.5-coder-1.5b      in use, 1.1 GB, the default… │
│     codestral-22b-q4.gguf   13.3 GB, a file of your own  │
│                                                          │
│ to load                      nothing leaves this machine │
│     qwen2.5-coder-0.5b      491.4 MB, for tests; too sm… │
│     qwen2.5-coder-7b        about 4.7 GB, better; wants… │
│                                                          │
│ servers on this machine                                  │
│     none answers: ollama serve starts one                │
│                                                          │
│ elsewhere                                                │
│     anthropic/              key from ANTHROPIC_API_KEY;… │
│     openai/                 key from OPENAI_API_KEY; wi… │
│                                                          │
│                                                          │
│                                                          │
│                                                          │
│ or a name: provider/model, or the path of a GGUF file    │
│                                                          │
│ qwen2.5-coder-1.5b  1.1 GB, the default; 2 GB of memory  │
│ ✓ nothing leaves this machine                            │
╰─────────────── ↑ ↓ select   Enter takes it   Esc closes ─╯
""")


@pytest.mark.usefixtures("some")
async def test_the_models_at_100_columns() -> None:
    assert await at(100, *["down"] * 4) == snapshot("""\
╭─ models, in use: qwen2.5-coder-1.5b ─────────────────────────────────────────────────────────────╮
│ on this machine                                                      nothing leaves this machine │
│   ● qwen2.5-coder-1.5b              in use, 1.1 GB, the default; 2 GB of memory                  │
│     codestral-22b-q4.gguf           13.3 GB, a file of your own                                  │
│                                                                                                  │
│ to load                                                              nothing leaves this machine │
│     qwen2.5-coder-0.5b              491.4 MB, for tests; too small for real work                 │
│     qwen2.5-coder-7b                about 4.7 GB, better; wants 8 GB of memory, and a GPU or pa… │
│                                                                                                  │
│ servers on this machine                                                                          │
│     none answers: ollama serve starts one                                                        │
│                                                                                                  │
│ elsewhere                                                                                        │
│ ▸   anthropic/                      key from ANTHROPIC_API_KEY; window and price are asked when… │
│     openai/                         key from OPENAI_API_KEY; window and price are asked when ch… │
│                                                                                                  │
│                                                                                                  │
│                                                                                                  │
│                                                                                                  │
│ or a name: provider/model, or the path of a GGUF file                                            │
│                                                                                                  │
│ anthropic/…  key from ANTHROPIC_API_KEY; window and price are asked when chosen                  │
│ ↑ what is read is sent to anthropic                                                              │
╰───────────────────────────────── ↑ ↓ select   Enter takes it   type any other name   Esc closes ─╯
""")


@pytest.mark.usefixtures("some")
async def test_the_models_at_160_columns() -> None:
    assert await at(160, *"gemini/gemini-3-pro", "enter") == snapshot("""\
                    ╭─ models, in use: qwen2.5-coder-1.5b ──────────────────────────────────────
⤷ ───────────────────────────────────────────╮
                    │ on this machine
⤷                nothing leaves this machine │
                    │   ● qwen2.5-coder-1.5b              in use, 1.1 GB, the default; 2 GB of m
⤷ emory                                      │
                    │     codestral-22b-q4.gguf           13.3 GB, a file of your own
⤷                                            │
                    │
⤷                                            │
                    │ to load
⤷                nothing leaves this machine │
                    │     qwen2.5-coder-0.5b              491.4 MB, for tests; too small for rea
⤷ l work                                     │
                    │     qwen2.5-coder-7b                about 4.7 GB, better; wants 8 GB of me
⤷ mory, and a GPU or patience                │
                    │
⤷                                            │
                    │ servers on this machine
⤷                                            │
                    │     none answers: ollama serve starts one
⤷                                            │
                    │
⤷                                            │
                    │ elsewhere
⤷                                            │
                    │     anthropic/                      key from ANTHROPIC_API_KEY; window and
⤷  price are asked when chosen               │
                    │     openai/                         key from OPENAI_API_KEY; window and pr
⤷ ice are asked when chosen                  │
                    │
⤷                                            │
                    │
⤷                                            │
                    │
⤷                                            │
                    │
⤷                                            │
                    │ gemini/gemini-3-pro
⤷                                            │
                    │
⤷                                            │
                    │ ✗ no key of gemini was found
⤷                                            │
                    │ hint: agent keys set gemini
⤷                                            │
                    ╰───────────────────────────────────────────────────── ↑ ↓ select   Enter ta
⤷ kes it   type any other name   Esc closes ─╯
""")


SERVERS = [
    Server(
        "ollama",
        "http://127.0.0.1:11434",
        (
            Served("qwen3:8b", trained=40_960),
            Served("gpt-oss:120b-cloud", 131_072, loaded=False),
        ),
        "0.12.6",
    ),
    Server("vllm", "http://127.0.0.1:9000", (Served("Qwen/Qwen3-8B", 12_288, 40_960),)),
]


def test_what_is_served_here_says_its_window_and_whether_it_stays_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OLLAMA_HOST")
    groups = served(SERVERS)
    assert [each.title for each in groups] == [
        "Ollama 0.12.6 at http://127.0.0.1:11434",
        "vLLM at http://127.0.0.1:9000",
    ]
    rows = [(one.name, one.api_base, one.about, one.to) for each in groups for one in each.choices]
    assert rows == [
        ("ollama/qwen3:8b", "", "at most 40,960 tokens", ""),
        (
            "ollama/gpt-oss:120b-cloud",
            "",
            "131,072 tokens, not loaded",
            "ollama.com, by way of Ollama",
        ),
        (
            "vllm/Qwen/Qwen3-8B",
            "http://127.0.0.1:9000/v1",
            "12,288 tokens (at most 40,960 tokens)",
            "",
        ),
    ]


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["enter"], (catalog.DEFAULT.name, "")),
        (["down", "down", "enter"], ("qwen2.5-coder-0.5b", "")),
        (["pagedown", "enter", *"gpt-5", "enter"], ("openai/gpt-5", "")),
        ([*"llama_server/", "enter"], ("llama_server/", "")),
        ([*"qwen2.5-coder-7b", "enter"], ("qwen2.5-coder-7b", "")),
        ([*"zzz", "down", "enter"], None),
        (["escape"], None),
        (["f6"], None),
    ],
)
async def test_enter_returns_what_is_selected_or_typed(keys: list[str], chosen: Chosen) -> None:
    picking = Picking()
    async with picking.app.run_test(size=(100, 24)) as pilot:
        await picking.show(pilot)
        await pilot.press(*keys)
        await pilot.pause()
    if chosen is None and "down" in keys:
        chosen = (str(catalog.folder() / "codestral-22b-q4.gguf"), "")
    assert picking.returned == [chosen]


@pytest.mark.usefixtures("some")
async def test_what_cannot_be_used_is_said_and_nothing_is_chosen() -> None:
    picking = Picking()
    async with picking.app.run_test(size=(100, 24)) as pilot:
        await picking.show(pilot)
        await pilot.press(*"gemini/gemini-3-pro", "enter")
        shown = await text_of(pilot)
        assert "✗ no key of gemini was found" in shown
        assert "hint: agent keys set gemini" in shown
        await pilot.press("escape")  # takes back what was typed
        assert "✗" not in await text_of(pilot)
        await pilot.press(*"qwen2.5-coder", "enter")
        assert "✗ unknown model: qwen2.5-coder; did you mean" in await text_of(pilot)
    assert picking.returned == []


async def test_without_anything_it_says_what_to_do() -> None:
    picking = Picking("openai/gpt-5")
    async with picking.app.run_test(size=(100, 20)) as pilot:
        assert folded(await picking.show(pilot)) == snapshot("""\
╭─ models, in use: openai/gpt-5 ───────────────────────────────────────────────────────────────────╮
│ on this machine                                                                                  │
│     none yet                                                                                     │
│                                                                                                  │
│ to load                                                              nothing leaves this machine │
│ ▸   qwen2.5-coder-1.5b              1.1 GB, the default; 2 GB of memory                          │
│     qwen2.5-coder-0.5b              491.4 MB, for tests; too small for real work                 │
│     qwen2.5-coder-7b                about 4.7 GB, better; wants 8 GB of memory, and a GPU or pa… │
│                                                                                                  │
│ servers on this machine                                                                          │
│     none answers: ollama serve starts one                                                        │
│                                                                                                  │
│ elsewhere                                                                                        │
│     no key of a provider was found: agent keys set PROVIDER                                      │
│                                                                                                  │
│ or a name: provider/model, or the path of a GGUF file                                            │
│                                                                                                  │
│ qwen2.5-coder-1.5b  1.1 GB, the default; 2 GB of memory                                          │
│ ✓ nothing leaves this machine                                                                    │
╰───────────────────────────────── ↑ ↓ select   Enter takes it   type any other name   Esc closes ─╯
""")


@pytest.mark.usefixtures("some")
async def test_a_click_selects_and_another_takes_it() -> None:
    picking = Picking()
    async with picking.app.run_test(size=(100, 24)) as pilot:
        shown = await picking.show(pilot)
        row = next(y for y, line in enumerate(shown.split("\n")) if "0.5b" in line)
        await pilot.click(offset=(20, row))
        assert "▸   qwen2.5-coder-0.5b" in await text_of(pilot)
        await pilot.click(offset=(20, row))
        await pilot.pause()
    assert picking.returned == [("qwen2.5-coder-0.5b", "")]
