import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import {
  decisionsSchema,
  goAdvisories,
  judge,
  npmAdvisories,
} from "../../../tools/audit/findings.ts";

const advisory = (id: string) => ({ id, where: "x", title: "t" });

describe("advisories of npm", () => {
  it("are those of packages themselves, each once, and not of what depends on them", () => {
    const via = {
      ...{ source: 1, name: "left", dependency: "left", title: "Reads on", severity: "high" },
      ...{ url: "https://github.com/advisories/GHSA-aaaa-bbbb-cccc", range: "<2" },
    };
    const json = JSON.stringify({
      auditReportVersion: 2,
      vulnerabilities: {
        left: { name: "left", severity: "high", via: [via, via] },
        right: { name: "right", severity: "high", via: ["left"] },
      },
    });
    assert.deepEqual(npmAdvisories(json), [
      { id: "GHSA-aaaa-bbbb-cccc", where: "left", title: "Reads on (high)" },
    ]);
    assert.deepEqual(npmAdvisories('{"vulnerabilities": {}}'), []);
  });

  it("are not none where the registry refuses to be asked", () => {
    assert.throws(() => npmAdvisories('{"message": "405 Method Not Allowed"}'));
    assert.throws(() => npmAdvisories(""));
  });
});

describe("advisories of govulncheck", () => {
  it("are those that a program reaches by a function", () => {
    const documents = [
      { config: { protocol_version: "v1.0.0" } },
      { osv: { id: "GO-2026-0001", summary: "Waits for ever" } },
      { finding: { osv: "GO-2026-0002", trace: [{ module: "b", version: "v1" }] } },
      {
        finding: { osv: "GO-2026-0001", trace: [{ module: "a", function: "Do" }, { module: "m" }] },
      },
    ];
    const stream = documents.map((each) => `${JSON.stringify(each, null, 2)}\n`).join("");
    assert.deepEqual(goAdvisories(stream, "cli"), [
      { id: "GO-2026-0001", where: "a in cli", title: "Waits for ever" },
    ]);
  });
});

describe("decisions", () => {
  it("leave what was not decided about, and name what is there no more", () => {
    const decisions = { "GO-1": "not reached, because …", "GO-2": "gone" };
    assert.deepEqual(judge([advisory("GO-1"), advisory("GO-3")], decisions), {
      undecided: [advisory("GO-3")],
      outdated: ["GO-2"],
    });
  });

  it("of the project are written as they should be", () => {
    const file = path.join(import.meta.dirname, "../../../tools/audit/decisions.json");
    decisionsSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  });

  it("have a reason", () => {
    assert.ok(!decisionsSchema.safeParse({ "GHSA-aaaa-bbbb-cccc": "no" }).success);
    assert.ok(!decisionsSchema.safeParse({ something: "x".repeat(40) }).success);
  });
});
