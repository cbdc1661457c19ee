import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { contentHash } from "../../../components/image/content-hash.ts";
import { NODE_IMAGE_CONTEXT, NodeImage } from "../../../components/node-image/node-image.ts";
import { cmdlineOf } from "../../../components/node-image/plan.ts";
import { specificationSchema } from "../../../components/step/specification.ts";
import { record, valueOf } from "../../support/pulumi.ts";

const FILES = { disk: "/cache/1/disk.qcow2", kernel: "/cache/1/kernel", initrd: "/cache/1/initrd" };

const deploy = (imageId = "sha256:image") =>
  record(
    false,
    () =>
      new NodeImage("node-image", {
        ...{ imageId, contentHash: "c" },
        cacheDirectory: "/cache",
        outputDirectory: "/out/lab",
      }),
    (type) =>
      type === "command:local:Command" ? { stdout: JSON.stringify({ ...FILES, hash: "1" }) } : {},
  );

describe("the node image", () => {
  it("is what the build step says", async () => {
    const { value } = await deploy();
    assert.equal(await valueOf(value.disk), FILES.disk);
    assert.equal(await valueOf(value.kernel), FILES.kernel);
    assert.equal(await valueOf(value.initrd), FILES.initrd);
    assert.equal(await valueOf(value.hash), "1");
    assert.match(value.cmdline, /(^| )init=\/usr\/lib\/overcloud\/node\/init( |$)/);
  });

  it("spares emulated processors instructions that are slow there, and KVM the detour", () => {
    assert.match(cmdlineOf("qemu"), /clearcpuid=erms,fsrm/);
    assert.doesNotMatch(cmdlineOf("kvm"), /clearcpuid/);
  });

  it("is one step, which runs again for another image", async () => {
    const inputsOf = async (...args: Parameters<typeof deploy>) => {
      const commands = (await deploy(...args)).resources.filter(
        ({ type }) => type === "command:local:Command",
      );
      assert.equal(commands.length, 1);
      return commands[0]?.inputs ?? {};
    };
    const inputs = await inputsOf();
    const { action } = specificationSchema.parse(JSON.parse(String(inputs["create"])));
    assert.equal(action, "node-image/build");
    assert.deepEqual(await inputsOf(), inputs);
    assert.notDeepEqual(await inputsOf("sha256:other"), inputs);
  });

  it("is built from a folder that has a recipe", async () => {
    assert.match(await contentHash(NODE_IMAGE_CONTEXT), /^[0-9a-f]{64}$/);
  });
});
