"""The `git` tool: what changed, what was, and a commit; never what loses history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox.base import Command, Limits, SandboxError
from sandbox.workspace import PathError
from tools.base import Effect, Frozen, Preview, Tool, ToolContext, ToolError, ToolResult
from tools.capture import Capture
from tools.trusted import trusted_program

_OUTPUT_BYTES = 8_000
_SECONDS = 60.0
_HOOK_SECONDS = 600.0  # a commit runs the user's hooks: linters, sometimes tests
_MOST_COMMITS = 200

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
_PLAIN_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color")

# what git says, and what that means for the one who called
_REFUSALS = (
    ("not a git repository", "this folder is no git repository; ask the user before `git init`"),
    ("cannot use bare repository", "this is a bare repository: it has no files to work on"),
    ("must be run in a work tree", "this is a bare repository: it has no files to work on"),
    ("does not have any commits yet", "there are no commits yet; use action=status"),
    ("bad revision 'HEAD'", "there are no commits yet; use action=status"),
    ("bad default revision", "there are no commits yet; use action=status"),
    ("ambiguous argument 'HEAD'", "there are no commits yet; use action=status"),
    ("no such ref: HEAD", "there are no commits yet; use action=status"),
    ("index.lock", "another git command is at work here (.git/index.lock exists); try again later"),
    (
        "Please tell me who you are",
        "git does not know the user; ask them to type: git config --global user.name NAME, and "
        "git config --global user.email ADDRESS",
    ),
    ("nothing to commit", "nothing to commit: no file changed"),
    ("no changes added to commit", "nothing to commit: no file changed"),
    ("nothing added to commit", "nothing to commit: no file changed"),
)


class GitArgs(Frozen):
    """`n` is how many commits a log has; `message` is the commit's."""

    action: Literal["status", "diff", "log", "blame", "show", "commit"]
    paths: list[str] = []  # noqa: RUF012 - pydantic copies it
    rev: str = ""
    message: str = ""
    n: int = 10


@dataclass(frozen=True, slots=True)
class _Ran:
    exit_code: int | None
    output: str


class Git(Tool[GitArgs]):
    """Look at the git repository, or commit (all changes, or those in `paths`)."""

    name = "git"
    args = GitArgs

    def effects(self, args: GitArgs, context: ToolContext) -> frozenset[Effect]:
        """Read; a commit runs the user's hooks, and only adds to the history."""
        return frozenset({Effect.EXECUTE if args.action == "commit" else Effect.READ})

    def preview(self, args: GitArgs, context: ToolContext) -> Preview:
        """Show the command as a person would type it, and the message of a commit."""
        words = ("git", args.action, args.rev, *args.paths)
        title = " ".join(word for word in words if word)
        return Preview(kind="command", title=title, body=args.message)

    async def run(self, args: GitArgs, context: ToolContext) -> ToolResult:
        """Do it; raises ToolError for what git refuses."""
        if args.rev.startswith("-") or "\0" in args.rev:
            raise ToolError(f"not a revision: {args.rev}; give a branch, a tag or a commit")
        try:
            paths = [context.workspace.locate(path) for path in args.paths]
        except PathError as error:
            raise ToolError(str(error)) from error
        program = trusted_program("git", context.workspace.root)
        if program is None:
            raise ToolError("git is not installed")
        repository = _Repository(program, context)
        try:
            if args.action == "commit":
                return await _commit(repository, args, paths)
            return await _look(repository, args, paths)
        except SandboxError as error:
            raise ToolError(f"git was not started: {error}") from error


class _Repository:
    """Runs git in the workspace, hardened against the repository's own configuration."""

    def __init__(self, program: str, context: ToolContext) -> None:
        self._program = program
        self._context = context

    async def read(self, *words: str) -> _Ran:
        """Run a command that only reads: no hook, no filter, no driver, no lock."""
        listed = await self._run(("config", "--list", "--name-only", "-z"), _NO_HOOKS)
        drivers = {
            name: "false" if name.endswith(".required") else ""
            for name in listed.output.split("\0")
            if _DRIVER.fullmatch(name)
        }
        extra = {"GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_NOSYSTEM": "1"}
        return await self._run(words, {**_NO_HOOKS, **drivers}, extra=extra)

    async def write(self, *words: str, stdin: str | None = None) -> _Ran:
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
    ) -> _Ran:
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
        return _Ran(result.exit_code, capture.text())


def _words(args: GitArgs) -> tuple[str, ...]:
    """Return git's words for one of the actions that only read."""
    rev = (args.rev,) if args.rev else ()
    count = str(max(1, min(args.n, _MOST_COMMITS)))
    match args.action:
        case "status":
            return ("status", "--short", "--branch", "--ignore-submodules=dirty")
        case "diff":
            return ("diff", *_PLAIN_DIFF, *(rev or ("HEAD",)))
        case "log":
            form = "--format=%h %ad %an: %s"
            return ("log", f"--max-count={count}", "--date=short", form, "--no-color", *rev)
        case "blame":
            return ("blame", "--date=short", "--no-textconv", *rev)
        case _:
            form = "--format=%H%n%an <%ae>, %ad%n%n%B"
            return ("show", *_PLAIN_DIFF, "--stat", "--patch", form, *(rev or ("HEAD",)))


async def _look(repository: _Repository, args: GitArgs, paths: Sequence[str]) -> ToolResult:
    if args.action == "blame" and len(paths) != 1:
        raise ToolError("blame needs one file in `paths`")
    ran = await repository.read(*_words(args), "--", *paths)
    if ran.exit_code != 0:
        raise _refusal(ran)
    text = _shorten(ran.output) or f"(nothing: git {args.action} is empty)"
    return ToolResult(text=text, summary=f"git {args.action}")


async def _commit(repository: _Repository, args: GitArgs, paths: Sequence[str]) -> ToolResult:
    if not args.message.strip():
        raise ToolError("a commit needs a `message`: one line that says what changed and why")
    inside = await repository.read("rev-parse", "--is-inside-work-tree")
    if inside.exit_code != 0:
        raise _refusal(inside)
    if (await repository.read("symbolic-ref", "--quiet", "HEAD")).exit_code != 0:
        raise ToolError(
            "HEAD is on no branch, a commit would be lost; ask the user to type: git switch -c NAME"
        )
    if (who := await repository.read("var", "GIT_COMMITTER_IDENT")).exit_code != 0:
        raise _refusal(who)
    added = await repository.write("add", "--all", "--", *(paths or (".",)))
    if added.exit_code != 0:
        raise _refusal(added)
    only = ("--only", "--", *paths) if paths else ()
    ran = await repository.write("commit", "--file=-", *only, stdin=args.message)
    if ran.exit_code == 0:
        return ToolResult(text=_shorten(ran.output), summary=ran.output.partition("\n")[0])
    if any(sign in ran.output for sign, _ in _REFUSALS):
        raise _refusal(ran)
    text = (
        f"{_shorten(ran.output)}\n[not committed: a hook refused, or git failed; files are staged]"
    )
    return ToolResult(text=text, ok=False, summary="not committed")


def _shorten(output: str) -> str:
    capture = Capture(head=1 << 20, tail=1 << 20)
    capture(output.encode())
    return capture.text(_OUTPUT_BYTES).rstrip()


def _refusal(ran: _Ran) -> ToolError:
    for sign, meaning in _REFUSALS:
        if sign.lower() in ran.output.lower():
            return ToolError(meaning)
    lines = [line for line in ran.output.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("fatal:")), " ".join(lines[:3]))
    return ToolError(f"git refused: {said or f'exit {ran.exit_code}'}")
