"""A workspace whose files lie in a copy: what is read where, and that nothing else is changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import picture, put

from sandbox.aside import COPY_ONLY, Aside
from sandbox.workspace import PathError, Workspace


@pytest.fixture
def aside(tmp_path: Path) -> Aside:
    packages = {".venv/pkg.py": "installed", "web/node_modules/m.js": "installed"}
    root = put(tmp_path / "root", {"a.py": "original", "b.py": "original", **packages})
    beside = put(tmp_path / "beside", {"c.py": "beside"})
    copy = put(tmp_path / "copy", {"a.py": "copy", "new/d.py": "copy"})
    for name in (".venv", "web/node_modules"):
        (copy / name).mkdir(parents=True)
    return Aside(Workspace(root, [beside]), copy, {".venv", "web/node_modules"})


def text(files: Workspace, path: str | Path) -> str:
    return files.read(str(path)).data.decode()


def test_files_are_those_of_the_copy_and_packages_the_originals(aside: Aside) -> None:
    assert (text(aside, "a.py"), text(aside, aside.root / "a.py")) == ("copy", "copy")
    assert text(aside, "web/../new/d.py") == "copy"
    assert text(aside, ".venv/pkg.py") == text(aside, "web/node_modules/m.js") == "installed"
    assert text(aside, aside.extra[0] / "c.py") == "beside"
    assert aside.kind("b.py") == "missing" and aside.locate(str(aside.root / "a.py")) == "a.py"
    assert list(aside.walk()) == ["a.py", "new/d.py"]
    assert list(aside.walk(".venv", ignored=True)) == [".venv/pkg.py"]
    assert list(aside.walk(str(aside.extra[0]))) == [str(aside.extra[0] / "c.py")]
    with pytest.raises(PathError, match=r"did you mean new/d\.py"):
        aside.read("d.py")


def test_only_the_copy_is_changed(aside: Aside, tmp_path: Path) -> None:
    before, beside = picture(aside.root), picture(aside.extra[0])
    seen = aside.write("a.py", b"changed", expect=aside.read("a.py").sha256)
    aside.write("made/e.py", b"made", expect=None)
    aside.move("new/d.py", "f.py", expect=aside.read("new/d.py").sha256)
    aside.delete("a.py", expect=seen.sha256)
    assert set(picture(tmp_path / "copy")) == {"made/e.py", "f.py"}
    for path in (".venv/pkg.py", "web/node_modules/x.js", str(aside.extra[0] / "c.py")):
        assert aside.protected(path) == COPY_ONLY
        with pytest.raises(PathError, match="only a copy"):
            aside.write(path, b"x", expect=None)
        with pytest.raises(PathError, match="only a copy"):
            aside.move("f.py", path, expect=aside.read("f.py").sha256)
    assert (picture(aside.root), picture(aside.extra[0])) == (before, beside)


def test_no_link_of_the_copy_leads_to_the_original(aside: Aside, tmp_path: Path) -> None:
    before = picture(aside.root)
    copy = tmp_path / "copy"
    (copy / "there").symlink_to(aside.root)
    (copy / "file").symlink_to(aside.root / "b.py")
    (copy / "up").symlink_to("../root")
    (copy / "packages").symlink_to(".venv")
    for path in ("there/b.py", "file", "up/b.py"):
        assert aside.outside(path)
        with pytest.raises(PathError):
            aside.read(path)
    for path in ("there/b.py", "there/new.py", "file", "up/b.py", "packages/pkg.py"):
        try:
            aside.write(path, b"x", expect=None)
        except PathError:
            continue
    assert picture(aside.root) == before
