// Which containers run the host's programs, and which the stand-in plays.
import { describe, expect, test } from "bun:test";
import type { Container } from "kubernetes-types/core/v1";
import { pod } from "#test/lab-pod.ts";
import { programOf } from "./program.ts";

/** The command line, without the stand-in's names. */
function show(container: Partial<Container>): string {
  const program = programOf(
    pod(),
    { name: "c", ...container },
    "node1",
    new Map([["A", "x"]]),
    (name) => name === "sh",
  );
  if (program.kind === "command") return program.argv.join(" ");
  return [program.kind, ...program.args.slice(program.kind === "standin" ? 9 : 0)].join(" ");
}

describe("programOf()", () => {
  const probe = { httpGet: { port: 8081 } };
  const rows: readonly (readonly [what: string, container: Partial<Container>, text: string])[] = [
    ["a command of the host", { image: "nginx", command: ["sh", "-c"], args: ["echo $(A)"] }, "sh -c echo x"],
    ["a command that the host lacks", { image: "nginx", command: ["nginx"] }, "standin --try-tcp 80 --try-tcp 8080"],
    [
      "arguments of an unknown image",
      { image: "redis:7", args: ["--save"], ports: [{ containerPort: 6379 }] },
      "standin --tcp 6379",
    ],
    [
      "declared ports",
      { image: "dns", ports: [{ containerPort: 53, protocol: "UDP" }, { containerPort: 53 }] },
      "standin --udp 53 --tcp 53",
    ],
    [
      "a port that the stand-in cannot serve",
      { image: "sip", ports: [{ containerPort: 80 }, { containerPort: 80, protocol: "SCTP" }] },
      "standin --tcp 80",
    ],
    [
      "ports of probes",
      { image: "app", ports: [{ containerPort: 80 }], livenessProbe: probe, readinessProbe: probe },
      "standin --tcp 80 --try-tcp 8081",
    ],
    ["no ports", { image: "app" }, "standin --try-tcp 80 --try-tcp 8080"],
    ["the lab's DNS", { image: "lab/dns:1", ports: [{ containerPort: 53 }] }, "twill lab dns"],
    ["the lab's shell", { image: "lab/shell" }, "sleep infinity"],
    ["the lab's shell with a terminal", { image: "lab/shell:latest", tty: true }, "sh"],
    ["a shell's arguments", { image: "docker.io/library/busybox:1.36", args: ["wget", "x"] }, "wget x"],
    ["a shell's missing program", { image: "registry:5000/alpine@sha256:0", command: ["nope"] }, "nope"],
    ["an image that only sounds like a shell", { image: "busybox-extras" }, "standin --try-tcp 80 --try-tcp 8080"],
  ];
  for (const [what, container, text] of rows) test(what, () => expect(show(container)).toBe(text));

  test("the stand-in knows who it is", () => {
    const program = programOf(pod(), { name: "c", ports: [{ containerPort: 80 }] }, "node1", new Map(), () => false);
    const names = ["--pod", "web-0", "--namespace", "shop", "--node", "node1", "--container", "c"];
    expect(program).toEqual({ kind: "standin", args: ["standin", ...names, "--tcp", "80"] });
  });
});
