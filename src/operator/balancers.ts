// Gives services of type LoadBalancer their outer addresses, as they come and go.

import { messageOf } from "#base/error-message.ts";
import { EventRecorder } from "#kube/event-recorder.ts";
import type { Service } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { Mirror } from "#kube/mirror.ts";
import { services } from "#kube/resource.ts";
import type { Ip } from "#net/ip.ts";
import { type BalancerWish, planBalancers, toBalancerWish } from "./balancer-addresses.ts";
import { GivenAddresses } from "./given-addresses.ts";
import type { OperatorOptions } from "./operator.ts";

/** How long it takes at most until a write whose answer was lost is seen; then it is tried again. */
const unsureMs = 2_000;

/** Gives addresses to services as they come, change and go, until the signal aborts; at once where there are no pools. */
export async function giveBalancers(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { client, pace, balancerPools: pools, log, nowMs } = options;
  if (pools.length === 0) return;
  const recorder = new EventRecorder({ client, component: "twill-operator", node: "", now: nowMs });
  let wake = () => {};
  using mirror = new Mirror<Service, BalancerWish>({
    ...{ client, resource: services, pace, transform: toBalancerWish },
    changed: () => wake(),
    failed: (error) => log(`operator: ${messageOf(error)}`),
  });
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  // Not `aborted`, which would remember everybody who waited for it.
  signal.addEventListener("abort", () => wake());
  await Promise.race([mirror.synced, aborted]);
  const given = new GivenAddresses();
  let told = new Set<string>();
  while (!signal.aborted) {
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const { give, refused } = planBalancers(pools, given.added(mirror.objects.values()));
    const unsure: BalancerWish[] = [];
    for (const { service, addresses } of give) {
      if (signal.aborted) return;
      given.note(service, addresses);
      const outcome = await write(options, service, addresses);
      if (outcome === "gone") given.forget(service);
      else if (outcome === "unsure") unsure.push(service);
      else given.written(service, outcome.revision);
    }
    for (const { service, why } of refused) {
      if (!told.has(why)) note(recorder, service, why);
      if (!told.has(why)) log(`operator: ${why}`);
    }
    told = new Set(refused.map(({ why }) => why));
    if (unsure.length === 0) await changed;
    else {
      await pace.sleep(unsureMs, signal);
      for (const service of unsure) given.forget(service);
    }
  }
}

/** At which revision the service has them; "unsure" when nobody knows. */
async function write(
  { client, log }: OperatorOptions,
  { name: fullName }: BalancerWish,
  addresses: readonly Ip[],
): Promise<{ readonly revision: number } | "gone" | "unsure"> {
  const [namespace = "", name = ""] = fullName.split("/");
  log(
    `operator: ${addresses.length === 0 ? "take its addresses from" : `give ${addresses.join(", ")} to`} service ${fullName}`,
  );
  const ingress = addresses.map((ip) => ({ ip, ipMode: "VIP" }));
  const loadBalancer = ingress.length === 0 ? { ingress: null } : { ingress };
  try {
    const place = { namespace, name, subresource: "status" };
    const { metadata } = await client.patch(services, place, "merge", { status: { loadBalancer } });
    return { revision: Number(metadata.resourceVersion ?? 0) };
  } catch (error) {
    if (hasReason(error, "NotFound")) return "gone";
    log(`operator: ${messageOf(error)}`);
    return "unsure";
  }
}

function note(recorder: EventRecorder, { name: fullName, uid }: BalancerWish, message: string): void {
  const [namespace = "", name = ""] = fullName.split("/");
  const object = { apiVersion: "v1", kind: "Service", namespace, name, uid };
  recorder.note({ object, type: "Warning", reason: "NoLoadBalancerAddress", message });
}
