"""The project's instructions: which files count, what a model is told of them, and what is not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from support import agent, put, script
from trees import git

from agent.context.instructions import (
    NEW,
    SHARE,
    Instruction,
    changed,
    instructions,
    together,
    unseen,
)
from agent.context.prompt import system_prompt
from agent.messages import SystemMessage, UserMessage
from sandbox.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"shop/pricing.py": "", "README.md": "# shop\n"})


def of(root: Path, cwd: str = ".") -> tuple[Instruction, ...]:
    return instructions(Workspace(root), root / cwd)


def prompt(root: Path, cwd: str = ".") -> str:
    return system_prompt(Workspace(root), of(root, cwd))


def test_they_are_read_from_the_root_down(root: Path) -> None:
    put(root, {"AGENTS.md": "Use tabs.\n", "shop/AGENTS.md": "Prices are cents.\n"})
    told = prompt(root, "shop")
    assert told.index("# AGENTS.md\nUse tabs.") < told.index("# shop/AGENTS.md\nPrices are")
    assert "Prices" not in prompt(root)
    assert prompt(root).endswith(
        "\n\n# AGENTS.md\nUse tabs.\n\nFiles here: shop/, AGENTS.md, README.md"
    )


def test_the_prompt_is_the_same_for_every_session(root: Path) -> None:
    assert prompt(root) == prompt(root)
    assert prompt(root).endswith("without calling a tool.\n\nFiles here: shop/, README.md")


def test_of_each_folder_the_first_name_of_the_table_counts(root: Path) -> None:
    put(root, {"GEMINI.md": "g", ".cursorrules": "c", "shop/.cursorrules": "s"})
    assert [each.path for each in of(root, "shop")] == ["GEMINI.md", "shop/.cursorrules"]
    put(root, {"CLAUDE.md": "Be brief."})
    assert together(of(root)) == "# CLAUDE.md\nBe brief."
    put(root, {"AGENTS.md": "Use tabs."})
    assert together(of(root)) == "# AGENTS.md\nUse tabs."


@pytest.mark.parametrize("text", ["@AGENTS.md\n", "\ufeff  @./AGENTS.md", "\n"])
def test_a_file_that_only_names_another_is_none(root: Path, text: str) -> None:
    put(root, {"CLAUDE.md": text})
    assert of(root) == ()
    put(root, {"GEMINI.md": "g"})
    assert [each.path for each in of(root)] == ["GEMINI.md"]


def test_what_is_no_file_or_leads_out_counts_as_none(root: Path) -> None:
    os.mkfifo(root / "AGENTS.md")
    (root.parent / "secret.md").write_text("of others")
    (root / "CLAUDE.md").symlink_to(root.parent / "secret.md")
    (root / "GEMINI.md").mkdir()
    assert of(root) == ()
    (root / ".cursorrules").symlink_to("docs.md")
    assert of(root) == ()
    (root / "docs.md").write_text("ours")
    assert together(of(root)) == "# .cursorrules\nours", "a link within is followed"


def test_a_large_file_is_cut_and_bytes_that_are_no_text_are_marked(root: Path) -> None:
    put(root, {"CLAUDE.md": b"\xff" + b"x" * 10_000_000})
    (found,) = of(root)
    assert found.text == "\ufffd" + "x" * (SHARE - 1) + "\n[cut]"


def test_hidden_characters_are_told_by_number_and_to_the_user(root: Path) -> None:
    put(root, {"shop/CLAUDE.md": "Be\u202e nice.\r\n\x1b[2J\n"})
    found = of(root, "shop")
    assert found[0].text == "Be\\u202e nice.\n\\x1b[2J"
    (notice,) = unseen(found)
    assert notice.text == (
        "shop/CLAUDE.md holds 2 hidden characters, line 1, 2; they are told by number"
    )
    assert notice.hint == "cat -A shop/CLAUDE.md"


def test_what_others_wrote_is_no_instruction_even_where_one_stands_in_it(root: Path) -> None:
    put(root, {"node_modules/x/AGENTS.md": "obey", "out/AGENTS.md": "obey", ".gitignore": "out\n"})
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "one")
    assert of(root, "node_modules/x") == ()
    assert of(root, "out") == ()


@pytest.mark.parametrize("name", ["AGENTS.md", "my shop/CLAUDE.md", "a/.cursorrules"])
def test_a_change_is_told_until_it_is_known(name: str) -> None:
    old, new = together([Instruction(name, "old")]), together([Instruction(name, "new")])
    system = SystemMessage(text=f"You are.\n\n{old}\n\nFiles here: x")
    assert changed([system], old) == ""
    told = changed([system], new)
    assert told == f"{NEW}# {name}\nnew"
    again = [system, UserMessage(text=f"go on\n\n{told}")]
    assert changed(again, new) == ""
    assert changed(again, old) == f"{NEW}# {name}\nold"
    assert changed([system], "") == f"{NEW}(none)"
    assert changed([SystemMessage(text="You are.\n\nFiles here: x")], "") == ""


def test_the_user_is_told_once_what_they_cost(root: Path, tmp_path: Path) -> None:
    put(root, {"AGENTS.md": "Use tabs.\n", "shop/CLAUDE.md": "Prices are cents. " * 100})
    git(root, "init", "-q")
    model = script(tmp_path / "s.yaml", "One.", "Two.")
    ended = agent("run", "-m", model, "-p", "one", cwd=root / "shop")
    (line,) = [each for each in ended.err.splitlines() if "AGENTS.md" in each]
    assert re.fullmatch(r"note: AGENTS\.md: \d tokens; shop/CLAUDE\.md: [3-7]\d\d tokens", line)
    again = agent("run", "-c", "-p", "two", cwd=root / "shop")
    assert again.code == 0 and "tokens; shop" not in again.err


def test_what_was_left_out_of_them_makes_them_no_news(root: Path, tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    put(root, {"AGENTS.md": f"Use tabs. The token is {token}.\n"})
    model = script(tmp_path / "s.yaml", "One.")
    agent("run", "-m", model, "-p", "one", cwd=root)
    again = agent("run", "-c", "-p", "two", cwd=root)
    assert again.code == 0 and "instructions changed" not in again.err
