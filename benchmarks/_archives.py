"""What cases are made of: source archives by their hash, and the packages that tests need.

Both come from the package index by the user's own pip, and are kept in the cache.
"""

from __future__ import annotations

import asyncio
import fcntl
import functools
import hashlib
import json
import os
import sys
import tempfile
import urllib.request
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks._source import CaseError
from sandbox.base import Limits
from sandbox.process import Child, Start

# all that the tests of any case may need, besides the case itself
PINS = (
    "coverage==7.17.3",
    "freezegun==1.5.5",
    "hypothesis==6.170.15",
    "iniconfig==2.3.1",
    "mock==5.2.0",
    "packaging==26.3",
    "pluggy==1.7.0",
    "pygments==2.21.0",
    "pytest==8.4.2",
    "pytest-cov==7.1.0",
    "pytest-mock==3.17.0",
    "python-dateutil==4.0.0",
    "pyyaml==6.0.3",
    "simplejson==4.3.0",
    "sortedcontainers==2.4.0",
)
INDEX = "https://pypi.org/simple"
_SIMPLE = "application/vnd.pypi.simple.v1+json"
FETCH_S = 600.0  # seconds for pip or git


def default_cache() -> Path:
    """Return where archives and the environment of the cases are kept for this user."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("wisp")) / "benchmarks"


def archive(cache: Path, library: str, version: str, sha256: str) -> Path:
    """Return one archive of the cache, loading it first when it is missing or damaged."""
    folder = cache / "archives" / sha256
    for path in folder.glob("*.tar.gz"):
        if _sum(path) == sha256:
            return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as made:
        wanted = Path(made) / "wanted.txt"
        # pip verifies the sum before it runs anything of the archive
        wanted.write_text(f"{library}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
        options = ("-q", "--no-deps", "--no-binary", library, "-d", made, "-r", str(wanted))
        on_host((sys.executable, "-m", "pip", "download", *options), Path(made))
        loaded = list(Path(made).glob("*.tar.gz"))
        if len(loaded) != 1 or _sum(loaded[0]) != sha256:
            raise CaseError(f"pip brought something else than {library} {version}, {sha256[:12]}…")
        return loaded[0].replace(folder / loaded[0].name)


@dataclass(frozen=True, slots=True)
class Offer:
    """A file of a library as the index offers it; `uploaded` is an ISO time in UTC."""

    name: str
    url: str
    sha256: str
    size: int  # bytes
    uploaded: str
    yanked: bool


@functools.cache
def offered(library: str) -> tuple[Offer, ...]:
    """Return the files that PyPI offers of a library. Raises CaseError."""
    request = urllib.request.Request(f"{INDEX}/{library}/", headers={"Accept": _SIMPLE})
    try:
        with urllib.request.urlopen(request, timeout=FETCH_S) as answer:
            return tuple(
                Offer(
                    each["filename"],
                    each["url"],
                    each["hashes"]["sha256"],
                    each["size"],
                    each["upload-time"],
                    bool(each.get("yanked")),
                )
                for each in json.load(answer)["files"]
            )
    except (OSError, ValueError, KeyError) as error:
        raise CaseError(f"what there is of {library} cannot be loaded: {error}") from None


def loaded(cache: Path, library: str, version: str, sha256: str) -> Path:
    """Return one archive of the cache, loading it from PyPI itself when it is missing.

    For many archives of which nothing is run: pip would prepare each as if to install it. Raises
    CaseError.
    """
    folder = cache / "archives" / sha256
    for path in folder.glob("*.tar.gz"):
        if _sum(path) == sha256:
            return path
    found = next((each for each in offered(library) if each.sha256 == sha256), None)
    if found is None:
        raise CaseError(f"PyPI has no {library} {version}, {sha256[:12]}…")
    try:
        with urllib.request.urlopen(found.url, timeout=FETCH_S) as answer:
            data = answer.read(found.size + 1)
    except OSError as error:
        raise CaseError(f"{library} {version} cannot be loaded: {error}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise CaseError(f"PyPI brought something else than {library} {version}, {sha256[:12]}…")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / found.name).write_bytes(data)
    return folder / found.name


def environment(cache: Path) -> Path:
    """Return the folder of the packages that tests need, built at the first use and shared."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    digest = hashlib.sha256("\n".join((version, *PINS)).encode()).hexdigest()
    folder = cache / f"env-{digest[:12]}"
    ready = folder / ".ready"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "env.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            venv.EnvBuilder(symlinks=True, with_pip=False, clear=True).create(folder)
            pip = (sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"))
            on_host((*pip, "install", "-q", "--no-deps", *PINS), cache)
            ready.touch()
    return site_packages(folder)


def site_packages(folder: Path) -> Path:
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return (folder / "lib" / version / "site-packages").resolve()


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the one folder of an archive as `folder`."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CaseError(f"not an empty folder: {folder}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        # Python before 3.11.4 has no filter; root would give the files to whoever packed them
        on_host(("tar", "-xf", str(archive), "--no-same-owner"), Path(made))
        tops = [path for path in Path(made).iterdir() if path.is_dir()]
        if len(tops) != 1:
            raise CaseError(f"{archive.name} holds {len(tops)} folders")
        return tops[0].replace(folder)


def on_host(argv: tuple[str, ...], cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a program of the user's, uncontained; raises CaseError when it fails."""
    said = bytearray()
    limits = Limits(wall_s=FETCH_S)

    async def run() -> bool:
        child = Child(Start(argv, cwd, os.environ if env is None else env, limits=limits))
        return (await child.run(said.extend, None)).ok

    if not asyncio.run(run()):
        raise CaseError(f"{' '.join(argv[:4])} …: {tail(said)}")


def tail(said: bytes | bytearray) -> str:
    return " | ".join(said.decode(errors="replace").strip().splitlines()[-5:]) or "no output"
