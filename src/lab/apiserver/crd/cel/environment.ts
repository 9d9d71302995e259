// CEL as rules of CRDs use it: the language from a library, and the functions that Kubernetes adds to it.

import { Environment } from "@marcbachmann/cel-js";
import { parseQuantity } from "#kube/quantity.ts";
import { addressOf, contains, type IfAddr, lengthOf, networkOf, parseIfAddr } from "#net/cidr.ts";
import { familyOf, type Ip, parseIp } from "#net/ip.ts";

/** Values of types that CEL does not have. Classes, as the library tells types by their constructors. */
class IpValue {
  readonly address: Ip;
  constructor(address: Ip) {
    this.address = address;
  }
}

class CidrValue {
  readonly prefix: IfAddr;
  constructor(prefix: IfAddr) {
    this.prefix = prefix;
  }
}

class QuantityValue {
  readonly amount: number;
  constructor(amount: number) {
    this.amount = amount;
  }
}

/** Rules are short; one that is not would hold the server up. */
const limits = {
  maxAstNodes: 5_000,
  maxDepth: 100,
  maxListElements: 1_000,
  maxMapEntries: 1_000,
  maxCallArguments: 32,
};

/** The environment of a rule: `self`, `oldSelf`, the language, and Kubernetes' functions ("CEL in Kubernetes"). */
export function ruleEnvironment(): Environment {
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits })
    .registerVariable("self", "dyn")
    .registerVariable("oldSelf", "dyn");
  addLists(environment);
  addTexts(environment);
  addNetworks(environment);
  addQuantities(environment);
  return environment;
}

type Comparable = bigint | number | string | Date;

function addLists(environment: Environment): void {
  environment
    .registerFunction("list.isSorted(): bool", (list: readonly Comparable[]) =>
      list.every((item, index) => index === 0 || (list[index - 1] ?? item) <= item),
    )
    .registerFunction("list.sum(): dyn", (list: readonly (bigint | number)[]) =>
      list.every((item) => typeof item === "bigint")
        ? list.reduce((sum, item) => sum + item, 0n)
        : list.reduce<number>((sum, item) => sum + Number(item), 0),
    )
    .registerFunction("list.min(): dyn", (list: readonly Comparable[]) => extreme(list, (a, b) => a < b))
    .registerFunction("list.max(): dyn", (list: readonly Comparable[]) => extreme(list, (a, b) => a > b))
    .registerFunction("list.indexOf(dyn): int", (list: readonly unknown[], item: unknown) => BigInt(list.indexOf(item)))
    .registerFunction("list.lastIndexOf(dyn): int", (list: readonly unknown[], item: unknown) =>
      BigInt(list.lastIndexOf(item)),
    );
}

function extreme(list: readonly Comparable[], wins: (a: Comparable, b: Comparable) => boolean): Comparable {
  const [first, ...rest] = list;
  if (first === undefined) throw new RangeError("an empty list has neither min nor max");
  return rest.reduce((best, item) => (wins(item, best) ? item : best), first);
}

function addTexts(environment: Environment): void {
  environment
    .registerFunction("string.find(string): string", (text: string, pattern: string) => {
      return new RegExp(pattern, "u").exec(text)?.[0] ?? "";
    })
    .registerFunction("string.findAll(string): list", (text: string, pattern: string) => {
      return [...text.matchAll(new RegExp(pattern, "gu"))].map(([match]) => match);
    })
    .registerFunction("string.charAt(int): string", (text: string, index: bigint) => text.charAt(Number(index)))
    .registerFunction("isURL(string): bool", (text: string) => URL.canParse(text));
}

function addNetworks(environment: Environment): void {
  const ip = (text: string) => new IpValue(checked(parseIp(text), `${JSON.stringify(text)} is no IP address`));
  const cidr = (text: string) => new CidrValue(checked(parseIfAddr(text), `${JSON.stringify(text)} is no CIDR`));
  const holds = ({ prefix }: CidrValue, address: Ip): boolean => contains(networkOf(prefix), address);
  const holdsAll = (outer: CidrValue, inner: CidrValue): boolean =>
    lengthOf(inner.prefix) >= lengthOf(outer.prefix) && holds(outer, addressOf(networkOf(inner.prefix)));
  environment
    .registerType("net.IP", { ctor: IpValue, fields: {} })
    .registerType("net.CIDR", { ctor: CidrValue, fields: {} })
    .registerFunction("isIP(string): bool", (text: string) => parseIp(text) !== undefined)
    .registerFunction("isCIDR(string): bool", (text: string) => parseIfAddr(text) !== undefined)
    .registerFunction("ip(string): net.IP", ip)
    .registerFunction("cidr(string): net.CIDR", cidr)
    .registerFunction("net.IP.family(): int", ({ address }: IpValue) => (familyOf(address) === "ipv4" ? 4n : 6n))
    .registerFunction("net.CIDR.ip(): net.IP", ({ prefix }: CidrValue) => new IpValue(addressOf(prefix)))
    .registerFunction("net.CIDR.prefixLength(): int", ({ prefix }: CidrValue) => BigInt(lengthOf(prefix)))
    .registerFunction("net.CIDR.masked(): net.CIDR", ({ prefix }: CidrValue) => cidr(networkOf(prefix)))
    .registerFunction("net.CIDR.containsIP(string): bool", (outer: CidrValue, text: string) =>
      holds(outer, ip(text).address),
    )
    .registerFunction("net.CIDR.containsIP(net.IP): bool", (outer: CidrValue, inner: IpValue) =>
      holds(outer, inner.address),
    )
    .registerFunction("net.CIDR.containsCIDR(string): bool", (outer: CidrValue, text: string) =>
      holdsAll(outer, cidr(text)),
    )
    .registerFunction("net.CIDR.containsCIDR(net.CIDR): bool", holdsAll);
}

function addQuantities(environment: Environment): void {
  const quantity = (text: string) =>
    new QuantityValue(checked(parseQuantity(text), `${JSON.stringify(text)} is no quantity`));
  environment
    .registerType("Quantity", { ctor: QuantityValue, fields: {} })
    .registerFunction("isQuantity(string): bool", (text: string) => parseQuantity(text) !== undefined)
    .registerFunction("quantity(string): Quantity", quantity)
    .registerFunction(
      "Quantity.isGreaterThan(Quantity): bool",
      (a: QuantityValue, b: QuantityValue) => a.amount > b.amount,
    )
    .registerFunction(
      "Quantity.isLessThan(Quantity): bool",
      (a: QuantityValue, b: QuantityValue) => a.amount < b.amount,
    )
    .registerFunction("Quantity.compareTo(Quantity): int", (a: QuantityValue, b: QuantityValue) =>
      BigInt(Math.sign(a.amount - b.amount)),
    )
    .registerFunction("Quantity.asApproximateFloat(): double", ({ amount }: QuantityValue) => amount)
    .registerFunction("Quantity.asInteger(): int", ({ amount }: QuantityValue) => BigInt(amount));
}

function checked<T>(value: T | undefined, why: string): T {
  if (value === undefined) throw new RangeError(why);
  return value;
}
