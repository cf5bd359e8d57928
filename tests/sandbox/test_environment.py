"""What a command finds in its environment, and which programs of ours are trusted."""

from __future__ import annotations

from pathlib import Path

from sandbox.environment import command_environment, trusted_program

KEPT_OUT = (
    *("OPENAI_API_KEY", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "LC_SECRET", "SSH_AUTH_SOCK"),
    *("LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "NODE_OPTIONS", "GIT_DIR", "BASH_ENV"),
    *("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PERL5LIB", "RUBYOPT", "UNKNOWN"),
)
HOST = {
    "PATH": "/usr/bin:.:bin::/opt/x",
    "LANG": "C.UTF-8",
    "LC_ALL": "C",
    "VIRTUAL_ENV": "/venv",
    "HTTPS_PROXY": "http://proxy:3128",
    "HTTP_PROXY": "http://user:password@proxy:3128",
    "PIP_INDEX_URL": "https://__token__:abc@index/simple",
    **dict.fromkeys(KEPT_OUT, "leak"),
}


def made(tmp_path: Path, *, network: bool = False, **added: str) -> dict[str, str]:
    return command_environment(
        HOST, home=tmp_path, temporary="/t", caches=tmp_path / "c", network=network, added=added
    )


def test_only_what_is_listed_passes(tmp_path: Path) -> None:
    found = made(tmp_path, OWN="x")
    assert "leak" not in found.values()
    assert found["PATH"] == "/usr/bin:/opt/x"
    assert (found["LANG"], found["LC_ALL"], found["VIRTUAL_ENV"]) == ("C.UTF-8", "C", "/venv")
    assert (found["HOME"], found["TMPDIR"], found["OWN"]) == (str(tmp_path), "/t", "x")
    assert found["PIP_CACHE_DIR"] == str(tmp_path / "c/pip")
    assert "HTTPS_PROXY" not in found


def test_with_the_network_come_proxies_but_no_passwords(tmp_path: Path) -> None:
    found = made(tmp_path, network=True)
    assert found["HTTPS_PROXY"] == "http://proxy:3128"
    assert "HTTP_PROXY" not in found
    assert "PIP_INDEX_URL" not in found


def test_what_go_and_cargo_have_fetched_is_still_read(tmp_path: Path) -> None:
    assert "GOPROXY" not in made(tmp_path)
    (tmp_path / "go/pkg/mod/cache/download").mkdir(parents=True)
    (tmp_path / ".cargo/registry").mkdir(parents=True)
    found = made(tmp_path)
    assert found["GOPROXY"] == f"file://{tmp_path}/go/pkg/mod/cache/download,off"
    assert found["CARGO_HOME"] == str(tmp_path / ".cargo")
    assert made(tmp_path, network=True)["CARGO_HOME"] == str(tmp_path / "c/cargo")


def test_a_program_in_the_repository_is_never_taken(tmp_path: Path) -> None:
    repository, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    for folder in (repository, elsewhere):
        folder.mkdir()
        (folder / "tool-x").write_text("#!/bin/sh\n")
        (folder / "tool-x").chmod(0o755)
    (elsewhere / "tool-y").symlink_to(repository / "tool-x")
    path = f".:{repository}:{elsewhere}"
    assert trusted_program("tool-x", [repository], path) == elsewhere / "tool-x"
    assert trusted_program("tool-y", [repository], path) is None
    assert trusted_program("tool-z", [repository], path) is None
    assert str(trusted_program("sh", [repository], path)).endswith("/bin/sh")
