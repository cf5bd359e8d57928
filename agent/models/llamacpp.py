"""A local model in a process of its own, as a `LocalModel`.

That process, the host, loads and computes; here is what a request means: how the conversation and
the tools are put to the model, what its reply says, and what to do when the host does not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import ContextOverflow, ModelUnusable, ProviderFailed
from agent.messages import AssistantMessage, Message, Usage, UserMessage, last_call
from agent.models import gguf
from agent.models._asking import Asker
from agent.models._frames import Frame
from agent.models._link import HostEnded, Line, Link
from agent.models.base import (
    BLIND,
    Chunk,
    Fork,
    Known,
    ModelRequest,
    NoticeChunk,
    PrefillChunk,
    ReplyChunk,
    RetryChunk,
    Sample,
    SampleRequest,
    TextChunk,
    ThinkingChunk,
)
from agent.models.estimate import Estimate
from agent.models.reading import Reading
from agent.models.thinking import CAPS, GPT_OSS, MORE
from agent.models.three_roles import in_three_roles
from agent.models.toolcalls import STOP, calling, parse, trigger
from tools.base import ToolSchema

DEFAULT_WINDOW = 8192  # tokens; the KV cells of a 1.5B model take 28 KB each
WAITS = "the model is answering another session, this one waits"
SMALL = 4 << 30  # bytes of a file; one of 7B parameters at four bits has more
ROOM = 256  # tokens that a reply without a limit must find free

_DUMP = re.compile(r"\n(?:\s*1 \||<state>)")  # what llguidance adds to its errors
_INSTALL = 'pip install "wisp-agent[local]"'
_REBUILD = "reinstall llama-cpp-python on this machine: its build uses instructions this CPU lacks"


@dataclass(frozen=True, slots=True)
class Shared:
    """Sessions share one host: below which state folder, and how long it stays without a request.

    `idle` is in seconds.
    """

    state: Path
    idle: float


class BadGrammar(ValueError):
    """A grammar cannot be read: one of ours, which is a bug, or that of an answer in a form."""


class LlamaCpp:
    """A GGUF file as a model.

    `context_window` is what the file was trained with, or `window` where that is less: the cells of
    the whole window are taken from memory when the model is loaded. `used` is the sum over all
    requests so far, samples and scores included. The host is started by the first request, or
    before it by `start`; one that has died is started again by the next request. It is a private
    child, unless `shared` says that sessions share one, where that is possible.
    """

    local = True
    host = ""

    def __init__(
        self,
        path: Path,
        *,
        name: str = "",
        window: int = DEFAULT_WINDOW,
        hint: str = "",
        kept: Path | None = None,
        shared: Shared | None = None,
    ) -> None:
        """Look at the start of the file; raises ModelUnusable, with `hint`, when it is none.

        In the folder `kept` the cells of conversations outlast the child, so that what was read
        once is not read again by the next.
        """
        self.name = name or path.stem
        self.context_window = min(window, gguf.context_length(path, hint))
        self.used = Usage()
        self.tell: Callable[[str], None] = lambda text: None
        self.small = path.stat().st_size < SMALL
        self.sees: bool | None = False
        self._path = path
        self._hint = hint
        self._kept = kept
        self._shared = shared
        self._asker = Asker(self._begin)
        self._plain = False
        self._formless = False  # whether a schema could not be made a grammar
        self._estimate = Estimate()

    # -- the protocol

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        """Return the tokens of a request: exact as far as a request before it, then estimated.

        The estimate errs upwards, by a tenth for prose and code.
        """
        return self._estimate.count(in_three_roles(messages, tools))

    async def start(self) -> None:
        """Start the host, which loads the model; raises ModelError."""
        await self._asker.start()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Stream a reply; raises only ModelError."""
        if any(isinstance(each, UserMessage) and each.images for each in request.messages):
            raise ModelUnusable(f"{self.name} does not see images", BLIND)
        grammars = await asyncio.to_thread(self._grammars, request)
        heard = False
        for following, grammar in enumerate(grammars, 1):
            try:
                async with contextlib.aclosing(self._written(request, grammar)) as chunks:
                    async for chunk in chunks:
                        heard = heard or isinstance(chunk, TextChunk | ThinkingChunk)
                        yield chunk
                return
            except BadGrammar as error:
                if following == len(grammars):
                    raise
                if heard:  # what was written so far is void
                    yield RetryChunk("the grammar of the answer broke off", following, 0.0)
                if not grammars[following]:
                    self._formless = True
                    yield NoticeChunk(f"the model is not held to the schema: {error}")

    def _grammars(self, request: ModelRequest) -> tuple[str, ...]:
        """Return the grammars to try, the best first; an empty one holds nothing."""
        from agent.models.grammar import WORDS, answers, calls  # only where a reply is bound

        if request.words:
            return (WORDS,)
        if request.schema is None and not request.usable:
            return ("",)
        if request.schema is None:
            free = calls(request.usable)
            known = request.known() if request.known else Known()
            return (calls(request.usable, known), free) if known.names else (free,)
        return ("",) if self._formless else (*answers(request.schema), "")

    async def _written(self, request: ModelRequest, grammar: str) -> AsyncGenerator[Chunk, None]:
        """Stream a reply that a grammar binds; raises ModelError and BadGrammar."""
        from agent.models.grammar import calls

        put, usable = in_three_roles(request.messages, request.tools), request.usable
        makers = [tool.name for tool in usable if tool.makes]
        frame: Frame = {
            "op": "stream",
            "messages": put,
            "max_tokens": request.max_tokens,
            "room": ROOM,
            "temperature": request.temperature,
            "seed": request.seed,
            "stop": list(STOP) if usable else [],
            "trigger": trigger([tool.name for tool in usable]) if usable else "",
            "grammar": grammar,
            # what such a call will have made could not be known before
            "then": (calling(makers), calls(usable)) if makers else None,
            "once": self.small,  # what it does next is for the result to say
            # an answer in a form begins at once: what it thinks would have to be in the form too
            "thinking": 0 if request.schema is not None or request.words else CAPS[request.effort],
            "level": GPT_OSS[request.effort],
        }
        reading = Reading(usable)
        async with contextlib.aclosing(self._ask(frame)) as answers:
            async for answer in answers:
                if "waits" in answer:
                    yield NoticeChunk(WAITS)
                elif "prefill" in answer:
                    yield PrefillChunk(*answer["prefill"])
                elif "opened" in answer:
                    reading = Reading(request.tools, opened=True)
                elif "text" in answer:
                    for thinking, text in reading.feed(answer["text"]):
                        yield ThinkingChunk(text) if thinking else TextChunk(text)
                elif "done" in answer:
                    done = answer["done"]
        cut = done["stop"] == "length"
        first = last_call(request.messages) + 1
        opened = done["opened"]
        reply = parse(done["text"], usable, first=first, cut=cut, opened=opened)
        for thinking, text in reading.finish(reply, cut=cut):
            yield ThinkingChunk(text) if thinking else TextChunk(text)
        if done["capped"]:
            tokens = f"{done['capped']:,} tokens"
            yield NoticeChunk(f"the model had thought for {tokens} and was told to answer", MORE)
        usage = self._usage(done)
        self._estimate.learn(put, done["prompt"])
        message = AssistantMessage(
            text=reply.text,
            thinking=reply.thinking,
            calls=reply.calls,
            raw="" if done["text"] == reply.text else done["text"],
            tokens=tuple(done["tokens"]),
        )
        yield ReplyChunk(message, usage, "length" if cut else "end", reply.problem)

    async def sample(self, request: SampleRequest) -> list[Sample]:
        """Return `n` samples, fewer only when cancelled; raises only ModelError."""
        done = await self._whole(
            {
                "op": "sample",
                "messages": in_three_roles(request.messages, ()),
                "prefill": request.prefill,
                "n": request.n,
                "max_tokens": request.max_tokens,
                "temperature": request.temperature,
                "seed": request.seed,
                "stop": list(request.stop),
                "grammar": request.grammar,
                "draft": request.draft,
            }
        )
        return [Sample.model_validate(sample) for sample in done["samples"]]

    async def score(
        self, messages: Sequence[Message], prefill: str, continuations: Sequence[str]
    ) -> list[float]:
        """Return the log-probability, in nats, of each continuation of the prefix."""
        done = await self._whole(
            {
                "op": "score",
                "messages": in_three_roles(messages, ()),
                "prefill": prefill,
                "continuations": list(continuations),
            }
        )
        return [float(score) for score in done["scores"]]

    async def forks(
        self, messages: Sequence[Message], prefill: str, text: str, top: int
    ) -> list[Fork]:
        """Return where the model would leave a text that follows the prefix."""
        done = await self._whole(
            {
                "op": "forks",
                "messages": in_three_roles(messages, ()),
                "prefill": prefill,
                "text": text,
                "top": top,
            }
        )
        return [
            Fork(at=at, piece=piece, logprob=value, before=before)
            for at, piece, value, before in done["forks"]
        ]

    async def complete(self, request: SampleRequest, starts: Sequence[str]) -> list[Sample]:
        """Continue each of several starts that follow the request's prefix; in their order."""
        done = await self._whole(
            {
                "op": "complete",
                "messages": in_three_roles(request.messages, ()),
                "prefill": request.prefill,
                "starts": list(starts),
                "max_tokens": request.max_tokens,
                "stop": list(request.stop),
                "draft": request.draft,
            }
        )
        return [Sample.model_validate(sample) for sample in done["samples"]]

    async def close(self) -> None:
        """Let go of the host; a private one ends."""
        await self._asker.close()

    # -- requests

    async def _whole(self, frame: Frame) -> Frame:
        done: Frame = {}
        async with contextlib.aclosing(self._ask(frame)) as answers:
            async for answer in answers:
                if "waits" in answer:
                    self.tell(WAITS)
                done = answer.get("done", done)
        self._usage(done)
        return done

    def _usage(self, done: Frame) -> Usage:
        usage = Usage(input=done["prompt"], cached=done["cached"], output=done["written"])
        self.used += usage
        return usage

    async def _ask(self, frame: Frame) -> AsyncGenerator[Frame, None]:
        """Send a request and yield its answers up to `done`; leaving early cancels it."""
        heard = False
        while True:
            try:
                async with contextlib.aclosing(self._asker.ask(lambda: frame)) as answers:
                    async for answer in answers:
                        if "error" in answer:
                            raise self._refusal(answer["error"])
                        heard = heard or "text" in answer
                        yield answer
                return
            except HostEnded as end:
                if end.signal != signal.SIGILL or heard or self._plain:
                    raise self._failure(end) from None
                # repacked weights use the newest instructions, which some builds have compiled
                # wrongly; without them the same build may well work
                self._plain = True

    async def _begin(self) -> Line:
        """Return a link to a host that has loaded the model; raises ModelError."""
        while True:
            settings = {
                "path": str(self._path),
                "window": self.context_window,
                "plain": self._plain,
                "kept": str(self._kept or ""),
            }
            try:
                link, answer = await self._opened(settings)
            except HostEnded as end:
                if end.signal == signal.SIGILL and not self._plain:
                    self._plain = True
                    continue
                raise self._failure(end) from None
            if "failed" in answer:
                await link.close()
                raise self._unusable(answer["failed"])
            return link

    async def _opened(self, settings: Frame) -> tuple[Line, Frame]:
        if self._shared is not None:
            from agent.models import _shared_link

            state, idle = self._shared.state, self._shared.idle
            found = await _shared_link.opened(state, settings, model=self.name, idle=idle)
            if found is not None:
                return found
        return await Link.opened(settings)

    # -- what went wrong, for a person

    def _failure(self, end: HostEnded) -> ModelUnusable | ProviderFailed:
        if end.signal == signal.SIGILL:
            return ModelUnusable("the local model's process met an illegal instruction", _REBUILD)
        hint = "the next request starts it again"
        if end.signal == signal.SIGKILL:
            hint += "; if that goes on, memory may be short for this model"
        return ProviderFailed(f"the local model's process ended: {end.how}", hint)

    def _unusable(self, failed: dict[str, Any]) -> ModelUnusable:
        if failed["kind"] == "missing":
            return ModelUnusable(f"local models need llama.cpp: {failed['text']}", _INSTALL)
        return ModelUnusable(failed["text"], self._hint)

    def _refusal(self, error: dict[str, Any]) -> Exception:
        if error["kind"] == "overflow":
            return ContextOverflow(
                f"the request needs {error['needed']:,} tokens, the model's window has "
                f"{error['window']:,}",
                "start a new session, or name fewer and smaller files",
            )
        why = _DUMP.split(error["text"])[0].rpartition("JSON schema: ")[2]
        return BadGrammar(" ".join(why.split())[:300])
