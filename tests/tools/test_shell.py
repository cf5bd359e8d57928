"""Commands through the real sandbox: what the model is told, and where the next one starts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.base import Containment
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace
from tests.tools.bench import Bench
from tests.tools.running import refused, use
from tools.base import Effect
from tools.shell import Shell, ShellArgs, stop_jobs

SHELL = Shell()
X, N, O, D = Effect.EXECUTE, Effect.NETWORK, Effect.OUTSIDE, Effect.DESTROY  # noqa: E741 - columns


@pytest.fixture
async def shop(bench: Bench) -> AsyncIterator[Bench]:
    """A bench whose background jobs are ended."""
    yield bench
    await stop_jobs(bench.context.memory)


async def test_output_and_status_are_told(bench: Bench) -> None:
    result = await use(SHELL, bench, command="echo out; echo err >&2; exit 3")
    assert result.text.startswith("out\nerr\n[exit 3, ")
    assert not result.ok
    assert "".join(bench.live) == "out\nerr\n"


@pytest.mark.parametrize("background", [False, True])
async def test_what_the_sandbox_set_aside_is_told(shop: Bench, background: bool) -> None:
    line = "git init -q sub; echo x > sub/.git/hooks/pre-commit; echo made"
    result = await use(SHELL, shop, command=line, background=background)
    if shop.context.sandbox.containment is Containment.NONE:
        pytest.skip("NOT TESTED: nothing contains a command here")
    if background and "running" in result.summary:
        result = await use(SHELL, shop, job="j1", timeout=30)
    assert "[sandbox: sub/.git/hooks/pre-commit appeared and could run programs" in result.text
    assert not (shop.root / "sub/.git/hooks/pre-commit").exists()


async def test_a_silent_command_says_so(bench: Bench) -> None:
    result = await use(SHELL, bench, command="true")
    assert result.text.startswith("(no output)\n[exit 0, ")
    assert result.ok


async def test_the_next_command_starts_where_the_last_one_ended(bench: Bench) -> None:
    bench.file("a b/c/file", "")
    first = await use(SHELL, bench, command="cd 'a b'/c && ls")
    assert first.text.startswith("file\nnow in a b/c\n[exit 0")
    assert (await use(SHELL, bench, command="pwd")).text.startswith(f"{bench.root}/a b/c\n[")
    assert (await use(SHELL, bench, command="cd ..; exit 4")).text.startswith("now in a b\n[exit 4")
    assert (await use(SHELL, bench, command="cd c; false")).text.startswith("now in a b/c\n[exit 1")
    await use(SHELL, bench, command="cd ..; rmdir_() { rm -r c; }; rmdir_; cd ..; rm -r 'a b'")
    assert bench.context.memory.directory == "."


async def test_a_directory_that_is_gone_is_not_started_in(bench: Bench) -> None:
    bench.file("a/file", "")
    await use(SHELL, bench, command="cd a")
    (bench.root / "a" / "file").unlink()
    (bench.root / "a").rmdir()
    result = await use(SHELL, bench, command="pwd")
    assert result.text.startswith(f"{bench.root}\na is gone; this ran in the top folder\n")


async def test_a_command_that_ends_outside_leaves_the_next_one_inside(bench: Bench) -> None:
    result = await use(SHELL, bench, command="cd /usr")
    assert "the next command starts in .: /usr is outside" in result.text
    assert (await use(SHELL, bench, command="pwd")).text.startswith(f"{bench.root}\n")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("echo 'unclosed", 2),
        ("if true; then", 2),
        ("exec false", 1),
        ("trap 'exit 7' EXIT", 7),
        ("kill -9 $$", 137),
        ("set -e; false; echo never", 1),
        ("(exit 5)", 5),
        ("frobnicate", 127),
    ],
)
async def test_the_status_is_the_commands_own(bench: Bench, command: str, status: int) -> None:
    result = await use(SHELL, bench, command=command)
    ended = "SIGKILL" if status == 137 else f"exit {status}"
    assert ended in result.summary
    assert not result.ok


async def test_nothing_of_ours_is_in_the_shell_or_left_on_the_disk(bench: Bench) -> None:
    result = await use(SHELL, bench, command='echo "$# $0"; env | grep -c _wisp')
    assert result.text.startswith("0 bash\n0\n")
    assert list(bench.root.iterdir()) == []


async def test_standard_input_is_empty(bench: Bench) -> None:
    assert (await use(SHELL, bench, command="cat; echo end")).text.startswith("end\n")


async def test_a_command_that_takes_too_long_shows_what_it_printed(bench: Bench) -> None:
    result = await use(SHELL, bench, command="echo before; sleep 300; echo after", timeout=1)
    assert result.text.startswith("before\n[timed out after 1 s")
    assert not result.ok


async def test_long_output_keeps_its_head_and_its_tail(bench: Bench) -> None:
    result = await use(SHELL, bench, command="seq 1000000; echo last")
    assert result.text.startswith("1\n2\n3\n")
    assert "\n1000000\nlast\n[exit 0" in result.text
    assert " bytes left out …\n" in result.text
    assert len(result.text) < 7_000
    left_out = int(result.text.partition("… ")[2].partition(" ")[0])
    note = len(f"… {left_out} bytes left out …\n".encode())
    shown = len(result.text.rpartition("[exit")[0].encode()) - note
    assert shown + left_out == len("".join(f"{n}\n" for n in range(1, 1_000_001))) + len("last\n")


async def test_a_flood_is_not_shown_live_for_ever(bench: Bench) -> None:
    await use(SHELL, bench, command="head -c 50000000 /dev/zero | tr '\\0' x")
    assert sum(map(len, bench.live)) < 3_000_000
    assert "not shown live" in bench.live[-1]


async def test_a_character_that_comes_in_two_pieces_is_whole(bench: Bench) -> None:
    command = "printf 'a\\303'; sleep 0.2; printf '\\244b\\377\\n'"
    result = await use(SHELL, bench, command=command)
    assert "".join(bench.live) == "aäb\ufffd\n"
    assert result.text.startswith("aäb\ufffd\n")


async def test_a_path_outside_is_written_only_when_it_was_asked_for(bench: Bench) -> None:
    outside = bench.root.parent / "outside"
    outside.mkdir()
    command = f"echo x > {outside}/file"
    if bench.context.sandbox.containment is not Containment.NONE:
        await use(SHELL, bench, command=command)
        assert not (outside / "file").exists()
    await use(SHELL, bench, command=command, paths=[str(outside)])
    assert (outside / "file").read_text() == "x\n"


async def test_arguments_that_cannot_be_met_say_what_to_do(bench: Bench) -> None:
    assert "absolute" in await refused(SHELL, bench, command="true", paths=["x"])
    assert "no such path" in await refused(SHELL, bench, command="true", paths=["/nowhere"])
    assert "empty" in await refused(SHELL, bench, command=" ")
    assert "NUL" in await refused(SHELL, bench, command="a\0b")
    assert "no job j7; there are: none" in await refused(SHELL, bench, job="j7")


async def test_a_background_job_is_read_and_stopped(shop: Bench) -> None:
    command = "echo ready; while ! test -f go; do sleep 0.05; done; echo went; sleep 300"
    first = await use(SHELL, shop, command=command, background=True)
    assert first.text.startswith("ready\n[j1 running;")
    assert (await use(SHELL, shop, job="j1")).text == "(no new output)\n[j1 running]"
    shop.file("go", "")
    job = shop.context.memory.jobs["j1"]
    seen = ""
    while "went" not in seen:
        seen += (await use(SHELL, shop, job="j1", timeout=0.1)).text
    assert "went\n[j1 running]" in seen
    stopped = await use(SHELL, shop, job="j1", stop=True)
    assert "running" not in stopped.text
    assert job.ended


async def test_a_job_that_fails_at_once_is_told_at_once(shop: Bench) -> None:
    result = await use(SHELL, shop, command="echo no port; exit 9", background=True)
    assert result.text.startswith("no port\n[j1 exit 9")
    assert not result.ok


async def test_a_job_can_be_waited_for(shop: Bench) -> None:
    await use(SHELL, shop, command="sleep 0.8; echo done", background=True)
    result = await use(SHELL, shop, job="j1", timeout=60)
    assert result.text.startswith("done\n[j1 exit 0")


async def test_a_job_that_floods_is_bounded_and_says_so(shop: Bench) -> None:
    first = await use(SHELL, shop, command="seq 2000000; echo last", background=True)
    job = shop.context.memory.jobs["j1"]
    assert job.pump is not None
    await job.pump
    assert len(job.unread) <= 200_000
    text = first.text + (await use(SHELL, shop, job="j1")).text
    assert "bytes before this are gone" in text
    assert "\nlast\n" in text
    assert "[j1 exit 0" in text


async def test_all_jobs_end_with_the_session(shop: Bench) -> None:
    await use(SHELL, shop, command="sleep 300", background=True)
    await use(SHELL, shop, command="sleep 300", background=True)
    await stop_jobs(shop.context.memory)
    assert all(job.ended for job in shop.context.memory.jobs.values())


# -- effects


def effects(bench: Bench, **arguments: object) -> set[Effect]:
    return set(SHELL.effects(ShellArgs.model_validate(arguments), bench.context))


@pytest.mark.full
async def test_a_contained_command_is_execute_whatever_it_says(bench: Bench) -> None:
    if bench.context.sandbox.containment is not Containment.FULL:
        pytest.skip("no sandbox of strength FULL here: install bubblewrap")
    assert effects(bench, command="rm -rf / ; curl x | sh; git push") == {X}
    assert effects(bench, command="ls") == {X}
    assert effects(bench, command="x", network=True) == {X, N}
    assert effects(bench, command="x", paths=["/opt"]) == {X, O}
    assert effects(bench, command="x", git=True) == {X, D}
    assert effects(bench, job="j1") == {Effect.READ}


async def test_a_reduced_sandbox_adds_destroy_where_git_may_be_touched(tmp_path: Path) -> None:
    bench = Bench(tmp_path, await open_sandbox(Workspace(tmp_path), "reduced"))
    assert effects(bench, command="pytest -q") == {X}
    assert effects(bench, command="git status") == {X}
    assert effects(bench, command="git push") == {X, D}
    assert effects(bench, command="echo x > .git/config") == {X, D}
    assert effects(bench, command="echo x > .vscode/tasks.json") == {X, D}


async def test_uncontained_the_text_decides(bench: Bench) -> None:
    plain = await open_sandbox(bench.context.workspace, "off")
    bare = Bench(bench.root, plain)
    assert effects(bare, command="ls") == {Effect.READ}
    assert effects(bare, command="pytest") == {Effect.READ, X}
    assert effects(bare, command="curl x | sh") >= {X, N, O, D}
    assert effects(bare, command="ls", git=True) == {Effect.READ, D}
    assert effects(bare, command="cat .vscode/tasks.json") == {Effect.READ, D}
    assert effects(bare, command="git commit -m x") == {Effect.READ, Effect.EDIT, X}


def test_the_preview_shows_the_whole_command_and_what_it_asks_for(bench: Bench) -> None:
    args = ShellArgs(command="a\n" * 50, network=True, paths=["/opt"])
    preview = SHELL.preview(args, bench.context)
    assert preview.kind == "command"
    assert preview.body == "a\n" * 50
    assert preview.title == "run (network, writes /opt)"
