"""node, cargo, go, make and other commands, with the real programs where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools.bench import Bench
from tests.tools.running import checked
from tools.report import TestOutcome
from tools.runners.cargo import Cargo
from tools.runners.command import ShellCommand
from tools.runners.go import Go
from tools.runners.make import Make
from tools.runners.node import JsonReporting, NodeTest, NpmScript

P, F, S = TestOutcome.PASSED, TestOutcome.FAILED, TestOutcome.SKIPPED


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    if name == "cargo" and subprocess.run([found, "--version"], capture_output=True).returncode:
        pytest.skip("cargo is a proxy here, without a toolchain behind it")
    return found


NODE_FILES = {
    "lib.js": "exports.add = (a, b) => a - b;\n",
    "a.test.js": """
const { test, describe, it } = require('node:test');
const assert = require('node:assert');
const { add } = require('./lib.js');
test('adds', () => assert.equal(add(1, 2), 3));
test('zero', () => assert.equal(add(0, 0), 0));
describe('group', () => {
  it('inner', () => {});
  it('throws', () => { throw new Error('boom'); });
  it.skip('later', () => {});
  it.todo('some day');
});
""",
    "b.test.js": "require('node:test')('b', () => {});\n",
    "c.test.js": "this is no javascript\n",
}


async def test_node_tells_of_each_test(bench: Bench) -> None:
    report = await checked(bench, NodeTest(program("node")), NODE_FILES)
    assert report.tests == {
        "a.test.js::adds": F,
        "a.test.js::zero": P,
        "a.test.js::group > inner": P,
        "a.test.js::group > throws": F,
        "a.test.js::group > later": S,
        "a.test.js::group > some day": S,
        "b.test.js::b": P,
        "c.test.js": F,
    }
    assert (report.exit_code, report.complete) == (1, True)
    boom = next(f for f in report.failures if f.test == "a.test.js::group > throws")
    assert boom.message == "boom"
    assert "a.test.js:9:" in boom.trace
    assert "node:internal" not in boom.trace


async def test_node_runs_the_files_of_its_targets(bench: Bench) -> None:
    report = await checked(bench, NodeTest(program("node")), NODE_FILES, ["b.test.js::b"])
    assert report.tests == {"b.test.js::b": P}
    assert report.green


async def test_a_node_test_that_leaves_its_process_has_not_passed(bench: Bench) -> None:
    code = "const {test} = require('node:test');\ntest('a', () => process.exit(0));\n"
    report = await checked(bench, NodeTest(program("node")), {"a.test.js": code})
    assert "a.test.js::a" not in report.passed


async def test_npm_test_is_known_by_its_exit_status(bench: Bench) -> None:
    runner = NpmScript(program("npm"))
    green = await checked(bench, runner, {"package.json": '{"scripts": {"test": "true"}}'})
    red = await checked(
        bench, runner, {"package.json": '{"scripts": {"test": "echo broken; exit 3"}}'}
    )
    assert (green.granularity, green.green, green.tests) == ("exit-status", True, {})
    assert (red.green, red.exit_code) == (False, 3)
    assert "broken" in red.output


JSON_REPORT = """{"numTotalTests": 3, "success": false, "testResults": [
 {"name": "%(root)s/a.test.js", "status": "failed", "message": "", "assertionResults": [
  {"ancestorTitles": ["sum"], "title": "adds", "status": "passed", "failureMessages": []},
  {"ancestorTitles": [], "title": "fails", "status": "failed",
   "failureMessages": ["Error: \\u001b[31mexpected 3\\u001b[0m\\n    at a.test.js:3:9"]},
  {"ancestorTitles": [], "title": "later", "status": "pending", "failureMessages": []}]},
 {"name": "%(root)s/b.test.js", "status": "failed", "message": "SyntaxError: no",
  "assertionResults": []}]}"""


@pytest.mark.parametrize("name", ["jest", "vitest"])
async def test_the_json_of_jest_and_vitest_is_read_by_test(bench: Bench, name: str) -> None:
    script = (
        '#!/bin/sh\nfor a in "$@"; do case "$a" in --outputFile=*) out=${a#*=};; esac; done\n'
        f"cat > \"$out\" <<'END'\n{JSON_REPORT % {'root': bench.root}}\nEND\nexit 1\n"
    )
    bench.file("runner", script).chmod(0o755)
    runner = JsonReporting(name, str(bench.root / "runner"), (), bench.root)
    report = await checked(bench, runner, {})
    assert report.tests == {
        "a.test.js::sum > adds": P,
        "a.test.js::fails": F,
        "a.test.js::later": S,
        "b.test.js": F,
    }
    assert report.complete
    assert report.failures[0].message == "Error: expected 3"


CARGO_FILES = {
    "Cargo.toml": '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/lib.rs": """
/// ```
/// assert_eq!(calc::add(0, 0), 0);
/// ```
pub fn add(a: i32, b: i32) -> i32 { a - b }

#[cfg(test)]
mod tests {
    #[test]
    fn adds() { assert_eq!(super::add(1, 2), 3); }
    #[test]
    fn zero() { assert_eq!(super::add(0, 0), 0); }
    #[test]
    #[ignore]
    fn later() {}
    #[test]
    #[should_panic]
    fn panics() { panic!("as it should"); }
}
""",
    "tests/api.rs": "#[test]\nfn from_outside() { assert_eq!(calc::add(2, 2), 0); }\n",
}


async def test_cargo_tells_of_each_test(bench: Bench) -> None:
    runner = Cargo(program("cargo"))
    report = await checked(bench, runner, CARGO_FILES, timeout=110)
    assert report.tests == {
        "src/lib.rs::tests::adds": F,
        "src/lib.rs::tests::zero": P,
        "src/lib.rs::tests::later": S,
        "src/lib.rs::tests::panics": P,
        "tests/api.rs::from_outside": P,
        "doc:calc::src/lib.rs - add (line 2)": P,
    }, report.output
    assert (report.complete, report.green) == (True, False)
    assert "left == right" in report.failures[0].message
    assert "src/lib.rs:10:" in report.failures[0].trace
    alone = await checked(bench, runner, CARGO_FILES, ["src/lib.rs::tests::zero"], timeout=110)
    assert alone.passed == ("src/lib.rs::tests::zero",)
    assert alone.green
    leaving = {"tests/api.rs": "#[test]\nfn leaves() { std::process::exit(0); }\n"}
    left = await checked(bench, runner, leaving, ["tests/api.rs::leaves"], timeout=110)
    assert (left.complete, left.passed) == (False, ())
    broken = await checked(bench, runner, {"src/lib.rs": "pub fn add("}, timeout=110)
    assert (broken.complete, broken.green, broken.tests) == (True, False, {})


async def test_a_recorded_run_of_go_is_read_by_test(bench: Bench) -> None:
    recorded = Path(__file__).parent / "data" / "go_test.jsonl"
    bench.file("run.jsonl", recorded.read_bytes())
    bench.file("go", "#!/bin/sh\ncat run.jsonl\nexit 1\n").chmod(0o755)
    report = await checked(bench, Go(str(bench.root / "go")), {})
    top = "example.org/calc"
    assert report.tests == {
        f"{top}/broken": F,
        f"{top}::TestAdd": F,
        f"{top}::TestZero": F,
        f"{top}::TestZero/left": P,
        f"{top}::TestZero/right": F,
        f"{top}::TestLater": S,
        f"{top}/sub::TestOK": P,
        f"{top}/sub::TestPanic": F,
    }
    assert report.complete
    messages = {failure.test: failure.message for failure in report.failures}
    assert messages[f"{top}::TestAdd"] == "Add(1, 2) = -1, want 3"
    assert messages[f"{top}/broken"] == "undefined: undefined"
    assert messages[f"{top}/sub::TestPanic"].startswith("panic: assignment to entry in nil map")


@pytest.mark.parametrize(("kept", "status"), [(20, 1), (20, 0), (None, 0)])
async def test_a_run_of_go_that_stops_short_or_disagrees_is_not_complete(
    bench: Bench, kept: int | None, status: int
) -> None:
    recorded = (Path(__file__).parent / "data" / "go_test.jsonl").read_text().splitlines(True)
    bench.file("run.jsonl", "".join(recorded[:kept]))
    bench.file("go", f"#!/bin/sh\ncat run.jsonl\nexit {status}\n").chmod(0o755)
    report = await checked(bench, Go(str(bench.root / "go")), {})
    assert (report.complete, report.green) == (False, False)


async def test_go_itself_where_it_is_installed(bench: Bench) -> None:
    files = {
        "go.mod": "module example.org/calc\n\ngo 1.21\n",
        "calc_test.go": 'package calc\nimport "testing"\nfunc TestA(t *testing.T) {}\n'
        'func TestB(t *testing.T) { t.Error("no") }\n',
    }
    runner = Go(program("go"))
    report = await checked(bench, runner, files, timeout=110)  # it may build its library first
    assert report.tests == {"example.org/calc::TestA": P, "example.org/calc::TestB": F}
    alone = await checked(bench, runner, files, ["example.org/calc::TestA"])
    assert alone.tests == {"example.org/calc::TestA": P}


async def test_make_is_known_by_its_exit_status(bench: Bench) -> None:
    runner = Make(program("make"), "test")
    report = await checked(bench, runner, {"Makefile": "test:\n\t@echo ran\n"})
    assert (report.green, report.granularity) == (True, "exit-status")
    assert report.output == "ran\n"
    report = await checked(bench, runner, {"Makefile": "test:\n\t@exit 1\n"})
    assert not report.green


async def test_a_command_of_the_user_is_known_by_its_exit_status(bench: Bench) -> None:
    runner = ShellCommand("test -f marker && echo found | tr a-z A-Z", "/bin/sh")
    assert not (await checked(bench, runner, {})).green
    report = await checked(bench, runner, {"marker": ""})
    assert (report.green, report.output) == (True, "FOUND\n")


async def test_a_command_that_hangs_is_cut_off(bench: Bench) -> None:
    report = await checked(bench, ShellCommand("echo on; sleep 300", "/bin/sh"), {}, timeout=2)
    assert (report.timed_out, report.complete, report.green) == (True, False, False)
    assert report.output == "on\n"
