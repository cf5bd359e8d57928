"""What the house allows to whom: the tables that `test_house` holds the code to."""

from __future__ import annotations

# where a process of the host may be started; everything else goes through it
STARTS_PROCESSES = {
    "sandbox/process.py",
    "sandbox/foreground.py",  # the user's own editor, which has the terminal
}
# programs that we run as children: their streams are their seam
CHILDREN = {
    "sandbox/_launch.py",  # becomes the command, under Landlock
    "sandbox/_listen.py",  # becomes the command, with doors of a network
    "agent/context/_reads.py",  # reads sources for the index
    "agent/models/_host.py",  # holds the model
    "agent/models/_shared_host.py",  # holds it for all sessions
    "agent/models/_remote.py",  # talks to a remote one
    "tools/_grep.py",
    "tools/_page.py",
    "tools/runners/_boot.py",
    "tools/runners/_codes.py",
    "tools/runners/_pytest_run.py",
    "tools/runners/_screen.py",
    "tools/runners/_unittest_run.py",
}
# the faces without a screen, and what stands in for them before there is one
SPEAKS = {
    "agent/_launch.py",
    "agent/approval.py",
    "agent/cli.py",
    "agent/commands.py",
    "agent/entry.py",
    "agent/faces.py",
    "agent/keeping.py",
    "agent/lines.py",
    "agent/terminal.py",
}
# who opens files by their path, and whose files those are; a path of the repository's could be
# swapped for a link or a pipe on the way, so all that lies in it is opened by sandbox/workspace
OPENS_BY_PATH = {
    "agent/config.py": "the user's settings",
    "agent/copies.py": "locks below our cache",
    "agent/doctor.py": "models of the catalogue",
    "agent/entry.py": "the null device",
    "agent/export/writing.py": "what a person named",
    "agent/form.py": "what a person named",
    "agent/holding.py": "what the kernel says",
    "agent/images.py": "what a person named",
    "agent/keeping.py": "logs below our state",
    "agent/keys.py": "the file of keys, below the user's configuration",
    "agent/log.py": "logs below our state",
    "agent/models/_berth.py": "cards of hosts below our state, our own sources",
    "agent/models/_cores.py": "what the kernel says",
    "agent/models/_shelf.py": "cells below our cache",
    "agent/models/_link.py": "what a child of ours wrote",
    "agent/models/_pipes.py": "the null device, its own streams",
    "agent/models/_shared_link.py": "logs of hosts below our state",
    "agent/models/_wheels.py": "what is being loaded, below our cache",
    "agent/models/download.py": "what is being loaded, below our cache",
    "agent/models/gguf.py": "a model, which a person named",
    "agent/models/scripted.py": "a script, which a person named",
    "agent/place.py": "the place of who changes files, below our state",
    "agent/remembered.py": "what a person allowed and trusts, in the user's settings",
    "agent/repair/apply.py": "patches below our state",
    "agent/report/writing.py": "what a person named",
    "agent/resumption.py": "logs below our state",
    "agent/sessions.py": "logs below our state",
    "agent/store.py": "checkpoints below our state",
    "agent/summary.py": "logs below our state",
    "agent/terminal.py": "a stream that is open",
    "agent/tree.py": "the top of the tree, and pictures of it below our state",
    "agent/undo.py": "the list of turns, below our state",
    "agent/worktree.py": "locks and patches below our state",
    "sandbox/beneath.py": "the top, below which no link is followed",
    "sandbox/bounds.py": "what the kernel says",
    "sandbox/cgroup.py": "what the kernel says",
    "sandbox/descendants.py": "what the kernel says",
    "sandbox/detect.py": "the folder of the self-test",
    "sandbox/gateway.py": "what the kernel says, a source of ours",
    "sandbox/head.py": "the head of a repository, neither through a link nor waiting",
    "sandbox/gitparts.py": "settings of git, neither through a link nor waiting",
    "sandbox/kernel.py": "paths of rules, opened without being read",
    "sandbox/masks.py": "folders that hold a name, and a file of ours below our state",
    "sandbox/mounted.py": "what the kernel says",
    "sandbox/obeyed.py": "settings of git, without waiting",
    "sandbox/plan.py": "where git's own folder is, which is believed only if it points back",
    "sandbox/protected.py": "settings of the user's",
    "sandbox/repositories.py": "pointers of git's, without waiting",
    "sandbox/services.py": "what the kernel says",
    "sandbox/streams.py": "the null device, logs of children",
    "tools/fetch.py": "a source of ours",
    "tools/grep.py": "a source of ours",
    "tools/runners/node.py": "a source of ours",
    "tools/runners/signed.py": "sources of ours",
    "sandbox/foreground.py": "what the user writes in their editor, below our cache",
    "tui/drafts.py": "prompts and drafts below our state",
    "tui/driver.py": "the null device",
    "tui/screens/session_lines.py": "logs below our state",
    "tui/own_commands.py": "commands below the user's configuration",
}
OPENS = {"read_text", "read_bytes", "write_text", "write_bytes"}
HEAVY = {  # the one place of each library: a module and its parts, or a package
    "litellm": ("agent/models/_remote.py",),
    "httpx": ("agent/models/_wire.py",),
    "llama_cpp": (
        "agent/models/_cells.py",
        "agent/models/_engine.py",
        "agent/models/_host.py",
        "agent/models/_matching.py",
    ),
    "textual": ("tui/",),
    "keyring": ("agent/keys.py",),
}
PROCESS_MODULES = {"subprocess", "multiprocessing", "pty", "asyncio.subprocess"}
PROCESS_CALLS = {
    "os": {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
}
NOT_AT_START = {
    "textual",
    "llama_cpp",
    "litellm",
    "httpx",
    "openai",
    "aiohttp",
    "numpy",
    "tree_sitter",
    "rich",
    "yaml",
    "rapidfuzz",
    "pathspec",
    "jinja2",
    "keyring",
    "jsonschema",
}
# who asks the clock that may jump: for what people read, or for times of events and of files
TELLS_TIME = {
    "agent/keeping.py",
    "agent/place.py",
    "agent/session.py",
    "agent/store.py",
    "sandbox/listing.py",
    "tui/app.py",
    "tui/screens/rewind.py",
    "tui/screens/sessions.py",
    "tui/widgets/transcript.py",
}
