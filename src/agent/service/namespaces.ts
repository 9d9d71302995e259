// Network namespaces that programs at sockets treat in another way: the node's own, and those of pods that see services' addresses.

import type { Datapath } from "#datapath/datapath.ts";
import { namespaceFlags } from "#datapath/service-format.ts";
import { Netns } from "#kernel/netns.ts";
import { netnsCookie } from "#kernel/netns-cookie.ts";

export class SpecialNamespaces {
  readonly #map: Datapath["services"]["namespaces"];
  readonly #node: bigint | undefined;
  /** By path; a path that comes again is another namespace. */
  #cookies = new Map<string, bigint>();

  /** `node`: undefined for the process's own. @throws KernelError */
  constructor({ services }: Pick<Datapath, "services">, node: Netns | undefined) {
    this.#map = services.namespaces;
    this.#node = netnsCookie(node);
  }

  /** Makes the map say that sockets in these namespaces, and in no others, reach what they ask for. @throws KernelError */
  ensure(untranslated: readonly string[]): void {
    const cookies = new Map(untranslated.flatMap((path) => this.#cookieOf(path)));
    this.#cookies = cookies;
    const wanted = new Map([...cookies.values()].map((cookie) => [cookie, namespaceFlags.untranslated as number]));
    if (this.#node !== undefined) wanted.set(this.#node, namespaceFlags.node);
    const have = new Map(this.#map.entries());
    for (const [cookie, flags] of wanted) if (have.get(cookie) !== flags) this.#map.set(cookie, flags);
    for (const cookie of have.keys()) if (!wanted.has(cookie)) this.#map.delete(cookie);
  }

  #cookieOf(path: string): readonly (readonly [string, bigint])[] {
    const known = this.#cookies.get(path);
    if (known !== undefined) return [[path, known]];
    try {
      using netns = new Netns(path);
      const cookie = netnsCookie(netns);
      return cookie === undefined ? [] : [[path, cookie]];
    } catch {
      // The pod is gone.
      return [];
    }
  }
}
