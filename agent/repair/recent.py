"""Which lines of the code changed lately, as git tells: a bug is often in what was just changed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from sandbox.base import SandboxError
from tools.base import ToolContext, ToolError
from tools.repository import PLAIN_DIFF, Repository

Age = Literal["uncommitted", "last commit", "last commits"]

COMMITS = 10  # the last ones, along the first parents: a merge counts once
NAMED = 100  # files; git matches each with every path that it knows
SECONDS = 5.0  # for all of it; where git takes longer, nothing is known

# lines of the contents begin with none of the signs that git's own lines begin with
_DIFF = (
    *("diff", "--unified=0", "--no-renames", "--ignore-submodules=all", *PLAIN_DIFF),
    *("--src-prefix=a/", "--dst-prefix=b/"),
    *("--output-indicator-new=>", "--output-indicator-old=<", "--output-indicator-context= "),
)
_FILE = re.compile(r"^\+\+\+ b/(.+?)\t?$")
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_WHOLE = 1 << 30  # more lines than a file has


@dataclass(frozen=True, slots=True)
class Edited:
    """Lines `first` to `last` of a file as it is now, and since when they are as they are."""

    path: str
    first: int
    last: int
    age: Age


async def edited(context: ToolContext, paths: Sequence[str] = ()) -> tuple[Edited, ...]:
    """Return what changed lately in these files (any, if none is named), the newest first.

    Lines may come again as older ones. Empty where there is no git, no commit, or no time.
    """
    try:
        async with asyncio.timeout(SECONDS):
            found = await _edited(context, paths if len(paths) <= NAMED else ())
    except (TimeoutError, ToolError, SandboxError):
        return ()
    known = set(islice(dict.fromkeys(each.path for each in found), NAMED))
    return tuple(each for each in found if each.path in known)


async def _edited(context: ToolContext, paths: Sequence[str]) -> list[Edited]:
    repository = Repository.of(context)
    if repository is None:
        return []
    commits = await repository.read(
        "rev-list", "--first-parent", f"--max-count={COMMITS + 1}", "HEAD", "--"
    )
    if commits.exit_code != 0:
        return []
    # the first commit of all changed everything, which says nothing
    head, *older = commits.output.split()
    since: list[tuple[Age, str]] = [("uncommitted", head)]
    since += [("last commit", each) for each in older[:1]]
    since += [("last commits", each) for each in older[1:][-1:]]
    found: list[Edited] = []
    fresh = await repository.read("ls-files", "--others", "--exclude-standard", "-z", "--", *paths)
    if fresh.exit_code == 0:
        new = filter(None, fresh.output.split("\0"))
        found += [Edited(path, 1, _WHOLE, "uncommitted") for path in new]
    for age, commit in since:
        diff = await repository.read(*_DIFF, commit, "--", *paths)
        if diff.exit_code == 0:
            found += _hunks(diff.output, age)
    return found


def _hunks(diff: str, age: Age) -> Iterator[Edited]:
    path = ""
    for line in diff.splitlines():
        if named := _FILE.match(line):
            path = named[1]
        elif line.startswith("+++ "):  # a file that is gone, or a name that is quoted
            path = ""
        elif path and (hunk := _HUNK.match(line)):
            # of lines that went, the one before them is what is left
            first, count = max(int(hunk[1]), 1), int(hunk[2] or 1)
            yield Edited(path, first, first + max(count - 1, 0), age)
