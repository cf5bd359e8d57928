"""The keys of providers: where each is looked for, and where it is kept.

The variable of a provider counts first, then the keyring of this system, then a file that only its
user can read. The keyring is asked by the library `keyring`, where that is installed and has one to
ask; it is imported only when a key is wanted that no variable holds.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.config import APP, config_path
from agent.errors import UsageError
from agent.models.providers import PROVIDERS, Key, from_environment

KEYRING = "the keyring"
FILE_BYTES = 1 << 20  # more is no file of keys
# what keyring itself calls a backend that it recommends; those below are files without a lock
RECOMMENDED = 1.0
UNLOCK = (
    "unlock it, or keep keys in a file: export PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring"
)


class KeyringUnusable(UsageError):
    """The keyring is there, and does not answer: it is locked, or a person refused."""


def key_for(provider: str) -> Key | None:
    """Return the key of a provider; raises UsageError where one may be but cannot be read."""
    return next(iter(found(provider)), None)


def found(provider: str) -> Iterator[Key]:
    """Yield each key of a provider, the one that counts first. Raises UsageError."""
    if key := from_environment(provider):
        yield key
    backend, locked = _keyring(), None
    if backend is not None:
        try:
            kept = _ask(backend, "get_password", provider)
        except KeyringUnusable as error:
            kept, locked = None, error
        if kept:
            yield Key(kept, KEYRING)
    if kept := _File().read().get(provider):
        yield Key(kept, str(file_path()))
    elif locked and not PROVIDERS[provider].base:  # a server on this machine seldom wants one
        raise locked


def in_file() -> dict[str, str]:
    """Return the keys in the file, by provider; raises UsageError."""
    return _File().read()


def keep(provider: str, key: str) -> str:
    """Keep a key and return where; raises UsageError."""
    backend = _keyring()
    if backend is None:
        with _File() as file:
            file.write(file.read() | {provider: key})
        return str(file_path())
    _ask(backend, "set_password", provider, key)
    _forget_in_file(provider)  # an old one would come back with the keyring gone
    return KEYRING


def forget(provider: str) -> list[str]:
    """Remove the key of a provider wherever it is kept, and return from where; raises UsageError.

    That of a variable stays: it is the user's shell that has it.
    """
    removed = []
    backend = _keyring()
    if backend is not None and _ask(backend, "get_password", provider):
        _ask(backend, "delete_password", provider)
        removed.append(KEYRING)
    if _forget_in_file(provider):
        removed.append(str(file_path()))
    return removed


def provider_named(word: str) -> str:
    """Return the provider that a person means; raises UsageError, naming the near ones."""
    name = word.strip().lower().partition("/")[0]  # a model's whole name says it too
    if name in PROVIDERS:
        return PROVIDERS[name].name
    from difflib import get_close_matches

    near = get_close_matches(name, PROVIDERS, 3)
    meant = f"; did you mean {' or '.join(near)}" if near else ""
    raise UsageError(f"no such provider: {word}{meant}", "agent keys list names them all")


def usable(key: str) -> str:
    """Return the key as it was typed or piped, without white space around; raises UsageError."""
    key = key.strip()
    if not key:
        raise UsageError("the key is empty", "agent keys set PROVIDER asks for it")
    if not all("!" <= char <= "~" for char in key):
        # it would go into a header; and a whole line of a shell's start file is a likely mistake
        raise UsageError(
            "that is no key: there is a space in it, or a character that no key has",
            "give the key alone",
        )
    return key


def file_path() -> Path:
    """Return where keys are kept without a keyring."""
    return config_path().with_name("keys.json")


# -- the keyring


def _keyring() -> Any:
    """Return what keyring has to ask, or None where it is not installed or has nothing good."""
    try:
        import keyring
    except ImportError:
        return None
    try:
        backend = keyring.get_keyring()
        return backend if backend.priority >= RECOMMENDED else None
    except Exception:  # a backend raises whatever its system does; without one there is the file
        return None


def _ask(backend: Any, what: str, *words: str) -> Any:
    """Ask the keyring; raises KeyringUnusable."""
    try:
        return getattr(backend, what)(APP, *words)
    except Exception as error:  # as above: locked, gone, refused by the person
        # of its own words only the kind: they may repeat what was given
        raise KeyringUnusable(
            f"the keyring cannot be used: {type(error).__name__}", UNLOCK
        ) from None


# -- the file


def _forget_in_file(provider: str) -> bool:
    if not os.path.lexists(file_path()):
        return False
    with _File() as file:
        keys = file.read()
        if provider not in keys:
            return False
        del keys[provider]
        file.write(keys)
    return True


class _File:
    """The file of keys; within `with` no other program of ours changes it.

    Everything raises UsageError.
    """

    def __init__(self) -> None:
        self._path = file_path()
        self._folder = -1

    def __enter__(self) -> _File:
        folder = self._path.parent
        with self._told("write"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            os.fchmod(self._folder, 0o700)
            fcntl.flock(self._folder, fcntl.LOCK_EX)
        return self

    def __exit__(self, *raised: object) -> None:
        os.close(self._folder)

    def read(self) -> dict[str, str]:
        """Return the keys by provider, none without a file; a file that others can read is none."""
        again = f"rm {self._path}, then agent keys set PROVIDER"
        with self._told("read"):
            try:
                # a link could lead to what others can write, a pipe would hold us up
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                descriptor = os.open(self._path, flags)
            except (FileNotFoundError, NotADirectoryError):
                return {}
            except OSError as error:
                if error.errno == errno.ELOOP:
                    raise UsageError(f"{self._path} is a link, and keys are not", again) from None
                raise
            with os.fdopen(descriptor, "rb") as file:
                about = os.fstat(descriptor)
                if not stat.S_ISREG(about.st_mode) or about.st_size > FILE_BYTES:
                    raise UsageError(f"{self._path} is no file of keys", again)
                if about.st_uid != os.geteuid():
                    raise UsageError(f"{self._path} belongs to another user", again)
                if about.st_mode & 0o077:
                    raise UsageError(
                        f"{self._path} holds keys, and others can read it",
                        f"chmod 600 {self._path}",
                    )
                data = file.read(FILE_BYTES)
        try:
            keys = json.loads(data)
        except (ValueError, RecursionError):
            keys = None
        if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
            raise UsageError(f"{self._path} is not what `agent keys set` writes", again)
        return keys

    def write(self, keys: dict[str, str]) -> None:
        """Write beside, and rename."""
        beside = f".{self._path.name}.new"
        with self._told("write"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside, dir_fd=self._folder)  # of a program that was killed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(beside, flags, 0o600, dir_fd=self._folder)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(keys, file, indent=2, sort_keys=True)
                    file.flush()
                    os.fsync(descriptor)
                here = {"src_dir_fd": self._folder, "dst_dir_fd": self._folder}
                os.rename(beside, self._path.name, **here)  # noqa: PTH104 in the folder that is held
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(beside, dir_fd=self._folder)
                raise

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"cannot {what} {self._path}: {error.strerror}"
            raise UsageError(message, "XDG_CONFIG_HOME says where it lives") from error
