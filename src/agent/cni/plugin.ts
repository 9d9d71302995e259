// CNI type `twill`: the calls of the container runtime, turned into endpoints.

import type { Endpoints } from "#agent/endpoint/endpoints.ts";
import { gateways } from "#agent/endpoint/want.ts";
import type { AddressWish } from "#agent/ipam/ipam.ts";
import { addressesOf, type Endpoint, endpointKey, type PodName } from "#agent/state/endpoint.ts";
import { messageOf } from "#base/error-message.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { Call, Plugin } from "#cni/plugin.ts";
import type { Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import { NetnsError } from "#kernel/netns.ts";
import { defaultCidr, hostIfAddr } from "#net/cidr.ts";
import { type Family, familyOf } from "#net/ip.ts";
import { failed } from "#plugins/container.ts";
import { readConf, type TwillConf } from "./conf.ts";
import type { Ports } from "./ports.ts";

/** What the plugin acts upon. */
export type TwillHost = {
  readonly endpoints: Endpoints;
  readonly ports: Pick<Ports, "map" | "collect"> & {
    /** `pod`: whose interface it is, as far as that is known. @throws KernelError */
    readonly unmap: (call: Call, pod: PodName | undefined) => Promise<void>;
  };
  /** The largest packet that passes every way of the fabric. */
  readonly mtu: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Why no pod can be wired now, in words; undefined: it can. */
  readonly unready: () => string | undefined;
  /** Does what was queued for the interface while no agent ran. @throws CniError 11 */
  readonly settleDelete: (call: Call) => Promise<void>;
  /** Whether the packet path can limit what pods send. */
  readonly paces: () => boolean;
  /** Addresses that a pod's annotation asks for. @throws CniError 11 when nobody can say now, 7 when it is malformed */
  readonly wishOf: (pod: PodName) => Promise<AddressWish | undefined>;
  /** Resolves when what policies say of the pod is in force. @throws CniError 11 when that takes too long */
  readonly untilInForce: (endpoint: Endpoint) => Promise<void>;
  /** Told why a pod gets no network now, in words. */
  readonly addFailed: (pod: PodName, problem: string) => void;
};

/** Links and addresses are there in microseconds, or after long removals of others. */
const reachPatienceMs = 10_000;

export const twill: Plugin<TwillHost> = {
  name: "twill",
  about: "joins a pod to the node by a routed veth pair",
  versions: versionsFrom("0.3.0"),
  add,
  del,
  check,
  gc,
  status,
};

async function add(call: Call, host: TwillHost): Promise<Result> {
  const conf = readConf(call);
  try {
    return await wire(call, conf, host);
  } catch (error) {
    if (conf.pod !== undefined) host.addFailed(conf.pod, messageOf(error));
    throw error;
  }
}

async function wire(call: Call, conf: TwillConf, host: TwillHost): Promise<Result> {
  requireReady(host, ErrorCode.tryAgainLater);
  // A container that is started again has the name that it had.
  await host.settleDelete(call);
  const { network, containerId, ifname, netns } = call;
  const { addresses, pod, mac, mapsPorts, mtu = host.mtu() } = conf;
  const told: AddressWish | undefined = addresses.length === 0 ? undefined : { addresses, askedBy: "the runtime" };
  const wish = told ?? (pod === undefined ? undefined : await host.wishOf(pod));
  const endpoint = withNetns(() =>
    host.endpoints.add({
      ...{ network, containerId, ifname, netns, mtu, pod, mac, mapsPorts, addresses: wish },
      shaping: toShaping(conf.shaping, host),
    }),
  );
  const result = toResult(endpoint);
  try {
    // Its containers must not run for a moment without them; until then all is closed.
    await host.untilInForce(endpoint);
    await untilReachable(endpoint, host);
    if (endpoint.mapsPorts) await host.ports.map(call, result);
  } catch (error) {
    host.endpoints.takeBack(endpoint);
    throw error;
  }
  return result;
}

/** What a pod sends is better limited where it cannot take the limit away, and where packets of many pods wait in one place. */
function toShaping(shaping: TwillConf["shaping"], host: TwillHost): Endpoint["shaping"] {
  if (shaping?.egress === undefined || !host.paces()) return shaping;
  return { ingress: shaping.ingress, paced: shaping.egress };
}

/** No packet must be lost, also not the first one, nor the first answer. */
async function untilReachable(endpoint: Endpoint, { endpoints, sleep }: TwillHost): Promise<void> {
  for (let waitedMs = 0; !endpoints.isReachable(endpoint); waitedMs++) {
    if (waitedMs > reachPatienceMs) {
      throw new CniError(
        ErrorCode.tryAgainLater,
        `Link ${endpoint.hostName} led to no pod within ${reachPatienceMs} ms; try again`,
      );
    }
    await sleep(1);
  }
}

async function del(call: Call, { endpoints, ports }: TwillHost): Promise<void> {
  const endpoint = endpoints.find(call.containerId, call.ifname);
  if (endpoint === undefined) {
    // One whose namespace went first was removed with it; its ports are there still.
    await ports.unmap(call, undefined);
    endpoints.removeUnknown(call.containerId, call.ifname);
    return;
  }
  if (endpoint.mapsPorts) await ports.unmap(call, endpoint.pod);
  endpoints.remove(endpoint);
}

function check(call: Call, { endpoints }: TwillHost): void {
  const endpoint = endpoints.find(call.containerId, call.ifname);
  if (endpoint === undefined) throw failed(`there is no endpoint ${endpointKey(call)}: run ADD`);
  const expected = new Set(call.prevResult?.ips.map(({ address }) => address) ?? []);
  for (const { address } of toResult(endpoint).ips) expected.delete(address);
  const [strange] = expected;
  if (strange !== undefined)
    throw failed(`prevResult has address ${strange}, which ${endpointKey(call)} does not have`);
  const [fault] = withNetns(() => endpoints.faults(endpoint));
  if (fault !== undefined) throw failed(fault);
}

async function gc(call: Call, { endpoints, ports }: TwillHost): Promise<void> {
  if (call.validAttachments === undefined) return;
  const valid = call.validAttachments.map(({ containerID, ifname }) => ({ containerId: containerID, ifname }));
  const alive = new Set(valid.map(endpointKey));
  for (const endpoint of endpoints.list()) {
    if (endpoint.network !== call.network || alive.has(endpointKey(endpoint))) continue;
    const { containerId, ifname, pod } = endpoint;
    if (endpoint.mapsPorts) await ports.unmap({ ...call, containerId, ifname }, pod);
    endpoints.remove(endpoint);
  }
  await ports.collect(call);
  endpoints.removeStrangersBut(valid);
}

function status(call: Call, host: TwillHost): void {
  readConf(call);
  requireReady(host, ErrorCode.notAvailable);
}

function requireReady(host: TwillHost, code: number): void {
  const problem = host.unready();
  if (problem !== undefined) throw new CniError(code, problem);
}

function toResult(endpoint: Endpoint): Result {
  const { hostName, hostMac, ifname, mac, mtu, netns } = endpoint;
  const addresses = addressesOf(endpoint);
  const families: readonly Family[] = addresses.map(familyOf);
  return {
    interfaces: [
      { name: hostName, mac: hostMac, mtu },
      { name: ifname, mac, mtu, sandbox: netns },
    ],
    ips: addresses.map((address) => ({
      interface: 1,
      address: hostIfAddr(address),
      gateway: gateways[familyOf(address)],
    })),
    routes: families.map((family) => ({ dst: defaultCidr(family), gw: gateways[family] })),
    dns: {},
  };
}

/** A namespace that cannot be used is the runtime's mistake. */
function withNetns<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof NetnsError) throw new CniError(ErrorCode.invalidNetns, error.message, { cause: error });
    throw error;
  }
}
