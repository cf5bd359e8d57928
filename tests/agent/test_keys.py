"""Keys: where they are looked for and kept, and that they are seen nowhere."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support import AGENT, Ended, agent, picture, put, script

from agent import keys
from agent.errors import UsageError
from agent.models.providers import PROVIDERS, Key
from sandbox.workspace import PathError, Workspace

SECRET = "sk-not-to-be-seen-4712"
NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
# a backend as the library takes it from anybody: it keeps what it is given in a file of its own
BACKEND = textwrap.dedent(
    """
    import json, os, pathlib
    from keyring import backend, errors

    class Kept(backend.KeyringBackend):
        priority = 5
        file = pathlib.Path(__file__).with_name("kept.json")

        def _all(self):
            return json.loads(self.file.read_text()) if self.file.exists() else {}

        def get_password(self, service, username):
            return self._all().get(f"{service}/{username}")

        def set_password(self, service, username, password):
            self.file.write_text(json.dumps(self._all() | {f"{service}/{username}": password}))

        def delete_password(self, service, username):
            left = self._all()
            del left[f"{service}/{username}"]
            self.file.write_text(json.dumps(left))

    class Locked(Kept):
        def get_password(self, service, username, password=None):
            raise errors.KeyringLocked(f"no: {password}")

        set_password = delete_password = get_password

    class Plain(Kept):
        priority = 0.5
    """
)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for variable in provider.variables:
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", NO_KEYRING["PYTHON_KEYRING_BACKEND"])


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return put(tmp_path / "work", {"a.py": "x = 1\n"})


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    """A folder with backends of a keyring, and what one of them keeps."""
    return put(tmp_path / "backends", {"test_backends.py": BACKEND})


def using(backend: Path, name: str = "Kept") -> dict[str, str]:
    return {"PYTHONPATH": str(backend), "PYTHON_KEYRING_BACKEND": f"test_backends.{name}"}


def give(work: Path, provider: str = "openai", key: str = SECRET, **env: str) -> Ended:
    return agent("keys", "set", provider, cwd=work, stdin=f"{key}\n".encode(), env=env)


def rows(work: Path, **env: str) -> dict[str, str]:
    ended = agent("keys", "list", cwd=work, env=env)
    assert ended.code == 0 and SECRET not in ended.out + ended.err
    return dict(line.split(maxsplit=1) for line in ended.out.splitlines())


def refused(ended: Ended) -> str:
    assert ended.code == 2 and ended.out == "" and len(ended.hints) == 1, ended
    assert SECRET not in ended.err
    (error,) = ended.errors
    return error.removeprefix("error: ")


def modes(path: Path) -> tuple[int, int]:
    return stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)


# -- the file


def test_a_key_is_kept_in_a_file_of_the_users_own_found_and_forgotten(work: Path) -> None:
    ended = give(work, key=f"  {SECRET}\t\r")
    file = keys.file_path()
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == f"the key for openai is kept in {file}\n"
    assert json.loads(file.read_text()) == {"openai": SECRET}
    assert modes(file) == (0o600, 0o700)
    assert keys.key_for("openai") == Key(SECRET, str(file))
    assert give(work, "Groq/llama-4", "gsk-2").code == 0
    assert rows(work) == {"openai": str(file), "groq": str(file)}
    assert agent("keys", "remove", "openai", cwd=work).code == 0
    assert json.loads(file.read_text()) == {"groq": "gsk-2"}
    assert keys.key_for("openai") is None
    assert refused(agent("keys", "remove", "openai", cwd=work)) == "no key for openai is kept"
    assert [path.name for path in file.parent.iterdir()] == ["keys.json"]


def test_a_folder_that_others_could_look_into_is_closed(work: Path) -> None:
    folder = keys.file_path().parent
    folder.mkdir(parents=True, mode=0o755)
    assert give(work).code == 0
    assert modes(keys.file_path()) == (0o600, 0o700)


def test_a_variable_counts_before_what_is_kept(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = give(work, OPENAI_API_KEY="sk-other")
    assert ended.err.splitlines()[1] == "note: OPENAI_API_KEY is set too, and counts before it"
    file = keys.file_path()
    assert rows(work, OPENAI_API_KEY="sk-other")["openai"] == f"OPENAI_API_KEY, then {file}"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    assert keys.key_for("openai") == Key("sk-other", "OPENAI_API_KEY")
    ended = agent("keys", "remove", "openai", cwd=work)
    assert (ended.code, "OPENAI_API_KEY is still set, and counts" in ended.err) == (0, True)
    assert agent("keys", "remove", "openai", cwd=work).hints == ["hint: unset OPENAI_API_KEY"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o660])
def test_a_file_that_others_can_read_is_no_file_of_keys(mode: int) -> None:
    keys.keep("openai", SECRET)
    keys.file_path().chmod(mode)
    with pytest.raises(UsageError, match="holds keys, and others can read it"):
        keys.key_for("openai")
    with pytest.raises(UsageError, match="holds keys, and others can read it"):
        keys.keep("groq", "gsk-2")


def test_a_file_that_others_can_read_is_refused(work: Path) -> None:
    keys.keep("openai", SECRET)
    file = keys.file_path()
    file.chmod(0o640)
    for words in (["keys", "list"], ["run", "-m", "openai/x", "-p", "x"]):
        ended = agent(*words, cwd=work)
        assert refused(ended) == f"{file} holds keys, and others can read it"
        assert ended.hints == [f"hint: chmod 600 {file}"]
    assert refused(give(work, "groq", "gsk-2")).startswith(str(file))
    assert json.loads(file.read_text()) == {"openai": SECRET}


def test_a_link_is_refused_and_not_followed(work: Path, tmp_path: Path) -> None:
    keys.keep("openai", SECRET)
    file = keys.file_path()
    elsewhere = file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(elsewhere)
    assert refused(agent("keys", "list", cwd=work)) == f"{file} is a link, and keys are not"
    before = elsewhere.read_bytes()
    assert refused(give(work, "groq", "gsk-2")).endswith("is a link, and keys are not")
    assert elsewhere.read_bytes() == before and file.is_symlink()


@pytest.mark.parametrize("data", [b"", b"[]", b'{"openai": 3}', b"\xff", b"[" * 100_000])
def test_a_file_that_is_none_of_ours_is_refused(data: bytes) -> None:
    keys.keep("openai", SECRET)
    keys.file_path().write_bytes(data)
    with pytest.raises(UsageError, match="is not what `agent keys set` writes") as caught:
        keys.key_for("openai")
    assert str(keys.file_path()) in caught.value.message and caught.value.hint


def test_a_pipe_in_its_place_holds_nobody_up(work: Path) -> None:
    keys.keep("openai", SECRET)
    keys.file_path().unlink()
    os.mkfifo(keys.file_path(), 0o600)
    assert refused(agent("keys", "list", cwd=work)).endswith("is no file of keys")


def test_what_a_killed_program_left_is_no_hindrance(work: Path) -> None:
    keys.keep("openai", SECRET)
    (keys.file_path().parent / ".keys.json.new").write_text("torn")
    assert give(work, "groq", "gsk-2").code == 0
    assert [path.name for path in keys.file_path().parent.iterdir()] == ["keys.json"]


def test_keys_that_are_set_at_once_are_all_kept(work: Path) -> None:
    names = ["openai", "groq", "xai", "mistral"]
    running = [
        subprocess.Popen(
            [AGENT, "keys", "set", name],
            cwd=work,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for name in names
    ]
    for each in running:
        assert each.stdin is not None
        each.stdin.write(b"sk-1\n")
        each.stdin.close()
    assert [each.wait(60) for each in running] == [0] * len(names)
    assert sorted(json.loads(keys.file_path().read_text())) == sorted(names)


# -- what is typed


def test_an_empty_key_is_refused(work: Path) -> None:
    for key in ("", "   ", "\t"):
        with pytest.raises(UsageError, match="the key is empty"):
            keys.usable(key)
    assert refused(give(work, key=" \t")) == "the key is empty"
    assert not keys.file_path().exists()


@pytest.mark.parametrize("key", [f"export K={SECRET}", f"{SECRET}\x1b[A", f"é{SECRET}"])
def test_what_cannot_be_a_key_is_refused_and_not_repeated(work: Path, key: str) -> None:
    assert refused(give(work, key=key)).startswith("that is no key")
    assert not keys.file_path().exists()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("opnai", "no such provider: opnai; did you mean openai"),
        ("antropic", "no such provider: antropic; did you mean anthropic"),
        ("zzzzzz", "no such provider: zzzzzz"),
    ],
)
def test_an_unknown_provider_gets_the_near_names(word: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys.provider_named(word)
    assert caught.value.message.startswith(said)


def test_an_unknown_provider_is_refused_with_where_they_are_named(work: Path) -> None:
    for command in ("set", "remove"):
        ended = agent("keys", command, "opnai", cwd=work, stdin=SECRET.encode())
        assert refused(ended) == "no such provider: opnai; did you mean openai"
        assert ended.hints == ["hint: agent keys list names them all"]
    assert "anthropic, azure" in agent("keys", "list", cwd=work).err


def test_on_a_terminal_it_is_asked_for_and_not_shown(work: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(work)
        os.execv(AGENT, [str(AGENT), "keys", "set", "openai"])
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, f"{SECRET}\n".encode())
    try:
        while data := os.read(terminal, 1000):
            shown += data
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"is kept in" in shown and SECRET.encode() not in shown
    assert keys.key_for("openai") == Key(SECRET, str(keys.file_path()))


# -- the keyring


def test_the_keyring_is_used_where_there_is_one(work: Path, backend: Path) -> None:
    give(work, key="sk-old")
    assert give(work, **using(backend)).err == "the key for openai is kept in the keyring\n"
    assert json.loads((backend / "kept.json").read_text()) == {"wisp/openai": SECRET}
    assert json.loads(keys.file_path().read_text()) == {}, "an old one would come back"
    assert rows(work, **using(backend)) == {"openai": "the keyring"}
    give(work, "groq", "gsk-2")
    both = rows(work, **using(backend))
    assert both == {"openai": "the keyring", "groq": str(keys.file_path())}
    ended = agent("keys", "remove", "openai", cwd=work, env=using(backend))
    assert ended.err == "the key for openai was removed from the keyring\n"
    assert json.loads((backend / "kept.json").read_text()) == {}


def test_a_keyring_that_is_locked_is_told_and_never_written_around(
    work: Path, backend: Path
) -> None:
    locked = using(backend, "Locked")
    ended = give(work, **locked)
    assert refused(ended) == "the keyring cannot be used: KeyringLocked"
    assert "keyring.backends.null.Keyring" in ended.hints[0]
    assert not keys.file_path().exists()
    ended = agent("run", "-m", "groq/x", "-p", "x", cwd=work, env=locked)
    assert refused(ended) == "the keyring cannot be used: KeyringLocked"
    give(work)  # without the keyring
    assert rows(work, **locked) == {"openai": str(keys.file_path())}


@pytest.mark.parametrize("name", ["Plain", "Missing"])
def test_a_keyring_that_is_no_better_than_a_file_is_left_alone(
    work: Path, backend: Path, name: str
) -> None:
    assert str(keys.file_path()) in give(work, **using(backend, name)).err
    assert not (backend / "kept.json").exists()


@pytest.mark.parametrize(("variable", "loaded"), [("sk-1", False), ("", True)])
def test_the_keyring_is_loaded_only_for_a_key_that_no_variable_holds(
    work: Path, variable: str, loaded: bool
) -> None:
    program = (
        "import sys\nfrom agent.errors import ModelUnusable\n"
        "from agent.models.choose import open_model\n"
        "try: open_model('openai/x')\nexcept ModelUnusable: pass\n"
        "print('keyring' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **NO_KEYRING, "OPENAI_API_KEY": variable},
    )
    assert done.stdout == f"{loaded}\n"


# -- out of reach


@pytest.mark.parametrize("kind", [pytest.param("full", marks=pytest.mark.full), "reduced"])
def test_a_contained_command_cannot_read_the_file(work: Path, tmp_path: Path, kind: str) -> None:
    give(work)
    file = keys.file_path()
    look = f"cat {file}; cat ~/config/wisp/*; cat {file.parent}/../wisp/keys.json; env"
    calls = [{"shell": {"command": look}}, {"read": {"path": str(file)}}]
    model = script(tmp_path / "s.yaml", {"calls": calls}, "Done.")
    words = ("--sandbox", kind, "--autonomy", "full", "--json")
    ended = agent("run", "-m", model, "-p", "x", *words, cwd=work)
    told = [json.loads(line) for line in ended.out.splitlines()]
    results = [event["result"] for event in told if event["type"] == "tool_finished"]
    assert len(results) == 2 and "PAGER=cat" in results[0]["text"], results
    assert not results[1]["ok"] and "may hold a secret" in results[1]["text"]
    assert SECRET not in ended.out + ended.err
    assert not any(SECRET.encode() in data for data in picture(work).values())


def test_a_workspace_that_holds_the_file_does_not_show_it(home: Path) -> None:
    keys.keep("openai", SECRET)
    for workspace in (Workspace(home), Workspace(keys.file_path().parents[1])):
        name = str(keys.file_path().relative_to(workspace.root))
        put(workspace.root, {"notes": "n"})
        assert workspace.read("notes").data == b"n"
        with pytest.raises(PathError, match="may hold a secret"):
            workspace.read(name)
        (workspace.root / "link").symlink_to(keys.file_path().parent)
        for path in (name, "link/keys.json"):
            with pytest.raises(PathError, match="may hold a secret"):
                workspace.write(path, b"{}", expect=None)
        with pytest.raises(PathError, match="may hold a secret"):
            workspace.read("link/keys.json")


def test_no_error_of_ours_repeats_a_key() -> None:
    for typed in (f"{SECRET} {SECRET}", f"{SECRET}\n{SECRET}"):
        with pytest.raises(UsageError) as caught:
            keys.usable(typed)
        assert SECRET not in caught.value.message + caught.value.hint
    assert SECRET not in repr(Key(SECRET, "x"))
