// A process of tests that moves many bytes over TCP: bun test/bulk.ts serve PORT, or bun test/bulk.ts ask ADDRESS PORT UP DOWN, which sends
// UP bytes, gets DOWN bytes back once all are there, and prints how many it got.

const headerBytes = 8;
const [role, ...rest] = process.argv.slice(2);

/** Writes as much as the socket takes, and goes on when it takes more. */
class Sending {
  #left: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#left = bytes;
  }

  /** Whether all is written. */
  go(socket: Bun.Socket<unknown>): boolean {
    this.#left = this.#left.subarray(socket.write(this.#left));
    return this.#left.length === 0;
  }
}

type Serving = { header: number[]; missing: number; answer: Sending | undefined };

function serve(port: number): void {
  Bun.listen<Serving>({
    hostname: "::",
    port,
    socket: {
      open: (socket) => {
        socket.data = { header: [], missing: Number.NaN, answer: undefined };
      },
      data(socket, bytes) {
        const { data } = socket;
        const ofHeader = Math.min(bytes.length, headerBytes - data.header.length);
        data.header.push(...bytes.subarray(0, ofHeader));
        if (data.header.length < headerBytes) return;
        const view = new DataView(Uint8Array.from(data.header).buffer);
        if (Number.isNaN(data.missing)) data.missing = view.getUint32(0);
        data.missing -= bytes.length - ofHeader;
        if (data.missing > 0) return;
        data.answer = new Sending(new Uint8Array(view.getUint32(4)));
        if (data.answer.go(socket)) socket.end();
      },
      drain(socket) {
        if (socket.data.answer?.go(socket) === true) socket.end();
      },
    },
  });
  process.stdout.write("listening\n");
}

async function ask(hostname: string, port: number, up: number, down: number): Promise<void> {
  const bytes = new Uint8Array(headerBytes + up);
  new DataView(bytes.buffer).setUint32(0, up);
  new DataView(bytes.buffer).setUint32(4, down);
  const sending = new Sending(bytes);
  let got = 0;
  const ended = Promise.withResolvers<void>();
  await Bun.connect({
    hostname,
    port,
    socket: {
      open: (socket) => void sending.go(socket),
      drain: (socket) => void sending.go(socket),
      data: (_socket, part) => {
        got += part.length;
      },
      close: () => ended.resolve(),
      end: () => ended.resolve(),
      error: () => ended.resolve(),
    },
  });
  await ended.promise;
  process.stdout.write(`${got}\n`);
  process.exit(0);
}

if (role === "serve") serve(Number(rest[0]));
else await ask(rest[0] ?? "", Number(rest[1]), Number(rest[2]), Number(rest[3]));

export {};
