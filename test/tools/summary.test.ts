import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renderSummary } from "../../tools/summary.ts";

describe("the summary of up", () => {
  const names = Array.from({ length: 12 }, (_, index) => `compute-${index}`);
  const text = renderSummary(
    "dev",
    {
      endpoints: { keystone: "http://127.0.0.1:5000/v3", nova: "http://127.0.0.1:8774" },
      hypervisors: { requested: 12, registered: 11, names },
      cloudsYaml: "/p/output/dev/clouds.yaml",
      openrc: "/p/output/dev/openrc",
    },
    ".toolchain/env",
  ).join("\n");

  it("shows what there is", () => {
    assert.match(text, /keystone {2}http:\/\/127\.0\.0\.1:5000\/v3/);
    assert.match(text, /11 of 12 registered: compute-0, compute-1, …, compute-11/);
    assert.match(text, /openrc {7}\/p\/output\/dev\/openrc/);
  });

  it("says what to source and what to try next", () => {
    assert.match(text, /\. \.toolchain\/env/);
    assert.match(text, /OS_CLIENT_CONFIG_FILE=\/p\/output\/dev\/clouds\.yaml OS_CLOUD=dev/);
    for (const command of ["pulumi config set computes 10 && pulumi up", "pulumi destroy"]) {
      assert.ok(text.includes(command));
    }
  });

  it("does without outputs that a program does not have, or has in another form", () => {
    const lines = renderSummary("dev", { hypervisors: "none", other: 1 }, "env");
    assert.ok(lines.includes("Stack dev is up."));
    assert.doesNotMatch(lines.join("\n"), /Hypervisors|OS_CLOUD/);
  });
});
