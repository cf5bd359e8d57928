"""Paths and files: what the file tools can reach, and what a write leaves behind."""

import hashlib
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.protected import secrets
from sandbox.workspace import PathError, StaleFile, Workspace, read_outside


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_bytes(b"a = 1\r\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    return root


@pytest.fixture
def ws(place: Path) -> Workspace:
    return Workspace(place)


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("src/a.py", "src/a.py"),
        ("./src//a.py", "src/a.py"),
        ("src/../src/a.py", "src/a.py"),
        (".", "."),
        ("src/", "src"),
        ("nowhere/new.py", "nowhere/new.py"),
        ("-rf", "-rf"),
        ("a\nb", "a\nb"),
        ("~backup", "~backup"),
    ],
)
def test_a_path_has_one_form(ws: Workspace, given: str, form: str) -> None:
    assert ws.locate(given) == form
    assert ws.locate(str(ws.root / given)) == form


@pytest.mark.parametrize(
    "given",
    ["", "  ", "..", "../x", "/etc/passwd", "~/.ssh/id", "~", "a\0b", "\ud800", "src/../.."],
)
def test_a_path_outside_or_none_is_refused(ws: Workspace, given: str) -> None:
    with pytest.raises(PathError):
        ws.locate(given)
    assert ws.outside(given)


def test_the_root_is_known_by_its_other_names(place: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(place)
    ws = Workspace(tmp_path / "alias")
    assert ws.locate(str(tmp_path / "alias" / "src" / "a.py")) == "src/a.py"


def test_an_added_folder_is_addressed_by_absolute_paths(place: Path, tmp_path: Path) -> None:
    ws = Workspace(place, [tmp_path / "outside"])
    there = str(tmp_path / "outside" / "secret.txt")
    assert ws.locate(there) == there
    assert ws.locate("../outside/secret.txt") == there
    assert ws.read(there).data == b"secret"
    assert list(ws.walk(str(tmp_path / "outside"))) == [there]
    assert not ws.outside(there)


def test_a_name_that_is_not_utf8_is_shown_with_escapes_and_accepted_so(ws: Workspace) -> None:
    for name in (b"caf\xe9", b"lit\\xe9", b"lit\\x5c", b"new\nline", b"-rf", "日本".encode()):
        (ws.root / os.fsdecode(name)).write_bytes(name)
    shown = [path for path in ws.walk() if "/" not in path]
    assert r"caf\xe9" in shown
    assert len(shown) == 6
    for path in shown:
        path.encode("utf-8")
        view = ws.read(path)
        assert view.path == ws.locate(path) == path
        ws.write(path, view.data + b"!", expect=view.sha256)
    assert (ws.root / os.fsdecode(b"caf\xe9")).read_bytes() == b"caf\xe9!"
    assert (ws.root / "lit\\xe9").read_bytes() == b"lit\\xe9!"


def test_a_link_is_followed_only_where_it_stays_inside(ws: Workspace, tmp_path: Path) -> None:
    (ws.root / "in").symlink_to("src/a.py")
    (ws.root / "absolute").symlink_to(ws.root / "src")
    (ws.root / "out").symlink_to(tmp_path / "outside")
    (ws.root / "loop").symlink_to("loop")
    assert ws.read("in").data == ws.read("absolute/a.py").data == b"a = 1\r\n"
    assert ws.outside("out/secret.txt")
    assert not ws.outside("in")
    for path in ("out/secret.txt", "loop", "src/../out/secret.txt"):
        with pytest.raises(PathError):
            ws.read(path)
    for path in ("out/new", "in", "loop"):
        with pytest.raises(PathError):
            ws.write(path, b"x", expect=sha(b"a = 1\r\n") if path == "in" else None)
    assert names(tmp_path / "outside") == ["secret.txt"]


def test_what_is_not_a_file_is_refused_at_once(ws: Workspace) -> None:
    os.mkfifo(ws.root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(ws.root / "sock"))
        (ws.root / "null").symlink_to("/dev/null")
        wanted = {"pipe": "named pipe", "sock": "a socket", "null": "out of", "src": "a folder"}
        for path, word in wanted.items():
            with pytest.raises(PathError, match=word):
                ws.read(path)
        assert [ws.kind(path) for path in ("pipe", "src", "null", "src/a.py", "x/y")] == [
            "other",
            "directory",
            "link",
            "file",
            "missing",
        ]


def test_a_missing_file_names_what_was_perhaps_meant(ws: Workspace) -> None:
    with pytest.raises(PathError, match=r"did you mean src/a\.py"):
        ws.read("a.py")
    with pytest.raises(PathError, match=r"did you mean src/a\.py"):
        ws.read("src/b.py")


def test_a_long_file_is_cut_but_hashed_whole(ws: Workspace) -> None:
    data = bytes(range(256)) * 9000
    (ws.root / "big").write_bytes(data)
    view = ws.read("big", 1000)
    assert (view.data, view.sha256, view.size) == (data[:1000], sha(data), len(data))
    assert view.truncated
    with (ws.root / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(PathError, match="10,737,418,240"):
        ws.read("sparse", 1000)


def test_a_write_keeps_the_mode_and_the_bytes(ws: Workspace) -> None:
    (ws.root / "run.sh").write_bytes(b"old")
    (ws.root / "run.sh").chmod(0o751)
    view = ws.write("run.sh", b"\xff\r\nnew", expect=sha(b"old"))
    assert (ws.root / "run.sh").read_bytes() == b"\xff\r\nnew"
    assert stat.S_IMODE((ws.root / "run.sh").stat().st_mode) == 0o751 == view.mode
    assert view == ws.read("run.sh")
    ws.write("deep/er/new.py", b"x", expect=None, mode=0o700)
    assert ws.read("deep/er/new.py").mode == 0o700


def test_a_stale_file_is_refused(ws: Workspace) -> None:
    with pytest.raises(StaleFile, match="changed"):
        ws.write("src/a.py", b"x", expect=sha(b"other"))
    with pytest.raises(StaleFile, match="exists already"):
        ws.write("src/a.py", b"x", expect=None)
    with pytest.raises(StaleFile, match="no longer"):
        ws.write("src/gone.py", b"x", expect=sha(b""))
    with pytest.raises(StaleFile):
        ws.delete("src/a.py", expect=sha(b"other"))
    assert (ws.root / "src" / "a.py").read_bytes() == b"a = 1\r\n"
    assert names(ws.root / "src") == ["a.py"]


def test_a_hard_link_is_refused(ws: Workspace, tmp_path: Path) -> None:
    os.link(tmp_path / "outside" / "secret.txt", ws.root / "h")
    for change in (
        lambda: ws.write("h", b"x", expect=sha(b"secret")),
        lambda: ws.delete("h", expect=sha(b"secret")),
        lambda: ws.move("h", "i", expect=sha(b"secret")),
    ):
        with pytest.raises(PathError, match="hard links"):
            change()
    assert (tmp_path / "outside" / "secret.txt").read_text() == "secret"


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".GIT/hooks/pre-commit",
        "sub/.git/config",
        ".wisp/settings.toml",
        "sub/.wisp/x",
        ".vscode/tasks.json",
        ".mcp.json",
        "git~1/config",
        ".g\u200cit/config",
        "through/hooks/pre-commit",
    ],
)
def test_protected_paths_are_not_changed(ws: Workspace, path: str) -> None:
    (ws.root / ".git" / "hooks").mkdir(parents=True)
    (ws.root / "through").symlink_to(".git")
    assert ws.protected(path)
    with pytest.raises(PathError, match="protected"):
        ws.write(path, b"x", expect=None)
    assert not ws.protected("src/a.py")
    assert not ws.protected("sub/.vscode/x")
    assert names(ws.root / ".git" / "hooks") == []


def test_delete_and_move_change_one_name(ws: Workspace) -> None:
    good = sha(b"a = 1\r\n")
    (ws.root / "taken").write_text("t")
    with pytest.raises(PathError, match="exists already"):
        ws.move("src/a.py", "taken", expect=good)
    with pytest.raises(PathError, match="protected"):
        ws.move("src/a.py", ".git/hooks/x", expect=good)
    ws.move("src/a.py", "lib/new/b.py", expect=good)
    assert list(ws.walk()) == ["lib/new/b.py", "taken"]
    ws.delete("lib/new/b.py", expect=good)
    assert list(ws.walk()) == ["taken"]
    with pytest.raises(StaleFile):
        ws.delete("lib/new/b.py", expect=good)


def test_a_failed_write_leaves_nothing_behind(ws: Workspace) -> None:
    (ws.root / "full").mkdir()
    with pytest.raises(PathError, match="too long"):
        ws.write("made/for/" + "n" * 256, b"x", expect=None)
    assert not (ws.root / "made").exists()
    (ws.root / "ro").write_bytes(b"keep")
    (ws.root / "ro").chmod(0o444)
    with pytest.raises(PathError, match="read-only"):
        ws.write("ro", b"x", expect=sha(b"keep"))
    assert (ws.root / "ro").read_bytes() == b"keep"
    ws.write("n" * 255, b"x", expect=None)
    assert ws.read("n" * 255).data == b"x"


SWAPPER = """
import ctypes, os, sys
exchange, pair = ctypes.CDLL(None).renameat2, [os.fsencode(each) for each in sys.argv[1:]]
print("swapping", flush=True)
while True:
    exchange(-100, pair[0], -100, pair[1], 2)  # RENAME_EXCHANGE
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="renameat2 is Linux's")
@pytest.mark.parametrize("goal", ["outside", "work/.git"])
def test_a_race_with_swapped_links_never_leaves(ws: Workspace, tmp_path: Path, goal: str) -> None:
    (ws.root / "d").mkdir()
    (tmp_path / goal).mkdir(exist_ok=True)
    before = names(tmp_path / goal)
    (ws.root / "link").symlink_to(tmp_path / goal)
    # a process: a thread would wait for our own lock just where it has to be quick
    pair = (str(ws.root / "d"), str(ws.root / "link"))
    attacker = subprocess.Popen([sys.executable, "-c", SWAPPER, *pair], stdout=subprocess.PIPE)
    assert attacker.stdout is not None
    assert attacker.stdout.readline() == b"swapping\n"
    written = refused = 0
    try:
        for number in range(800):
            try:
                ws.write(f"d/f{number}", b"x", expect=None)
                written += 1
            except PathError:
                refused += 1
    finally:
        attacker.kill()
        attacker.communicate()
    assert written + refused == 800
    assert written > 0
    assert refused > 0
    assert names(tmp_path / goal) == before


def test_outside_reads_refuse_secrets_and_devices(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text("key")
    (home / "notes").write_text("n")
    (home / "alias").symlink_to(".ssh/id")
    (tmp_path / "netrc").write_text("password")
    (home / ".netrc").symlink_to(tmp_path / "netrc")
    assert read_outside("~/notes", home=home).data == b"n"
    for path in ("~/.ssh/id", str(home / "alias"), str(tmp_path / "netrc"), "/etc/shadow"):
        with pytest.raises(PathError, match="secret"):
            read_outside(path, home=home)
    for path in ("/dev/zero", "/proc/self/environ", "relative", "/", "~/nothing", "/e\0"):
        with pytest.raises(PathError):
            read_outside(path, home=home)


def test_secrets_lie_where_variables_say_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    pip = home / ".config/pip/pip.conf"
    for path in (tmp_path / "kube", tmp_path / "azure/token", tmp_path / "cargo/credentials.toml",
                 tmp_path / "settings/gh/hosts.yml", pip):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("index-url = https://example.org/simple")
    said = {
        "KUBECONFIG": f"{tmp_path}/none:{tmp_path}/kube",
        "AZURE_CONFIG_DIR": str(tmp_path / "azure"),
        "CARGO_HOME": str(tmp_path / "cargo"),
        "XDG_CONFIG_HOME": str(tmp_path / "settings"),
        "DOCKER_CONFIG": str(tmp_path),  # the home lies in it
        "HISTFILE": "/dev/null",
        "NETRC": "netrc",
    }
    found = {path for path in secrets(home, said) if tmp_path in path.parents}
    names = ("kube", "azure", "cargo/credentials.toml", "settings/gh")
    assert found == {tmp_path / name for name in names}
    assert not {Path("/dev/null"), tmp_path} & {*secrets(home, said)}
    pip.write_text("index-url = https://me:word@example.org/simple")
    assert pip in {*secrets(home, {})}
