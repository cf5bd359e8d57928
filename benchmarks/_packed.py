"""One archive of the npm registry, by the user's own npm, kept in the cache by its hash."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from benchmarks._archives import on_host
from benchmarks._source import CaseError


def packed(cache: Path, package: str, version: str, sha256: str) -> Path:
    """Return an archive, loading it when it is missing; nothing of it is run. Raises CaseError."""
    folder = cache / "archives" / sha256
    for path in folder.glob("*.tgz"):
        return path
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as made:
        on_host(("npm", "pack", "--silent", f"{package}@{version}"), Path(made))
        brought = list(Path(made).glob("*.tgz"))
        if len(brought) != 1 or hashlib.sha256(brought[0].read_bytes()).hexdigest() != sha256:
            raise CaseError(f"npm brought something else than {package} {version}, {sha256[:12]}…")
        folder.mkdir(parents=True, exist_ok=True)
        return brought[0].replace(folder / brought[0].name)
