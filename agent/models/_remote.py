"""The child process that talks to remote models, by litellm: requests in on stdin, answers out.

Frames are as `_host` says. The first names the model and brings the key; `{"ready": …}` or
`{"failed": …}` answers it. Then one request at a time; each has an `id`, which every answer
repeats: `sent` bytes and `to` which host, `beat` for any byte that came, `delta`s, and at the end
`done`, `fault` or `cancelled`. `{"cancel": id}` may come at any time. Nothing is decided here: what
a failure means, and whether the reply was whole, is the parent's to say.

Run as a file (`python -I _remote.py`), so it adds the folder of its own package to the path itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import struct
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

Frame = dict[str, Any]
Send = Callable[[Frame], None]

READ_S = 3600.0  # how long silence is borne is the parent's to know; this is for when it is gone
BEAT_S = 0.2  # between two signs of life
BODY = 8000  # characters of an error that are passed on
# set before litellm is imported: it would fetch a list of prices, read a .env beside the project,
# and load tokenisers from elsewhere
SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "CRITICAL",
    "DISABLE_AIOHTTP_TRANSPORT": "True",
    "DISABLE_HF_TOKENIZER_DOWNLOAD": "True",
    "HF_HUB_OFFLINE": "1",
    # a model may well repeat a piece of text
    "REPEATED_STREAMING_CHUNK_LIMIT": "1000000000",
}
_THINKING = ("thinking", "redacted_thinking")
EFFORTS = ("none", "minimal", "xhigh", "max")  # of thinking, which not every thinker has


class Pipes:
    """The two pipes to the parent, out of reach of whatever prints."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._in = os.fdopen(os.dup(0), "rb", buffering=0)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def send(self, frame: Frame) -> None:
        """Write one frame; a parent that is gone ends the process."""
        data = json.dumps(frame).encode()
        try:
            self._out.write(struct.pack("<I", len(data)) + data)
            self._out.flush()
        except BrokenPipeError:
            os._exit(0)

    def first(self) -> Frame:
        """Return the first frame, before there is an event loop."""
        size = struct.unpack("<I", self._exactly(4))[0]
        frame: Frame = json.loads(self._exactly(size))
        return frame

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._in.read(size - len(data))
            if not more:
                os._exit(0)
            data += more
        return data

    async def frames(self) -> AsyncIterator[Frame]:
        """Yield what the parent sends until it closes the pipe."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._in)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                size = struct.unpack("<I", await reader.readexactly(4))[0]
                yield json.loads(await reader.readexactly(size))


class Wire:
    """What is seen of one request on the wire, beneath litellm."""

    def __init__(self, tell: Send) -> None:
        self._tell = tell
        self._beat = 0.0
        self.sent = False
        self.status: int | None = None
        self.retry_after = ""
        self.body = ""
        self.tail = b""  # of the stream

    def begins(self) -> None:
        """Forget the request before."""
        self.sent = True
        self.status, self.retry_after, self.body = None, "", ""

    def leaves(self, size: int, to: str) -> None:
        """Tell that a request goes out now, and to which host; to none where it stays here."""
        self._tell({"sent": size, "to": to})

    def answered(self, status: int, retry_after: str) -> None:
        """Note the head of the answer."""
        self.status, self.retry_after = status, retry_after
        self._tell({"beat": True})

    def heard(self, data: bytes) -> None:
        """Note a piece of the stream, and tell the parent that the server lives."""
        self.tail = (self.tail + data[-256:])[-256:]
        if time.monotonic() - self._beat >= BEAT_S:
            self._beat = time.monotonic()
            self._tell({"beat": True})

    @property
    def closed(self) -> bool:
        """Whether the stream said by its last event that it was whole."""
        return b"data: [DONE]" in self.tail or b"message_stop" in self.tail


class Remote:
    """Asks one model, one request after another."""

    def __init__(self, pipes: Pipes, settings: Mapping[str, Any]) -> None:
        import litellm

        self._litellm: Any = litellm
        self._pipes = pipes
        self._model: str = settings["model"]
        self._call = {
            name: settings[name] for name in ("api_key", "api_base") if settings.get(name)
        }
        self._wire: Wire | None = None
        self._host = ""  # where requests go, as the one that is held back at the start shows
        litellm.telemetry = False
        litellm.suppress_debug_info = True
        litellm.drop_params = True  # a setting that a model does not take is no reason to fail
        litellm.disable_streaming_logging = True
        litellm.disable_token_counter = True  # it takes half a second, and nobody asks
        litellm.num_retries = 0
        logging.disable(logging.CRITICAL)
        self._watch()

    def _watch(self) -> None:
        """Look on at what every client of every provider puts on the wire.

        litellm hides whether a stream was cut, how long to wait, what the error was, and would
        follow a redirection with the key.
        """
        import httpx

        from agent.models._route import Routes

        plain = httpx.AsyncClient.send
        remote, routes = self, Routes()

        class Watched(httpx.AsyncByteStream):  # type: ignore[misc]  # types of litellm and httpx are not read
            def __init__(self, stream: Any, wire: Wire) -> None:
                self._stream, self._wire = stream, wire

            async def __aiter__(self) -> AsyncIterator[bytes]:
                async for data in self._stream:
                    self._wire.heard(data)
                    yield data

            async def aclose(self) -> None:
                await self._stream.aclose()

        async def send(client: Any, request: Any, **more: Any) -> Any:
            wire = remote._wire
            if wire is None:  # nobody has asked for anything, so nothing leaves
                remote._host = request.url.host
                return httpx.Response(401, json={"error": "not now"}, request=request)
            if wire.status is not None and wire.status >= 300:
                # litellm would ask again by itself, without a word, where it thinks that helps
                return httpx.Response(wire.status, text=wire.body, request=request)
            wire.begins()
            size = len(request.content)
            departure = routes.watch(request, lambda to: wire.leaves(size, to))
            try:
                response = await plain(client, request, **{**more, "follow_redirects": False})
            finally:
                departure.over()
            wire.answered(response.status_code, response.headers.get("retry-after", ""))
            if response.status_code >= 300:
                wire.body = (await response.aread())[:BODY].decode("utf-8", "replace")
            elif not response.is_closed:
                response.stream = Watched(response.stream, wire)
            return response

        httpx.AsyncClient.send = send

    def about(self) -> Frame:
        """Return what litellm knows of the model; nothing of what it does not."""
        info: Any = {}
        # of a model of Ollama it would ask the server, at an address that may be another
        if not self._model.startswith("ollama"):
            # a plain Exception is what litellm raises for a model it does not know
            with contextlib.suppress(Exception):
                info = self._litellm.get_model_info(self._model)
        prices = [info.get(f"{each}_cost_per_token") or 0.0 for each in ("input", "output")]
        return {
            "host": self._host,
            "window": info.get("max_input_tokens"),
            "output": info.get("max_output_tokens"),
            "calls": info.get("supports_function_calling"),
            "sees": info.get("supports_vision"),
            "forms": info.get("supports_response_schema"),
            "reasons": info.get("supports_reasoning"),
            "efforts": [each for each in EFFORTS if info.get(f"supports_{each}_reasoning_effort")],
            "default_effort": info.get("default_reasoning_effort"),
            "prices": prices,
        }

    async def serve(self) -> None:
        """Say that we are ready, and answer until the parent closes the pipe."""
        # what litellm loads with its first request takes a second; that request stays here
        with contextlib.suppress(Exception):
            await self._completion({"messages": [{"role": "user", "content": "-"}]})
        self._pipes.send({"ready": self.about()})
        task: asyncio.Task[None] | None = None
        number = 0
        async for frame in self._pipes.frames():
            if "cancel" not in frame:
                number = frame["id"]
                task = asyncio.create_task(self._answer(frame))
            elif task is not None and frame["cancel"] == number:
                task.cancel()
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        await self._litellm.close_litellm_async_clients()

    async def _answer(self, request: Frame) -> None:
        number = request["id"]

        def tell(frame: Frame) -> None:
            self._pipes.send({"id": number, **frame})

        wire = self._wire = Wire(tell)
        try:
            tell({"done": await self._stream(request["params"], wire, tell)})
        except asyncio.CancelledError:
            tell({"cancelled": True})
        except Exception as error:  # whatever litellm raises is told, and judged by the parent
            tell({"fault": _told(error, wire)})
        finally:
            self._wire = None

    async def _completion(self, params: Frame) -> Any:
        return await self._litellm.acompletion(
            model=self._model,
            stream=True,
            stream_options={"include_usage": True},
            num_retries=0,
            max_retries=0,
            timeout=READ_S,
            # its gateway to MCP servers, whose import needs a package that is not there
            _skip_mcp_handler=True,
            **self._call,
            **params,
        )

    async def _stream(self, params: Frame, wire: Wire, tell: Send) -> Frame:
        stream = await self._completion(params)
        usage: Any = None
        async with contextlib.aclosing(stream):
            async for chunk in stream:
                usage = getattr(chunk, "usage", None) or usage
                if chunk.choices and (delta := _delta(chunk.choices[0].delta)):
                    tell({"delta": delta})
        # at a cut stream litellm says `stop` too; only here is what the provider said
        finish = stream.received_finish_reason or stream.intermittent_finish_reason
        return {
            "finish": finish or ("stop" if wire.closed else None),
            "usage": self._used(usage),
        }

    def _used(self, usage: Any) -> Frame:
        if usage is None or not (usage.prompt_tokens or usage.completion_tokens):
            return {}
        details = getattr(usage, "prompt_tokens_details", None)
        try:
            cost = sum(self._litellm.cost_per_token(model=self._model, usage_object=usage))
        except Exception:  # as above: its price is not known
            cost = 0.0
        return {
            "input": usage.prompt_tokens or 0,
            "cached": getattr(details, "cached_tokens", None) or 0,
            "output": usage.completion_tokens or 0,
            "cost": cost,
        }


def _delta(delta: Any) -> Frame:
    """Return what is in a piece of the reply, without what is empty."""
    found: Frame = {
        "text": getattr(delta, "content", None),
        "reasoning": getattr(delta, "reasoning_content", None),
        "blocks": [
            dict(each)
            for each in getattr(delta, "thinking_blocks", None) or ()
            if dict(each).get("type") in _THINKING
        ],
        "calls": [_fragment(each) for each in getattr(delta, "tool_calls", None) or ()],
    }
    return {name: value for name, value in found.items() if value}


def _fragment(call: Any) -> Frame:
    function = getattr(call, "function", None)
    fields = getattr(call, "provider_specific_fields", None)
    return {
        "index": getattr(call, "index", None),
        "id": getattr(call, "id", None),
        "name": getattr(function, "name", None),
        "arguments": getattr(function, "arguments", None),
        **({"fields": dict(fields)} if fields else {}),
    }


def _told(error: BaseException, wire: Wire) -> Frame:
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        at = at.__cause__ or at.__context__
    said = str(getattr(error, "message", "") or error)
    # in the middle of a stream litellm wraps what happened twice; the root is put last
    root = str(chain[-1])
    return {
        "status": wire.status,
        "retry_after": wire.retry_after,
        "body": wire.body,
        "error": " ".join(type(each).__name__ for each in chain),
        "text": said[:BODY] if root in said else f"{said[:BODY]} ({root[:BODY]})",
        "sent": wire.sent,
    }


def main() -> None:
    """Load litellm, say what it knows of the model, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to understand
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from agent.models._host import die_with
    from agent.models.providers import loopback

    pipes = Pipes()
    settings = pipes.first()
    die_with(settings["parent"])
    os.environ.update(SETTINGS)
    if loopback(settings.get("api_base") or ""):
        os.environ |= {"NO_PROXY": "*", "no_proxy": "*"}  # what is for this machine stays on it
    try:
        remote = Remote(pipes, settings)
    except ImportError as error:
        pipes.send({"failed": {"kind": "missing", "text": str(error)}})
        return
    asyncio.run(remote.serve())
    os._exit(0)  # nothing is left to do; what litellm has at exit may take longer than we are given


if __name__ == "__main__":
    main()
