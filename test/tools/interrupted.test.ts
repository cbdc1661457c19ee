import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unnoted, type Noted } from "../../tools/interrupted.ts";
import type { Finding, Kind } from "../../tools/sweep/findings.ts";

const finding = (kind: Kind, name: string): Finding => ({
  ...{ kind, name },
  remove: () => Promise.resolve(),
});

const creating = (key: string) => ({ type: "creating", urn: `urn::${key}`, key });

describe("what an update made in the moment it was killed", () => {
  const noted: Noted = {
    known: new Set(["network lab", "container lab-mariadb", "volume lab-rabbitmq"]),
    pending: [
      creating("container lab-compute-0"),
      creating("container lab-mariadb"),
      creating("container lab-rabbitmq"),
      creating("image lab-compute-0"),
      { type: "updating", urn: "urn::x", key: "container lab-glance" },
      { type: "creating", urn: "urn::step" },
    ],
  };

  it("is what was being created and no state knows", () => {
    const found = [finding("container", "lab-compute-0"), finding("network", "lab")];
    assert.deepEqual(
      unnoted(found, noted).map(({ name }) => name),
      ["lab-compute-0"],
    );
  });

  it("is told from another kind of thing of the same name", () => {
    const found = [finding("container", "lab-rabbitmq"), finding("volume", "lab-rabbitmq")];
    assert.deepEqual(
      unnoted(found, noted).map(({ kind }) => kind),
      ["container"],
    );
  });

  it("is nothing that the state knows, that was only updated, or that nobody was about to make", () => {
    const found = ["lab-mariadb", "lab-glance", "lab-nova-api"].map((name) =>
      finding("container", name),
    );
    assert.deepEqual(unnoted(found, noted), []);
  });

  it("is no image and no pool, which others may share, and no process or folder", () => {
    const found = (["image", "pool", "process", "folder", "lock"] as const).map((kind) =>
      finding(kind, "lab-compute-0"),
    );
    assert.deepEqual(unnoted(found, noted), []);
  });
});
