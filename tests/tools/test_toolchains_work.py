"""The toolchains of languages work inside the full sandbox, with the real programs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.tools.bench import Bench
from tests.tools.running import program, sh

pytestmark = [pytest.mark.full, pytest.mark.timeout(300)]


async def test_a_virtual_environment_and_an_editable_install(full_bench: Bench) -> None:
    full_bench.file("pkg/mine.py", "def answer(): return 42\n")
    full_bench.file(
        "pkg/pyproject.toml",
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "mine"\nversion = "1"\n',
    )
    full_bench.file(
        "pkg/backend.py",
        """
import pathlib, zipfile
def _wheel(folder, **_):
    with zipfile.ZipFile(pathlib.Path(folder) / "mine-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("mine.pth", str(pathlib.Path.cwd()))
        told = "Metadata-Version: 2.1\\nName: mine\\nVersion: 1\\n"
        wheel.writestr("mine-1.dist-info/METADATA", told)
        told = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("mine-1.dist-info/WHEEL", told)
        wheel.writestr("mine-1.dist-info/RECORD", "")
    return "mine-1-py3-none-any.whl"
def build_editable(folder, settings=None, metadata=None): return _wheel(folder)
def build_wheel(folder, settings=None, metadata=None): return _wheel(folder)
""",
    )
    said = await sh(
        full_bench,
        f"""
        set -e
        {sys.executable} -m venv .venv
        .venv/bin/python -m pip -q install --no-index --no-build-isolation -e pkg
        .venv/bin/python -c 'import mine; print(mine.answer(), mine.__file__)'
        """,
    )
    assert f"42 {full_bench.root}/pkg/mine.py" in said.text


async def test_npm_and_node(full_bench: Bench) -> None:
    program("npm")
    full_bench.file("dep/package.json", '{"name": "dep", "version": "1.0.0"}')
    full_bench.file("dep/index.js", "module.exports = 41;\n")
    full_bench.file(
        "package.json",
        '{"name": "top", "version": "1.0.0", "dependencies": {"dep": "file:dep"},'
        ' "scripts": {"test": "node --test"}}',
    )
    full_bench.file(
        "it.test.js",
        """
const test = require('node:test'), assert = require('node:assert');
const {fork} = require('node:child_process'), {Worker} = require('node:worker_threads');
test('fork', (t, done) => {
  const child = fork('./child.js');
  child.on('message', m => { assert.equal(m, 42); done(); });
});
test('worker', (t, done) => {
  new Worker("require('node:worker_threads').parentPort.postMessage(1)", {eval: true})
    .on('message', () => done());
});
""",
    )
    full_bench.file("child.js", "process.send(require('dep') + 1);\n")
    said = await sh(full_bench, "npm install --no-audit --offline 2>&1 && npm test 2>&1")
    assert re.search(r"pass 2\b", said.text)


async def test_cargo(full_bench: Bench) -> None:
    place = Path(program("cargo")).parent
    full_bench.file("Cargo.toml", '[package]\nname = "it"\nversion = "0.1.0"\nedition = "2021"\n')
    full_bench.file(
        "src/lib.rs",
        "/// ```\n/// assert_eq!(it::two(), 2);\n/// ```\npub fn two() -> u32 { 2 }\n"
        "#[test]\nfn it_is() { assert_eq!(two(), 2); }\n",
    )
    said = await sh(full_bench, f"PATH={place}:$PATH cargo test --offline 2>&1")
    assert said.text.count("1 passed") == 2


async def test_go(full_bench: Bench) -> None:
    program("go")
    full_bench.file("go.mod", "module example.com/it\n\ngo 1.19\n")
    full_bench.file("it.go", "package it\n\nfunc Two() int { return 2 }\n")
    full_bench.file(
        "it_test.go",
        'package it\n\nimport "testing"\n\nfunc TestTwo(t *testing.T) {\n'
        "\tt.Parallel()\n\tif Two() != 2 {\n\t\tt.Fatal()\n\t}\n}\n",
    )
    assert "ok" in (await sh(full_bench, "go vet ./... && go test ./... 2>&1")).text


async def test_make_and_a_compiler(full_bench: Bench) -> None:
    program("cc")
    full_bench.file("a.c", "int two(void) { return 2; }\n")
    full_bench.file("b.c", "int two(void);\nint main(void) { return two() - 2; }\n")
    full_bench.file("Makefile", "it: a.o b.o\n\t$(CC) -o $@ $^\ntest: it\n\t./it && echo fine\n")
    assert "fine" in (await sh(full_bench, "make -j2 test")).text
