"""A program of the user's own that has the terminal until it ends: their editor.

Nothing contains it, since nobody but the user chose it: it comes from their environment alone.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path


def edit(text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Let the user edit a text in $VISUAL or $EDITOR, else `vi`, and return what they made of it.

    `folder` is where the file is made, and not left. Raises OSError when the program cannot be
    started, or ends with an error: then nothing they wrote is taken.
    """
    import tempfile

    words = shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or "vi")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        path = Path(own) / "prompt.md"
        path.write_text(text, encoding="utf-8", newline="")
        done = subprocess.run([*words, str(path)], check=False)
        if done.returncode:
            raise OSError(0, f"{words[0]} ended with {done.returncode}")
        return path.read_text(encoding="utf-8", errors="replace").rstrip("\n")
