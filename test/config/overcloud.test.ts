import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import {
  checkBmcPorts,
  checkOvercloud,
  confirmSchema,
  overcloudSchema,
  skipSchema,
  stepsSchema,
} from "../../config/overcloud.ts";
import { checkSettings } from "../../config/rules.ts";
import { settingsOf } from "../support/settings.ts";

const schema = z.object({
  overcloud: overcloudSchema,
  steps: stepsSchema,
  skip: skipSchema,
  confirm: confirmSchema,
});
const problems = (raw: Record<string, unknown>) =>
  checkOvercloud(schema.parse(raw)).map(({ key, message }) => `${key} ${message}`);
const refuses = (key: string, value: unknown) =>
  assert.equal(
    overcloudSchema.safeParse({ [key]: value }).success,
    false,
    `${key} ${String(value)}`,
  );

/** Problems of a TripleO stack with these keys, as far as they are about the computes' image. */
const imageProblems = (raw: Record<string, unknown>) =>
  checkSettings(settingsOf({ controlPlane: "tripleo", computes: 1, ...raw }))
    .filter(({ key }) => key === "overcloud.computeImage")
    .map(({ message }) => message);

describe("the image of simulated computes", () => {
  it("must be named where the project makes none of the release", () => {
    for (const release of ["queens", "rocky", "stein"]) {
      const [message, ...others] = imageProblems({ overcloud: { release } });
      assert.match(
        message ?? "",
        new RegExp(
          `^must name an image with nova-compute of ${release} .* train and wallaby only$`,
        ),
      );
      assert.deepEqual(others, []);
      assert.deepEqual(imageProblems({ overcloud: { release, computeImage: "mine:1" } }), []);
      assert.deepEqual(imageProblems({ overcloud: { release }, computes: 0 }), []);
      assert.deepEqual(imageProblems({ overcloud: { release }, controlPlane: "standalone" }), []);
    }
    for (const release of ["train", "wallaby"]) {
      assert.deepEqual(imageProblems({ overcloud: { release } }), []);
    }
  });
});

describe("the overcloud's settings", () => {
  it("have a default for everything", () => {
    const { overcloud, steps, skip, confirm } = schema.parse({});
    assert.equal(overcloud.release, "train");
    assert.equal(overcloud.deleteExistingStack, false);
    assert.equal(overcloud.bmc.firstPort, 6230);
    assert.deepEqual([steps, skip, confirm], [[], [], { rebuildVms: "", cleanupInfrared: "" }]);
    assert.deepEqual(problems({}), []);
  });

  it("refuse what no release, registry, file or shell should see", () => {
    refuses("release", "ussuri");
    refuses("distribution", "centos");
    refuses("domain", "no domain");
    refuses("workingDirectory", "~/stack");
    refuses("workingDirectory", "/home/stack; reboot");
    refuses("containers", { tag: "a b" });
    refuses("ntpServers", []);
    refuses("nameservers", ["dns.example"]);
    refuses("deployArgs", ["--one\n--two"]);
    refuses("sysctls", { "net ipv4": 1 });
    refuses("sysctls", { "net.ipv4.ip_forward": "1\n2" });
    refuses("bmc", { firstPort: 80 });
    refuses("colour", "blue");
  });

  it("take a product's version for its release, with rhel only", () => {
    const rhel = (release: string, version: string) => ({
      overcloud: { distribution: "rhel", release, version },
    });
    assert.deepEqual(problems(rhel("wallaby", "17.1")), []);
    assert.deepEqual(problems(rhel("train", "16.2")), []);
    assert.deepEqual(problems(rhel("queens", "13")), []);
    assert.deepEqual(problems(rhel("queens", "16.2")), [
      "overcloud.version is not made from queens, which 13 is",
    ]);
    assert.deepEqual(problems(rhel("wallaby", "16.2")), [
      "overcloud.version is not made from wallaby, which 17.1, 17 are",
    ]);
    assert.match(
      problems({ overcloud: { version: "16.2" } }).join(),
      /^overcloud.version is for overcloud.distribution rhel only/,
    );
  });

  it("refuse steps that there are not, and destruction that nobody confirmed", () => {
    assert.match(problems({ steps: ["deploy_it"] }).join(), /^steps is no step; there are /);
    assert.match(problems({ steps: ["rebuild_vms"] }).join(), /set confirm.rebuildVms/);
    assert.deepEqual(problems({ steps: ["rebuild_vms"], confirm: { rebuildVms: "1" } }), []);
  });

  it("leave a port for each node's BMC", () => {
    const { overcloud } = schema.parse({ overcloud: { bmc: { firstPort: 65000 } } });
    assert.deepEqual(checkBmcPorts(overcloud, 536), []);
    assert.match(
      checkBmcPorts(overcloud, 537)[0]?.message ?? "",
      /the nodes' BMCs need the ports up to 65536/,
    );
  });
});
