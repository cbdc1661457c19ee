import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  const look = (preview: boolean, stopped: { name: string; state: string }[] = []) =>
    currentEpoch({
      directory,
      files: ["clouds.yaml"],
      host: { stopped, living, routes: [] },
      routes: [],
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
    const host = { stopped: [], routes: [] };
    const files = ["clouds.yaml"];
    const preview = await currentEpoch({ directory, files, host, routes: [], preview: true });
    assert.deepEqual(preview.reasons, []);
    assert.ok(!existsSync(directory), "a preview writes nothing");
    const { epoch, reasons } = await currentEpoch({
      directory,
      files,
      host,
      routes: [],
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

  it("is another when the machine lost a route that the stack needs", async () => {
    const host = { stopped: [], living, routes: [{ cidr: "10.0.20.0/24", device: "virbr1" }] };
    const look = (routes: string[], preview: boolean) =>
      currentEpoch({ directory, files: [], host, routes, preview });
    const { epoch } = await look(["10.0.20.0/24"], false);
    writeFileSync(join(directory, DEPLOYED_MARKER), "");
    assert.deepEqual(await look(["10.0.20.0/24"], true), { epoch, reasons: [] });
    const lost = await look(["10.0.20.0/24", "10.0.50.0/24"], true);
    assert.notEqual(lost.epoch, epoch);
    assert.deepEqual(lost.reasons, ["this machine has no route to 10.0.50.0/24"]);
  });

  it("is another when a virtual machine of a deployed stack is off", async () => {
    const host = { stopped: [], living, routes: [] };
    const switchedOff = [{ name: "lab-controller-0", state: "shut off" }];
    const look = (off: typeof switchedOff, preview: boolean) =>
      currentEpoch({ directory, files: [], host, routes: [], switchedOff: off, preview });
    const { epoch } = await look(switchedOff, false);
    assert.deepEqual(await look(switchedOff, true), { epoch, reasons: [] }, "not deployed yet");
    writeFileSync(join(directory, DEPLOYED_MARKER), "");
    assert.deepEqual(await look([], true), { epoch, reasons: [] });
    const off = await look(switchedOff, true);
    assert.notEqual(off.epoch, epoch);
    assert.deepEqual(off.reasons, ["virtual machine lab-controller-0 is shut off"]);
  });

  it("is another after a scale-down guard that was killed", async () => {
    const { epoch: first } = await update();
    writeFileSync(join(directory, GUARD_MARKER), "");
    const { epoch, reasons } = await look(true);
    assert.notEqual(epoch, first);
    assert.deepEqual(reasons, ["the last scale-down was cut short"]);
  });
});
