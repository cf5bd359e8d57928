"""Language servers that stand in where a project has no checker of its own.

A server is started at the first change of a file of its language, stays warm for the session, and
ends with it. It has one file open, the one that is looked at, and believes the disk about all
others; what changed there since the last look is told first.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox.base import Command, Limits, SandboxError
from sandbox.names import raw
from sandbox.workspace import PathError, Workspace
from tools.base import ToolContext
from tools.diagnostics.base import MOST_FOUND, Finding
from tools.diagnostics.project import Asked
from tools.diagnostics.protocol import Connection, Gone
from tools.diagnostics.servers import Server
from tools.languages import language_of

_WATCHED = 2000  # files of which it is told that they changed; a larger project has no server
_MEMORY = 2 << 30  # bytes of all its processes
_GRACE = 1.0  # seconds to end by itself
_GLANCE = 0.5  # seconds
_ERROR, _WARNING = 1, 2  # severities that are told
_CREATED, _CHANGED, _DELETED = 1, 2, 3
_WITHOUT_TALK = ("/bin/sh", "-c", 'exec "$@" 2>/dev/null', "sh")


class Serving:
    """A server that runs. All raises Gone, and is then `broken`: it is to be stopped."""

    def __init__(self, server: Server, workspace: Workspace) -> None:
        self.broken = False
        self._server = server
        self._workspace = workspace
        self._connection: Connection | None = None
        self._pulls = self._versioned = False
        self._version = 0
        self._open = ("", "", "")  # the file that it has open: path, address, content
        self._files: dict[str, int] = {}
        self._found: list[dict[str, Any]] | None = None
        self._last: list[dict[str, Any]] | None = None  # of this file, before its last change
        self._news = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._connection is None or self._connection.over

    @classmethod
    async def start(cls, context: ToolContext, asked: Asked) -> Serving:
        """Start it in the sandbox: it reads, without network. Raises Gone and SandboxError."""
        server = asked.checker
        assert isinstance(server, Server), "the others are run"
        serving = cls(server, context.workspace)
        serving._files = await asyncio.to_thread(serving._on_disk)
        root = context.workspace.root
        process = await context.sandbox.spawn(
            Command(
                argv=(*_WITHOUT_TALK, str(asked.program), *server.arguments),
                cwd=root,
                env=asked.variables(context.workspace),
                read_only=True,
                limits=Limits(wall_s=None, memory_bytes=_MEMORY, output_bytes=None),
            )
        )
        connection = Connection(process, serving._answer, serving._heard)
        serving._connection = connection
        try:
            uri = root.as_uri()
            said = await connection.request(
                "initialize",
                {
                    "processId": None,
                    "rootUri": uri,
                    "workspaceFolders": [{"uri": uri, "name": root.name}],
                    "initializationOptions": dict(server.settings),
                    "capabilities": _capabilities(server.pulls),
                },
            )
            serving._pulls = server.pulls and bool(said["capabilities"].get("diagnosticProvider"))
            await connection.notify("initialized", {})
        except BaseException:
            await connection.close()
            raise
        return serving

    async def look(self, path: str, text: str) -> list[Finding]:
        """Return what it says of a file, were this its content; raises Gone."""
        assert self._connection is not None, "it was started"
        try:
            return await self._look(self._connection, path, text)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            self.broken = True
            raise Gone("it says something else than it should") from error
        except BaseException:
            self.broken = True  # an answer to this look may come in the next one
            raise

    async def stop(self) -> None:
        """End it; politely first, where it still listens."""
        if self._connection is None:
            return
        if not self.broken:
            with suppress(Gone, TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await self._connection.request("shutdown", None)
                    await self._connection.notify("exit", None)
        await self._connection.close()

    async def _look(self, connection: Connection, path: str, text: str) -> list[Finding]:
        await self._tell_of_changes(connection)
        uri = (self._workspace.root / raw(path)).as_uri()
        self._found = None
        self._news.clear()
        self._version += 2  # a server may count a closing as one
        await self._show(connection, path, uri, text)
        if self._pulls:
            asked = {"textDocument": {"uri": uri}}
            found = (await connection.request("textDocument/diagnostic", asked))["items"]
        else:
            found = await self._wait(connection)
        return [
            Finding(
                line=each["range"]["start"]["line"] + 1,
                message=str(each["message"]),
                code=str(each.get("code") or ""),
                grave=each.get("severity", _ERROR) == _ERROR,
            )
            for each in found
            if each.get("severity", _ERROR) in (_ERROR, _WARNING)
        ]

    async def _show(self, connection: Connection, path: str, uri: str, text: str) -> None:
        """Have the file open with this content, and no other file."""
        was, self._open = self._open, (path, uri, text)
        document: dict[str, Any] = {"uri": uri, "version": self._version}
        # closing has it told that there is nothing, which could come late
        if was[0] == path and was[2] != text:
            change = {"textDocument": document, "contentChanges": [{"text": text}]}
            await connection.notify("textDocument/didChange", change)
            return
        self._last = None
        if was[0]:
            await connection.notify("textDocument/didClose", {"textDocument": {"uri": was[1]}})
        language = language_of(path, text)
        document["languageId"] = self._server.languages[language.name if language else ""]
        document["text"] = text
        await connection.notify("textDocument/didOpen", {"textDocument": document})

    async def _wait(self, connection: Connection) -> list[dict[str, Any]]:
        """Return what it tells of the file by itself."""
        server, silent = self._server, 0.0
        while not connection.over:
            # the end of the server wakes nobody, so it is looked for now and then
            wait = _GLANCE if self._found is None else server.settle
            try:
                async with asyncio.timeout(wait):
                    await self._news.wait()
            except TimeoutError:
                silent += wait
            else:
                self._news.clear()
                if server.settle:
                    continue
            if self._found is None and server.quiet and silent >= server.quiet:
                self._found = self._last
            if self._found is not None:
                self._last = self._found
                return self._found
        raise Gone("it ended before it told anything")

    async def _tell_of_changes(self, connection: Connection) -> None:
        now = await asyncio.to_thread(self._on_disk)
        kinds = {path: _CREATED for path in now.keys() - self._files.keys()}
        kinds |= {path: _DELETED for path in self._files.keys() - now.keys()}
        kinds |= {path: _CHANGED for path, at in now.items() if self._files.get(path, at) != at}
        self._files = now
        if kinds:
            root = self._workspace.root
            changes = [
                {"uri": (root / raw(path)).as_uri(), "type": kind} for path, kind in kinds.items()
            ]
            await connection.notify("workspace/didChangeWatchedFiles", {"changes": changes})

    def _on_disk(self) -> dict[str, int]:
        """Return when each file of its languages was written; raises Gone where they are many."""
        languages, found = self._server.languages, dict[str, int]()
        listed = self._workspace.listing.files()
        for path in () if listed is None else listed:
            language = None if path.startswith("/") else language_of(path)
            if language is not None and language.name in languages:
                found[path] = self._workspace.changed_ns(path)
        if listed is None or len(found) > _WATCHED:
            raise Gone("too many files")
        return found

    def _answer(self, method: str, params: Any) -> Any:
        """Answer a request of the server's; raises LookupError."""
        match method:
            case "workspace/configuration":
                return [dict(self._server.settings) for _ in params["items"]]
            case "workspace/workspaceFolders":
                root = self._workspace.root
                return [{"uri": root.as_uri(), "name": root.name}]
            case (
                "client/registerCapability"
                | "client/unregisterCapability"
                | "window/workDoneProgress/create"
                | "workspace/diagnostic/refresh"
            ):
                return None
            case _:
                raise LookupError(method)

    def _heard(self, method: str, params: Any) -> None:
        if method != "textDocument/publishDiagnostics":
            return
        version = params.get("version")
        # a late word about another content has another version, one about a closed file none
        self._versioned = self._versioned or version is not None
        if version != (self._version if self._versioned else None):
            return
        if _path(params["uri"]) == _path(self._open[1]):
            self._found = params["diagnostics"]
            self._news.set()


def _path(uri: str) -> str:
    """Return the path of an address, in which servers escape different characters."""
    return unquote(urlsplit(uri).path, errors="surrogateescape")


async def consult(context: ToolContext, asked: Asked, text: str) -> tuple[Finding, ...] | None:
    """Return what a server says of its file with this content; None where it does not in time."""
    server, memory = asked.checker, context.memory.diagnosed
    serving = memory.servers.pop(server.name, None)
    try:
        async with asyncio.timeout(server.seconds):
            if isinstance(serving, Serving) and (serving.broken or serving.over):
                await serving.stop()
                serving = None
            if not isinstance(serving, Serving):
                serving = await Serving.start(context, asked)
            memory.servers[server.name] = serving
            found = await serving.look(asked.place.path, text)
    except TimeoutError:
        memory.slow[server.name] += 1
    except (Gone, SandboxError, PathError):
        memory.mute[server.name] += 1
    else:
        return tuple(found[:MOST_FOUND])
    return None


def _capabilities(pulls: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "synchronization": {"didSave": False},
        "publishDiagnostics": {"versionSupport": True},
    }
    if pulls:
        document["diagnostic"] = {"dynamicRegistration": False}
    workspace = {
        "configuration": True,
        "workspaceFolders": True,
        "didChangeWatchedFiles": {"dynamicRegistration": True},
    }
    return {"textDocument": document, "workspace": workspace}
