"""Imports, settings and the end of a source are replaced by name too."""

from __future__ import annotations

import pytest

from tools.parts import parts
from tools.patching import NoMatch
from tools.redefining import by_symbol

SHOP = '"""Doc."""\n\nimport os\n# one\nimport re\n\nMOST = 3\n\n\ndef f():\n    return 1\n'


def after(name: str, new: str) -> str:
    splice = by_symbol("a.py", SHOP, name, new)
    return SHOP[: splice.start] + splice.new + SHOP[splice.end :]


def test_the_parts_of_a_source_that_are_no_definitions() -> None:
    found = [(each.name, each.start_line, each.end_line) for each in parts("a.py", SHOP)]
    assert found == [
        ("docstring", 1, 1),
        ("imports", 3, 5),
        ("MOST", 7, 7),
        ("end of file", 12, 12),
    ]
    assert parts("a.js", "import a from 'a'\n") == []


def test_of_the_code_only_that_part_is_taken() -> None:
    assert after("imports", "import re") == SHOP.replace("import os\n# one\n", "")
    assert after("MOST", "# a.py\nMOST = 4\n") == SHOP.replace("3", "4")
    assert after("MOST", SHOP.replace("3", "4").replace("os", "sys")) == SHOP.replace("3", "4")
    assert after("imports", "") == SHOP.replace("import os\n# one\nimport re\n\n", "")


def test_code_is_added_at_the_end_without_what_is_there() -> None:
    new = "def g():\n    return f()"
    assert after("end of file", new) == f"{SHOP}\n\n{new}\n"
    assert after("end of file", f"{SHOP}\n\n{new}\n") == f"{SHOP}\n\n{new}\n"
    with pytest.raises(NoMatch, match="holds f too, other than in line 10"):
        by_symbol("a.py", SHOP, "end of file", "def f():\n    return 2")


def test_a_setting_that_the_code_has_not_is_refused() -> None:
    with pytest.raises(NoMatch, match="`new` has no MOST"):
        by_symbol("a.py", SHOP, "MOST", "4")


def test_a_definition_of_that_name_comes_first() -> None:
    text = "import os\n\n\ndef imports():\n    return os\n"
    splice = by_symbol("a.py", text, "imports", "def imports():\n    return 1")
    assert text[: splice.start].endswith("\n\n\n")
