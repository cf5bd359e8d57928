"""What can be typed: options and their values, what does not fit, and the help."""

from __future__ import annotations

import pytest

from agent import cli, flags  # noqa: F401 - importing `cli` makes the commands
from agent.errors import UsageError

EVERY = sorted([*flags.COMMANDS, *flags.GROUPS])


def refused(*words: str, command: str = "run") -> str:
    """The error of words that do not fit; its hint is always the help of the command."""
    with pytest.raises(UsageError) as caught:
        flags.parse((command,), list(words))
    assert caught.value.hint == f"agent {command} --help"
    assert caught.value.exit_code == 2
    return caught.value.message


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--outpt-format=json"], "no such option: --outpt-format; did you mean --output-format"),
        (["x", "--jsno"], "no such option: --jsno; did you mean --json"),
        (["--auto", "ask", "--nonsense"], "no such option: --auto; did you mean --autonomy"),
        (["x", "--nonsense"], "no such option: --nonsense"),
        (["-yx"], "no such option: -x"),
        (["a", "b"], "one word too many: b"),
        (["a", "-y", "b"], "one word too many: b"),
        (["--json=1"], "--json: ignored explicit argument '1'"),
        (["--effort", "1.5"], "--effort: invalid int value: '1.5'"),
        (["--max-wall-time="], "--max-wall-time: invalid float value: ''"),
        (["-m"], "-m/--model: expected one argument"),
    ],
)
def test_what_does_not_fit_is_an_error_of_one_line(words: list[str], error: str) -> None:
    assert refused(*words) == error


@pytest.mark.parametrize("flag", ["--out", "--promp", "--max-wall", "--jso", "--add"])
def test_an_option_is_not_abbreviated(flag: str) -> None:
    assert refused(flag, "x").startswith(f"no such option: {flag}")
    assert refused(f"{flag}=x").startswith(f"no such option: {flag}")


@pytest.mark.parametrize("text", ["-5", "-y all of it", "--json", "-p", "=", "--", "-h", "", "-"])
def test_an_option_takes_the_word_behind_it_whatever_that_looks_like(text: str) -> None:
    for words in (["-p", text], ["--print", text], [f"--prompt={text}"]):
        assert flags.parse(("run",), [*words, "--seed", "-1"]).prompt == text
    both = flags.parse(("run",), ["-yp", text, "-mx"])
    assert (both.prompt, both.yes, both.model, both.words) == (text, True, "x", "")


@pytest.mark.parametrize("text", ["-5", "--json", "-", "--", "plain"])
def test_behind_two_dashes_everything_is_a_word(text: str) -> None:
    assert flags.parse(("run",), ["-y", "--", text]).words == text


def test_options_stand_before_a_word_and_behind_it() -> None:
    typed = flags.parse(("fix",), ["--effort", "3", "it breaks", "--json", "-C", "/x", "--seed=7"])
    assert (typed.bug, typed.effort, typed.json, typed.cwd, typed.seed) == (
        "it breaks",
        3,
        True,
        "/x",
        7,
    )


def test_a_folder_can_be_added_more_than_once() -> None:
    typed = flags.parse(("run",), ["--add-dir", "a", "--add-dir=b"])
    assert typed.add_dir == ["a", "b"]


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_all_help_fits_a_terminal_and_ends_with_itself(path: flags.Words) -> None:
    lines = flags.help_of(path).splitlines()
    assert lines[0].startswith(" ".join(["Usage: agent", *path]))
    assert lines[2].endswith(".")
    assert lines[-1].startswith("  -h, --help")
    assert max(map(len, lines)) <= 80


def test_an_option_is_written_once() -> None:
    spelt = [flag for each, _ in flags.OPTIONS.values() for flag in each]
    assert sorted(spelt) == sorted(set(spelt))
