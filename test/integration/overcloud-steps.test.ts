import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { ScratchStack } from "../../tools/scratch-stack.ts";
import { TripleoHosts } from "../support/tripleo/hosts.ts";

const stack = new ScratchStack(
  "itest-overcloud-steps",
  path.join(import.meta.dirname, "programs/overcloud"),
);
const hosts = new TripleoHosts("itest-overcloud-steps");
const CHOSEN = ["tune_undercloud", "build_heat_config"];

const set = (key: string, value: string) =>
  stack.pulumi("config", "set", "--plaintext", key, value, "--stack", stack.name);

/** How often each step has run to its end. */
function runs(): Record<string, number> {
  return Object.fromEntries(
    CHOSEN.map((step) => {
      const log = readFileSync(hosts.file(`logs/${step}.log`), "utf8");
      return [step, log.split(`step ${step} is done`).length - 1];
    }),
  );
}

const preview = () => stack.tryPulumi("preview", "--expect-no-changes", "--stack", stack.name);

describe("the overcloud's steps under pulumi", { timeout: 15 * 60_000 }, () => {
  before(async () => {
    await hosts.create("10.79.106.0/24");
    await hosts.reset({ release: "train", controllers: 1, computes: 1 });
    await stack.pulumi("stack", "init", stack.name);
    await set("inventory", hosts.file("inventory.yml"));
    await set("outputDirectory", hosts.folder);
    await set("bmcPassword", hosts.file("bmc-password"));
  });

  after(async () => {
    await stack.remove();
    await hosts.remove();
  });

  it("runs those that are chosen and nothing else", async () => {
    await set("steps", CHOSEN.toReversed().join(","));
    await stack.up();
    assert.deepEqual(runs(), { tune_undercloud: 1, build_heat_config: 1 });
    assert.match(await hosts.read("/etc/sysctl.d/90-overcloud.conf"), /ip_forward = 1/);
    assert.deepEqual(await hosts.calls(), [
      "overcloud roles generate -o /home/stack/roles_data.yaml Controller Compute",
    ]);
    const { exitCode, all } = await preview();
    assert.equal(exitCode, 0, all);
  });

  it("leaves what is done as it is while it is left out, and when it is chosen again", async () => {
    for (const steps of ["build_heat_config", CHOSEN.join(",")]) {
      await set("steps", steps);
      const { exitCode, all } = await preview();
      assert.equal(exitCode, 0, all);
    }
  });

  it("runs again the step whose settings changed, and only that", async () => {
    await set("sysctl", "10");
    await stack.up();
    assert.deepEqual(runs(), { tune_undercloud: 2, build_heat_config: 1 });
    assert.match(await hosts.read("/etc/sysctl.d/90-overcloud.conf"), /vm\.swappiness = 10/);
  });

  it("runs a step that was left out once it is chosen", async () => {
    await set("steps", [...CHOSEN, "gen_ssh_key"].join(","));
    await stack.up();
    assert.match(await hosts.read("/home/stack/.ssh/id_rsa"), /PRIVATE KEY/);
    assert.deepEqual(runs(), { tune_undercloud: 2, build_heat_config: 1 });
  });

  it("names the step that failed and its log, and goes on there", async () => {
    // The parameters are written, and can't be applied.
    const values = "/var/lib/stand-in/sysctl";
    await hosts.run("undercloud", "rm", values);
    await hosts.run("undercloud", "mkdir", values);
    await set("sysctl", "20");
    const { exitCode, all } = await stack.tryPulumi("up", "--yes", "--stack", stack.name);
    assert.notEqual(exitCode, 0);
    assert.match(
      all,
      /Step tune_undercloud failed: "tune_undercloud : Apply them" failed on undercloud-0: /,
    );
    assert.match(all, /\(log: .*logs\/tune_undercloud\.log\)/);
    await hosts.run("undercloud", "rmdir", values);
    await stack.up();
    assert.deepEqual(runs(), { tune_undercloud: 3, build_heat_config: 1 });
  });
});
