import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { missingNeeds } from "../../../../tools/setup/tasks/packages.ts";

describe("the distribution packages", () => {
  const nothing = () => undefined;
  const needs = [
    { anyOf: ["genisoimage", "xorriso"], package: "genisoimage" },
    { anyOf: ["dockerd"], package: "docker.io", unless: () => Promise.resolve("28.0") },
    {
      anyOf: ["libvirtd"],
      package: "libvirt-daemon-system",
      unless: () => Promise.resolve(undefined),
    },
  ];

  it("are those of commands that nothing brings", async () => {
    const missing = await missingNeeds(needs, nothing);
    assert.deepEqual(
      missing.map((need) => need.package),
      // A docker daemon answers, from wherever it came: no second one.
      ["genisoimage", "libvirt-daemon-system"],
    );
  });

  it("are none where any of the alternatives is there", async () => {
    const find = (command: string) => (command === "xorriso" ? "/usr/bin/xorriso" : undefined);
    assert.deepEqual(await missingNeeds(needs.slice(0, 1), find), []);
  });
});
