"""The search without ripgrep: a program of its own, so that no pattern can hold up the agent.

Run as `python -I -S -c SOURCE`, with a JSON line on standard input (`pattern`, `flags`, `literal`)
and then file names, each ended by a NUL. It writes the JSON lines that `rg --json` does, as far as
they are read here.
"""

import json
import os
import re
import sys
from pathlib import Path

LARGEST = 20 << 20  # bytes; the same bound as is given to ripgrep


def decode(data: bytes) -> str:
    """Decode as the other tools do, nearly."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def main() -> None:
    """Search, and write what is found."""
    head, _, names = sys.stdin.buffer.read().partition(b"\n")
    options = json.loads(head)
    pattern = re.escape(options["pattern"]) if options["literal"] else options["pattern"]
    wanted = re.compile(pattern, re.IGNORECASE if options["ignore_case"] else 0)
    for name in filter(None, names.split(b"\0")):
        path = Path(os.fsdecode(name))
        try:
            if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
                continue
            data = path.read_bytes()
        except OSError:
            continue
        if b"\0" in data[:8192] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        here = 0
        shown = json.dumps({"text": os.fsdecode(name)})
        for number, line in enumerate(decode(data).split("\n"), 1):
            line = line.removesuffix("\r")
            found = wanted.search(line)
            if found is None:
                continue
            if not here:
                sys.stdout.write(f'{{"type":"begin","data":{{"path":{shown}}}}}\n')
            here += 1
            start = len(line[: found.start()].encode(errors="replace"))
            line = json.dumps({"text": line})
            sys.stdout.write(
                f'{{"type":"match","data":{{"path":{shown},"lines":{line},'
                f'"line_number":{number},"submatches":[{{"start":{start}}}]}}}}\n'
            )
        if here:
            sys.stdout.write(
                f'{{"type":"end","data":{{"path":{shown},"stats":{{"matched_lines":{here}}}}}}}\n'
            )


if __name__ == "__main__":
    main()
