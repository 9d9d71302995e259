// Our plugins under Debian's podman, by the service and stand-alone: containers get what was asked for, and leave nothing behind.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Node } from "./node.ts";
import { Podman } from "./podman.ts";
import { fetched, nothingRemains, prepareNode, remains, remainsAtLast, ways } from "./twill.ts";

setDefaultTimeout(120_000);

const network = {
  cniVersion: "0.4.0",
  name: "net",
  plugins: [
    {
      type: "bridge",
      bridge: "br0",
      isGateway: true,
      ipMasq: true,
      ipam: { type: "host-local", ranges: [[{ subnet: "10.88.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] },
      capabilities: { ips: true, mac: true },
    },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall" },
    { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  ],
};

describe.each(ways)("our plugins, %s, under podman", (way) => {
  const resources = new DisposableStack();
  let node: Node;
  let podman: Podman;

  beforeAll(async () => {
    const prepared = await prepareNode(resources, way, network);
    node = prepared.node;
    podman = new Podman({ ...prepared, pluginDirs: [prepared.pluginDir], defaultNetwork: "net" });
  });
  afterAll(() => resources.dispose());

  test("give a container the address and the MAC that were asked for", async () => {
    const mac = "02:00:00:00:00:05";
    const options = ["--rm", "--ip", "10.88.0.5", "--mac-address", mac];
    const shown = podman.sh(["run", ...options, podman.image, "ip", "address", "show", "eth0"]);
    expect(shown).toContain("inet 10.88.0.5/24");
    expect(shown).toContain(`link/ether ${mac}`);
    expect(await remainsAtLast(node)).toEqual(nothingRemains);
  });

  test("map a port until the container is removed", async () => {
    const server = ["httpd", "-f", "-p", "80", "-h", "/etc"];
    podman.sh(["run", "--detach", "--name", "web", "--publish", "8081:80", podman.image, ...server]);
    expect(await fetched(node, "http://10.88.0.1:8081/group")).toBe("root:x:0:\n");
    expect(remains(node)).not.toEqual(nothingRemains);
    podman.sh(["rm", "--force", "--time", "0", "web"]);
    expect(await remainsAtLast(node)).toEqual(nothingRemains);
  });

  test("hand back the reason of a failure, and keep nothing of the attempt", async () => {
    const ran = podman.run(["run", "--rm", "--ip", "192.0.2.1", podman.image, "true"]);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toContain("192.0.2.1");
    expect(await remainsAtLast(node)).toEqual(nothingRemains);
  });
});
