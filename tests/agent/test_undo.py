import random
from pathlib import Path

import pytest
from trees import checkpoints, look

from agent.checkpoint import Checkpoints
from agent.errors import Failed
from agent.undo import Turns, TurnSpan, redo, undo


class Person:
    """A workspace in which turns happen, each of which writes one file."""

    def __init__(self, root: Path, points: Checkpoints) -> None:
        self.file = root / "a"
        self.points = points
        self.turns = 0

    async def turn(self, content: bytes) -> TurnSpan:
        self.turns += 1
        before = await self.points.make(f"before turn {self.turns}")
        self.file.write_bytes(content)
        after = await self.points.make(f"after turn {self.turns}")
        span = TurnSpan("session", self.turns, before.id, after.id)
        Turns(self.points.path).record(span)
        return span


@pytest.fixture
def person(tmp_path: Path) -> Person:
    root = tmp_path / "work"
    root.mkdir()
    (root / "a").write_bytes(b"0")
    return Person(root, checkpoints(root, tmp_path / "state"))


async def test_undo_takes_one_turn_back_after_the_other(person: Person) -> None:
    first = await person.turn(b"1")
    second = await person.turn(b"2")
    undone = await undo(person.points)
    assert (undone.spans, undone.files, undone.refused) == ((second,), ("a",), ())
    assert person.file.read_bytes() == b"1"
    assert (await undo(person.points)).spans == (first,)
    assert person.file.read_bytes() == b"0"
    with pytest.raises(Failed, match="nothing to undo"):
        await undo(person.points)


async def test_an_undo_can_be_undone(person: Person) -> None:
    await person.turn(b"1")
    await person.turn(b"2")
    await undo(person.points)
    await undo(person.points)
    assert (await redo(person.points)).files == ("a",)
    assert person.file.read_bytes() == b"1"
    assert (await redo(person.points)).files == ("a",)
    assert person.file.read_bytes() == b"2"
    with pytest.raises(Failed, match="no undo"):
        await redo(person.points)
    await undo(person.points)
    assert person.file.read_bytes() == b"1"


async def test_a_new_turn_ends_what_could_be_done_again(person: Person) -> None:
    await person.turn(b"1")
    await undo(person.points)
    await person.turn(b"3")
    with pytest.raises(Failed, match="no undo"):
        await redo(person.points)
    await undo(person.points)
    assert person.file.read_bytes() == b"0"


async def test_what_the_user_wrote_after_the_turn_is_kept_and_the_turn_stays(
    person: Person,
) -> None:
    span = await person.turn(b"1")
    person.file.write_bytes(b"the user's")
    undone = await undo(person.points)
    assert (undone.spans, undone.files, undone.refused) == ((span,), (), ("a",))
    assert person.file.read_bytes() == b"the user's"
    person.file.write_bytes(b"1")
    assert (await undo(person.points)).files == ("a",)
    assert person.file.read_bytes() == b"0"


async def test_what_the_user_wrote_after_an_undo_is_kept_too(person: Person) -> None:
    await person.turn(b"1")
    await undo(person.points)
    person.file.write_bytes(b"the user's")
    assert (await redo(person.points)).refused == ("a",)
    assert person.file.read_bytes() == b"the user's"


async def test_the_backup_of_an_undo_holds_what_it_replaced(person: Person) -> None:
    await person.turn(b"1")
    other = person.file.with_name("other")
    other.write_bytes(b"made between")
    backup = (await undo(person.points)).backup
    other.unlink()
    await person.points.restore(backup)
    assert (person.file.read_bytes(), other.read_bytes()) == (b"1", b"made between")


async def test_a_torn_line_is_passed_over(person: Person) -> None:
    await person.turn(b"1")
    path = person.points.path / "turns.jsonl"
    with path.open("ab") as file:
        file.write(b'{"did": "turn", "sess')
    await person.turn(b"2")
    await undo(person.points)
    await undo(person.points)
    assert person.file.read_bytes() == b"0"


async def test_the_record_of_turns_does_not_grow_for_ever(person: Person) -> None:
    span = await person.turn(b"1")
    turns = Turns(person.points.path)
    for number in range(2, 402):
        turns.record(TurnSpan("session", number, span.before, span.after))
    assert len((person.points.path / "turns.jsonl").read_bytes().splitlines()) <= 200
    done = turns.done(await person.points.ids())
    assert [one.turn for one in done][-50:] == [*range(352, 402)]


async def test_turns_whose_checkpoints_are_gone_cannot_be_undone(person: Person) -> None:
    span = await person.turn(b"1")
    Turns(person.points.path).record(TurnSpan("session", 2, "000001-ffffff", span.after))
    assert (await undo(person.points)).spans == (span,)


async def test_ten_thousand_files_come_back(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    points = checkpoints(root, tmp_path / "state")
    for number in range(10_000):
        path = root / f"d{number // 100}/f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d\r\n" % number)
    before, whole = await points.make("before"), look(root)
    chance = random.Random(7)
    for number in chance.sample(range(10_000), 600):
        path = root / f"d{number // 100}/f{number}"
        change = chance.randrange(3)
        if change == 0:
            path.unlink()
        elif change == 1:
            path.rename(path.with_name(f"moved {number}"))
        else:
            path.write_bytes(b"changed")
    after = await points.make("after")
    went = await points.unwind([(before.id, after.id)])
    assert (went.refused, look(root)) == ((), whole)
