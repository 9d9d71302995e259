// What a DHCPv6 client says of itself.

import type { Duid } from "./duid.ts";

export type Terms6 = {
  readonly duid: Duid;
  /** Sent as the client's name, for servers that keep a zone. */
  readonly hostName?: string | undefined;
};
