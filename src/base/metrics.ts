// Figures for Prometheus: counted where things happen, written as text when somebody asks (text format 0.0.4).

export type Labels = Readonly<Record<string, string>>;

/** One value, with what tells it from others of the same name. */
export type Sample = { readonly labels?: Labels; readonly value: number };

type Family = {
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly lines: (name: string) => readonly string[];
};

/** All figures of one process. A name is given once. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  /** Read whenever somebody asks. */
  gauge(name: string, help: string, read: () => number | readonly Sample[]): void {
    this.#add(name, { help, type: "gauge", lines: () => samplesOf(read()).map((sample) => lineOf(name, sample)) });
  }

  /** A total that somebody else counts, and that only grows; its name ends in `_total`. */
  counter(name: string, help: string, read: () => number | readonly Sample[]): void {
    this.#add(name, { help, type: "counter", lines: () => samplesOf(read()).map((sample) => lineOf(name, sample)) });
  }

  /** `bounds`: the upper ends of its buckets, rising. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const histogram = new Histogram(bounds);
    this.#add(name, { help, type: "histogram", lines: () => histogram.lines(name) });
    return histogram;
  }

  format(): string {
    const all = [...this.#families].flatMap(([name, { help, type, lines }]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...lines(name),
    ]);
    return `${all.join("\n")}\n`;
  }

  #add(name: string, family: Family): void {
    if (this.#families.has(name)) throw new RangeError(`There is a metric ${name} already`);
    this.#families.set(name, family);
  }
}

export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  lines(name: string): readonly string[] {
    let below = 0;
    const buckets = this.#bounds.map((bound, index) => {
      below += this.#counts[index] ?? 0;
      return lineOf(`${name}_bucket`, { labels: { le: String(bound) }, value: below });
    });
    return [
      ...buckets,
      lineOf(`${name}_bucket`, { labels: { le: "+Inf" }, value: this.#count }),
      lineOf(`${name}_sum`, { value: this.#sum }),
      lineOf(`${name}_count`, { value: this.#count }),
    ];
  }
}

function samplesOf(read: number | readonly Sample[]): readonly Sample[] {
  return typeof read === "number" ? [{ value: read }] : read;
}

/** `twill_packets_total{outcome="forward-local"} 17` */
function lineOf(name: string, { labels = {}, value }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeText(text)}"`);
  return pairs.length === 0 ? `${name} ${value}` : `${name}{${pairs.join(",")}} ${value}`;
}

function escapeText(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
