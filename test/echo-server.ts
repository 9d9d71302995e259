// A process of tests: answers each TCP connection or UDP datagram with its own name and the address it sees the client under.
// Arguments: tcp|udp PORT NAME

const [protocol, port, name] = process.argv.slice(2);

function answer(address: string): string {
  return `${name} ${address.replace("::ffff:", "")}\n`;
}

if (protocol === "udp") {
  await Bun.udpSocket({
    hostname: "::",
    port: Number(port),
    socket: { data: (socket, _data, fromPort, address) => void socket.send(answer(address), fromPort, address) },
  });
} else {
  Bun.listen({
    hostname: "::",
    port: Number(port),
    socket: { open: (socket) => void socket.end(answer(socket.remoteAddress)), data: () => {} },
  });
}
process.stdout.write("listening\n");

export {};
