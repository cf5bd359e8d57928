"""Opens the doors of a command's network, hands them out, and becomes the command.

Started inside the sandbox as `python -I -S -c SOURCE FD PROXY PORTS COMMAND…`. It listens on
loopback, which is the sandbox's own, and passes what it listens with over the socket FD to the
process outside, which takes the connections from then on: a listener belongs to the network that it
was made in, whoever holds it. So nothing of ours stays inside. PROXY is 1 where the programs are
told of a proxy; PORTS are those of loopback.
"""

import _signal  # type: ignore[import-not-found]  # `signal` builds enums for 8 ms
import _socket
import os
import sys

V4, V6, STREAM = 2, 10, 1
LOCAL = "localhost,127.0.0.1,::1"


def listen(out: "_socket.socket", port: int, word: str) -> int:
    """Listen on both loopback addresses, where there are both; return the port."""
    for family, address in ((V4, "127.0.0.1"), (V6, "::1")):
        try:
            door = _socket.socket(family, STREAM)
            if family == V6:
                door.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
            door.bind((address, port))
            door.listen(128)
        except OSError:
            if family == V4:
                raise
            break  # without IPv6
        number = door.fileno().to_bytes(4, sys.byteorder)
        out.sendmsg([word.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, number)])
        port = port or door.getsockname()[1]
    return port


def main() -> None:
    """Do it; whatever fails is told on the command's own output."""
    number, proxy, ports, *command = sys.argv[1:]
    out = _socket.socket(fileno=int(number))
    doing = "the sandbox's network"
    try:
        for port in filter(None, ports.split(",")):
            listen(out, int(port), "loopback")
        if proxy == "1":
            address = f"http://127.0.0.1:{listen(out, 0, 'proxy')}"
            for name in ("http_proxy", "https_proxy", "all_proxy"):
                os.environ[name] = os.environ[name.upper()] = address
            os.environ["no_proxy"] = os.environ["NO_PROXY"] = LOCAL
        out.close()
        for signal in (13, 25):  # Python ignores these, and the command would inherit that
            _signal.signal(signal, _signal.SIG_DFL)
        doing = command[0]
        os.execvp(doing, command)
    except OSError as error:
        os.write(2, f"{doing}: {error.strerror}\n".encode(errors="surrogateescape"))
        os._exit(126)


main()
