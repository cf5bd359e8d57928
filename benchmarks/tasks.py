"""Twenty small tasks through `agent run`, each with a check of its own: how many end well.

    python benchmarks/tasks.py [--model NAME] [--only TASK ...] [--wordings N] [--timeout SECONDS]

Each is asked for in three wordings. Prints a line for each run (how it ended, seconds, tokens), and
the counts. The tasks and the project they run in are ours; each check looks at the answer or at the
tree, not at words of the transcript.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._shares import wilson
from benchmarks._wordings import OTHERS

FILES = {
    "README.md": "# shop\n\nA small shop. It keeps teh prices in cents.\n",
    "shop/__init__.py": "",
    "shop/pricing.py": '''\
"""Prices in cents."""

import os
import re

DEFAULT_TIMEOUT = 10


def apply_discount(cents, percent):
    """Return the price after a discount in percent."""
    return cents - cents * percent // 100


def parse_price(text):
    """Read a price such as "3.50" into cents."""
    match = re.fullmatch(r"(\\d+)\\.(\\d\\d)", text)
    if match is None:
        raise ValueError(f"not a price: {text!r}")
    return int(match[1]) * 100 + int(match[2])


def label(cents):
    return f"{cents / 100:.2f}"
''',
    "shop/cart.py": '''\
"""A cart of items."""

from shop.pricing import apply_discount


def calc(items):
    return sum(price * count for price, count in items)


def checkout(items, percent=0):
    return apply_discount(calc(items), percent)
''',
    "shop/text.py": '''\
"""Text for people."""


def slugify(title):
    return "-".join(title.lower().split())


def initials(name):
    """Return the initials of a name, in capitals."""
    return "".join(part[0] for part in name.split())
''',
    "tests/test_cart.py": """\
from shop.cart import checkout


def test_empty():
    assert checkout([]) == 0


def test_one_item():
    assert checkout([(250, 2)]) == 500


def test_discount():
    assert checkout([(1000, 1)], percent=10) == 900


def test_full_discount():
    assert checkout([(1000, 1)], percent=100) == 0
""",
    "tests/test_text.py": """\
from shop.text import initials


def test_initials_are_capitals():
    assert initials("ada lovelace") == "AL"
""",
    "conftest.py": "",
}


@dataclass(frozen=True)
class Ended:
    """What a run left behind."""

    folder: Path
    answer: str

    def text(self, name: str) -> str:
        """Return a file of the tree, empty where there is none."""
        path = self.folder / name
        return path.read_text() if path.is_file() else ""

    def evaluates(self, code: str) -> bool:
        """Whether a line of Python that asserts something runs in the project."""
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.folder, capture_output=True, timeout=60
        )
        return done.returncode == 0

    def passes(self, *tests: str) -> bool:
        """Whether pytest with these arguments is green in the tree."""
        command = [sys.executable, "-m", "pytest", "-q", *tests]
        return subprocess.run(command, cwd=self.folder, capture_output=True).returncode == 0

    def untouched(self) -> bool:
        """Whether the tree is as it was laid out."""
        return all(self.text(name) == text for name, text in FILES.items())


def says(*words: str) -> Callable[[Ended], bool]:
    """Return a check: the answer has each of these, and nothing was changed."""
    return lambda end: (
        all(re.search(word, end.answer, re.I) is not None for word in words) and end.untouched()
    )


def _functions(text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _new_test(end: Ended) -> bool:
    """Whether a test of slugify was added that passes, and that a broken slugify fails."""
    found = [p for p in end.folder.rglob("test_*.py") if "slugify" in p.read_text()]
    if not found or not all(end.passes(str(path)) for path in found if path.name != "test_text.py"):
        return False
    source = end.folder / "shop/text.py"
    good = source.read_text()
    names = [name for path in found for name in _functions(path.read_text()) if "slug" in name]
    if not names or not end.passes("-k", " or ".join(names)):
        return False
    source.write_text(good.replace('"-".join', '"_".join'))
    broken = end.passes("-k", " or ".join(names))
    source.write_text(good)
    return not broken


TASKS: dict[str, tuple[str, Callable[[Ended], bool]]] = {
    "where": (
        "Which function computes the discount, and in which file is it?",
        says("apply_discount", r"pricing\.py"),
    ),
    "raises": (
        "What does parse_price do when the text is not a price?",
        says("ValueError"),
    ),
    "count": (
        "How many test functions are in tests/test_cart.py? Name them.",
        says(r"\b(4|four)\b", "test_empty", "test_full_discount"),
    ),
    "explain": (
        "Run the tests. Why does test_initials_are_capitals fail? Do not change anything.",
        says(r"upper|capital|lower"),
    ),
    "typo": (
        "In README.md, correct the typo `teh`.",
        lambda end: "keeps the prices" in end.text("README.md"),
    ),
    "constant": (
        "Set DEFAULT_TIMEOUT in shop/pricing.py to 30.",
        lambda end: end.evaluates("from shop.pricing import *; assert DEFAULT_TIMEOUT == 30"),
    ),
    "rename": (
        "Rename the function calc in shop/cart.py to items_total, and its use in checkout.",
        lambda end: (
            end.evaluates("import shop.cart as c; assert c.items_total([(2, 3)]) == 6")
            and "calc(" not in end.text("shop/cart.py")
            and end.passes("tests/test_cart.py")
        ),
    ),
    "parameter": (
        'Add a parameter currency="EUR" to label in shop/pricing.py, and put it behind the number'
        " with a space, so that label(250) is '2.50 EUR'.",
        lambda end: end.evaluates(
            "from shop.pricing import label;"
            "assert label(250) == '2.50 EUR'; assert label(5, 'USD') == '0.05 USD'"
        ),
    ),
    "docstring": (
        "Add a docstring to slugify in shop/text.py.",
        lambda end: end.evaluates(
            "from shop.text import slugify; assert slugify.__doc__; assert slugify('A b') == 'a-b'"
        ),
    ),
    "file": (
        "Create a file VERSION at the top that holds 1.2.0 and nothing else.",
        lambda end: end.text("VERSION").strip() == "1.2.0",
    ),
    "import": (
        "Remove the unused import in shop/pricing.py.",
        lambda end: (
            not re.search(r"^import os", end.text("shop/pricing.py"), re.M)
            and end.evaluates("from shop.pricing import parse_price; parse_price('3.50')")
        ),
    ),
    "functions": (
        "Which functions are in shop/text.py?",
        says("slugify", "initials"),
    ),
    "callers": (
        "Which file of the package uses apply_discount from another file?",
        says(r"cart\.py"),
    ),
    "commit": (
        "What is the message of the last commit?",
        says(r"\bshop\b"),
    ),
    "repair": (
        "A test fails. Repair the code, not the test.",
        lambda end: end.passes() and end.text("tests/test_text.py") == FILES["tests/test_text.py"],
    ),
    "guard": (
        "apply_discount in shop/pricing.py shall raise a ValueError when percent is over 100.",
        lambda end: end.evaluates(
            "from shop.pricing import apply_discount as a\n"
            "assert a(1000, 10) == 900 and a(1000, 100) == 0\n"
            "try: a(1, 101)\nexcept ValueError: pass\nelse: raise SystemExit(1)"
        ),
    ),
    "readme": (
        "Add a section Tests to README.md which says that they are run with `python -m pytest`.",
        lambda end: (
            re.search(r"^#+ Tests", end.text("README.md"), re.M) is not None
            and "python -m pytest" in end.text("README.md")
            and "A small shop." in end.text("README.md")
        ),
    ),
    "delete": (
        "Delete the file conftest.py.",
        lambda end: (
            not (end.folder / "conftest.py").exists()
            and end.text("README.md") == FILES["README.md"]
        ),
    ),
    "move": (
        "Move shop/text.py to shop/words.py, and correct the import in tests/test_text.py.",
        lambda end: (
            not (end.folder / "shop/text.py").exists()
            and end.evaluates("from shop.words import slugify; assert slugify('A b') == 'a-b'")
            and "shop.words" in end.text("tests/test_text.py")
        ),
    ),
    "test": (
        "Add a test for slugify in a new file tests/test_slugify.py, and run it.",
        _new_test,
    ),
}


def lay_out(folder: Path) -> None:
    """Write the project and commit it."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "shop"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def attempt(
    name: str, number: int, model: str, timeout: float, keep: Path | None
) -> dict[str, Any]:
    """Run one task in one of its wordings and return what it came to."""
    first, check = TASKS[name]
    prompt = (first, *OTHERS[name])[number]
    with tempfile.TemporaryDirectory(prefix="wisp-task-") as place:
        folder = Path(place) / "shop"
        folder.mkdir()
        lay_out(folder)
        agent = Path(sys.executable).parent / "agent"
        command = [agent, "run", "-p", prompt, "-m", model, "--json"]
        command += ["--max-wall-time", str(timeout), "--max-steps", "12"]
        started = time.monotonic()
        env = {**os.environ, "VIRTUAL_ENV": str(Path(sys.executable).parent.parent)}
        env |= {"WISP_HOST": "private", "WISP_KV_CACHE": "0"}  # none finds what another had read
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL
        )
        seconds = time.monotonic() - started
        lines = done.stdout.splitlines()
        if keep is not None:
            (keep / f"{name}-{number + 1}.jsonl").write_text(done.stdout + done.stderr)
        result = json.loads(lines[-1]) if lines else {"error": done.stderr, "usage": {}}
        ended = Ended(folder, result.get("text", ""))
        usage = result["usage"]
        return {
            "well": check(ended),
            "exit": done.returncode,
            "steps": result.get("steps", 0),
            "seconds": round(seconds, 1),
            "read": usage.get("input", 0) - usage.get("cached", 0),
            "written": usage.get("output", 0),
            "answer": " ".join((result.get("text") or result.get("error") or "").split())[:160],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--only", nargs="*", choices=sorted(TASKS), default=sorted(TASKS))
    parser.add_argument("--wordings", type=int, choices=(1, 2, 3), default=3)
    parser.add_argument("--timeout", type=float, default=120.0)
    parser.add_argument("--keep", type=Path, help="a folder for the event streams")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    print(f"model {options.model}, {os.cpu_count()} cores, greedy, {options.timeout:.0f} s each")
    well: dict[str, int] = dict.fromkeys((task for task in TASKS if task in options.only), 0)
    first = 0
    for name, number in itertools.product(well, range(options.wordings)):
        row = attempt(name, number, options.model, options.timeout, options.keep)
        well[name] += row["well"]
        first += row["well"] and not number
        print(
            f"{'well' if row['well'] else 'NOT ':4}  {name:10} {number + 1}  exit {row['exit']}"
            f"  {row['steps']:2} steps  {row['seconds']:6.1f} s"
            f"  {row['read']:5} read  {row['written']:4} written  {row['answer']}",
            flush=True,
        )
    runs = len(well) * options.wordings
    low, high = wilson(sum(well.values()), runs)
    print(f"{sum(well.values())} of {runs} runs ended well [{low:.0%}-{high:.0%}]")
    print(f"{first} of {len(well)} tasks in their first wording")
    most = sum(2 * count > options.wordings for count in well.values())
    print(f"{most} of {len(well)} tasks in most of their wordings")


if __name__ == "__main__":
    main()
