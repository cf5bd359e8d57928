"""What each checker really printed, and what is read from it.

Of ruff 0.17, mypy 2.4, ty 0.0.105, pyrefly 1.4, pyright 1.1, tsc 7, eslint 10, biome 2, go 1.19 and
cargo 1.95.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.diagnostics.base import Checker, Finding, Place
from tools.diagnostics.biome import Biome
from tools.diagnostics.cargo import CargoCheck
from tools.diagnostics.eslint import Eslint
from tools.diagnostics.go import GoVet
from tools.diagnostics.mypy import Mypy
from tools.diagnostics.pyrefly import Pyrefly
from tools.diagnostics.pyright import Pyright
from tools.diagnostics.ruff import Ruff
from tools.diagnostics.tsc import Tsc
from tools.diagnostics.ty import Ty

TOP = Path("/work")
RUFF = """[
  {"cell": null, "code": "F401", "end_location": {"column": 10, "row": 1},
   "filename": "/work/a.py", "fix": null, "location": {"column": 8, "row": 1},
   "message": "`os` imported but unused", "name": "unused-import", "noqa_row": 1,
   "severity": "error", "url": "https://docs.astral.sh/ruff/rules/unused-import"},
  {"cell": null, "code": "F821", "end_location": {"column": 17, "row": 5},
   "filename": "/work/a.py", "fix": null, "location": {"column": 16, "row": 5},
   "message": "Undefined name `y`", "name": "undefined-name", "noqa_row": 5,
   "severity": "error", "url": null}
]"""
MYPY = """\
{"file": "a.py", "line": 5, "column": 15, "end_line": 5, "end_column": 16, "message": \
"Name \\"y\\" is not defined", "hint": null, "code": "name-defined", "severity": "error"}
{"file": "b.py", "line": 1, "column": 0, "end_line": 1, "end_column": 9, "message": \
"elsewhere", "hint": null, "code": "misc", "severity": "error"}
{"file": "a.py", "line": 6, "column": 0, "end_line": 6, "end_column": 9, "message": \
"Revealed type is \\"int\\"", "hint": null, "code": "misc", "severity": "note"}
"""
TY = """[
  {"check_name": "unresolved-reference",
   "description": "unresolved-reference: Name `y` used when not defined",
   "severity": "major", "fingerprint": "4cda3f4695e6d4d5",
   "location": {"path": "a.py", "positions": {"begin": {"line": 5, "column": 16},
                                              "end": {"line": 5, "column": 17}}}},
  {"check_name": "possibly-unresolved-reference",
   "description": "possibly-unresolved-reference: Name `z` used when possibly not defined",
   "severity": "minor", "fingerprint": "2f0afcca48c62681",
   "location": {"path": "a.py", "positions": {"begin": {"line": 9, "column": 12},
                                              "end": {"line": 9, "column": 13}}}}
]"""
PYREFLY = """{"errors": [
  {"line": 5, "column": 16, "stop_line": 5, "stop_column": 17, "path": "a.py", "code": -2,
   "name": "unknown-name", "description": "Could not find name `y`",
   "concise_description": "Could not find name `y`", "severity": "error"}]}"""
PYRIGHT = """{"version": "1.1.414", "time": "1795423669036", "generalDiagnostics": [
  {"file": "/work/a.py", "severity": "error",
   "message": "Cannot access attribute \\"nope\\" for class \\"A*\\"\\n  Attribute is unknown",
   "range": {"start": {"line": 13, "character": 20}, "end": {"line": 13, "character": 24}},
   "rule": "reportAttributeAccessIssue"}],
  "summary": {"filesAnalyzed": 1, "errorCount": 1, "warningCount": 0, "timeInSec": 1.2}}"""
TSC = """\
a.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.
  Some more of it.
b.ts(2,1): error TS2304: Cannot find name 'foo'.
"""
ESLINT = """[{"filePath":"/work/a.ts","messages":[
{"ruleId":"no-unused-vars","severity":1,"message":"'a' is assigned a value but never used.",
"line":1,"column":7,"messageId":"unusedVar","endLine":1,"endColumn":8},
{"ruleId":"no-undef","severity":2,"message":"'foo' is not defined.","line":2,"column":1},
{"ruleId":null,"fatal":false,"severity":1,"message":"File ignored by default."},
{"ruleId":null,"fatal":true,"severity":2,"message":"Parsing error: oh","line":3,"column":1}],
"suppressedMessages":[],"errorCount":1,"fatalErrorCount":0,"warningCount":1}]"""
BIOME = """{"source": {"name": "Biome", "url": "https://biomejs.dev"}, "diagnostics": [
  {"code": {"value": "lint/correctness/noUnusedVariables"},
   "location": {"path": "a.ts", "range": {"end": {"column": 8, "line": 1},
                                          "start": {"column": 7, "line": 1}}},
   "message": "This variable a is unused.", "severity": "WARNING"}]}"""
GO = """\
# example.com/x/sub
sub/b.go:5:12: fmt.Printf format %d has arg "x" of wrong type string
vet: sub/b.go:6:30: too many arguments in call to G
\thave (number)
\twant ()
"""
_CARGO = {
    "reason": "compiler-message",
    "manifest_path": "/work/crates/a/Cargo.toml",
    "message": {
        "level": "error",
        "message": "cannot find function `missing` in this scope",
        "code": {"code": "E0425", "explanation": "An unresolved name was used."},
        "spans": [{"file_name": "crates/a/src/lib.rs", "is_primary": True, "line_start": 3}],
    },
}
_OTHER = _CARGO | {"manifest_path": "/work/crates/b/Cargo.toml"}
CARGO = "\n".join(map(json.dumps, (_CARGO, _OTHER, {"reason": "build-finished"})))


@pytest.mark.parametrize(
    ("checker", "place", "output", "found"),
    [
        (
            Ruff(),
            Place(TOP, "a.py"),
            RUFF,
            [
                Finding(1, "`os` imported but unused", "F401", grave=False),
                Finding(5, "Undefined name `y`", "F821"),
            ],
        ),
        (
            Mypy(),
            Place(TOP, "a.py"),
            MYPY,
            [Finding(5, 'Name "y" is not defined', "name-defined")],
        ),
        (
            Ty(),
            Place(TOP, "a.py"),
            TY,
            [
                Finding(5, "Name `y` used when not defined", "unresolved-reference"),
                Finding(
                    9,
                    "Name `z` used when possibly not defined",
                    "possibly-unresolved-reference",
                    grave=False,
                ),
            ],
        ),
        (
            Pyrefly(),
            Place(TOP, "a.py"),
            PYREFLY,
            [Finding(5, "Could not find name `y`", "unknown-name")],
        ),
        (
            Pyright(),
            Place(TOP, "a.py"),
            PYRIGHT,
            [
                Finding(
                    14,
                    'Cannot access attribute "nope" for class "A*"\n  Attribute is unknown',
                    "reportAttributeAccessIssue",
                )
            ],
        ),
        (
            Tsc(),
            Place(TOP, "a.ts"),
            TSC,
            [Finding(1, "Type 'string' is not assignable to type 'number'.", "TS2322")],
        ),
        (
            Eslint(),
            Place(TOP, "a.ts"),
            ESLINT,
            [
                Finding(1, "'a' is assigned a value but never used.", "no-unused-vars", False),
                Finding(2, "'foo' is not defined.", "no-undef"),
                Finding(3, "Parsing error: oh"),
            ],
        ),
        (
            Biome(),
            Place(TOP, "a.ts"),
            BIOME,
            [Finding(1, "This variable a is unused.", "lint/correctness/noUnusedVariables", False)],
        ),
        (
            GoVet(),
            Place(TOP, "sub/b.go"),
            GO,
            [
                Finding(5, 'fmt.Printf format %d has arg "x" of wrong type string'),
                Finding(6, "too many arguments in call to G"),
            ],
        ),
        (
            CargoCheck(),
            Place(TOP / "crates" / "a", "src/lib.rs"),
            CARGO,
            [Finding(3, "cannot find function `missing` in this scope", "E0425")],
        ),
    ],
    ids=lambda each: each.name if isinstance(each, Checker) else "",
)
def test_what_a_checker_prints_of_the_file_is_read_and_of_no_other(
    checker: Checker, place: Place, output: str, found: list[Finding]
) -> None:
    assert list(checker.read(output, place)) == found


def test_a_checker_that_failed_has_not_spoken() -> None:
    assert not Ruff().spoke(2, "")
    assert not Mypy().spoke(2, "usage: mypy [-h]\n")
    assert Mypy().spoke(2, '{"file": "a.py"}')  # syntax
    assert not Tsc().spoke(1, "error TS5023: Unknown compiler option '--bogus'.\n")
    assert not GoVet().spoke(1, "go: cannot find main module\n")
    assert not CargoCheck().spoke(101, "")


def test_a_file_whose_name_could_be_an_option_is_no_option() -> None:
    for checker in (Ruff(), Mypy(), Ty(), Pyrefly(), Eslint()):
        assert checker.arguments(Place(TOP, "a.py"))[-2:] == ("--", "a.py")
