"""The demo: a small real project with a real bug, repaired by the default model, with the proof.

    python benchmarks/demo.py [NAME]

It loads the model (1.1 GB, once), fetches the project's source archives by their hash, shows the
failing tests, and runs `agent fix` as a user would. `python benchmarks/historic.py --list
benchmarks/demo.toml --seeds 3` measures all three demos.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cases import CaseError, default_cache, find, lay_out, read

HERE = Path(__file__).parent
AGENT = Path(sys.executable).parent / "agent"


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def main() -> int:
    cases = read(HERE / "demo.toml")
    case = find(sys.argv[1], cases) if len(sys.argv) > 1 else cases[0]
    if shutil.which("bwrap") is None:
        say("bubblewrap is missing: the demo runs with a reduced sandbox, in place")
        print("hint: apt-get install bubblewrap")
    say("the default model")
    pulled = subprocess.run([str(AGENT), "models", "pull", "--yes"])
    if pulled.returncode:
        return pulled.returncode
    say(f"the project: {case.library} {case.old}, with the tests of {case.new}")
    place = default_cache() / "runs"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="demo-", dir=place) as made:
        folder = lay_out(case, Path(made) / case.library)
        for test in case.failing:
            print(f"fails: {test}")
        say('agent fix ""')
        env = {**os.environ, "WISP_HOST": "private"}  # nothing is left running
        done = subprocess.run(
            [str(AGENT), "fix", ""], cwd=folder, env=env, stdin=subprocess.DEVNULL
        )
        say("verified" if done.returncode == 0 else f"not repaired, exit {done.returncode}")
    return done.returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CaseError as error:
        sys.exit(f"error: {error}")
