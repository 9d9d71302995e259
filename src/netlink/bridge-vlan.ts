// VLANs of a bridge's ports: which a port lets through, tagged or not (linux/if_bridge.h, IFLA_AF_SPEC of AF_BRIDGE).

import { attr, attrList, attrs, nest, writeAttr } from "#codec/attrs.ts";
import type { Codec, Infer, Reader } from "#codec/codec.ts";
import { u16, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import type { Connection } from "./connection.ts";
import { LinkType } from "./link.ts";
import { linkHeader } from "./link-message.ts";
import { makeRequest, type Request } from "./message.ts";

export type PortVlan = {
  /** 1 to 4094. */
  readonly vid: number;
  /** Untagged packets that come in belong to this VLAN. A port has at most one such. */
  readonly pvid?: boolean | undefined;
  /** Its packets go out without a tag. */
  readonly untagged?: boolean | undefined;
};

/** All from `vid` to `rangeEnd`, both included; one request whatever their number. */
export type PortVlanRange = PortVlan & { readonly rangeEnd?: number | undefined };

/** The ifindex of a port, or of a bridge with `self` for the bridge's own end. */
export type VlanPort = { readonly ifindex: number; readonly self?: boolean | undefined };

/** BRIDGE_VLAN_INFO_ */
const VlanFlag = { pvid: 0x2, untagged: 0x4, rangeBegin: 0x8, rangeEnd: 0x10 } as const;
/** BRIDGE_FLAGS_SELF */
const selfFlag = 2;
/** RTEXT_FILTER_BRVLAN_COMPRESSED: neighbours with the same flags come as a range. */
const compressedVlans = 4;
const maxVid = 4094;

/** struct bridge_vlan_info */
const vlanInfo = struct({ flags: u16, vid: u16 });
const vlanInfos = attrList(2, vlanInfo);

type BridgeSpec = {
  readonly flags?: number | undefined;
  readonly vlans: readonly Infer<typeof vlanInfo>[];
};
/** The list's elements stand beside the flags, not within an attribute of their own. */
const bridgeSpec: Codec<BridgeSpec> = {
  encode(writer, { flags, vlans }) {
    if (flags !== undefined) writeAttr(writer, 0, u16, flags);
    vlanInfos.encode(writer, vlans);
  },
  decode: (reader) => ({ vlans: vlanInfos.decode(reader) }),
};

const portMessage = struct({
  header: linkHeader,
  attrs: attrs({ spec: nest(26, bridgeSpec), extMask: attr(29, u32) }),
});

/** Sets the flags anew when the port has the VLAN already. The bridge must filter VLANs for it to matter. */
export function addPortVlan(port: VlanPort, vlan: PortVlanRange): Request {
  return portRequest(port, vlan, "add", LinkType.set);
}

/** That the port has it not is no error. */
export function removePortVlan(port: VlanPort, vlan: PortVlanRange): Request {
  return portRequest(port, vlan, "remove", LinkType.del, ["ENOENT", "ENODEV"]);
}

/** The VLANs of one port, or of a bridge itself, in order, ranges taken apart. @throws KernelError */
export function listPortVlans(connection: Connection, ifindex: number): readonly PortVlan[] {
  const value = { header: header(0), attrs: { extMask: compressedVlans } };
  const request = makeRequest(portMessage, value, { type: LinkType.get, flags: 0, text: "list VLANs of bridge ports" });
  return connection
    .dump(request, readPort)
    .filter((port) => port.ifindex === ifindex)
    .flatMap(({ vlans }) => vlans);
}

/** Of an RTM_NEWLINK message of family bridge. */
export function readPort(body: Reader): { readonly ifindex: number; readonly vlans: readonly PortVlan[] } {
  const { header, attrs } = portMessage.decode(body);
  return { ifindex: header.index, vlans: expand(attrs.spec?.vlans ?? []) };
}

/** `42 pvid untagged`, `100-200` */
function formatPortVlan({ vid, rangeEnd, pvid, untagged }: PortVlanRange): string {
  const range = rangeEnd === undefined || rangeEnd === vid ? `${vid}` : `${vid}-${rangeEnd}`;
  return `${range}${pvid ? " pvid" : ""}${untagged ? " untagged" : ""}`;
}

function portRequest(
  { ifindex, self }: VlanPort,
  vlan: PortVlanRange,
  verb: string,
  type: number,
  allow?: readonly string[],
): Request {
  const spec = { vlans: toInfos(vlan), flags: self ? selfFlag : undefined };
  const text = `${verb} vlan ${formatPortVlan(vlan)} dev #${ifindex}${self ? " self" : ""}`;
  return makeRequest(portMessage, { header: header(ifindex), attrs: { spec } }, { type, flags: 0, text, allow });
}

function header(index: number): Infer<typeof linkHeader> {
  return { family: "bridge", type: 0, index, flags: 0, change: 0 };
}

function toInfos({ vid, rangeEnd = vid, pvid, untagged }: PortVlanRange): readonly Infer<typeof vlanInfo>[] {
  for (const number of [vid, rangeEnd]) {
    if (!Number.isInteger(number) || number < 1 || number > maxVid) {
      throw new RangeError(`A VLAN has a number from 1 to ${maxVid}, not ${number}`);
    }
  }
  if (rangeEnd < vid) throw new RangeError(`The VLAN range ${vid}-${rangeEnd} ends before it begins`);
  if (pvid && rangeEnd !== vid) throw new RangeError(`A port has one pvid: the range ${vid}-${rangeEnd} cannot be it`);
  const flags = (pvid ? VlanFlag.pvid : 0) | (untagged ? VlanFlag.untagged : 0);
  if (rangeEnd === vid) return [{ flags, vid }];
  return [
    { flags: flags | VlanFlag.rangeBegin, vid },
    { flags: flags | VlanFlag.rangeEnd, vid: rangeEnd },
  ];
}

/** Single VLANs, where the kernel sends ranges by their ends. */
export function expand(infos: readonly Infer<typeof vlanInfo>[]): readonly PortVlan[] {
  const out: PortVlan[] = [];
  let begin: number | undefined;
  for (const { flags, vid } of infos) {
    if ((flags & VlanFlag.rangeBegin) !== 0) {
      begin = vid;
      continue;
    }
    const marks = {
      ...((flags & VlanFlag.pvid) === 0 ? {} : { pvid: true }),
      ...((flags & VlanFlag.untagged) === 0 ? {} : { untagged: true }),
    };
    for (let each = begin ?? vid; each <= vid; each++) out.push({ vid: each, ...marks });
    begin = undefined;
  }
  return out;
}
