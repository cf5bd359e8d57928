from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from agent.config import config_path
from sandbox.workspace import Workspace
from tui.commands import ALIASES, COMMANDS, Actions, Unknown, is_command, parse
from tui.own_commands import OwnCommand, load


class Heard:
    """Stands for a face: it writes down what it is asked to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> object:
        return lambda *words: self.done.append((name, *words))


def heard(text: str, own: dict[str, str] | None = None) -> list[tuple[str, ...]]:
    made = {
        name: OwnCommand.of(name, body, "yours").command() for name, body in (own or {}).items()
    }
    found = parse(text, COMMANDS | made)
    assert not isinstance(found, Unknown), found
    command, word = found
    face = Heard()
    command.act(face, word)  # type: ignore[arg-type]  # it has every method
    return face.done


def test_every_command_does_what_it_is_called_and_every_deed_has_one() -> None:
    deeds = {name for name in vars(Actions) if not name.startswith("_")} - {"ask"}
    assert set(COMMANDS) == deeds
    for name, command in COMMANDS.items():
        takes = len(inspect.signature(getattr(Actions, name)).parameters) - 1
        assert takes == bool(command.takes)
        expected = (name, "a b") if takes else (name,)
        assert heard(f"/{name} a b" if takes else f"/{name}") == [expected]


def test_the_table_as_people_see_it() -> None:
    lines = [
        f"/{each.name} {each.takes}".ljust(17) + " " + each.about for each in COMMANDS.values()
    ]
    assert "\n".join(lines) == snapshot("""\
/model [NAME]     choose the model
/effort [LEVEL]   how hard to try, 0 to 4
/autonomy [LEVEL] move the slider
/plan             look only, and make a plan
/policy [WORD]    what is allowed, asked and denied
/trust            trust this repository's settings
/init [WORDS]     draft or improve AGENTS.md
/fix [WORDS]      repair what fails, proved by tests
/check [COMMAND]  prove the changes, or set the check
/compact [WORDS]  sum up the conversation
/review           go through the changes by hunk
/diff             show what was changed
/undo             take the last turn back
/redo             do it again
/rewind [TURN]    go back to an earlier turn
/sessions [NAME]  open another session
/name [NAME]      name this session
/remember WORDS   keep a lesson for this repository
/lessons [forget N] the lessons that were kept
/export [FILE]    report this session in a file
/clear            begin a new session
/cost             tokens, money, bytes sent
/copy             copy the last answer
/theme [NAME]     choose the colours
/doctor           what works on this machine
/keys             say which providers have a key
/help             commands and keys
/quit             leave; the session is kept\
""")


def test_other_names_mean_a_command_too() -> None:
    assert heard("/exit") == [("quit",)]
    assert heard("/?") == [("help",)]
    assert set(ALIASES.values()) <= COMMANDS.keys() and not ALIASES.keys() & COMMANDS.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/mdoel", snapshot("no such command: /mdoel; did you mean /model")),
        ("/re", snapshot("no such command: /re; did you mean /review or /redo")),
        ("/xyzzy now", snapshot("no such command: /xyzzy")),
        ("/", snapshot("no such command: /")),
        ("/usr/bin/x", snapshot("not a command: /usr/bin/x")),
        ("/diff all of it", snapshot("/diff takes nothing more: all of it")),
        ("", snapshot("not a command: ")),
    ],
)
def test_what_is_no_command_is_told_with_what_was_meant(text: str, said: str) -> None:
    found = parse(text)
    assert isinstance(found, Unknown)
    assert str(found) == said


def test_a_path_at_the_start_is_no_command() -> None:
    assert is_command("/model x") and is_command("/no-such") and is_command("/")
    assert not is_command("/etc/hosts is wrong") and not is_command("see /model")
    assert not is_command("// a comment")


def test_the_table_needs_no_screen() -> None:
    code = "import sys, tui.commands, tui.own_commands; assert 'textual' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_arguments_are_put_in_their_places_and_never_run() -> None:
    body = "check $1 then $2$3 of $ARGUMENTS and `ls` $10 $HOME"
    assert heard('/x "a b" $1', {"x": body}) == [
        ("ask", 'check a b then $1 of "a b" $1 and `ls` $10 $HOME', "")
    ]
    assert heard("/x it's", {"x": "see $1"}) == [("ask", "see it's", "")]
    assert heard("/x more", {"x": "no place"}) == [("ask", "no place\n\nmore", "")]
    assert heard("/x", {"x": "no place"}) == [("ask", "no place", "")]


def test_front_matter_describes_and_is_no_part_of_the_prompt() -> None:
    own = OwnCommand.of(
        "x", '---\r\ndescription: "look \x1b[2Jtwice"\r\n---\r\n# Do it\r\n', "yours"
    )
    assert (own.about, own.body) == ("look \\x1b[2Jtwice", "# Do it")
    assert OwnCommand.of("x", "# Do it\nnow", "yours").about == "Do it"
    assert OwnCommand.of("x", "---\nno end", "yours").body == "---\nno end"


def test_commands_of_the_repository_say_so_and_shadow_nothing(tmp_path: Path) -> None:
    mine = config_path().parent / "commands"
    mine.mkdir(parents=True)
    (mine / "both.md").write_text("mine")
    (mine / "Bad Name.md").write_text("no")
    (mine / "bytes.md").write_bytes(b"\xff")
    theirs = tmp_path / ".wisp" / "commands"
    (theirs / "inner").mkdir(parents=True)
    (theirs / "both.md").write_text("theirs")
    (theirs / "diff.md").write_text("shadow")
    (theirs / "exit.md").write_text("shadow")
    (theirs / "empty.md").write_text("---\ndescription: x\n---\n")
    (theirs / "api.md").write_text("look at $ARGUMENTS")
    (theirs / "large.md").write_text("x" * 100_000)
    (theirs / "inner" / "deep.md").write_text("no")
    (tmp_path / "secret").write_text("key")
    (theirs / "link.md").symlink_to("/etc/hostname")
    found = load(Workspace(tmp_path))
    assert {name: each.source for name, each in found.items()} == {
        "both": "yours",
        "api": "repository",
    }
    face = Heard()
    found["api"].act(face, "it")  # type: ignore[arg-type]  # it has every method
    found["both"].act(face, "")  # type: ignore[arg-type]  # as above
    assert face.done == [("ask", "look at it", ".wisp/commands/api.md"), ("ask", "mine", "")]


def test_no_folder_is_no_command(tmp_path: Path) -> None:
    assert load(Workspace(tmp_path)) == {}
    (tmp_path / ".wisp").mkdir()
    (tmp_path / ".wisp" / "commands").symlink_to("/etc")
    assert load(Workspace(tmp_path)) == {}
