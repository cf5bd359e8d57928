"""What a prompt says of how it wants to be done, as far as its words leave no doubt."""

from __future__ import annotations

import re

_WHAT = r"(?:anything|(?:any|the|my)\s+(?:code|files?|sources?)|code|files)"
# with a bound it is no wish for none: `anything else`, `any file but this`, `the code in src`
_BOUND = (
    r"(?!\s+(?:else|but|except|besides|other|in|of|under|outside|beyond|that|which|until|yet)\b)"
)
_NO_CHANGE = re.compile(
    r"\b(?:do\s+not|don.?t|without|never)\s+"
    rf"(?:chang|edit|modify|touch|alter|writ)\w*\s+{_WHAT}\b{_BOUND}"
    r"|\bno\s+(?:changes|edits)\b(?!\s+(?:in|to|of|outside|beyond|other)\b)",
    re.IGNORECASE,
)


def wants_no_change(prompt: str) -> bool:
    """Whether it says that nothing is to be changed, as in `Do not change anything.`"""
    return _NO_CHANGE.search(prompt) is not None
