"""Servers of this machine: known by what they answer, on real sockets, the bad ones too."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import fault_server
import pytest
import told
from fault_server import Answer, error, serving
from support import agent

from agent.errors import ModelUnusable, ProviderFailed
from agent.models import servers
from agent.models.providers import PROVIDERS
from agent.models.serving import Serving
from agent.models.serving import serving as served

KEY = "sk-not-to-be-seen-4711"


async def looked(about: dict[str, Any], **more: Any) -> servers.Server | None:
    async with serving() as server:
        server.about = about
        return await servers.look(server.url, seconds=5, **more)


async def test_each_server_is_known_by_what_it_answers() -> None:
    found = [
        await looked(about)
        for about in (
            told.llama_server(4096),
            told.ollama("qwen3:8b", "tiny:latest"),
            told.lm_studio(),
            told.vllm(),
            {"/v1/models": {"data": [{"id": "any", "context_length": 9000}]}},
        )
    ]
    assert all(found)
    rows = [
        (each.kind, [(m.name, m.window, m.trained, m.loaded) for m in each.models])
        for each in found
        if each
    ]
    assert rows == [
        ("llama_server", [("small-q4", 4096, 32768, True)]),
        ("ollama", [("qwen3:8b", None, 40960, True), ("tiny:latest", None, 40960, True)]),
        ("lm_studio", [("qwen3-8b", 8192, 40960, True), ("gemma", None, 131072, False)]),
        ("vllm", [("Qwen/Qwen3-8B", 12288, None, True)]),
        ("", [("any", 9000, None, True)]),
    ]


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"/v1/models": []},
        {"/v1/models": {"data": "no"}},
        {"/v1/models": {"data": [None, 7, {"id": 7}, {"id": "a\x1b[2J"}, {"id": "x" * 999}]}},
        {"/v1/models": Answer(b"<html>a shop</html>")},
        {"/v1/models": Answer(b"[" * 100_000)},
        {"/v1/models": error(307, "elsewhere", location="http://127.0.0.1:9/")},
        {"/v1/models": Answer(b'{"data": [{"id": "' + b"x" * (5 << 20) + b'"}]}')},
        {"/v1/models": Answer(b'{"data": [{"id": "x"}]}', end="reset", whole=False)},
    ],
    ids=range(9),
)
async def test_what_is_no_server_of_models_is_none(about: dict[str, Any]) -> None:
    assert await looked(about) is None


async def test_sizes_that_cannot_be_are_not_believed() -> None:
    for size in (0, -1, True, "8192", 1 << 40, None, 1.5):
        found = await looked({"/v1/models": {"data": [{"id": "x", "max_model_len": size}]}})
        assert found is not None and found.models[0].window is None, size


async def test_one_that_hangs_is_given_up_and_hides_no_other() -> None:
    silent = Answer(silent=True, end="stall")
    async with serving() as hangs, serving() as good:
        hangs.about = dict.fromkeys(
            ("/v1/models", "/props", "/api/v0/models", "/api/version", "/api/tags"), silent
        )
        good.about = told.vllm() | {"/props": silent, "/api/version": silent}
        async with asyncio.timeout(20):  # the test ends, whatever hangs
            assert await servers.look(hangs.url, seconds=0.3) is None
            found = await servers.look(good.url, seconds=1)
    assert found is not None and found.kind == "vllm"


async def test_nobody_there_is_told_apart_from_nothing_said() -> None:
    with pytest.raises(ConnectionRefusedError):
        await servers.look(f"http://127.0.0.1:{fault_server.refused()}", seconds=5)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("", "http://127.0.0.1:11434"), ("127.0.0.1:9", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:11434"), ("http://localhost:7", "http://localhost:7"),
        ("[::1]:8", "http://[::1]:8"), (":5", "http://127.0.0.1:5"),
        ("evil.test:80", "http://127.0.0.1:11434"), ("127.0.0.1:x", "http://127.0.0.1:11434"),
        ("https://127.0.0.1", "http://127.0.0.1:11434"),
    ],
)  # fmt: skip
def test_ollama_is_where_its_variable_says_if_that_is_here(host: str, base: str) -> None:
    assert servers.home("ollama", {"OLLAMA_HOST": host}) == base
    assert servers.home("vllm", {"OLLAMA_HOST": host}) == "http://127.0.0.1:8000/v1"


# -- the place of one model


async def placed(
    about: dict[str, Any], name: str, given: int | None = None, **environ: str
) -> Serving:
    prefix, _, model = name.partition("/")
    async with serving() as server:
        server.about = about
        try:
            return await served(
                PROVIDERS[prefix], model, f"{server.url}/v1", key=KEY, given=given, environ=environ
            )
        finally:
            assert {each.headers.get("authorization") for each in server.questions} == {
                f"Bearer {KEY}"
            }


async def test_the_window_is_what_the_server_runs_with() -> None:
    found = [
        await placed(told.llama_server(4096), "llama_server/whatever"),
        await placed(told.llama_server(4096), "openai/whatever"),
        await placed(told.lm_studio(), "lm_studio/qwen3-8b"),
        await placed(told.lm_studio(), "lm_studio/gemma"),
        await placed(told.vllm(), "vllm/Qwen/Qwen3-8B", HTTP_PROXY="http://127.0.0.1:9"),
        await placed({}, "openai/x"),
    ]
    assert [each.window for each in found] == [4096, 4096, 8192, None, 12288, None]


async def test_ollama_is_told_its_window_and_never_more_than_the_model_has() -> None:
    about = told.ollama("qwen3:latest")
    assert (await placed(about, "ollama/qwen3")).told == 16384
    assert (await placed(about, "ollama/qwen3", 30000)).told == 30000
    assert (await placed(about, "ollama/qwen3", 90000)).told == 40960
    small = told.ollama("qwen3:latest", trained=8192)
    assert (await placed(small, "ollama/qwen3:latest")) == Serving(
        "qwen3:latest", "ollama", 8192, 8192
    )


async def test_nothing_behind_the_slash_is_the_model_that_is_loaded() -> None:
    for name in ("llama_server/", "llama_server/-"):
        assert (await placed(told.llama_server(), name)).model == "small-q4"
    assert (await placed(told.lm_studio(), "lm_studio/")).model == "qwen3-8b"
    with pytest.raises(ModelUnusable, match="names no model that is loaded"):
        await placed(told.lm_studio(loaded=None), "lm_studio/")
    with pytest.raises(ModelUnusable, match="has 2 models: a:1, b:1") as caught:
        await placed(told.ollama("a:1", "b:1"), "ollama/-")
    assert caught.value.hint == "-m ollama/a:1"


async def test_what_is_not_there_is_told_with_what_to_type() -> None:
    with pytest.raises(ModelUnusable, match="has no model mistral") as caught:
        await placed(told.ollama("qwen3:8b"), "ollama/mistral")
    assert caught.value.hint == "ollama pull mistral"
    with pytest.raises(ModelUnusable, match="is llama-server, not Ollama") as caught:
        await placed(told.llama_server(), "ollama/qwen3")
    assert caught.value.hint.startswith("-m llama_server/qwen3 --api-base http://127.0.0.1:")
    base = f"http://127.0.0.1:{fault_server.refused()}/v1"
    with pytest.raises(ProviderFailed, match=f"vLLM is not running at {base}") as failed:
        await served(PROVIDERS["vllm"], "x", base)
    assert failed.value.exit_code == 75 and failed.value.hint.startswith("vllm serve MODEL")
    assert await served(PROVIDERS["openai"], "x", base) == Serving("x")


# -- the commands


async def test_what_runs_here_is_listed_with_what_to_type(tmp_path: Path) -> None:
    async with serving() as server:
        server.about = told.ollama("qwen3:8b")
        host = {"OLLAMA_HOST": f"127.0.0.1:{server.port}", "OLLAMA_API_KEY": KEY}
        listed = await asyncio.to_thread(agent, "models", "list", cwd=tmp_path, env=host)
        # a list asks whoever is there, so it takes no key along
        assert not any("authorization" in each.headers for each in server.questions)
        shown = await asyncio.to_thread(
            agent, "models", "info", "ollama/qwen3:8b", cwd=tmp_path, env=host
        )
        none = await asyncio.to_thread(agent, "models", "info", "ollama/x", cwd=tmp_path, env=host)
    lines = listed.out.splitlines()
    at = lines.index(f"Ollama at {server.url}:")
    assert lines[at + 1] == "  ollama/qwen3:8b  at most 40,960 tokens"
    rows = dict(line.split(None, 1) for line in shown.out.splitlines())
    assert (rows["model"], rows["server"]) == ("ollama/qwen3:8b", "Ollama 0.12.6")
    assert rows["window"] == "at most 40,960 tokens" and "8.2B" in rows["parameters"]
    assert none.code == 2 and none.hints == ["hint: ollama pull x"]


async def test_a_server_elsewhere_than_usual_is_listed_with_its_address(tmp_path: Path) -> None:
    async with serving() as server:
        server.about = told.vllm()  # where Ollama is looked for
        host = {"OLLAMA_HOST": f"127.0.0.1:{server.port}"}
        listed = await asyncio.to_thread(agent, "models", "list", cwd=tmp_path, env=host)
    words = f"vllm/Qwen/Qwen3-8B --api-base {server.url}/v1  12,288 tokens"
    assert words in listed.out


def test_a_server_that_does_not_run_ends_with_75_and_how_to_start_it(tmp_path: Path) -> None:
    host = {"OLLAMA_HOST": f"127.0.0.1:{fault_server.refused()}"}
    for words in (("models", "info", "ollama/x"), ("run", "-m", "ollama/x", "-p", "hello")):
        ended = agent(*words, cwd=tmp_path, env=host)
        assert ended.code == 75, ended
        assert "Ollama is not running at http://127.0.0.1:" in ended.errors[0]
        assert ended.hints[0].startswith("hint: ollama serve")
