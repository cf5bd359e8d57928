r"""Names of files as text: every byte string has one form that UTF-8 can carry, and back.

Inside this package a *raw* name is what `os.fsdecode` returns (surrogates for bytes that are not
UTF-8); a *shown* name has `\xNN` in their place. A backslash that would read as such an escape is
itself shown as `\x5c`, so the two forms map one to one.
"""

from __future__ import annotations

import os
import re

_ESCAPE = re.compile(r"\\x(5c|[89a-f][0-9a-f])")


def show(raw: str) -> str:
    """Return the shown form of a raw name or path."""
    if "\\" not in raw and raw.isascii():
        return raw
    safe = _ESCAPE.sub(lambda found: "\\x5c" + found[0][1:], raw)
    return "".join(
        f"\\x{ord(char) - 0xDC00:02x}" if 0xDC80 <= ord(char) <= 0xDCFF else char for char in safe
    )


def raw(shown: str) -> str:
    """Return the raw form of a shown name or path; a raw one is returned unchanged.

    Raises ValueError for NUL and for text that no file name can hold.
    """
    if "\0" in shown:
        raise ValueError("a name cannot hold a NUL")
    if shown.isascii() and "\\" not in shown:
        return shown
    try:
        data = os.fsencode(shown)
    except UnicodeEncodeError as error:
        raise ValueError("a name cannot hold a lone surrogate") from error
    escape = re.compile(_ESCAPE.pattern.encode())
    return os.fsdecode(escape.sub(lambda found: bytes([int(found[1], 16)]), data))
