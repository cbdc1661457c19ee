import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { currentEpoch, DEPLOYED_MARKER, GUARD_MARKER } from "../../../components/upkeep/epoch.ts";

describe("the epoch of a stack", () => {
  const root = mkdtempSync(join(tmpdir(), "overcloud-epoch-"));
  after(() => rmSync(root, { recursive: true }));

  let directory: string;
  let count = 0;
  beforeEach(() => (directory = join(root, String((count += 1)))));

  const living = { name: "lab" };
  const nothing = { ended: [], missing: [] };
  const look = (preview: boolean, stopped: { name: string; state: string }[] = []) =>
    currentEpoch({
      directory,
      files: ["clouds.yaml"],
      host: { stopped, living },
      ...nothing,
      preview,
    });
  /** An update, which writes the files that the stack's user gets. */
  async function update(stopped: { name: string; state: string }[] = []) {
    const found = await look(false, stopped);
    writeFileSync(join(directory, "clouds.yaml"), "");
    writeFileSync(join(directory, DEPLOYED_MARKER), "");
    // Two epochs are told apart by their time.
    await new Promise((resolve) => setTimeout(resolve, 2));
    return found;
  }

  it("begins with the first update, silently, and stays while nothing happens", async () => {
    const host = { stopped: [] };
    const files = ["clouds.yaml"];
    const preview = await currentEpoch({ directory, files, host, ...nothing, preview: true });
    assert.deepEqual(preview.reasons, []);
    assert.ok(!existsSync(directory), "a preview writes nothing");
    const { epoch, reasons } = await currentEpoch({
      directory,
      files,
      host,
      ...nothing,
      preview: false,
    });
    assert.deepEqual(reasons, []);
    writeFileSync(join(directory, "clouds.yaml"), "");
    for (const again of [true, false]) assert.deepEqual(await look(again), { epoch, reasons: [] });
  });

  it("is another while something is to be repaired, the same again in the preview after it", async () => {
    const { epoch: first } = await update();
    const stopped = [{ name: "lab-rabbitmq", state: "exited" }];
    const preview = await look(true, stopped);
    assert.notEqual(preview.epoch, first);
    assert.deepEqual(preview.reasons, ["container lab-rabbitmq is exited"]);
    const { epoch: second, reasons } = await update(stopped);
    assert.notEqual(second, first);
    assert.deepEqual(reasons, preview.reasons);
    assert.deepEqual(await look(true), { epoch: second, reasons: [] });
  });

  it("stays while a first update that failed is gone on with: nothing is to be repaired yet", async () => {
    const { epoch } = await look(false);
    for (const preview of [true, false]) {
      assert.deepEqual(await look(preview), { epoch, reasons: [] });
    }
  });

  it("is another when a file of the user's, or all of them, are gone", async () => {
    const { epoch: first } = await update();
    rmSync(join(directory, "clouds.yaml"));
    assert.match((await look(true)).reasons.join(), /^clouds\.yaml is missing in /);
    const { epoch: second } = await update();
    assert.notEqual(second, first);
    rmSync(directory, { recursive: true });
    assert.notEqual((await look(true)).epoch, second);
    assert.notEqual((await update()).epoch, second);
  });

  for (const [key, when] of [
    ["missing", "the machine lost something that a deployed stack needs"],
    ["ended", "a daemon of the stack ended"],
  ] as const) {
    it(`is another when ${when}`, async () => {
      const { epoch: first } = await update();
      const look = (preview: boolean) =>
        currentEpoch({
          directory,
          files: [],
          host: { stopped: [], living },
          ...nothing,
          [key]: ["this machine has no route"],
          preview,
        });
      const preview = await look(true);
      assert.notEqual(preview.epoch, first);
      assert.deepEqual(preview.reasons, ["this machine has no route"]);
      const { epoch: second } = await look(false);
      assert.notEqual(second, first);
      assert.equal((await update()).epoch, second);
    });
  }

  it("knows of a daemon that ended before all was deployed, and misses nothing else until then", async () => {
    const { epoch } = await look(false);
    const host = { stopped: [], living };
    const at = (what: { ended: string[]; missing: string[] }) =>
      currentEpoch({ directory, files: [], host, ...what, preview: true });
    assert.equal((await at({ ended: [], missing: ["a route"] })).epoch, epoch);
    assert.notEqual((await at({ ended: ["a daemon"], missing: [] })).epoch, epoch);
  });

  it("is another after a scale-down guard that was killed", async () => {
    const { epoch: first } = await update();
    writeFileSync(join(directory, GUARD_MARKER), "");
    const { epoch, reasons } = await look(true);
    assert.notEqual(epoch, first);
    assert.deepEqual(reasons, ["the last scale-down was cut short"]);
  });

  it("says in one sentence that the folder can't be written", async () => {
    mkdirSync(directory);
    symlinkSync("/dev/full", join(directory, "epoch.new"));
    await assert.rejects(look(false), {
      message: `The stack's folder ${directory} can't be written: ENOSPC: no space left on device, write`,
    });
  });
});
