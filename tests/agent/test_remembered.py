"""Grants that are kept: their file, the question that writes one, and what they do in a run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from support import AGENT, agent, put, result, script
from typed import converse

from agent.config import config_path
from agent.errors import WispError
from agent.grants import Grant
from agent.remembered import Unusable, grants, grants_path, remember

HERE = Path("/work/here")


# -- the file


def kept(text: str, mode: int = 0o600) -> Path:
    path = grants_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def unusable() -> str:
    with pytest.raises(Unusable) as caught:
        grants(HERE)
    return str(caught.value)


def test_a_grant_counts_in_its_workspace_or_everywhere(home: Path) -> None:
    assert grants(HERE) == ()
    kept(
        '[[grant]]\nrule = "shell: make"\nexamples = ["make test"]\nrefuses = ["make; ls"]\n'
        f'\n[[grant]]\nrule = "edit"\nworkspace = "{HERE}"\n'
    )
    first, second = grants(HERE)
    assert (str(first), first.source) == ("shell: make", "grants.toml, line 1")
    assert (str(second), second.source) == ("edit", "grants.toml, line 6")
    assert [str(each) for each in grants(Path("/else"))] == ["shell: make"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "is not TOML: "),
        ("rule = 'edit'", "has only [[grant]] tables, not rule"),
        ("[grant]\nrule = 'edit'", "grants stand below [[grant]]"),
        ("grant = ['edit']", ", line 1: grants stand below [[grant]]"),
        ("\n[[grant]]\nrule = 'sudo: x'", ", line 2: a rule begins with a tool"),
        ("[[grant]]\n", ", line 1: rule is missing"),
        ("[[grant]]\nrule = 7", ", line 1: rule is a text"),
        ("[[grant]]\nrule = 'edit'\nallways = 1", ", line 1: no such key: allways; there are"),
        ("[[grant]]\nrule = 'edit'\nworkspace = 'here'", ", line 1: workspace is an absolute path"),
        ("[[grant]]\nrule = 'edit'\nexamples = [7]", ", line 1: examples and refuses are lists"),
        (
            "[[grant]]\nrule = 'edit'\n\n[[grant]]\nrule = 'shell: make'\nexamples = ['make; ls']",
            ", line 4: `shell: make` does not cover its own example `make; ls`",
        ),
        (
            "[[grant]]\nrule = 'shell: make'\nrefuses = ['make deploy']",
            ", line 1: `shell: make` covers what it must refuse: `make deploy`",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_line_and_nothing_in_it_counts(
    text: str, said: str
) -> None:
    path = kept(text)
    message = unusable()
    assert message.startswith(str(path))
    assert said in message


def test_a_file_that_others_could_have_written_does_not_count() -> None:
    path = kept('[[grant]]\nrule = "edit"\n', 0o666)
    assert unusable().startswith(f"others may write {path}")
    path.unlink()
    os.mkfifo(path)
    assert unusable() == f"cannot read {path}: not a file"


def test_what_is_remembered_is_there_the_next_time_for_the_user_alone(home: Path) -> None:
    rules = ["shell[network]: npm install", "shell: echo 'a \"b\" \\ c'", "fetch: a.test", "edit"]
    for rule in [*rules, rules[0]]:
        remember(Grant.of(rule), HERE)
    assert [str(each) for each in grants(HERE)] == rules
    assert grants(Path("/else")) == ()
    assert stat.S_IMODE(grants_path().stat().st_mode) == 0o600
    assert {each.name for each in grants_path().parent.iterdir()} == {"grants.toml"}


def test_what_a_person_wrote_stays_as_it_was() -> None:
    text = '# mine\n[[grant]]\nrule = "edit" # yes'
    kept(text)
    remember(Grant.of("shell: make"), HERE)
    assert grants_path().read_text().startswith(text + "\n\n[[grant]]\n")
    assert len(grants(HERE)) == 2


def test_nothing_is_added_to_a_broken_file() -> None:
    path = kept("broken")
    with pytest.raises(WispError, match="not remembered"):
        remember(Grant.of("edit"), HERE)
    assert path.read_text() == "broken"


# -- through the front door

WRITE = {"calls": [{"write": {"path": "a.txt", "content": "x\n"}}]}
ECHO = {"calls": [{"shell": {"command": "echo hello > b.txt"}}]}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"Makefile": "all:\n\ttouch made\n"})


def test_a_rule_on_the_command_line_allows_what_it_covers(work: Path, tmp_path: Path) -> None:
    calls = {"calls": [{"shell": {"command": "touch one"}}, {"shell": {"command": "rm one"}}]}
    model = script(tmp_path / "s.yml", calls, "Done.")
    words = ("run", "x", "-m", model, "--autonomy", "edit", "--json")
    ended = agent(*words, "--allow", "shell: touch", cwd=work)
    assert (work / "one").exists()
    assert len(result(ended).permission_denials) == 1
    assert "you allowed `shell: touch` (--allow)" in ended.out
    assert agent(*words, "--allow", "shell: touch", "--allow=shell: rm", cwd=work).code == 3
    assert not (work / "one").exists()


def test_a_bad_rule_ends_in_one_line(work: Path, tmp_path: Path) -> None:
    ended = agent("run", "x", "-m", "scripted:x", "--allow", "shell: a && b", cwd=work)
    assert (ended.code, ended.out) == (2, "")
    assert ended.errors == [
        "error: --allow: `a && b` is not one plain command; give a rule for each"
    ]
    assert ended.hints[0].startswith("hint: --allow 'shell: npm test'")


def test_a_rule_never_lifts_what_a_level_denies(work: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yml", WRITE, "Done.")
    ended = agent(
        "run", "x", "-m", model, "--autonomy", "observe", "--allow", "write", "--json", cwd=work
    )
    assert ended.code == 4 and not (work / "a.txt").exists()


def test_a_broken_file_of_grants_is_told_and_the_work_goes_on(work: Path, tmp_path: Path) -> None:
    path = kept('[[grant]]\nrule = "write"\n\n[[grant]]\nrule = "nonsense"\n')
    model = script(tmp_path / "s.yml", WRITE, "Done.")
    ended = agent("run", "x", "-m", model, "--autonomy", "ask", cwd=work)
    assert ended.code == 4 and not (work / "a.txt").exists()
    assert f"note: {path}, line 4: not a rule: nonsense; no grant in it counts" not in ended.err
    assert f"note: {path}, line 4: a rule begins with a tool" in ended.err


def test_always_shows_the_rule_writes_it_and_it_counts_from_then_on(
    work: Path, tmp_path: Path
) -> None:
    calls = [{"shell": {"command": f"make made -s {word}"}} for word in ("", "-B")]
    model = script(tmp_path / "s.yml", {"calls": calls}, "Done.")
    command: list[str | Path] = [AGENT, "run", "x", "-m", model, "--autonomy", "edit"]
    answers = {"allow once? [y/N/always, or say why not] ": "always\n", "allow this? [y/N]": "y\n"}
    code, shown = converse(command, work, answers)
    assert "the rule, for this workspace: shell: make made -s" in shown
    assert shown.count("allow once?") == 1, "the second is covered by the first"
    assert 'rule = "shell: make made -s"' in grants_path().read_text()
    assert code == 0, shown
    model = script(tmp_path / "t.yml", {"calls": calls[:1]}, "Done.")
    ended = agent("run", "x", "-m", model, "--autonomy", "edit", "--json", cwd=work)
    assert "(grants.toml, line 1)" in ended.out and not result(ended).permission_denials


def test_a_no_to_the_rule_is_a_no_and_nothing_is_written(work: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yml", {"calls": [{"shell": {"command": "touch one"}}]}, "Done.")
    command: list[str | Path] = [AGENT, "run", "x", "-m", model, "--autonomy", "edit"]
    code, shown = converse(command, work, {"allow once?": "always\n", "allow this?": "\n"})
    assert code == 4, shown
    assert not (work / "one").exists() and not grants_path().exists()


def test_no_command_of_a_session_gets_at_the_users_grants(
    work: Path, tmp_path: Path, home: Path
) -> None:
    kept('[[grant]]\nrule = "shell: make"\n')
    place = config_path().parent
    command = f"echo x > {place}/grants.toml; rm -rf {place}; cat {place}/grants.toml"
    calls = [{"shell": {"command": command}}, {"read": {"path": str(grants_path())}}]
    model = script(tmp_path / "s.yml", {"calls": calls}, "Done.")
    ended = agent("run", "x", "-m", model, "--json", "--allow", "read[outside]", cwd=work)
    assert ended.code in (0, 3)
    assert grants_path().read_text() == '[[grant]]\nrule = "shell: make"\n'
    assert "may hold a secret" in ended.out
