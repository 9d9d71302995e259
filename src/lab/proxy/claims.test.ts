// Elements of services that come, change, go and collide, as changes.

import { describe, expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { ElementClaims, showChange } from "./claims.ts";
import { elementsOf } from "./element.ts";
import type { Frontend, Verdict } from "./frontend.ts";
import { transactionOf } from "./transaction.ts";

const a = { address: ip("10.244.1.7"), port: 8080, local: true };
const b = { address: ip("10.244.2.8"), port: 8080, local: false };

function web(verdict: Verdict, extra: Partial<Frontend> = {}): Frontend {
  return { address: ip("10.96.0.20"), protocol: "tcp", port: 80, verdict, own: false, masquerade: false, ...extra };
}

function show(claims: ElementClaims, owner: string, frontends: readonly Frontend[]): readonly string[] {
  return claims.replace(owner, frontends.flatMap(elementsOf)).map(showChange);
}

describe("ElementClaims", () => {
  test("change only what differs", () => {
    const claims = new ElementClaims();
    expect(show(claims, "shop/web", [web([a])])).toEqual([
      "add services4 10.96.0.20 . tcp . 80 : goto pick4_1",
      "add targets4_0 10.96.0.20 . tcp . 80 : 10.244.1.7 . 8080",
      "add local4 10.244.1.7",
      "add hairpin4 10.244.1.7 . 10.244.1.7",
    ]);
    expect(show(claims, "shop/web", [web([a])])).toEqual([]);
    expect(show(claims, "shop/web", [web([a, b])])).toEqual([
      "remove services4 10.96.0.20 . tcp . 80 : goto pick4_1",
      "add services4 10.96.0.20 . tcp . 80 : goto pick4_2",
      "add targets4_1 10.96.0.20 . tcp . 80 : 10.244.2.8 . 8080",
    ]);
    expect(show(claims, "shop/web", [web("refuse")])).toEqual([
      "remove services4 10.96.0.20 . tcp . 80 : goto pick4_2",
      "remove targets4_0 10.96.0.20 . tcp . 80 : 10.244.1.7 . 8080",
      "remove targets4_1 10.96.0.20 . tcp . 80 : 10.244.2.8 . 8080",
      "remove local4 10.244.1.7",
      "remove hairpin4 10.244.1.7 . 10.244.1.7",
      "add refused4 10.96.0.20 . tcp . 80 : goto refuse",
    ]);
    expect(show(claims, "shop/web", [])).toEqual(["remove refused4 10.96.0.20 . tcp . 80 : goto refuse"]);
    expect(claims.all()).toEqual([]);
  });

  test("keep what several services want until the last of them goes", () => {
    const claims = new ElementClaims();
    show(claims, "shop/web", [web([a])]);
    const other = web([a], { port: 81 });
    expect(show(claims, "shop/admin", [other])).not.toContain("add hairpin4 10.244.1.7 . 10.244.1.7");
    expect(show(claims, "shop/web", [])).not.toContain("remove hairpin4 10.244.1.7 . 10.244.1.7");
    expect(show(claims, "shop/admin", [])).toContain("remove hairpin4 10.244.1.7 . 10.244.1.7");
  });

  test("give a contested place to the service whose name comes first", () => {
    const claims = new ElementClaims();
    show(claims, "shop/b", [web([b])]);
    expect(show(claims, "shop/a", [web([a])])).toContain("add targets4_0 10.96.0.20 . tcp . 80 : 10.244.1.7 . 8080");
    expect(show(claims, "shop/c", [web("drop")])).toEqual([]);
    expect(show(claims, "shop/a", [])).toContain("add targets4_0 10.96.0.20 . tcp . 80 : 10.244.2.8 . 8080");
  });
});

describe("transactionOf()", () => {
  test("makes chains that are missing, then removes, then adds", () => {
    const claims = new ElementClaims();
    claims.replace("shop/web", elementsOf(web([a], { affinitySeconds: 60 })));
    const changes = claims.replace(
      "shop/web",
      elementsOf(web([a, b], { affinitySeconds: 60, outside: [a], masquerade: true })),
    );
    const known = new Set(["target4_0", "pick4_1", "sticky4_1", "remember4_60"]);
    expect(transactionOf(changes, known).text.trimEnd().split("\n")).toEqual([
      "add map inet twill_services targets4_1 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }",
      "add chain inet twill_services target4_1",
      "add rule inet twill_services target4_1 dnat ip to ip daddr . meta l4proto . th dport map @targets4_1",
      "add chain inet twill_services pick4_2",
      "add rule inet twill_services pick4_2 numgen random mod 2 vmap { 0 : goto target4_0, 1 : goto target4_1 }",
      "add chain inet twill_services sticky4_2",
      "add rule inet twill_services sticky4_2 dnat ip to ip saddr . ip daddr . meta l4proto . th dport map @clients4",
      "add rule inet twill_services sticky4_2 goto pick4_2",
      "add map inet twill_services targets_local4_0 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }",
      "add chain inet twill_services target_local4_0",
      "add rule inet twill_services target_local4_0 dnat ip to ip daddr . meta l4proto . th dport map @targets_local4_0",
      "add chain inet twill_services pick_local4_1",
      "add rule inet twill_services pick_local4_1 goto target_local4_0",
      "add chain inet twill_services sticky_local4_1",
      "add rule inet twill_services sticky_local4_1 dnat ip to ip saddr . ip daddr . meta l4proto . th dport map @clients4",
      "add rule inet twill_services sticky_local4_1 goto pick_local4_1",
      "delete element inet twill_services services4 { 10.96.0.20 . tcp . 80 }",
      "add element inet twill_services services4 { 10.96.0.20 . tcp . 80 : goto sticky4_2 }",
      "add element inet twill_services targets4_1 { 10.96.0.20 . tcp . 80 : 10.244.2.8 . 8080 }",
      "add element inet twill_services outside4 { 10.96.0.20 . tcp . 80 : goto sticky_local4_1 }",
      "add element inet twill_services targets_local4_0 { 10.96.0.20 . tcp . 80 : 10.244.1.7 . 8080 }",
      "add element inet twill_services masquerade4 { 10.96.0.20 . tcp . 80 }",
    ]);
  });
});
