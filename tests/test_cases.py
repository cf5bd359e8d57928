"""The lists of real bugs, and what turns an entry into a repository with a failing test."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import cases
from benchmarks.cases import Case, CaseError, Measured
from sandbox.base import Containment
from sandbox.detect import open_sandbox
from sandbox.workspace import Workspace

SHARED = cases.default_cache()  # of the machine, asked before a test gets another home
CODE = "def half(n):\n    return n / 2\n\n\ndef double(n):\n    return n + n\n"
REPAIRED = CODE.replace("n / 2", "n // 2").replace("n + n", "2 * n")
TESTS = (
    "from halves import double, half\n\n\n"
    "def test_half():\n    assert repr(half(3)) == '1'\n\n\n"
    "def test_double():\n    assert double(2) == 4\n"
)
NEW_FEATURE = "\n\nclass TestLater:\n    def test_third(self):\n        import halves.third\n"


def archive(cache: Path, version: str, files: dict[str, str]) -> str:
    """Put a source archive into the cache, as `fetch` would, and return its SHA-256."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"halves-{version}/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    digest = hashlib.sha256(made.getvalue()).hexdigest()
    folder = cache / "archives" / digest
    folder.mkdir(parents=True)
    (folder / f"halves-{version}.tar.gz").write_bytes(made.getvalue())
    return digest


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Return a cache with the environment that this machine's cases share, and no archives."""
    made = tmp_path / "cache"
    made.mkdir()
    environment = cases.environment(SHARED).parents[2]
    (made / environment.name).symlink_to(environment)
    return made


@pytest.fixture
def case(cache: Path) -> Case:
    old = {"src/halves/__init__.py": CODE, "tests/test_old.py": "def test_gone():\n    pass\n"}
    new = {"src/halves/__init__.py": REPAIRED, "tests/test_halves.py": TESTS + NEW_FEATURE}
    return Case(
        name="halves-2",
        library="halves",
        old="1",
        old_sha256=archive(cache, "1", old),
        new="2",
        new_sha256=archive(cache, "2", new),
        bug="half of an odd number is not whole",
        tests=("tests",),
        failing=("tests/test_halves.py::test_half",),
        function="src/halves/__init__.py::half",
        source="src",
        cut=("tests/test_halves.py::TestLater",),
    )


@pytest.fixture
def contained(tmp_path: Path) -> None:
    sandbox = asyncio.run(open_sandbox(Workspace(tmp_path), "auto"))
    if sandbox.containment is Containment.NONE:
        pytest.skip(f"no sandbox to run a case's tests in: {sandbox.why_not}")


def test_a_case_is_laid_out_as_a_repository_with_old_code_and_new_tests(
    case: Case, cache: Path, tmp_path: Path
) -> None:
    folder = cases.lay_out(case, tmp_path / "work", cache)
    assert (folder / "src/halves/__init__.py").read_text() == CODE
    assert [path.name for path in (folder / "tests").iterdir()] == ["test_halves.py"]
    assert (folder / "tests/test_halves.py").read_text().rstrip() == TESTS.rstrip()
    assert (folder / ".git/refs/heads/main").is_file()
    assert (folder / ".venv/bin/python").exists()


def test_two_lay_outs_make_the_same_commit(case: Case, cache: Path, tmp_path: Path) -> None:
    first, second = (cases.lay_out(case, tmp_path / name, cache) for name in ("a", "b"))
    head = ".git/refs/heads/main"
    assert (first / head).read_text() == (second / head).read_text()


def test_a_folder_with_files_is_never_laid_over(case: Case, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/note.txt").write_text("keep")
    with pytest.raises(CaseError, match="not an empty folder"):
        cases.lay_out(case, tmp_path / "mine", cache)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["note.txt"]


@pytest.mark.usefixtures("contained")
def test_verifying_sees_the_bug_and_that_one_function_repairs_it(case: Case, cache: Path) -> None:
    seen = cases.verify(case, cache)
    half, double = "tests/test_halves.py::test_half", "tests/test_halves.py::test_double"
    assert seen.old == {half: "failed", double: "passed"}
    assert seen.new == seen.repaired == {half: "passed", double: "passed"}
    assert (seen.changed, seen.lines) == (4, 2)
    assert cases.problems(case, seen) == []


@pytest.mark.usefixtures("contained")
def test_verifying_notices_a_list_that_is_wrong(case: Case, cache: Path) -> None:
    wrong = replace(case, failing=("tests/test_halves.py::test_double",), cut=())
    wrong = replace(wrong, function="src/halves/__init__.py::double")
    assert cases.problems(wrong, cases.verify(wrong, cache)) == [
        "fails and is not listed: tests/test_halves.py::TestLater::test_third",
        "is listed and does not fail: tests/test_halves.py::test_double",
        "fails and is not listed: tests/test_halves.py::test_half",
        "fails on 2: tests/test_halves.py::TestLater::test_third",
        "src/halves/__init__.py::double alone does not repair it",
    ]


def test_a_test_that_ends_otherwise_or_vanishes_is_a_problem() -> None:
    case = cases.read(cases.LISTS[0])[0]
    failing = dict.fromkeys(case.failing, "failed")
    repaired = dict.fromkeys(case.failing, "passed")
    old, new = {**failing, "a": "passed", "b": "passed"}, {**repaired, "a": "skipped"}
    assert cases.problems(case, Measured(old, new, new)) == [
        "passed and then skipped: a",
        "passed and then None: b",
    ]


def test_an_archive_with_another_sum_is_refused(
    case: Case, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    old, _ = cases.fetch(case, cache)
    old.write_bytes(old.read_bytes() + b"\0")
    with pytest.raises(CaseError, match="pip download"):
        cases.fetch(case, cache)


def test_pip_loads_no_archive_with_another_sum_than_listed(
    case: Case, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links/halves-1.tar.gz").write_bytes(cases.fetch(case, cache).old.read_bytes())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    with pytest.raises(CaseError, match=r"HASH|hash"):
        cases.fetch(replace(case, old_sha256="0" * 64), cache)
    assert list((cache / "archives" / ("0" * 64)).iterdir()) == []


def test_cutting_what_is_not_there_is_an_error(case: Case, cache: Path, tmp_path: Path) -> None:
    gone = replace(case, cut=("tests/test_halves.py::test_absent",))
    with pytest.raises(CaseError, match=r"no test_absent in test_halves\.py"):
        cases.lay_out(gone, tmp_path / "work", cache)


def test_an_entry_with_a_misspelt_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.toml").write_text('[[case]]\nname = "a"\nfailling = []\n')
    with pytest.raises(CaseError, match=r"list\.toml: unknown keys: failling"):
        cases.read(tmp_path / "list.toml")
    (tmp_path / "list.toml").write_text('[[case]]\nname = "a"\n')
    with pytest.raises(CaseError, match=r"list\.toml: a: .*missing"):
        cases.read(tmp_path / "list.toml")


def test_the_historic_list_keeps_its_rule() -> None:
    listed = cases.read(cases.LISTS[0])
    per_library = Counter(case.library for case in listed)
    assert len(listed) >= 10
    assert len(per_library) >= 8
    assert max(per_library.values()) <= 2
    assert len({case.name for case in listed}) == len(listed)
    for case in listed:
        assert 1 <= len(case.failing) <= 20
        cut = tuple(f"{name}::" for name in case.cut)
        assert not [test for test in case.failing if test.startswith(cut) or test in case.cut]


def test_the_seeded_bugs_are_two_kinds_of_each_library() -> None:
    listed = cases.read(cases.LISTS[2])
    libraries = Counter(case.library for case in listed)
    assert len(listed) >= 20 and len(libraries) >= 10 and max(libraries.values()) == 2
    assert len({case.name for case in listed}) == len(listed)
    for case in listed:
        assert (case.old, case.old_sha256) == (case.new, case.new_sha256)
        assert case.seed.startswith(f"{case.function}::") and 1 <= len(case.failing) <= 20


def test_the_demo_cases_are_repaired_in_one_function() -> None:
    listed = cases.read(cases.LISTS[1])
    assert len(listed) >= 3
    assert all(case.function for case in listed)


def test_the_command_line_lists_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert cases.main(["list"]) == 0
    said = capsys.readouterr().out
    assert all(case.name in said for path in cases.LISTS for case in cases.read(path))


def test_the_command_line_says_how_to_use_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cases.main([]) == 2
    assert "list | verify" in capsys.readouterr().err
