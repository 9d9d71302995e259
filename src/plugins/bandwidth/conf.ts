// Bandwidth's configuration: rates and bursts in bits, from the configuration or from the runtime.

import { type Decoder, decode, type Infer, int, object, optional } from "#cni/decode.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call } from "#cni/plugin.ts";
import type { Tbf } from "#netlink/qdisc.ts";

/** What shapes each direction, as the container sees it: ingress is what it receives. */
export type Shaping = { readonly ingress?: Tbf | undefined; readonly egress?: Tbf | undefined };

const bits = optional(int({ min: 0 }));
const entry = object({ ingressRate: bits, ingressBurst: bits, egressRate: bits, egressBurst: bits });
const conf: Decoder<{ readonly runtimeConfig?: { readonly bandwidth?: Infer<typeof entry> } }> = object({
  runtimeConfig: optional(object({ bandwidth: optional(entry) })),
});

/** How long a packet may wait for its turn. */
const latencyMs = 25;
const maxU32 = 0xffffffff;

/**
 * One field of the configuration itself makes it win over `runtimeConfig.bandwidth` entirely.
 * @throws CniError 7 naming the field.
 */
export function readConf(call: Call): Shaping {
  const top = decode(entry, call.config, call.type);
  const { bandwidth = {} } = decode(conf, call.config, call.type).runtimeConfig ?? {};
  const chosen = Object.keys(top).length > 0 ? top : bandwidth;
  return {
    ingress: toTbf("ingress", chosen.ingressRate, chosen.ingressBurst),
    egress: toTbf("egress", chosen.egressRate, chosen.egressBurst),
  };
}

/** Undefined for a rate of zero: not shaped. */
function toTbf(direction: string, rate = 0, burst = 0): Tbf | undefined {
  if (rate === 0 && burst === 0) return undefined;
  if (burst === 0) throw invalid(`if rate is set, burst must also be set: ${direction}Rate is ${rate} bits a second`);
  if (rate === 0) throw invalid(`if burst is set, rate must also be set: ${direction}Burst is ${burst} bits`);
  const rateBytes = Math.floor(rate / 8);
  const burstBytes = Math.floor(burst / 8);
  if (rateBytes < 1) throw invalid(`${direction}Rate is ${rate} bits a second: the kernel shapes from 8 on`);
  if (burstBytes < 1) throw invalid(`${direction}Burst is ${burst} bits: it must be at least 8`);
  if (burstBytes >= maxU32) throw invalid(`burst cannot be more than 4GB: ${direction}Burst is ${burst} bits`);
  const limitBytes = Math.min(maxU32, Math.floor((rateBytes * latencyMs) / 1000 + burstBytes));
  return { kind: "tbf", rateBytes, burstBytes, limitBytes };
}

function invalid(problem: string): CniError {
  return new CniError(ErrorCode.invalidConfig, problem);
}
