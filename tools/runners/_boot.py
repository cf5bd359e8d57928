"""Begins a signed run, in the project's own interpreter (Python 3.8 and later, stdlib only).

Executed with `header` given: the key, the report's path, and the script to go on with.
"""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors
# ruff: noqa: PTH109

import hashlib
import hmac
import json
import os
import sys


def _recorder(key, path):
    """Return the function that signs and appends one record; the key is known only to it."""
    # kept by their own names: tests replace functions of os, json and hmac
    dumps, new, sha256 = json.dumps, hmac.new, hashlib.sha256
    open_, write, close, getpid = os.open, os.write, os.close, os.getpid
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    owner = getpid()
    before = [b""]

    def record(**fields):
        if getpid() != owner:
            return  # a test forked; the child's story is not the run's
        payload = dumps(fields).encode("ascii")
        before[0] = new(key, before[0] + payload, sha256).hexdigest().encode("ascii")
        # opened anew each time: tests close descriptors that they do not own
        fd = open_(path, flags, 0o600)
        try:
            data = before[0] + b" " + payload + b"\n"
            while data:
                data = data[write(fd, data) :]
        finally:
            close(fd)

    return record


def _begin(header):
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lives as long as the process
    sys.path[0] = os.getcwd()  # as `python -m` has it
    record = _recorder(bytes.fromhex(header.pop("key")), header.pop("report"))
    namespace = {"__name__": "wisp_run"}
    exec(compile(header.pop("script"), "<wisp>", "exec"), namespace)
    return namespace["main"](record, header)


sys.exit(_begin(globals().pop("header")))
