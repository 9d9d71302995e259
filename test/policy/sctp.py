"""Sockets of SCTP in many network namespaces at once. The first line of standard input is a list of servers [NETNS, ADDRESS, PORT]; each
further line a list of connections [NETNS, OWN ADDRESS, ADDRESS, PORT], answered with a list of "open", "silent" or an error's name."""
import ctypes
import errno
import json
import select
import socket
import struct
import sys
import time

SCTP = 132
CLONE_NEWNET = 0x40000000
# As long as nobody must answer; the processor is emulated.
SILENT_SECONDS = 0.6
LINGER_NOT = struct.pack("ii", 1, 0)

libc = ctypes.CDLL(None, use_errno=True)


def make_socket(netns, address):
    """One whose only address is its own: associations would name all of the host's."""
    with open(netns) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), netns)
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, SCTP)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    return made


def listen(netns, address, port):
    server = make_socket(netns, address)
    server.bind((address, port))
    server.listen(200)
    return server


def connect(netns, own, address, port):
    client = make_socket(netns, own)
    client.bind((own, 0))
    error = client.connect_ex((address, port))
    return client, error


def result_of(error):
    return "open" if error == 0 else errno.errorcode.get(error, str(error))


def try_all(connections):
    results = ["silent"] * len(connections)
    waiting = {}
    poll = select.poll()
    made = [connect(*each) for each in connections]
    for index, (client, error) in enumerate(made):
        if error == errno.EINPROGRESS:
            waiting[client.fileno()] = (index, client)
            poll.register(client, select.POLLOUT)
        else:
            results[index] = result_of(error)
    end = time.monotonic() + SILENT_SECONDS
    while waiting and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            index, client = waiting.pop(number)
            poll.unregister(number)
            results[index] = result_of(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    for client, _ in made:
        client.close()
    return results


def forget_clients(servers):
    for server in servers:
        try:
            while True:
                server.accept()[0].close()
        except OSError:
            pass


servers = [listen(*each) for each in json.loads(sys.stdin.readline())]
for line in sys.stdin:
    print(json.dumps(try_all(json.loads(line))), flush=True)
    forget_clients(servers)
