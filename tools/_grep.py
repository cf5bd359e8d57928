"""The search without ripgrep: a program of its own, so that no pattern can hold up the agent.

Run as `python -I -S -c SOURCE`, with a JSON line on standard input (`pattern`, `flags`, `literal`)
and then file names, each ended by a NUL. It prints the JSON lines that `rg --json` does, as far as
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
    """Search, and print."""
    head, _, names = sys.stdin.buffer.read().partition(b"\n")
    options = json.loads(head)
    pattern = re.escape(options["pattern"]) if options["literal"] else options["pattern"]
    wanted = re.compile(pattern, re.IGNORECASE if options["ignore_case"] else 0)
    matched = with_match = searched = 0
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
        searched += 1
        here = 0
        shown = json.dumps({"text": os.fsdecode(name)})
        for number, line in enumerate(decode(data).split("\n"), 1):
            found = wanted.search(line)
            if found is None:
                continue
            if not here:
                print(f'{{"type":"begin","data":{{"path":{shown}}}}}')
            here += 1
            start = len(line[: found.start()].encode(errors="replace"))
            line = json.dumps({"text": line})
            print(
                f'{{"type":"match","data":{{"path":{shown},"lines":{line},'
                f'"line_number":{number},"submatches":[{{"start":{start}}}]}}}}'
            )
        if here:
            matched += here
            with_match += 1
            print(f'{{"type":"end","data":{{"path":{shown},"stats":{{"matched_lines":{here}}}}}}}')
    counts = {"searches": searched, "searches_with_match": with_match, "matched_lines": matched}
    print(json.dumps({"type": "summary", "data": {"stats": counts}}))


if __name__ == "__main__":
    main()
