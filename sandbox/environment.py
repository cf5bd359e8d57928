"""The environment of a command: made from tables, so that no key of the user's is ever in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

# what passes, where it is set
PASSED: Sequence[str] = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "TERM",
    "COLORTERM",
    "TZ",
    "USER",
    "LOGNAME",
    "SHELL",
    "CI",
    # where toolchains live
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOROOT",
    "GOPATH",
    "GOTOOLCHAIN",
    "JAVA_HOME",
    "NVM_DIR",
    "VOLTA_HOME",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "SDKMAN_DIR",
    "ANDROID_HOME",
    "CC",
    "CXX",
    "CFLAGS",
    "CXXFLAGS",
    "LDFLAGS",
    "PKG_CONFIG_PATH",
    "MAKEFLAGS",
    "SOURCE_DATE_EPOCH",
)
PASSED_PREFIX = "LC_"
# what passes to a command that may use the network
PASSED_WITH_NETWORK: Sequence[str] = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
    *("NODE_EXTRA_CA_CERTS", "PIP_CERT", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX_URL"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "GOPROXY", "GOSUMDB", "npm_config_registry"),
)
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|CRED|AUTH|COOKIE|SESSION", re.IGNORECASE)
SECRET_VALUE = re.compile(r"://[^/\s]*@")  # a URL with a user and password
# so that nothing waits for a person or draws for one
SET: Mapping[str, str] = {
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "NO_COLOR": "1",
    "DEBIAN_FRONTEND": "noninteractive",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "npm_config_update_notifier": "false",
    "npm_config_fund": "false",
}
# caches of package managers, below a folder of ours: the home directory cannot be written
CACHES: Mapping[str, str] = {
    "XDG_CACHE_HOME": "xdg",
    "PIP_CACHE_DIR": "pip",
    "UV_CACHE_DIR": "uv",
    "npm_config_cache": "npm",
    "YARN_CACHE_FOLDER": "yarn",
    "GOCACHE": "go-build",
    "GOMODCACHE": "go-mod",
    "CARGO_HOME": "cargo",
    "CCACHE_DIR": "ccache",
}
# where programs of ours are looked for first, before the user's PATH
_SYSTEM = ("/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin")


def caches_directory(workspace: Path) -> Path | None:
    """Return the folder of caches for the commands of one workspace, made when it is missing.

    Each has its own, since what lies in some of them runs: cargo obeys its configuration. None
    where it cannot be made: a home that is read-only or full.
    """
    import hashlib

    from platformdirs import user_cache_path

    name = hashlib.sha256(os.fsencode(workspace)).hexdigest()[:16]
    top = user_cache_path("wisp") / "sandbox-caches" / name
    try:
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in CACHES.values():
            (top / name).mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return top.resolve()


def command_environment(
    source: Mapping[str, str],
    *,
    home: Path,
    temporary: str,
    caches: Path | None,
    network: bool,
    added: Mapping[str, str],
) -> dict[str, str]:
    """Return the whole environment of a command; `added` is the caller's and passes as it is."""
    made = dict(_passed(source, network))
    made["PATH"] = ":".join(_absolute(made.get("PATH", ""))) or ":".join(_SYSTEM[:3])
    made |= {"HOME": str(home), "TMPDIR": temporary, **SET}
    if caches is not None:
        made |= {name: str(caches / folder) for name, folder in CACHES.items()}
        made |= _toolchains(source, home, caches, network)
    return {**made, **added}


def _passed(source: Mapping[str, str], network: bool) -> Iterator[tuple[str, str]]:
    names = {*PASSED, *(PASSED_WITH_NETWORK if network else ())}
    for name, value in source.items():
        if name not in names and not name.startswith(PASSED_PREFIX):
            continue
        if name == "MAKEFLAGS":  # with it go the variables that make was given, and its job server
            value = " ".join(word for word in value.split() if "=" not in word and word != "--")
        if not SECRET_NAME.search(name) and not SECRET_VALUE.search(value):
            yield name, value


def _absolute(path: str) -> list[str]:
    """Return the entries of a PATH without the relative ones, which mean another place anywhere."""
    return [entry for entry in path.split(":") if entry.startswith("/")]


def _toolchains(
    source: Mapping[str, str], home: Path, caches: Path, network: bool
) -> dict[str, str]:
    """Return what lets go and cargo read what the user has already fetched."""
    made: dict[str, str] = {}
    modules = Path(source.get("GOMODCACHE") or home / "go" / "pkg" / "mod") / "cache" / "download"
    if modules.is_dir():
        after = source.get("GOPROXY", "https://proxy.golang.org,direct") if network else "off"
        made["GOPROXY"] = f"file://{modules},{after}"
    cargo = Path(source.get("CARGO_HOME") or home / ".cargo")
    fetched = (caches / "cargo" / "registry").is_dir()
    if not network and not fetched and (cargo / "registry").is_dir():
        made["CARGO_HOME"] = str(cargo)  # cargo reads from a read-only one
    return made


def trusted_program(name: str, workspace: Sequence[Path], path: str | None = None) -> Path | None:
    """Return the absolute path of a program that lies outside the workspace, or None.

    The system's folders come first, then PATH; a program in the repository is never taken.
    """
    entries = (*_SYSTEM, *_absolute(os.environ.get("PATH", "") if path is None else path))
    for entry in entries:
        found = Path(entry) / name
        if not os.access(found, os.X_OK) or not found.is_file():
            continue
        places = (found, found.resolve())
        if not any(place.is_relative_to(root) for place in places for root in workspace):
            return found
    return None
