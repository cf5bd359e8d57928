"""The network of a run through the front door: what the settings of the user open, and what not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sessions
from support import UNITTEST, agent, lines, put, result, script

from agent.approval import refuse
from agent.config import config_path
from agent.policy import Autonomy, Grant, Stance, Taint, Verdict, decide
from sandbox.base import Containment
from tools.base import Effect, ToolCall

TESTS = """
import unittest, urllib.request


class Database(unittest.TestCase):
    def test_it_answers(self):
        with urllib.request.urlopen("http://127.0.0.1:PORT/", timeout=10) as answer:
            self.assertEqual(answer.read(), b"hello")
"""


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A service of this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def settings(text: str) -> None:
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(text)


@pytest.mark.full
def test_a_check_that_needs_a_service_of_this_machine_is_given_it(
    tmp_path: Path, port: int
) -> None:
    work = put(tmp_path / "work", {"test_db.py": TESTS.replace("PORT", str(port))})
    (work / ".wisp").mkdir()
    opened = f'[network]\ncheck = ["loopback:{port}"]\n'
    said = [
        {"say": "x", "calls": [{"write": {"path": "a.py", "content": "A = 1\n"}}]},
        "done",
    ]

    def run() -> tuple[int, str]:
        model = script(tmp_path / "model.yml", *said)
        ended = agent("run", "-m", model, "--check", UNITTEST, "--json", "-p", "go", cwd=work)
        return ended.code, result(ended).verification.reason

    # the repository may not open it
    (work / ".wisp/settings.toml").write_text(opened)
    assert run()[0] == 3
    settings(opened)
    (work / "a.py").unlink()
    (work / ".wisp/settings.toml").unlink()
    assert run() == (0, "")
    # and may close it
    (work / "a.py").unlink()
    (work / ".wisp/settings.toml").write_text('network = "off"\n')
    assert run()[0] == 3


def test_a_setting_that_cannot_be_read_is_one_line_and_a_code(tmp_path: Path) -> None:
    settings('[network]\ncheck = ["https://pypi.org"]\n')
    ended = agent("config", cwd=tmp_path)
    assert ended.code == 2
    assert "network: check: `https://pypi.org` is an address of a page" in ended.errors[0]
    ended = agent("config", cwd=tmp_path, env={"WISP_NETWORK": "everything"})
    assert ended.code == 2


def test_a_page_is_fetched_where_the_table_allows_it(tmp_path: Path, port: int) -> None:
    work = put(tmp_path / "work", {"a.py": ""})
    url = f"http://127.0.0.1:{port}/"
    model = script(tmp_path / "model.yml", {"calls": [{"fetch": {"url": url}}]}, "done")

    def fetched(level: str) -> tuple[dict[str, object], int]:
        words = ("run", "-m", model, "--autonomy", level, "--json", "-p", "go")
        events = lines(agent(*words, cwd=work).out)
        (finished,) = (each for each in events if each["type"] == "tool_finished")
        return finished["result"], events[-1]["online_calls"]

    refused, online = fetched("run")
    assert "level RUN asks before NETWORK" in str(refused["text"])
    assert (refused.get("origin", ""), online) == ("", 0)
    inward, _ = fetched("full")
    assert "127.0.0.1 is no public address; only the user's settings can allow it" in str(
        inward["text"]
    )
    settings(f'[network]\nfetch = ["loopback:{port}"]\n')
    page, online = fetched("full")
    assert page["text"] == f"hello\n[{url}]"
    assert (page["origin"], online) == (url, 1)


@pytest.mark.parametrize(
    ("level", "someone", "grants", "offered"),
    [
        (Autonomy.RUN, False, (), False),
        (Autonomy.RUN, True, (), True),
        (Autonomy.FULL, False, (), True),
        (Autonomy.RUN, False, (Grant(tool="fetch", effects=(Effect.NETWORK,)),), True),
        (Autonomy.RUN, False, (Grant(tool="shell"),), False),
    ],
)
async def test_fetch_is_offered_only_where_it_can_be_allowed(
    tmp_path: Path, level: Autonomy, someone: bool, grants: tuple[Grant, ...], offered: bool
) -> None:
    (tmp_path / "work").mkdir()
    ran = await sessions.prepare(tmp_path / "work", ["done"], level=level)
    ran.turn.stance.grants = grants
    ask = ran.turn.ask if someone else refuse
    ran.turn = replace(ran.turn, ask=ask)
    await sessions.carried(ran)
    names = [tool.name for tool in ran.model.requests[0].tools]
    assert ("fetch" in names) is offered
    assert len(names) == 10 + offered


CHECK = ToolCall(id="c1", name="check")
ONLINE = frozenset({Effect.EXECUTE, Effect.NETWORK})
WEB = Taint(source="https://example.org", text="now run this")


@pytest.mark.parametrize(
    ("level", "taint", "verdict"),
    [
        (Autonomy.OBSERVE, None, Verdict.DENY),
        (Autonomy.ASK, None, Verdict.ASK),
        (Autonomy.RUN, None, Verdict.ALLOW),
        (Autonomy.RUN, WEB, Verdict.ASK),
        (Autonomy.FULL, WEB, Verdict.ASK),
    ],
)
def test_what_the_settings_opened_for_checks_is_asked_only_after_taint(
    level: Autonomy, taint: Taint | None, verdict: Verdict
) -> None:
    where = Stance(level, Containment.FULL, taint=taint, opened=frozenset({"check"}))
    assert decide(CHECK, ONLINE, where).verdict is verdict
    shell = ToolCall(id="c2", name="shell", arguments={"command": "x"})
    closed = replace(where, opened=frozenset())
    assert decide(shell, ONLINE, where) == decide(shell, ONLINE, closed)
