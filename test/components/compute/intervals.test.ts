import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { novaIntervals } from "../../../components/compute/intervals.ts";
import { settingsOf } from "../../support/settings.ts";

const intervalsOf = (reportIntervalSeconds: number) =>
  novaIntervals({ ...settingsOf().compute, reportIntervalSeconds });
const auditOf = (seconds: number) => intervalsOf(seconds).DEFAULT.update_resources_interval;
const refreshOf = (seconds: number) =>
  intervalsOf(seconds).compute.resource_provider_association_refresh;

describe("how often a compute looks through its resources", () => {
  it("is what nova does by itself, as long as reports are not rarer than nova's", () => {
    for (const seconds of [1, 5, 10]) assert.equal(auditOf(seconds), 60);
  });

  it("grows with the time between two reports", () => {
    assert.equal(auditOf(30), 180);
    assert.equal(auditOf(3600), 21_600);
  });

  it("is five times as often as it asks what others changed of its provider, as in nova", () => {
    assert.equal(refreshOf(10), 300);
    assert.equal(refreshOf(30), 900);
  });
});
