"""What a model left in a copy of the tree, as a candidate: what of it may be part of a repair.

Tests and what configures them are not, nor what git ignores, links, and what is no text. Tests that
stand in a source are put back as they were.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from agent.originals import deciding
from agent.repair import plant
from agent.repair.candidates import REACHING, Candidate, Refused, shape
from agent.repair.localise import Suspect
from agent.repair.trial import written
from sandbox.names import raw
from sandbox.walking import is_ignored
from sandbox.workspace import PathError, Workspace
from tools import symbols
from tools.base import ToolError
from tools.diffs import unified
from tools.inner_tests import inner_tests, restored
from tools.languages import language_of
from tools.textfile import NotText, TextFile, unified_newlines

LARGEST = 1 << 20  # bytes of one file
MOST_FILES = 50
NAMED = 5  # files that are named in a refusal
# modules with these names would be loaded in place of what runs the tests
NOT_A_NAME = frozenset({*sys.stdlib_module_names, "_pytest", "pluggy", "iniconfig"})


@dataclass
class Leavings:
    """The files that were changed and may be, and by reason those that may not."""

    before: dict[str, str | None] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # path -> why

    @property
    def told(self) -> str:
        """What was left out, in a few words for the model; empty when nothing was."""
        named = [f"{path} ({why})" for path, why in self.left_out.items()]
        return ", ".join(named[:NAMED]) + (", …" if named[NAMED:] else "")

    @property
    def lean(self) -> dict[str, str | None]:
        """The changes without new files; the same where there is none, or nothing else."""
        kept = {path: text for path, text in self.after.items() if self.before[path] is not None}
        return kept or self.after


def gather(
    files: Workspace,
    there: Workspace,
    touched: Sequence[str],
    command: str,
    tests: Collection[str],
) -> Leavings:
    """Return what differs `there`, in the copy, of the files that were `touched`.

    `command` is the check's, `tests` are the ids that it reported. Raises Refused where a test that
    stands in a source is gone, or where so many files were changed that it is no repair.
    """
    found = Leavings()
    kept, were = set(there.walk()), set(files.walk())
    for path in touched:
        if is_ignored(files.root, tuple(raw(path).split("/"))):
            continue
        try:
            gone = there.kind(path) == "missing"
            if path not in (were if gone else kept):
                continue
            new, old = None if gone else _text(there, path), _text(files, path)
            why = files.protected(path)
        except (NotText, PathError) as odd:
            found.left_out[path] = str(odd)
            continue
        if deciding((path,), command, tests):
            why = "a test, or what configures tests"
        if why and new != old:
            found.left_out[path] = why
        elif (text := _with_its_tests(path, old, new, tests)) != old:
            found.before[path], found.after[path] = old, text
    if len(found.after) > MOST_FILES:
        raise Refused(f"{len(found.after)} files were changed; a repair changes few")
    return found


def candidate_of(
    files: Workspace, found: Leavings, after: Mapping[str, str | None], known: Sequence[Suspect]
) -> Candidate:
    """Return what was left as a candidate, or the part of it that is `after`; raises Refused.

    `known` are the suspects, the likeliest first.
    """
    if not after:
        why = "nothing was changed"
        raise Refused(f"{why} but what is no part of a repair: {found.told}" if found.told else why)
    before = {path: found.before[path] for path in after}
    suspects: list[Suspect] = []
    loose: list[str] = []
    for path, text in after.items():
        old = before[path]
        _gate(files, path, old, text)
        if old is None:
            continue
        changed = list(_changed(path, old, text or ""))
        suspects += [Suspect(path, each, old, 0.0, "changed") for each in changed]
        elsewhere = text is not None and _beside(path, old) != _beside(path, text)
        if elsewhere and plant.planted_at_end(path, old):
            loose.append(path)
    if not suspects and not loose:
        raise Refused(f"nothing was changed that tests can be seen to run: {', '.join(after)}")
    ranks = {each.key: rank for rank, each in enumerate(known)}
    of_known = {each.key: each for each in known}
    suspects = [of_known.get(each.key, each) for each in suspects]
    suspects.sort(key=lambda each: ranks.get(each.key, len(ranks)))
    diff = "".join(patch(path, before[path], text) for path, text in after.items())
    return Candidate(before, dict(after), tuple(suspects), diff, tuple(loose))


def patch(path: str, before: str | None, after: str | None) -> str:
    """Return the unified diff of one file, as `git apply` takes it, also for new and gone ones."""
    found = unified(path, before or "", after or "")
    if before is None:
        found = found.replace(f"--- a/{path}\n", "--- /dev/null\n", 1)
    if after is None:
        found = found.replace(f"+++ b/{path}\n", "+++ /dev/null\n", 1)
    return found


def _gate(files: Workspace, path: str, old: str | None, text: str | None) -> None:
    """Refuse before any test runs: what does not parse, or reaches for the test machinery."""
    if text is None:
        return
    if errors := symbols.new_errors(path, old or "", text):
        raise Refused(f"{path}, line {errors[0].line} does not parse: {errors[0].message}")
    words = text if old is not None else f"{path}\n{text}"
    brought = Counter(REACHING.findall(words)) - Counter(REACHING.findall(old or ""))
    if brought and language_of(path, text) is not None:
        raise Refused(f"brings in `{min(brought)}`, which no repair needs: {path}")
    try:
        if old is None and path.endswith(".py") and _shadows(files, path):
            raise Refused(f"a new file is called like a module that runs the tests: {path}")
        above = [str(each) for each in PurePosixPath(path).parents][:-1]
        if files.kind(path) == "directory" or any(files.kind(each) == "file" for each in above):
            raise Refused(f"puts a file in a folder's place, or a folder in a file's: {path}")
        written(files, path, text)
    except (ToolError, PathError) as odd:
        raise Refused(f"{path}: {odd}") from odd


def _shadows(files: Workspace, path: str) -> bool:
    """Whether a new module, outside of packages, would be found before the one of its name."""
    *folders, name = path.removesuffix(".py").split("/")
    for depth, part in enumerate((*folders, name)):
        package = "/".join([*folders[:depth], "__init__.py"])
        if part in NOT_A_NAME and (not depth or files.kind(package) == "missing"):
            return True
    return False


def _text(files: Workspace, path: str) -> str | None:
    """Return a file's text, None where there is none; raises NotText, also for one too large."""
    if files.kind(path) != "file":
        return None
    view = files.read(path, LARGEST)
    if view.truncated:
        raise NotText("too large")
    return unified_newlines(TextFile.decode(view.data).text)


def _with_its_tests(
    path: str, old: str | None, new: str | None, tests: Collection[str]
) -> str | None:
    """Return the new text with the tests in it as they were; raises Refused where one is gone."""
    if old is None:
        return new
    ids = (test.removeprefix(f"{path}::") for test in tests if test.startswith(f"{path}::"))
    known = {each.partition("[")[0].replace("::", ".") for each in ids}
    if new is None:
        back = None if inner_tests(path, old, known) else ""
    else:
        back = restored(path, new, old, known)
    if back is None:
        raise Refused(f"takes away a test that stands in {path}")
    return None if new is None else back


def _changed(path: str, old: str, new: str) -> Iterator[symbols.Symbol]:
    """Yield the old functions that are not there any more as they were."""
    there = {(each.name, shape(path, new[each.start : each.end])) for each in _functions(path, new)}
    for each in _functions(path, old):
        if (each.name, shape(path, old[each.start : each.end])) not in there:
            yield each


def _beside(path: str, text: str) -> str:
    """Return what stands beside the functions of a file, and how these are called."""
    parts, at = [], 0
    for each in _functions(path, text):
        if each.start >= at:
            parts += [text[at : each.start], each.name]
            at = each.end
    return re.sub(r"\s+", " ", "".join([*parts, text[at:]])).strip()


def _functions(path: str, text: str) -> list[symbols.Symbol]:
    if language_of(path, text) is None:
        return []
    found = [
        each for each in symbols.definitions(path, text) if each.kind in ("function", "method")
    ]
    return sorted(found, key=lambda each: each.start)
