"""The wheel: what it holds, and whose `agent` is run in a folder that has its own."""

from __future__ import annotations

import configparser
import importlib.metadata
import importlib.util
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from support import agent

PROJECT = Path(__file__).parents[1]
NAMES = {"agent", "tools", "tui", "sandbox", "wisp_launch"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without the network."""
    folder = tmp_path_factory.mktemp("dist")
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
    ]
    done = subprocess.run([*command, PROJECT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `agent` of an environment that has the wheel, and our dependencies beside it."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    pip += ["--python", folder / "bin" / "python"]
    install = [*pip, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    # a .pth adds the folder of our dependencies, but not what its own .pth files would add
    beside = Path(pytest.__file__).parents[1]
    (site / "dependencies.pth").write_text(f"{beside}\n")
    return folder / "bin" / "agent"


def test_the_top_level_of_the_wheel_is_ours_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
        inside = archive.namelist()
    (info,) = (name for name in top if name.endswith(".dist-info"))
    assert top - {info} == {"agent", "tools", "tui", "sandbox", "wisp_launch.py"}
    assert not [name for name in inside if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_holds_every_file_of_the_four_packages(wheel: Path) -> None:
    wanted = {
        path.relative_to(PROJECT).as_posix()
        for package in ("agent", "tools", "tui", "sandbox")
        for path in (PROJECT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    # which stands in the wheel under its own name
    assert wanted - held == {"agent/_launch.py"}


def test_both_commands_go_through_the_launcher(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("entry_points.txt"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(name).decode())
        launcher = archive.read("wisp_launch.py")
    assert dict(points["console_scripts"]) == {
        "agent": "wisp_launch:main",
        "wisp": "wisp_launch:main",
    }
    assert launcher == (PROJECT / "agent" / "_launch.py").read_bytes()


def test_no_installed_dependency_ships_one_of_our_names() -> None:
    clashes = [
        f"{distribution.name}: {file}"
        for distribution in importlib.metadata.distributions()
        if distribution.name != "wisp-agent"
        for file in distribution.files or ()
        if file.parts[0].removesuffix(".py") in NAMES
    ]
    assert clashes == []


def test_the_launcher_that_is_installed_here_is_the_one_of_this_checkout() -> None:
    found = importlib.util.find_spec("wisp_launch")
    assert found is not None and found.origin is not None
    assert Path(found.origin).read_bytes() == (PROJECT / "agent" / "_launch.py").read_bytes(), (
        "type: make -B setup"
    )


@pytest.mark.parametrize("entry", [".", "", ":/nowhere", "/nowhere:.:", "HERE"])
def test_a_folder_with_its_own_agent_does_not_get_it_run(
    installed: Path, tmp_path: Path, entry: str
) -> None:
    for name in ("agent", "tools", "tui", "sandbox"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('theirs was run')\n")
    env = {"PYTHONPATH": entry.replace("HERE", str(tmp_path))}
    version = agent("--version", cwd=tmp_path, env=env, agent=installed)
    assert (version.code, version.out[:5], version.err) == (0, "wisp ", "")
    shown = agent("config", cwd=tmp_path, env=env, agent=installed)
    assert (shown.code, shown.out[:5], shown.err) == (0, "model", "")
