// Steps from what the maps hold to what services want, in words.

import { formatPlace } from "#model/service/frontend.ts";
import type { BackendRow, FrontendRow, RangeRow, SetRow } from "./row.ts";

/** What is retired is taken away a moment later: a program may have read on the way who leads there. */
export type ServiceOperation =
  | { readonly do: "add backend"; readonly backend: BackendRow }
  | { readonly do: "add set"; readonly set: SetRow }
  | { readonly do: "add range"; readonly range: RangeRow }
  | { readonly do: "set frontend"; readonly frontend: FrontendRow; readonly why: string }
  | { readonly do: "remove frontend"; readonly frontend: FrontendRow; readonly why: string }
  | { readonly do: "remove range"; readonly range: RangeRow }
  | { readonly do: "retire set"; readonly set: SetRow }
  | { readonly do: "retire backend"; readonly backend: BackendRow };

/** `set frontend 10.96.0.20:80 (6) → set 7 of 2 (differs)` */
export function formatServiceOperation(operation: ServiceOperation): string {
  switch (operation.do) {
    case "add backend":
    case "retire backend": {
      const { number, address, port } = operation.backend;
      return `${operation.do} ${number}, ${formatPlace(address, port)}`;
    }
    case "add set":
    case "retire set": {
      const { number, backends, maglev } = operation.set;
      const members = backends.map((backend) => backend.number).join(", ");
      return `${operation.do} ${number}: ${members}${maglev ? " by maglev" : ""}`;
    }
    case "add range":
    case "remove range":
      return `${operation.do} ${operation.range.block} of #${operation.range.group}`;
    case "set frontend":
      return `set frontend ${formatRow(operation.frontend)} (${operation.why})`;
    case "remove frontend":
      return `remove frontend ${formatRow(operation.frontend)} (${operation.why})`;
  }
}

function formatRow({ address, port, protocol, group, inside, outside, affinitySeconds }: FrontendRow): string {
  const [ins, outs] = [inside, outside].map(({ set, count, flags }) => `${count} of set ${set}, flags ${flags}`);
  const choice = ins === outs ? ins : `${ins}; from outside ${outs}`;
  const stay = affinitySeconds === 0 ? "" : `; clients stay ${affinitySeconds} s`;
  return `${formatPlace(address, port)} (${protocol}) → #${group}: ${choice}${stay}`;
}
