import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { addNode, removeNode, startDaemon, stopDaemon } from "../../../components/bmc/actions.ts";
import { bmcFiles, daemonOf, endedDaemon, processesOf } from "../../../components/bmc/daemon.ts";
import { planBmcs } from "../../../components/bmc/plan.ts";
import { planTopology } from "../../../components/libvirt/plan.ts";
import { libvirtSchema } from "../../../config/libvirt.ts";
import { perform } from "../../support/openstack.ts";

const root = mkdtempSync(join(tmpdir(), "overcloud-bmc-"));
const directory = join(root, "bmc");
const files = bmcFiles(directory);

after(() => {
  for (const pid of processesOf(files)) process.kill(pid, "SIGKILL");
  rmSync(root, { recursive: true });
});

/** Stands in for vbmcd: writes its pid where its settings say, and has a child as vbmcd has one for each BMC. */
const program = join(root, "vbmcd");
writeFileSync(
  program,
  `#!/bin/sh
[ "$1" = --foreground ] || exit 2
sleep 1000 & child=$!
trap 'kill $child; exit 0' TERM
echo $$ >"$(sed -n 's/^pid_file = //p' "$VIRTUALBMC_CONFIG")"
wait
`,
);
chmodSync(program, 0o755);

const planOf = (controllers: number, computes: number) =>
  planBmcs(
    planTopology(
      libvirtSchema.parse({
        nodes: { controller: { count: controllers }, compute: { count: computes } },
      }),
      "lab",
      "lab",
    ),
    { firstPort: 6230, user: "admin" },
  );

describe("the plan of the BMCs", () => {
  it("has one for each overcloud node, on the provisioning network", () => {
    assert.deepEqual(
      planOf(3, 2).map(({ node, domainName, address, port }) =>
        [node, domainName, address, port].join(" "),
      ),
      [
        "controller-0 lab-controller-0 192.168.24.254 6230",
        "controller-1 lab-controller-1 192.168.24.254 6231",
        "controller-2 lab-controller-2 192.168.24.254 6232",
        "compute-0 lab-compute-0 192.168.24.254 6233",
        "compute-1 lab-compute-1 192.168.24.254 6234",
      ],
    );
  });

  it("never renumbers", () => {
    const size = fc.record({
      controllers: fc.constantFrom(1, 3),
      computes: fc.integer({ min: 0, max: 37 }),
    });
    fc.assert(
      fc.property(size, size, (one, other) => {
        const before = planOf(one.controllers, one.computes);
        const after = planOf(other.controllers, other.computes);
        assert.equal(new Set(before.map(({ port }) => port)).size, before.length);
        for (const bmc of before) {
          const same = after.find(({ node }) => node === bmc.node);
          if (same) assert.deepEqual(same, bmc);
        }
      }),
    );
  });
});

describe("the daemon", () => {
  const start = () => perform(startDaemon, { directory, program });

  it("is not there at first, and missed by nobody", () => {
    assert.equal(daemonOf(files), undefined);
    assert.deepEqual(endedDaemon(directory), []);
  });

  it("is started in a session of its own, with settings that only its user reads", async () => {
    const { reports } = await start();
    assert.match(reports.join(), /vbmcd runs/);
    const pid = daemonOf(files);
    assert.ok(pid !== undefined);
    const [, , group, session] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    assert.deepEqual([group, session], [String(pid), String(pid)]);
    assert.match(
      readFileSync(files.settings, "utf8"),
      new RegExp(`config_dir = ${files.nodes}\npid_file = ${files.pid}\n`),
    );
    for (const file of [files.settings, files.log]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
    assert.deepEqual(endedDaemon(directory), []);
  });

  it("stays as it is when its step runs again", async () => {
    const pid = daemonOf(files);
    await start();
    assert.equal(daemonOf(files), pid);
  });

  it("comes back after it was killed, without the children of the first", async () => {
    const before = processesOf(files);
    process.kill(daemonOf(files) ?? 0, "SIGKILL");
    while (daemonOf(files) !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    const words = ["the daemon of the virtual BMCs does not run"];
    assert.deepEqual(endedDaemon(directory), words);
    // A preview changes nothing.
    assert.deepEqual(endedDaemon(directory), words);
    await start();
    assert.ok(daemonOf(files) !== undefined);
    assert.ok(new Set(before).isDisjointFrom(new Set(processesOf(files))));
    assert.deepEqual(endedDaemon(directory), []);
  });

  it("is no process that has got its pid by chance", () => {
    const text = readFileSync(files.pid, "utf8");
    writeFileSync(files.pid, `${process.pid}\n`);
    assert.equal(daemonOf(files), undefined);
    writeFileSync(files.pid, text);
  });

  it("ends with all that belongs to it, and may have ended before", async () => {
    await perform(stopDaemon, { directory });
    assert.deepEqual(processesOf(files), []);
    assert.ok(!existsSync(directory));
    await perform(stopDaemon, { directory });
  });

  it("is reported where it can't be started or ends at once", async () => {
    const other = join(root, "other");
    const starting = (what: string) => perform(startDaemon, { directory: other, program: what });
    await assert.rejects(starting("/no/vbmcd"), /can't be started.*npm run setup/);
    await assert.rejects(starting("/bin/false"), /vbmcd ended at once, see .*vbmcd\.log/);
    assert.equal(endedDaemon(other).length, 1);
  });
});

describe("a BMC", () => {
  const bmc = { directory, domainName: "lab-compute-0", address: "127.0.0.1", port: 17999 };
  const config = join(files.nodes, "lab-compute-0/config");

  it("is configured for the daemon alone to read, and reported when it does not answer", async () => {
    await perform(startDaemon, { directory, program });
    await assert.rejects(
      perform(
        addNode,
        { ...bmc, username: "admin", libvirtUri: "qemu:///system" },
        { readInput: () => Promise.resolve("hunter2"), signal: AbortSignal.timeout(2000) },
      ),
    );
    assert.equal(
      readFileSync(config, "utf8"),
      "[VirtualBMC]\nusername = admin\npassword = hunter2\ndomain_name = lab-compute-0\nlibvirt_uri = qemu:///system\naddress = 127.0.0.1\nport = 17999\nactive = true\n",
    );
    assert.equal(statSync(config).mode & 0o777, 0o600);
  });

  it("goes with its configuration, and may be gone", async () => {
    await perform(removeNode, bmc);
    assert.ok(!existsSync(config));
    await perform(removeNode, bmc);
    await perform(stopDaemon, { directory });
  });
});
