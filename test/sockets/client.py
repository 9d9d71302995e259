"""Opens sockets as it is told, a JSON list of steps a line, and answers with the list of what came of them; errors by name."""
import errno
import json
import socket
import sys

KINDS = {
    "tcp4": (socket.AF_INET, socket.SOCK_STREAM),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM),
    "udp4": (socket.AF_INET, socket.SOCK_DGRAM),
    "udp6": (socket.AF_INET6, socket.SOCK_DGRAM),
}
open_sockets = {}


def open_socket(name, kind):
    if name in open_sockets:
        open_sockets.pop(name).close()
    family, type_ = KINDS[kind]
    sock = socket.socket(family, type_)
    sock.settimeout(3)
    open_sockets[name] = sock


def show(address):
    host, port = address[:2]
    return f"{host} {port}"


def work(step):
    do, name, *rest = step
    if do == "open":
        return open_socket(name, *rest) or "ok"
    sock = open_sockets[name]
    if do == "close":
        return open_sockets.pop(name).close() or "ok"
    if do == "connect":
        return sock.connect((rest[0], rest[1])) or "ok"
    if do == "peer":
        return show(sock.getpeername())
    if do == "ask":  # One question and its answer, which a TCP server gives unasked.
        if sock.type == socket.SOCK_DGRAM:
            sock.send(b"?")
        return sock.recv(200).decode()
    if do == "send":
        return sock.send(b"?") and "ok"
    if do == "receive":
        return sock.recv(200).decode()
    if do == "askfrom":  # The same, with whom to ask, and who has answered.
        sock.sendto(b"?", (rest[0], rest[1]))
        data, address = sock.recvfrom(200)
        return f"{data.decode()} from {show(address)}"
    if do == "receivefrom":
        data, address = sock.recvfrom(200)
        return f"{data.decode()} from {show(address)}"
    if do == "sendto":
        return sock.sendto(b"?", (rest[0], rest[1])) and "ok"
    raise ValueError(do)


def attempt(step):
    try:
        return work(step)
    except socket.timeout:
        return "timeout"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


for line in sys.stdin:
    print(json.dumps([attempt(step) for step in json.loads(line)]), flush=True)
