"""Which releases ranking.py asks about: the rule that choose_changes.py holds to."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from benchmarks import ranking
from benchmarks._archives import Offer
from benchmarks._source import CaseError
from benchmarks.choose_changes import FITS, NO_LOG, pairs, verdict

NEWS = "2.0\n===\n\nSums of nothing are zero and not None.\n"
SUM = "def total(items):\n    return sum(items)\n"


def release(top: Path, files: dict[str, str]) -> Path:
    """Lay out a release of 15 files of code, a changelog and these files."""
    code = {f"lib/part{number}.py": "X = 1\n" for number in range(14)}
    for name, text in ({"lib/sums.py": SUM, "CHANGES.rst": ""} | code | files).items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return top


def became(tmp_path: Path, newer: dict[str, str], older: dict[str, str] | None = None) -> str:
    old = release(tmp_path / "older", older or {})
    return verdict(old, release(tmp_path / "newer", {"CHANGES.rst": NEWS} | newer), "2.0")


def test_one_changed_function_that_the_changelog_tells_of_fits(tmp_path: Path) -> None:
    assert became(tmp_path, {"lib/sums.py": SUM.replace("(items)\n", "(items or ())\n")}) == FITS


def test_changes_of_tests_are_no_changes_of_the_code(tmp_path: Path) -> None:
    tests = "lib/test/sums_test.py"
    found = became(tmp_path, {tests: SUM.replace("sum", "max")}, {tests: SUM})
    assert found == "6: 0 functions, 0 files changed"


def test_a_file_that_does_not_parse_is_a_reason_and_no_end(tmp_path: Path) -> None:
    assert became(tmp_path, {"lib/sums.py": "print 1\n"}) == "6: a file that differs does not parse"


def test_news_must_name_the_release(tmp_path: Path) -> None:
    newer = {"CHANGES.rst": NEWS.replace("2.0", "Unreleased")}
    assert became(tmp_path, newer) == "4: 53 characters of news, 2.0 not named"


def test_a_release_without_a_changelog_says_so(tmp_path: Path) -> None:
    older, newer = (release(tmp_path / name, {}) for name in ("older", "newer"))
    assert verdict(older, newer, "2.0") == NO_LOG


def test_only_final_releases_follow_each_other() -> None:
    def offer(name: str, yanked: bool = False, day: str = "2026-01-01") -> Offer:
        return Offer(name, f"https://example.org/{name}", name, 1, f"{day}T00:00:00Z", yanked)

    offers = (
        offer("lib-1.10.tar.gz"),
        offer("lib-1.9.tar.gz"),
        offer("lib-1.9.post1.tar.gz"),
        offer("lib-1.11rc1.tar.gz"),
        offer("lib-1.11-py3-none-any.whl"),
        offer("lib-1.8.tar.gz", yanked=True),
        offer("lib-1.7.tar.gz"),
        offer("lib-1.12.tar.gz", day="2099-01-01"),
        offer("not-a-release.tar.gz"),
    )
    found = [(pair.older.name, pair.newer.name) for pair in pairs("lib", offers)]
    assert found == [("lib-1.9.tar.gz", "lib-1.10.tar.gz"), ("lib-1.7.tar.gz", "lib-1.9.tar.gz")]


@pytest.mark.parametrize(
    "member",
    [
        pytest.param({"name": "../outside"}, id="leaves the folder"),
        pytest.param({"name": "lib/pipe", "type": tarfile.FIFOTYPE}, id="a FIFO"),
        pytest.param({"name": "lib/huge", "size": 2 << 30}, id="larger than any release"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, member: dict[str, object]) -> None:
    archive = tmp_path / "lib-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        info = tarfile.TarInfo()
        for key, value in member.items():
            setattr(info, key, value)
        assert file.fileobj is not None
        file.fileobj.write(info.tobuf())
        file.addfile(tarfile.TarInfo("lib/last"), io.BytesIO())
    with pytest.raises(CaseError, match=r"lib-1\.0\.tar\.gz"):
        ranking.unpack(archive, tmp_path / "made")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lib-1.0.tar.gz", "made"]
