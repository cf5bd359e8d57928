"""Pictures with a prompt: which files are some, and how they reach the history and the log."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from sessions import prepare
from support import agent, lines, put, result, script

from agent.errors import UsageError
from agent.events import TurnStarted
from agent.history import History
from agent.images import BYTES, MOST, load
from agent.log import read
from agent.messages import Image, UserMessage
from agent.run import reason_and_act

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
KINDS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0" + bytes(99),
    "image/gif": b"GIF89a" + bytes(99),
    "image/webp": b"RIFF\n\0\n\0WEBPVP8 " + bytes(99),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_known_by_its_first_bytes_and_read_as_it_is(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "picture.txt"
    file.write_bytes(KINDS[kind])
    (image,) = load([str(file)])
    assert image.media_type == kind
    assert base64.b64decode(image.data) == KINDS[kind]


@pytest.mark.parametrize(
    "data",
    [b"", b"<svg/>", b"GIF8", b"RIFF\0\0\0\0WAVE", b"\x89PNG", b"BM" + bytes(99), b" " + PNG],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(data)
    with pytest.raises(UsageError, match=r"picture\.png is not an image: PNG, JPEG") as caught:
        load([str(file)])
    assert caught.value.hint


def test_a_picture_has_a_size_and_a_prompt_a_number_of_them(tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(PNG.ljust(BYTES, b"\0"))
    assert len(load([str(file)] * MOST)) == MOST
    with pytest.raises(UsageError, match="21 images are too many: 20 at most"):
        load([str(file)] * (MOST + 1))
    file.write_bytes(PNG.ljust(BYTES + 1, b"\0"))
    with pytest.raises(UsageError, match=r"large\.png is over 5 MB"):
        load([str(file)])
    for name in (str(tmp_path), str(tmp_path / "none.png"), "a\0b", "~nobody-of-that-name/x"):
        with pytest.raises(UsageError, match="cannot read the image"):
            load([name])


async def test_the_log_folds_into_the_same_history(tmp_path: Path) -> None:
    image = Image(media_type="image/png", data=base64.b64encode(PNG).decode())
    ran = await prepare(put(tmp_path / "work", {}), ["I see."])
    await ran.turn.carry("What is it?", "run", reason_and_act, "context", (image,))
    ran.session.close()
    asked = ran.model.requests[0].messages[1]
    assert asked == UserMessage(text="What is it?\n\ncontext", images=(image,))
    assert ran.of(TurnStarted)[0].images == (image,)
    logged = History.of(read(ran.session.log_path).events)
    assert logged.messages == ran.session.history.messages
    assert ran.model.count([asked], ()) > 1600


def test_pictures_may_lie_anywhere_and_go_with_the_prompt(tmp_path: Path) -> None:
    work = put(tmp_path / "work", {"in.gif": KINDS["image/gif"]})
    put(tmp_path / "other", {"out.png": PNG})
    model = script(tmp_path / "s.yml", "I see two.")
    ended = agent(
        *("run", "-m", model, "--json", "-i", "in.gif"),
        *("--image", tmp_path / "other/out.png", "What is it?"),
        cwd=work,
    )
    assert result(ended).text == "I see two."
    (started,) = [each for each in lines(ended.out) if each["type"] == "turn_started"]
    assert [each["media_type"] for each in started["images"]] == ["image/gif", "image/png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "-i", "a.txt"], "a.txt is not an image: "),
        (["run", "-i", "none.png"], "cannot read the image none.png: No such file"),
        (["run", *["-i", "a.png"] * 21], "21 images are too many"),
        (["fix", "-i", "a.png"], "no such option: -i"),
    ],
)
def test_what_cannot_be_shown_is_one_line_before_anything_starts(
    tmp_path: Path, words: list[str], said: str
) -> None:
    work = put(tmp_path / "work", {"a.txt": "text", "a.png": PNG})
    ended = agent(*words, "-m", script(tmp_path / "s.yml", "never said"), "x", cwd=work)
    assert (ended.code, ended.out) == (2, "")
    (error,) = ended.errors
    assert error.startswith(f"error: {said}") and len(ended.hints) == 1


def test_a_log_without_pictures_is_read_as_before() -> None:
    line = {"type": "turn_started", "prompt": "x"}
    assert TurnStarted.model_validate_json(json.dumps(line)).images == ()
