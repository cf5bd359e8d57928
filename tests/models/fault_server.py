"""A server on loopback that answers as providers do, well and badly, from a script.

It speaks the two dialects that matter, chat completions of OpenAI and messages of Anthropic, over
plain streams, so that a connection can be cut at any byte. Each request takes the next answer; the
last one is given again and again. `requests` are what came in. What is asked of the server itself,
by GET or at a path of `about`, is answered from there and noted in `questions`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

End = Literal["close", "reset", "stall", "pings"]
PING = b": keep-alive\n\n"


@dataclass(frozen=True)
class Answer:
    """What one request is answered with; `body` is cut where it ends, then comes `end`.

    `whole` says that the length is told beforehand or the chunks are closed: what a clean end is.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    end: End = "close"
    whole: bool = True
    silent: bool = False  # not even a status line

    @property
    def head(self) -> bytes:
        kind = "text/event-stream" if self.status == 200 else "application/json"
        lines = {"content-type": kind, "transfer-encoding": "chunked", **self.headers}
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} Scripted\r\n{told}\r\n".encode()


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found


class FaultServer:
    """The running server."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = list(answers)
        self.requests: list[Asked] = []
        self.about: dict[str, Any] = {}  # by path: JSON, or an Answer
        self.questions: list[Asked] = []
        self.left = asyncio.Event()  # a client went away from an answer without an end
        self.port = 0
        self.open: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self.open.discard(task)
            writer.transport.abort() if task.cancelling() else writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection ended with it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        told = dict(line.split(": ", 1) for line in head[1:] if line)
        method, path = head[0].split()[:2]
        asked = Asked(path, {name.lower(): value for name, value in told.items()}, raw)
        if method == "GET" or path in self.about:
            self.questions.append(asked)
            about = self.about.get(path, error(404, f"no {path}"))
            answer = about if isinstance(about, Answer) else Answer(json.dumps(about).encode())
        else:
            answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
            self.requests.append(asked)
        if not answer.silent:
            writer.write(answer.head)
            if answer.body:
                writer.write(b"%x\r\n%s\r\n" % (len(answer.body), answer.body))
            await writer.drain()
        match answer.end:
            case "close":
                if not answer.silent and answer.whole:
                    writer.write(b"0\r\n\r\n")
                    await writer.drain()
                    return True
            case "reset":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            case "stall":
                await reader.read()
                self.left.set()
            case "pings":
                gone = asyncio.ensure_future(reader.read())
                while not gone.done():
                    writer.write(b"%x\r\n%s\r\n" % (len(PING), PING))
                    await asyncio.wait({gone}, timeout=0.02)
                self.left.set()
        return False


@contextlib.asynccontextmanager
async def serving(
    *answers: Answer, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FaultServer]:
    """Serve these answers on a free port of loopback."""
    fault = FaultServer(answers)
    server = await asyncio.start_server(fault.serve, "127.0.0.1", 0, limit=64 << 20, ssl=tls)
    fault.port = server.sockets[0].getsockname()[1]
    try:
        yield fault
    finally:
        server.close()
        left = [task for task in fault.open if task.cancel()]
        if left:
            await asyncio.wait(left)
        await asyncio.sleep(0)  # a transport closes in the turn after


def refused() -> int:
    """Return a port of loopback where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


# -- what a stream says


@dataclass(frozen=True)
class Call:
    """A call as a provider streams it; `pieces` are the fragments of its arguments."""

    name: str
    pieces: tuple[str, ...]
    id: str | None = "call_a"


def cut(text: str, size: int = 7) -> tuple[str, ...]:
    """Return a text in fragments."""
    return tuple(text[at : at + size] for at in range(0, len(text), size))


def openai(
    text: Sequence[str] = (),
    calls: Sequence[Call] = (),
    reasoning: Sequence[str] = (),
    finish: str | None = None,
    cached: int = 0,
    prompt: int = 100,
) -> bytes:
    """Return a reply as chat completions stream it; without `finish` the one that fits."""
    return b"".join(_openai(text, calls, reasoning, finish, cached, prompt))


def _openai(
    text: Sequence[str],
    calls: Sequence[Call],
    reasoning: Sequence[str],
    finish: str | None,
    cached: int,
    prompt: int,
) -> Iterator[bytes]:
    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _openai_event({"choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    for piece in reasoning:
        yield event({"reasoning_content": piece})
    for piece in text:
        yield event({"content": piece})
    for index, call in enumerate(calls):
        told: dict[str, Any] = {
            "index": index,
            "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }
        if call.id is not None:
            told["id"] = call.id
        yield event({"tool_calls": [told]})
        for piece in call.pieces:
            yield event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield event({}, finish or ("tool_calls" if calls else "stop"))
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": 20,
        "total_tokens": prompt + 20,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    yield _openai_event({"choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _openai_event(more: dict[str, Any]) -> bytes:
    about = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "x"}
    return b"data: " + json.dumps(about | more).encode() + b"\n\n"


def anthropic(
    text: Sequence[str] = (),
    calls: Sequence[Call] = (),
    thinking: Sequence[str] = (),
    stop: str | None = None,
    cached: int = 0,
) -> bytes:
    """Return a reply as messages stream it: blocks, each with a start and a stop."""
    return b"".join(_anthropic(text, calls, thinking, stop, cached))


def _anthropic(
    text: Sequence[str],
    calls: Sequence[Call],
    thinking: Sequence[str],
    stop: str | None,
    cached: int,
) -> Iterator[bytes]:
    used = {
        "input_tokens": 100 - cached,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1,
    }
    start = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "x"}
    yield _event("message_start", message={**start, "usage": used})
    index = 0

    def block(first: dict[str, Any], deltas: Sequence[dict[str, Any]]) -> Iterator[bytes]:
        nonlocal index
        yield _event("content_block_start", index=index, content_block=first)
        yield _event("ping")
        for delta in deltas:
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
        index += 1

    if thinking:
        pieces: list[dict[str, Any]] = [
            {"type": "thinking_delta", "thinking": piece} for piece in thinking
        ]
        pieces.append({"type": "signature_delta", "signature": "c2lnbmVk"})
        yield from block({"type": "thinking", "thinking": "", "signature": ""}, pieces)
    if text:
        yield from block(
            {"type": "text", "text": ""},
            [{"type": "text_delta", "text": piece} for piece in text],
        )
    for call in calls:
        yield from block(
            {"type": "tool_use", "id": call.id, "name": call.name, "input": {}},
            [{"type": "input_json_delta", "partial_json": piece} for piece in call.pieces],
        )
    reason = stop or ("tool_use" if calls else "end_turn")
    yield _event(
        "message_delta",
        delta={"stop_reason": reason, "stop_sequence": None},
        usage={"output_tokens": 20},
    )
    yield _event("message_stop")


def _event(kind: str, **more: Any) -> bytes:
    data = json.dumps({"type": kind, **more})
    return f"event: {kind}\ndata: {data}\n\n".encode()


def ollama(
    text: Sequence[str] = (), thinking: Sequence[str] = (), prompt: int = 100, **more: Any
) -> bytes:
    """Return a reply as Ollama streams it: a line of JSON for each piece."""
    about = {"model": "x", "created_at": "2026-11-22T06:00:00Z"}
    said = [{"content": "", "thinking": piece} for piece in thinking]
    said += [{"content": piece} for piece in text]
    lines: list[dict[str, Any]] = [
        {**about, "message": {"role": "assistant", **each}, "done": False} for each in said
    ]
    counts = {"prompt_eval_count": prompt, "eval_count": 20, "done_reason": "stop", **more}
    last = {**about, "message": {"role": "assistant", "content": ""}, "done": True}
    return b"".join(json.dumps(each).encode() + b"\n" for each in [*lines, {**last, **counts}])


def error(status: int, message: str, **headers: str) -> Answer:
    """Return an answer that refuses, in the form that both dialects share."""
    body = {"type": "error", "error": {"type": "refused", "message": message, "code": None}}
    return Answer(
        json.dumps(body).encode(),
        status,
        {name.replace("_", "-"): value for name, value in headers.items()},
    )
