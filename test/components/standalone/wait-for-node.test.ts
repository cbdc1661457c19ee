import assert from "node:assert/strict";
import { appendFileSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { consoleState, waitForControlNode } from "../../../components/standalone/wait-for-node.ts";
import { perform } from "../../support/openstack.ts";

const KERNEL = "overcloud: kernel 6.12.1\r\n";
const READY = "overcloud: data ready\novercloud: service mariadb up (1 of 2)\novercloud: ready\n";

describe("a node's console", () => {
  const stage = (text: string) => consoleState(text).stage;

  it("says how far the boot is", () => {
    assert.equal(stage("[    0.0] Linux version"), "");
    assert.equal(stage(KERNEL), "kernel");
    assert.equal(stage(`${KERNEL}overcloud: data ready\r\n`), "data ready");
    assert.equal(
      stage(`${KERNEL}noise\n[ 3.1] overcloud: service mariadb up (1 of 2)\n`),
      "services 1 of 2",
    );
    assert.deepEqual(consoleState(KERNEL + READY), {
      boots: 1,
      stage: "services said to be up",
      ready: true,
    });
  });

  it("is about the last boot alone", () => {
    const text = `${KERNEL}${READY}overcloud: stopping for reboot\n${KERNEL}overcloud: data ready\n`;
    assert.deepEqual(consoleState(text), { boots: 2, stage: "data ready", ready: false });
    const failed = `${KERNEL}overcloud: failed: there is no data volume /dev/vdb\n`;
    assert.equal(consoleState(failed).failure, "there is no data volume /dev/vdb");
    assert.equal(consoleState(failed + KERNEL).failure, undefined);
  });

  it("may hold anything else", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { ready, boots } = consoleState(text.replaceAll("overcloud", ""));
        assert.deepEqual([ready, boots], [false, 0]);
      }),
    );
  });
});

describe("waiting for the control plane's node", () => {
  const root = mkdtempSync(join(tmpdir(), "overcloud-node-"));
  const consoleLog = join(root, "console.log");
  const health = join(root, "health");
  const domainState = join(root, "domstate");
  const path = process.env["PATH"];
  let server: Server | undefined;

  // The machine's own virsh is none of these tests' business.
  writeFileSync(join(root, "virsh"), `#!/bin/sh\ncat ${domainState}\n`);
  chmodSync(join(root, "virsh"), 0o755);
  process.env["PATH"] = `${root}:${path}`;

  beforeEach(() => {
    writeFileSync(consoleLog, KERNEL + READY);
    writeFileSync(health, "mariadb healthy x\nkeystone healthy x\n");
    writeFileSync(domainState, "running\n");
  });
  after(() => {
    process.env["PATH"] = path;
    server?.close();
    rmSync(root, { recursive: true });
  });

  const args = {
    node: "controller-0",
    address: "127.0.0.1",
    // Nobody listens there; a node that answers has a port of its own.
    port: 1,
    uri: "test:///default",
    domain: "lab-controller-0",
    consoleLog,
    inspectServices: ["cat", health],
  };
  const answer = async (): Promise<number> => {
    server = createServer((socket) => socket.destroy()).listen(0, args.address);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const wait = (milliseconds: number, reports: string[] = [], port = args.port) =>
    perform(
      waitForControlNode,
      { ...args, port },
      {
        signal: AbortSignal.timeout(milliseconds),
        report: (line) => reports.push(line),
      },
    );

  it("takes no word of an earlier boot for this one's, and shows the console's end", async () => {
    const reports: string[] = [];
    await assert.rejects(wait(1500, reports), /its console \(.*console\.log\) ends with: .*ready$/);
    assert.deepEqual(reports, ["controller-0: starting"]);
  });

  it("fails at once when the node says that it can't be what it should", async () => {
    setTimeout(() => appendFileSync(consoleLog, `${KERNEL}overcloud: failed: no disk\n`), 200);
    await assert.rejects(wait(15_000), /controller-0: no disk; its console/);
  });

  it("fails at once when the domain is off or gone", async () => {
    writeFileSync(domainState, "shut off\n");
    await assert.rejects(wait(15_000), /its domain is shut off/);
  });

  it("follows the boot and ends when every service is up by the node's own word", async () => {
    writeFileSync(health, "mariadb healthy x\nkeystone starting x\n");
    const reports: string[] = [];
    setTimeout(() => writeFileSync(health, "mariadb healthy x\nkeystone healthy x\n"), 2500);
    await wait(15_000, reports, await answer());
    assert.deepEqual(reports.slice(0, 2), [
      "controller-0: services said to be up",
      "controller-0: waiting for keystone",
    ]);
    assert.equal(reports.at(-1), "controller-0: every service is up");
  });
});
