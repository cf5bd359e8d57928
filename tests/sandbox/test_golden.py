"""The command line of bubblewrap, as it is: a change of it shows in review."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from inline_snapshot import snapshot

from sandbox.base import Command

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box
    from tests.sandbox.ground import Ground

pytestmark = pytest.mark.full
PROJECT = Path(__file__).parents[2]
# a word of each kind stands for what differs from run to run, and from machine to machine
_PAIRS = ("--ro-bind", "--bind", "--dev-bind")


async def line_of(box: Box, ground: Ground, *, network: bool = False, git: bool = False) -> str:
    """Return the command line of a running sandbox, one option a line."""
    script = ("/bin/sh", "-c", "echo up; cat")
    process = await box.sandbox.spawn(Command(script, ground.root, network=network, git=git))
    assert await process.read() == b"up\n"
    words = Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")  # noqa: ASYNC240 at once
    await process.stop()
    return "\n".join(line for line in _lines(words) if _ours(line, ground))


def _lines(words: list[str]) -> list[str]:
    options = ["bwrap", *words[1 : words.index("--")]]
    lines: list[str] = []
    for word in options:
        if word.startswith("--") or not lines:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return lines


def _ours(line: str, ground: Ground) -> bool:
    """Whether the line is the same on every machine: no secret or socket of this one."""
    words = line.split()
    if words[0] in (*_PAIRS, "--tmpfs", "--remount-ro") and words[-1].count("/") > 1:
        always = ("/var/tmp", "/proc/sys", "/dev/shm")
        return Path(words[-1]).is_relative_to(ground.top) or words[-1] in always
    return "resolv.conf" not in line and not line.startswith("--unsetenv")


def plainly(text: str, ground: Ground) -> str:
    text = text.replace(str(ground.top), "TOP").replace(str(PROJECT), "PROJECT")
    text = text.replace(sys.prefix, "VENV")
    return re.sub(
        r"(-fd|--seccomp|--size) \d+", r"\1 N", re.sub(r"(sandbox-caches/)\w+", r"\1ONE", text)
    )


async def test_a_command_sees_this_and_nothing_else(full: Box, ground: Ground) -> None:
    (ground.root / ".vscode").mkdir()
    assert plainly(await line_of(full, ground), ground) == snapshot(
        """\
bwrap
--unshare-user
--unshare-pid
--unshare-ipc
--unshare-uts
--unshare-cgroup-try
--disable-userns
--cap-drop ALL
--new-session
--die-with-parent
--unshare-net
--ro-bind / /
--proc /proc
--dev /dev
--ro-bind /proc/sys /proc/sys
--size N
--perms 1777
--tmpfs /tmp
--size N
--perms 1777
--tmpfs /var/tmp
--size N
--perms 1777
--tmpfs /run
--size N
--perms 1777
--tmpfs /dev/shm
--remount-ro /dev
--tmpfs TOP/home/.ssh
--ro-bind PROJECT/sandbox/py.typed TOP/home/.netrc
--tmpfs TOP/cache/wisp
--bind TOP/work TOP/work
--ro-bind TOP/work/.git TOP/work/.git
--ro-bind TOP/work/.vscode TOP/work/.vscode
--ro-bind TOP/cache/wisp/mask TOP/work/.wisp
--ro-bind TOP/cache/wisp/mask TOP/work/.idea
--ro-bind TOP/cache/wisp/mask TOP/work/.cursor
--ro-bind TOP/cache/wisp/mask TOP/work/.claude
--ro-bind TOP/cache/wisp/mask TOP/work/.codex
--ro-bind TOP/cache/wisp/mask TOP/work/.gemini
--ro-bind TOP/cache/wisp/mask TOP/work/.mcp.json
--ro-bind TOP/cache/wisp/mask TOP/work/.vs
--ro-bind TOP/cache/wisp/mask TOP/work/.fleet
--ro-bind TOP/cache/wisp/mask TOP/work/.zed
--ro-bind TOP/cache/wisp/mask TOP/work/.windsurf
--ro-bind TOP/cache/wisp/mask TOP/work/.kiro
--ro-bind TOP/cache/wisp/mask TOP/work/.roo
--ro-bind TOP/cache/wisp/mask TOP/work/.qwen
--ro-bind TOP/cache/wisp/mask TOP/work/.opencode
--ro-bind TOP/cache/wisp/mask TOP/work/.zencoder
--ro-bind TOP/cache/wisp/mask TOP/work/.devcontainer
--ro-bind TOP/cache/wisp/mask TOP/work/.husky
--ro-bind TOP/cache/wisp/mask TOP/work/.gitmodules
--ro-bind TOP/cache/wisp/mask TOP/work/.envrc
--bind TOP/cache/wisp/sandbox-caches/ONE TOP/cache/wisp/sandbox-caches/ONE
--remount-ro TOP/home/.ssh
--remount-ro TOP/cache/wisp
--sync-fd N
--seccomp N
--json-status-fd N
--block-fd N
--info-fd N
--chdir TOP/work\
"""
    )


async def test_what_is_granted_shows_on_the_line(full: Box, ground: Ground) -> None:
    plain = (await line_of(full, ground)).splitlines()
    network = (await line_of(full, ground, network=True)).splitlines()
    assert [each for each in plain if each not in network] == ["--unshare-net"]
    git = plainly(await line_of(full, ground, git=True), ground).splitlines()
    assert [each for each in git if "/.git" in each] == snapshot(
        [
            "--bind TOP/work/.git TOP/work/.git",
            "--ro-bind TOP/work/.git/hooks TOP/work/.git/hooks",
            "--ro-bind TOP/work/.git/config TOP/work/.git/config",
            "--ro-bind TOP/cache/wisp/mask TOP/work/.gitmodules",
            "--ro-bind TOP/cache/wisp/mask TOP/work/.git/config.worktree",
            "--ro-bind TOP/cache/wisp/mask TOP/work/.git/info",
            "--ro-bind TOP/cache/wisp/mask TOP/work/.git/modules",
        ]
    )
