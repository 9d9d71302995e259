// Classes of htb in a real kernel, as tc(8) sees them.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { Sandbox } from "#test/sandbox.ts";
import { Connection } from "./connection.ts";
import { addHtbClass, type HtbClass, listHtbClasses, removeHtbClass, replaceHtbClass } from "./htb-class.ts";
import { addQdisc, rootQdisc } from "./qdisc.ts";
import { handle, Parent } from "./tc.ts";

describe("htb classes", () => {
  test("are added once, replaced, listed, and removed twice", () => {
    using box = new Sandbox();
    const ns = box.netns("htb");
    box.sh(ns, "ip link add v0 index 10 type veth peer name v1".split(" "));
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const show = () => box.sh(ns, "tc class show dev v0".split(" "));
    const top: HtbClass = {
      ...{ ifindex: 10, parent: Parent.root, classId: handle(1, 1), priority: 0 },
      ...{ rateBytes: 125_000, burstBytes: 10_240, ceilBytes: 250_000, ceilBurstBytes: 20_480 },
    };
    const fast: HtbClass = {
      ...{ ifindex: 10, parent: handle(1, 1), classId: handle(1, 0x30), priority: 3 },
      ...{ rateBytes: 1_250_000, burstBytes: 20_480, ceilBytes: 12_500_000_000, ceilBurstBytes: 10_000_000 },
    };
    route.apply([
      addQdisc(rootQdisc(10, { kind: "htb", defaultClass: 0x30 }, handle(1))),
      addHtbClass({ ...top, parent: handle(1) }),
      addHtbClass(fast),
    ]);
    expect(show()).toContain("class htb 1:1 root rate 1Mbit ceil 2Mbit burst 10Kb cburst 20Kb");
    expect(show()).toContain("class htb 1:30 parent 1:1 prio 3 rate 10Mbit ceil 100Gbit burst 20Kb");
    const listed = listHtbClasses(route, 10);
    // A top class hangs at the root, whatever parent made it.
    expect(listed).toContainEqual(top);
    const [found] = listed.filter(({ classId }) => classId === fast.classId);
    expect({ ...found, ceilBurstBytes: 0 }).toEqual({ ...fast, ceilBurstBytes: 0 });
    expect(Math.abs((found?.ceilBurstBytes ?? 0) - fast.ceilBurstBytes)).toBeLessThan(1000);

    expect(route.tryApply([addHtbClass(fast)]).map(({ error }) => error.errnoName)).toEqual(["EEXIST"]);
    const slower = { ...fast, ceilBytes: 2_500_000, ceilBurstBytes: 40_960 };
    route.apply([replaceHtbClass(slower)]);
    expect(listHtbClasses(route, 10)).toContainEqual(slower);

    expect(route.tryApply([removeHtbClass(top)])[0]?.error.errnoName).toBe("EBUSY");
    route.apply([removeHtbClass(fast), removeHtbClass(top), removeHtbClass(top)]);
    expect(listHtbClasses(route, 10)).toEqual([]);
    route.apply([removeHtbClass({ ...top, ifindex: 99 })]);
  });
});
