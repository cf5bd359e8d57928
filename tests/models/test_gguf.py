from pathlib import Path

import gguf_files as files
import pytest

from agent.errors import ModelUnusable
from agent.models import gguf


def test_a_whole_file_says_what_it_is(tmp_path: Path) -> None:
    found = gguf.info(files.gguf(tmp_path / "tiny.gguf"))
    assert (found.name, found.architecture, found.context) == ("Tiny", "qwen2", 4096)
    assert found.chat_template
    assert dict(found.lines())["context"] == "4,096 tokens"


def test_every_cut_of_a_file_is_refused_by_name(tmp_path: Path) -> None:
    whole = files.gguf(tmp_path / "whole.gguf").read_bytes()
    cut = tmp_path / "cut.gguf"
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        with pytest.raises(ModelUnusable, match=r"cut\.gguf") as caught:
            gguf.check(cut, "agent models pull tiny")
        assert caught.value.hint == "agent models pull tiny"
        assert "\n" not in caught.value.message


def test_the_size_of_a_cut_file_is_told(tmp_path: Path) -> None:
    path = files.gguf(tmp_path / "tiny.gguf")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelUnusable, match=f"{size - 100} of {size} bytes"):
        gguf.check(path)


def test_noise_in_the_header_is_a_damaged_file(tmp_path: Path) -> None:
    whole = bytearray(files.gguf(tmp_path / "whole.gguf").read_bytes())
    path = tmp_path / "noise.gguf"
    for place in range(8, 200, 3):
        noisy = bytearray(whole)
        noisy[place : place + 8] = b"\xff" * 8
        path.write_bytes(noisy)
        try:
            gguf.check(path)  # noise in a name changes nothing that matters here
        except ModelUnusable as error:
            assert "noise.gguf" in error.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a GGUF file"),
        (b"<html>404</html>", "not a GGUF file"),
        (b"GGUF" + b"\x01\0\0\0" + b"\0" * 40, "GGUF version 1"),
        (b"GGUF" + b"\x03\0\0\0" + b"\0" * 40, "does not say what model"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelUnusable, match=message):
        gguf.context_length(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no such model file"):
        gguf.info(tmp_path / "none.gguf")
    with pytest.raises(ModelUnusable, match="a folder"):
        gguf.info(tmp_path)


@pytest.mark.model
def test_the_real_file_is_whole_and_one_byte_less_is_not(small_model: Path, tmp_path: Path) -> None:
    found = gguf.info(small_model)
    assert (found.architecture, found.context, found.quantisation) == ("qwen2", 32768, "Q4_K_M")
    cut = tmp_path / "cut.gguf"
    size = found.bytes
    with small_model.open("rb") as source, cut.open("wb") as target:
        target.write(source.read(16 << 20))
        target.truncate(size - 1)  # the rest is a hole
    with pytest.raises(ModelUnusable, match="cut off"):
        gguf.check(cut)
