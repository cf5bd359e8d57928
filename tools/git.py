"""The `git` tool: what changed, what was, and a commit; never what loses history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sandbox.base import SandboxError
from sandbox.workspace import PathError
from tools.base import Brief, Effect, Frozen, Preview, Tool, ToolContext, ToolError, ToolResult
from tools.capture import Capture
from tools.repository import PLAIN_DIFF, GitRan, Repository

_OUTPUT_BYTES = 8_000
_MOST_COMMITS = 200
_UNBORN = "there are no commits yet; use action=status"

# what git says, and what that means for the one who called
_REFUSALS = (
    ("not a git repository", "this folder is no git repository; ask the user before `git init`"),
    ("cannot use bare repository", "this is a bare repository: it has no files to work on"),
    ("must be run in a work tree", "this is a bare repository: it has no files to work on"),
    ("does not have any commits yet", _UNBORN),
    ("bad revision 'HEAD'", _UNBORN),
    ("bad default revision", _UNBORN),
    ("ambiguous argument 'HEAD'", _UNBORN),
    ("no such ref: HEAD", _UNBORN),
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


class Git(Tool[GitArgs]):
    """Look at the git repository, or commit (all changes, or those in `paths`)."""

    name = "git"
    args = GitArgs
    brief = Brief(("action rev? paths? message?",))

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
        repository = Repository.of(context)
        if repository is None:
            raise ToolError("git is not installed")
        try:
            if args.action == "commit":
                return await _commit(repository, args, paths)
            return await _look(repository, args, paths)
        except SandboxError as error:
            raise ToolError(f"git was not started: {error}") from error


def _words(args: GitArgs) -> tuple[str, ...]:
    """Return git's words for one of the actions that only read."""
    rev = (args.rev,) if args.rev else ()
    count = str(max(1, min(args.n, _MOST_COMMITS)))
    match args.action:
        case "status":
            return ("status", "--short", "--branch", "--ignore-submodules=dirty")
        case "diff":
            return ("diff", *PLAIN_DIFF, *(rev or ("HEAD",)))
        case "log":
            form = "--format=%h %ad %an: %s"
            return ("log", f"--max-count={count}", "--date=short", form, "--no-color", *rev)
        case "blame":
            return ("blame", "--date=short", "--no-textconv", *rev)
        case _:
            form = "--format=%H%n%an <%ae>, %ad%n%n%B"
            return ("show", *PLAIN_DIFF, "--stat", "--patch", form, *(rev or ("HEAD",)))


async def _look(repository: Repository, args: GitArgs, paths: Sequence[str]) -> ToolResult:
    if args.action == "blame" and len(paths) != 1:
        raise ToolError("blame needs one file in `paths`")
    ran = await repository.read(*_words(args), "--", *paths)
    if ran.exit_code != 0:
        raise _refusal(ran)
    text = _shorten(ran.output) or f"(nothing: git {args.action} is empty)"
    return ToolResult(text=text, summary=f"git {args.action}")


async def _commit(repository: Repository, args: GitArgs, paths: Sequence[str]) -> ToolResult:
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


async def uncommitted(context: ToolContext) -> tuple[str, list[str]]:
    """Return the diff of the working tree against HEAD, and the new files that git would add.

    Where nothing is committed yet, all files are new. Raises ToolError where git cannot say.
    """
    repository = Repository.of(context)
    if repository is None:
        raise ToolError("git is not installed")
    try:
        diff = await repository.read("diff", *PLAIN_DIFF, "HEAD", "--")
        unborn = diff.exit_code != 0 and str(_refusal(diff)) == _UNBORN
        kinds = ("--others", *(("--cached",) if unborn else ()))
        new = await repository.read("ls-files", "-z", "--exclude-standard", *kinds)
    except SandboxError as error:
        raise ToolError(f"git was not started: {error}") from error
    for ran in (new,) if unborn else (diff, new):
        if ran.exit_code != 0:
            raise _refusal(ran)
    return "" if unborn else diff.output, [name for name in new.output.split("\0") if name]


def _shorten(output: str) -> str:
    capture = Capture(head=1 << 20, tail=1 << 20)
    capture(output.encode())
    return capture.text(_OUTPUT_BYTES).rstrip()


def _refusal(ran: GitRan) -> ToolError:
    for sign, meaning in _REFUSALS:
        if sign.lower() in ran.output.lower():
            return ToolError(meaning)
    lines = [line for line in ran.output.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("fatal:")), " ".join(lines[:3]))
    return ToolError(f"git refused: {said or f'exit {ran.exit_code}'}")
