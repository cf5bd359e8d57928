from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.listing import Entered, Listing
from sandbox.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for path in ("a.py", "src/b.py", "c.log"):
        (tmp_path / path).write_text("")
    return tmp_path


def long_ago(*paths: Path) -> None:
    """Give these a time at which nothing can have happened since without showing."""
    for path in paths:
        os.utime(path, (time.time() - 100, time.time() - 100))


class Walks:
    """A workspace's walk, counted."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.count = 0

    def __call__(self, entered: Entered) -> Iterator[str]:
        self.count += 1
        return self.workspace.walk(entered=entered)


def test_a_tree_that_did_not_change_is_walked_once(root: Path) -> None:
    walks = Walks(root)
    listing = Listing(walks, 10)
    long_ago(root / "src", root)
    assert listing.files() == ("a.py", "c.log", "src/b.py")
    assert listing.files() is listing.files()
    assert walks.count == 1


def test_a_folder_that_changed_just_now_is_looked_at_again(root: Path) -> None:
    walks = Walks(root)
    listing = Listing(walks, 10)
    future = time.time() + 100  # as if it were changed in the moment of the walk
    os.utime(root, (future, future))
    assert listing.files() == listing.files()
    assert walks.count == 2


def test_what_comes_and_goes_shows(root: Path) -> None:
    listing = Workspace(root).listing
    long_ago(root / "src", root)
    assert listing.files() == ("a.py", "c.log", "src/b.py")
    (root / "src" / "new.py").write_text("")
    assert listing.files() == ("a.py", "c.log", "src/b.py", "src/new.py")
    long_ago(root / "src", root)
    (root / "a.py").unlink()
    assert listing.files() == ("c.log", "src/b.py", "src/new.py")


def test_a_file_in_a_folder_that_was_empty_shows(root: Path) -> None:
    (root / "empty").mkdir()
    long_ago(root / "empty", root / "src", root)
    listing = Workspace(root).listing
    assert listing.files() == ("a.py", "c.log", "src/b.py")
    (root / "empty" / "first").write_text("")
    assert "empty/first" in (listing.files() or ())


def test_rules_that_change_in_place_show(root: Path) -> None:
    rules = root / ".gitignore"
    rules.write_text("*.tmp\n")
    long_ago(rules, root / "src", root)
    listing = Workspace(root).listing
    assert "c.log" in (listing.files() or ())
    rules.write_text("*.log\n")
    assert listing.files() == (".gitignore", "a.py", "src/b.py")


def test_added_folders_are_listed_by_absolute_paths(root: Path) -> None:
    (root / "beside").mkdir()
    (root / "beside" / "d.py").write_text("")
    workspace = Workspace(root / "src", (root / "beside",))
    assert workspace.listing.files() == ("b.py", f"{root}/beside/d.py")


def test_too_many_files_are_none(root: Path) -> None:
    assert Listing(Walks(root), 2).files() is None
    assert Listing(Walks(root), 3).files() is not None
