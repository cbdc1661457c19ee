import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ScratchStack } from "../../tools/scratch-stack.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const stack = new ScratchStack("itest-settings");

describe("bad settings, through pulumi", { timeout: 5 * 60_000 }, () => {
  before(() =>
    stack.create({
      computes: -1,
      scaleDown: "shrug",
      colour: "blue",
      "network.cidr": "10.79.64.1/20",
      "ports.nova": 99999,
      "compute.vcpus": 0.5,
    }),
  );

  after(() => stack.remove());

  it("are refused all at once, each by its key, before anything is created", async () => {
    const { exitCode, all } = await stack.tryPulumi("up", "--yes", "--stack", stack.name);
    assert.notEqual(exitCode, 0);
    for (const expected of [
      /overcloud:computes is -1: must be a whole number from 0 to 1000/,
      /overcloud:scaleDown is "shrug": must be one of: refuse, evacuate, delete/,
      /overcloud:colour: is not a setting/,
      /overcloud:network\.cidr is "10\.79\.64\.1\/20": must be an IPv4 network/,
      /overcloud:ports\.nova is 99999: must be a whole number from 1 to 65535/,
      /overcloud:compute\.vcpus is "0\.5": must be a whole number/,
    ]) {
      assert.match(all, expected);
    }
    assert.doesNotMatch(all, /\n\s+at .*\.ts:\d+/, "no stack trace");
    await expectNoneInDocker(stack.name);
  });
});
