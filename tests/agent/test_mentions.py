"""What a prompt names is found in the repository and shown behind it."""

from pathlib import Path

import pytest

from agent.context import mentions
from agent.context.sources import Sources
from sandbox.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    files = {
        "shop/pricing.py": "def apply_discount(cents, percent):\n    return cents - percent\n",
        "shop/cart.py": (
            "from shop.pricing import apply_discount\n\n\n"
            "def checkout(items):\n    return apply_discount(sum(items), 0)\n"
        ),
        "README.md": "# shop\n\nteh shop\n",
        "long.py": "".join(f"x{n} = {n}\n" for n in range(100)),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return Workspace(tmp_path)


def test_a_named_file_is_shown(workspace: Workspace) -> None:
    found = mentions.gather(Sources(workspace), "In README.md, correct the typo")
    assert found == "From the repository:\nREADME.md, lines 1-3:\n# shop\n\nteh shop"


def test_a_named_function_is_shown_with_its_uses(workspace: Workspace) -> None:
    found = mentions.gather(Sources(workspace), "Rename apply_discount to discounted")
    assert "shop/pricing.py, lines 1-2:\ndef apply_discount(cents, percent):" in found
    assert "shop/cart.py:5: return apply_discount(sum(items), 0)" in found


def test_where_nothing_is_named_what_is_near_is_shown(workspace: Workspace) -> None:
    prompt = "Which function computes the discount?"
    found = mentions.gather(Sources(workspace), prompt, lambda text: f"near {text}")
    assert found == f"From the repository:\nnear {prompt}"


def test_a_long_file_is_cut_and_says_so(workspace: Workspace) -> None:
    found = mentions.gather(Sources(workspace), "Look at long.py")
    assert "[… 60 more lines …]" in found
    assert len(found) < mentions.BUDGET


def test_a_prompt_that_names_nothing_gets_nothing(workspace: Workspace) -> None:
    assert mentions.gather(Sources(workspace), "Hello, who are you?") == ""
