"""Makes attacks outside of pytest, as whoever runs it: one line of JSON for each.

`python -m tests.sandbox.attacks.run FOLDER [--only NAME]... [BACKEND]...`; the grounds are made in
FOLDER. It needs nothing but the project and what the sandbox itself imports.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from sandbox.detect import _bubblewrap, _landlock, self_test
from tests.sandbox.attacks.attempt import BACKENDS, attempt, missing
from tests.sandbox.attacks.case import Case, Outcome, Unavailable, who
from tests.sandbox.attacks.suite import CASES
from tests.sandbox.ground import Ground


async def main() -> None:
    """Run them all; what goes wrong in one is its own line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("backends", nargs="*", default=BACKENDS)
    parser.add_argument("--only", action="append", default=[])
    asked = parser.parse_args()
    asked.folder = asked.folder.resolve()
    for backend in asked.backends:
        make = {"full": _bubblewrap, "reduced": _landlock}.get(backend)
        why_not = await self_test(make) if make and not asked.only else ""
        if why_not:
            _tell(backend=backend, outcome="unavailable", loss=why_not, said="")
            continue
        for name, case in CASES.items():
            if case.expected(backend, who()).outcome is Outcome.NEVER:
                continue
            if case.only in ("", who()) and (not asked.only or name in asked.only):
                await _one(case, backend, asked.folder)


async def _one(case: Case, backend: str, folder: Path) -> None:
    if absent := missing(case):
        _tell(case=case.name, backend=backend, outcome="unavailable", loss=absent, said="")
        return
    began = time.monotonic()
    top = Path(tempfile.mkdtemp(prefix="ground-", dir=folder))
    os.environ.update(home_of_ours(top))
    try:
        verdict = await attempt(case, backend, Ground(top))
        _tell(
            case=case.name,
            backend=backend,
            outcome=verdict.outcome,
            loss=verdict.loss,
            said=verdict.said[-2000:],
            seconds=round(time.monotonic() - began, 2),
        )
    except Unavailable as error:
        _tell(case=case.name, backend=backend, outcome="unavailable", loss=str(error), said="")
    except Exception:
        _tell(
            case=case.name, backend=backend, outcome="error", loss="", said=traceback.format_exc()
        )
    finally:
        shutil.rmtree(top, ignore_errors=True)


def home_of_ours(top: Path) -> dict[str, str]:
    """Return the variables by which our own files are looked for on the ground."""
    names = ("CONFIG", "STATE", "CACHE", "DATA")
    return {f"XDG_{name}_HOME": str(top / name.lower()) for name in names}


def _tell(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
