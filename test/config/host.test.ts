import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { totalmem, tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { readHostFacts } from "../../config/host.ts";

/** A machine's `docker` and `ip`, as scripts in the only folder on PATH. */
describe("facts about the host", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-host-"));
  const savedPath = process.env["PATH"];
  const listeners: Server[] = [];
  after(() => {
    process.env["PATH"] = savedPath;
    rmSync(root, { recursive: true });
    for (const listener of listeners) listener.close();
  });

  let bin: string;
  let count = 0;
  beforeEach(() => {
    bin = mkdtempSync(path.join(root, String((count += 1))));
    process.env["PATH"] = bin;
    program("ip", "printf '[]'");
    docker({});
  });

  function program(name: string, script: string): void {
    const file = path.join(bin, name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }

  interface Listed {
    /** Fields of `docker ps`: name, state, ports. */
    containers?: [name: string, state: string, ports?: string][];
    /** Id and, where it has some, labels of networks named as the stack. */
    networks?: { id: string; labels?: string[] }[];
  }

  /** A daemon that lists what it is asked for, by the stack that owns it; "" is nobody's. */
  function docker(stacks: Record<string, Listed>): void {
    const containers = Object.entries(stacks).flatMap(([stack, { containers: own = [] }]) =>
      own.map(([name, state, ports = ""]) => [name, stack, state, ports].join("\t")),
    );
    const networks = Object.entries(stacks).flatMap(([stack, { networks: own = [] }]) =>
      own.map(({ id, labels = ["", "", "", ""] }) => [stack, stack, id, ...labels].join("\t")),
    );
    const print = (lines: string[]) => lines.map((line) => `echo '${line}'`).join("; ") || ":";
    program("docker", `case "$1" in ps) ${print(containers)};; network) ${print(networks)};; esac`);
  }

  async function listen(host: string): Promise<number> {
    const server = createServer();
    listeners.push(server);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return (server.address() as AddressInfo).port;
  }

  it("are the machine's memory in MiB", async () => {
    const { memoryMb } = await readHostFacts("lab", []);
    assert.ok(Math.abs(memoryMb * 2 ** 20 - totalmem()) < 2 ** 20);
  });

  it("are the ports that others listen on, on loopback or on all addresses", async () => {
    const taken = [await listen("127.0.0.1"), await listen("0.0.0.0"), await listen("::")];
    const free = await listen("127.0.0.1");
    await new Promise((resolve) => listeners.pop()?.close(resolve));
    const { portsInUse } = await readHostFacts("lab", [...taken, free]);
    assert.deepEqual(portsInUse.toSorted(), taken.toSorted());
    // Looking leaves nothing behind.
    assert.deepEqual((await readHostFacts("lab", [free])).portsInUse, []);
  });

  it("leave out the stack's own ports, and no other stack's", async () => {
    const own = await listen("127.0.0.1");
    const others = await listen("127.0.0.1");
    docker({
      lab: {
        containers: [
          ["lab-rabbitmq", "running"],
          ["lab-keystone", "running", `127.0.0.1:${own}->5000/tcp, 3306/tcp`],
        ],
      },
      dev: { containers: [["dev-keystone", "running", `127.0.0.1:${others}->5000/tcp`]] },
    });
    assert.deepEqual((await readHostFacts("lab", [own, others])).portsInUse, [others]);
    assert.deepEqual((await readHostFacts("dev", [own, others])).portsInUse, [own]);
    assert.deepEqual((await readHostFacts("new", [own, others])).portsInUse, [own, others]);
  });

  it("are the routes, without default routes and the stack's own bridge", async () => {
    docker({
      lab: { networks: [{ id: "0123456789abcdef" }] },
      dev: { networks: [{ id: "fedcba987654" }] },
    });
    const routes = [
      { dst: "default", gateway: "192.168.1.1", dev: "eth0" },
      { dst: "192.168.1.0/24", dev: "eth0" },
      { dst: "10.9.8.7", dev: "wg0" },
      { dst: "10.79.0.0/20", dev: "br-0123456789ab" },
      { dst: "10.80.0.0/20", dev: "br-fedcba987654" },
      { type: "blackhole", dst: "10.66.0.0/16" },
    ];
    program("ip", `[ "$*" = "-json -4 route" ] && printf '%s' '${JSON.stringify(routes)}'`);
    const found = (await readHostFacts("lab", [])).routes;
    assert.deepEqual(found, [
      { cidr: "192.168.1.0/24", device: "eth0" },
      { cidr: "10.9.8.7/32", device: "wg0" },
      { cidr: "10.80.0.0/20", device: "br-fedcba987654" },
      { cidr: "10.66.0.0/16", device: "" },
    ]);
  });

  it("are the names of the images that docker has", async () => {
    program(
      "docker",
      `[ "$1" = images ] && printf 'overcloud-base\\ttrixie\\nlab-openstack\\t0123\\n'; :`,
    );
    const { images } = await readHostFacts("lab", []);
    assert.deepEqual(images, ["overcloud-base:trixie", "lab-openstack:0123"]);
  });

  it("have no routes where there is no ip command", async () => {
    rmSync(path.join(bin, "ip"));
    assert.deepEqual((await readHostFacts("lab", [])).routes, []);
  });

  it("are what the stack has that does not run, and what is not the stack's", async () => {
    docker({
      lab: {
        containers: [
          ["lab-mariadb", "running"],
          ["lab-rabbitmq", "exited"],
          ["lab-compute-0", "paused"],
        ],
        networks: [{ id: "1", labels: ["standalone", "ovs", "10.1.0.0/24", "10.2.0.0/24"] }],
      },
      "": { containers: [["postgres", "running"]] },
      dev: { containers: [["dev-mariadb", "exited"]], networks: [{ id: "2" }] },
    });
    const facts = await readHostFacts("lab", []);
    assert.deepEqual(facts.stopped, [
      { name: "lab-rabbitmq", state: "exited" },
      { name: "lab-compute-0", state: "paused" },
    ]);
    assert.deepEqual(facts.foreignNames.toSorted(), ["dev", "dev-mariadb", "postgres"]);
    assert.deepEqual(facts.living, {
      name: "lab",
      controlPlane: "standalone",
      networking: "ovs",
      cidr: "10.1.0.0/24",
      tenantCidr: "10.2.0.0/24",
    });
    assert.equal((await readHostFacts("new", [])).living, undefined);
  });

  describe("can't be had without docker, which is said in one sentence", () => {
    const sentence = async (): Promise<string> => {
      const error = await readHostFacts("lab", []).then(
        () => assert.fail("facts without docker"),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof Error);
      assert.match(
        error.message,
        /^The docker daemon does not answer \([^\n]+\); start it, or run/,
      );
      return error.message;
    };

    it("when its daemon is down", async () => {
      program(
        "docker",
        "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; echo more >&2; exit 1",
      );
      const message = await sentence();
      assert.match(message, /Cannot connect to the Docker daemon/);
      assert.doesNotMatch(message, /more/);
    });

    it("when it is not installed", async () => {
      rmSync(path.join(bin, "docker"));
      assert.match(await sentence(), /\(docker is not on PATH\)/);
    });

    it("when it fails without a word", async () => {
      program("docker", "exit 3");
      const message = await sentence();
      assert.doesNotMatch(message, /not on PATH|undefined/);
      assert.match(message, /3/);
    });
  });
});
