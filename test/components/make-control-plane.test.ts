import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deployedParts } from "../../components/make-control-plane.ts";
import { livingLabels } from "../../config/host.ts";
import { settingsOf } from "../support/settings.ts";

const NODE = { names: "lab", standalone: { placement: "node" } };
const living = (raw: Record<string, unknown>) => ({
  name: "lab",
  ...livingLabels(settingsOf({ names: "lab", ...raw })),
});

describe("what a deployed stack has", () => {
  it("is its files, and on a node the way there and the domain", () => {
    const own = deployedParts(settingsOf({ names: "lab" }), living({}));
    assert.deepEqual(own, { files: ["clouds.yaml", "openrc", "inventory.yml"], domains: [] });
    const node = deployedParts(settingsOf(NODE), living(NODE));
    assert.deepEqual(node.domains, ["lab-controller-0"]);
    assert.ok(node.files.includes("ssh/config"));
  });

  it("is no node yet where the control plane moves there, or is new", () => {
    for (const before of [living({}), undefined]) {
      const { files, domains } = deployedParts(settingsOf(NODE), before);
      assert.deepEqual([files.includes("ssh/config"), domains], [false, []]);
    }
  });

  it("is not all that bare metal beside it brings", () => {
    const { files } = deployedParts(settingsOf({ names: "lab", baremetal: 1 }), living({}));
    assert.deepEqual(files, ["clouds.yaml", "openrc", "inventory.yml"]);
  });

  it("is a whole pipeline with an overcloud", () => {
    const settings = settingsOf({ names: "lab", controlPlane: "tripleo" });
    const { files, domains } = deployedParts(settings, living({ controlPlane: "tripleo" }));
    assert.ok(files.includes("ssh/config") && files.includes("clouds.yaml"));
    assert.deepEqual(domains, []);
  });
});
