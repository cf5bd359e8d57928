"""The free loop of `agent fix`: a model works in a copy, and only what is verified leaves it."""

from __future__ import annotations

import secrets
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from metres import (
    CALC,
    CHECK,
    GOOD,
    KILO,
    NO,
    PROJECT,
    PROJECT_BYTES,
    READ,
    REPAIR,
    TESTS,
    TIMES,
    fix,
    of,
    unchanged,
    verdicts,
    worked,
)
from support import PYTEST, UNITTEST, agent, picture, put, result, script
from trees import git

from agent.events import AttemptFinished, Base, CallDecided, HarnessSpoke, ToolFinished
from agent.history import History
from agent.log import read
from agent.messages import SystemMessage, UserMessage
from agent.policy import Autonomy
from agent.repair.ladder import LONG, LOOPS, SHORT, ladder

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("written")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", PROJECT)


# -- what is repaired


def test_a_repair_of_two_files_by_edits_and_commands(root: Path) -> None:
    ended = fix(root, REPAIR, "The factor was wrong.")
    told = result(ended)
    assert (ended.code, told.outcome, told.attempts) == (0, "done", 1), told.error
    assert told.verification.verified and told.verification.strength == "tests"
    assert told.files_changed == ("calc.py", "units.py")
    assert told.text == "Repaired `metres` in calc.py, units.py."
    assert {path: (root / path).read_text() for path in GOOD} == GOOD
    assert (told.steps, told.usage.input > 0, told.bytes_left) == (2, True, {})
    checked = [each.result for each in of(ended, ToolFinished) if each.result.report]
    assert [each.report.green for each in checked] == [True]
    assert agent("undo", cwd=root).code == 0
    assert picture(root) == PROJECT_BYTES


async def test_the_tree_is_as_it_was_until_a_repair_is_verified(root: Path) -> None:
    seen: list[dict[str, bytes]] = []

    def look(event: Base) -> None:
        if isinstance(event, ToolFinished | AttemptFinished) and event.attempt:
            seen.append(picture(root))

    ran = await worked(root, REPAIR, "Done.", at=look)
    assert len(seen) == 5 and all(each == PROJECT_BYTES for each in seen)
    assert ran.end.exit_code == 0 and picture(root) != PROJECT_BYTES


async def test_told_why_it_is_no_repair_the_same_conversation_goes_on(root: Path) -> None:
    ran = await worked(root, {"calls": [TIMES]}, "Done.", {"calls": [KILO]}, "Done.", effort=2)
    assert ran.end.exit_code == 0, ran.end.error
    assert [each.verdict for each in ran.of(AttemptFinished)] == ["failed", "verified"]
    task, again = [each.text for each in ran.of(HarnessSpoke)]
    assert "test_calc.T.test_km" in task and "metres(2, 'km') is wrong" in task
    assert "calc.py:4 metres" in task and "200 != 2000" not in task
    assert "200 != 2000" in again
    assert len(task) // 4 < 2000
    requests = [each.messages for each in ran.model.requests]
    for one, following in pairwise(requests):
        assert following[: len(one)] == one, "what was read stays read"
    assert requests[0] == (
        SystemMessage(text="You are tested."),
        UserMessage(text=task, by="harness"),
    )


async def test_the_session_has_none_of_the_attempts(root: Path) -> None:
    ran = await worked(root, REPAIR, "Done.")
    own = [SystemMessage(text="You are tested."), UserMessage(text="metres(2, 'km') is wrong")]
    assert ran.session.history.messages == own
    assert History.of(read(ran.session.log_path).events).messages == own


def test_what_is_not_part_of_the_repair_is_left_out(root: Path) -> None:
    littering = TESTS.replace(
        "    def test_km",
        "    def setUp(self):\n        open('out.txt', 'a').write('x')\n    def test_km",
    )
    put(root, {".gitignore": "*.log\n", "test_calc.py": littering})
    mess = "echo x | tee scratch.py a.log .envrc; echo '# y' >> test_calc.py; ln -s / all"
    ended = fix(root, {"calls": [TIMES, KILO, CHECK, {"shell": {"command": mess}}]}, "Done.")
    told = result(ended)
    assert (ended.code, told.files_changed) == (0, ("calc.py", "units.py"))
    (attempt,) = of(ended, AttemptFinished)
    assert "test_calc.py (a test, or what configures tests)" in attempt.detail
    assert set(picture(root)) == {*PROJECT, ".gitignore"}
    assert (root / "test_calc.py").read_text() == littering


def test_files_come_and_go_with_a_repair(root: Path) -> None:
    put(root, {"old.py": "X = 1\n", "empty.py": "", "crlf.txt": "a\r\nb\r\n"})
    calls: list[dict[str, Any]] = [
        {"write": {"path": "kilo.py", "content": "KILO = 1000\n"}},
        {"read": {"path": "empty.py"}},
        {"write": {"path": "empty.py", "content": "# no longer\n"}},
        {"edit": {"path": "crlf.txt", "old": "b", "new": "c"}},
        {"write": {"path": "old.py", "delete": True}},
        {"shell": {"command": "sed -i '1i from kilo import KILO' units.py"}},
        {"shell": {"command": "sed -i s/100}/KILO}/ units.py"}},
    ]
    ended = fix(root, {"calls": [TIMES, *calls]}, "Done.")
    told = result(ended)
    assert ended.code == 0, told.error
    assert set(told.files_changed) == {
        *("calc.py", "crlf.txt", "empty.py", "kilo.py", "old.py", "units.py")
    }
    assert (root / "crlf.txt").read_bytes() == b"a\r\nc\r\n"
    assert not (root / "old.py").exists() and (root / "empty.py").read_text() == "# no longer\n"


def test_what_lies_outside_of_functions_is_repaired_too(root: Path) -> None:
    put(root, {"calc.py": GOOD["calc.py"]})
    ended = fix(root, {"calls": [KILO]}, "Done.", check=PYTEST)
    assert ended.code == 0, (result(ended).error, of(ended, AttemptFinished))
    assert result(ended).text == "Repaired units.py."
    reads = "def factor(unit):\n    return {'km': int(open('factors.txt').read())}[unit]\n"
    put(root, {"units.py": reads, "factors.txt": "100\n"})
    ended = fix(
        root, {"calls": [{"shell": {"command": "echo 1000 > factors.txt"}}]}, "Done.", *[NO] * 4
    )
    assert verdicts(ended)[0] == "refused", "that a text is what the tests read cannot be seen"
    assert ended.code == 1


# -- what is not


def test_a_loop_that_goes_round_in_circles_ends_and_rewrites_come(root: Path) -> None:
    put(root, {"units.py": GOOD["units.py"]})
    rewritten = "```\ndef metres(amount, unit):\n    return amount * factor(unit)\n```"
    ended = fix(root, *[{"calls": [READ]}] * 5, rewritten, words=("--effort", "2"))
    told = result(ended)
    assert (ended.code, told.attempts, told.steps) == (0, 2, 5), told.error
    assert verdicts(ended) == ["refused", "verified"]


def test_a_loop_that_changes_nothing_is_refused(root: Path) -> None:
    ended = fix(root, {"calls": [READ]}, "It is fine as it is.", *[NO] * 4)
    unchanged(ended, root)
    first = of(ended, AttemptFinished)[0]
    assert (first.verdict, first.detail) == ("refused", "nothing was changed")
    assert len(verdicts(ended)) == 5


def test_without_effort_there_is_no_loop(root: Path) -> None:
    ended = fix(root, NO, words=("--effort", "0"))
    assert result(ended).steps == 0 and len(verdicts(ended)) == 1


def test_a_model_of_this_machine_that_can_be_sampled_comes_to_it_last(
    root: Path, tmp_path: Path
) -> None:
    put(root, {"units.py": GOOD["units.py"]})
    *before, last = ladder(3, 2, "engine")
    assert (last.kind, LOOPS["engine"]) == ("loop", (0, 0, 0, 1, 1))
    asked = [
        rung for rung in before if rung.kind not in ("slip", "edit", "vary", "refine")
    ]  # of these no samples, here
    requests = len(asked) + sum(rung.kind == "explain" for rung in asked)
    model = script(
        tmp_path / "near.yaml", *[{"samples": [NO] * 3}] * requests, {"calls": [TIMES]}, "Done."
    )
    ended = agent(
        *("fix", "", "--check", UNITTEST, "-m", model, "--json", "--effort", "3"), cwd=root
    )
    assert ended.code == 0, result(ended).error
    assert (result(ended).steps, verdicts(ended)[-1]) == (2, "verified")


@pytest.mark.parametrize("effort", range(5))
def test_the_loop_stands_where_the_model_is(effort: int) -> None:
    first, *plain = ladder(effort, 3)
    assert first.kind == "slip", "what no model has to write comes before everything"
    for where, loops in LOOPS.items():
        rungs = list(ladder(effort, 3, where))[1:]
        own = [rung for rung in rungs if rung.kind == "loop"]
        assert sum(rung.samples for rung in own) == loops[effort]
        assert rungs == ([*own, *plain] if where == "elsewhere" else [*plain, *own])
        assert list(ladder(effort, 0, where)) == own, "it needs no suspect"


def about(sizes: dict[int, int]) -> list[tuple[int, str]]:
    return [(rung.suspect, rung.kind) for rung in ladder(2, 5, "engine", (), sizes)]


def test_of_a_long_function_edits_come_before_it_is_written_anew() -> None:
    usual, late = about({}), about({0: LONG + 1})
    assert usual.index((0, "rewrite")) < usual.index((0, "edit"))
    last_edit = max(place for place, rung in enumerate(late[:20]) if rung[1] == "edit")
    assert late.index((0, "rewrite")) > last_edit
    assert late.index((1, "rewrite")) < last_edit
    assert Counter(kind for _, kind in usual) == Counter(kind for _, kind in late), "only later"


def test_short_functions_are_written_anew_before_anything_is_edited() -> None:
    usual, early = about({}), about({0: LONG - 1, 1: SHORT + 1, 2: SHORT, 3: SHORT})
    assert early[:4] == [(0, "slip"), (2, "rewrite"), (0, "rewrite"), (0, "edit")]
    assert Counter(kind for _, kind in usual) == Counter(kind for _, kind in early), "only earlier"


# -- what is asked


@pytest.mark.parametrize("level", ["observe", "ask", "edit"])
def test_edits_of_the_copy_and_checks_need_no_approval_and_the_rest_does(
    root: Path, level: str
) -> None:
    put(root, {"units.py": GOOD["units.py"]})
    before = picture(root)
    shell = {"shell": {"command": "touch made.py"}}
    ended = fix(root, {"calls": [TIMES, shell, CHECK]}, "Done.", words=("--autonomy", level))
    told = result(ended)
    decided = [each for each in of(ended, CallDecided) if each.attempt]
    denied = "deny" if level == "observe" else "ask"
    assert [each.verdict.value for each in decided] == ["allow", denied, "allow"]
    assert told.permission_denials[0].startswith("shell: ")
    assert told.verification.verified
    if level == "edit":
        assert (ended.code, told.files_changed) == (0, ("calc.py",)), told.error
        return
    assert (ended.code, told.outcome, picture(root)) == (4, "blocked", before)
    git(root, "init", "-q")
    git(root, *told.hint.split()[1:])
    assert (root / "calc.py").read_text() == GOOD["calc.py"]


async def test_a_repair_goes_in_whole_or_not_at_all(root: Path, home: Path) -> None:
    put(root, {"old.txt": "x\n"})
    before = picture(root)
    more = [
        {"write": {"path": "kilo.py", "content": "KILO = 1000\n"}},
        {"edit": {"path": "units.py", "old": "100}", "new": "KILO}"}},
        {
            "edit": {
                "path": "units.py",
                "old": "FACTORS =",
                "new": "from kilo import KILO\nFACTORS =",
            }
        },
        {"write": {"path": "old.txt", "delete": True}},
    ]
    script_ = ({"calls": [TIMES, *more]}, "Done.")
    for answers in ([False], [True, False], [True, True, True, "no more"]):
        state = root.parent / secrets.token_hex(4)
        ran = await worked(root, *script_, level=Autonomy.ASK, answers=answers, state=state)
        assert (ran.end.exit_code, picture(root)) == (4, before), answers
    git(root, "init", "-q")
    git(root, *ran.end.hint.split()[1:])
    after = {*picture(root)}
    assert after == {*PROJECT, "kilo.py"}
    git(root, *ran.end.hint.split()[1:2], "-R", *ran.end.hint.split()[2:])
    assert picture(root) == before
    ran = await worked(
        root, *script_, level=Autonomy.ASK, answers=[True] * 4, state=root.parent / "last"
    )
    assert ran.end.exit_code == 0 and {*picture(root)} == after


async def test_a_file_that_the_user_changed_meanwhile_is_left_to_them(root: Path) -> None:
    theirs = CALC + "\n\nTHEIRS = 1\n"

    def meanwhile(event: Base) -> None:
        if isinstance(event, AttemptFinished):
            (root / "calc.py").write_text(theirs)

    ran = await worked(root, REPAIR, "Done.", at=meanwhile)
    assert (ran.end.exit_code, "meanwhile" in ran.end.error) == (1, True), ran.end
    assert picture(root) == {**PROJECT_BYTES, "calc.py": theirs.encode()}
