"""What is no good input ends in one line and a hint, with its code, and leaves every byte."""

from __future__ import annotations

import os
import shlex
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from sessions import living
from support import AGENT, PYTEST, UNITTEST, Ended, agent, picture, put, result, script
from trees import git, look

from tests.models.gguf_files import gguf

CALC = "def add(a, b):\n    return a - b\n"
TESTS = """import unittest
from calc import add

class T(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""
GOOD = [{"samples": ["def add(a, b):\n    return a + b\n"]}]
WRITE = {"calls": [{"write": {"path": "new.txt", "content": "x" * 6_000}}]}
# what a kernel answers that has no Landlock
NO_LANDLOCK = b"".join(
    struct.pack("HBBI", *each)
    for each in (
        (0x20, 0, 0, 0),
        (0x15, 0, 1, 444),
        (0x06, 0, 0, 0x00050000 | 38),
        (0x06, 0, 0, 0x7FFF0000),
    )
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"calc.py": CALC, "test_calc.py": TESTS})


@pytest.fixture
def hello(tmp_path: Path) -> str:
    return script(tmp_path / "hello.yaml", "Hello.")


def refused(ended: Ended, code: int, said: str) -> None:
    assert ended.code == code, ended
    assert len(ended.errors) == 1 and said in ended.errors[0], ended.err
    assert len(ended.hints) >= 1, ended.err


def within(
    wrapper: tuple[str, ...],
    *words: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    program: tuple[str, ...] = (str(AGENT),),
    fds: tuple[int, ...] = (),
) -> Ended:
    """Run the command in a world made by bubblewrap."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("NOT TESTED: no bubblewrap to make such a world with")
    done = subprocess.run(
        [bwrap, "--dev-bind", "/", "/", *wrapper, "--chdir", str(cwd), "--", *program, *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        pass_fds=fds,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("kind", ["run", "fix"])
def test_a_bare_repository_has_no_working_tree(tmp_path: Path, kind: str, hello: str) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    before = look(tmp_path / "bare")
    ended = agent(kind, "prompt", "-m", hello, cwd=tmp_path / "bare")
    refused(ended, 2, "bare repository")
    assert look(tmp_path / "bare") == before


def test_a_read_only_tree_is_not_repaired(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yaml", *GOOD)
    before = look(root, times=True)
    world = ("--ro-bind", str(root), str(root))
    refused(within(world, "fix", "-m", model, cwd=root), 2, "read-only")
    assert look(root, times=True) == before


def test_a_read_only_tree_can_be_asked_about_and_not_changed(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yaml", {"calls": [{"read": {"path": "calc.py"}}]}, WRITE, "No.")
    before = look(root, times=True)
    ended = within(("--ro-bind", str(root), str(root)), "-p", "x", "-m", model, "--json", cwd=root)
    assert ended.code == 0 and result(ended).files_changed == ()
    assert look(root, times=True) == before


@pytest.mark.parametrize(
    ("model", "said"),
    [("qwen2.5-coder-1.6b", "qwen2.5-coder-1.6b"), ("nothing.gguf", "nothing.gguf"), (".", "")],
)
def test_an_unknown_model_is_said(root: Path, model: str, said: str) -> None:
    before = picture(root)
    refused(agent("-p", "x", "-m", model, cwd=root), 2, said)
    assert picture(root) == before


def truncated(path: Path) -> None:
    data = gguf(path).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def without_weights(path: Path) -> None:
    data = gguf(path).read_bytes()
    path.write_bytes(data[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def noise(path: Path) -> None:
    path.write_bytes(b"GGUF" + os.urandom(5000))


def no_gguf(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(5000))


@pytest.mark.parametrize("make", [truncated, without_weights, empty, noise, no_gguf])
@pytest.mark.parametrize("command", [["-p", "x", "-m"], ["models", "info"]])
def test_a_file_that_is_no_whole_model_is_said(
    root: Path, tmp_path: Path, make: Callable[[Path], None], command: list[str]
) -> None:
    path = tmp_path / "model.gguf"
    make(path)
    before = picture(root)
    refused(agent(*command, path, cwd=root), 2, "model.gguf")
    assert picture(root) == before


@pytest.mark.model  # only llama.cpp sees that it has no layers
def test_a_whole_file_that_is_no_model_is_said(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp")
    path = gguf(tmp_path / "model.gguf")
    before = picture(root)
    refused(agent("-p", "x", "-m", path, cwd=root), 2, "llama.cpp")
    assert picture(root) == before
    assert agent("models", "info", path, cwd=root).code == 0  # its head is all that is read


def test_a_pull_without_a_network_is_said(root: Path) -> None:
    env = {"PIP_NO_INDEX": "1", "HF_ENDPOINT": "http://127.0.0.1:9", "PIP_CONFIG_FILE": os.devnull}
    ended = agent("models", "pull", "qwen2.5-coder-0.5b", "--yes", cwd=root, env=env)
    assert ended.code in (1, 75)
    assert len(ended.errors) == 1 and ended.hints, ended.err


@pytest.mark.parametrize("stdin", [b"", b"  \n\t\n"])
def test_an_empty_prompt_is_said(root: Path, hello: str, stdin: bytes) -> None:
    refused(agent("run", "-m", hello, cwd=root, stdin=stdin), 2, "the prompt is empty")


@pytest.mark.parametrize("size", [10 << 20, 1 << 20])
def test_a_prompt_that_does_not_fit_the_window_is_a_limit(
    root: Path, hello: str, size: int
) -> None:
    before = picture(root)
    words = (b"why does calc.add in work/calc.py " * (size // 30))[:size]
    ended = agent("run", "-m", hello, cwd=root, stdin=words)
    refused(ended, 5, "tokens")
    assert picture(root) == before


def test_a_prompt_over_ten_megabytes_is_refused(root: Path, hello: str) -> None:
    ended = agent("run", "-m", hello, cwd=root, stdin=b"x" * ((10 << 20) + 1))
    refused(ended, 2, "10 MB")


def on_a_full_disk(root: Path, room: int, *words: str) -> Ended:
    """Run in a copy of the tree on a disk of a megabyte, of which so many bytes are free.

    The last line on stdout says whether the tree is as it was.
    """
    disk = root.parent / "disk"
    disk.mkdir()
    sums = f"find . -type f | sort | xargs sha256sum > {shlex.quote(str(root.parent))}"
    lines = [
        f"cp -r {root}/. . && head -c {(1 << 20) - room} /dev/zero > ballast",
        f"{sums}/before",
        f"{shlex.join([str(AGENT), *words])}; code=$?",
        f"{sums}/after; cmp {root.parent}/before {root.parent}/after >&2 && echo same",
        "exit $code",
    ]
    world = ("--size", str(1 << 20), "--tmpfs", str(disk))
    return within(world, "\n".join(lines), cwd=disk, program=("/bin/sh", "-c"))


@pytest.mark.full
def test_a_repair_on_a_full_disk_is_kept_as_a_patch(root: Path, tmp_path: Path) -> None:
    put(root, {"calc.py": CALC + "# " + "x" * 30_000 + "\n"})
    model = script(tmp_path / "s.yaml", *GOOD)
    words = ("fix", "-m", model, "--check", UNITTEST, "--effort", "0")
    ended = on_a_full_disk(root, 60_000, *words)
    refused(ended, 1, "no space")
    assert ended.out.endswith("same\n")
    assert "git apply" in ended.hints[0]


def test_a_write_on_a_full_disk_is_an_answer_and_changes_nothing(
    root: Path, tmp_path: Path
) -> None:
    model = script(tmp_path / "s.yaml", WRITE, "I could not.")
    ended = on_a_full_disk(root, 16_000, "-p", "x", "-m", model)
    assert ended.out == "I could not.\nsame\n", ended
    assert "no space" in ended.err.lower()


@pytest.mark.parametrize("kind", ["run", "fix"])
def test_a_log_that_cannot_be_written_is_said(root: Path, tmp_path: Path, kind: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    model = script(tmp_path / "s.yaml", WRITE, "Done.")
    before = picture(root)
    world = ("--size", "8192", "--tmpfs", str(state))
    fill = f"head -c 8192 /dev/zero > {state}/ballast; exec {AGENT} {kind} x -m {model}"
    env = {"XDG_STATE_HOME": str(state)}
    ended = within(world, fill, cwd=root, env=env, program=("/bin/sh", "-c"))
    assert ended.code == 1 and len(ended.errors) == 1 and ended.hints, ended
    assert picture(root) == before


def uncontained(root: Path, *words: str) -> Ended:
    """Run where the kernel gives no sandbox: neither user namespaces nor Landlock."""
    with tempfile.TemporaryFile() as filter_:
        filter_.write(NO_LANDLOCK)
        filter_.seek(0)
        world = ("--unshare-user", "--disable-userns", "--seccomp", str(filter_.fileno()))
        return within(world, *words, cwd=root, fds=(filter_.fileno(),))


def test_without_a_sandbox_fix_ends_at_once(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yaml", *GOOD)
    before = picture(root)
    refused(uncontained(root, "fix", "-m", model, "--check", UNITTEST), 4, "no sandbox")
    assert picture(root) == before


def test_without_a_sandbox_a_run_goes_on_without_commands(root: Path, tmp_path: Path) -> None:
    shell = {"calls": [{"shell": {"command": "touch made"}}]}
    model = script(tmp_path / "s.yaml", shell, "I may not.")
    ended = uncontained(root, "-p", "x", "-m", model, "--json")
    assert ended.code == 4 and not (root / "made").exists()
    assert result(ended).containment == 0
    assert "nothing contains it" in result(ended).permission_denials[0]


@pytest.mark.parametrize("mode", ["full", "reduced"])
def test_a_sandbox_that_is_demanded_and_not_there_is_said(
    root: Path, hello: str, mode: str
) -> None:
    ended = uncontained(root, "-p", "x", "-m", hello, f"--sandbox={mode}")
    refused(ended, 4, "")


def test_a_person_may_lift_the_sandbox(root: Path, tmp_path: Path) -> None:
    model = script(tmp_path / "s.yaml", *GOOD)
    words = ("fix", "-m", model, "--check", UNITTEST, "--sandbox=off", "--json")
    ended = uncontained(root, *words)
    told = result(ended)
    assert ended.code == 0, told
    assert told.verification.in_place and told.containment == 0
    assert "a + b" in (root / "calc.py").read_text()


@pytest.mark.parametrize("kind", ["run", "fix"])
def test_a_hung_test_ends_at_the_limit_and_leaves_nothing(
    root: Path, tmp_path: Path, kind: str
) -> None:
    hung = "    def test_a(self):\n        import time; time.sleep(35)\n"
    put(root, {"test_calc.py": TESTS + hung})
    before = picture(root)
    model = script(tmp_path / "s.yaml", {"calls": [{"check": {}}]})
    words = ("--check", UNITTEST, "--max-wall-time", "3")
    ended = agent(kind, "x", "-m", model, *words, cwd=root)
    refused_ = (ended.code, len(ended.errors))
    assert refused_ == (5, 1), ended
    assert living(str(root)) == []
    assert {k: v for k, v in picture(root).items() if "__pycache__" not in k} == before


def test_no_tests_at_all_is_said(root: Path, tmp_path: Path) -> None:
    (root / "test_calc.py").unlink()
    model = script(tmp_path / "s.yaml", *GOOD)
    before = picture(root)
    refused(agent("fix", "-m", model, "--check", PYTEST, cwd=root), 1, "")
    put(tmp_path / "text", {"notes.txt": "nothing to run"})
    refused(agent("fix", "it is wrong", "-m", model, cwd=tmp_path / "text"), 1, "no tests")
    assert picture(root) == before


def test_a_test_of_ours_is_at_best_unverified(root: Path, tmp_path: Path) -> None:
    (root / "test_calc.py").unlink()
    test = "def test_add():\n    assert add(1, 2) == 3\n"
    model = script(tmp_path / "s.yaml", {"samples": [test]}, *GOOD)
    bug = "add(1, 2) returns -1, it must be 3"
    ended = agent("fix", bug, "-m", model, "--check", PYTEST, "--json", cwd=root)
    assert ended.code == 3, result(ended).error
    assert result(ended).verification.strength == "self-written"
