"""The command line from outside: exit codes, one error, one hint, and never a traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from support import AGENT, Ended, agent, lines, script
from typed import converse

from agent.events import Result, SessionStarted, TurnFinished, parse
from agent.log import read


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def hello(tmp_path: Path) -> str:
    return script(tmp_path / "hello.yml", "Hello there.")


def refused(ended: Ended, code: int = 2) -> str:
    """The one error line of a command that did nothing."""
    assert ended.code == code, ended
    assert ended.out == ""
    (error,) = ended.errors
    assert isinstance(error, str)
    assert len(ended.hints) <= 1
    return error.removeprefix("error: ")


def hinted(ended: Ended, code: int = 2) -> tuple[str, str]:
    error = refused(ended, code)
    (hint,) = ended.hints
    return error, hint.removeprefix("hint: ")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_one_line(work: Path, flag: str) -> None:
    assert agent(flag, cwd=work) == Ended(0, "wisp 0.1.0\n", "")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["run", "--help"], ["models", "--help"]])
def test_help_is_data(work: Path, words: list[str]) -> None:
    ended = agent(*words, cwd=work)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Usage: agent")


def test_help_names_every_command(work: Path) -> None:
    out = agent("--help", cwd=work).out
    named = {line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.strip()}
    assert {"fix", "run", "undo", "config", "models"} <= named


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ([], "the prompt is empty", 'agent run -p "PROMPT"'),  # without a terminal, a pipe is it
        (["fxi"], "no such command: fxi; did you mean fix", "agent --help"),
        (["--nonsense"], "no such option: --nonsense", "agent --help"),
        (["run", "-x"], "no such option: -x", "agent run --help"),
        (["fix", "--max-stepz", "3"], "no such option: --max-stepz", "agent fix --help"),
        (["models"], "a command is missing", "agent models --help"),
        (["models", "burn"], "no such command: burn", "agent models --help"),
        (
            ["models", "info"],
            "the following arguments are required: NAME",
            "agent models info --help",
        ),
        (["-p"], "-p/--prompt/--print: expected one argument", "agent run --help"),
        (["-p", ""], "the prompt is empty", 'agent run -p "PROMPT"'),
        (["run", "  "], "the prompt is empty", 'agent run -p "PROMPT"'),
        (["run"], "the prompt is empty", 'agent run -p "PROMPT"'),
        (["run", "-p", "a", "b"], "the prompt was given twice", 'agent run -p "PROMPT"'),
        (
            ["run", "a", "--effort", "high"],
            "--effort: invalid int value: 'high'",
            "agent run --help",
        ),
        (["run", "a", "--output-format", "xml"], "no such format: xml", "--output-format text"),
        (["models", "info", "qwen"], "unknown model: qwen", "agent models list"),
        (["run", "a", "-m", "gpt"], "unknown model: gpt", "agent models list"),
    ],
)
def test_what_cannot_be_used_ends_in_one_line_and_a_hint(
    work: Path, words: list[str], error: str, hint: str
) -> None:
    said, told = hinted(agent(*words, cwd=work))
    assert said.startswith(error)
    assert told.startswith(hint)
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["--versoin"], "no such option: --versoin; did you mean --version", "agent --help"),
        (["rnu", "x"], "no such command: rnu; did you mean run", "agent --help"),
        (["models", "lst"], "no such command: lst; did you mean list", "agent models --help"),
        (["undo", "--red"], "no such option: --red; did you mean --redo", "agent undo --help"),
        (["undo", "--a\nb"], "no such option: --a b", "agent undo --help"),
    ],
)
def test_what_is_nearly_an_option_or_a_command_names_the_one_that_was_meant(
    work: Path, words: list[str], error: str, hint: str
) -> None:
    assert hinted(agent(*words, cwd=work)) == (error, hint)


def test_a_repair_is_no_conversation_to_go_on_with(work: Path) -> None:
    error, hint = hinted(agent("fix", "x", "-c", cwd=work))
    assert (error, hint) == ("no such option: -c", "agent fix --help")


def test_what_names_no_command_is_a_prompt_for_the_screen(work: Path) -> None:
    ended = agent("why is it so?", "-m", script(work / "m.yaml", "So."), cwd=work)
    assert (ended.code, ended.out) == (0, "So.\n")  # without a terminal it is answered headless


def test_a_model_that_is_nearly_named_is_offered(work: Path) -> None:
    error, hint = hinted(agent("-p", "x", "-m", "qwen2.5-coder-1.5", cwd=work))
    assert "did you mean qwen2.5-coder-1.5b" in error
    assert hint == "agent models list"


def test_a_model_that_is_not_here_is_not_loaded_unasked(work: Path) -> None:
    error, hint = hinted(agent("-p", "x", cwd=work))
    assert error.startswith("the model qwen2.5-coder-1.5b is not on this machine")
    assert hint.startswith("agent models pull qwen2.5-coder-1.5b")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--autonomy", "9"], "command line, autonomy: "),
        (["--autonomy", "bold"], "command line, autonomy: a level is observe, ask, edit"),
        (["--effort", "5"], "command line, effort: "),
        (["--sandbox", "none"], "command line, sandbox: "),
        (["--max-steps", "0"], "command line, max_steps: "),
        (["--max-wall-time", "0"], "command line, max_wall_time: "),
        (["--seed", "-1"], "command line, seed: "),
        (["-C", "/does/not/exist"], "not a folder: /does/not/exist"),
        (["--add-dir", "/does/not/exist"], "not a folder: /does/not/exist"),
    ],
)
def test_a_bad_value_names_its_flag(work: Path, hello: str, flags: list[str], said: str) -> None:
    assert refused(agent("run", "x", "-m", hello, *flags, cwd=work)).startswith(said)


def test_a_script_that_is_not_there_is_an_error(work: Path) -> None:
    ended = agent("-p", "x", "-m", "scripted:/none.yml", cwd=work)
    assert refused(ended) == "cannot read the script /none.yml: No such file or directory"


def test_a_prompt_over_ten_megabytes_is_refused(work: Path, hello: str) -> None:
    ended = agent("run", "-p", "-", "-m", hello, cwd=work, stdin=b"x" * (11 << 20))
    assert hinted(ended) == ("the prompt is over 10 MB", "name files instead")


def test_a_bare_repository_has_nothing_to_work_on(work: Path, hello: str) -> None:
    subprocess.run(["git", "init", "-q", "--bare", work], check=True)
    before = sorted(work.rglob("*"))
    assert "is a bare repository" in hinted(agent("-p", "x", "-m", hello, cwd=work))[0]
    assert sorted(work.rglob("*")) == before


def test_a_folder_that_was_removed_is_an_error(work: Path, hello: str) -> None:
    command = f'cd "{work}" && rmdir "{work}" && exec "{AGENT}" -p x -m "{hello}"'
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, stdin=-3
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: cannot use the folder .: ")


def test_there_is_nothing_to_undo_in_a_new_folder(work: Path) -> None:
    assert refused(agent("undo", cwd=work), code=1).startswith("nothing to undo")


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "hi"],
        ["run", "hi"],
        ["run", "-p", "hi"],
        ["run", "--prompt", "hi"],
        ["--print", "hi"],
        ["--prompt=hi"],
        ["--max-steps", "3", "-p", "hi"],
        ["run", "-"],
    ],
)
def test_the_answer_is_data_and_the_rest_is_talk(work: Path, hello: str, words: list[str]) -> None:
    ended = agent(*words, "-m", hello, cwd=work, stdin=b"hi" if words[-1] == "-" else b"")
    assert (ended.code, ended.out) == (0, "Hello there.\n")
    assert ended.err.splitlines()[-1].startswith("done: 0 files changed, ")
    assert list(work.iterdir()) == []


def test_a_pipe_alone_is_the_prompt_and_beside_one_a_block(work: Path, hello: str) -> None:
    def prompt(*words: str, stdin: bytes) -> str:
        ended = agent("run", *words, "-m", hello, "--json", cwd=work, stdin=stdin)
        (turn,) = (each for each in lines(ended.out) if each["type"] == "turn_started")
        return str(turn["prompt"])

    assert prompt(stdin=b"from the pipe\n") == "from the pipe"
    assert prompt("-p", "why?", stdin=b"a log\n") == "why?\n\n<stdin>\na log\n</stdin>"
    assert prompt("-p", "why?", stdin=b" \n") == "why?"
    assert prompt(stdin=b"caf\xe9") == "caf\ufffd"


def test_a_stream_is_the_event_union_and_its_last_line_the_result(work: Path, hello: str) -> None:
    ended = agent("-p", "hi", "-m", hello, "--output-format", "stream-json", cwd=work)
    events = [parse(line) for line in ended.out.splitlines()]
    assert ended.code == 0
    assert isinstance(events[0], SessionStarted)
    assert isinstance(events[-2], TurnFinished)
    result = events[-1]
    assert isinstance(result, Result)
    assert (result.outcome, result.exit_code, result.text) == ("done", 0, "Hello there.")
    assert [each.seq for each in events[:-1]] == list(range(1, len(events)))


def test_json_is_the_result_alone_also_of_what_never_began(work: Path, hello: str) -> None:
    ended = agent("-p", "hi", "-m", hello, "--output-format", "json", cwd=work)
    assert [each["outcome"] for each in lines(ended.out)] == ["done"]
    ended = agent("-p", "hi", "-m", "gpt", "--output-format", "json", cwd=work)
    (result,) = lines(ended.out)
    assert (ended.code, result["exit_code"], result["outcome"]) == (2, 2, "failed")
    assert result["error"].startswith("unknown model: gpt")


def test_the_log_of_a_run_is_read_back_as_its_stream(work: Path, home: Path, hello: str) -> None:
    ended = agent("-p", "hi", "-m", hello, "--json", cwd=work)
    (log,) = (home / "state" / "wisp" / "sessions").rglob("*.jsonl")
    view = read(log)
    assert (view.damage, view.torn) == ([], False)
    streamed = [line for line in ended.out.splitlines() if json.loads(line)["type"] != "result"]
    logged = [line for line in log.read_text().splitlines() if line]
    assert logged == [line for line in streamed if '"type":"text_delta"' not in line]


def test_a_folder_whose_name_is_not_utf8_can_be_worked_in(tmp_path: Path, hello: str) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    ended = agent("-p", "hi", "-m", hello, "--json", cwd=folder)
    assert ended.code == 0
    assert lines(ended.out)[0]["cwd"].endswith("caf\\xe9")


@pytest.mark.parametrize("words", [["--version"], ["config"], ["-p", "hi", "-m"]])
@pytest.mark.parametrize("closed", [">&-", "<&- 2>&-", "<&- >&- 2>&-", "> /dev/full"])
def test_streams_that_are_closed_or_full_are_no_reason_to_fall_over(
    work: Path, hello: str, words: list[str], closed: str
) -> None:
    given = [*words, hello] if words[-1] == "-m" else words
    command = f'"$0" "$@" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, AGENT, *given],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == (1 if "full" in closed else 0), done.stderr


@pytest.mark.parametrize("words", [["--help"], ["-p", "hi", "--json", "-m"]])
def test_a_reader_that_leaves_early_is_no_error_to_tell_of(
    work: Path, hello: str, words: list[str]
) -> None:
    out, into = os.pipe()
    os.close(out)
    try:
        done = subprocess.run(
            [AGENT, *words, *([hello] if words[-1] == "-m" else [])],
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=into,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(into)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_ends_the_turn_with_its_code(
    work: Path, home: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    slow = script(tmp_path / "slow.yml", {"say": "late", "pause": 600})
    with subprocess.Popen(
        [AGENT, "-p", "hi", "-m", slow, "--json"],
        cwd=work,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if '"step_started"' in line:
                break
        running.send_signal(number)
        rest = running.stdout.read()
        assert running.wait() == code
    result = parse(rest.splitlines()[-1])
    assert isinstance(result, Result)
    assert (result.outcome, result.exit_code) == ("cancelled", code)
    (log,) = (home / "state" / "wisp" / "sessions").rglob("*.jsonl")
    last = read(log).events[-1]
    assert isinstance(last, TurnFinished)
    assert last.exit_code == code


@pytest.mark.parametrize(
    ("answer", "made", "code"), [("y\n", True, 3), ("\n", False, 4), ("use b.py\n", False, 4)]
)
def test_on_a_terminal_a_line_prompt_asks(
    work: Path, tmp_path: Path, answer: str, made: bool, code: int
) -> None:
    edit = {"calls": [{"write": {"path": "a.py", "content": "x = 1\n"}}]}
    model = script(tmp_path / "s.yml", edit, "Over.")
    command: list[str | Path] = [AGENT, "run", "make a.py", "-m", model, "--autonomy", "ask"]
    ended, shown = converse(command, work, {"allow once?": answer})
    assert "asks: EDIT" in shown
    assert (work / "a.py").exists() is made
    assert ended == code, shown
