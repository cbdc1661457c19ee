import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { STACK_LABEL } from "../../components/names.ts";
import { macPrefixOf } from "../../components/libvirt/plan.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { docker, leftovers, ScratchStack } from "../../tools/scratch-stack.ts";
import { cacheImage } from "../../tools/setup/tasks/images.ts";
import { sweepCommand } from "../../tools/sweep.ts";
import { eventually } from "../support/cloud.ts";
import { libvirtHas, sweepLibvirt, virsh } from "../support/libvirt.ts";
import { placeOf } from "../support/places.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-rescue";
const OTHER = "itest-rescue2";
const stack = new ScratchStack(STACK);
const backend = fileURLToPath(stack.environment["PULUMI_BACKEND_URL"] ?? "");
const output = join(PROJECT_DIRECTORY, "output", STACK);

async function sweep(...args: string[]): Promise<{ status: number; lines: string[] }> {
  const lines: string[] = [];
  const status = await sweepCommand(["--stack", STACK, ...args], (line) => lines.push(line));
  return { status, lines };
}

/** The command as a user calls it, with the stack's own backend. */
async function doctor(): Promise<{ status: number; lines: string[] }> {
  const argv = ["--disable-warning=ExperimentalWarning", "tools/doctor.ts", "--stack", STACK];
  const { exitCode, stdout } = await execa(process.execPath, argv, {
    ...{ cwd: PROJECT_DIRECTORY, env: stack.environment, reject: false, stdin: "ignore" },
  });
  return { status: exitCode ?? -1, lines: stdout.split("\n") };
}

const mendOf = (lines: string[], line: string) => lines[lines.indexOf(line) + 1]?.trim();

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

describe("a stack in trouble", { timeout: 10 * 60_000 }, () => {
  const foreign = {
    container: `${STACK}-mine`,
    other: `${OTHER}-mariadb`,
    domain: `${STACK}-baremetal-1`,
  };

  before(async () => {
    await sweepLibvirt(STACK);
    await stack.create({
      computes: 1,
      "compute.reportIntervalSeconds": 2,
      // Five reports: on a busy machine two can be late.
      "compute.downTimeSeconds": 10,
      ...placeOf("recovery").settings,
    });
    await stack.up();
  });

  const mine = (lines: string[]) => lines.filter((line) => line.includes(`${STACK}: `));

  it("is well to begin with", async () => {
    assert.deepEqual(mine((await doctor()).lines), []);
  });

  it("is told what is wrong with it, by the commands that mend it", async () => {
    const label = `${STACK_LABEL}=${STACK}`;
    await docker("volume", "create", "--label", label, `${STACK}-lost`);
    await docker("stop", "--time", "1", `${STACK}-compute-0`);
    const locks = join(backend, ".pulumi/locks/organization/overcloud", STACK);
    mkdirSync(locks, { recursive: true });
    const lock = { pid: process.pid, hostname: hostname() };
    writeFileSync(join(locks, "dead.json"), JSON.stringify(lock));
    const { status, lines } = await eventually(
      "the compute and its agent count as down",
      60,
      doctor,
      (seen) => mine(seen.lines).length >= 5,
    );
    assert.equal(status, 1);
    assert.deepEqual(
      mine(lines).map((line) => [line.trim(), mendOf(lines, line)]),
      [
        [
          `wrong: ${STACK}: is locked by pulumi (pid ${process.pid}), which runs no more`,
          `to mend it: pulumi cancel --yes --stack ${STACK}`,
        ],
        [
          `wrong: ${STACK}: volume ${STACK}-lost is on this machine and in no state: it can be in the way of an update`,
          `to mend it: docker volume rm ${STACK}-lost`,
        ],
        [
          `wrong: ${STACK}: container ${STACK}-compute-0 is exited`,
          `to mend it: pulumi up --stack ${STACK}`,
        ],
        [
          `wrong: ${STACK}: nova-compute on compute-0 is down`,
          `to mend it: pulumi up --stack ${STACK}`,
        ],
        [
          `wrong: ${STACK}: the OVN Controller agent on compute-0 does not report`,
          `to mend it: pulumi up --stack ${STACK}`,
        ],
      ],
    );
  });

  it("is well again when each command was run", async () => {
    await stack.pulumi("cancel", "--yes", "--stack", STACK);
    await docker("volume", "rm", `${STACK}-lost`);
    await stack.up();
    assert.deepEqual(mine((await doctor()).lines), []);
  });

  it("has what keeps data write it down before it ends", async () => {
    for (const service of ["mariadb", "rabbitmq"]) {
      await docker("stop", "--time", "30", `${STACK}-${service}`);
      const code = await docker(
        "inspect",
        "--format",
        "{{.State.ExitCode}}",
        `${STACK}-${service}`,
      );
      assert.equal(code, "0", service);
    }
  });

  it("loses its state, with others' things beside it", async () => {
    await define(`${STACK}-baremetal-0`, `${macPrefixOf(STACK)}:80:00`);
    await define(foreign.domain, "52:54:00:00:00:01");
    const [image = ""] = (await docker("images", "--quiet", cacheImage)).split("\n");
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

  it("is then listed with all that it has, and nothing is touched", async () => {
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
    await expectNoneInDocker(STACK);
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
