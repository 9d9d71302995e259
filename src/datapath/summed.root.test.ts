// Packets that their device has summed (CHECKSUM_COMPLETE): what the programs change of them, they change of the sum, or the kernel drops them.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { serve, smallMaps } from "#test/packet-path.ts";
import { type SegmentOptions, segment } from "#test/segment.ts";
import { Datapath } from "./datapath.ts";

const loopback = 1;
const redirect = 7;
const [pod, pod6, node, node6, client, client6] = [
  "10.244.0.1",
  "fd00:10:244::1",
  "172.30.0.11",
  "fd00:30::11",
  "203.0.113.10",
  "2001:db8::10",
];

let path: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: smallMaps });
  const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff") };
  path.setEndpoint({ ...macs, id: 1, ifindex: loopback, mtu: 1500, ipv4: ip(pod), ipv6: ip(pod6), policySet: 0 });
  path.set({ node: { ipv4: ip(node), ipv6: ip(node6) }, firstPort: 61_000, lastPort: 61_003 });
  serve(path, `${node}:80`, "tcp", [`${pod}:8080`]);
  serve(path, `${node6} 80`, "tcp", [`${pod6} 8080`]);
  serve(path, `${node6} 53`, "udp", [`${pod6} 5353`]);
  serve(path, `${node6} 7`, "sctp", [`${pod6} 7`]);
});
afterAll(() => path[Symbol.dispose]());

const first = { fragment: { id: 3, offset: 0, more: true } };
const later = { fragment: { id: 3, offset: 24, more: false } };
/** In this order: errors and later fragments are about what came before. */
const rows: readonly (readonly [text: string, options?: SegmentOptions])[] = [
  [`tcp ${client}:5000 > ${pod}:80 S`],
  [`tcp [${client6}]:5000 > [${pod6}]:80 S`],
  [`tcp ${client}:5000 > ${node}:80 S`],
  [`tcp [${client6}]:5000 > [${node6}]:80 S`],
  [`udp [${client6}]:5000 > [${node6}]:53`],
  [`sctp [${client6}]:5000 > [${node6}]:7`],
  [`icmp ${client} > ${node} error 3/4 (tcp ${node}:80 > ${client}:5000)`],
  [`icmp 2001:db8::1 > ${node6} error 2/0 (tcp [${node6}]:80 > [${client6}]:5000)`],
  [`udp [${client6}]:6000 > [${node6}]:53`, first],
  [`udp ${client6} > ${node6}`, later],
];
for (const [text, options] of rows) {
  const which = options === undefined ? "" : options === first ? ", the first fragment" : ", a later fragment";
  test(`the sum is still right of ${text}${which}`, () => {
    const { result } = runProgram(path.programFd("from_net"), segment(text, options), loopback, { isSummed: true });
    expect(result).toBe(redirect);
  });
}
