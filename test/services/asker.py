# Asks services from where it runs: a question a line of standard input, its answers a line of standard output, both JSON.
#
#   {"do": "ask", "protocol": "tcp", "host": "10.96.0.20", "port": 80, "least": 4, "most": 60, "distinct": 3, "timeout": 1.0}
#       Connections one after the other: `least` of them, and more until `distinct` ones have answered; at most `most`.
#       "path": of an HTTP request, "size": of a datagram.
#   {"do": "keep", "name": "x", "host": …, "port": …}     a connected UDP socket, for "say"
#   {"do": "say", "name": "x", "timeout": 1.0}            a datagram on it
#   {"do": "resolve", "host": "web.default"}              addresses and canonical name
#   {"do": "watch", "device": "eth0"}                     packets from now on, for "seen"
#   {"do": "seen", "port": 30080}                         how many TCP packets over IPv4 were to ("in") and from ("out") this port
#
# An answer is what the stand-in tells of itself and its caller, or {"error": WORD}.

import errno, json, socket, struct, sys

WORDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "aborted",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EDESTADDRREQ: "disconnected",
    errno.EMSGSIZE: "too big",
    errno.EPERM: "forbidden",
}
kept = {}
watched = {}


def word_of(error):
    if isinstance(error, socket.timeout):
        return "silent"
    if isinstance(error, socket.gaierror):
        return "unknown"
    return WORDS.get(error.errno, str(error))


def connect(question, kind):
    found = socket.getaddrinfo(question["host"], question["port"], type=kind)
    family, _, _, _, place = found[0]
    connection = socket.socket(family, kind)
    connection.settimeout(question.get("timeout", 1.0))
    if "from_port" in question:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind(("", question["from_port"]))
    connection.connect(place)
    return connection


def ask_tcp(question):
    with connect(question, socket.SOCK_STREAM) as connection:
        peer = connection.getpeername()[0]
        request = "GET %s HTTP/1.0\r\nx-padding: %s\r\n\r\n" % (question.get("path", "/"), "x" * question.get("size", 0))
        connection.sendall(request.encode())
        text = b""
        while True:
            some = connection.recv(65536)
            if not some:
                break
            text += some
    head, _, body = text.partition(b"\r\n\r\n")
    if not body:
        raise ConnectionResetError(errno.ECONNRESET, "closed without an answer")
    return {**json.loads(body), "status": int(head.split(b" ", 2)[1]), "peer": peer}


def ask_udp(question):
    with connect(question, socket.SOCK_DGRAM) as connection:
        connection.send(b"x" * question.get("size", 6))
        return {**json.loads(connection.recv(65536)), "peer": connection.getpeername()[0]}


def ask(question):
    one = ask_tcp if question["protocol"] == "tcp" else ask_udp
    answers = []
    while len(answers) < question["most"]:
        try:
            answers.append(one(question))
        except OSError as error:
            answers.append({"error": word_of(error)})
        distinct = {each.get("pod") for each in answers}
        if len(answers) >= question["least"] and len(distinct) >= question["distinct"]:
            break
    return answers


def keep(question):
    before = kept.pop(question["name"], None)
    if before:
        before.close()
    kept[question["name"]] = connect(question, socket.SOCK_DGRAM)
    return []


def say(question):
    connection = kept[question["name"]]
    connection.settimeout(question.get("timeout", 1.0))
    connection.send(b"hello\n")
    return [json.loads(connection.recv(65536))]


def resolve(question):
    found = socket.getaddrinfo(question["host"], None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    return [{"addresses": sorted(place[0] for _, _, _, _, place in found), "name": found[0][3]}]


def watch(question):
    watched["socket"] = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
    watched["socket"].bind((question["device"], 0))
    return []


def seen(question):
    counts = {"in": 0, "out": 0}
    with watched.pop("socket") as packets:
        packets.setblocking(False)
        while True:
            try:
                packet, (_, _, kind, _, _) = packets.recvfrom(256)
            except BlockingIOError:
                return [counts]
            if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
                continue
            source, destination = struct.unpack_from("!HH", packet, (packet[0] & 15) * 4)
            if question["port"] in (source, destination):
                counts["out" if source == question["port"] else "in"] += 1


DO = {"ask": ask, "keep": keep, "say": say, "resolve": resolve, "watch": watch, "seen": seen}

for line in sys.stdin:
    question = json.loads(line)
    try:
        answers = DO[question["do"]](question)
    except OSError as error:
        answers = [{"error": word_of(error)}]
    except (KeyError, ValueError) as error:
        answers = [{"error": repr(error)}]
    print(json.dumps(answers), flush=True)
