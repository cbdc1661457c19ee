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
import { after, beforeEach, describe, it } from "node:test";
import { makeConsoleLog } from "../../../components/libvirt/console.ts";
import { shutDown, switchedOff } from "../../../components/libvirt/power.ts";
import { perform } from "../../support/openstack.ts";

const root = mkdtempSync(join(tmpdir(), "overcloud-power-"));
const state = join(root, "state");
const calls = join(root, "calls");
const path = process.env["PATH"];

/** Stands in for virsh: one domain, lab, in the state that a file holds; `deaf` never ends by itself. */
writeFileSync(
  join(root, "virsh"),
  `#!/bin/sh
shift 3
echo "$@" >>${calls}
case "$1 $2" in
  "domstate lab") [ -e ${state} ] && cat ${state} ;;
  "shutdown lab") [ "$(cat ${state})" = deaf ] || echo "shut off" >${state} ;;
  *) exit 1 ;;
esac
`,
);
chmodSync(join(root, "virsh"), 0o755);
process.env["PATH"] = `${root}:${path}`;
after(() => {
  process.env["PATH"] = path;
  rmSync(root, { recursive: true });
});

const off = (graceSeconds: number) =>
  perform(shutDown, { uri: "test:///default", domain: "lab", graceSeconds });

describe("the end of a domain", () => {
  beforeEach(() => {
    writeFileSync(calls, "");
    rmSync(state, { force: true });
  });

  it("is asked for by its power button, and waited for", async () => {
    writeFileSync(state, "running\n");
    assert.deepEqual((await off(30)).result, { off: true });
    assert.equal(
      readFileSync(calls, "utf8"),
      "domstate lab\nshutdown lab --mode acpi\ndomstate lab\n",
    );
  });

  it("is waited for so long and no longer, and fails nothing", async () => {
    writeFileSync(state, "deaf\n");
    const { result, reports } = await off(1);
    assert.deepEqual(result, { off: false });
    assert.match(reports.at(-1) ?? "", /did not end within 1 s/);
  });

  it("was there before, where the domain is off or gone", async () => {
    assert.deepEqual((await off(30)).result, { off: true });
    writeFileSync(state, "shut off\n");
    assert.deepEqual((await off(30)).result, { off: true });
    assert.doesNotMatch(readFileSync(calls, "utf8"), /shutdown/);
  });
});

describe("domains that do not run", () => {
  it("are told with what they are", async () => {
    writeFileSync(state, "paused\n");
    assert.deepEqual(await switchedOff("test:///default", ["lab", "other"]), [
      { name: "lab", state: "paused" },
      { name: "other", state: "gone" },
    ]);
    writeFileSync(state, "running\n");
    assert.deepEqual(await switchedOff("test:///default", ["lab"]), []);
  });
});

describe("the log of a console", () => {
  it("is made for its user, and kept as it is", async () => {
    const file = join(root, "logs/node-console.log");
    await perform(makeConsoleLog, { file });
    assert.ok(existsSync(file));
    writeFileSync(file, "overcloud: kernel\n");
    await perform(makeConsoleLog, { file });
    assert.equal(readFileSync(file, "utf8"), "overcloud: kernel\n");
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });
});
