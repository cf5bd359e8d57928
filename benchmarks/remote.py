"""What a remote model costs before its first word: start, further requests, memory, tokens, names.

    python benchmarks/remote.py [--runs N] [--model PROVIDER/NAME]

A server on loopback stands for the provider; it answers at once. CPU seconds are those of the front
process and of its child that talks to the provider, read from outside when a request comes in.
`import litellm` alone is measured in the same rounds, with the settings that the child has, so read
the difference. With bubblewrap the names asked of DNS are shown too: those of a run that may only
talk to a name server of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from harness import AGENT, cpu, repository, resident, spread, whole

MODEL = "openai/gpt-4o"
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}


class Provider(BaseHTTPRequestHandler):
    """Answers the first request with a call and the others with a word."""

    seen: ClassVar[list[dict[str, Any]]] = []
    front: ClassVar[int] = 0

    def do_POST(self) -> None:
        """Look at the processes, then answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        children = Path(f"/proc/{self.front}/task/{self.front}/children").read_text().split()
        self.seen.append(
            {
                "body": body,
                "front": cpu(self.front),
                "child": sum(cpu(int(child)) for child in children),
                "memory": resident(self.front),
                "child memory": sum(resident(int(child)) for child in children),
            }
        )
        delta: dict[str, Any] = {"content": "Done."}
        if len(self.seen) < 3:
            arguments = json.dumps({"path": f"file{len(self.seen)}.py"})
            call = {"index": 0, "id": f"c{len(self.seen)}", "type": "function"}
            delta = {"tool_calls": [{**call, "function": {"name": "read", "arguments": arguments}}]}
        finish = "tool_calls" if "tool_calls" in delta else "stop"
        usage = {"prompt_tokens": 1000, "completion_tokens": 5, "total_tokens": 1005}
        chunks = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", **delta}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
            {"choices": [], "usage": usage},
        ]
        told = "".join(
            f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', **chunk})}\n\n"
            for chunk in chunks
        )
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(f"{told}data: [DONE]\n\n".encode())

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def turn(model: str, url: str, cwd: Path) -> list[dict[str, Any]]:
    """Run one turn of three requests and return what was seen at each."""
    Provider.seen.clear()
    environ = {**os.environ, "OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
    process = subprocess.Popen(
        [str(AGENT), "run", "-p", "go on", "-m", model, "--api-base", url, "--json"],
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    Provider.front = process.pid
    _, told = process.communicate()
    if len(Provider.seen) != 3:
        raise SystemExit(f"{len(Provider.seen)} requests came: {told.decode()[-500:]}")
    return list(Provider.seen)


def tokens(model: str, body: dict[str, Any]) -> int:
    """Return the tokens of a request by litellm's own count, in a process of its own."""
    program = (
        "import json, sys, litellm\n"
        "body = json.load(sys.stdin)\n"
        "print(litellm.token_counter(model=sys.argv[1], messages=body['messages'],"
        " tools=body.get('tools')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, model],
        input=json.dumps(body),
        env={**os.environ, **QUIET},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


# -- names

NAMED = "--names-asked"  # how this file calls itself within the sandbox


def serve_names(heard: list[str]) -> None:
    """Answer every question on port 53 with loopback's address, and remember the name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def serve() -> None:
        while True:
            data, who = server.recvfrom(4096)
            at, labels = 12, []
            while data[at]:
                labels.append(data[at + 1 : at + 1 + data[at]].decode("latin-1"))
                at += 1 + data[at]
            heard.append(".".join(labels))
            end = at + 5
            kind = struct.unpack(">H", data[at + 1 : at + 3])[0]
            answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
            count = 1 if kind == 1 else 0
            head = data[:2] + b"\x81\x80" + data[4:6] + struct.pack(">H", count) + b"\0\0\0\0"
            server.sendto(head + data[12:end] + (answer if count else b""), who)

    threading.Thread(target=serve, daemon=True).start()


def names_within(model: str, cwd: str) -> None:
    """Run one turn against the provider's own name, and print the names that were asked for."""
    heard: list[str] = []
    serve_names(heard)
    environ = {**os.environ, "OPENAI_API_KEY": "none", "ANTHROPIC_API_KEY": "none"}
    command = [str(AGENT), "run", "-p", "go on", "-m", model, "--json", "--max-wall-time", "30"]
    subprocess.run(command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True)
    print(json.dumps(sorted(set(heard))))


def names_asked(model: str, cwd: Path, folder: Path) -> str:
    """Return the names asked of DNS in a run that has a network of its own."""
    if shutil.which("bwrap") is None:
        return "not measured: no bubblewrap here"
    resolv = folder / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    place = Path("/etc/resolv.conf").resolve()
    command = ["bwrap", "--dev-bind", "/", "/", "--unshare-net", "--unshare-user", "--uid", "0"]
    command += ["--cap-add", "CAP_NET_BIND_SERVICE", "--ro-bind", str(resolv), str(place), "--"]
    command += [sys.executable, __file__, NAMED, model, str(cwd)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or f"not measured: {done.stderr.strip()[-200:]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default=MODEL)
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {options.runs} rounds")
    os.environ.update(QUIET)  # for the import alone; the child is not told by us
    with tempfile.TemporaryDirectory(prefix="wisp-bench-") as name:
        folder = Path(name)
        top = repository(folder)
        turn(options.model, url, top)  # warm: bytecode, page cache
        rows: dict[str, list[float]] = {}
        for _ in range(options.runs):
            alone = whole([sys.executable, "-I", "-c", "import litellm"], top)[0]
            first, second, third = turn(options.model, url, top)
            found = {
                "import litellm alone": alone,
                "to the first request": first["front"] + first["child"],
                "  of it the front process": first["front"],
                "more than the import": first["front"] + first["child"] - alone,
                "from there to the second": _between(first, second),
                "from there to the third": _between(second, third),
            }
            for label, value in found.items():
                rows.setdefault(label, []).append(value)
        for label, values in rows.items():
            print(f"{label:28} {spread(values)} s CPU")
        print(f"{'memory of the front process':28} {third['memory']:.0f} MB")
        print(f"{'memory of its child':28} {third['child memory']:.0f} MB")
        print(f"{'opening request':28} {tokens(options.model, first['body'])} tokens")
        print(f"{'names asked of DNS':28} {names_asked(options.model, top, folder)}")


def _between(one: dict[str, Any], other: dict[str, Any]) -> float:
    return statistics.fsum((other["front"], other["child"], -one["front"], -one["child"]))


if __name__ == "__main__":
    if sys.argv[1:2] == [NAMED]:
        names_within(*sys.argv[2:4])
    else:
        main()
