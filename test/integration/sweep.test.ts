import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { STACK_LABEL } from "../../components/names.ts";
import { macPrefixOf } from "../../components/libvirt/plan.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { docker, leftovers, ScratchStack } from "../../tools/scratch-stack.ts";
import { cacheImage } from "../../tools/setup/tasks/images.ts";
import { sweepCommand } from "../../tools/sweep.ts";
import { libvirtHas, sweepLibvirt, virsh } from "../support/libvirt.ts";

const STACK = "itest-sweep";
const OTHER = "itest-sweep2";
const stack = new ScratchStack(STACK);
const output = join(PROJECT_DIRECTORY, "output", STACK);

async function sweep(...args: string[]): Promise<{ status: number; lines: string[] }> {
  const lines: string[] = [];
  const status = await sweepCommand(["--stack", STACK, ...args], (line) => lines.push(line));
  return { status, lines };
}

/** A domain that is defined and never started. */
async function define(name: string, mac: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "overcloud-domain-"));
  const file = join(folder, "domain.xml");
  writeFileSync(
    file,
    `<domain type="qemu"><name>${name}</name><memory unit="MiB">64</memory><vcpu>1</vcpu>
<os><type arch="x86_64">hvm</type></os>
<devices><interface type="user"><mac address="${mac}"/></interface></devices></domain>`,
  );
  await virsh("define", file);
  rmSync(folder, { recursive: true });
}

describe("a stack whose state is gone", { timeout: 10 * 60_000 }, () => {
  const foreign = {
    container: `${STACK}-mine`,
    other: `${OTHER}-mariadb`,
    domain: `${STACK}-baremetal-1`,
  };

  before(async () => {
    await sweepLibvirt(STACK);
    await stack.create({
      computes: 1,
      "network.cidr": "10.79.160.0/20",
      "network.tunnelCidr": "10.79.176.0/20",
      "network.tenantCidr": "10.107.0.0/16",
      "ports.keystone": 15060,
      "ports.placement": 18838,
      "ports.glance": 19352,
      "ports.neutron": 19756,
      "ports.nova": 18834,
    });
    await stack.up();
    await define(`${STACK}-baremetal-0`, `${macPrefixOf(STACK)}:80:00`);
    await define(foreign.domain, "52:54:00:00:00:01");
    const [image = ""] = (await docker("images", "--quiet", cacheImage)).split(
      "\n",
    );
    const sleeper = ["--entrypoint", "sleep", image, "600"];
    await docker("run", "--detach", "--name", foreign.container, ...sleeper);
    const label = `${STACK_LABEL}=${OTHER}`;
    await docker("run", "--detach", "--name", foreign.other, "--label", label, ...sleeper);
    await docker("volume", "create", "--label", label, foreign.other);
    // The state goes, the cloud stays.
    await stack.pulumi("stack", "rm", "--yes", "--force", "--preserve-config", "--stack", STACK);
  });

  after(async () => {
    await docker("rm", "--force", foreign.container, foreign.other);
    await docker("volume", "rm", "--force", foreign.other);
    await sweepLibvirt(STACK);
    await stack.remove();
  });

  it("is listed with all that it has, and nothing is touched", async () => {
    const earlier = await leftovers(STACK);
    const { status, lines } = await sweep();
    assert.equal(status, 0);
    const text = lines.join("\n");
    for (const name of [...Object.values(earlier).flat(), `${STACK}-baremetal-0`, output]) {
      assert.ok(text.includes(` ${name} `) || text.includes(` ${name}\n`), `${name} in:\n${text}`);
    }
    for (const name of Object.values(foreign)) assert.ok(!text.includes(name), name);
    assert.deepEqual(await leftovers(STACK), earlier);
    assert.ok((earlier["containers"]?.length ?? 0) > 12);
  });

  it("is removed with everything, and nothing of anybody else's is", async () => {
    const { status, lines } = await sweep("--yes");
    assert.equal(status, 0, lines.join("\n"));
    assert.match(lines.at(-1) ?? "", /^sweep: \d+ removed, 0 still there$/);
    const none = { containers: [], networks: [], volumes: [], images: [] };
    assert.deepEqual(await leftovers(STACK), none);
    assert.ok(!existsSync(output));
    assert.deepEqual((await libvirtHas(STACK))["domains"], [foreign.domain]);
    const running = ["--filter", `name=${STACK}`, "--format", "{{.Names}} {{.State}}"];
    assert.deepEqual((await docker("ps", ...running)).split("\n").sort(), [
      `${foreign.container} running`,
      `${foreign.other} running`,
    ]);
    assert.deepEqual((await leftovers(OTHER))["volumes"], [foreign.other]);
  });

  it("has nothing left to sweep then", async () => {
    const { status, lines } = await sweep();
    assert.equal(status, 0);
    assert.deepEqual(lines, [`sweep: nothing of the stack ${STACK} is on this machine`]);
  });
});
