import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { ScratchStack } from "../../tools/scratch-stack.ts";

const PREFIX = "itest-libvirt";
const stack = new ScratchStack(PREFIX, join(import.meta.dirname, "programs/libvirt"));

async function virsh(...args: string[]): Promise<string> {
  const { stdout } = await execa("virsh", ["--connect", "qemu:///system", "--quiet", ...args], {
    timeout: 60_000,
    stdin: "ignore",
  });
  return stdout;
}

/** Everything of the test's that libvirt has, by kind. */
async function found(): Promise<Record<string, string[]>> {
  const own = async (...args: string[]) =>
    (await virsh(...args, "--all", "--name")).split("\n").filter((name) => name.startsWith(PREFIX));
  return {
    domains: await own("list"),
    networks: await own("net-list"),
    pools: await own("pool-list"),
  };
}

/** What set-up found out by trying a guest. */
function domainType(): string {
  const facts = readFileSync(join(PROJECT_DIRECTORY, ".toolchain/host.json"), "utf8");
  return (JSON.parse(facts) as { domainType: string }).domainType;
}

describe("libvirt through @pulumi/libvirt", { timeout: 10 * 60_000 }, () => {
  const pool = mkdtempSync(join(tmpdir(), "overcloud-pool-"));

  before(async () => {
    // QEMU runs as a user of its own.
    chmodSync(pool, 0o755);
    await stack.pulumi("stack", "init", stack.name);
    const set = (key: string, value: string) =>
      stack.pulumi("config", "set", key, value, "--stack", stack.name);
    await set("prefix", PREFIX);
    await set("poolPath", pool);
    await set("domainType", domainType());
  });

  after(async () => {
    await stack.remove();
    // A domain that libvirt defined but could not start is in nobody's state.
    for (const name of (await found()).domains ?? []) await virsh("undefine", name);
    rmSync(pool, { recursive: true, force: true });
  });

  it("creates a network, a pool, a volume and a running domain", async () => {
    await stack.up();
    assert.equal((await virsh("domstate", `${PREFIX}-domain`)).trim(), "running");
    assert.match(await virsh("net-info", `${PREFIX}-network`), /Active:\s+yes/);
    assert.match(await virsh("vol-list", `${PREFIX}-pool`), /itest-libvirt-disk/);
    assert.match(await virsh("dumpxml", `${PREFIX}-domain`), new RegExp(`type='${domainType()}'`));
  });

  it("previews no change right after", () => stack.expectNoChanges());

  it("starts a domain again that was stopped by hand", async () => {
    await virsh("destroy", `${PREFIX}-domain`);
    await stack.up();
    assert.equal((await virsh("domstate", `${PREFIX}-domain`)).trim(), "running");
  });

  it("removes them all", async () => {
    await stack.destroy();
    assert.deepEqual(await found(), { domains: [], networks: [], pools: [] });
  });
});
