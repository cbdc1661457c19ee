import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig } from "../../config/load.ts";

describe("Pulumi's configuration", () => {
  it("is read as the values that its texts stand for", () => {
    const all = {
      "overcloud:computes": "5",
      "overcloud:scaleDown": "delete",
      "overcloud:network": '{"cidr":"10.0.0.0/24"}',
      "overcloud:names": "lab-2",
      "overcloud:flag": "true",
      "overcloud:broken": '{"cidr":',
      "overcloud:empty": "",
    };
    assert.deepEqual(readConfig(all, "overcloud"), {
      computes: 5,
      scaleDown: "delete",
      network: { cidr: "10.0.0.0/24" },
      names: "lab-2",
      flag: true,
      broken: '{"cidr":',
      empty: "",
    });
  });

  it("of other projects and of providers is left alone", () => {
    const all = {
      "docker:host": "tcp://x",
      "overcloud-other:computes": "7",
      "pulumi:tags": "{}",
      "overcloud:a:b": "1",
    };
    assert.deepEqual(readConfig(all, "overcloud"), { "a:b": 1 });
  });
});
