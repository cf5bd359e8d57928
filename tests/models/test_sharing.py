"""What sharing a host stands on, without a model: peers, places, the queue, who is sent to."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support import agent

from agent.config import Settings, state_path
from agent.models import _peer, hosts
from agent.models._berth import LONGEST, Berth, Card, berth_of, folder_in, identity_of
from agent.models._frames import HEAD, Frame, length, packed
from agent.models._requests import Requests
from agent.models._sharing import Sharing, Visitor

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def state() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wisp-") as top:
        yield Path(top)


class Told:
    """A client that keeps what it is sent."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)


def received(connection: socket.socket) -> Frame:
    head = connection.recv(HEAD, socket.MSG_WAITALL)
    frame: Frame = json.loads(connection.recv(length(head), socket.MSG_WAITALL))
    return frame


@pytest.mark.parametrize(
    ("given", "environ", "stays"),
    [
        ({}, {}, 600),
        ({}, {"CI": "true"}, 0),
        ({"host": "private"}, {}, 0),
        ({"host_idle": 30}, {}, 30),
        ({"host_idle": 0}, {}, 0),
    ],
)
def test_a_host_is_shared_unless_somebody_says_no(
    given: Frame, environ: dict[str, str], stays: int
) -> None:
    assert Settings.model_validate(given).stays(environ) == stays


def test_only_a_process_of_the_same_user_is_spoken_to() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert _peer.is_of(ours)
        assert _peer.is_of(ours, os.geteuid())
        assert not _peer.is_of(ours, os.geteuid() + 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_is_hung_up_on_without_a_word(state: Path) -> None:
    state.chmod(0o755)
    with hosting(state) as (_, identity, path):
        path.chmod(0o777)
        path.parent.chmod(0o755)
        for user, answer in ((0, b"loading"), (65534, b"b''")):
            said = subprocess.run(
                [sys.executable, "-c", ASKS, path, json.dumps(identity), str(user)],
                stdout=subprocess.PIPE,
                check=True,
            )
            assert answer in said.stdout


ASKS = """
import json, os, socket, struct, sys
os.setgroups([])
os.setresgid(*[int(sys.argv[3])] * 3)
os.setresuid(*[int(sys.argv[3])] * 3)
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
data = json.dumps({"hello": json.loads(sys.argv[2])}).encode()
try:
    connection.sendall(struct.pack("<I", len(data)) + data)
    print(connection.recv(100))
except ConnectionError:
    print(b"")
"""


class hosting:
    """A host's side without a model, in this process."""

    def __init__(self, state: Path) -> None:
        folder = folder_in(state)
        assert folder is not None
        self._card = Card.take(Berth(folder, "there"))
        self._listener = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> tuple[Sharing, Frame, Path]:
        assert self._card is not None
        path = self._card.berth.socket
        self._listener.bind(str(path))
        self._listener.listen()
        identity: Frame = {"path": "/a.gguf", "window": 512, "wisp": "0"}
        sharing = Sharing(self._listener, self._card, identity, "a", 60)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        sharing.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return sharing, identity, path

    def __exit__(self, *_: object) -> None:
        assert self._card is not None
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        os.close(self._card.descriptor)


def connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    return connection


def test_a_session_of_another_version_is_refused(state: Path) -> None:
    with hosting(state) as (_, identity, path):
        with connected(path) as other:
            other.sendall(packed({"hello": {**identity, "wisp": "1"}}))
            assert received(other) == {"refused": "this is a host of another version"}
            assert other.recv(1) == b""
        with connected(path) as same:
            same.sendall(packed({"hello": identity}))
            assert received(same) == {"loading": os.getpid()}


def test_what_comes_in_place_of_a_first_frame_is_hung_up_on(state: Path) -> None:
    with hosting(state) as (_, _, path):
        for junk in (b"GET / HTTP/1.1\r\n\r\n", packed({}), b"\x02\0\0\0{]", b"\xff" * 8):
            with connected(path) as other, suppress(ConnectionError):
                other.sendall(junk)
                other.shutdown(socket.SHUT_WR)
                while data := other.recv(1000):
                    assert b"loading" not in data


def test_sessions_are_told_how_loading_went_whenever_they_came(state: Path) -> None:
    with (
        hosting(state) as (sharing, identity, path),
        connected(path) as early,
        connected(path) as late,
    ):
        early.sendall(packed({"hello": identity}))
        assert "loading" in received(early)
        sharing.opened({"ready": {"window": 512}})
        late.sendall(packed({"hello": identity}))
        assert "loading" in received(late)
        assert received(early) == received(late) == {"ready": {"window": 512}}


def test_a_host_that_cannot_load_waits_until_somebody_knows(state: Path) -> None:
    why = {"failed": {"kind": "file", "text": "it is cut off"}}
    with hosting(state) as (sharing, identity, path):
        failing = threading.Thread(target=sharing.failed, args=(why,))
        failing.start()
        with connected(path) as late:
            late.sendall(packed({"hello": identity}))
            assert "loading" in received(late)
            assert received(late) == why
        failing.join()


def test_a_host_of_another_container_is_not_signalled(state: Path) -> None:
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with (
        hosting(state) as (_, _, path),
        subprocess.Popen(waits, stdin=subprocess.PIPE) as bystander,
    ):
        (host,) = hosts.running(state)
        path.unlink()  # it is not reached from here
        told = replace(host, pid=bystander.pid)
        host.berth.card.write_text(
            host.berth.card.read_text().replace(str(host.pid), str(told.pid))
        )
        assert hosts.stop(told) == "stays"
        assert bystander.poll() is None


def test_a_session_that_does_not_read_is_dropped_and_the_others_go_on() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        visitor = Visitor(ours)
        visitor.send({"text": "x" * (4 << 20)}, within=0.0)
        visitor.send({"text": "y"})  # says nothing any more
        read = bytearray()
        while data := theirs.recv(1 << 20):
            read += data
        assert len(read) < 4 << 20
        with pytest.raises(EOFError):
            visitor.receive()


def test_requests_are_taken_in_their_order_and_a_waiting_one_is_told_once() -> None:
    requests, stop = Requests(), threading.Event()
    first, second = Told(), Told()
    requests.put(first, {"id": 1, "op": "a"})
    requests.put(first, {"id": 2, "op": "b"})
    requests.put(second, {"id": 1, "op": "c"})
    taken = [requests.take(stop) for _ in range(3)]
    assert [each and each[1]["op"] for each in taken] == ["a", "b", "c"]
    assert (first.frames, second.frames) == ([], [{"id": 1, "waits": True}])


def test_a_cancel_is_of_a_number_of_its_own_client_only() -> None:
    requests, stop = Requests(), threading.Event()
    first, second = Told(), Told()
    requests.put(first, {"id": 1})
    requests.put(second, {"id": 1})
    assert requests.take(stop) == (first, {"id": 1})
    requests.put(second, {"cancel": 1})
    assert second.frames[-1] == {"id": 1, "cancelled": True}
    assert not stop.is_set()
    requests.put(second, {"cancel": 1})  # there is none any more
    assert not stop.is_set()
    requests.put(first, {"cancel": 1})
    assert stop.is_set()
    assert requests.take(stop, idle=0.0) is None
    assert not stop.is_set()


def test_a_client_that_is_gone_takes_all_it_asked_for_with_it() -> None:
    requests, stop = Requests(), threading.Event()
    first, second = Told(), Told()
    for number in (1, 2):
        requests.put(first, {"id": number})
        requests.put(second, {"id": number})
    assert requests.take(stop) == (first, {"id": 1})
    requests.leave(second)
    assert not stop.is_set()
    requests.leave(first)
    assert stop.is_set()
    assert requests.take(stop, idle=0.0) is None


def test_the_end_calls_off_what_runs_and_nothing_is_taken_after_it() -> None:
    requests, stop = Requests(), threading.Event()
    client = Told()
    requests.put(client, {"id": 1})
    requests.put(client, {"id": 2})
    assert requests.take(stop) is not None
    requests.end()
    assert stop.is_set()
    assert requests.take(stop) is None


def test_a_place_is_one_processes_and_free_once_that_is_dead(state: Path) -> None:
    folder = folder_in(state)
    assert folder is not None
    berth = Berth(folder, "there")
    program = (
        "import sys; from pathlib import Path\n"
        "from agent.models._berth import Berth, Card\n"
        "card = Card.take(Berth(Path(sys.argv[1]), 'there')); card.write({'pid': 7})\n"
        "print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROJECT,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"taken\n"
        assert berth.taken()
        assert berth.told() == {"pid": 7}
        assert Card.take(berth) is None
        berth.clear()
        assert berth.card.exists()
        other.kill()
    assert not berth.taken()
    berth.clear()
    assert list(folder.iterdir()) == []


def test_the_folder_of_hosts_is_its_users_alone(state: Path) -> None:
    folder = folder_in(state)
    assert folder is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o750)
    assert folder_in(state) is None
    folder.rmdir()
    elsewhere = state / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)
    assert folder_in(state) is None


def test_where_the_path_of_a_socket_is_too_long_there_is_no_place(state: Path) -> None:
    found = berth_of(state, {})
    assert found is not None
    left = LONGEST - len(str(found.socket))
    assert berth_of(state / ("x" * (left - 1)), {}) is not None
    assert berth_of(state / ("x" * left), {}) is None


def test_what_differs_in_the_slightest_has_another_place(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"GGUF")
    plain = {"path": str(file), "window": 512, "plain": False}

    def place(settings: Frame = plain, environ: dict[str, str] | None = None) -> Berth | None:
        return berth_of(state, identity_of(settings, environ or {}))

    first = place()
    assert first == place()
    others = [
        place({**plain, "window": 1024}),
        place({**plain, "plain": True}),
        place(environ={"CUDA_VISIBLE_DEVICES": "1"}),
    ]
    os.utime(file, ns=(1, 1))
    others.append(place())
    link = tmp_path / "b.gguf"
    link.symlink_to(file)
    assert others[-1] == place({**plain, "path": str(link)})
    assert len({first, *others}) == 5


CONNECTS = """
import os, socket, sys
try:
    os.chdir(sys.argv[1])
    socket.socket(socket.AF_UNIX).connect("a.sock")
except OSError as error:
    print("no:", type(error).__name__)
else:
    print("reached")
"""


@pytest.mark.parametrize("kind", [pytest.param("full", marks=pytest.mark.full), "reduced", "off"])
def test_a_contained_command_cannot_reach_the_socket_of_a_host(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_in(state_path())
    assert folder is not None
    monkeypatch.chdir(folder)  # however long its path is
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.sock")
        listener.listen()
        words = ("python3", "-c", CONNECTS, folder)
        ended = agent("sandbox", "run", f"--sandbox={kind}", "--", *words, cwd=tmp_path)
    if ended.code == 4:
        pytest.skip(f"NOT TESTED: {ended.errors}")
    if kind == "off":
        assert ended.out == "reached\n", ended
    else:
        assert ended.out.startswith("no: "), ended
