"""The command that exports: where it writes, what it leaves out, and what it never does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support import Ended, agent, put, script

from agent.export.names import HOME, nameless
from agent.log import read

OLD = Path(__file__).parent / "data" / "session_schema_1.jsonl"
SECRET = "ghp_a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8i9J0"  # in the form of one, and none


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.py": "x = 1\n", ".env": "SHOP_TOKEN=Zx9-Kq4_Lm7.Pw2Rt5Uv8\n"})


def exported(root: Path, *words: str | Path) -> Ended:
    return agent("sessions", "export", OLD, *words, cwd=root)


def test_a_file_is_the_user_s_alone_and_is_replaced_with_consent_only(root: Path) -> None:
    os.umask(0o022)
    ended = exported(root, "--out", "s.json")
    place = root / "s.json"
    assert (ended.code, ended.out) == (0, "") and place.stat().st_mode & 0o777 == 0o600
    assert f"is in {place}" in ended.err
    assert exported(root).out == place.read_text().replace("scripted:s.json", "scripted:FILE")
    place.write_text("mine")
    again = exported(root, "--out", "s.json")
    assert (again.code, again.hints) == (2, ["hint: --yes replaces it"])
    assert place.read_text() == "mine"
    assert exported(root, "--out", "s.json", "--yes").code == 0
    assert place.read_text().startswith("[\n") and place.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in root.iterdir()) == [".env", "a.py", "s.json"]


def test_what_is_no_file_is_never_written_to(root: Path) -> None:
    (root / "link").symlink_to(root / "a.py")
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    for name in ("link", "pipe", "folder", "no/s.json", "a.py/b"):
        ended = exported(root, "--out", name, "--yes")
        assert ended.code == 2 and len(ended.errors) == len(ended.hints) == 1, name
    assert (root / "a.py").read_text() == "x = 1\n"
    ended = exported(root, "--format", "html")
    assert (ended.code, ended.hints) == (2, ["hint: --format script, trajectories or events"])


@pytest.mark.parametrize("form", ["script", "trajectories", "events"])
def test_what_is_a_secret_by_now_is_left_out(root: Path, form: str) -> None:
    log = OLD.read_text().replace("calc.py", f"calc.py {SECRET} Zx9-Kq4_Lm7.Pw2Rt5Uv8")
    assert SECRET in log
    place = put(root.parent, {"old.jsonl": log}) / "old.jsonl"
    for where in ("-", "x.json"):
        words = ("sessions", "export", place, "--format", form, "--out", where)
        ended = agent(*words, cwd=root)
        text = ended.out if where == "-" else (root / where).read_text()
        assert ended.code == 0 and text and "redacted: SHOP_TOKEN" in text
        assert SECRET not in text + ended.err and "Zx9-Kq4" not in text + ended.err
    assert "note: left out of it: " in ended.err and "SHOP_TOKEN" in ended.err


def test_the_log_goes_elsewhere_without_who_the_user_is(tmp_path: Path) -> None:
    home = Path(os.environ["HOME"])
    root = put(home / "shop", {"a.py": f"# {home}/shop\n"})
    name = script(tmp_path / "s.yaml", {"calls": [{"read": {"path": "a.py"}}]}, "It's one.")
    assert agent("run", "-p", "what?", "-m", name, cwd=root).code == 0
    assert agent("sessions", "export", "--format=events", "--out=../e.jsonl", cwd=root).code == 0
    text = (home / "e.jsonl").read_text()
    assert str(home) not in text.replace(str(tmp_path / "s.yaml"), "") and HOME in text
    view = read(home / "e.jsonl")
    assert not view.damage and len(view.events) == len(text.splitlines()) > 8
    elsewhere = put(tmp_path / "elsewhere", {"b.py": ""})
    for words in (("sessions", "show"), ("policy", "replay"), ("sessions", "report")):
        ended = agent(*words, home / "e.jsonl", cwd=elsewhere)
        assert ended.code == 0, (words, ended.err)


def test_a_name_is_taken_out_as_a_whole_word_where_it_says_who_somebody_is() -> None:
    change = nameless("/home/maja", ("maja", "Maja Lind"))
    assert change("/home/maja/x /home/majaa /data/maja/y") == f"{HOME}/x /home/majaa /data/user/y"
    assert change("maja@shop.test, by Maja Lind; majas") == "user@shop.test, by user; majas"
    assert nameless("/root", ("root", "ab"))("the root cause, ab") == "the root cause, ab"
    assert nameless("/", ("git",))("/a git") == "/a git"


def test_words_of_ours_stay_whatever_the_user_is_called(root: Path) -> None:
    from agent.export.names import mapped

    change = nameless("/home/done", ("done", "read"))
    event = {"type": "turn_finished", "outcome": "done", "text": "done", "name": "read"}
    told = mapped(event, change)
    assert told == {**event, "text": "user"}
    assert json.dumps(mapped({"/home/done/a": [1, None]}, change)) == f'{{"{HOME}/a": [1, null]}}'
