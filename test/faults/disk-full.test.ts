import assert from "node:assert/strict";
import {
  appendFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { labelsOf } from "../../components/names.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import * as cloudOf from "../support/cloud.ts";
import { expectNothingLeft, expectQuiet, outputOf, PLACE } from "../support/faults.ts";

const STACK = "itest-faults";
const stack = new ScratchStack(STACK);
const compute = `${STACK}-compute-0`;
const database = `${STACK}-mariadb`;

/** MiB of the disk that the database is on: it begins with about 165, and grows by about 15 in a minute's life. */
const DATABASE_MB = 512;
const BLOCK_BYTES = 4096;
/** Seconds in which an `up` says that it can't go on, and in which one heals once there is room. */
const REFUSING_SECONDS = 120;
const HEALING_SECONDS = 180;

/** A small file system in memory, mounted at a folder. */
class Disk {
  readonly folder: string;
  readonly #ballast: string;

  constructor(folder: string) {
    this.folder = folder;
    this.#ballast = join(folder, "ballast");
  }

  async mount(megabytes: number): Promise<void> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    await execa("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", this.folder]);
  }

  /** Takes what room there is, to the last byte: what is left of the last blocks of steps' logs as well. */
  async fill(): Promise<void> {
    for (const name of globSync("logs/*.log", { cwd: this.folder })) {
      const log = join(this.folder, name);
      appendFileSync(log, "\n".repeat(BLOCK_BYTES - (statSync(log).size % BLOCK_BYTES)));
    }
    const { stderr } = await execa(
      "dd",
      ["if=/dev/zero", `of=${this.#ballast}`, `bs=${BLOCK_BYTES}`, "oflag=append", "conv=notrunc"],
      { reject: false },
    );
    assert.match(stderr, /No space left on device/);
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  async unmount(): Promise<void> {
    await execa("umount", [this.folder], { reject: false });
  }
}

describe("a disk that is full", { timeout: 30 * 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "overcloud-full-"));
  const databaseDisk = new Disk(join(folder, "database"));
  const outputDisk = new Disk(join(folder, "output"));
  let cloud: OpenStackClient;
  let server: cloudOf.ServerState;

  before(async () => {
    await stack.create({ computes: 1, ...PLACE.settings });
    await databaseDisk.mount(DATABASE_MB);
    await outputDisk.mount(4);
    mkdirSync(dirname(outputOf(stack)), { recursive: true });
    rmSync(outputOf(stack), { recursive: true, force: true });
    symlinkSync(outputDisk.folder, outputOf(stack));
    // docker takes a volume that is there for the one that it is told to make.
    const labels = labelsOf(STACK, { role: "control-plane", service: "mariadb" });
    const options = ["type=none", "o=bind", `device=${databaseDisk.folder}`];
    await docker(
      ...["volume", "create"],
      ...Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
      ...options.flatMap((option) => ["--opt", option]),
      database,
    );
    await stack.up();
    cloud = await stack.cloud();
    server = await cloudOf.boot(cloud, "before", "compute-0");
    await cloudOf.wired(cloud, server.id, compute, "compute-0");
  });

  after(async () => {
    databaseDisk.free();
    outputDisk.free();
    await stack.remove();
    await databaseDisk.unmount();
    await outputDisk.unmount();
    rmSync(outputOf(stack), { force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  async function refusal(): Promise<string> {
    const began = Date.now();
    const { exitCode, all } = await stack.tryPulumi(
      ...["up", "--yes", "--skip-preview", "--stack", STACK],
    );
    assert.notEqual(exitCode, 0);
    assert.ok(Date.now() - began < REFUSING_SECONDS * 1000, all);
    assert.doesNotMatch(all, /^\s+at .*:\d+:\d+\)?$/m);
    await expectQuiet(stack);
    return all;
  }

  /** Everything is there that was, and more can be had. */
  async function expectNothingLost(): Promise<void> {
    const began = Date.now();
    await stack.up();
    assert.ok(Date.now() - began < HEALING_SECONDS * 1000);
    cloud = await stack.cloud();
    await cloudOf.settled(cloud, server.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, server.id, compute, "compute-0");
    const { id } = await cloudOf.boot(cloud, "afterwards", "compute-0");
    await cloudOf.remove(cloud, [id]);
    await stack.expectNoChanges();
  }

  it("where the stack writes its files is said in one sentence, and nothing is touched", async () => {
    await outputDisk.fill();
    const earlier = await containers(STACK, "control-plane");
    await stack.configure({ computes: 2 });
    assert.match(await refusal(), /can't be written: ENOSPC: no space left on device/);
    // With something to be repaired it is the program itself that can't write.
    await docker("kill", compute);
    assert.match(
      await refusal(),
      new RegExp(`The stack's folder ${outputOf(stack)} can't be written: ENOSPC`),
    );
    assert.deepEqual(await containers(STACK, "control-plane"), earlier);
    outputDisk.free();
    await expectNothingLost();
    assert.equal((await stack.outputs()).hypervisors.registered, 2);
  });

  it("where the database is keeps it from starting, which an `up` says instead of waiting for long", async () => {
    await docker("kill", database);
    // It makes its temporary tables anew at each start.
    rmSync(join(databaseDisk.folder, "ibtmp1"), { force: true });
    await databaseDisk.fill();
    assert.match(
      await refusal(),
      new RegExp(`${database} (was started \\d times|runs) and does not get healthy: .docker logs`),
    );
    databaseDisk.free();
    await expectNothingLost();
  });

  it("is no matter to a destroy", async () => {
    await databaseDisk.fill();
    await stack.destroy();
    await expectNothingLeft(stack);
  });
});
