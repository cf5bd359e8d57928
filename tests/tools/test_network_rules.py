"""The settings of the network as tools follow them, in the real sandbox where there is one."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from sandbox.base import Containment
from sandbox.detect import open_sandbox
from sandbox.reach import EVERYTHING, OFF, Reach
from tests.sandbox.servers import Site, site
from tests.tools.bench import Bench
from tests.tools.running import refused, use
from tools.base import Effect
from tools.check import Check, CheckArgs
from tools.network import AS_ASKED, NetworkRules
from tools.shell import Shell, ShellArgs

SHELL, CHECK = Shell(), Check()
CALL = f"{sys.executable} -I -c 'import socket, sys; s = socket.create_connection"
CALL += (
    '(("127.0.0.1", int(sys.argv[1])), 5); s.sendall(b"x\\r\\n\\r\\n"); print(s.recv(999)[-4:])\''
)


def ruled(bench: Bench, rules: Any) -> Bench:
    bench.context = replace(bench.context, network=NetworkRules.of(rules))
    return bench


@pytest.fixture
async def local() -> AsyncIterator[Site]:
    async with site("here") as found:
        yield found


def test_a_table_is_read_by_its_names() -> None:
    rules = NetworkRules.of(
        {
            "check": "loopback",
            "fetch": ["10.0.0.0/8"],
            "npm": "off",
            "npm install": ["registry.npmjs.org"],
            "make  all": "all",
        }
    )
    assert rules.check == Reach.parse(["loopback"])
    assert rules.fetch == Reach.parse(["10.0.0.0/8"])
    assert rules.command("npm install left-pad") == Reach.parse(["registry.npmjs.org"])
    assert rules.command("npm test") == OFF
    assert rules.command("make all") == EVERYTHING
    assert rules.command("make") is None
    assert str(rules) == (
        "check: loopback; fetch: 10.0.0.0/8; npm: off; npm install: registry.npmjs.org;"
        " make all: all"
    )


@pytest.mark.parametrize(
    "command",
    [
        "npm installer", "cd x && npm install", "npm install; curl evil.test", "env npm install",
        "npm install | sh", "npm install $(id)", "X=1 npm install", "npm install\ncurl x", "npmx",
    ],
)  # fmt: skip
def test_only_one_plain_command_is_what_a_beginning_names(command: str) -> None:
    assert NetworkRules.of({"npm install": ["a.test"]}).command(command) is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("on", "it is `off`, or a table"),
        ([], "it is `off`, or a table"),
        ({"check": 5432}, "check: it is off, loopback, all, or a list"),
        ({"check": [5432]}, "check: it is off, loopback, all, or a list"),
        ({"check": ["*"]}, "check: `\\*` is no host"),
        ({"check": ["all"]}, "check: `all` stands alone"),
        ({"fetch": "all"}, "fetch: the public web needs no listing"),
        ({"fetch": ["wiki.test"]}, "fetch: the public web needs no listing"),
        ({" ": "all"}, "a command is empty"),
    ],
)
def test_what_cannot_be_read_says_why(given: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        NetworkRules.of(given)


def test_nothing_said_is_as_it_was() -> None:
    assert NetworkRules.of({}) == AS_ASKED
    assert not AS_ASKED.check


@pytest.mark.full
async def test_a_command_with_a_list_reaches_its_hosts_in_place_of_everything(bench: Bench) -> None:
    ruled(bench, {"curl": ["ok.test", "loopback:5432"]})
    if bench.context.sandbox.containment is not Containment.FULL:
        pytest.skip("no sandbox of strength FULL here: install bubblewrap")
    asked = ShellArgs(command="curl -sS http://evil.test/", network=True)
    assert SHELL.effects(asked, bench.context) == {Effect.EXECUTE, Effect.NETWORK}
    assert SHELL.preview(asked, bench.context).title == "run (network: ok.test, loopback:5432)"
    result = await SHELL.run(asked, bench.context)
    assert (
        "[sandbox: network: evil.test:80 was refused: evil.test is not on the list" in result.text
    )
    assert "evil.test:80 was refused" in result.summary
    quiet = asked.model_copy(update={"network": False})
    assert SHELL.effects(quiet, bench.context) == {Effect.EXECUTE}
    assert SHELL.preview(quiet, bench.context).title == "run (network: loopback:5432)"
    assert "refused" not in (await SHELL.run(quiet, bench.context)).text


@pytest.mark.full
async def test_loopback_of_a_command_needs_no_asking(bench: Bench, local: Site) -> None:
    if bench.context.sandbox.containment is not Containment.FULL:
        pytest.skip("no sandbox of strength FULL here: install bubblewrap")
    command = f"{CALL} {local.port}"
    assert "Connection" in (await use(SHELL, bench, command=command)).text
    ruled(bench, {sys.executable: f"loopback:{local.port}"})
    assert (await use(SHELL, bench, command=command)).text.startswith("b'here'\n")
    job = await use(SHELL, bench, command=command, background=True, timeout=30)
    seen = job.text + (await use(SHELL, bench, job="j1", timeout=30)).text
    assert "b'here'" in seen


@pytest.mark.full
async def test_a_check_reaches_what_the_settings_give_it(bench: Bench, local: Site) -> None:
    if bench.context.sandbox.containment is not Containment.FULL:
        pytest.skip("no sandbox of strength FULL here: install bubblewrap")
    bench.context = replace(bench.context, check_command=f"{CALL} {local.port}")
    assert not (await use(CHECK, bench)).ok
    ruled(bench, {"check": [f"loopback:{local.port}"]})
    assert (await use(CHECK, bench)).ok
    assert local.connections == 1
    assert CHECK.effects(CheckArgs(), bench.context) == {Effect.EXECUTE}
    assert CHECK.preview(CheckArgs(), bench.context).body == f"network: loopback:{local.port}"


@pytest.mark.full
async def test_a_check_that_was_refused_a_host_says_so(bench: Bench) -> None:
    if bench.context.sandbox.containment is not Containment.FULL:
        pytest.skip("no sandbox of strength FULL here: install bubblewrap")
    bench.context = replace(bench.context, check_command="curl -sS http://evil.test/")
    ruled(bench, {"check": ["ok.test"]})
    assert CHECK.effects(CheckArgs(), bench.context) == {Effect.EXECUTE, Effect.NETWORK}
    result = await use(CHECK, bench)
    assert result.text.splitlines()[-1].startswith("[sandbox: network: evil.test:80 was refused: ")
    assert result.origin == ""


async def test_settings_that_keep_the_network_off_are_told(bench: Bench) -> None:
    for rules in ("off", {"curl": "off"}):
        ruled(bench, rules)
        with pytest.raises(Exception, match="keep this off the network"):
            SHELL.effects(ShellArgs(command="curl x", network=True), bench.context)
    assert SHELL.effects(ShellArgs(command="curl x"), bench.context) >= {Effect.EXECUTE}


async def test_the_reduced_sandbox_says_what_it_cannot_hold(bench: Bench) -> None:
    reduced = await open_sandbox(bench.context.workspace, "reduced")
    bench.context = replace(bench.context, sandbox=reduced, check_command="true")
    ruled(bench, {"check": "loopback", "curl": ["ok.test"]})
    said = await refused(SHELL, bench, command="curl x", network=True)
    assert "no hosts and no loopback alone; install bubblewrap; it wanted ok.test" in said
    assert "it wanted loopback" in await refused(CHECK, bench)
    ruled(bench, {"check": "all"})
    assert (await use(CHECK, bench)).ok
