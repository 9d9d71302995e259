// A network namespace with a netlink connection into it, and ip(8) as the witness of what the connection did.

import { Netns } from "#kernel/netns.ts";
import { Connection } from "#netlink/connection.ts";
import { type Netns as BoxNetns, Sandbox } from "./sandbox.ts";

export class NetlinkBox implements Disposable {
  readonly box = new Sandbox();
  readonly ns: BoxNetns = this.box.netns("netlink");
  readonly netns: Netns = new Netns(this.ns.path);
  readonly route: Connection = new Connection("route", this.netns);

  /** Runs `ip` with these words. */
  ip(...words: readonly string[]): string {
    return this.box.sh(this.ns, ["ip", ...words]);
  }

  /** What `ip -json -details` prints for these words; nothing counts as an empty list. */
  see(...words: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
    const text = this.ip("-json", "-details", ...words);
    const rows = (text.trim() === "" ? [] : JSON.parse(text)) as readonly Readonly<Record<string, unknown>>[];
    // Older versions print an empty object for each row that a filter left out.
    return rows.filter((row) => Object.keys(row).length > 0);
  }

  [Symbol.dispose](): void {
    this.route[Symbol.dispose]();
    this.netns[Symbol.dispose]();
    this.box[Symbol.dispose]();
  }
}
