"""The `fetch` tool: a page of the web as text."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.base import Command, Limits, SandboxError
from sandbox.reach import Block, Reach
from tools.base import Brief, Effect, Frozen, Preview, Tool, ToolContext, ToolError, ToolResult

if TYPE_CHECKING:  # what it takes to fetch a page is loaded with the first one
    from sandbox.dialing import Resolve
    from tools.web import Page, Place

SHOWN = 6000  # characters
_SECONDS = 30.0  # for the page to come
_READING_S = 10.0  # for it to be read
_TOLD = 1000  # characters of a page that says that something is wrong
_LOCAL: tuple[Block, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_HTML = frozenset({"text/html", "application/xhtml+xml"})
_TEXT = re.compile(
    r"text/.*|application/(.*\+)?(json|xml|yaml|toml|javascript|ecmascript|x-.*(sh|yaml|ndjson))"
)
_BINARY = re.compile(r"(image|audio|video|font)/.*|application/(pdf|zip|gzip|x-tar|wasm)")


class FetchArgs(Frozen):
    """An address, and the character of its text to go on from."""

    url: str
    start: int = 0


class Fetch(Tool[FetchArgs]):
    """Get a web page as text."""

    name = "fetch"
    args = FetchArgs
    brief = Brief(("url+ start?",))

    def __init__(self, lookup: Resolve | None = None, patience: float = _READING_S) -> None:
        self._lookup = lookup
        self._patience = patience

    def effects(self, args: FetchArgs, context: ToolContext) -> frozenset[Effect]:
        """Use the network; the rest of a page that is here needs none."""
        if _kept(args, context) is not None:
            return frozenset({Effect.READ})
        if context.network.off:
            raise ToolError("the user's settings keep the network off; go on without the page")
        _place(args.url)
        return frozenset({Effect.NETWORK})

    def origin(self, args: FetchArgs, context: ToolContext) -> str:
        """Name the page, also where it is refused: a redirect is in its words."""
        return str(_place(args.url))

    def preview(self, args: FetchArgs, context: ToolContext) -> Preview:
        """Show the whole address: what stands in it leaves this machine."""
        return Preview(kind="text", title="fetch", body=str(_place(args.url)))

    async def run(self, args: FetchArgs, context: ToolContext) -> ToolResult:
        """Return the part of the text that fits, and how to go on."""
        from sandbox.dialing import resolve
        from tools.web import BYTES, NotFetched, get

        text = _kept(args, context)
        if text is not None:
            return _shown(args, args.url, text)

        def allowed(place: Place) -> Reach:
            """Return what the settings name beyond public addresses, at this port."""
            listed = context.network.fetch
            blocks = {(block, 0) for block, port in listed.blocks if port in (0, place.port)}
            if listed.loopback & {0, place.port}:
                blocks |= {(block, 0) for block in _LOCAL}
            return Reach(blocks=frozenset(blocks))

        place = _place(args.url)
        try:
            async with asyncio.timeout(_SECONDS):
                page = await get(place, allowed, self._lookup or resolve, os.environ)
        except TimeoutError:
            raise ToolError(f"{place.authority} took longer than {_SECONDS:g} s") from None
        except NotFetched as error:
            raise ToolError(str(error)) from None
        text = await _text(page, context, self._patience)
        if page.cut:
            text += f"\n[… only the first {BYTES >> 20} MB were read …]"
        if page.status >= 400:
            told = f"{page.place} answered {page.status} {page.reason}".rstrip()
            origin = str(page.place)
            return ToolResult(
                text=f"Error: {told}\n{text[:_TOLD]}", ok=False, summary=told, origin=origin
            )
        context.memory.page = (args.url, text)
        return _shown(args, str(page.place), text)


def _place(url: str) -> Place:
    from tools.web import NotFetched, Place

    try:
        return Place.of(url.strip())
    except NotFetched as error:
        raise ToolError(str(error)) from None


def _kept(args: FetchArgs, context: ToolContext) -> str | None:
    """Return the text of the page that was fetched last, where the call goes on with it."""
    url, text = context.memory.page
    return text if args.start > 0 and url == args.url else None


def _shown(args: FetchArgs, url: str, text: str) -> ToolResult:
    start = max(0, args.start)
    if start and start >= len(text):
        raise ToolError(f"{url} has {len(text)} characters; start={start} is beyond its end")
    end = min(len(text), start + SHOWN)
    if end < len(text):  # whole lines, or at least whole words, where there are any
        cuts = [text.rfind(mark, start + SHOWN // 2, end) + 1 for mark in "\n "]
        end = next((cut for cut in cuts if cut), end)
    shown = text[start:end] or "(no text)"
    if left := len(text) - end:
        shown += f"\n[… {left} more characters; continue with fetch url={args.url} start={end} …]"
    summary = f"{url}: characters {start}-{end} of {len(text)}"
    return ToolResult(text=f"{shown}\n[{url}]", summary=summary, origin=url)


async def _text(page: Page, context: ToolContext, patience: float) -> str:
    """Have the page read within the sandbox; raises ToolError for what is no text."""
    kind, _, more = page.headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    what = _kind(kind, page.body)
    if not what:
        size = page.headers.get("content-length") or str(len(page.body))
        raise ToolError(f"{page.place} is no text: {kind or 'unknown'}, {size} bytes; not shown")
    charset = re.search(r"charset\s*=\s*\"?([\w.:-]+)", more)
    orders = {"kind": what, "charset": charset[1] if charset else "", "base": str(page.place)}
    output = bytearray()
    try:
        result = await context.sandbox.run(
            Command(
                (sys.executable, "-I", "-S", "-c", _source()),
                cwd=context.workspace.root,
                stdin=json.dumps(orders).encode() + b"\n" + page.body,
                read_only=True,
                limits=Limits(wall_s=patience, kill_grace_s=0.1),
            ),
            output.extend,
        )
    except SandboxError as error:
        raise ToolError(f"the page could not be read: {error}") from error
    if not result.ok:
        raise ToolError(f"{page.place} could not be read as text in {patience:g} s")
    return output.decode("utf-8", "replace")


def _kind(kind: str, body: bytes) -> str:
    """Return `html`, `text`, or nothing for what is neither, by its type and its first bytes."""
    start = body[:2048]
    wide = start.startswith((b"\xff\xfe", b"\xfe\xff"))
    if _BINARY.fullmatch(kind) or (b"\0" in start and not wide and "utf-16" not in kind):
        return ""
    if kind in _HTML or (not kind and re.match(rb"\s*<(!doctype html|html)", start, re.IGNORECASE)):
        return "html"
    if _TEXT.fullmatch(kind):
        return "text"
    try:  # a type that says nothing
        body[: 1 << 16].decode()
    except UnicodeDecodeError as error:
        return "text" if error.start > len(body[: 1 << 16]) - 4 else ""
    return "text"


@cache
def _source() -> str:
    return Path(__file__).with_name("_page.py").read_text(encoding="utf-8")
