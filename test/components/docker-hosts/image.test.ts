import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { bringImage, removeImage } from "../../../components/docker-hosts/image.ts";
import type { ActionContext } from "../../../components/step/action.ts";

const IMAGE = "sha256:feed";
const ARGS = { name: "there", engine: { docker: "ssh://there" } };

/** Two engines that keep images as files by id, in folders of their own, and a `docker` that knows them. */
describe("an image on another docker host", () => {
  const root = mkdtempSync(path.join(tmpdir(), "overcloud-image-"));
  const savedPath = process.env["PATH"];
  after(() => {
    process.env["PATH"] = savedPath;
    rmSync(root, { recursive: true });
  });

  const file = (engine: "here" | "there", id = IMAGE) => path.join(root, `${engine}-${id}`);
  let reports: string[];
  const context = (): ActionContext => ({
    report: (line) => reports.push(line),
    signal: AbortSignal.timeout(20_000),
    readInput: () => Promise.resolve(`${IMAGE}\n`),
    previous: "",
    run: () => assert.fail("no program is run by the step"),
  });

  /** @param load what the other engine does with what is loaded */
  function docker(load: string, remove = `rm ${file("there")}`): void {
    const script = `#!/bin/sh
engine=here; [ -z "\${DOCKER_HOST:-}" ] || engine=there
case "$engine $1 $2" in
  *" image ls") cd ${root}; for each in "$engine"-*; do echo "\${each#*-}"; done ;;
  *" image inspect") printf '%s ["lab-openstack:1"]' "$(wc -c < "${root}/$engine-${IMAGE}")" ;;
  "there version ") ;;
  "here save lab-openstack:1") cat ${file("here")} ;;
  "there load --quiet") ${load} ;;
  "there image rm") ${remove} ;;
  *) echo "unexpected: $engine $*" >&2; exit 1 ;;
esac
`;
    writeFileSync(path.join(root, "docker"), script);
    chmodSync(path.join(root, "docker"), 0o755);
  }

  beforeEach(() => {
    process.env["PATH"] = `${root}:${savedPath}`;
    reports = [];
    for (const engine of ["here", "there"] as const) rmSync(file(engine), { force: true });
    writeFileSync(file("here"), Buffer.alloc(3_000_000, "x"));
    docker(`cat > ${file("there")}`);
  });

  it("is saved here and loaded there, with progress", async () => {
    assert.deepEqual(await bringImage(ARGS, context()), { imageId: IMAGE });
    assert.deepEqual(readFileSync(file("there")), readFileSync(file("here")));
    const shares = reports.flatMap((line) => /there: (\d+) % of 3 MiB/.exec(line)?.[1] ?? []);
    assert.ok(shares.length > 3 && shares.length <= 10, reports.join("\n"));
    assert.equal(shares.at(-1), "100");
    assert.match(reports.at(-1) ?? "", /^there has the image, after \d+ s$/);
  });

  it("stays where it is already", async () => {
    writeFileSync(file("there"), "the same, by its id");
    await bringImage(ARGS, context());
    assert.deepEqual(reports, ["there has the image already"]);
    assert.equal(readFileSync(file("there"), "utf8"), "the same, by its id");
  });

  it("that is not here is not looked for elsewhere", async () => {
    rmSync(file("here"));
    await assert.rejects(
      bringImage(ARGS, context()),
      /^Error: this machine has no image sha256:feed$/,
    );
  });

  it("that arrives under another id is of no use, which is said", async () => {
    docker(`cat > ${file("there", "sha256:other")}`);
    await assert.rejects(
      bringImage(ARGS, context()),
      /docker on there has taken the image and calls/,
    );
    rmSync(file("there", "sha256:other"));
  });

  it("that can't be loaded fails with what the other engine said, and does not hang", async () => {
    docker("echo 'no space left on device' >&2; exit 1");
    await assert.rejects(bringImage(ARGS, context()), /^Error: no space left on device$/);
  });

  it("is removed, and is done when it is gone", async () => {
    writeFileSync(file("there"), "");
    const remove = () => removeImage({ ...ARGS, imageId: IMAGE }, context());
    assert.deepEqual(await remove(), { removed: true });
    assert.ok(!existsSync(file("there")));
    assert.deepEqual(await remove(), { removed: false });
  });

  it("that something is made of stays, with docker's word for it", async () => {
    writeFileSync(file("there"), "");
    docker("", "echo 'container 1 is using it' >&2; exit 1");
    await assert.rejects(
      removeImage({ ...ARGS, imageId: IMAGE }, context()),
      /^Error: container 1 is using it$/,
    );
  });

  it("on a host that is lost is given up", async () => {
    writeFileSync(path.join(root, "docker"), "#!/bin/sh\necho 'no route to host' >&2; exit 1\n");
    const remove = removeImage({ ...ARGS, imageId: IMAGE }, context());
    assert.deepEqual(await remove, { removed: false });
    assert.deepEqual(reports, [
      "there does not answer, so its image stays there: no route to host",
    ]);
  });
});
