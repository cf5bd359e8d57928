"""The local model through its front door: a real child process, a real 0.5B model."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import gguf_files
import pytest
import pytest_asyncio

from agent.errors import ContextOverflow, ModelUnusable, ProviderFailed
from agent.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from agent.models.base import (
    Chunk,
    LocalModel,
    ModelRequest,
    PrefillChunk,
    ReplyChunk,
    SampleRequest,
    TextChunk,
)
from agent.models.llamacpp import LlamaCpp
from tools.base import ToolCall, ToolSchema

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

READ = ToolSchema(
    name="read",
    description="Show a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "start": {"type": "integer"}},
        "required": ["path"],
    },
)
STORY = (UserMessage(text="Tell a long story about a lighthouse keeper and his cat."),)
LONG = UserMessage(text="Count on from here: " + " ".join(map(str, range(150))))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model(small_model: Path) -> AsyncIterator[LlamaCpp]:
    local = LlamaCpp(small_model)
    yield local
    await local.close()


async def chunks(model: LlamaCpp, request: ModelRequest) -> list[Chunk]:
    async with aclosing(model.stream(request)) as stream:
        return [chunk async for chunk in stream]


async def reply(
    model: LlamaCpp, *messages: Message, tools: tuple[ToolSchema, ...] = (), limit: int = 16
) -> ReplyChunk:
    last = (await chunks(model, ModelRequest(messages, tools, max_tokens=limit)))[-1]
    assert isinstance(last, ReplyChunk)
    return last


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def children() -> set[int]:
    """Return the processes that this one has started."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= set(map(int, (task / "children").read_text().split()))
    return found


async def host_of(model: LlamaCpp) -> int:
    """Restart the model's child and return its process id."""
    await model.close()
    before = children()
    await model.start()
    (host,) = children() - before
    return host


async def test_a_reply_is_streamed_as_it_is_written(model: LlamaCpp) -> None:
    assert isinstance(model, LocalModel)
    got = await chunks(model, ModelRequest(STORY, max_tokens=24))
    done = got[-1]
    assert isinstance(done, ReplyChunk)
    assert sum(isinstance(chunk, ReplyChunk) for chunk in got) == 1
    text = "".join(chunk.text for chunk in got if isinstance(chunk, TextChunk))
    assert text == done.message.text != ""
    assert sum(isinstance(chunk, TextChunk) for chunk in got) > 5
    assert (done.stop, done.usage.output) == ("length", 24)
    assert len(done.message.tokens) == 24


async def test_the_same_request_is_answered_the_same(model: LlamaCpp) -> None:
    first, second = [await reply(model, *STORY) for _ in range(2)]
    assert first.message == second.message
    assert second.usage.cached == second.usage.input - 1


async def test_a_conversation_is_never_read_twice(model: LlamaCpp) -> None:
    """Request k+1 starts with request k and its sampled tokens, whatever was said."""
    rng = random.Random(5)
    messages: list[Message] = [SystemMessage(text="You are terse."), UserMessage(text="Hi.")]
    before = 0
    for step in range(5):
        got = await reply(model, *messages, tools=(READ,), limit=rng.randint(1, 9))
        if step:
            assert got.usage.cached >= before
        assert got.usage.cached < got.usage.input
        before = got.usage.input + len(got.message.tokens) - 1
        messages.append(got.message)
        for result in range(rng.randint(0, 2)):
            call_id = f"c{step}{result}"
            messages.append(ToolMessage(call_id=call_id, name="read", text="<|im_end|> x = 1"))
        if rng.random() < 0.5 or isinstance(messages[-1], AssistantMessage):
            messages.append(UserMessage(text=rng.choice(["Go on.", "\n\nAnd é?", "Why"])))


async def test_progress_of_a_long_prompt_is_told(model: LlamaCpp) -> None:
    got = await chunks(model, ModelRequest((LONG,), max_tokens=1))
    progress = [chunk for chunk in got if isinstance(chunk, PrefillChunk)]
    assert len(progress) > 3
    assert [chunk.done for chunk in progress] == sorted(chunk.done for chunk in progress)
    assert progress[-1].done == progress[-1].total


async def test_a_cancel_while_reading_stops_it_and_the_next_request_works(model: LlamaCpp) -> None:
    await model.start()
    before = children()
    prompt = (UserMessage(text="Fresh. " + LONG.text),)
    async with aclosing(model.stream(ModelRequest(prompt, max_tokens=1))) as stream:
        async for chunk in stream:
            assert isinstance(chunk, PrefillChunk)
            if chunk.done:
                break
    assert children() == before  # it obeyed, so it was not killed
    got = await reply(model, *prompt, limit=1)
    assert 0 < got.usage.cached < got.usage.input - 100


async def test_a_cancelled_task_stops_the_writing(model: LlamaCpp) -> None:
    await model.start()
    before = children()
    begun = asyncio.Event()

    async def ask() -> None:
        async with aclosing(model.stream(ModelRequest(STORY, max_tokens=4000))) as stream:
            async for chunk in stream:
                if isinstance(chunk, TextChunk):
                    begun.set()

    task = asyncio.create_task(ask())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before
    assert (await reply(model, *STORY)).message.text


async def test_cancelled_samples_leave_a_usable_model(model: LlamaCpp) -> None:
    request = SampleRequest(messages=STORY, n=3, max_tokens=900, temperature=1.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await model.sample(request)
    first = await reply(model, *STORY)
    assert (await reply(model, *STORY)).message == first.message


async def test_a_killed_child_is_a_provider_failure_and_is_started_again(model: LlamaCpp) -> None:
    host = await host_of(model)
    with pytest.raises(ProviderFailed, match="SIGKILL"):
        async with aclosing(model.stream(ModelRequest(STORY, max_tokens=400))) as stream:
            async for chunk in stream:
                if isinstance(chunk, TextChunk):
                    os.kill(host, signal.SIGKILL)
    assert (await reply(model, *STORY)).message.text


async def test_a_stopped_child_does_not_hold_up_a_cancel(model: LlamaCpp) -> None:
    host = await host_of(model)
    async with aclosing(model.stream(ModelRequest(STORY, max_tokens=400))) as stream:
        async for chunk in stream:
            if isinstance(chunk, TextChunk):
                os.kill(host, signal.SIGSTOP)
                break
    assert not runs(host)
    assert (await reply(model, *STORY)).message.text


async def test_what_does_not_fit_is_refused_with_the_numbers(small_model: Path) -> None:
    narrow = LlamaCpp(small_model, window=512)
    assert narrow.context_window == 512
    with pytest.raises(ContextOverflow, match=r"needs [\d,]+ tokens, .* window has 512"):
        await reply(narrow, LONG, LONG)
    assert (await reply(narrow, *STORY)).message.text
    await narrow.close()


async def test_a_call_is_written_in_its_grammar_however_warm(model: LlamaCpp) -> None:
    example = AssistantMessage(
        calls=(ToolCall(id="c1", name="read", arguments={"path": "b.py", "start": 3}),)
    )
    talk = (
        SystemMessage(text="Use the tools. Answer with calls only."),
        UserMessage(text="Read b.py from line 3."),
        example,
        ToolMessage(call_id="c1", name="read", text="pass"),
        UserMessage(text="Now read a.py from line 7."),
    )
    called = 0
    for seed in range(6):
        request = ModelRequest(talk, (READ,), max_tokens=150, temperature=1.3, seed=seed)
        done = (await chunks(model, request))[-1]
        assert isinstance(done, ReplyChunk)
        if '"name": "read"' not in done.message.raw or done.stop == "length":
            continue
        called += 1
        assert done.problem == ""
        call = done.message.calls[0]
        assert call.id == "c2"
        assert set(call.arguments) <= {"path", "start"}
        assert isinstance(call.arguments["path"], str)
    assert called >= 2


async def test_one_token_over_and_over_is_stopped(model: LlamaCpp) -> None:
    request = SampleRequest(messages=STORY, max_tokens=400, grammar="start: /0+/")
    (sample,) = await model.sample(request)
    assert (sample.stop, set(sample.text)) == ("length", {"0"})
    assert sample.tokens < 400


async def test_samples_share_a_prompt_and_differ(model: LlamaCpp) -> None:
    before = model.used
    request = SampleRequest(
        messages=(UserMessage(text="Name an animal."),),
        prefill="My animal: ",
        n=5,
        max_tokens=8,
        temperature=1.2,
        stop=("\n",),
    )
    samples = await model.sample(request)
    assert len(samples) == 5
    assert len({sample.text for sample in samples}) > 1
    assert all("\n" not in sample.text for sample in samples)
    assert all(sample.logprob <= 0 for sample in samples)
    assert all(0 < sample.tokens <= 8 for sample in samples)
    assert model.used.input - before.input < 60  # one prompt, not five
    # the first was read as one batch, these from the cache, so only these are computed alike
    again = [sample.text for sample in await model.sample(request)]
    assert [sample.text for sample in await model.sample(request)] == again


async def test_samples_stay_in_their_grammar(model: LlamaCpp) -> None:
    samples = await model.sample(
        SampleRequest(
            messages=(UserMessage(text="Pick one."),),
            n=4,
            max_tokens=20,
            temperature=1.5,
            grammar='start: "RED" | "GREEN" | /[0-9]{3}/',
        )
    )
    for sample in samples:
        assert sample.text in ("RED", "GREEN") or sample.text.isdigit()
        assert sample.stop == "end"


async def test_sense_scores_above_nonsense(model: LlamaCpp) -> None:
    question = (UserMessage(text="What is the capital of France?"),)
    sense, nonsense, longer = await model.score(
        question, "The capital of France is", [" Paris.", " a green banana.", " Paris. It is"]
    )
    assert sense > nonsense
    assert longer < sense < 0


async def test_forks_are_places_where_the_model_would_go_on_otherwise(model: LlamaCpp) -> None:
    question = (UserMessage(text="What is the capital of France?"),)
    text = "The capital of France is Lyon."
    forks = await model.forks(question, "", text, 3)
    best = max(forks, key=lambda each: each.logprob)
    assert (text[: best.at] + best.piece).startswith("The capital of France is Paris")
    assert all(0 <= each.at < len(text) and each.logprob < 0 for each in forks)
    there = [each.piece for each in forks if each.at == best.at]
    assert len(there) == 3 and " Lyon" not in there
    assert await model.forks(question, "", "", 3) == []
    # what it told is what it then writes
    (sample,) = await model.sample(
        SampleRequest(question, prefill=text[: best.at] + best.piece, max_tokens=3)
    )
    assert sample.text


async def test_several_starts_are_continued_in_one_batch_as_alone(model: LlamaCpp) -> None:
    question = (UserMessage(text="Name the capital of a country."),)
    prefill = "The capital of"
    starts = [" France is", " Italy, a country in the south of Europe, is", "", " Spain is"] * 3
    request = SampleRequest(question, prefill=prefill, max_tokens=6, stop=("\n",))
    found = await model.complete(request, starts)
    assert [each.text.split(".")[0] for each in found[:2]] == [" Paris", " Rome"]
    assert [each.text for each in found[:4]] == [each.text for each in found[4:8]]
    for start, each in zip(starts[:4], found, strict=False):
        (alone,) = await model.sample(replace(request, prefill=prefill + start))
        assert alone.text == each.text
    assert await model.complete(request, []) == []


FORKS = (("total /", "sum"), ("values):\n    total", "numbers"), ("sum(values)\n", "len"))


async def test_starts_that_share_a_draft_go_on_as_alone_and_are_read_once(model: LlamaCpp) -> None:
    code = "def mean(values):\n    total = sum(values)\n    return total / len(values)\n```"
    question = (UserMessage(text=f"Repeat this:\n{code}"),)
    plain = SampleRequest(question, prefill="```python\n", max_tokens=60, stop=("```",))
    starts = [code[: code.index(place)] + other for place, other in FORKS]
    alone = await model.complete(plain, starts)
    before = model.used
    drafted = await model.complete(replace(plain, draft=code), starts)
    used = model.used - before
    assert [each.text for each in drafted] == [each.text for each in alone]
    assert all(each.text for each in drafted)
    # beside the prompt only what no start before had is read
    assert used.input - used.cached <= 2 * len(code) // 3


async def test_a_draft_makes_a_text_cheaper_and_never_other(model: LlamaCpp) -> None:
    code = "def mean(values):\n    total = sum(values)\n    return total / len(values)\n"
    question = (UserMessage(text=f"Repeat this, with `mean` renamed to `average`:\n{code}"),)
    plain = SampleRequest(question, prefill="```python\n", max_tokens=60, stop=("```",))
    (other,) = await model.sample(plain)
    assert "average" in other.text
    for draft in (code, "nothing of the kind", "total = sum(" * 20):
        (drafted,) = await model.sample(replace(plain, draft=draft))
        assert drafted.text == other.text and drafted.tokens == other.tokens
    warm = await model.sample(replace(plain, draft=code, temperature=0.9, n=3, max_tokens=20))
    assert [sample.tokens <= 20 and bool(sample.text) for sample in warm] == [True] * 3


async def test_the_count_is_exact_for_what_was_read(model: LlamaCpp) -> None:
    talk: tuple[Message, ...] = (SystemMessage(text="Be brief."), *STORY)
    got = await reply(model, *talk, tools=(READ,))
    assert model.count(talk, (READ,)) == got.usage.input
    more = (*talk, got.message, UserMessage(text="Now in French, and in two words please."))
    estimate = model.count(more, (READ,))
    real = (await reply(model, *more, tools=(READ,))).usage.input
    assert real <= estimate <= real * 1.3


async def test_a_file_cut_in_its_tensors_is_refused_by_name(
    small_model: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    with small_model.open("rb") as source:
        cut.write_bytes(source.read(20 << 20))
    broken = LlamaCpp(cut, hint="agent models pull tiny")
    with pytest.raises(ModelUnusable, match=r"cut off: .*cut\.gguf") as caught:
        await broken.start()
    assert caught.value.hint == "agent models pull tiny"
    await broken.close()


async def test_a_file_that_only_llama_cpp_can_refuse_is_refused(tmp_path: Path) -> None:
    odd = LlamaCpp(gguf_files.gguf(tmp_path / "odd.gguf"))
    with pytest.raises(ModelUnusable, match=r"llama\.cpp: "):
        await odd.start()
    await odd.close()


async def test_a_closed_model_leaves_no_process(model: LlamaCpp) -> None:
    host = await host_of(model)
    await model.close()
    assert not runs(host)
