// Packets that the packet path has refused are answered, by rules of the kernel: TCP with a reset, all else with an ICMP error.

import { OwnTable, type TableHost, tableText } from "#agent/own-table.ts";

const refusalTable = "twill_agent_services";

/** MARK_REFUSED of bpf/counters.h. */
const refusedMark = 0x20000;
/** Ahead of the rules of others, which might drop silently or accept. */
const priority = "filter - 10";

/** The table in nft's language, whole. */
export const refusalText: string = tableText(
  refusalTable,
  ["input", "forward"].flatMap((hook) => [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority ${priority}; policy accept;`,
    `    meta mark & ${refusedMark} == ${refusedMark} meta l4proto tcp reject with tcp reset`,
    `    meta mark & ${refusedMark} == ${refusedMark} reject with icmpx port-unreachable`,
    "  }",
  ]),
);

export function openRefusals(host: TableHost): OwnTable {
  return new OwnTable(host, refusalTable);
}
