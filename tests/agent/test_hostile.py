"""A hostile repository on a real terminal: nothing of it is obeyed, whoever repeats its words."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
from support import AGENT, put, script
from trees import git
from typed import on_terminal

EVIL = "\x1b[2J\x1b]52;c;ZXZpbA==\x07\x1b]8;;http://x\x1b\\y\x9b31m\u202egnp\u2066\u200b\U000e0041"
NAME = "a\x1b]0;t\x07\x9b2J\u202eb"  # a file's, a folder's
RAW = "c\x1b[31md\r"
# what a terminal may be sent by us: a progress bar's return, and the clearing of its line
OURS = re.compile(r"\r\n|\r  reading \d+ of \d+ tokens |\r\x1b\[K|\r[\w.:]+ \d+ of \d+ MB ")


def harmless(shown: bytes) -> str:
    """Assert that no byte of it does anything to a terminal; return it as text."""
    text = OURS.sub("\n", shown.decode("utf-8", errors="strict"))
    bad = {
        f"{ord(char):04x}"
        for char in text
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn")
    }
    assert bad == set(), text
    return text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose every word and name is made to be obeyed."""
    root = put(
        tmp_path / "work",
        {
            "AGENTS.md": f"# Rules\nBe \U000e0049\U000e0067good.\n{EVIL}\n",
            "README.md": EVIL,
            f"{NAME}.py": f"x = 1\n# {EVIL}\n",
            f"{NAME}/inner.txt": EVIL,
            "say.sh": f"printf '%s\\n' '{EVIL}'\necho '{RAW}' >&2\nexit 3\n",
            "test_a.py": f"import unittest\n\nclass T(unittest.TestCase):\n"
            f"    def test_a(self):\n        self.fail({EVIL!r} + chr(27) + '[2J')\n",
        },
    )
    git(root, "init", "-q", "-b", "evil\u202ebranch")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", f"{EVIL}\n\n{EVIL}")
    return root


CALLS: list[dict[str, object] | str] = [
    {
        "say": f"I look. {EVIL}",
        "calls": [
            {"read": {"path": "README.md"}},
            {"read": {"path": f"{NAME}.py"}},
            {"read": {"path": f"missing{EVIL}"}},
            {"search": {"pattern": "x"}},
            {"shell": {"command": f"sh say.sh; git log -1; git branch # {EVIL}"}},
            {"git": {"action": "log"}},
            {"nonsense" + RAW: {"a" + EVIL: EVIL}},
            {"edit": {"path": f"{NAME}.py", "old": "x = 1", "new": f"x = 2  # {EVIL}"}},
            {"write": {"path": f"new{RAW}.txt", "content": EVIL}},
        ],
    },
    f"Done. {EVIL}",
]


@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
def test_a_run_shows_a_hostile_repository_and_obeys_none_of_it(
    root: Path, tmp_path: Path, form: str
) -> None:
    model = script(tmp_path / "s.yaml", *CALLS)
    words = ["run", f"do {EVIL}", "-m", model, "--output-format", form]
    code, shown = on_terminal([AGENT, *words], root)
    text = harmless(shown)
    assert code == 3, text
    assert "\\x1b[2J" in text if form == "text" else "\\u001b[2J" in text
    assert "\\u202e" in text
    if form == "text":
        assert "note: AGENTS.md holds 12 hidden characters, line 2, 3;" in text


def test_a_question_shows_all_of_a_hostile_call(root: Path, tmp_path: Path) -> None:
    command = f"echo hi{' ' * 5000}; {EVIL}\n\n\n\n\n\n\n\tsh say.sh \u200d {RAW}"
    model = script(
        tmp_path / "s.yaml",
        {"calls": [{"shell": {"command": command}}]},
        {"calls": [{"ask": {"question": f"Why {EVIL}?", "choices": [EVIL, "b\tc"]}}]},
        "Done.",
    )
    words = ["run", "do it", "-m", model, "--autonomy", "ask"]
    code, shown = on_terminal([AGENT, *words], root, {"allow once?": "n\n", "2. b": "1\n"})
    text = harmless(shown)
    assert code == 4, text
    for told in ("[5,000 spaces]", "[6 empty lines]", "\\tsh say.sh \\u200d", "\\u202e", "b\\tc"):
        assert told in text
    assert re.search(r"\(8 lines, [\d,]+ characters\)", text)


@pytest.mark.usefixtures("written")
def test_a_repair_shows_what_was_written_and_obeys_none_of_it(root: Path, tmp_path: Path) -> None:
    files = {
        "calc.py": "def total():\n    return 0\n",
        "test_a.py": "import unittest\nfrom calc import total\n\nclass T(unittest.TestCase):\n"
        f"    def test_a(self):\n        self.assertEqual(total(), 1, {EVIL!r} + chr(27))\n",
    }
    put(root, files)
    model = script(tmp_path / "s.yaml", {"samples": [f"def total():\n    return 1  # {EVIL}\n"]})
    words = ["fix", f"total is wrong {EVIL}", "-m", model, "--check", "python3 -m unittest"]
    code, shown = on_terminal([AGENT, *words], root)
    text = harmless(shown)
    assert code == 0, text
    assert "+    return 1  # \\x1b[2J" in text and "verified: strength tests" in text


def test_no_command_obeys_what_it_is_given(root: Path, tmp_path: Path, home: Path) -> None:
    put(home / "config" / "wisp", {"config.toml": f'check = "{EVIL[-9:]}"\nnew = 1\n'})
    put(root, {".wisp/settings.toml": f'"{EVIL[-9:]}" = 1\n'})
    evil = f"n{EVIL}"
    for words in (
        ["config"],
        ["doctor"],
        ["sandbox", "status"],
        ["models", "info", evil],
        ["models", "pull", evil],
        ["keys", "set", evil],
        ["run", "x", "-m", evil],
        ["run", "x", "-C", evil],
        ["run", "x", "--json-schema", evil],
        ["run", "x", "-i", evil],
        [evil],
        [f"--{evil}"],
        ["undo", f"--{evil}"],
        ["run", "a", evil],
        ["sandbox", "run", "--", evil],
        ["sandbox", "run", "--path", evil, "--", "true"],
        ["undo", "-C", f"{NAME}"],
    ):
        _, shown = on_terminal([AGENT, *words], root)
        assert shown and harmless(shown)


def test_a_command_that_is_tried_draws_nothing_on_the_terminal(root: Path) -> None:
    code, shown = on_terminal([AGENT, "sandbox", "run", "--", "sh", "say.sh"], root)
    assert code == 3, shown
    assert "\\x1b[2J" in harmless(shown) and "c\\x1b[31md" in harmless(shown)


def test_into_a_pipe_goes_what_a_command_says(root: Path) -> None:
    done = subprocess.run(
        [AGENT, "sandbox", "run", "--", "sh", "say.sh"], cwd=root, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (3, b"")
    assert done.stdout == f"{EVIL}\n{RAW}\n".encode()
