import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { misplacement, readConfig } from "../../config/load.ts";

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

describe("names that the program is given", () => {
  it("are taken where they can be part of a path, and of a configuration of ssh and ansible", () => {
    assert.equal(misplacement("dev", "/home/me/over cloud/100%/ä"), undefined);
    assert.equal(misplacement("Lab_2.b-c", "/work"), undefined);
  });

  it("are refused where a stack's folder would be another one's, or the project's", () => {
    for (const stack of ["..", ".", ".state", "-f", "a/b", ""]) {
      assert.match(misplacement(stack, "/work") ?? "", /^The stack's name .* must begin/, stack);
    }
  });

  it("are refused where the project's folder would end a word or begin a template", () => {
    for (const folder of ['/a"b', "/a'b", "/a\nb", "/{{x}}", "/$HOME", "/a;b", "/`x`", "/a\\b"]) {
      assert.match(misplacement("dev", folder) ?? "", /^The project's folder .* move it/, folder);
    }
  });
});
