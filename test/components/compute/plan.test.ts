import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { hostOf, indexOf } from "../../../components/compute/hosts.ts";
import { planComputes } from "../../../components/compute/plan.ts";
import { checkSettings } from "../../../config/rules.ts";
import { settingsOf } from "../../support/settings.ts";

describe("the plan of the computes", () => {
  it("is what it always was: a recreated compute is the same compute again", () => {
    const plan = planComputes(settingsOf({ names: "lab", computes: 2 }), "dev");
    assert.deepEqual(plan, [
      {
        index: 0,
        host: "compute-0",
        containerName: "lab-compute-0",
        address: "10.79.0.64",
        tunnelAddress: "10.79.16.64/20",
        // uuid5 of another language, of "dev/0".
        id: "be7dfe21-1082-5454-8f8d-fc7be02fdd56",
      },
      {
        index: 1,
        host: "compute-1",
        containerName: "lab-compute-1",
        address: "10.79.0.65",
        tunnelAddress: "10.79.16.65/20",
        id: "dcd7d509-bd1a-5aa8-9082-dd46e0052df9",
      },
    ]);
    assert.equal(
      planComputes(settingsOf({ computes: 1000 }), "dev")[999]?.id,
      "f054e879-395e-5ca0-918e-b640c3e05710",
    );
  });

  it("has identities by stack and index alone", () => {
    const ids = (raw: Record<string, unknown>, stack = "dev") =>
      planComputes(settingsOf({ computes: 3, ...raw }), stack).map(({ id }) => id);
    assert.deepEqual(ids({ names: "other", networking: "ovs", compute: { vcpus: 1 } }), ids({}));
    assert.deepEqual(ids({ network: { cidr: "172.20.0.0/16" } }), ids({}));
    assert.equal(ids({}, "lab")[0], "f6037d14-443a-5b07-8ae6-837a0acb3e9d");
    assert.ok(new Set(ids({})).isDisjointFrom(new Set(ids({}, "lab"))));
  });

  it("of those that stay is the same for every count", () => {
    const count = fc.integer({ min: 0, max: 1000 });
    fc.assert(
      fc.property(count, count, (one, other) => {
        const [few, many] = [Math.min(one, other), Math.max(one, other)];
        const plan = (computes: number) => planComputes(settingsOf({ computes }), "dev");
        assert.deepEqual(plan(many).slice(0, few), plan(few));
        assert.equal(plan(many).length, many);
      }),
      { numRuns: 20 },
    );
  });
});

describe("transport zones", () => {
  const zones = (raw: Record<string, unknown>) =>
    planComputes(settingsOf({ computes: 5, ...raw }), "lab").map((each) => each.transportZone);

  it("are none unless a size is given, and as many computes in a row as it says", () => {
    assert.deepEqual(zones({}), Array(5).fill(undefined));
    assert.deepEqual(zones({ compute: { transportZoneSize: 2 } }), [
      "zone-0",
      "zone-0",
      "zone-1",
      "zone-1",
      "zone-2",
    ]);
  });

  it("are OVN's alone", () => {
    const problems = checkSettings(
      settingsOf({ networking: "ovs", compute: { transportZoneSize: 2 } }),
    );
    assert.deepEqual(
      problems.map(({ key }) => key),
      ["compute.transportZoneSize"],
    );
  });
});

describe("computes on docker hosts", () => {
  const hosts = [{ name: "here" }, { name: "there", docker: "ssh://there" }];
  const plan = (raw: Record<string, unknown>, placed?: ReadonlyMap<number, string>) =>
    planComputes(settingsOf({ computes: 3, ...raw }), "dev", placed);

  it("are the same computes wherever they are", () => {
    const anywhere = plan({ hosts }).map(({ dockerHost, ...compute }) => {
      assert.ok(dockerHost);
      return compute;
    });
    assert.deepEqual(anywhere, plan({}));
  });

  it("stay where they are", () => {
    const places = (placed?: ReadonlyMap<number, string>) =>
      plan({ hosts }, placed).map(({ dockerHost }) => dockerHost?.name);
    assert.deepEqual(places(), ["here", "there", "here"]);
    assert.deepEqual(places(new Map([[0, "there"]])), ["there", "there", "here"]);
    assert.deepEqual(plan({ hosts })[1]?.dockerHost, { ...hosts[1], weight: 1 });
  });
});

describe("a host's name", () => {
  it("is its index and back", () => {
    fc.assert(fc.property(fc.nat(), (index) => indexOf(hostOf(index)) === index));
  });

  it("of anything else has no index, so that nothing else is ever scaled down", () => {
    for (const host of [
      "compute-",
      "compute-01",
      "compute--1",
      "compute-1.example.org",
      "my-compute-1",
      "compute-1\n",
      "compute-1a",
      "COMPUTE-1",
      "compute-1e3",
      "overcloud-novacompute-0",
      "",
    ]) {
      assert.equal(indexOf(host), undefined, JSON.stringify(host));
    }
  });
});
