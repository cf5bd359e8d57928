"""The process that holds a local model for all sessions of its user, and outlives each of them.

Standard input says once what to load and where to listen. The process that was started goes on as
one that is nobody's child, in a session of its own; the first only waits until that listens, and
says so by its status. It ends when nobody asked anything for a while, and when it is told to.

Run as a file (`python -I _shared_host.py`), so it adds the folder of its own package to the path.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.models._berth import Card

_LOG_BYTES = 1 << 16  # of hosts before this one; more are not kept


def main() -> None:
    """Take the place, load, and serve."""
    os.umask(0o077)
    settings = json.loads(sys.stdin.buffer.read())
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from agent.models._berth import LISTENS, TAKEN, Berth, Card
    from agent.models._sharing import Sharing

    told = _alone()
    card = Card.take(Berth(Path(settings["folder"]), settings["name"]))
    if card is None:
        os.write(told, bytes([TAKEN]))
        return
    _begin_log(card)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    listener = _listening(card)
    os.write(told, bytes([LISTENS]))
    os.close(told)
    sharing = Sharing(
        listener, card, settings["identity"], settings["model"], float(settings["idle"])
    )
    sharing.start()
    from agent.models._host import loaded

    host = loaded(settings["identity"])
    if isinstance(host, dict):
        sharing.failed(host)
    else:
        sharing.opened(host.ready)
        host.serve(sharing.take)
    card.remove()
    os._exit(0)  # threads still read


def _alone() -> int:
    """Go on as nobody's child; return where to write what the first process ends with."""
    heard, told = os.pipe()
    if os.fork():
        os.close(told)
        word = os.read(heard, 1)
        os._exit(word[0] if word else 1)
    os.close(heard)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return told


def _begin_log(card: Card) -> None:
    """Begin a part of the log that sessions find by our number, also for a crash in C."""
    if os.fstat(2).st_size > _LOG_BYTES:
        os.ftruncate(2, 0)
    os.write(2, f"host {os.getpid()}\n".encode())
    faulthandler.enable()


def _listening(card: Card) -> socket.socket:
    """Listen where a host that is gone may have left its socket."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    card.berth.socket.unlink(missing_ok=True)
    listener.bind(str(card.berth.socket))
    listener.listen(64)
    return listener


if __name__ == "__main__":
    main()
