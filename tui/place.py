"""Where the work is done, as the header says it: the repository, its branch, what git sees."""

from __future__ import annotations

from agent.desk import Desk
from tools.base import ToolError
from tools.git import Git, GitArgs
from tui.widgets.header import Place


async def look(desk: Desk) -> Place:
    """Ask git, as the model would: contained, and without what the repository configures."""
    name = desk.site.home.root.name
    try:
        said = (await Git().run(GitArgs(action="status"), desk.context)).text.splitlines()
    except ToolError:
        return Place(name)
    head = said[0].removeprefix("## ").removeprefix("No commits yet on ") if said else ""
    return Place(name, head.partition("...")[0], any(line[:2] != "##" for line in said))
