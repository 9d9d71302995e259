// Lists that change while the kernel writes them: it flags such a dump (NLM_F_DUMP_INTR), and what it wrote may lack entries.
import { expect, test } from "bun:test";
import { ifAddr } from "#net/cidr.ts";
import { NetlinkBox } from "#test/netlink-box.ts";
import { AddressType, addAddress, addressMessage } from "./address.ts";
import { addVeth } from "./link.ts";
import { makeRequest } from "./message.ts";

const count = 1000;
const timeoutMs = 180_000;
const changes = "address add 10.255.0.1/32 dev b\naddress del 10.255.0.1/32 dev b";

/** A namespace with addresses on a (ifindex 10), for several datagrams. */
function filled(length: number): NetlinkBox {
  const at = new NetlinkBox();
  const all = Array.from({ length }, (_, i) => ifAddr(`10.${i >> 8}.${i & 255}.5/32`));
  at.route.apply([
    addVeth({ name: "a", index: 10 }, { name: "b", index: 11 }),
    ...all.map((address) => addAddress(10, address)),
  ]);
  return at;
}

/** The dump, and how many entries were read for it. */
function dump({ route }: NetlinkBox): { readonly items: readonly number[]; readonly reads: number } {
  const header = { family: "ipv4", prefixLength: 0, flags: 0, scope: 0, index: 0 } as const;
  const request = { type: AddressType.get, flags: 0, text: "list addresses" };
  let reads = 0;
  const items = route.dump(makeRequest(addressMessage, { header, attrs: {} }, request), (body) => {
    reads++;
    return addressMessage.decode(body).header.index;
  });
  return { items, reads };
}

test(
  "a dump that a change interrupts is read again, and is whole",
  async () => {
    using at = filled(count);
    const change = `while :; do printf '${changes.replace("\n", "\\n")}\\n' | ip -batch -; sleep 0.005; done`;
    at.box.start(at.ns, ["sh", "-c", change]);
    let readAgain = 0;
    for (let round = 0; round < 20_000 && readAgain < 3; round++) {
      const { items, reads } = dump(at);
      expect(items.filter((index) => index === 10)).toHaveLength(count);
      if (reads > items.length) readAgain++;
      if (round % 20 === 0) await Bun.sleep(1);
    }
    expect(readAgain).toBe(3);
  },
  timeoutMs,
);

test(
  "a dump that never settles is an error that says so",
  async () => {
    using at = filled(5 * count);
    const started = at.box.start(at.ns, ["sh", "-c", `yes '${changes}' | ip -force -batch - 2>&1 | head -c 1000`]);
    let message = "";
    for (let round = 0; round < 20_000 && message === ""; round++) {
      try {
        dump(at);
        await Bun.sleep(1);
      } catch (error) {
        message = String(error);
      }
    }
    expect(message, started.output()).toContain(
      "Cannot list addresses: the list changed 10 times while it was read: EINTR",
    );
  },
  timeoutMs,
);
