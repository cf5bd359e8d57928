"""The child process that reads sources for the index: paths in on stdin, what they say out.

Frames are as `models/_frames` says. The first names the workspace, the descriptor to answer on and
the parent; each of the others has paths to `read`, with digests, and one answer comes for each of
them, in order. It ends with its standard input.

Run as a file (`python -I _reads.py`), so it adds the folder of its own package to the path itself.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.context.reading import Said


def told(said: Said) -> dict[str, Any]:
    """Return what a source says as JSON has it."""
    if said.same:
        return {"changed": said.changed, "digest": said.digest.hex(), "same": True}
    blobs = (said.words, said.uses, said.code)
    return {
        "changed": said.changed,
        "digest": said.digest.hex(),
        "counts": [base64.b64encode(each).decode() for each in blobs],
        "definitions": said.definitions,
        "new": said.new,
    }


def main() -> None:
    """Read what is asked for until nothing more comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to understand
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from agent.models._frames import HEAD, length, packed
    from agent.models._pipes import die_with

    def taken() -> Any:
        head = sys.stdin.buffer.read(HEAD)
        return json.loads(sys.stdin.buffer.read(length(head))) if len(head) == HEAD else None

    first = taken()
    if first is None:
        return
    die_with(first["parent"])
    from agent.context.reading import Reader
    from sandbox.workspace import Workspace

    reader = Reader(Workspace(Path(os.fsdecode(bytes.fromhex(first["root"])))))
    with os.fdopen(first["answer"], "wb") as out:
        while asked := taken():
            for path, digest in asked["read"]:
                out.write(packed(told(reader.read(path, bytes.fromhex(digest)))))
            out.flush()


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, EOFError, json.JSONDecodeError):
        os._exit(0)  # the parent is gone, or has enough
