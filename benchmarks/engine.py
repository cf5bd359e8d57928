"""What the engine costs beside llama.cpp itself, and what it reads again.

    python benchmarks/engine.py [--model NAME] [--pairs N] [--steps N]

Decoding is timed in pairs, one after the other in one process on the same prompt: our loop, and a
bare loop of `llama_decode` with the greedy choice and nothing else. The rest is asked of the model
as the program asks it, in a child process; tokens are the engine's own count.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as lib
import numpy as np
from naming import naming

from agent.messages import AssistantMessage, Message, SystemMessage, Usage, UserMessage
from agent.models import catalog
from agent.models._engine import Engine
from agent.models._lanes import Constraint, Lane
from agent.models._matching import Throughout, Vocabulary
from agent.models.base import ModelRequest, PrefillChunk, ReplyChunk
from agent.models.hosts import running, stop
from agent.models.llamacpp import LlamaCpp, Shared
from tools import registry

HERE = Path(__file__).parent
WINDOW = 4096
TOKENS = 48  # of one timed reply
GRAMMAR = 'start: "{" PAIR ("," PAIR)* "}"\nPAIR: /"[a-z_]{1,12}": ("[^"]{0,60}"|[0-9]{1,6})/\n'
SYSTEM = "You help with code in this folder. Answer briefly."


def ours(engine: Engine, prompt: list[int], constrain: Constraint | None) -> float:
    """Return the seconds a token of our loop, after reading the prompt."""
    engine.read(prompt, lambda done, total: None)
    lane = Lane(0, 0.0, TOKENS, [], constrain)
    began = time.perf_counter()
    engine.write([lane], keep=False)
    return (time.perf_counter() - began) / max(1, lane.written)


def bare(engine: Engine, prompt: list[int]) -> float:
    """Return the seconds a token of llama.cpp alone, on the same context."""
    engine.read(prompt, lambda done, total: None)
    token, place = int(engine.tokenise("{")[0]), len(prompt)
    batch = lib.llama_batch_init(1, 0, 1)
    began = time.perf_counter()
    for step in range(TOKENS):
        batch.n_tokens, batch.token[0], batch.pos[0] = 1, token, place + step
        batch.n_seq_id[0], batch.seq_id[0][0], batch.logits[0] = 1, 0, True
        if lib.llama_decode(engine.context, batch):
            raise SystemExit("error: llama_decode failed")
        row = np.ctypeslib.as_array(
            lib.llama_get_logits_ith(engine.context, 0), shape=(engine.vocab_size,)
        )
        token = int(row.argmax())
    took = (time.perf_counter() - began) / TOKENS
    lib.llama_batch_free(batch)
    engine.cells.drop(0, place)
    return took


def decoding(path: Path, pairs: int) -> None:
    """Print how fast our loop is beside the bare one, and what grammars cost."""
    engine = Engine(path, WINDOW)
    text = (HERE / "engine.py").read_text(encoding="utf-8")[:1500]
    prompt = engine.tokenise(f"{text}\n\nThe settings as JSON:\n")
    words = Vocabulary.of(engine)
    kinds: dict[str, Callable[[], Constraint | None]] = {
        "free": lambda: None,
        "under a grammar": lambda: Throughout(words, GRAMMAR),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    bare(engine, prompt)  # what is first is slow
    for _ in range(pairs):
        for name, constrain in kinds.items():
            found[name].append((bare(engine, prompt), ours(engine, prompt, constrain())))
    for name, seconds in found.items():
        ratio = statistics.median(alone / mine for alone, mine in seconds)
        alone = statistics.median(each[0] for each in seconds) * 1000
        mine = statistics.median(each[1] for each in seconds) * 1000
        print(
            f"decoding {name}: {ratio:.2f} of the bare loop's speed (aim 0.95);"
            f" {mine:.1f} ms a token beside {alone:.1f}, median of {pairs} pairs"
        )
    gap = statistics.median(
        held[1] - free[1]
        for held, free in zip(found["under a grammar"], found["free"], strict=True)
    )
    print(f"the grammar costs {gap * 1000:.1f} ms a token")
    naming(words)


async def first_token(path: Path) -> None:
    """Print how long a session takes to its first token: cold, from the disk, from a shared host.

    Each asks something else. Seconds count from the opening of the model, loading included; in
    brackets from when it is loaded.
    """
    with tempfile.TemporaryDirectory(prefix="wisp-engine-") as place:
        kept, state = Path(place, "kv"), Path(place)
        ways: dict[str, dict[str, Any]] = {
            "cold": {"kept": kept},
            "another process, cells on disk": {"kept": kept},
            "a shared host, cold": {"shared": Shared(state, 60)},
            "a shared host, warm": {"shared": Shared(state, 60)},
        }
        questions = ("What is here?", "Which files are there?", "What is it?", "Where is main?")
        for (name, how), question in zip(ways.items(), questions, strict=True):
            opened, loaded, cached, prompt = await _until_it_speaks(path, question, how)
            print(
                f"first token, {name}: {opened:.2f} s ({loaded:.2f}),"
                f" {prompt - cached} of {prompt} tokens read (aim 0.5 warm)"
            )
        for host in running(state):
            stop(host)


async def _until_it_speaks(
    path: Path, question: str, how: Mapping[str, Any]
) -> tuple[float, float, int, int]:
    model = LlamaCpp(path, window=WINDOW, **how)
    began = time.perf_counter()
    await model.start()
    loaded, spoken, usage = time.perf_counter(), 0.0, Usage()
    async for chunk in model.stream(_request([_asked(question)])):
        # with the end of the prompt the first token is chosen; its text may be held back, where
        # a call could begin with it
        if isinstance(chunk, PrefillChunk) and chunk.done == chunk.total:
            spoken = time.perf_counter()
        if isinstance(chunk, ReplyChunk):
            usage = chunk.usage
    await model.close()
    return spoken - began, spoken - loaded, usage.cached, usage.input


async def read_again(path: Path, steps: int) -> None:
    """Print how many tokens are read again in a session of many steps."""
    model = LlamaCpp(path, window=WINDOW)
    talk: list[Message] = [_asked("I will tell you numbers.")]
    before = again = new = 0
    for step in range(steps):
        prompt = cached = written = 0
        async for chunk in model.stream(_request(talk, most=8)):
            if isinstance(chunk, PrefillChunk) and not prompt:
                cached, prompt = chunk.done, chunk.total
            if isinstance(chunk, ReplyChunk):
                prompt, cached = chunk.usage.input, chunk.usage.cached
                written = chunk.usage.output
                talk.append(chunk.message)
        again += max(0, before - cached) if step else 0
        new += prompt - cached
        before = prompt + written - 1  # the last token was chosen, and never decoded
        talk.append(_asked(f"Number {step}: {step * step}. Say it."))
    print(
        f"over {steps} steps {again} tokens were read again (aim 0), of {prompt:,} in the last"
        f" request; {new:,} were new"
    )
    await model.close()


def _asked(text: str) -> Message:
    return UserMessage(text=text)


def _request(talk: list[Message], most: int = 4) -> ModelRequest:
    assert all(isinstance(each, UserMessage | AssistantMessage) for each in talk)
    return ModelRequest(
        (SystemMessage(text=SYSTEM), *talk), tools=registry.schemas(), max_tokens=most, effort=0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    path = catalog.resolve(given.model).path
    cores, python = os.cpu_count(), platform.python_version()
    print(f"{given.model}, {platform.machine()}, {cores} cores, {python}")
    decoding(path, given.pairs)
    asyncio.run(first_token(path))
    asyncio.run(read_again(path, given.steps))


if __name__ == "__main__":
    main()
