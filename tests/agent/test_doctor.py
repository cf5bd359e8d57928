"""`agent doctor` and `agent sandbox`: what is there, what holds, what to type; from outside."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from support import AGENT, agent, put
from test_inputs import NO_LANDLOCK, within

OPENAI = {"OPENAI_API_KEY": "sk-not-to-be-seen-4712", "WISP_MODEL": "openai/gpt-5"}
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.txt": "1\n"})


def examined(
    work: Path, env: dict[str, str], code: int, *more: str
) -> dict[str, list[dict[str, Any]]]:
    """What the doctor says, by name."""
    ended = agent("doctor", "--json", *more, cwd=work, env=NO_KEYRING | env)
    assert ended.code == code, ended
    told = json.loads(ended.out)
    assert told["works"] is (code == 0)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in told["findings"]:
        assert each["state"] in ("ok", "missing", "wrong")
        assert each["state"] == "ok" or each["hint"], each
        found.setdefault(each["name"], []).append(each)
    return found


def test_with_a_model_that_can_be_asked_the_main_job_works(work: Path) -> None:
    found = examined(work, OPENAI, 0)
    assert found["model"][0]["text"] == "openai/gpt-5"
    assert found["keys"][0]["text"] == "openai from OPENAI_API_KEY"
    assert found["git"][0]["text"].startswith("2.")
    assert {"system", "python", "bwrap", "rg", "compiler", "state", "cache", "held"} <= set(found)
    assert found["sandbox"][0]["text"].startswith(("FULL by", "REDUCED by"))


def test_each_line_is_for_people_and_shows_no_key(work: Path) -> None:
    ended = agent("doctor", cwd=work, env=NO_KEYRING | OPENAI)
    assert ended.code == 0
    assert "sk-not" not in ended.out + ended.err
    for line in ended.out.splitlines():
        assert line.split()[0] == "hint:" or line[17:].startswith(("ok", "missing", "wrong"))


def test_what_the_main_job_needs_is_named_with_what_to_type(work: Path) -> None:
    ended = agent("doctor", cwd=work, env=NO_KEYRING | {"WISP_MODEL": "openai/gpt-5"})
    assert ended.code == 1
    assert "hint: agent keys set openai" in ended.out
    assert ended.err == "note: the main job cannot be done here: model\n"
    found = examined(work, {"WISP_MODEL": "nothing.gguf"}, 1)
    assert found["model"][0]["state"] == "wrong"


def test_errors_in_settings_and_keys_are_told(work: Path, home: Path) -> None:
    put(home / "config" / "wisp", {"config.toml": "new = 1\n", "keys.json": "{}"})
    (home / "config" / "wisp" / "keys.json").chmod(0o644)
    put(work, {".wisp/settings.toml": "autonomy = \n"})
    found = examined(work, {}, 1)
    assert "unknown setting" in found["settings"][0]["text"]
    assert found["repository"][0]["state"] == "wrong"
    assert "others can read it" in found["keys"][0]["text"]


def test_a_model_file_with_another_sum_is_told(work: Path, home: Path) -> None:
    name = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    put(home / "cache" / "wisp" / "models", {name: b"GGUF"})
    found = examined(work, OPENAI, 0)
    assert found["model file"][0]["state"] == "wrong"
    assert "agent models pull qwen2.5-coder-0.5b" in found["model file"][0]["hint"]


def test_a_state_folder_that_others_can_write_is_told(work: Path, home: Path) -> None:
    state = put(home / "state" / "wisp", {})
    state.chmod(0o777)
    found = examined(work, OPENAI, 0)
    assert found["state"][0]["hint"] == f"chmod go-w {state}"
    assert stat.S_IMODE(state.stat().st_mode) == 0o777, "a doctor changes nothing"


def test_without_any_sandbox_the_main_job_does_not_work(work: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, NO_LANDLOCK)
    os.close(writer)
    hidden = ("--ro-bind", "/dev/null", "/usr/bin/bwrap", "--seccomp", str(reader))
    env = NO_KEYRING | OPENAI
    ended = within(hidden, "doctor", "--json", cwd=work, env=env, fds=(reader,))
    assert ended.code == 1, ended
    (told,) = (each for each in json.loads(ended.out)["findings"] if each["name"] == "sandbox")
    assert (told["state"], told["hint"]) == ("missing", "apt-get install bubblewrap")


# -- agent sandbox


@pytest.mark.full
def test_what_holds_is_told_in_rows_and_as_json(work: Path) -> None:
    told = json.loads(agent("sandbox", "status", "--json", cwd=work).out)
    assert (told["containment_name"], told["backend"]) == ("full", "bubblewrap")
    assert told["features"] and not told["why_not"] and not told["hint"]
    rows = agent("sandbox", "status", "--sandbox", "reduced", cwd=work).out.splitlines()
    assert rows[0].split() == ["containment", "REDUCED"]
    assert rows[-1].endswith("--sandbox auto takes the strongest")


def test_the_result_says_what_holds(work: Path, tmp_path: Path) -> None:
    from support import result, script

    ended = agent("-p", "x", "-m", script(tmp_path / "s.yaml", "Hi."), "--json", cwd=work)
    told = result(ended)
    assert told.containment_features and (told.containment_why_not == "") is (told.containment == 2)


@pytest.mark.parametrize(("command", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_a_command_that_is_tried_ends_with_its_own_code(
    work: Path, command: str, code: int
) -> None:
    assert agent("sandbox", "run", "--", "sh", "-c", command, cwd=work).code == code


def test_a_command_that_is_tried_is_held_like_the_models(work: Path, home: Path) -> None:
    put(home, {".ssh/id": "secret"})
    outside = put(work.parent / "outside", {})
    words = ["sh", "-c", 'cat "$HOME/.ssh/id"; echo in > b.txt; echo "$SOME_TOKEN"; pwd']
    ended = agent("sandbox", "run", "--", *words, cwd=work, env={"SOME_TOKEN": "t0ken-t0ken"})
    assert "secret" not in ended.out and "t0ken" not in ended.out
    assert ended.out.splitlines()[-1] == str(work) and (work / "b.txt").read_text() == "in\n"
    write = ["sh", "-c", f"echo x > {outside}/c"]
    assert agent("sandbox", "run", "--", *write, cwd=work).code != 0
    assert agent("sandbox", "run", "--path", outside, "--", *write, cwd=work).code == 0
    assert (outside / "c").read_text() == "x\n"


def test_the_network_is_there_only_with_its_flag(work: Path) -> None:
    count = ["python3", "-c", "import socket; print(len(socket.if_nameindex()))"]
    shut = agent("sandbox", "run", "--", *count, cwd=work)
    open_ = agent("sandbox", "run", "--network", "--", *count, cwd=work)
    assert shut.out.strip() == "1" or shut.code != 0
    assert open_.code == 0 and int(open_.out) == len(os.listdir("/sys/class/net"))  # noqa: PTH208 names only


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--", "no-such-program-here"], "no such program: no-such-program-here"),
        (["--path", "/no/such", "--", "true"], "no such path: /no/such"),
        (["--sandbox", "some", "--", "true"], "command line, sandbox"),
        ([], "the following arguments are required: CMD"),
    ],
)
def test_what_cannot_be_tried_is_said(work: Path, words: list[str], said: str) -> None:
    ended = agent("sandbox", "run", *words, cwd=work)
    assert ended.code == 2 and said in ended.errors[0]


def test_nothing_runs_uncontained_but_by_a_word_of_a_person(work: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, NO_LANDLOCK)
    os.close(writer)
    hidden = ("--ro-bind", "/dev/null", "/usr/bin/bwrap", "--seccomp", str(reader))
    touch = ("sandbox", "run", "--", "touch", "made")
    ended = within(hidden, *touch, cwd=work, program=(str(AGENT),), fds=(reader,))
    assert ended.code == 4 and ended.hints == ["hint: --sandbox=off runs it so"]
    assert not (work / "made").exists()
    assert agent("sandbox", "run", "--sandbox=off", "--", "touch", "made", cwd=work).code == 0
    assert (work / "made").exists()
