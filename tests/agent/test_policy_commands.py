"""`agent policy`: the rule, the reason, and what another level would have done."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from grammar import holds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sessions import Ran
from support import Ended, agent, put, result, script
from test_grammar import Story, stories, told

from agent import log
from agent.config import config_path
from agent.events import CallDecided, ToolRequested
from agent.policy import Autonomy, Verdict
from agent.remembered import grants_path
from agent.replay.deciding import replay

ALLOWS = {Verdict.DENY: 0, Verdict.ASK: 1, Verdict.ALLOW: 2}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.py": "x = 1\n"})


def rows(ended: Ended) -> list[str]:
    assert ended.code == 0, ended
    return [" ".join(each.split()) for each in ended.out.splitlines()]


# -- show


def test_show_prints_the_table_the_row_the_containment_and_the_grants(
    work: Path, home: Path
) -> None:
    grants_path().parent.mkdir(parents=True)
    grants_path().write_text('[[grant]]\nrule = "shell: make"\n')
    grants_path().chmod(0o600)
    put(work, {".wisp/settings.toml": 'autonomy = "edit"\ncheck = "x"\n'})
    shown = rows(agent("policy", "show", "--allow", "fetch: a.test", cwd=work))
    assert shown[0] == "READ EDIT EXECUTE NETWORK OUTSIDE DESTROY"
    assert "0 OBSERVE allow deny deny deny deny deny" in shown
    assert "> 2 EDIT allow allow ask ask ask ask" in shown
    assert sum(each.startswith(">") for each in shown) == 1
    assert "level EDIT, from repository" in shown
    assert any(each.startswith("containment ") for each in shown)
    assert "grants fetch: a.test (--allow)" in shown
    assert "shell: make (grants.toml, line 1)" in shown
    assert "repository .wisp/settings.toml, not trusted: check = 'x'" in shown


def test_show_says_when_nothing_contains(work: Path) -> None:
    shown = rows(agent("policy", "show", "--sandbox", "off", "--autonomy", "4", cwd=work))
    assert "containment NONE (none): the sandbox was switched off" in shown
    assert "contained no" in shown and "> 4 FULL allow allow allow allow allow ask" in shown


# -- explain


@pytest.mark.full
def test_explain_says_what_a_command_is_contained_and_what_it_would_be_else(work: Path) -> None:
    shown = rows(agent("policy", "explain", "shell: rm -rf build && git push", cwd=work))
    assert "effects EXECUTE" in shown
    assert "rm -rf build: EXECUTE, DESTROY" in shown
    assert "git push: EXECUTE, NETWORK, DESTROY" in shown
    assert "grants none of 0 covers it" in shown
    assert "0 OBSERVE deny level OBSERVE denies EXECUTE (table, row 0)" in shown
    assert "> 3 RUN allow level RUN allows EXECUTE (table, row 3)" in shown


def test_explain_reads_the_text_where_nothing_contains_it(work: Path) -> None:
    words = ("policy", "explain", "rm -rf build && git push", "--sandbox", "off")
    shown = rows(agent(*words, cwd=work))
    assert "effects READ, EXECUTE, NETWORK, DESTROY" in shown
    assert any(each.startswith("> 3 RUN ask level RUN asks before NETWORK") for each in shown)
    rules = ("--allow", "shell: rm -rf build", "--allow", "shell[network,destroy]: git push")
    shown = rows(agent(*words, *rules, cwd=work))
    assert "grants none of 2 covers it" in shown, "each must cover all that the call does"
    rules = ("--allow", "shell[network,destroy]: rm -rf build", *rules[2:])
    shown = rows(agent(*words, *rules, cwd=work))
    assert any(each.startswith("> 3 RUN allow you allowed `shell[network,") for each in shown)
    assert shown[-1].startswith("once text was read that neither you nor the project wrote: asked")


@pytest.mark.parametrize(
    ("call", "effects"),
    [
        ("read: /etc/hosts", "READ, OUTSIDE"),
        ("read: a.py", "READ"),
        ("edit: a.py", "EDIT"),
        ("write: ../b.py", "EDIT, OUTSIDE"),
        ("check", "EXECUTE"),
        ("git: commit", "EXECUTE"),
        ("git: log", "READ"),
        ('{"name": "read", "arguments": {"path": "a.py"}}', "READ"),
    ],
)
def test_explain_takes_a_call_in_the_form_of_a_rule_or_as_json(
    work: Path, call: str, effects: str
) -> None:
    assert f"effects {effects}" in rows(agent("policy", "explain", call, cwd=work))


@pytest.mark.full
def test_explain_names_what_a_command_asks_for(work: Path) -> None:
    shown = rows(agent("policy", "explain", "shell[network,destroy]: make", cwd=work))
    assert "effects EXECUTE, NETWORK, DESTROY" in shown
    assert "NETWORK: the call asks for `network`" in shown
    assert "DESTROY: the call asks for `git`" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "a call is missing"),
        (("{x",), "not a call in JSON"),
        (('{"name": "fly"}',), "no such call: no tool named `fly`"),
        (("read",), "no such call: read: `path` is missing"),
        (("shell[magic]: ls",), "a command asks for network, outside, destroy, not magic"),
    ],
)
def test_what_is_no_call_ends_in_one_line(work: Path, words: tuple[str, ...], said: str) -> None:
    ended = agent("policy", "explain", *words, cwd=work)
    assert ended.code == 2 and len(ended.hints) == 1
    assert ended.errors[0].startswith(f"error: {said}")


# -- replay


def test_replay_marks_what_another_level_would_have_decided(work: Path, tmp_path: Path) -> None:
    calls = [
        {"read": {"path": "a.py"}},
        {"write": {"path": "b.py", "content": "y = 1\n"}},
        {"shell": {"command": "make", "network": True}},
        {"fly": {}},
    ]
    model = script(tmp_path / "s.yml", {"calls": calls}, "Done.")
    ran = result(agent("run", "x", "-m", model, "--json", cwd=work))
    kept = rows(agent("policy", "replay", cwd=work))
    assert not any(each.startswith("*") for each in kept)
    for word in ("last", ran.session, ran.session[:-2]):
        shown = rows(agent("policy", "replay", word, "--at", "observe", cwd=work))
        marked = [each for each in shown if each.startswith("*")]
        assert marked == [
            "* allow -> deny write content=y = 1 path=b.py",
            "* ask -> deny shell command=make network=True",
        ]
        assert "EDIT; level OBSERVE denies EDIT (table, row 0)" in shown
    ended = agent("policy", "replay", "last", "--at", "full", cwd=work)
    assert "* ask -> allow shell command=make network=True" in rows(ended)
    assert ended.err == "4 calls, 1 would be decided otherwise at FULL\n"


def test_replay_of_no_session_and_at_no_level_ends_in_one_line(work: Path) -> None:
    assert agent("policy", "replay", "last", cwd=work).code == 2
    assert agent("policy", "replay", "nothing", "--at", "4", cwd=work).code == 2
    ended = agent("policy", "replay", "last", "--at", "bold", cwd=work)
    assert ended.code == 2 and "a level is observe, ask, edit, run, full" in ended.errors[0]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(story=stories, level=st.sampled_from(Autonomy))
def test_every_call_has_one_decision_with_its_reason_and_the_log_gives_it_again(
    story: Story, level: Autonomy, home: Path
) -> None:
    with tempfile.TemporaryDirectory(dir=home) as name:
        ran: Ran = asyncio.run(told(story, Path(name)))
        holds(ran.events)
        events = log.read(ran.session.log_path).events
    requested = [each.call.id for each in events if isinstance(each, ToolRequested)]
    decided = [each for each in events if isinstance(each, CallDecided)]
    # a cancellation may fall between the two
    assert [each.call_id for each in decided] == requested[: len(decided)]
    assert len(requested) - len(decided) <= (story.cancel is not None)
    assert all(each.reason for each in decided)
    again = list(replay(events))
    assert [each.then for each in again] == decided
    for each in again:
        assert not each.differs
        assert each.now.reason == each.then.reason
    for lower, higher in zip(replay(events), replay(events, Autonomy.FULL), strict=True):
        assert ALLOWS[lower.now.verdict] <= ALLOWS[higher.now.verdict]
    for low, high in zip(replay(events, level), replay(events, Autonomy.FULL), strict=True):
        assert ALLOWS[low.now.verdict] <= ALLOWS[high.now.verdict]


# -- the network that the user's settings give the check

NETWORK = '[network]\ncheck = ["example.test"]\n'


def with_network(work: Path) -> Path:
    config_path().parent.mkdir(parents=True)
    config_path().write_text(NETWORK)
    return put(work, {"test_a.py": "def test_a(): pass\n"})


def test_explain_knows_the_network_of_the_check(work: Path, home: Path) -> None:
    shown = rows(agent("policy", "explain", "check", "--autonomy", "run", cwd=with_network(work)))
    assert "effects EXECUTE, NETWORK" in shown
    assert [each.split()[3] for each in shown if each.startswith("> 3 RUN")] == ["allow"]


@pytest.mark.full
def test_replay_knows_the_network_of_the_check(work: Path, home: Path) -> None:
    # the second is not asked about either: what the user named for the check is no foreign text
    model = script(work.parent / "s.yml", {"calls": [{"check": {}}, {"check": {}}]}, "done")
    ended = agent("run", "-p", "x", "-m", model, "--json", cwd=with_network(work))
    assert result(ended).permission_denials == ()
    again = agent("policy", "replay", "last", cwd=work)
    assert [each.split()[:2] for each in rows(again)[::2]] == [["allow", "check"]] * 2
    assert "2 calls, 0 would be decided otherwise" in again.err
