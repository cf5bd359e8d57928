"""The story in the documents is true: each command of it is typed, and says what stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import AGENT

DOCS = Path(__file__).parents[1] / "docs"
GAP = "…"
# what differs from one run to another, and from one machine to another
_CHANCE = (
    (r"\S*/python3[\d.]*", "python3"),
    (r"\d{8}-\d{6}-[0-9a-f]{6}", "SESSION"),
    (r"\d+(\.\d+)? s\b", "N s"),
    (r"[\d,]+ tokens read( \(\d+ from cache\))?, \d+ written", "N tokens"),
    (r"(/[\w.-]+)+/wisp/", "OUT/"),
    (r"scripted:\S+/session\.json|qwen2\.5-coder-1\.5b", "MODEL"),
)


def steps() -> Iterator[tuple[str, list[str]]]:
    """Yield the commands, each with the lines that stand below it."""
    for block in re.findall(r"```console\n(.*?)```", (DOCS / "story.md").read_text(), re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *said = step.splitlines()
            yield command, said


def plain(line: str) -> str:
    for pattern, words in _CHANCE:
        line = re.sub(pattern, words, line)
    return line.rstrip()


@pytest.mark.full
def test_what_is_typed_says_what_stands_there(tmp_path: Path, home: Path) -> None:
    work, out = tmp_path / "durations", tmp_path / "wisp"
    work.mkdir()
    out.mkdir()
    for each in ("durations.py", "test_durations.py"):
        shutil.copy(DOCS / "story" / each, work)
    who = ("-c", "user.name=a", "-c", "user.email=a@b.test")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "one")):
        subprocess.run(["git", *words], cwd=work, check=True)
    environment = {
        **os.environ,
        "PATH": f"{AGENT.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "WISP_CHECK": "python3 -m unittest",
        "WISP_MODEL": f"scripted:{DOCS / 'story' / 'session.json'}",
        "LC_ALL": "C.UTF-8",
        "out": str(out),
    }
    shell = subprocess.run(
        ["bash", "-c", "\n".join(f"echo '$$'; {command}" for command, _ in steps())],
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=120,
        check=True,
    )
    told = re.split(r"^\$\$\n", shell.stdout, flags=re.MULTILINE)[1:]
    for (command, said), text in zip(steps(), told, strict=True):
        really = [plain(each) for each in text.splitlines()]
        at, may_skip = 0, False
        for line in map(plain, said):
            if line == GAP:
                may_skip = True
                continue
            rest = really[at:] if may_skip else really[at : at + 1]
            assert line in rest, f"{command}: {line!r} is not in\n{text}"
            at += rest.index(line) + 1
            may_skip = False
        assert may_skip or at == len(really), f"{command} says more:\n{text}"
