"""`agent run` with a remote model: a real command line, a real child, a server on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from fault_server import Answer, Call, FaultServer, error, serving
from remote import ARGUMENTS, KEY, OPENAI, READ, Talk, calls, children, talking
from support import Ended, agent, lines, picture, put, result

from agent.errors import ModelUnusable
from agent.models.faults import Fault, final
from agent.models.litellm import LiteLlm
from agent.models.providers import PROVIDERS, Key, from_environment, loopback, provider_of

PROJECT = Path(__file__).parents[2]


async def run(server: FaultServer, folder: Path, *words: str, model: str = "openai/x") -> Ended:
    return await asyncio.to_thread(
        agent,
        *("run", "-m", model, "--api-base", f"{server.url}/v1", "--json", "-p", "What is x?"),
        *words,
        cwd=folder,
        env={"OPENAI_API_KEY": KEY},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "project", {"a.py": "x = 41 + 1\n"})


async def test_a_file_is_read_and_the_key_is_nowhere(folder: Path, home: Path) -> None:
    look = [
        Call("read", (ARGUMENTS,), "call_a"),
        Call("shell", ('{"command": "env; cat /proc/*/environ /proc/*/cmdline"}',), "call_b"),
    ]
    async with serving(
        OPENAI.answer("I look.", calls=look, cached=64), OPENAI.answer("x is 42.")
    ) as server:
        ended = await run(server, folder)
    told = result(ended)
    assert (told.text, told.outcome, ended.code) == ("x is 42.", "done", 0)
    assert (told.usage.input, told.usage.cached, told.usage.output) == (200, 64, 40)
    assert (told.usage.bytes_out, told.bytes_left) == (0, {}), "loopback is this machine"
    assert told.usage.cost == 0
    results = [each for each in server.requests[1].body["messages"] if each["role"] == "tool"]
    assert "x = 41 + 1" in results[0]["content"] and "PATH=" in results[1]["content"]
    # at the server, and at no other place
    assert all(KEY in each.headers["authorization"] for each in server.requests)
    written = picture(home)
    assert any(name.endswith(".jsonl") for name in written)
    assert not any(KEY.encode() in data for data in written.values())
    assert KEY not in ended.out + ended.err
    assert not any(KEY.encode() in each.raw for each in server.requests)
    kinds = [event["type"] for event in lines(ended.out)]
    assert kinds.count("text_delta") == 2 and kinds.count("message_finished") == 2


async def test_a_limit_that_strikes_between_attempts_is_the_providers_failure(
    folder: Path,
) -> None:
    async with serving(error(503, "down", retry_after="100")) as server:
        ended = await run(server, folder, "--max-wall-time", "12")
    told = result(ended)
    assert (ended.code, told.outcome) == (75, "failed")
    assert "the limit of 12 seconds was reached while the model was asked again" in told.error
    assert "503 unavailable: down" in told.error
    retried = [event for event in lines(ended.out) if event["type"] == "model_retried"]
    assert len(retried) == 1


async def test_a_request_that_does_not_fit_ends_as_a_limit(folder: Path) -> None:
    async with serving(error(400, "This model's maximum context length is 8 tokens")) as server:
        ended = await run(server, folder)
    assert ended.code == 5 and len(server.requests) == 1


async def test_a_key_that_was_set_is_used_and_an_error_names_its_place(
    folder: Path, home: Path
) -> None:
    no_keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    agent("keys", "set", "openai", cwd=folder, stdin=KEY.encode(), env=no_keyring)
    async with serving(error(401, f"no such key: {KEY}")) as server:
        words = ("run", "-m", "openai/x", "--api-base", f"{server.url}/v1", "--json", "-p", "x")
        ended = await asyncio.to_thread(
            agent, *words, cwd=folder, env={"OPENAI_API_KEY": "", **no_keyring}
        )
    told = result(ended)
    (asked,) = server.requests
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    file = home / "config/wisp/keys.json"
    assert f"the key from {file} was refused (401: no such key: [key])" in told.error
    assert (ended.code, told.hint) == (2, "agent keys set openai")
    places = [name for name, data in picture(home).items() if KEY.encode() in data]
    assert places == ["config/wisp/keys.json"] and KEY not in ended.out + ended.err


def test_a_refused_key_is_told_with_what_helps() -> None:
    openai = PROVIDERS["openai"]

    def told(source: str) -> tuple[str, str]:
        error = final(Fault("key", "401"), "openai/x", openai, "", source)
        return error.message, error.hint

    assert told("the keyring") == (
        "openai/x: the key from the keyring was refused (401)",
        "agent keys set openai",
    )
    assert told("OPENAI_API_KEY")[1].startswith("set another OPENAI_API_KEY, or: unset")
    assert told("")[0] == "openai/x: it wants a key, and OPENAI_API_KEY is not set (401)"


def test_without_a_key_there_is_no_request(folder: Path) -> None:
    for name in ("anthropic/claude-x", "openai/gpt-5.1"):
        variable = f"{name.partition('/')[0].upper()}_API_KEY"
        ended = agent("run", "-m", name, "-p", "x", cwd=folder, env={variable: ""})
        assert ended.code == 2
        assert ended.errors == [f"error: {name} needs a key, and {variable} is not set"]
        assert ended.hints == [f"hint: agent keys set {name.partition('/')[0]}"]


def test_a_repository_cannot_say_where_the_key_goes(folder: Path) -> None:
    put(folder, {".wisp/settings.toml": 'api_base = "http://evil.test/v1"\nmax_cost = 0.5\n'})
    ended = agent("config", cwd=folder)
    assert ended.code == 0
    rows = {line.split()[0]: line.split()[1:] for line in ended.out.splitlines() if line.split()}
    assert "left alone in .wisp/settings.toml" in ended.out
    assert rows["max_cost"] == ["0.5", "repository"]
    assert not any("evil" in line for line in ended.out.splitlines())


def test_an_address_that_is_none_is_refused(folder: Path) -> None:
    ended = agent("run", "-m", "openai/x", "--api-base", "evil", "-p", "x", cwd=folder)
    assert ended.code == 2 and "begins with https:// or http://" in ended.err
    words = ("--api-base", "http://127.0.0.1:1")
    ended = agent("run", "-m", "qwen2.5-coder-0.5b", *words, "-p", "x", cwd=folder)
    assert ended.code == 2


def test_without_litellm_it_is_said_what_to_type(folder: Path) -> None:
    program = (
        "import sys; sys.modules['litellm'] = None\n"
        "sys.argv = ['agent', 'run', '-m', 'openai/x', '-p', 'x']\n"
        "from agent.entry import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OPENAI_API_KEY": KEY},
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2
    assert "error: remote models need litellm\n" in done.stderr
    assert "hint: uv tool install 'wisp-agent[remote]'" in done.stderr


async def test_the_front_stays_small(folder: Path) -> None:
    async with serving(OPENAI.answer("x is 42.")) as server:
        words = ["run", "-m", "openai/x", "--api-base", f"{server.url}/v1", "-p", "What is x?"]
        program = (
            f"import re, sys; sys.argv = ['agent', *{words!r}]\n"
            "from agent.entry import main\n"
            "try: main()\n"
            "except SystemExit as ended: assert not ended.code\n"
            "heavy = {'litellm', 'httpx', 'openai', 'aiohttp', 'numpy'} & set(sys.modules)\n"
            # its own: what getrusage says counts the process that it was forked from too
            "peak = int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
            "print(peak >> 10, len(heavy), file=sys.stderr)"
        )
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "OPENAI_API_KEY": KEY},
            stdin=subprocess.DEVNULL,
        )
    assert "x is 42." in done.stdout, done.stderr
    peak, heavy = map(int, done.stderr.splitlines()[-1].split())
    assert peak < 100 and heavy == 0


# -- the child


@pytest_asyncio.fixture
async def talk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Talk, int]]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/evil")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    before = children()
    async with talking(OPENAI) as talk:
        (child,) = children() - before
        yield talk, child


async def test_the_child_has_the_key_from_the_pipe_alone(talk: tuple[Talk, int]) -> None:
    there = Path(f"/proc/{talk[1]}")
    for name in ("environ", "cmdline"):
        assert KEY.encode() not in (there / name).read_bytes()
    environ = (there / "environ").read_text()
    assert "HTTPS_PROXY=" in environ and "OPENAI" not in environ
    assert KEY in (await talk[0].ask(talk[0].answer())).asked[0].headers["authorization"]


async def test_a_stream_cut_anywhere_over_the_wire_is_mended(talk: tuple[Talk, int]) -> None:
    reply = talk[0].reply("I look.", calls=calls(ARGUMENTS, '{"path": "b.py"}'))
    whole = reply.index(b"\n\n", reply.index(b'"finish_reason": "tool_calls"')) + 2
    for at in random.Random(7).sample(range(len(reply)), 40):
        end = ("close", "reset")[at % 2]
        cut = Answer(reply[:at], end=end, whole=at % 4 < 2)  # type: ignore[arg-type]  # one of two
        said = await talk[0].ask(cut, Answer(reply))
        assert said.arguments == [{"path": "a.py"}, {"path": "b.py"}], at
        assert said.shown == said.reply.message.text == "I look.", at
        assert len(said.retries) == (at < whole), at


async def test_no_name_is_looked_up_but_the_providers(tmp_path: Path) -> None:
    """Run the child as it is, below a hook that writes down each look-up."""
    told = tmp_path / "names"
    told.touch()
    host = PROJECT / "agent/models/_remote.py"
    program = (
        "import runpy, sys\n"
        f"log = open({str(told)!r}, 'a')\n"
        "def hook(event, args):\n"
        "    if event in ('socket.getaddrinfo', 'socket.gethostbyname', 'socket.connect'):\n"
        "        print(event, args[0 if event != 'socket.connect' else 1], file=log, flush=True)\n"
        "sys.addaudithook(hook)\n"
        f"runpy.run_path({str(host)!r}, run_name='__main__')\n"
    )
    async with serving(OPENAI.answer("x is 42.")) as server:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", program),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )
        assert child.stdin is not None and child.stdout is not None

        def send(frame: dict[str, object]) -> None:
            data = json.dumps(frame).encode()
            assert child.stdin is not None
            child.stdin.write(len(data).to_bytes(4, "little") + data)

        async def receive() -> dict[str, object]:
            assert child.stdout is not None
            size = int.from_bytes(await child.stdout.readexactly(4), "little")
            frame: dict[str, object] = json.loads(await child.stdout.readexactly(size))
            return frame

        base = f"http://localhost:{server.port}/v1"
        send({"model": "openai/gpt-4o", "api_key": KEY, "api_base": base, "parent": os.getpid()})
        assert "ready" in await receive()
        messages = [{"role": "user", "content": "What is x?"}]
        send({"id": 1, "params": {"messages": messages}})
        while "done" not in (frame := await receive()):
            assert "fault" not in frame
        child.stdin.close()
        assert await asyncio.wait_for(child.wait(), 5) == 0
    names = {line.split()[1] for line in told.read_text().splitlines() if "getaddrinfo" in line}
    assert {name.strip("b'") for name in names} == {"localhost"}
    places = [line for line in told.read_text().splitlines() if "socket.connect" in line]
    assert places and all(str(server.port) in line for line in places)


# -- names and keys


def test_every_provider_is_one_that_litellm_knows() -> None:
    program = (
        "import os, json; os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'\n"
        "import litellm; print(json.dumps([str(each.value) for each in litellm.provider_list]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    routes = {each.called("x").partition("/")[0] for each in PROVIDERS.values()}
    assert routes - set(json.loads(done.stdout.splitlines()[-1])) == set()


def test_a_name_leads_to_its_provider_and_key() -> None:
    for name in ("openai/gpt-5.1", "Anthropic/claude", "openrouter/anthropic/claude"):
        assert provider_of(name) is not None
    for name in ("gpt-5.1", "openai/", "foo/bar", "qwen2.5-coder-1.5b", "/openai/x", "vllm"):
        assert provider_of(name) is None
    called = {name: PROVIDERS[name].called("x") for name in ("ollama", "llama_server", "vllm")}
    assert list(called.values()) == ["ollama_chat/x", "openai/x", "hosted_vllm/x"]
    assert provider_of("llama_server/") and provider_of("hosted_vllm/x") == PROVIDERS["vllm"]
    google, gemini = Key("b", "GOOGLE_API_KEY"), Key("a", "GEMINI_API_KEY")
    assert from_environment("gemini", {"GOOGLE_API_KEY": "b"}) == google
    assert from_environment("gemini", {"GOOGLE_API_KEY": "b", "GEMINI_API_KEY": "a"}) == gemini
    assert repr(google) == "Key(source='GOOGLE_API_KEY')"
    assert from_environment("openai", {"ANTHROPIC_API_KEY": "b", "OPENAI_API_KEY": ""}) is None


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/v1", True), ("http://localhost", True), ("http://[::1]:1/", True),
        ("https://api.openai.com/v1", False), ("http://127.0.0.1.evil.test/", False),
        ("http://localhost@evil.test/", False), ("http://10.0.0.1/", False), ("", False),
        ("http://[", False),
    ],
)  # fmt: skip
def test_only_this_machine_is_local(url: str, here: bool) -> None:
    assert loopback(url) is here


def test_a_model_of_this_machine_needs_no_key_and_others_do() -> None:
    model = LiteLlm("ollama_chat/qwen3", key_for=lambda provider: None)
    assert model.local and model.context_window == 16384
    assert not LiteLlm("openai/x", key_for=lambda provider: Key(KEY, "x")).local
    assert not LiteLlm("openai/x", api_base="https://x.test", key_for=lambda provider: None).local
    with pytest.raises(ModelUnusable, match="GROQ_API_KEY is not set"):
        LiteLlm("groq/x", key_for=lambda provider: None)
    assert model.count([], (READ,)) > 0
