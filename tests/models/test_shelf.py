"""The tree of prefixes: what was put there is found again, whole, here and in the next process."""

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.models._shelf import Node, Shelf

PROMPTS = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.booleans()), max_size=8
)


def bytes_of(tokens: list[int]) -> bytes:
    """Return what stands for the cells of tokens: two bytes for each."""
    return bytes(byte for token in tokens for byte in (token, 7))


def keep(shelf: Shelf, tokens: list[int], lasting: bool = False) -> None:
    """Put tokens on the shelf, as `Cells.keep` does with real cells."""
    way = shelf.find(tokens)
    nodes = [node for node, count in way if count == len(node.tokens)]
    start = sum(len(node.tokens) for node in nodes)
    if len(way) > len(nodes):
        node, count = way[-1]
        cells = shelf.cells(node)
        if cells:
            nodes.append(shelf.split(node, count, cells[: 2 * count], cells[2 * count :]))
            start += count
    if start < len(tokens):
        rest = tokens[start:]
        after = nodes[-1] if nodes else None
        nodes.append(shelf.add(after, rest, bytes_of(rest), lasting=lasting))
    if lasting:
        shelf.last(nodes)


def had(shelf: Shelf, tokens: list[int]) -> int:
    """Return how many of the tokens are on the shelf; their cells must be theirs."""
    count = 0
    for node, used in shelf.find(tokens):
        cells = shelf.cells(node)
        if not cells:
            break
        assert cells == bytes_of(node.tokens.tolist())
        count += used
    return count


def test_what_was_kept_is_found_whole(tmp_path: Path) -> None:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(PROMPTS)
    def hold(prompts: list[tuple[list[int], bool]]) -> None:
        folder = Path(tmp_path, str(np.random.default_rng().integers(1 << 60)), "model")
        shelf = Shelf(folder)
        for prompt, lasting in prompts:
            keep(shelf, prompt, lasting)
            shelf.save()
        other = Shelf(folder)
        for prompt, lasting in prompts:
            assert had(shelf, prompt) == len(prompt)
            if lasting:
                assert had(other, prompt) == len(prompt)

    hold()


def test_what_two_prompts_begin_with_is_kept_once() -> None:
    shelf = Shelf(None)
    keep(shelf, [1, 2, 3, 4])
    keep(shelf, [1, 2, 9])
    way = shelf.find([1, 2, 9])
    assert [node.tokens.tolist() for node, _ in way] == [[1, 2], [9]]
    assert [node.tokens.tolist() for node, _ in shelf.find([1, 2, 3, 4])] == [[1, 2], [3, 4]]


def test_what_was_not_used_for_longest_makes_room() -> None:
    shelf = Shelf(None, memory=8)
    keep(shelf, [1, 1])
    keep(shelf, [2, 2])
    assert had(shelf, [1, 1]) == 2
    keep(shelf, [3, 3])
    assert [had(shelf, [first, first]) for first in (1, 2, 3)] == [2, 0, 2]


def test_files_make_room_too_and_those_of_other_models_count(tmp_path: Path) -> None:
    other = Shelf(tmp_path / "other", disk=200)
    keep(other, [5] * 20, lasting=True)
    other.save()
    shelf = Shelf(tmp_path / "model", disk=200)
    keep(shelf, [1] * 20, lasting=True)
    shelf.save()
    sizes = [path.stat().st_size for path in tmp_path.glob("*/*")]
    assert sum(sizes) <= 200
    assert had(Shelf(tmp_path / "model"), [1] * 20) == 20
    assert had(Shelf(tmp_path / "other"), [5] * 20) == 0


def test_another_process_finds_what_was_written_after_it_began(tmp_path: Path) -> None:
    early, late = Shelf(tmp_path / "model"), Shelf(tmp_path / "model")
    assert had(early, [1, 2]) == 0
    keep(late, [1, 2], lasting=True)
    keep(late, [1, 2, 3, 4], lasting=True)
    late.save()
    assert had(early, [1, 2, 3, 4]) == 4


def test_a_torn_or_changed_file_counts_as_none(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "model")
    keep(shelf, [1, 2, 3], lasting=True)
    shelf.save()
    (file,) = tmp_path.glob("model/*.kv")
    whole = file.read_bytes()
    for torn in (b"", whole[:5], whole[:-1], whole[:-1] + b"x", b"x" * len(whole)):
        file.write_bytes(torn)
        assert had(Shelf(tmp_path / "model"), [1, 2, 3]) == 0
    file.write_bytes(whole)
    assert had(Shelf(tmp_path / "model"), [1, 2, 3]) == 3


def test_a_file_that_is_gone_is_read_anew_with_what_follows_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "model")
    keep(shelf, [1, 2], lasting=True)
    keep(shelf, [1, 2, 3, 4], lasting=True)
    shelf.save()
    for path in tmp_path.glob("model/*.kv"):
        path.unlink()
    assert had(shelf, [1, 2, 3, 4]) == 0
    keep(shelf, [1, 2, 3, 4], lasting=True)
    assert had(shelf, [1, 2, 3, 4]) == 4


def test_files_are_for_the_user_alone(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "kv" / "model")
    keep(shelf, [1, 2], lasting=True)
    shelf.save()
    (file,) = tmp_path.glob("kv/model/*.kv")
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "kv").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path: Path) -> None:
    (tmp_path / "kv").write_text("a file in the way")
    shelf = Shelf(tmp_path / "kv" / "model")
    keep(shelf, [1, 2], lasting=True)
    shelf.save()
    assert had(shelf, [1, 2]) == 2


def test_a_way_leads_from_the_beginning() -> None:
    shelf = Shelf(None)
    first = shelf.add(None, [1], b"a", lasting=False)
    second = shelf.add(first, [2], b"b", lasting=False)
    assert [node.tokens.tolist() for node in second.way()] == [[1], [2]]
    assert Node(b"", np.empty(0, np.int32)).way() == []
