"""A remote model behind litellm, which runs in a private child process of ours.

The child only carries; here is what a request means: how the conversation is put, how the reply is
assembled, what a failure means, and when to ask again. The key goes to the child over the pipe and
nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from agent.errors import BudgetSpent, ContextOverflow, ModelError, ModelUnusable
from agent.messages import Message, Usage, UserMessage
from agent.models import rendering, thinking
from agent.models._asking import Asker
from agent.models._frames import Frame
from agent.models._link import HostEnded, Link
from agent.models.assembly import MOST, Assembly
from agent.models.base import (
    BLIND,
    Chunk,
    ModelRequest,
    NoticeChunk,
    ReplyChunk,
    RetryChunk,
    SentChunk,
    SpentChunk,
)
from agent.models.estimate import Estimate
from agent.models.faults import EMPTY, Fault, Seen, classify, final
from agent.models.providers import (
    KeyFor,
    from_environment,
    loopback,
    named_small,
    provider_of,
)
from agent.models.purse import Purse
from agent.models.retrying import Clock, Pace, Patience, Retrying
from agent.models.servers import home, root_of
from agent.models.serving import LOADED, OLLAMA_WINDOW, Serving, serving
from agent.models.thinking import MORE
from agent.models.truncation import Reading
from tools.base import ToolSchema

UNKNOWN_WINDOW = 1 << 20  # tokens, where nobody knows: then the server says when it is full

INSTALL = "uv tool install 'wisp-agent[remote]'"
# how the child reaches the network, and which region of a provider it means; none is a secret
# but a proxy's password
PASSED = (
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("https_proxy", "http_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("AZURE_API_VERSION", "AWS_REGION", "AWS_REGION_NAME", "AWS_PROFILE"),
)


class LiteLlm:
    """A model of a provider, named `provider/model` as litellm has it.

    `api_base` is another address than the provider's own; where that is on this machine the model
    counts as local. `context` is its window in tokens, where litellm does not know it. `key_for`
    finds the key of a provider. No request begins once `max_cost`, in US dollars, is spent, and a
    model whose price is not known is refused then. The
    child is started by the first request, or before it by `start`; one that has died is started
    again by the next attempt.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str = "",
        context: int | None = None,
        key_for: KeyFor = from_environment,
        max_cost: float | None = None,
        pace: Pace | None = None,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Look up the provider and the key; raises ModelUnusable for what cannot be used."""
        provider = provider_of(name)
        if provider is None:
            raise ModelUnusable(f"{name} names no provider", "-m openai/NAME --api-base URL")
        self.name = name
        self._provider = provider
        self._base = api_base or home(provider.name)
        if provider.name == "ollama":  # it has a way of its own beside that of OpenAI
            self._base = root_of(self._base)
        self.local = bool(self._base) and loopback(self._base)
        self.small = named_small(name)
        self.sees: bool | None = None
        # the provider's own address is known once the child has been started
        self.host = "" if self.local else urlsplit(self._base).hostname or provider.name
        found = key_for(provider.name)
        self._key, self._key_source = (found.text, found.source) if found else ("", "")
        if not self._key and not self._base:
            variable = provider.variables[0]
            raise ModelUnusable(
                f"{name} needs a key, and {variable} is not set", f"agent keys set {provider.name}"
            )
        self._given = context
        self._serving = Serving(name.partition("/")[2])
        unknown = OLLAMA_WINDOW if provider.name == "ollama" else UNKNOWN_WINDOW
        self.context_window = context or unknown
        self._purse = Purse(max_cost, self.local)
        self._pace = pace or Pace()
        self._clock, self._sleep, self._chance = clock, sleep, chance
        self._about: Frame = {}
        self._told = False  # that the price is not known
        self._formless = False  # whether it has refused a form
        self._asker = Asker(self._begin)
        self._estimate = Estimate()
        self._reading = Reading()
        self._most: int | None = None  # tokens that it was seen to read at most

    # -- the protocol

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSchema]) -> int:
        """Return the tokens of a request: as told for the one before it, then estimated."""
        return self._estimate.count(rendering.counted(messages, tools))

    async def start(self) -> None:
        """Start the child; raises ModelError."""
        await self._asker.start()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        """Stream a reply; raises only ModelError."""
        await self.start()  # its window is not known before
        if self._serving.late:
            await self._ask_server()
            self._settle()
        self._look(request.messages)
        retrying = Retrying(self._pace, self._clock, self._chance)
        put = rendering.counted(request.messages, request.tools)
        size = self._estimate.count(put)
        if size > self.context_window:
            raise ContextOverflow(
                f"{self.name}: the request needs about {size:,} tokens, the window has "
                f"{self.context_window:,}",
                "start a new session, or name fewer and smaller files",
            )
        taken = [
            call.id for message in rendering.replies_of(request.messages) for call in message.calls
        ]
        failed = ""  # why the attempt before did
        asked, cap = self._asked(request), thinking.cap(request.effort, self._serving.kind)
        while True:
            try:
                self._purse.afford()
            except BudgetSpent as spent_all:
                if not failed:
                    raise
                what = f"{spent_all.message} while it was asked again: {failed}"
                raise self._final(Fault("again", what)) from None
            assembly = Assembly(request.usable, taken, self._provider.name)
            spent = _Spent(thinking.Thought(cap if self.local else None))
            try:
                async with contextlib.aclosing(
                    self._attempt(request, asked, size, assembly, spent)
                ) as chunks:
                    async for chunk in chunks:
                        if isinstance(chunk, ReplyChunk):
                            for notice in self._check(request, size, chunk.usage, spent):
                                yield notice
                            self._estimate.learn(put, chunk.usage.input)
                        yield chunk
                return
            except thinking.TooLong as long:
                yield SpentChunk(self._purse.guessed(size, assembly.size, spent.bytes_out))
                yield NoticeChunk(f"{self.name}: {long}, so it is asked again without", MORE)
                asked = replace(asked, thinking=thinking.off(self._serving.kind, self.name))
                cap = None
            except Fault as fault:
                yield SpentChunk(self._purse.guessed(size, assembly.size, spent.bytes_out))
                if fault.kind == "refused" and rendering.form_of(request, asked):
                    asked, self._formless = replace(asked, forms=False), True
                    # each provider takes a part of JSON schema, its own
                    yield NoticeChunk(f"{self.name} did not take the schema: {fault.reason}")
                    continue
                try:
                    seconds = retrying.wait(fault)
                except Fault as last:
                    raise self._final(last) from None
                failed = fault.reason
                # its words are void, whether or not there were any
                yield RetryChunk(fault.reason, retrying.attempt, seconds)
                await self._sleep(seconds)

    async def close(self) -> None:
        """End the child."""
        await self._asker.close()

    # -- one attempt

    async def _attempt(
        self,
        request: ModelRequest,
        asked: rendering.Asked,
        size: int,
        assembly: Assembly,
        spent: _Spent,
    ) -> AsyncGenerator[Chunk, None]:
        """Ask once; ends with the reply, or raises Fault or TooLong."""
        done: Frame = {}
        params = rendering.params_of(request, asked)
        async with contextlib.aclosing(self._ask(params, size, spent)) as answers:
            async for answer in answers:
                if to := answer.get("to"):
                    yield SentChunk(to, answer["sent"])
                if "delta" in answer:
                    spent.thought.feed(answer["delta"])
                    for chunk in assembly.feed(answer["delta"]):
                        yield chunk
                done = answer.get("done", done)
                if assembly.size > MOST:
                    done = {"finish": "length", "usage": {}}
                    break
        reply = assembly.finish(done["finish"])
        if reply is None:
            what = "the stream ended before the reply was whole"
            raise Fault("again", what if assembly.begun else EMPTY)
        if done["finish"] == "content_filter" and not reply.message.calls:
            raise Fault("filtered", "content_filter")
        if not (self._told or self._purse.known):
            self._told = True
            yield NoticeChunk(f"the price of {self.name} is not known: its cost is counted as 0")
        spent.told = bool(done["usage"])
        if spent.told:
            usage = self._purse.told(done["usage"], spent.bytes_out)
        else:
            usage = self._purse.guessed(size, assembly.size, spent.bytes_out)
        yield ReplyChunk(reply.message, usage, reply.stop, reply.problem)

    async def _ask(
        self, params: rendering.Wire, size: int, spent: _Spent
    ) -> AsyncGenerator[Frame, None]:
        """Send a request and yield its answers up to `done`; leaving early cancels it."""
        patience = Patience(self._pace, self._clock, size, self.local)

        def frame() -> Frame:
            patience.begin()  # how long the child takes to start is not the server's silence
            return {"params": params}

        try:
            async with contextlib.aclosing(self._asker.ask(frame, patience.left)) as answers:
                async for answer in answers:
                    patience.heard(token="delta" in answer)
                    spent.bytes_out += answer["sent"] if answer.get("to") else 0
                    if "fault" in answer:
                        raise classify(self._seen(answer["fault"]))
                    yield answer
        except TimeoutError:
            raise patience.over() from None
        except HostEnded as end:
            raise self._crash(end) from None

    def _asked(self, request: ModelRequest) -> rendering.Asked:
        effort, kind = request.effort, self._serving.kind
        most = rendering.limit_of(request, self._provider.name, self._about.get("output"))
        return rendering.Asked(
            name=self.name,
            provider=self._provider,
            local=self.local,
            window=self._serving.told,
            output=self._about.get("output"),
            forms=bool(self._about.get("forms")) and not self._formless,
            thinking=thinking.here(effort, kind, self.name)
            if self.local
            else thinking.knob(effort, self._about, self.name, most),
        )

    def _look(self, messages: Sequence[Message]) -> None:
        """Raise ModelUnusable for pictures that the model is known not to see."""
        shown = any(isinstance(each, UserMessage) and each.images for each in messages)
        if shown and self.sees is False:
            raise ModelUnusable(f"{self.name} does not see images", BLIND)

    def _check(
        self, request: ModelRequest, size: int, usage: Usage, spent: _Spent
    ) -> Iterator[Chunk]:
        """Raise ContextOverflow, after telling it, when the server has not read the whole prompt.

        The loop makes room then and asks once more.
        """
        if not spent.told or not self._reading.is_cut(request.messages, usage.input):
            return
        self._most = usage.input
        self.context_window = min(self.context_window, self._most)
        what = f"{self.name}: the server read {usage.input:,} of about {size:,} tokens"
        text = f"{what}: its window is smaller than it said"
        yield SpentChunk(usage)
        yield NoticeChunk(text)
        raise ContextOverflow(text, "start it with a larger window, or name fewer files")

    # -- the child

    async def _begin(self) -> Link:
        """Start a child, and ask the server about the model meanwhile.

        Raises ModelError, since what fails here fails again.
        """
        asked = asyncio.ensure_future(self._ask_server())
        try:
            if self._serving.model in LOADED:
                await asked
            settings = self._settings()
            link, answer = await Link.opened_beside(asked, settings, "_remote.py", PASSED)
        except HostEnded as end:
            raise self._final(self._crash(end)) from None
        finally:
            asked.cancel()
        try:
            self._take(answer)
        except ModelUnusable:
            await link.close()
            raise
        return link

    async def _ask_server(self) -> None:
        found = await serving(
            self._provider, self._serving.model, self._base, key=self._key, given=self._given
        )
        if self._serving.model in LOADED:
            self.name = f"{self.name.partition('/')[0]}/{found.model}"
        self._serving = found

    def _settings(self) -> Frame:
        return {
            "model": self._provider.called(self._serving.model),
            # a server that wants none is given one too, since litellm does not go without
            "api_key": self._key or "none",
            "api_base": self._base,
        }

    def _take(self, answer: Frame) -> None:
        """Take in what the child says of the model; raises ModelUnusable."""
        if "failed" in answer:
            raise ModelUnusable(f"remote models need litellm: {answer['failed']['text']}", INSTALL)
        self._about = answer["ready"]
        self.sees = self._about.get("sees")
        if not self.local:
            self.host = self._about["host"] or self.host
        self._settle()
        self._purse.prices = tuple(self._about["prices"])
        if self._purse.most is not None and not self._purse.known:
            raise ModelUnusable(
                f"the price of {self.name} is not known, so no limit on its cost can hold",
                "choose a model with a known price, or leave --max-cost out",
            )

    def _settle(self) -> None:
        """Take the window that the user says, else the server, else litellm."""
        known = self._serving.window or self._about["window"] or UNKNOWN_WINDOW
        window = self._serving.told or self._given or known
        self.context_window = min(window, self._most or window)

    def _final(self, fault: Fault) -> ModelError:
        return final(fault, self.name, self._provider, self._base, self._key_source)

    def _crash(self, end: HostEnded) -> Fault:
        return Fault("again", self._without_key(f"the process for remote models ended: {end.how}"))

    def _seen(self, fault: dict[str, Any]) -> Seen:
        for name in ("body", "text"):
            fault[name] = self._without_key(fault[name])
        return Seen(**fault)

    def _without_key(self, text: str) -> str:
        """Return what a server or a library said, which may repeat the key."""
        return text.replace(self._key, "[key]") if self._key else text


@dataclass
class _Spent:
    """What one attempt has sent and heard so far; `told` when the server said what it used."""

    thought: thinking.Thought
    bytes_out: int = 0
    told: bool = False
