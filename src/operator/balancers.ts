// Gives services of type LoadBalancer their outer addresses, as they come and go.

import { messageOf } from "#base/error-message.ts";
import { EventRecorder } from "#kube/event-recorder.ts";
import type { Service } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { Mirror } from "#kube/mirror.ts";
import { services } from "#kube/resource.ts";
import type { Ip } from "#net/ip.ts";
import { type BalancerWish, planBalancers, toBalancerWish } from "./balancer-addresses.ts";
import type { OperatorOptions } from "./operator.ts";

/** For writes that failed. */
const retryMs = 2_000;

/** Gives addresses to services as they come, change and go, until the signal aborts; at once where there are no pools. */
export async function giveBalancers(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { client, pace, balancerPools: pools, log, nowMs } = options;
  if (pools.length === 0) return;
  const recorder = new EventRecorder({ client, component: "twill-operator", node: "", now: nowMs });
  /** By name, until the watch shows it: what it shows late must not be given twice. */
  const written = new Map<string, readonly Ip[]>();
  let wake = () => {};
  using mirror = new Mirror<Service, BalancerWish>({
    ...{ client, resource: services, pace, transform: toBalancerWish },
    changed: ({ after }) => {
      if (after !== undefined) written.delete(after.name);
      wake();
    },
    failed: (error) => log(`operator: ${messageOf(error)}`),
  });
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  await Promise.race([mirror.synced, aborted]);
  let told = new Set<string>();
  while (!signal.aborted) {
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const seen = [...mirror.objects.values()].map((wish) => ({ ...wish, has: written.get(wish.name) ?? wish.has }));
    const { give, refused } = planBalancers(pools, seen);
    let isUnsure = false;
    for (const { service, addresses } of give) {
      if (signal.aborted) return;
      written.set(service.name, addresses);
      if (await write(options, service, addresses)) continue;
      written.delete(service.name);
      isUnsure = true;
    }
    for (const { service, why } of refused) {
      if (!told.has(why)) note(recorder, service, why);
      if (!told.has(why)) log(`operator: ${why}`);
    }
    told = new Set(refused.map(({ why }) => why));
    await (isUnsure ? Promise.race([changed, aborted, pace.sleep(retryMs, signal)]) : Promise.race([changed, aborted]));
  }
}

/** False when it has to be tried again. */
async function write(
  { client, log }: OperatorOptions,
  { name: fullName }: BalancerWish,
  addresses: readonly Ip[],
): Promise<boolean> {
  const [namespace = "", name = ""] = fullName.split("/");
  log(
    `operator: ${addresses.length === 0 ? "take its addresses from" : `give ${addresses.join(", ")} to`} service ${fullName}`,
  );
  const ingress = addresses.map((ip) => ({ ip, ipMode: "VIP" }));
  const loadBalancer = ingress.length === 0 ? { ingress: null } : { ingress };
  try {
    await client.patch(services, { namespace, name, subresource: "status" }, "merge", { status: { loadBalancer } });
    return true;
  } catch (error) {
    if (hasReason(error, "NotFound")) return true;
    log(`operator: ${messageOf(error)}`);
    return false;
  }
}

function note(recorder: EventRecorder, { name: fullName, uid }: BalancerWish, message: string): void {
  const [namespace = "", name = ""] = fullName.split("/");
  const object = { apiVersion: "v1", kind: "Service", namespace, name, uid };
  recorder.note({ object, type: "Warning", reason: "NoLoadBalancerAddress", message });
}
