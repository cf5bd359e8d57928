"""Rules that a person gives: how they are written, what they cover, what is offered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.grants import BEYOND, WITHIN, Grant, covering, offer
from agent.policy import EFFECTS, Autonomy, Stance, Taint, Verdict, decide
from sandbox.base import Containment
from tools.base import Effect, ToolCall

RUNS = frozenset({Effect.EXECUTE})


def shell(command: Any, **more: Any) -> ToolCall:
    return ToolCall(id="c", name="shell", arguments={"command": command, **more})


def covers(rules: str | list[str], command: str, *effects: Effect) -> bool:
    given = [Grant.of(rule) for rule in ([rules] if isinstance(rules, str) else rules)]
    return bool(covering(given, shell(command), frozenset(effects) or RUNS))


# -- how a rule is written


@pytest.mark.parametrize(
    "rule",
    [
        "shell: git push",
        "shell[network]: npm install",
        "shell[network,outside,destroy]: pip install",
        "shell: pytest -k 'a b' '$x'",
        "shell: echo 'it'\\''s'",
        "shell",
        "fetch: docs.python.org",
        "fetch: *.python.org",
        "fetch: localhost:8080",
        "fetch",
        "edit",
        "write",
        "check",
        "read[outside]",
    ],
)
def test_a_rule_is_shown_as_it_was_written(rule: str) -> None:
    assert str(Grant.of(rule)) == rule


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  shell:git   push ", "shell: git push"),
        ("shell [ Network , destroy ] : npm publish", "shell[network,destroy]: npm publish"),
        ("fetch:Docs.Python.org", "fetch: docs.python.org"),
        ("shell: 'git' \"push\"", "shell: git push"),
        ("fetch[network]", "fetch"),
    ],
)
def test_a_rule_may_be_written_less_neatly(typed: str, shown: str) -> None:
    assert str(Grant.of(typed)) == shown


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("", "not a rule"),
        ("git push", "not a rule"),
        ("bash: ls", "a rule begins with a tool"),
        ("escalate", "a rule begins with a tool"),
        ("shell:", "nothing stands behind the colon"),
        ("shell[net]: ls", "brackets name network, outside, destroy, not `net`"),
        ("shell[execute]: ls", "not `execute`"),
        ("shell: git status && git push", "not one plain command"),
        ("shell: a | b", "not one plain command"),
        ("shell: X=1 make", "not one plain command"),
        ("shell: ls\nrm x", "not one plain command"),
        ("shell: sudo make", "not one plain command"),
        ("shell: timeout", "runs whatever comes behind it"),
        ("shell: bash", "not one plain command"),
        ("shell: eval", "runs whatever comes behind it"),
        ("shell: python3.12", "runs any program"),
        ("shell: python -c", "runs any program"),
        ("shell: awk", "runs any program"),
        ("fetch: https://docs.python.org", "is not a host"),
        ("fetch: a b", "is not a host"),
        ("edit: src", "has nothing behind a colon"),
    ],
)
def test_what_is_no_rule_is_said(rule: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Grant.of(rule)


# -- what a rule covers: cases 41 to 47


@pytest.mark.parametrize(
    "command",
    ["git status", "git status -sb", "  git status  ", "'git' status", "git status 2>&1",
     "git status >/dev/null", "git status; git status", "git status | git status"],
)  # fmt: skip
def test_a_command_that_begins_so_is_covered(command: str) -> None:
    assert covers("shell: git status", command)


@pytest.mark.parametrize(
    "command",
    [
        # 41: chaining
        "git status; rm x",
        "git status & rm x",
        "git status &",
        "git status || rm x",
        "git status && rm x",
        "git status | sh",
        "git status\nrm x",
        "git status\ngit status",
        "git status\rrm x",
        "git status \\\n-s",
        # 42: substitution
        "git status $(rm x)",
        "git status `rm x`",
        'git status "$(rm x)"',
        "git status <(rm x)",
        "git status $HOME",
        "git status ${x@P}",
        "$'git' status",
        "[[ a =~ $(git status) ]]",
        # redirections
        "git status > x",
        "git status >> .git/config",
        "git status < x",
        "git status <<< x",
        # 43: flags that run something
        "git status --output=x",
        "git -c core.pager=x status",
        "git status -c x",
        # 44: wrappers
        "env git status",
        "timeout 5 git status",
        "nohup git status",
        "xargs git status",
        "busybox git status",
        "sudo git status",
        "bash -c 'git status'",
        "/usr/bin/git status",
        "./git status",
        # 45: the environment
        "PAGER=x git status",
        "PAGER=x; git status",
        "export PAGER=x; git status",
        "PATH=.:$PATH git status",
        # 47: what is no command
        "git status '",
        "if true; then git status",
        "git status \x00",
        "git status \x1b[2K",
        "! git status",
        "(git status)",
        "{ git status; }",
        "git() { rm x; }; git status",
        "",
        "gitstatus",
        "git statusx",
    ],
)
def test_whatever_else_is_in_a_command_is_asked(command: str) -> None:
    assert not covers("shell: git status", command)


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        ("find", "find . -exec rm {} ;"),
        ("find", "find . -delete"),
        ("find", "find . -fprint x"),
        ("rg", "rg --pre ./x y"),
        ("rg", "rg y *"),
        ("git", "git -c core.pager=x log"),
        ("git", "git push --force"),
        ("git", "git reset --hard"),
        ("git -C sub", "git -C sub push"),
        ("git log", "git log --output=x"),
        ("git grep", "git grep -Ox y"),
        ("git clone", "git clone -u x y"),
        ("sed", "sed 's/a/b/w x' f"),
        ("sed", "sed 'e rm x' f"),
        ("base64", "base64 -o x"),
        ("sort", "sort -o x y"),
        ("tar", "tar --to-command=x -xf y"),
        ("tar", "tar xIf x y"),
        ("tar -xf y", "tar -xf y --checkpoint-action=exec=x"),
        ("cat", "cat /etc/passwd"),
        ("cat", "cat ../x"),
        ("rm -rf build", "rm -rf build /home"),
        ("make test", "make test --eval=x"),
        ("make test", "make test SHELL=x"),
        ("make test", "make test -f x"),
        ("pytest", "pytest --basetemp=src"),
        ("npm test", "npm test --script-shell=./x"),
        ("cargo test", "cargo test --config target.runner=x"),
        ("npm", "npm publish"),
        ("cargo", "cargo frobnicate"),
        ("zip a.zip", "zip a.zip b -TT x"),
        ("echo", "echo $(rm x)"),
    ],
)
def test_the_words_behind_a_rule_may_not_do_more_than_the_rule(rule: str, command: str) -> None:
    assert not covers(f"shell: {rule}", command)


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        ("git", "git status"),
        ("git", "git commit -m x"),
        ("git push", "git push origin main"),
        ("npm", "npm test"),
        ("rm -rf build", "rm -rf build"),
        ("tar", "tar czf a.tgz src"),
        ("sed", "sed -n 1,5p f"),
        ("python -m pytest", "python -m pytest -q tests"),
        ("python scripts/build.py", "python scripts/build.py --fast"),
        ("./deploy.sh", "./deploy.sh production"),
    ],
)
def test_the_words_behind_a_rule_may_be_any_that_do_no_more(rule: str, command: str) -> None:
    assert covers(f"shell: {rule}", command)


def test_several_commands_are_covered_when_each_of_them_is() -> None:
    two = ["shell: git add", "shell: git commit"]
    assert covers(two, "git add . && git commit -m 'a; b' | git add x")
    assert not covers(two, "git add . && git commit -m x && git push")
    assert not covers(two[:1], "git add . && git commit -m x")


def test_each_of_several_commands_needs_a_rule_for_all_that_the_call_asks_for() -> None:
    online = (Effect.EXECUTE, Effect.NETWORK)
    rules = ["shell[network]: npm ci", "shell: npm test"]
    assert not covers(rules, "npm ci && npm test", *online)
    assert covers([*rules, "shell[network]: npm test"], "npm ci && npm test", *online)


@given(st.frozensets(st.sampled_from(EFFECTS)), st.frozensets(st.sampled_from(BEYOND)))
def test_a_grant_covers_no_more_effects_than_it_names(
    effects: frozenset[Effect], named: frozenset[Effect]
) -> None:
    grant = Grant.of(f"shell[{','.join(named)}]: make")
    assert bool(covering((grant,), shell("make"), effects)) is (effects <= {*WITHIN, *named})


@pytest.mark.parametrize(
    ("url", "covered"),
    [
        ("https://docs.python.org/3/", True),
        ("http://docs.python.org:80/", True),
        ("https://DOCS.python.org", True),
        ("https://docs.python.org:8443/", False),
        ("https://docs.python.org.evil.test/", False),
        ("https://evil.test/docs.python.org", False),
        ("https://docs.python.org@evil.test/", False),
        ("https://evil.test\\@docs.python.org/", False),
        ("https://evil.test#@docs.python.org/", False),
        ("https://docs.python.org\t.evil.test/", False),
        ("https://docs.python.org\n/", False),
        ("https://docs.python.org./", False),
        ("ftp://docs.python.org/", False),
        ("docs.python.org", False),
        ("https://docs%2Epython.org/", False),
        ("https://[::1]/", False),
        ("https://docs.python.org:x/", False),
        ("", False),
    ],
)
def test_a_host_is_compared_whole(url: str, covered: bool) -> None:
    call = ToolCall(id="c", name="fetch", arguments={"url": url})
    web = frozenset({Effect.NETWORK})
    assert bool(covering((Grant.of("fetch: docs.python.org"),), call, web)) is covered
    if covered:
        assert covering((Grant.of("fetch: *.python.org"),), call, web)
        assert not covering((Grant.of("fetch: python.org"),), call, web)


def test_a_rule_is_for_one_tool_and_never_for_a_command_that_is_no_text() -> None:
    grant = (Grant.of("shell: git status"),)
    assert not covering(
        grant, ToolCall(id="c", name="git", arguments={"command": "git status"}), RUNS
    )
    for command in (["git status"], None, 7):
        assert not covering(grant, shell(command), RUNS)
    assert not covering(grant, ToolCall(id="c", name="shell"), RUNS)
    assert not covering(
        grant, ToolCall(id="c", name="shell", arguments={"cmd": "git status"}), RUNS
    )


WORDS = st.sampled_from(["git", "status", "push", "rm", "-rf", "npm", "test", "x", "--force"])
JOINTS = st.sampled_from([" && ", " || ", "; ", " | ", " & ", "\n", " $(", " `", " > "])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=3),
    st.lists(JOINTS, min_size=2, max_size=2),
)
def test_no_part_of_a_command_hides_behind_another(
    parts: list[list[str]], joints: list[str]
) -> None:
    command = parts[0][0] if not parts else ""
    for at, words in enumerate(parts):
        command += (joints[at - 1] if at else "") + " ".join(words)
    if covers(["shell: git status", "shell: npm test"], command):
        for words in parts:
            assert words[:2] in (["git", "status"], ["npm", "test"])


# -- a grant and the rest of the policy


@given(
    st.sampled_from(Autonomy),
    st.sampled_from(Containment),
    st.frozensets(st.sampled_from(EFFECTS)),
    st.booleans(),
    st.booleans(),
)
def test_a_grant_never_beats_a_denial_and_never_taint(
    level: Autonomy,
    containment: Containment,
    effects: frozenset[Effect],
    tainted: bool,
    lifted: bool,
) -> None:
    taint = Taint(source="x", text="y") if tainted else None
    every = (Grant.of("shell[network,outside,destroy]"),)
    bare = decide(shell("make"), effects, Stance(level, containment, lifted=lifted, taint=taint))
    found = decide(
        shell("make"),
        effects,
        Stance(level, containment, lifted=lifted, grants=every, taint=taint),
    )
    beyond = bool(effects & set(BEYOND))
    if bare.verdict is Verdict.ASK and not (tainted and beyond):
        assert found.verdict is Verdict.ALLOW
        assert "you allowed `shell[network,outside,destroy]`" in found.reason
    else:
        assert found.verdict is bare.verdict
    if bare.verdict is Verdict.ASK and tainted and beyond:
        assert "but not after text from x" in found.reason


# -- what is offered


@pytest.mark.parametrize(
    ("call", "effects", "rule"),
    [
        (shell("npm test"), RUNS, "shell: npm test"),
        (shell("npm i", network=True), RUNS | {Effect.NETWORK}, "shell[network]: npm i"),
        (shell("git 'a b'"), RUNS, "shell: git 'a b'"),
        (shell("ls *.py"), RUNS, "shell: ls *.py"),
        (shell("a && b"), RUNS, ""),
        (shell("bash -c x"), RUNS, ""),
        (shell("python"), RUNS, ""),
        (shell("timeout 5 x"), RUNS, ""),
        (shell("make", paths=["/x"]), RUNS | {Effect.OUTSIDE}, ""),
        (ToolCall(id="c", name="edit", arguments={"path": "a"}), {Effect.EDIT}, "edit"),
        (ToolCall(id="c", name="read", arguments={"path": "/a"}), {Effect.OUTSIDE}, ""),
        (
            ToolCall(id="c", name="fetch", arguments={"url": "https://a.test/b"}),
            {Effect.NETWORK},
            "fetch: a.test",
        ),
        (ToolCall(id="c", name="fetch", arguments={"url": "x"}), {Effect.NETWORK}, ""),
        (ToolCall(id="c", name="escalate"), {Effect.NETWORK}, ""),
    ],
)
def test_what_is_offered_is_narrow_covers_the_call_and_can_be_read_again(
    call: ToolCall, effects: set[Effect], rule: str
) -> None:
    found = offer(call, frozenset(effects))
    assert str(found or "") == rule
    if found:
        assert Grant.of(str(found)) == found
        assert covering((found,), call, frozenset(effects)) == (found,)
