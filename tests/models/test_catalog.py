from pathlib import Path

import gguf_files as files
import pytest

from agent.errors import ModelUnusable
from agent.models import catalog


def test_a_name_leads_to_its_file_in_any_case(tmp_path: Path) -> None:
    found = catalog.resolve("Qwen2.5-Coder-1.5B", cache=tmp_path)
    assert found.entry is catalog.DEFAULT
    assert found.path == tmp_path / catalog.DEFAULT.file
    assert not found.present
    assert found.hint == "agent models pull qwen2.5-coder-1.5b"


def test_a_file_of_another_size_is_not_the_model(tmp_path: Path) -> None:
    (tmp_path / catalog.DEFAULT.file).write_bytes(b"GGUF")
    assert not catalog.resolve(catalog.DEFAULT.name, cache=tmp_path).present


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"did you mean qwen2\.5-coder-1\.5b") as caught:
        catalog.resolve("qwen-coder-1.5b", cache=tmp_path)
    assert caught.value.hint == "agent models list"
    with pytest.raises(ModelUnusable, match=r"unknown model: zzz$"):
        catalog.resolve("zzz", cache=tmp_path)


def test_paths_are_absolute_relative_and_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = files.gguf(tmp_path / "my.gguf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for text in (str(file), "my.gguf", "./my.gguf", "~/my.gguf"):
        found = catalog.resolve(text, cache=tmp_path / "cache")
        assert (found.path, found.name, found.present) == (file, "my", True)


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no such model file"):
        catalog.resolve(str(tmp_path / "none.gguf"))


def test_every_entry_can_be_cut_into_its_parts() -> None:
    for entry in catalog.CATALOG:
        assert len(entry.sha256) == 64
        if entry.parts is not None:
            before_last = entry.parts.bytes * (entry.parts.count - 1)
            assert before_last < entry.bytes <= before_last + entry.parts.bytes
