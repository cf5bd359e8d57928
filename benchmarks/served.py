"""Another benchmark here, with the model behind a server on loopback and litellm in between.

    python benchmarks/served.py [--model NAME] [--window N] historic.py parse-1.22.3
    python benchmarks/served.py [--model NAME] [--window N] tasks.py --only typo

What follows is a benchmark of this folder and its words; it is given the served model. The server
is llama.cpp's own (`llama-cpp-python[server]`), so the weights are the same as without it, but the
repair can neither sample nor weigh lines there: it asks for whole functions.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from agent.models import catalog

HERE = Path(__file__).parent
START_S = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default=catalog.DEFAULT.name)
    parser.add_argument("--window", type=int, default=8192, help="tokens")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="a benchmark and its words")
    given = parser.parse_args()
    found = catalog.resolve(given.model)
    if not given.words or not found.present:
        sys.exit(f"error: {'a benchmark is missing' if found.present else found.hint}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(found.path)]
    command += ["--port", str(port), "--n_ctx", str(given.window)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as server:
        try:
            _wait(server, port)
            base = f"http://127.0.0.1:{port}/v1"
            print(f"{found.name} served at {base}, {given.window} tokens", flush=True)
            program, *words = given.words
            run = [sys.executable, str(HERE / program), "--model", f"openai/{found.name}", *words]
            code = subprocess.run(run, env={**os.environ, "WISP_API_BASE": base}).returncode
        finally:
            server.kill()
    sys.exit(code)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit("error: the server did not start\nhint: pip install 'llama-cpp-python[server]'")


if __name__ == "__main__":
    main()
