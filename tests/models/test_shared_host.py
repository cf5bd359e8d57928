"""The shared host through its front door: real sessions, a real process, a real 0.5B model."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import gguf_files
import pytest
from asking import WINDOW
from support import Ended, agent

from agent.errors import ModelUnusable, ProviderFailed
from agent.events import Base, Notice
from agent.messages import UserMessage
from agent.models import hosts
from agent.models.base import (
    Chunk,
    ModelRequest,
    NoticeChunk,
    PrefillChunk,
    ReplyChunk,
    TextChunk,
)
from agent.models.llamacpp import WAITS, LlamaCpp, Shared
from agent.repair.asking import Asking
from sandbox.descendants import alive

pytestmark = pytest.mark.model

STORY = "Tell a long story about a lighthouse keeper and his cat."
LONG = "Count on from here: " + " ".join(map(str, range(900)))


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder for Wisp's state, near enough to the top for a socket; no host outlives the test."""
    top = Path(tempfile.mkdtemp(prefix="wisp-"))
    yield top / "wisp"
    for host in hosts.running(top / "wisp"):
        os.kill(host.pid, signal.SIGKILL)
        hosts.stop(host)
    shutil.rmtree(top)


def session(file: Path, state: Path, idle: float = 60) -> LlamaCpp:
    return LlamaCpp(file, window=WINDOW, shared=Shared(state, idle))


async def chunks(model: LlamaCpp, prompt: str = STORY, limit: int = 4) -> list[Chunk]:
    request = ModelRequest((UserMessage(text=prompt),), max_tokens=limit)
    async with aclosing(model.stream(request)) as stream:
        return [chunk async for chunk in stream]


async def reply(model: LlamaCpp, prompt: str = STORY, limit: int = 4) -> ReplyChunk:
    last = (await chunks(model, prompt, limit))[-1]
    assert isinstance(last, ReplyChunk)
    return last


def the_host(state: Path) -> hosts.Running:
    (host,) = hosts.running(state)
    return host


def elsewhere(file: Path, state: Path, prompt: str, tokens: int) -> subprocess.Popen[str]:
    """Start a session in a process of its own."""
    program = Path(__file__).with_name("asking.py")
    return subprocess.Popen(
        [sys.executable, program, file, state, prompt, str(tokens)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_two_processes_share_a_host_and_the_second_finds_what_the_first_read(
    small_model: Path, state: Path
) -> None:
    with elsewhere(small_model, state, STORY, 2) as first:
        assert first.stdout is not None
        *_, told = map(json.loads, first.stdout)
    assert told["cached"] == 0
    pid = the_host(state).pid
    model = session(small_model, state)
    again = await reply(model)
    await model.close()
    assert again.usage.cached == told["input"] - 1
    assert the_host(state).pid == pid


async def test_sessions_that_start_at_once_get_one_host(small_model: Path, state: Path) -> None:
    models = [session(small_model, state) for _ in range(4)]
    await asyncio.gather(*[model.start() for model in models])
    host = the_host(state)
    assert host.clients == 4
    assert host.berth.log.read_text() == f"host {host.pid}\n"
    await asyncio.gather(*[model.close() for model in models])


async def test_a_session_that_is_killed_in_the_middle_of_reading_keeps_nobody_waiting(
    small_model: Path, state: Path
) -> None:
    with elsewhere(small_model, state, LONG, 3000) as killed:
        assert killed.stdout is not None
        assert "done" in killed.stdout.readline()
        pid = the_host(state).pid
        killed.kill()
    model = session(small_model, state)
    # what the dead one asked for would take longer than this test may
    assert (await reply(model)).message.text
    assert the_host(state).pid == pid
    await model.close()


async def test_a_session_that_waits_is_told_so_once_and_a_cancel_reaches_only_its_own(
    small_model: Path, state: Path
) -> None:
    first, second, third = (session(small_model, state) for _ in range(3))
    await asyncio.gather(first.start(), second.start(), third.start())
    begun = asyncio.Event()

    async def ask() -> list[Chunk]:
        found = []
        request = ModelRequest((UserMessage(text=STORY),), max_tokens=40)
        async with aclosing(first.stream(request)) as stream:
            async for chunk in stream:
                begun.set()
                found.append(chunk)
        return found

    asking = asyncio.create_task(ask())
    await begun.wait()
    patient = asyncio.create_task(chunks(third, "Say hello."))
    request = ModelRequest((UserMessage(text="Hi."),))
    async with aclosing(second.stream(request)) as stream:
        # its number is that of the request that is being answered
        assert await anext(stream) == NoticeChunk(WAITS)
    assert not asking.done()
    done = (await asking)[-1]
    assert isinstance(done, ReplyChunk)
    assert (done.stop, done.usage.output) == ("length", 40)
    waited = await patient
    assert waited.count(NoticeChunk(WAITS)) == 1
    assert isinstance(waited[-1], ReplyChunk)
    for model in (first, second, third):
        await model.close()


async def test_a_repair_that_waits_says_so_once(small_model: Path, state: Path) -> None:
    first, second = session(small_model, state), session(small_model, state)
    told: list[Base] = []
    asking = Asking(second, told.append, seed=1, effort=1)
    question = (UserMessage(text="Hi."),)
    for _ in range(2):
        request = ModelRequest((UserMessage(text=STORY),), max_tokens=3000)
        async with aclosing(first.stream(request)) as stream:
            await anext(stream)
            waiting = asyncio.create_task(asking.scores(question, "", ["Hello", "No"]))
            async for _ in stream:
                if told:
                    break
        assert len(await waiting) == 2
    assert [each.text for each in told if isinstance(each, Notice)] == [WAITS]
    await asyncio.gather(first.close(), second.close())


async def test_the_cancel_of_a_running_request_lets_the_next_session_in(
    small_model: Path, state: Path
) -> None:
    first, second = session(small_model, state), session(small_model, state)
    await asyncio.gather(first.start(), second.start())
    waiting: asyncio.Task[ReplyChunk] | None = None
    request = ModelRequest((UserMessage(text=LONG),), max_tokens=3000)
    async with aclosing(first.stream(request)) as stream:
        async for chunk in stream:
            if isinstance(chunk, PrefillChunk):
                waiting = asyncio.create_task(reply(second))
                break
    assert waiting is not None
    assert (await waiting).message.text
    assert the_host(state).clients == 2  # the first was not hung up on
    assert (await reply(first)).message.text
    await asyncio.gather(first.close(), second.close())


async def test_a_host_that_is_killed_is_a_provider_failure_and_the_next_request_starts_another(
    small_model: Path, state: Path
) -> None:
    model = session(small_model, state)
    await model.start()
    host = the_host(state)
    with pytest.raises(ProviderFailed, match="process ended: killed by SIGKILL"):
        async with aclosing(model.stream(ModelRequest((UserMessage(text=STORY),)))) as stream:
            async for chunk in stream:
                if isinstance(chunk, TextChunk):
                    os.kill(host.pid, signal.SIGKILL)
    assert host.berth.socket.exists()
    assert (await reply(model)).message.text
    assert the_host(state).pid != host.pid
    await model.close()


async def test_a_host_that_met_an_illegal_instruction_is_followed_by_a_plain_one(
    small_model: Path, state: Path
) -> None:
    model = session(small_model, state)
    request = ModelRequest((UserMessage(text=STORY),), max_tokens=4)
    killed = 0
    async with aclosing(model.stream(request)) as stream:
        async for chunk in stream:
            if isinstance(chunk, PrefillChunk) and not killed:
                killed = the_host(state).pid
                os.kill(killed, signal.SIGILL)
    assert isinstance(chunk, ReplyChunk) and chunk.message.text
    host = the_host(state)
    assert host.pid != killed
    await model.close()


async def test_a_host_that_nobody_asks_leaves_and_a_session_that_stayed_does_not_notice(
    small_model: Path, state: Path
) -> None:
    model = session(small_model, state, idle=0.2)
    await model.start()
    host = the_host(state)
    while host.berth.taken():
        await asyncio.to_thread(hosts.running, state)
    assert not any(path.exists() for path in (host.berth.socket, host.berth.card, host.berth.log))
    assert (await reply(model)).message.text
    await model.close()


def seen_of(pid: int) -> tuple[bytes, str, list[str]]:
    """The environment of a process, its folder, and what it has open."""
    process = Path(f"/proc/{pid}")
    opened = sorted({str(each.readlink()) for each in (process / "fd").iterdir()})
    return (process / "environ").read_bytes(), str((process / "cwd").readlink()), opened


async def test_a_host_is_by_itself_and_knows_nothing_of_who_started_it(
    small_model: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234567890abcdefghij")
    model = session(small_model, state)
    await model.start()
    pid = the_host(state).pid
    assert os.getsid(pid) == os.getpgid(pid) != os.getsid(0)
    environ, folder, opened = seen_of(pid)
    assert b"OPENAI_API_KEY" not in environ
    assert folder == "/"
    ours = ("socket:", "/dev/null", str(state), str(small_model), "anon_inode:")
    assert [each for each in opened if not each.startswith(ours)] == []
    await model.close()


async def test_a_window_of_another_size_is_another_host(small_model: Path, state: Path) -> None:
    wide, narrow = (
        session(small_model, state),
        LlamaCpp(small_model, window=512, shared=Shared(state, 60)),
    )
    await asyncio.gather(wide.start(), narrow.start())
    assert {host.window for host in hosts.running(state)} == {WINDOW, 512}
    await asyncio.gather(wide.close(), narrow.close())


@pytest.mark.parametrize("why", ["the path is too long", "others can enter"])
async def test_where_no_host_can_be_shared_there_is_a_private_one(
    small_model: Path, state: Path, why: str
) -> None:
    place = state / ("x" * 100) if why == "the path is too long" else state
    (place / "hosts").mkdir(mode=0o755, parents=True)
    model = session(small_model, place)
    assert (await reply(model)).message.text
    assert [each.name for each in (place / "hosts").iterdir()] == []
    await model.close()


async def test_a_host_that_cannot_load_says_why_and_does_not_stay(
    state: Path, tmp_path: Path
) -> None:
    odd = LlamaCpp(gguf_files.gguf(tmp_path / "odd.gguf"), shared=Shared(state, 60))
    for _ in range(2):
        with pytest.raises(ModelUnusable, match=r"llama\.cpp: "):
            await odd.start()
    while hosts.running(state):
        await asyncio.to_thread(hosts.running, state)
    await odd.close()


async def test_a_host_that_hangs_does_not_hold_up_a_cancel_and_is_ended_by_force(
    small_model: Path, state: Path
) -> None:
    model = session(small_model, state)
    request = ModelRequest((UserMessage(text=STORY),), max_tokens=400)
    async with aclosing(model.stream(request)) as stream:
        async for chunk in stream:
            if isinstance(chunk, TextChunk):
                host = the_host(state)
                os.kill(host.pid, signal.SIGSTOP)
                break
    assert alive(host.pid)  # it is not only ours
    ended = await asyncio.to_thread(cli, state, "stop")
    assert ended.code == 0
    assert "by force" in ended.err
    assert hosts.running(state) == []
    await model.close()


def cli(state: Path, *words: str) -> Ended:
    return agent("models", *words, cwd=state.parent, env={"XDG_STATE_HOME": str(state.parent)})


async def test_what_runs_is_listed_and_ended_by_name(small_model: Path, state: Path) -> None:
    nothing = cli(state, "ps")
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err == "no local model is held in memory\n"
    model = session(small_model, state)
    await model.start()
    pid = the_host(state).pid
    (told,) = json.loads(cli(state, "ps", "--json").out)
    assert (told["model"], told["pid"], told["window"]) == (small_model.stem, pid, WINDOW)
    assert (Path(told["path"]).name, told["clients"]) == (small_model.name, 1)
    assert (told["busy"], told["idle_s"] >= 0, told["memory_mb"] > 100) == (False, True, True)
    line = cli(state, "ps").out
    assert line.startswith(small_model.stem) and f"process {pid}" in line and "1 session\n" in line
    unknown = cli(state, "stop", "gpt")
    assert (unknown.code, unknown.errors) == (2, ["error: no host of gpt runs"])
    assert unknown.hints == ["hint: agent models ps"]
    ended = cli(state, "stop", small_model.stem)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == f"{small_model.stem}, process {pid}, was ended\n"
    assert not alive(pid)
    assert cli(state, "ps", "--json").out == "[]\n"
    # it had asked nothing, so there is nothing to tell it
    assert (await reply(model)).message.text
    await model.close()


async def test_a_host_that_is_told_to_leave_while_it_answers_says_so(
    small_model: Path, state: Path
) -> None:
    model = session(small_model, state)
    request = ModelRequest((UserMessage(text=STORY),), max_tokens=400)
    with pytest.raises(ProviderFailed, match="process ended: it was stopped") as failed:
        async with aclosing(model.stream(request)) as stream:
            async for chunk in stream:
                if isinstance(chunk, TextChunk):
                    assert await asyncio.to_thread(hosts.stop, the_host(state)) == "left"
    assert failed.value.hint == "the next request starts it again"
    await model.close()
