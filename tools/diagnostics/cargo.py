"""cargo check: build scripts and macros are programs of the project, so it runs code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from tools.diagnostics.base import Checker, Finding, Mark, Place, json_lines


class CargoCheck(Checker):
    """`cargo check` on the package of the file, of which what it says of the file is taken."""

    name = "cargo"
    languages = frozenset({"rust"})
    marks = (Mark("Cargo.toml"),)
    seconds = 10.0

    def arguments(self, place: Place) -> tuple[str, ...]:
        """Without the network; the sources cannot be written, nor can a lock file."""
        return ("check", "--message-format=json", "--quiet", "--offline")

    def variables(self, place: Place) -> Mapping[str, str]:
        """Name a folder of ours for what it makes: what is built once is not built again."""
        target = {"CARGO_TARGET_DIR": str(place.cache / "cargo-target")} if place.cache else {}
        return {"CARGO_TERM_COLOR": "never", **target}

    def read(self, output: str, place: Place) -> Iterator[Finding]:
        """Read what is said of this package; its paths begin at the top of the cargo workspace."""
        manifest = os.path.normpath(place.folder / "Cargo.toml")
        for line in json_lines(output):
            if line["reason"] != "compiler-message" or line["manifest_path"] != manifest:
                continue
            said = line["message"]
            code = (said["code"] or {}).get("code", "")
            for span in said["spans"]:
                if span["is_primary"] and f"/{span['file_name']}".endswith(f"/{place.path}"):
                    grave = said["level"] == "error"
                    yield Finding(span["line_start"], said["message"], code, grave)
                    break

    def spoke(self, exit_code: int, output: str) -> bool:
        """Whether it came as far as the compiler."""
        return '"reason":"build-finished"' in output
