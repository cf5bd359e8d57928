"""The user's git, run in the sandbox so that the repository cannot make it run anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.base import Command, Limits
from tools.base import ToolContext, ToolError
from tools.capture import Capture
from tools.trusted import trusted_program

PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color")
_SECONDS = 60.0
_HOOK_SECONDS = 600.0  # a commit runs the user's hooks: linters, sometimes tests

# settings that keep the repository's own configuration from running programs
_QUIET = {
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "core.quotePath": "false",
    "color.ui": "false",
    "safe.bareRepository": "explicit",
    "protocol.ext.allow": "never",
    "log.showSignature": "false",
    "commit.gpgSign": "false",  # no key is within a sandbox's reach
    "diff.ignoreSubmodules": "dirty",
    "diff.submodule": "short",  # else git runs in there, by the submodule's own settings
    "submodule.recurse": "false",
    "user.useConfigOnly": "true",  # a guessed address would be in the history for good
}
_NO_HOOKS = {"core.hooksPath": "/dev/null"}
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "LC_ALL": "C",  # its messages are read here
}
_DRIVER = re.compile(r"filter\..+\.(clean|smudge|process|required)|diff\..+\.(command|textconv)")


@dataclass(frozen=True, slots=True)
class GitRan:
    """What git said, both streams together; without an exit code it was killed."""

    exit_code: int | None
    output: str


class Repository:
    """Runs git in the workspace, hardened against the repository's own configuration.

    Raises ToolError when it takes too long, SandboxError when it cannot be started.
    """

    def __init__(self, program: str, context: ToolContext) -> None:
        self._program = program
        self._context = context

    @classmethod
    def of(cls, context: ToolContext) -> Repository | None:
        """Return the workspace's; None where git is not installed."""
        program = trusted_program("git", context.workspace.root)
        return None if program is None else cls(program, context)

    async def read(self, *words: str) -> GitRan:
        """Run a command that only reads: no hook, no filter, no driver, no lock."""
        listed = await self._run(("config", "--list", "--name-only", "-z"), _NO_HOOKS)
        drivers = {
            name: "false" if name.endswith(".required") else ""
            for name in listed.output.split("\0")
            if _DRIVER.fullmatch(name)
        }
        extra = {"GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1"}
        return await self._run(words, {**_NO_HOOKS, **drivers}, extra=extra)

    async def write(self, *words: str, stdin: str | None = None) -> GitRan:
        """Run a command that adds to `.git`, with the user's hooks and filters."""
        return await self._run(words, {}, stdin=stdin, git=True)

    async def _run(
        self,
        words: Sequence[str],
        settings: dict[str, str],
        *,
        extra: dict[str, str] | None = None,
        stdin: str | None = None,
        git: bool = False,
    ) -> GitRan:
        root = self._context.workspace.root
        settings = {**_QUIET, **settings}
        # by the environment, since a name may hold any character
        env = {**_ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(root.parent), **(extra or {})}
        env["GIT_CONFIG_COUNT"] = str(len(settings))
        for at, (name, value) in enumerate(settings.items()):
            env[f"GIT_CONFIG_KEY_{at}"], env[f"GIT_CONFIG_VALUE_{at}"] = name, value
        capture = Capture(self._context.output if git else None, head=1 << 20, tail=1 << 20)
        result = await self._context.sandbox.run(
            Command(
                argv=(self._program, "--no-pager", "--literal-pathspecs", *words),
                cwd=root,
                env=env,
                stdin=None if stdin is None else stdin.encode("utf-8", "surrogateescape"),
                git=git,
                read_only=not git,
                limits=Limits(wall_s=_HOOK_SECONDS if git else _SECONDS),
            ),
            capture,
        )
        if result.timed_out:
            raise ToolError(f"git {words[0]} did not end in time; it was ended")
        return GitRan(result.exit_code, capture.text())
