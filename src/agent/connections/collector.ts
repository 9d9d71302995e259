// Takes connections out of the packet path's maps that ended or fell silent, the more often the fuller they are.

import { translatedPorts } from "#agent/service/port-range.ts";
import { messageOf } from "#base/error-message.ts";
import type { Metrics } from "#base/metrics.ts";
import { type ConnectionMaps, collectConnections } from "#datapath/connections.ts";
import { lifetimeOf } from "./lifetime.ts";

export type CollectorOptions = {
  readonly maps: ConnectionMaps;
  /** Seconds of the clock that the programs see. */
  readonly nowSeconds: () => number;
  readonly metrics: Metrics;
  readonly log: (line: string) => void;
};

/** How full the maps were at the last look. */
export type Pressure = {
  readonly connections: number;
  readonly maxConnections: number;
  readonly translations: number;
  readonly maxTranslations: number;
  /** Ports of the node that translated connections to one endpoint come from: those of the endpoint with the most. */
  readonly ports: number;
  readonly maxPorts: number;
  /** All that was ever removed. */
  readonly collected: number;
};

const usualPeriodMs = 60_000;
/** From these shares on a map is looked through more often. */
const busy = { share: 0.5, periodMs: 15_000 } as const;
const crowded = { share: 0.8, periodMs: 5_000 } as const;

/** When to look again, by how full the fuller map is: 0 to 1. A full one forgets by itself whom it heard of longest ago. */
export function nextPassMs(share: number): number {
  if (share >= crowded.share) return crowded.periodMs;
  return share >= busy.share ? busy.periodMs : usualPeriodMs;
}

/** Looks through the maps from its making until it is disposed. */
export class Collector implements Disposable {
  readonly #options: CollectorOptions;
  readonly #limits: Pick<Pressure, "maxConnections" | "maxTranslations" | "maxPorts">;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pressure: Pressure;
  #wasCrowded = false;

  /** @throws KernelError */
  constructor(options: CollectorOptions) {
    const { connections, translations } = options.maps;
    this.#options = options;
    const maxPorts = translatedPorts.last - translatedPorts.first + 1;
    this.#limits = { maxConnections: connections.maxEntries, maxTranslations: translations.maxEntries, maxPorts };
    this.#pressure = { ...this.#limits, connections: 0, translations: 0, ports: 0, collected: 0 };
    this.#tell(options.metrics);
    this.#schedule();
  }

  get pressure(): Pressure {
    return this.#pressure;
  }

  /** What is amiss, a sentence; undefined: nothing is. */
  get problem(): string | undefined {
    const { connections, maxConnections, translations, maxTranslations, ports, maxPorts } = this.#pressure;
    if (ports / maxPorts >= crowded.share)
      return `Clients outside are translated from ${ports} of ${maxPorts} ports toward one endpoint: beyond that new connections to it are dropped, more endpoints or externalTrafficPolicy Local help`;
    if (this.#tableShare < crowded.share) return undefined;
    return `The packet path remembers ${connections} of at most ${maxConnections} connections and ${translations} of ${maxTranslations} translations: beyond that it forgets the oldest`;
  }

  /** One pass, now. @throws KernelError */
  collect(): void {
    const { maps, nowSeconds } = this.#options;
    const { removed, ...found } = collectConnections(maps, nowSeconds(), lifetimeOf, translatedPorts);
    this.#pressure = { ...this.#limits, ...found, collected: this.#pressure.collected + removed };
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  get #share(): number {
    return Math.max(this.#tableShare, this.#pressure.ports / this.#pressure.maxPorts);
  }

  get #tableShare(): number {
    const { connections, maxConnections, translations, maxTranslations } = this.#pressure;
    return Math.max(connections / maxConnections, translations / maxTranslations);
  }

  #tell(metrics: Metrics): void {
    const kinds = (connections: number, translations: number) => [
      { labels: { kind: "connection" }, value: connections },
      { labels: { kind: "translation" }, value: translations },
    ];
    metrics.gauge("twill_tracked", "What the packet path remembered at its last look.", () =>
      kinds(this.#pressure.connections, this.#pressure.translations),
    );
    metrics.gauge("twill_tracked_limit", "What the packet path has room for.", () =>
      kinds(this.#limits.maxConnections, this.#limits.maxTranslations),
    );
    metrics.gauge(
      "twill_translated_ports",
      "Ports that translated connections to one endpoint come from: those of the endpoint with the most.",
      () => this.#pressure.ports,
    );
    metrics.gauge("twill_translated_ports_limit", "How many there are.", () => this.#limits.maxPorts);
    metrics.counter(
      "twill_tracked_collected_total",
      "Connections and translations that ended or fell silent.",
      () => this.#pressure.collected,
    );
  }

  #schedule(): void {
    this.#timer = setTimeout(() => this.#pass(), nextPassMs(this.#share));
    this.#timer.unref?.();
  }

  #pass(): void {
    const { log } = this.#options;
    try {
      this.collect();
      const isCrowded = this.problem !== undefined;
      if (isCrowded && !this.#wasCrowded) log(this.problem ?? "");
      this.#wasCrowded = isCrowded;
    } catch (error) {
      log(`cannot look through connections: ${messageOf(error)}`);
    }
    this.#schedule();
  }
}
