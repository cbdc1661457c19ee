import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { buildNodeImage } from "../../../components/node-image/build.ts";
import { planNodeImage } from "../../../components/node-image/plan.ts";
import type { Program } from "../../../components/step/program.ts";
import { perform } from "../../support/openstack.ts";

const root = mkdtempSync(join(tmpdir(), "overcloud-node-image-"));
after(() => rmSync(root, { recursive: true }));

const args = { contentHash: "c".repeat(64), context: "/images/node" };

const LAYERS = ["sha256:packages", "sha256:services"];

/** A docker that makes files where the export should be, and says what it was asked for. */
function fakeDocker(imageId = "sha256:image", exporting = () => Promise.resolve()) {
  const asked: string[] = [];
  const run = async ({ argv, environment }: Program): Promise<string> => {
    const builder = environment?.["DOCKER_BUILDKIT"] === "0" ? " with the classic builder" : "";
    const target = argv[argv.indexOf("--target") + 1] ?? "";
    if (argv[2] === "inspect") return JSON.stringify(LAYERS);
    asked.push(argv[1] === "build" ? `build ${target}${builder}` : argv.slice(0, 2).join(" "));
    if (argv[0]?.endsWith("build/export")) {
      await exporting();
      for (const name of ["disk.qcow2", "kernel", "initrd"]) {
        writeFileSync(join(argv.at(-1) ?? "", name), imageId);
      }
    }
    return "";
  };
  return { asked, context: { run, readInput: () => Promise.resolve(imageId) } };
}

const build = (cacheDirectory: string, docker: ReturnType<typeof fakeDocker>) =>
  perform(buildNodeImage, { ...args, cacheDirectory }, docker.context);

describe("the plan of a node image", () => {
  const source = {
    ...args,
    ...{ imageId: "sha256:image", layers: LAYERS, cacheDirectory: "/cache" },
  };
  const plan = planNodeImage(source);

  it("is another when what is in the OpenStack image or the recipe is, and only then", () => {
    assert.equal(planNodeImage({ ...source, context: "/elsewhere" }).hash, plan.hash);
    assert.equal(planNodeImage({ ...source, imageId: "sha256:other" }).hash, plan.hash);
    assert.notEqual(planNodeImage({ ...source, layers: ["sha256:packages"] }).hash, plan.hash);
    assert.notEqual(planNodeImage({ ...source, contentHash: "d" }).hash, plan.hash);
  });

  it("builds both stages from the image's id, under names of its own", () => {
    for (const stage of ["kernel", "node"] as const) {
      const argv = plan.build[stage];
      assert.deepEqual(argv.slice(0, 2), ["docker", "build"]);
      assert.ok(argv.includes("IMAGE=sha256:image"));
      assert.equal(argv[argv.indexOf("--target") + 1], stage);
      assert.ok(plan.tags[stage].endsWith(`:${plan.hash}`));
      assert.equal(argv.at(-1), "/images/node");
    }
  });

  it("keeps all files in the folder that is put in place as a whole", () => {
    for (const file of [plan.disk, plan.kernel, plan.initrd]) {
      assert.ok(file.startsWith(`/cache/${plan.hash}/`));
    }
  });
});

describe("building a node image", () => {
  it("makes it once, and leaves no image or container behind", async () => {
    const cache = join(root, "once");
    const first = fakeDocker();
    const { result } = await build(cache, first);
    const plan = planNodeImage({
      ...args,
      ...{ imageId: "sha256:image", layers: LAYERS, cacheDirectory: cache },
    });
    assert.deepEqual(result, {
      disk: plan.disk,
      kernel: plan.kernel,
      initrd: plan.initrd,
      hash: plan.hash,
    });
    assert.deepEqual(readdirSync(cache), [plan.hash]);
    assert.deepEqual(first.asked, [
      "docker rm",
      "build kernel with the classic builder",
      "build node with the classic builder",
      "docker create",
      "/images/node/build/export overcloud-node-" + plan.hash,
      "docker rm",
      "docker rmi",
    ]);
    const second = fakeDocker("sha256:the-same-with-another-label");
    assert.deepEqual((await build(cache, second)).result, result);
    assert.deepEqual(second.asked, []);
  });

  it("is done once for two stacks at a time", async () => {
    const cache = join(root, "twice");
    const dockers = [fakeDocker(), fakeDocker()] as const;
    const [a, b] = await Promise.all(dockers.map((docker) => build(cache, docker)));
    assert.deepEqual(a?.result, b?.result);
    const exports = dockers.flatMap(({ asked }) => asked).filter((each) => each.includes("export"));
    assert.equal(exports.length, 1);
  });

  it("leaves nothing that looks made when it fails, and succeeds the next time", async () => {
    const cache = join(root, "failing");
    const failing = fakeDocker("sha256:image", () => Promise.reject(new Error("no space left")));
    await assert.rejects(build(cache, failing), /no space left/);
    assert.deepEqual(readdirSync(cache), []);
    assert.deepEqual(failing.asked.slice(-2), ["docker rm", "docker rmi"]);
    const { result } = await build(cache, fakeDocker());
    assert.equal(readFileSync((result as { disk: string }).disk, "utf8"), "sha256:image");
  });

  it("removes images that nobody asked for in a week, and nothing else", async () => {
    const cache = join(root, "old");
    const long = new Date(Date.now() - 8 * 86_400_000);
    for (const name of ["0123456789ab", "ba9876543210", "ba9876543210.tmp", "notes"]) {
      mkdirSync(join(cache, name), { recursive: true });
      if (name !== "0123456789ab") utimesSync(join(cache, name), long, long);
    }
    const { reports } = await build(cache, fakeDocker());
    assert.ok(existsSync(join(cache, "0123456789ab")));
    assert.ok(existsSync(join(cache, "notes")));
    assert.ok(!existsSync(join(cache, "ba9876543210")));
    assert.ok(!existsSync(join(cache, "ba9876543210.tmp")));
    assert.equal(reports.filter((line) => line.includes("nobody asked")).length, 2);
  });
});
