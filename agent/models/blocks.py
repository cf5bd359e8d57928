"""Code behind a call: an argument that follows it as a fenced block, with nothing escaped.

    ```json
    {"name": "edit", "arguments": {"path": "shop/cart.py", "symbol": "total"}}
    ```
    ```python
    def total(items): ...
    ```

Of ten small changes that the default model was asked for once, greedily, it wrote two rightly in
JSON and six so. A block may hold others, as a page of Markdown does, where these say a language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tools.base import ToolSchema
from tools.languages import language_of

_TEXT = r"(?:[^`\n][^\n]*|`{1,2}(?:[^`\n][^\n]*)?)"  # of a line that is no fence
_LINE = rf"{_TEXT}?\n"
_READ = re.compile(
    r"\s*(?:```\s*(?=```))?```[^`\n]*\n"  # perhaps the end of the call's own fence
    rf"(?P<inside>(?:{_LINE}|```[a-zA-Z][^\n]*\n(?:{_LINE})*```\n)*)```"
)
SHAPE = (
    "A whole symbol or file follows its call in a block of its own:\n"
    '```json\n{"name": "edit", "arguments": {"path": <path>, "symbol": <name>}}\n```\n'
    "```python\n<code>\n```"
)
# of a grammar in which a call with such an argument ends in `BLOCK`; it says a language, else it
# could not be told from the end of the fence around the call, and none of calls, since a small
# model opens another one there; few empty lines follow each other
_FEW = rf"{_TEXT}\n{{1,5}}"
RULES = (
    r"LANGUAGE: /[a-z+]{1,12}/ & ~/json.*/",
    r"OPEN: /\n```\n{1,2}```/ LANGUAGE /\n{1,3}/",
    rf"INSIDE: /({_FEW}|```[a-zA-Z][^\n]*\n{{1,5}}({_FEW})*```\n{{1,5}})*/",
    r"BLOCK: OPEN INSIDE /```\n?/",
)


def follows(tool: ToolSchema, arguments: Mapping[str, Any]) -> str:
    """Return the argument that is to follow a call with these; empty for none."""
    fitting = (
        way.body
        for way in tool.ways
        if way.body
        and {*way.parameters["required"]} <= arguments.keys() <= {*way.parameters["properties"]}
    )
    return next(fitting, "")


def read(text: str, at: int) -> tuple[str, int] | None:
    """Return what stands in the block at a place, and where that ends; None where there is none."""
    found = _READ.match(text, at)
    return (found["inside"], found.end()) if found else None


def write(text: str, path: str) -> str:
    """Return a text as a block; the `path` of its file says the language."""
    language, end = language_of(path), "\n" if text and not text.endswith("\n") else ""
    return f"```{language.name if language else 'text'}\n{text}{end}```"
