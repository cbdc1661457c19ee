import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { computeImageHash } from "../../components/image/compute-image.ts";
import { expectImage, makeImage } from "../../components/make-image.ts";
import { COMPUTE_RELEASES, computeReleaseOf } from "../../components/overcloud/release.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { record, type Registration } from "../support/pulumi.ts";
import { settingsOf } from "../support/settings.ts";

const IMAGE = "docker:index/remoteImage:RemoteImage";

/** The resources that come with the image of a stack with these settings. */
async function made(raw: Record<string, unknown>): Promise<Registration[]> {
  const settings = settingsOf({ names: "lab", computes: 1, ...raw });
  const { resources } = await record(false, () => makeImage("image", { settings, stack: "lab" }));
  return resources;
}

async function image(raw: Record<string, unknown>): Promise<Registration> {
  const found = (await made(raw)).filter(({ type }) => type === IMAGE);
  assert.equal(found.length, 1);
  return found[0]!;
}

/** What is said where docker has these images and no others; empty where one can be made. */
async function refusal(raw: Record<string, unknown>, images: string[]): Promise<string> {
  const settings = settingsOf({ names: "lab", computes: 1, ...raw });
  try {
    await expectImage(settings, images);
    return "";
  } catch (error) {
    return String((error as Error).message);
  }
}

const tripleo = (overcloud: Record<string, unknown>) => ({ controlPlane: "tripleo", overcloud });

interface Build {
  context: string;
  dockerfile: string;
  target: string;
  buildArgs: Record<string, string>;
}

describe("the image of a stack", () => {
  it("is the project's own for a standalone control plane, whatever the overcloud's keys say", async () => {
    const { inputs } = await image({ overcloud: { release: "rocky", computeImage: "mine:1" } });
    assert.match(String(inputs["name"]), /^lab-openstack:[0-9a-f]{12}$/);
  });

  it("is of the overcloud's release, and named after it and all that it is built from", async () => {
    const hash = (await computeImageHash()).slice(0, 12);
    for (const release of COMPUTE_RELEASES) {
      const { inputs, ignoreChanges } = await image(tripleo({ release }));
      assert.equal(inputs["name"], `lab-compute-${release}:${hash}`);
      const { context, dockerfile, target, buildArgs } = inputs["build"] as Build;
      assert.equal(target, "compute");
      assert.equal(buildArgs["RELEASE"], release);
      assert.ok(existsSync(path.join(context, dockerfile)));
      // Another proxy's certificate is no reason to build again.
      assert.deepEqual(ignoreChanges, ["build.buildArgs.CERTIFICATES"]);
    }
  });

  it("is the one that computeImage names, which stays when the stack goes", async () => {
    const { inputs } = await image(tripleo({ release: "rocky", computeImage: "mine:1" }));
    assert.deepEqual(inputs, { name: "mine:1", keepLocally: true });
  });

  it("is refused where docker has nothing to build it from", async () => {
    for (const raw of [{}, tripleo({ release: COMPUTE_RELEASES[0] })]) {
      const { inputs } = await image(raw);
      const name = String(inputs["name"]);
      assert.equal(
        await refusal(raw, ["debian:trixie-slim", name.replace("lab", "dev")]),
        `docker has neither the image ${name} nor overcloud-base:trixie, which that is built from; run \`npm run setup\`.`,
      );
      assert.equal(await refusal(raw, [name]), "");
      assert.equal(await refusal(raw, ["overcloud-base:trixie"]), "");
    }
    assert.equal(await refusal(tripleo({ release: "rocky", computeImage: "mine:1" }), []), "");
  });

  it("is not made where a TripleO stack has no simulated computes", async () => {
    assert.deepEqual(await made({ ...tripleo({ release: "rocky" }), computes: 0 }), []);
  });
});

describe("a release with an image of its own", () => {
  it("has a list of packages, and the tests a control plane's", () => {
    for (const release of COMPUTE_RELEASES) {
      assert.equal(computeReleaseOf(release), release);
      for (const folder of ["requirements", "control-plane/requirements"]) {
        const list = path.join(PROJECT_DIRECTORY, "images/compute", folder, `${release}.txt`);
        assert.ok(existsSync(list), list);
      }
    }
    assert.equal(computeReleaseOf("rocky"), undefined);
  });
});
