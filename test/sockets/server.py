"""Answers at each address given, by TCP and UDP, with that address: server.py PORT ADDRESS..."""
import selectors
import socket
import sys

port, *addresses = sys.argv[1:]
selector = selectors.DefaultSelector()
connections = []


def accept(listener, name):
    connection, _ = listener.accept()
    connection.send(name)
    connections.append(connection)


def answer(sock, name):
    _, address = sock.recvfrom(200)
    sock.sendto(name, address)


for name in addresses:
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    for type_, serve in ((socket.SOCK_STREAM, accept), (socket.SOCK_DGRAM, answer)):
        sock = socket.socket(family, type_)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((name, int(port)))
        if type_ == socket.SOCK_STREAM:
            sock.listen(64)
        selector.register(sock, selectors.EVENT_READ, (serve, name.encode()))
print("listening", flush=True)
while True:
    for key, _ in selector.select():
        serve, name = key.data
        serve(key.fileobj, name)
