"""Bytes over HTTPS into a partial file, from where it ends."""

from __future__ import annotations

import asyncio
import errno
import http.client
import os
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from agent.models.catalog import Entry

Report = Callable[[int, int], None]
T = TypeVar("T")

CHUNK = 1 << 18
TIMEOUT_S = 8.0  # for a connection, and for each read
TRIES = 4  # in a row that brought nothing
LEAVE_S = 1.0  # seconds a cancelled thread has to notice
ENDPOINT = "https://huggingface.co"


class SourceFailed(Exception):
    """A source cannot give the bytes; another one may."""


class DiskFull(Exception):
    """There is no room for the rest."""

    def __init__(self, needed: int, available: int) -> None:
        super().__init__(f"{needed / 1e6:,.0f} MB needed, {available / 1e6:,.0f} MB free")


class Stopped(Exception):
    """The load was called off."""


def free(folder: Path) -> int:
    """Return the bytes that may still be written below a folder."""
    return shutil.disk_usage(folder).free


def size(path: Path) -> int:
    """Return a file's size in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


async def in_thread(work: Callable[[threading.Event], T]) -> T:
    """Run blocking work in a thread of its own; a cancel sets the event it was given.

    Not the loop's pool: that is joined at the end of the program, and a silent server would hold
    it up. After a cancel the work must touch nothing once it has seen the event.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only where T is None

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work(stop)
        except BaseException as caught:
            error = caught
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        stop.set()
        finished, _ = await asyncio.wait({done}, timeout=LEAVE_S)
        for future in finished:
            future.exception()  # seen; the cancellation is what counts
        raise


def append(file: BinaryIO, data: bytes) -> None:
    """Write to the partial file; raises DiskFull."""
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(len(data), free(Path(file.name).parent)) from None
        raise


def over_https(entry: Entry, partial: Path, report: Report, stop: threading.Event) -> None:
    """Bring the partial file to its end from Hugging Face, or from `HF_ENDPOINT`.

    Raises SourceFailed: at once when there is no connection, after some tries when it keeps
    breaking. Proxies are as `HTTPS_PROXY` says.
    """
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or ENDPOINT
    url = f"{endpoint}/{entry.repo}/resolve/main/{entry.file}"
    failures = 0
    heard = False
    while True:
        before = size(partial)
        try:
            if _attempt(url, entry, partial, report, stop):
                return
            reason = "the connection was cut"
            heard = True
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code != 429:
                raise SourceFailed(f"{url}: status {error.code}") from None
            reason, heard = f"{url}: status {error.code}", True
        except urllib.error.URLError as error:
            reason = str(error.reason)
        except (OSError, http.client.HTTPException) as error:
            reason, heard = str(error) or type(error).__name__, True
        after = size(partial)
        failures = 0 if after > before else failures + 1
        heard = heard or after > before
        if failures >= TRIES or not heard:
            raise SourceFailed(reason)
        if stop.wait(min(4.0, 0.25 * 2**failures)):
            raise Stopped


def _attempt(url: str, entry: Entry, partial: Path, report: Report, stop: threading.Event) -> bool:
    """Load on from where the file ends; return whether it is whole now."""
    have = size(partial)
    if have == entry.bytes and not entry.about:
        return True
    headers = {"User-Agent": "wisp", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # all of it is here
            error.close()
            return True
        raise
    with answer:
        if answer.status != 206:
            have = 0  # the server starts from the beginning
        total = have + int(answer.headers.get("Content-Length") or entry.bytes - have)
        if not entry.about and total != entry.bytes:
            raise SourceFailed(f"{url}: {total:,} bytes, not {entry.bytes:,}")
        with _Writer(partial, have) as writer:
            report(have, total)
            while data := answer.read(CHUNK):
                if stop.is_set():
                    raise Stopped
                writer.add(data)
                report(writer.size, total)
            return writer.size >= total


class _Writer:
    """The end of the partial file. Its errors are the disk's, not the connection's."""

    def __init__(self, path: Path, start: int) -> None:
        self._path = path
        self.size = start

    def __enter__(self) -> _Writer:
        self._file = self._path.open("ab" if self.size else "wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, data: bytes) -> None:
        """Append; raises DiskFull."""
        append(self._file, data)
        self.size += len(data)
