"""Where secrets stop: no event, log line, result or request of a model holds a planted one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sessions import run
from support import agent, put, result, script
from test_events import UNION, values

from agent import secret_values
from agent.events import Base, Notice, SessionStarted, ToolOutput, as_line
from agent.messages import UserMessage
from agent.models.base import ModelRequest
from agent.models.scripted import ScriptedModel
from agent.policy import Autonomy
from agent.redaction import Redaction, mark
from agent.repair.asking import Asking, Question
from agent.session import Session
from sandbox.base import Containment
from sandbox.workspace import Workspace

PLANTED = "Zx9-Kq4_Lm7.Pw2Rt5Uv8"
FORM = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2
FIXTURES = [HealthCheck.function_scoped_fixture]
BEGIN = SessionStarted(
    id="s", cwd="/", model="m", autonomy=3, effort=2, containment=Containment.FULL
)


def planted(value: object, secret: str) -> object:
    """The same plain data with the secret in each of its texts."""
    match value:
        case str() if type(value) is str and value.isprintable():
            return f"{value[:3]} {secret} {value[3:]}"
        case BaseModel():
            inner = {name: planted(each, secret) for name, each in value.__dict__.items()}
            kept = {name: value.__dict__[name] for name in inner if _fixed(value, name)}
            return value.model_copy(update=inner | kept)
        case tuple() | list():
            return type(value)(planted(each, secret) for each in value)
        case dict():
            return {key: planted(each, secret) for key, each in value.items()}
        case _:
            return value


def _fixed(value: BaseModel, name: str) -> bool:
    """Whether a field has a few words of ours, or holds a picture."""
    field = type(value).model_fields[name]
    words = [each for each in get_args(field.annotation) if isinstance(each, str)]
    return bool(words) or (type(value).__name__, name) == ("Image", "data")


@pytest.mark.parametrize("kind", UNION, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("secret", [PLANTED, FORM])
@settings(max_examples=8, deadline=None, suppress_health_check=FIXTURES)
@given(data=st.data())
def test_whatever_passes_the_session_holds_no_secret(
    kind: type[Base], secret: str, data: st.DataObject, tmp_path: Path
) -> None:
    event = planted(data.draw(values(kind)), secret)
    assert isinstance(event, Base)
    assert secret in str(event) or secret not in as_line(event)
    log = tmp_path / "s.jsonl"
    log.unlink(missing_ok=True)
    seen: list[Base] = []
    session = Session("s", log, (seen.append,), Redaction({PLANTED: "KEY"}))
    session.start(BEGIN)
    session.emit(event)
    session.emit(Notice(text="after it"))
    logged = log.read_text()  # a session without a turn leaves none
    session.close()
    told = "\n".join(map(as_line, seen))
    asked = "\n".join(each.model_dump_json() for each in session.history.messages)
    # a result goes another way, by the same redaction
    for text in (told, asked, logged, str(seen), as_line(session.clean(event))):
        assert text.find(secret) < 0, event


def test_what_was_left_out_is_said_once() -> None:
    seen: list[Base] = []
    session = Session("s", Path("/nowhere"), (seen.append,), Redaction({PLANTED: "KEY"}))
    for _ in range(2):
        session.emit(Notice(text=f"it is {PLANTED}"))
    assert [each.text for each in seen if isinstance(each, Notice)] == [
        f"it is {mark('KEY')}",
        "left out of what is read, shown and logged: KEY",
        f"it is {mark('KEY')}",
    ]


def test_live_output_is_cut_by_calls_not_by_secrets() -> None:
    seen: list[Base] = []
    session = Session("s", Path("/nowhere"), (seen.append,), Redaction({PLANTED: "KEY"}))
    for call, text in (("c1", PLANTED[:9]), ("c2", "other"), ("c1", PLANTED[9:]), ("c1", " end")):
        session.emit(ToolOutput(call_id=call, text=text))
    told = [(each.call_id, each.text) for each in seen if isinstance(each, ToolOutput)]
    assert ("c2", "other") in told
    assert "".join(text for call, text in told if call == "c1") == f"{mark('KEY')} end"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return put(
        tmp_path / "work",
        {
            ".env": f"# ours\nexport DB_PASSWORD='{PLANTED}'\nDEBUG=true\nPORT=8080\n",
            "a.py": f'TOKEN = "{FORM}"\nX = 1\n',
            "show.sh": "cat .env; base64 -w0 .env; printf '%s' a b\n",
        },
    )


REPLIES: list[dict[str, object] | str] = [
    {"calls": [{"read": {"path": ".env"}}, {"shell": {"command": "sh show.sh; cat a.py"}}]},
    {"say": f"It is {PLANTED}.", "calls": [{"search": {"pattern": "PASSWORD|TOKEN"}}]},
    f"The key is {PLANTED}, and {FORM}.",
]


async def test_a_model_reads_marks_where_secrets_stand(root: Path, tmp_path: Path) -> None:
    model = ScriptedModel.of([{"say": r} if isinstance(r, str) else r for r in REPLIES])
    known = secret_values.within(Workspace(root))
    assert known == {PLANTED: "DB_PASSWORD"}
    ran = await run(root, [], model=model, prompt=f"Why {PLANTED}?", redaction=Redaction(known))
    assert ran.end.outcome == "done"
    requests = "\n".join(
        message.model_dump_json()
        for request in model.requests
        if isinstance(request, ModelRequest)
        for message in request.messages
    )
    log = (tmp_path / "state" / "s1.jsonl").read_text()
    for text in (requests, log, str(ran.events)):
        assert PLANTED not in text and FORM not in text
        assert mark("DB_PASSWORD") in text and mark("GitHub token") in text
    assert ran.results[0].text.startswith("1|# ours")
    assert "DEBUG=true" in requests


async def test_a_call_that_quotes_a_mark_changes_nothing(root: Path) -> None:
    before = (root / ".env").read_bytes()
    whole = f"export DB_PASSWORD='{mark('DB_PASSWORD')}'\nDEBUG=false\n"
    ran = await run(
        root,
        [
            {"calls": [{"read": {"path": ".env"}}]},
            {"calls": [{"write": {"path": ".env", "content": whole}}]},
            {"calls": [{"edit": {"path": ".env", "old": whole.split("\n")[0], "new": "X=1"}}]},
            {"calls": [{"shell": {"command": f"echo '{whole}' > .env"}}]},
            {"calls": [{"edit": {"path": ".env", "old": "DEBUG=true", "new": "DEBUG=false"}}]},
            "Done.",
        ],
        redaction=Redaction(secret_values.within(Workspace(root))),
    )
    read_it, *refused, edited = ran.results
    assert read_it.ok and edited.ok
    for each in refused:
        assert not each.ok and "stands for a secret that you are not shown" in each.text
    assert (root / ".env").read_bytes() == before.replace(b"DEBUG=true", b"DEBUG=false")


async def test_what_is_asked_shows_no_secret(root: Path) -> None:
    asked: list[object] = []
    edit = {"path": ".env", "old": "DEBUG=true", "new": "DEBUG=false"}
    ran = await run(
        root,
        [{"calls": [{"edit": edit}]}, "Done."],
        level=Autonomy.ASK,
        answers=[True],
        readers=(asked.append,),
        redaction=Redaction(secret_values.within(Workspace(root))),
    )
    assert ran.results[0].ok
    assert PLANTED not in str(asked) and mark("DB_PASSWORD") in str(asked)


@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
def test_the_command_tells_no_secret_of_its_environment(
    root: Path, tmp_path: Path, home: Path, form: str
) -> None:
    token = "Qw3-Er5_Ty7.Ui9Op1As2Df4"
    put(root, {"b.txt": f"it says {token}\n"})
    edit = {"edit": {"path": "b.txt", "old": "it says", "new": "it said"}}
    model = script(
        tmp_path / "s.yaml",
        {"calls": [{"read": {"path": "b.txt"}}, edit]},
        f"It is {token} and {PLANTED}.",
    )
    ended = agent(
        "run", f"what of {token}", "-m", model, "--output-format", form, cwd=root,
        env={"SOME_API_TOKEN": token},
    )  # fmt: skip
    logs = [each.read_text() for each in (home / "state").rglob("*.jsonl")]
    assert ended.code == 3, ended
    assert logs and (root / "b.txt").read_text() == f"it said {token}\n"
    for text in (ended.out, ended.err, *logs):
        assert token not in text and PLANTED not in text
    assert mark("SOME_API_TOKEN") in ended.out and mark("DB_PASSWORD") in ended.out
    if form == "text":
        assert "note: left out of what is read, shown and logged: " in ended.err
    else:
        assert mark("SOME_API_TOKEN") in result(ended).diff


def test_an_error_tells_no_secret(tmp_path: Path) -> None:
    token = "Qw3-Er5_Ty7.Ui9Op1As2Df4"
    work = put(tmp_path / "work", {})
    for words in (["run", "x", "-m", token], ["run", "x", "--output-format", token], [f"-{token}"]):
        ended = agent(*words, cwd=work, env={"SOME_API_TOKEN": token})
        assert ended.code == 2 and ended.errors
        assert token not in ended.out + ended.err


async def test_a_repair_asks_without_secrets() -> None:
    model = ScriptedModel.of([{"samples": ["a"]}, {"samples": ["b"]}])
    emitted: list[Base] = []
    redaction = Redaction({PLANTED: "KEY"})
    asking = Asking(model, emitted.append, 0, 2, redaction=redaction)
    messages = (UserMessage(text=f"It said {PLANTED} and {FORM}."),)
    question = Question(messages, f"# {PLANTED}\n", 10, draft=PLANTED)
    assert await asking.answers(question) == [f"# {mark('KEY')}\na"]
    assert await asking.completed(question, ["x"]) == ["xb"]
    assert len(model.requests) == 2
    assert PLANTED not in str(model.requests) and FORM not in str(model.requests)


async def test_a_function_that_holds_a_secret_is_not_written_anew(tmp_path: Path) -> None:
    root = put(
        tmp_path / "work",
        {
            "calc.py": f'def add(a, b):\n    key = "{FORM}"\n    return a - b\n',
            "test_calc.py": "import unittest\nfrom calc import add\n\n"
            "class T(unittest.TestCase):\n    def test_add(self):\n"
            "        self.assertEqual(add(1, 2), 3)\n",
        },
    )
    model = script(tmp_path / "s.yaml", "never asked")
    ended = agent("fix", "add is wrong", "-m", model, "--check", "python3 -m unittest", cwd=root)
    assert ended.code == 1, ended
    assert "add in calc.py holds a secret, and is left alone" in ended.err
    assert FORM in (root / "calc.py").read_text() and FORM not in ended.out + ended.err


# -- what is known


def test_of_the_environment_only_what_is_no_plain_word_is_secret(home: Path) -> None:
    found = secret_values.outside(
        {
            "OPENAI_API_KEY": "any-key-at-all",
            "DB_PASSWORD": "hunter2hunter2",
            "DATABASE_URL": "postgres://app:s3cr3t%2Fword@db/x",
            "PIP_INDEX_URL": "https://t0k3nt0k3n@pypi.example.org/simple",
            "GIT_AUTHOR_NAME": "Jane Doe 3rd of Her Name",
            "DESKTOP_SESSION": "gnome-classic",
            "SESSION_MANAGER": "local/x:@/tmp/.ICE-unix/1,unix/x:/tmp/.ICE-unix/1",
            "SSH_AUTH_SOCK": "/run/user/1000/keyring/ssh",
            "TOKENIZERS_PARALLELISM": "false",
            "KEYTIMEOUT": "1000000000",
            "EDITOR": "vim-with-1-option",
        }
    )
    assert found == {
        "any-key-at-all": "OPENAI_API_KEY",
        "hunter2hunter2": "DB_PASSWORD",
        "s3cr3t%2Fword": "DATABASE_URL",
        "s3cr3t/word": "DATABASE_URL",
        "t0k3nt0k3n": "PIP_INDEX_URL",
    }


def test_kept_keys_are_known_and_a_file_that_is_none_holds_nobody_up(home: Path) -> None:
    file = home / "config" / "wisp" / "keys.json"
    put(file.parent, {"keys.json": '{"openai": "a kept key"}'})
    file.chmod(0o600)
    assert secret_values.outside({}) == {"a kept key": "openai key"}
    file.chmod(0o644)
    assert secret_values.outside({}) == {}


def test_env_files_near_the_top_are_known(tmp_path: Path) -> None:
    root = put(
        tmp_path / "work",
        {
            ".gitignore": ".env*\n",
            ".env.local": 'A_TOKEN="one-0ne-one" # a comment\nNAME=plain\n',
            "services/api/.env": "B_SECRET: two-2wo-two\n",
            "deep/er/than/that/.env": "C_SECRET=three-3hree\n",
            ".env.example": "D_SECRET=four-4our-four\n",
            "node_modules/x/.env": "E_SECRET=five-5ive-five\n",
            "prod.env": "F_KEY=six-6ix-six # why\n",
        },
    )
    (root / "link.env").symlink_to("/etc/hostname")
    (root / "folder.env").mkdir()
    os.mkfifo(root / "pipe.env")
    assert secret_values.within(Workspace(root)) == {
        "one-0ne-one": "A_TOKEN",
        "two-2wo-two": "B_SECRET",
        "six-6ix-six": "F_KEY",
    }


async def test_a_key_is_known_once_it_was_read(home: Path) -> None:
    redaction = Redaction()
    file = home / "config" / "wisp" / "keys.json"
    put(file.parent, {"keys.json": '{"openai": "a kept key"}'})
    file.chmod(0o600)
    key = secret_values.telling(redaction)("openai")
    assert key is not None
    assert redaction.text(f"it is {key.text}") == f"it is {mark('openai key')}"
