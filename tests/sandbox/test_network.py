"""The network of a command in the real sandbox: off, loopback, hosts; and what gets round none."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

from sandbox.base import Command, Limits, SandboxError
from sandbox.bubblewrap import Bubblewrap
from sandbox.reach import Reach
from sandbox.workspace import Workspace
from tests.sandbox.servers import Names, site
from tests.sandbox.test_watcher import comes, ended, living, started

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box, Ground

LISTED, OTHER = "127.0.0.2", "127.0.0.3"

# sends each request to the proxy, or straight to an address, and prints the first line of an answer
ASK = """
import json, os, socket, sys
door = os.environ.get("http_proxy", "http://127.0.0.1:9").rpartition(":")[2]
for place, request in json.loads(sys.argv[1]):
    host, port = place or ("127.0.0.1", int(door))
    try:
        with socket.create_connection((host, port), 5) as talk:
            talk.sendall(request.encode("latin-1"))
            talk.shutdown(1)
            said = b""
            while data := talk.recv(65536):
                said += data
        print(said.decode("latin-1").splitlines() or "nothing")
    except OSError as error:
        print("stopped")
"""


def ask(*requests: tuple[tuple[str, int] | None, str]) -> str:
    """Return the shell line that sends these."""
    return shlex.join((sys.executable, "-I", "-c", ASK, json.dumps(requests)))


def get(host: str, port: int) -> tuple[None, str]:
    return None, f"GET http://{host}:{port}/ HTTP/1.1\r\n\r\n"


def box_of(full: Box, names: Names) -> Box:
    """Return the box with names that lead where a test says."""
    full.sandbox = Bubblewrap(Workspace(full.ground.root), home=full.ground.home, lookup=names)
    return full


def words(*names: str, port: int, also: Sequence[str] = (LISTED,)) -> Reach:
    return Reach.parse([*(f"{name}:{port}" for name in names), *also])


@pytest.mark.full
async def test_a_listed_host_is_reached_and_no_other(full: Box) -> None:
    names = Names({"ok.test": [LISTED], "evil.test": [OTHER], "in.test": ["127.0.0.1"]})
    async with site("listed", LISTED) as listed, site("other", OTHER, listed.port) as other:
        at = listed.port
        result, said = await box_of(full, names).result(
            ask(
                get("ok.test", at),
                (None, f"CONNECT ok.test:{at} HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
                get("evil.test", at),
                get("evil\0.ok.test", at),
                get("ok.test.", at),
                get("evil.test@ok.test", at),
                get(OTHER, at),
                get("2130706435", at),
                get("[::ffff:127.0.0.3]", at),
                get("in.test", at),
            ),
            reach=words("ok.test", "in.test", port=at),
        )
        told = said.splitlines()
        assert told[0].endswith("'listed']")
        assert told[1].endswith("'listed']")
        assert "is not on the list (in.test:" in told[2]
        assert [line[2:10] for line in told[2:]] == ["HTTP/1.1"] * 8
        assert all(" Wisp: " in line for line in told[2:])
        assert (listed.connections, other.connections) == (2, 0)
        assert result.reached == ("ok.test",)
        assert f"network: evil.test:{at} was refused: evil.test is not on the list" in " ".join(
            result.notes
        )
        assert "list 127.0.0.1 too" in result.notes[-1]


@pytest.mark.full
async def test_an_empty_list_is_no_network(full: Box) -> None:
    names = Names({"ok.test": [LISTED]})
    async with site("listed", LISTED) as listed:
        said = await box_of(full, names).sh(
            "env | grep -i _proxy; "
            + ask(get("ok.test", listed.port), ((LISTED, listed.port), "x")),
            reach=Reach.parse([]),
        )
        assert said == "stopped\nstopped\n"
        assert (listed.connections, names.looked_up) == (0, [])


@pytest.mark.full
async def test_nothing_is_reached_without_the_proxy(full: Box) -> None:
    async with site("listed", LISTED) as listed, site("local", "127.0.0.1") as local:
        at = listed.port
        places = ((LISTED, at), ("127.0.0.1", local.port), ("::1", local.port))
        curl = "curl -sS -m 5 --noproxy '*' -o /dev/null 2>/dev/null"
        said = await box_of(full, Names({"ok.test": [LISTED]})).sh(
            f"{curl} http://ok.test:{at}/ || echo not by name;"
            f" {curl} http://{LISTED}:{at}/ || echo nor address;"
            + ask(*((place, "x") for place in places)),
            reach=words("ok.test", port=at),
        )
        assert said == "not by name\nnor address\nstopped\nstopped\nstopped\n"
        assert (listed.connections, local.connections) == (0, 0)


@pytest.mark.full
async def test_programs_find_the_proxy_and_their_own_servers(full: Box) -> None:
    async with site("listed", LISTED) as listed:
        result, said = await box_of(full, Names({"ok.test": [LISTED]})).result(
            f"curl -sS -m 20 http://ok.test:{listed.port}/; echo;"
            f" curl -sS -m 20 -p http://ok.test:{listed.port}/; echo;"
            " curl -sS -m 20 https://evil.test/ 2>&1; git ls-remote http://evil.test/x 2>&1;"
            f" {sys.executable} -m http.server 8080 --bind 127.0.0.1 >/dev/null 2>&1 &"
            " sleep 0.1; until curl -sf http://localhost:8080/ >/dev/null; do sleep 0.1; done;"
            " echo own; kill %1 2>/dev/null; env | grep -c '^[a-zA-Z]*_proxy=http://127.0.0.1:'",
            reach=words("ok.test", port=listed.port),
        )
        assert said.startswith("listed\nlisted\n")
        assert "403" in said
        assert said.endswith("own\n3\n")
        assert [note.split(" was")[0] for note in result.notes] == [
            "network: evil.test:443",
            "network: evil.test:80",
        ]


@pytest.mark.full
async def test_proxies_of_the_user_are_not_the_commands(
    full: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "http://theirs.test:3128")
    said = await full.sh("env | grep -i _proxy", reach=Reach.parse(["ok.test"]))
    assert "theirs" not in said
    assert len(said.splitlines()) == 8


@pytest.mark.full
async def test_a_port_of_loopback_is_the_machines_own(full: Box) -> None:
    async with site("database") as database, site("other") as other:
        listed = await full.sh(
            ask(
                (("127.0.0.1", database.port), "hello\r\n\r\n"),
                (("::1", database.port), "hello\r\n\r\n"),
                (("127.0.0.1", other.port), "hello\r\n\r\n"),
            )
            + "; env | grep -ic _proxy",
            reach=Reach.parse([f"loopback:{database.port}"]),
        )
        assert listed.splitlines()[0].endswith("'database']")
        assert listed.splitlines()[1:] == [listed.splitlines()[0], "stopped", "0"]
        assert (database.connections, other.connections) == (2, 0)


@pytest.mark.full
async def test_plain_loopback_is_every_port_that_is_listened_on(full: Box) -> None:
    async with site("one") as one, site("two", "::1") as two:
        said = await full.sh(
            ask((("127.0.0.1", one.port), "x\r\n\r\n"), (("::1", two.port), "x\r\n\r\n"))
            + f"; {sys.executable} -c 'import socket; socket.create_server((\"127.0.0.1\", 0))'"
            " && echo own",
            reach=Reach.parse(["loopback"]),
        )
        first, second, own = said.splitlines()
        assert (first[-6:], second[-6:], own) == ("'one']", "'two']", "own")


@pytest.mark.full
async def test_what_a_command_sent_last_arrives(full: Box) -> None:
    async with site("database") as database:
        code = (
            "import os, socket; s = socket.create_connection(('127.0.0.1', %d));"
            " s.sendall(b'x' * 300_000 + b'end'); os._exit(0)"
        )
        reach = Reach.parse([f"loopback:{database.port}"])
        await full.sh(f'{sys.executable} -c "{code % database.port}"', reach=reach)
        assert len(database.asked[0]) == 300_003


@pytest.mark.full
async def test_a_port_that_nobody_listens_on_is_told(full: Box) -> None:
    async with site("gone") as gone:
        port = gone.port
    result, said = await full.result(
        ask((("127.0.0.1", port), "x")), reach=Reach.parse([f"loopback:{port}"])
    )
    assert said in ("stopped\n", "nothing\n")
    assert result.notes == (f"network: nothing listens on port {port} of this machine",)


@pytest.mark.full
async def test_a_command_is_as_without_a_gateway(full: Box) -> None:
    reach = Reach.parse(["ok.test", "loopback"])
    result, said = await full.result(
        'echo "$0 $1"; ls /proc/self/fd | wc -l; (yes; echo never) | head -1; kill -TERM $$',
        "two words",
        reach=reach,
    )
    assert said == "sh two words\n4\ny\n"
    assert result.exit_code == 128 + 15
    plain = await full.sh("ls /proc >/tmp/l; grep -c '^[0-9]' /tmp/l; cat", stdin=b"in\n")
    assert (
        await full.sh("ls /proc >/tmp/l; grep -c '^[0-9]' /tmp/l; cat", stdin=b"in\n", reach=reach)
        == plain
    )
    missing = Command(("no-such-program",), full.ground.root, reach=reach)
    output = bytearray()
    assert (await full.sandbox.run(missing, output.extend)).exit_code == 126
    assert output == b"no-such-program: No such file or directory\n"


@pytest.mark.full
async def test_the_doors_close_with_the_command_and_leave_nothing(full: Box) -> None:
    full.sandbox = Bubblewrap(Workspace(full.ground.root), home=full.ground.home)
    await full.sh("true")  # the watcher and the loop keep some
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 only their number
    async with site("database") as database:
        reach = Reach.parse(["ok.test", f"loopback:{database.port}"])
        talk = f"import socket, time; s = socket.create_connection(('127.0.0.1', {database.port}))"
        script = f'{sys.executable} -c "{talk}; print(1, flush=True); time.sleep(60)"'
        result, _ = await full.result(script, wall=2, reach=reach)
        assert result.timed_out
        running = asyncio.create_task(full.sh(script, reach=reach))
        await database.connected(2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        process = await full.sandbox.spawn(
            Command(("/bin/sh", "-c", script), full.ground.root, reach=reach)
        )
        assert await process.read() == b"1\n"
        await process.stop()
        while await process.read():
            pass
        del process
    await asyncio.sleep(0.1)
    assert len(os.listdir("/proc/self/fd")) <= len(before)  # noqa: PTH208 only their number


@pytest.mark.full
async def test_a_command_left_running_has_its_network_and_its_notes(full: Box) -> None:
    async with site("listed", LISTED) as listed:
        box = box_of(full, Names({"ok.test": [LISTED]}))
        line = ask(get("ok.test", listed.port), get("evil.test", 80))
        process = await box.sandbox.spawn(
            Command(
                ("/bin/sh", "-c", f"{line}; cat"),
                box.ground.root,
                reach=words("ok.test", port=listed.port),
                limits=Limits(kill_grace_s=0.3),
            )
        )
        said = b""
        while b"evil" not in said:
            said += await process.read()
        assert b"'listed']" in said
        result = await process.stop()
        assert result.reached == ("ok.test",)
        assert result.notes[0].startswith("network: evil.test:80 was refused: ")


@pytest.mark.full
async def test_too_many_connections_at_once_are_cut_off(full: Box) -> None:
    code = """
import os, socket
port = int(os.environ["http_proxy"].rpartition(":")[2])
talks = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
cut = 0
for talk in talks[200:]:
    talk.settimeout(10)
    try:
        cut += talk.recv(1) == b""
    except ConnectionError:
        cut += 1
print(cut)
"""
    reach = Reach.parse(["ok.test"])
    result, said = await full.result(f"{sys.executable} -c '{code}'", reach=reach)
    assert int(said) == 200
    assert "connections at once were cut off" in result.notes[0]


GATEWAY = """
import asyncio, sys
from pathlib import Path
from sandbox.base import Command
from sandbox.bubblewrap import Bubblewrap
from sandbox.reach import Reach
from sandbox.workspace import Workspace

root = Path(sys.argv[1])
box = Bubblewrap(Workspace(root))
script = 'echo "$http_proxy" > up; exec sleep 60'
reach = Reach.parse(["ok.test", "loopback"])
command = Command(("/bin/sh", "-c", script, str(root)), root, reach=reach)
asyncio.run(box.run(command, print))
"""


@pytest.mark.full
def test_nothing_is_left_after_a_kill_of_us(ground: Ground) -> None:
    with started(GATEWAY, ground.root) as process:
        up = ground.root / "up"
        assert comes(lambda: up.exists() and up.read_text().startswith("http://127.0.0.1:"), 30)
        assert living(ground.root)
        process.kill()
        process.wait()
        assert comes(lambda: ended(ground.root)), living(ground.root)
        # the masks of names that are not there go by the watcher
        assert comes(lambda: {path.name for path in ground.root.iterdir()} == {".git", "up"})


@pytest.mark.parametrize("word", ["ok.test", "loopback", "loopback:5432"])
async def test_the_reduced_sandbox_refuses_what_it_cannot_hold(reduced: Box, word: str) -> None:
    with pytest.raises(SandboxError, match=r"no hosts and no loopback alone; .* it wanted " + word):
        await reduced.sh("true", reach=Reach.parse([word]))
    assert await reduced.sh("echo all", reach=Reach.parse([word]), network=True) == "all\n"
