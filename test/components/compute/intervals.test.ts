import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { novaIntervals } from "../../../components/compute/intervals.ts";
import { settingsOf } from "../../support/settings.ts";

const auditOf = (reportIntervalSeconds: number) =>
  novaIntervals({ ...settingsOf().compute, reportIntervalSeconds })["update_resources_interval"];

describe("how often a compute looks through its resources", () => {
  it("is what nova does by itself, as long as reports are not rarer than nova's", () => {
    for (const seconds of [1, 5, 10]) assert.equal(auditOf(seconds), 60);
  });

  it("grows with the time between two reports", () => {
    assert.equal(auditOf(30), 180);
    assert.equal(auditOf(3600), 21_600);
  });
});
