"""The ground that attacks start from; nothing of pytest, so that it also serves outside of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

START = "it started"


@dataclass
class Ground:
    """`top` holds the workspace `root`, the `home`, and a folder `outside` of both."""

    top: Path
    root: Path = field(init=False)
    home: Path = field(init=False)
    outside: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root, self.home, self.outside = (self.top / n for n in ("work", "home", "outside"))
        for folder in (self.root / ".git" / "hooks", self.home / ".ssh", self.outside):
            folder.mkdir(parents=True)
        (self.root / ".git" / "config").write_text("[core]\n")
        (self.home / ".ssh" / "id").write_text("private key")
        (self.home / ".netrc").write_text("password")
        (self.home / ".bashrc").write_text("# mine\n")
        (self.outside / "file").write_text("as it was")

    def unharmed(self) -> bool:
        """Whether everything outside the workspace is as it was."""
        files = sorted(str(path.relative_to(self.outside)) for path in self.outside.rglob("*"))
        return (
            files == ["file"]
            and (self.outside / "file").read_text() == "as it was"
            and (self.home / ".bashrc").read_text() == "# mine\n"
            and sorted(path.name for path in self.home.iterdir()) == [".bashrc", ".netrc", ".ssh"]
        )
