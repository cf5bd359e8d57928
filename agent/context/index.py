"""The index of a repository: definitions and words of each source, kept in a file of our cache.

It is brought up to date before it is asked: a file whose time is the same is not read, one whose
content is the same is not parsed. While it is being built it answers with what it has.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.context import reading
from agent.context.reading import Said
from agent.context.tags import Definition, wanted
from agent.models._cores import FreeCores
from sandbox.workspace import Workspace

MAX_FILES = 100_000  # sources of one repository
WALK = (
    5.0  # seconds for looking which sources there are; 200,000 files, 50,000 of them sources: 1.5
)
PATIENCE = 2.0  # seconds for another process that writes
BATCH = 200  # files whose tags are written together
AT_ONCE = 500  # values of one question
COMMON_NAME = 20  # definitions of one name, above which a word refers to none of them
_FORM = """
create table files(
  id integer primary key, path text unique, changed integer, digest blob,
  words blob, code blob, length integer);
create table definitions(
  id integer primary key, file integer, word integer, name text, kind text, line integer,
  last integer, head text, pull real);
create table words(id integer primary key, word text);
create table uses(word integer, file integer, count integer, primary key(word, file)) without rowid;
create table central(id integer primary key, file integer, weight real);
create index definitions_by_word on definitions(word, file);
create index definitions_by_file on definitions(file);
"""
# how often a name stands in other files, shared among those who bear it
_CENTRAL = """
with shared as (
  select word, count(*) bearers from definitions where pull > 0 group by word having bearers <= ?)
select d.id, d.file, d.pull * sum(min(u.count, 4)) / s.bearers as weight
from shared s join definitions d on d.word = s.word join uses u on u.word = s.word
where u.file <> d.file and d.pull > 0 group by d.id order by weight desc limit ?
"""
VERSION = 2


@dataclass(frozen=True, slots=True)
class State:
    """How far an index is: sources there are, those that are in it, those that were read anew.

    There are `more` than these where the time did not do to look for all, or there are too many.
    """

    files: int
    known: int
    read: int
    more: bool = False

    @property
    def partial(self) -> bool:
        """Whether something is not in it yet."""
        return self.more or self.known < self.files

    @property
    def told(self) -> str:
        """What is to be said of that; empty where all is there."""
        if not self.partial:
            return ""
        more = "more than " if self.more else ""
        return f"[… partial: {self.known:,} of {more}{self.files:,} sources were read so far …]"


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition in the index."""

    id: int
    file: int
    word: int
    definition: Definition


def place_of(workspace: Workspace, cache: Path) -> Path:
    """Return the file that the index of a workspace is in, below our cache."""
    name = hashlib.blake2b(str(workspace.root).encode(errors="replace"), digest_size=12)
    return cache / "maps" / f"{name.hexdigest()}.db"


class Index:
    """The index of one repository; it belongs to the thread that opened it."""

    def __init__(self, place: Path) -> None:
        """Open the index in a file, which is made anew where it is none of ours.

        Where no file can be had it is in memory, for this once.
        """
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._open(str(place))
        except (OSError, sqlite3.OperationalError):
            self._open(":memory:")
        except sqlite3.DatabaseError:
            place.unlink(missing_ok=True)
            self._open(str(place))

    @classmethod
    @contextlib.contextmanager
    def of(cls, workspace: Workspace, cache: Path) -> Iterator[Index]:
        """Open the index of a workspace below our cache."""
        index = cls(place_of(workspace, cache))
        try:
            yield index
        finally:
            index.close()

    def _open(self, place: str) -> None:
        self._base = sqlite3.connect(place, isolation_level=None, timeout=PATIENCE)
        self._base.execute("pragma journal_mode=wal")
        self._base.execute("pragma synchronous=off")  # what is lost is read again
        (version,) = self._base.execute("pragma user_version").fetchone()
        if version == VERSION:
            return
        with contextlib.suppress(sqlite3.OperationalError):
            for (name,) in self._base.execute(
                "select name from sqlite_master where type = 'table'"
            ).fetchall():
                self._base.execute(f"drop table {name}")
        self._base.executescript(f"begin;{_FORM}pragma user_version = {VERSION};commit;")

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    # -- bringing it up to date

    def update(
        self,
        workspace: Workspace,
        until: float = float("inf"),
        *,
        most: int = MAX_FILES,
        cores: Callable[[], int] | None = None,
    ) -> State:
        """Read what is new or changed, until a time of the monotonic clock; say how far it is.

        Looking for sources takes WALK seconds at most, or until that time. It ends sooner where
        nothing can be written: another process does, or the disk is full. It looks at no more than
        `most` sources, and reads on as many `cores` as nobody else uses.
        """
        cores = cores or FreeCores().choose
        known = {
            path: (number, changed)
            for number, path, changed in self._base.execute("select id, path, changed from files")
        }
        new: list[str] = []
        old: list[str] = []
        found = _Sources(workspace, max(until, time.monotonic() + WALK), most)
        with workspace.stamps() as stamp:
            for path in found:
                was = known.pop(path, None)
                if was is None:
                    new.append(path)
                elif was[1] != stamp(path)[0]:
                    old.append(path)
        stale = [*((path, b"") for path in new), *self._digests(old)]
        fresh = set(new)
        read = 0
        with contextlib.suppress(sqlite3.OperationalError):
            if found.whole:
                self._forget(number for number, _ in known.values())
            with contextlib.closing(reading.read(workspace, stale, until, cores)) as said:
                while part := list(islice(said, BATCH)):
                    self._take(part)
                    read += len(part)
                    fresh -= {each.path for each in part}
        return State(found.count, found.count - len(fresh), read, more=not found.whole)

    def _digests(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for path in paths:
            row = self._base.execute("select digest from files where path = ?", (path,)).fetchone()
            yield path, row[0] if row else b""

    def _forget(self, files: Iterable[int]) -> None:
        rows = [(number,) for number in files]
        if not rows:
            return
        with self._writing():
            for (number,) in rows:
                self._drop(number)
            self._base.executemany("delete from files where id = ?", rows)

    def _drop(self, number: int) -> None:
        """Take out what a file said."""
        found = self._base.execute("select words from files where id = ?", (number,)).fetchone()
        if found is not None:
            words = array("q", found[0])
            pairs = [(word, number) for word in words]
            self._base.executemany("delete from uses where word = ? and file = ?", pairs)
        self._base.execute("delete from definitions where file = ?", (number,))

    def _take(self, every: Sequence[Said]) -> None:
        """Write what some files say."""
        uses: list[tuple[int, int, int]] = []
        with self._writing():
            for said in every:
                number = self._put(said)
                pairs = zip(array("q", said.words), array("I", said.uses), strict=True)
                uses += [(word, number, count) for word, count in pairs]
                self._base.executemany("insert or ignore into words values (?, ?)", said.new)
            self._base.execute("delete from central")
            # in the order of the table: each page is written once
            self._base.executemany("insert or replace into uses values (?, ?, ?)", sorted(uses))

    def _put(self, said: Said) -> int:
        """Write what one file says, but for its uses; return its number."""
        row = self._base.execute("select id from files where path = ?", (said.path,)).fetchone()
        if row is not None and said.same:
            self._base.execute("update files set changed = ? where id = ?", (said.changed, row[0]))
            return int(row[0])
        values = (said.changed, said.digest, said.words, said.code, sum(array("I", said.uses)))
        if row is None:
            fields = "path, changed, digest, words, code, length"
            sql = f"insert into files({fields}) values (?, ?, ?, ?, ?, ?)"
            number = self._base.execute(sql, (said.path, *values)).lastrowid or 0
        else:
            number = int(row[0])
            self._drop(number)
            fields = "changed = ?, digest = ?, words = ?, code = ?, length = ?"
            self._base.execute(f"update files set {fields} where id = ?", (*values, number))
        self._base.executemany(
            "insert into definitions(file, word, name, kind, line, last, head, pull)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (number, word, name, kind, line, last, head, pull)
                for word, name, kind, line, last, head, pull in said.definitions
            ],
        )
        return number

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self._base.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._base.execute("rollback")
            raise
        self._base.execute("commit")

    # -- what it knows

    def paths(self) -> dict[int, tuple[str, int]]:
        """Return the path of each file, and how many words it has."""
        rows = self._base.execute("select id, path, length from files")
        return {number: (path, length) for number, path, length in rows}

    def words_like(self, part: str) -> list[tuple[int, str]]:
        """Return the words that contain a part, whatever its case."""
        pattern = part.replace("_", r"\_").replace("%", "")
        sql = r"select id, word from words where word like ? escape '\'"
        return self._base.execute(sql, (f"%{pattern}%",)).fetchall()

    def uses(self, words: Iterable[int]) -> dict[int, int]:
        """Return how often any of these words stands in each file that has one."""
        found: dict[int, int] = {}
        for part in _parts(words):
            sql = f"select file, sum(count) from uses where word in ({_marks(part)}) group by file"
            for file, count in self._base.execute(sql, part):
                found[file] = found.get(file, 0) + count
        return found

    def spread(self, word: int, most: int) -> int:
        """Return in how many files a word stands, counted up to `most`."""
        sql = "select count(*) from (select 1 from uses where word = ? limit ?)"
        return int(self._base.execute(sql, (word, most)).fetchone()[0])

    def words_of(self, file: int) -> dict[int, int]:
        """Return how often each word stands in the code of a file, without comments and strings."""
        sql = "select words, code from files where id = ?"
        row = self._base.execute(sql, (file,)).fetchone()
        pairs = zip(array("q", row[0]), array("I", row[1]), strict=True) if row else ()
        return {word: count for word, count in pairs if count}

    def places(self, words: Iterable[int]) -> list[tuple[int, int, int, float]]:
        """Return (word, file, definition, pull) for each definition called by one of these."""
        found: list[tuple[int, int, int, float]] = []
        for part in _parts(words):
            sql = f"select word, file, id, pull from definitions where word in ({_marks(part)})"
            found += self._base.execute(sql, part).fetchall()
        return found

    def named_like(self, part: str) -> list[tuple[str, str, int]]:
        """Return (name, path, line) of definitions whose own name contains a part, shorter first.

        At most those of `AT_ONCE` names; none that stand in a function.
        """
        words = sorted(self.words_like(part), key=lambda row: (len(row[1]), row[1]))[:AT_ONCE]
        sql = (
            "select d.name, f.path, d.line from definitions d join files f on f.id = d.file"
            f" where d.pull > 0 and d.word in ({_marks(words)}) order by length(d.name), f.path"
        )
        return self._base.execute(sql, [number for number, _ in words]).fetchmany(AT_ONCE)

    def central(self, most: int) -> list[tuple[int, int, float]]:
        """Return (definition, file, weight) for what other files name most, the first `most`."""
        rows = "select id, file, weight from central order by weight desc"
        found = self._base.execute(rows).fetchmany(most)
        if not found:
            found = self._base.execute(_CENTRAL, (COMMON_NAME, most)).fetchall()
            with contextlib.suppress(sqlite3.OperationalError), self._writing():
                self._base.executemany("insert or ignore into central values (?, ?, ?)", found)
        return found

    def defined_in(self, file: int) -> list[Defined]:
        """Return what a file defines, in its order."""
        sql = (
            "select id, word, name, kind, line, last, head, pull = 0 from definitions"
            " where file = ? order by line, last desc"
        )
        return [
            Defined(number, file, word, Definition(name, kind, line, last, head, bool(inner)))
            for number, word, name, kind, line, last, head, inner in self._base.execute(
                sql, (file,)
            )
        ]


class _Late(Exception):
    """The time is up."""


class _Sources:
    """The sources of a workspace, as they are walked, and whether these are all."""

    def __init__(self, workspace: Workspace, until: float, most: int) -> None:
        self._workspace = workspace
        self._until = until
        self._most = most
        self.count = 0
        self.whole = True

    def __iter__(self) -> Iterator[str]:
        try:
            for path in self._workspace.walk(entered=self._entered):
                if not wanted(path):
                    continue
                if self.count == self._most:
                    self.whole = False
                    return
                self.count += 1
                yield path
        except _Late:
            self.whole = False

    def _entered(self, folder: str) -> None:
        if time.monotonic() >= self._until:
            raise _Late


def _parts(values: Iterable[int]) -> Iterator[list[int]]:
    every = list(values)
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
