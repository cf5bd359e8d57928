"""llama.cpp's own server, with an interface like OpenAI's, on a free port of loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fault_server

START_S = 120  # on a busy machine


@contextlib.contextmanager
def serving(model: Path, window: int) -> Iterator[str]:
    """Serve a model file and give its address; the server ends with the block."""
    port = fault_server.refused()
    words = ("--model", str(model), "--port", str(port), "--n_ctx", str(window))
    server = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", *words, "--n_threads", "1"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        until = time.monotonic() + START_S
        while not _answers(port):
            assert server.poll() is None and time.monotonic() < until, "the server did not start"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
