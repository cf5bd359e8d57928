"""The console script: installed as the module `wisp_launch`, a name that nobody else has.

`agent`, `tools`, `tui` and `sandbox` are common names. With `PYTHONPATH=.` in a repository that
has its own `agent/`, theirs would be imported before any sandbox exists; so what PYTHONPATH put in
front goes to the end before the first of ours is imported.
"""

import os
import sys


def main() -> None:
    """Run the command line; `--version` answers without importing anything."""
    theirs = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if theirs:
        full = os.path.abspath  # noqa: PTH100 - pathlib is slow to import
        absolute = {full(entry) for entry in theirs}
        moved = [entry for entry in sys.path if full(entry) in absolute]
        sys.path[:] = [entry for entry in sys.path if entry not in moved] + moved
    import agent

    if sys.argv[1:] in (["--version"], ["-V"]):
        if sys.stdout is not None:  # None where it was closed
            sys.stdout.write(f"wisp {agent.__version__}\n")
        return
    from agent.cli import main as run

    run()
