// Connections that must not break, run inside of a pod: bun test/connection-load.ts HOST:PORT …
// To each place that says lines back one connection stays and new ones are made all the time. It prints `started` as soon as those
// that stay have had an answer, and at the end of its standard input a `LoadReport`.

export type LoadReport = {
  /** Lines that came back over connections that stayed. */
  readonly lines: number;
  /** Connections that were made, answered, and closed. */
  readonly made: number;
  /** What went wrong, a sentence each. */
  readonly faults: readonly string[];
};

/** The kernel repeats what was lost after 1, 3 and 7 seconds. */
const patienceMs = 8_000;
const pauseMs = 10;
const maxFaults = 20;

const places = process.argv.slice(2);
const faults: string[] = [];
let [lines, made, staying] = [0, 0, 0];
let isOver = false;

/** One connection: lines go there and come back. */
class Echo {
  #socket: Bun.Socket | undefined;
  #answer = Promise.withResolvers<string>();

  private constructor() {}

  static async connect(place: string): Promise<Echo> {
    const colon = place.lastIndexOf(":");
    const hostname = place.slice(0, colon).replace(/^\[|\]$/g, "");
    const echo = new Echo();
    echo.#socket = await Bun.connect({
      hostname,
      port: Number(place.slice(colon + 1)),
      socket: {
        data: (_, bytes) => echo.#answer.resolve(bytes.toString()),
        close: (_, error) => echo.#answer.reject(error ?? new Error("it was closed")),
        error: (_, error) => echo.#answer.reject(error),
      },
    });
    return echo;
  }

  async say(line: string): Promise<void> {
    this.#answer = Promise.withResolvers<string>();
    this.#answer.promise.catch(() => {});
    this.#socket?.write(`${line}\n`);
    const answer = await within(this.#answer.promise, `no answer to ${line}`);
    if (answer !== `${line}\n`) throw new Error(`"${line}" came back as "${answer.trim()}"`);
  }

  close(): void {
    this.#socket?.end();
  }
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Bun.sleep(patienceMs).then(() => {
    throw new Error(`${what} after ${patienceMs} ms`);
  });
  late.catch(() => {});
  return await Promise.race([promise, late]);
}

async function noting(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (faults.length < maxFaults) faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function stay(place: string): Promise<void> {
  const echo = await within(Echo.connect(place), "no connection");
  await echo.say("hello");
  if (++staying === places.length) await Bun.write(Bun.stdout, "started\n");
  for (; !isOver; await Bun.sleep(pauseMs)) {
    await echo.say(`line ${lines}`);
    lines++;
  }
  echo.close();
}

async function comeAndGo(place: string): Promise<void> {
  for (; !isOver; await Bun.sleep(pauseMs)) {
    await noting(`a new connection to ${place}`, async () => {
      const echo = await within(Echo.connect(place), "it was not made");
      await echo.say("hello");
      echo.close();
      made++;
    });
  }
}

void Bun.stdin.text().then(() => {
  isOver = true;
});
await Promise.all([
  ...places.map((place) => noting(`the connection to ${place}`, () => stay(place))),
  ...places.map(comeAndGo),
]);
await Bun.write(Bun.stdout, `${JSON.stringify({ lines, made, faults } satisfies LoadReport)}\n`);
// A connection that nobody answers is tried for minutes.
process.exit(0);
