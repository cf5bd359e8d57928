"""The program on a real terminal: what a person does at it, and how it leaves the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import MODELS
from tests.support import AGENT, script
from tests.tui.terminal import Terminal, terminal
from tests.tui.wrong_sum import BROKEN, MENDED

SMALL = "qwen2.5-coder-0.5b"
FILE = MODELS / f"{SMALL}-instruct-q4_k_m.gguf"
ASK_FOR_IT = 'Edit calc.py: replace "a - b" with "a + b".'


def say(at: Terminal, text: str) -> None:
    at.type(text)
    at.wait(text[-20:])
    at.press("enter")


def answer(at: Terminal, key: str, until: str) -> None:
    """Press a key until the card has taken it: for the first moment it takes none."""
    for _ in range(20):
        at.press(key)
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            at.look()
        if until in at.screen():
            return
    raise AssertionError(f"{key} was not taken\n{at.screen()}")


# -- with a script in place of the model


@pytest.fixture
def scripted(work: Path) -> str:
    return script(work.parent / "model.yaml", "Hello.", "Again.")


@pytest.mark.parametrize("way", ["/quit", "ctrl+c", "SIGTERM", "SIGHUP", "SIGINT"])
def test_the_terminal_is_as_it_was_after_each_end(work: Path, scripted: str, way: str) -> None:
    with terminal([AGENT, "-m", scripted], work) as at:
        at.wait("[ASK]")
        say(at, "hi")
        at.wait("Hello.")
        if way == "/quit":
            say(at, "/quit")
            expected = 0
        elif way == "ctrl+c":
            at.press("ctrl+c")
            at.wait("again leaves")
            at.press("ctrl+c")
            expected = 0
        elif way == "SIGINT":
            at.kill(signal.SIGINT)
            at.wait("again leaves")
            at.kill(signal.SIGINT)
            expected = 0
        else:
            number = signal.Signals[way]
            at.kill(number)
            expected = 128 + number
        assert (at.end(), at.left()) == (expected, [])


def test_a_terminal_that_is_taken_away_ends_it(work: Path, scripted: str) -> None:
    with terminal([AGENT, "-m", scripted], work) as at:
        at.wait("[ASK]")
        at.hang_up()
        assert at.end() == 128 + signal.SIGHUP


def test_what_was_typed_and_not_sent_is_there_at_the_next_start(work: Path, scripted: str) -> None:
    with terminal([AGENT, "-m", scripted], work) as at:
        at.wait("[ASK]")
        at.type("half a thought")
        at.wait("half a thought")
        at.kill(signal.SIGTERM)
        at.end()
    with terminal([AGENT, "-m", scripted], work) as at:
        at.wait("half a thought")


def test_keys_are_taken_in_their_order_however_fast_they_come(work: Path, scripted: str) -> None:
    with terminal([AGENT, "-m", scripted], work) as at:
        at.wait("[ASK]")
        at.type("gone" * 9 + "\x15not lost" + " at all" * 9 + "\x01so: \x05.")
        at.wait("so: not lost at all at all at all at all at all at all at all at all at all.")


def test_a_start_that_fails_leaves_the_prompt_usable(work: Path, scripted: str) -> None:
    with terminal([AGENT, "-m", "scripted:missing.yaml"], work) as at:
        at.wait("error: ")
        say(at, f"/model {scripted}")
        at.wait_gone("error: no ")
        say(at, "hi")
        at.wait("Hello.")


def test_no_screen_opens_where_there_is_no_terminal(work: Path, scripted: str) -> None:
    done = subprocess.run(
        [AGENT, "-m", scripted],
        cwd=work,
        input="hi\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Hello.\n")  # a pipe alone is the prompt


def test_lines_in_place_of_a_screen(work: Path, scripted: str) -> None:
    with terminal([AGENT, "--plain", "-m", scripted], work) as at:
        at.wait(lambda text: text.endswith(">"))
        at.type("hi\r")
        at.wait("Hello.")
        at.type("! echo $((40 + 2))\r")
        at.wait("42")
        at.type("/quit\r")
        assert at.end() == 0
        assert b"\x1b" not in bytes(at.written)  # nothing is drawn over


# -- with the real model


@pytest.fixture
def real(work: Path, home: Path) -> Iterator[dict[str, str]]:
    if not FILE.exists():
        pytest.skip(f"NOT TESTED, no model: {FILE}")
    pytest.importorskip("llama_cpp", reason="NOT TESTED, the extra `local` is not installed")
    place = home / "cache" / "wisp" / "models"
    place.mkdir(parents=True)
    (place / FILE.name).symlink_to(FILE)
    yield dict(os.environ)


def stop(at: Terminal) -> None:
    """Stop the turn and wait until it has ended."""
    at.wait(lambda text: "waits for you" not in text.splitlines()[-1])
    at.press("escape")
    at.wait(lambda text: "● " not in text.splitlines()[-1])


def model_process(at: Terminal) -> int:
    """Return the process that holds the model, a child of the program; 0 for none."""
    for children in Path(f"/proc/{at.pid}/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            if b"_host" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return 0


@pytest.mark.model
@pytest.mark.timeout(1500)
def test_a_day_at_the_terminal_with_the_real_model(work: Path, real: dict[str, str]) -> None:
    calc = work / "calc.py"
    with terminal([AGENT, "-m", SMALL], work, real) as at:
        at.wait("[ASK]")
        # a question
        say(at, "What does calc.py do? Answer in one sentence.")
        at.wait("tok/s", 300)
        at.wait(lambda text: "nothing left this machine" in text, 300)
        # an edit, approved
        say(at, "/clear")
        at.wait_gone("Answer in one")
        say(at, ASK_FOR_IT)
        at.wait("─ asks ─", 300)
        answer(at, "y", "approved by you")
        stop(at)
        assert calc.read_text() == MENDED
        # one that is refused, with a word
        calc.write_text(BROKEN)
        say(at, "/clear")
        at.wait_gone("approved by you")
        say(at, ASK_FOR_IT)
        at.wait("─ asks ─", 300)
        answer(at, "n", "no, because")
        at.type("leave it alone")
        at.press("enter")
        at.wait("declined")
        stop(at)
        assert "leave it alone" in at.screen()
        assert calc.read_text() == BROKEN
        # the slider moved while an approval waits
        say(at, "/clear")
        at.wait_gone("declined")
        say(at, ASK_FOR_IT)
        at.wait("─ asks ─", 300)
        at.press("shift+tab")
        at.wait("[EDIT]")
        at.wait("approved by the slider")
        stop(at)
        assert calc.read_text() == MENDED
        # a turn stopped while the model reads
        at.type("What is this? " + "word " * 1500)
        at.press("enter")
        at.wait(lambda text: "reading 2" in text or "reading 1" in text, 300)
        stop(at)
        at.wait("stopped")
        # other sizes of the window
        for columns, rows in ((60, 24), (160, 50), (100, 30)):
            at.resize(columns, rows)
            # the last line goes to the last column, whatever hints there is room for
            at.wait(lambda text: len(text.splitlines()[-1]) == at.columns - 1)
        # the process of the model dies
        say(at, "And what does add do?")
        at.wait("you   And what does")
        at.wait("● reading", 300)
        os.kill(model_process(at), signal.SIGKILL)
        at.wait("failed: the local model's process ended", 120)
        say(at, "Say yes.")
        at.wait("you   Say yes.")
        at.wait(lambda text: model_process(at) > 0, 60)  # it is there again
        at.wait("● reading", 300)
        stop(at)
        at.press("ctrl+c", "ctrl+c")
        assert (at.end(), at.left()) == (0, [])
    with terminal([AGENT, "-c"], work, real) as at:
        # it goes on
        at.wait("[EDIT]")
        at.wait("Say yes.")
        # and back to before the turn in which the slider moved, the first of this session
        say(at, "/rewind 1")
        at.wait("went back")
        assert calc.read_text() == BROKEN
        at.kill(signal.SIGTERM)
        assert (at.end(), at.left()) == (143, [])


def test_a_session_is_played_back_and_gone_on_with(work: Path, scripted: str) -> None:
    done = subprocess.run([AGENT, "run", "-m", scripted, "-p", "hi"], cwd=work, check=False)
    assert done.returncode == 0
    log = next((Path(os.environ["XDG_STATE_HOME"]) / "wisp").rglob("*.jsonl"))
    moved = log.rename(work.parent / "elsewhere.jsonl")  # as from another machine
    before = moved.read_bytes()
    with terminal([AGENT, "sessions", "replay", moved, "--speed", "max"], work) as at:
        at.wait("the end")
        assert "Hello." in at.screen()
        at.press("q")
        assert (at.end(), at.left()) == (0, [])
    with terminal([AGENT, "sessions", "replay", moved], work) as at:
        at.wait("turn 0 of 1")
        at.type("]\x1b[C\x1b[C")
        at.wait("the end")
        at.type("c")
        at.wait("behind turn 1,")
        at.type("y")
        at.wait("a fork of elsewhere")
        at.wait("the files are those of this folder")
        at.wait("[ASK]")
        assert "Hello." in at.screen()
        at.press("ctrl+c")
        at.wait("again leaves")
        at.press("ctrl+c")
        assert (at.end(), at.left()) == (0, [])
    with terminal([AGENT, "sessions", "replay", moved, "--from", "9.9"], work) as at:
        at.wait("has no step 9 in turn 9")
        assert at.end() == 2
    assert moved.read_bytes() == before
