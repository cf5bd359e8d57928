"""The console script: installed as the module `wisp_launch`, a name that nobody else has.

`agent`, `tools`, `tui` and `sandbox` are common names. With `PYTHONPATH=.` in a repository that
has its own `agent/`, theirs would be imported before any sandbox exists; so what PYTHONPATH put in
front goes to the end before the first of ours is imported.
"""

import os
import sys


def main() -> None:
    """Run the command line; `--version` answers without importing anything."""
    theirs = os.environ.get("PYTHONPATH", "")
    if theirs:
        full = os.path.abspath  # pathlib is slow to import
        # an empty entry is the current folder, as in PYTHONPATH=:/somewhere
        absolute = {full(entry) for entry in theirs.split(os.pathsep)}
        moved = [entry for entry in sys.path if full(entry) in absolute]
        sys.path[:] = [entry for entry in sys.path if entry not in moved] + moved
    import agent

    if sys.argv[1:] in (["--version"], ["-V"]):
        if sys.stdout is not None:  # None where it was closed
            try:
                os.write(1, f"wisp {agent.__version__}\n".encode())
            except OSError as error:
                sys.exit(f"error: cannot write: {error.strerror}")
        return
    import gc

    # looking every 700 new objects whether some are garbage is 5 % of a start, where all stay
    gc.set_threshold(20_000)
    from agent.entry import main as run

    run()
