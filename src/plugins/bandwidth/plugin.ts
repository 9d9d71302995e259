// bandwidth: limits the rate of a veth pair that another plugin made, in one or both directions.

import { Rollback } from "#base/rollback.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import { type Call, type Plugin, requirePrevResult } from "#cni/plugin.ts";
import type { Interface, Result } from "#cni/result.ts";
import { versionsFrom } from "#cni/version.ts";
import { findLink, type Link } from "#netlink/link.ts";
import { isNodes, requireLink } from "#plugins/chained.ts";
import { failed, openNetns } from "#plugins/container.ts";
import type { Host } from "#plugins/host.ts";
import { type Owner, ownerOf } from "#plugins/ledger.ts";
import { readRecord, staleOwners } from "#plugins/recorded.ts";
import { readConf } from "./conf.ts";
import { ifbName, referenceIfbName } from "./ifb-name.ts";
import { findFault, isFed, planShaper, removeIfb, shape, shaperRecord, stopFeeding, unshape } from "./shaper.ts";

const name = "bandwidth";

export const bandwidth: Plugin<Host> = {
  name,
  about: "CNI bandwidth plugin of Twill",
  versions: versionsFrom("0.3.0"),
  add,
  del(call, host) {
    removeReferences(call, host);
    clear(host, ownerOf(call, name));
  },
  check,
  gc(call, host) {
    for (const owner of staleOwners(call, host, name)) clear(host, owner);
  },
  status(call) {
    readConf(call);
  },
};

async function add(call: Call, host: Host): Promise<Result> {
  const prevResult = requirePrevResult(call);
  const shaping = readConf(call);
  if (shaping.ingress === undefined && shaping.egress === undefined) return prevResult;
  const veth = findHostEnd(call, host, prevResult);
  const owner = ownerOf(call, name);
  const route = host.route();
  // A repeated ADD starts anew, whoever made the first.
  removeReferences(call, host, veth);
  clear(host, owner);
  const shaper = planShaper(route, veth, shaping, ifbName(owner));
  await using undo = new Rollback();
  undo.defer("remove the shaping", () => clear(host, owner));
  host.ledger.write(owner, shaper);
  const ifb = shape(route, veth, shaping, shaper);
  undo.keep();
  return ifb === undefined ? prevResult : { ...prevResult, interfaces: [...prevResult.interfaces, toInterface(ifb)] };
}

function check(call: Call, host: Host): void {
  const shaping = readConf(call);
  if (shaping.ingress === undefined && shaping.egress === undefined) return;
  const veth = findHostEnd(call, host, requirePrevResult(call));
  const owner = ownerOf(call, name);
  const fault = findFault(host.route(), veth, shaping, [ifbName(owner), referenceIfbName(owner)]);
  if (fault !== undefined) throw failed(fault);
}

/** @throws CniError when CNI_IFNAME is no veth, or its other end is not one of the host's in the previous result. */
function findHostEnd(call: Call, host: Host, { interfaces }: Result): Link {
  using netns = openNetns(call);
  using container = host.routeIn(netns);
  const link = requireLink(container, call);
  const place = `interface "${call.ifname}" of network namespace "${call.netns}"`;
  if (link.info?.kind !== "veth") throw unusable(`${place} is no veth: bandwidth shapes the host's end of a veth pair`);
  const peer = findLink(host.route(), link.parent);
  const isPeer = peer?.info?.kind === "veth" && peer.parent === link.index;
  if (isPeer && interfaces.some((each) => each.name === peer.name && isNodes(each))) return peer;
  const names = interfaces.filter(isNodes).map((each) => each.name);
  const found = isPeer ? `it is ${peer.name}` : "it is in another namespace";
  throw unusable(`the other end of ${place} is not one of [${names.join(" ")}] in prevResult: ${found}`);
}

function unusable(problem: string): CniError {
  return new CniError(ErrorCode.internal, problem);
}

function toInterface({ name, mac, mtu }: Link): Interface {
  return { name, mtu, ...(mac === undefined ? {} : { mac }) };
}

/** Also when the record is lost: the ifb's name tells whose it is. */
function clear(host: Host, owner: Owner): void {
  const shaper = readRecord(host, owner, shaperRecord);
  if (shaper !== undefined) unshape(host, shaper);
  const ifb = shaper?.ifb === ifbName(owner) ? undefined : findLink(host.route(), ifbName(owner));
  if (ifb !== undefined) removeIfb(host, ifb);
  host.ledger.remove(owner);
}

/**
 * The ifb that the reference's plugin made, before ours took its place. Its name does not tell which of the container's
 * interfaces it is for: the result of that ADD does, or `veth`, the host's end, and one that nothing feeds is nobody's.
 */
function removeReferences(call: Call, host: Host, veth?: Link): void {
  const route = host.route();
  const ifb = findLink(route, referenceIfbName(ownerOf(call, name)));
  if (ifb === undefined) return;
  const isOurs = veth !== undefined && stopFeeding(route, veth.index, ifb);
  const isListed = call.prevResult?.interfaces.some((each) => each.name === ifb.name) ?? false;
  if (isOurs || isListed || !isFed(route, ifb)) removeIfb(host, ifb);
}
