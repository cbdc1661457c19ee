import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { type Context, createContext } from "../../../../tools/setup/context.ts";
import { pathsOf, project, readVersions } from "../../../../tools/setup/paths.ts";
import { downloadRelease, languageTask, pulumiTask } from "../../../../tools/setup/tasks/pulumi.ts";

const folder = mkdtempSync(path.join(tmpdir(), "overcloud-release-"));
const paths = pathsOf(path.join(folder, "project"));
const { pulumi: version } = readVersions(project);
const archive = `pulumi-v${version}-linux-${process.arch}.tar.gz`;

/** A command that answers what `pulumi version` answers. */
function fakePulumi(file: string, answer: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\necho v${answer}\n`);
  chmodSync(file, 0o755);
}

describe("the Pulumi CLI", () => {
  let server: Server;
  let base: string;
  let sum: string;
  let tarball: Buffer;
  const context = (extra: NodeJS.ProcessEnv = {}): Context =>
    createContext(paths, {
      HOME: folder,
      PATH: "/usr/bin:/bin",
      OVERCLOUD_PULUMI_RELEASES: base,
      ...extra,
    });

  before(async () => {
    fakePulumi(path.join(folder, "release/pulumi/pulumi"), version);
    fakePulumi(path.join(folder, "release/pulumi/pulumi-language-nodejs"), version);
    fakePulumi(path.join(folder, "release/pulumi/pulumi-language-go"), version);
    execFileSync("tar", ["-czf", path.join(folder, archive), "-C", `${folder}/release`, "pulumi"]);
    tarball = readFileSync(path.join(folder, archive));
    server = createServer((request, response) => {
      if (request.url === `/${archive}`) response.end(tarball);
      else if (request.url === `/pulumi-${version}-checksums.txt`) {
        response.end(`${sum}  ${archive}\n`);
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    rmSync(paths.root, { recursive: true, force: true });
    cpSync(path.join(project.sources, "versions.json"), path.join(paths.sources, "versions.json"));
    for (const name of ["cli", "language-nodejs"]) mkdirSync(path.join(paths.sources, name));
    sum = createHash("sha256").update(tarball).digest("hex");
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  it("comes from the release where one can be had, with its language host", async () => {
    assert.equal(await pulumiTask(context()).done(), undefined);
    assert.equal(await pulumiTask(context()).run(), `release ${version}`);
    assert.deepEqual(readdirSync(paths.bin), ["pulumi", "pulumi-language-nodejs"]);
    assert.equal(await pulumiTask(context()).done(), `pulumi ${version} (release)`);
    assert.equal(await languageTask(context()).done(), "");
    assert.deepEqual(readdirSync(paths.toolchain).sort(), ["bin", "logs", "stamps"]);
  });

  it("is refused when its checksum is wrong, leaving nothing", async () => {
    sum = "0".repeat(64);
    await assert.rejects(downloadRelease(context(), "pulumi"), /not used/);
    assert.deepEqual(readdirSync(paths.bin), []);
  });

  it("is not downloaded where nothing answers", async () => {
    const nowhere = context({ OVERCLOUD_PULUMI_RELEASES: "http://127.0.0.1:1" });
    assert.equal(await downloadRelease(nowhere, "pulumi"), false);
  });

  it("is the installed one where that is new enough, and not an old one", async () => {
    const bin = path.join(paths.root, "installed");
    const installed = () => context({ PATH: `${bin}:/usr/bin:/bin` });
    fakePulumi(path.join(bin, "pulumi"), "3.201.0");
    assert.match((await pulumiTask(installed()).done()) ?? "", /^pulumi 3\.201\.0 \(.*installed/);
    // Without a language host beside it, that one is still to be made.
    assert.equal(await languageTask(installed()).done(), undefined);
    fakePulumi(path.join(bin, "pulumi-language-nodejs"), "3.201.0");
    assert.equal(await languageTask(installed()).done(), "");
    fakePulumi(path.join(bin, "pulumi"), "3.99.0");
    assert.equal(await pulumiTask(installed()).done(), undefined);
  });

  it("takes the place of an older copy of ours, once set-up runs and not by being looked at", async () => {
    const bin = path.join(paths.root, "of-the-user");
    const task = pulumiTask(context({ PATH: `${bin}:/usr/bin:/bin` }));
    const ours = path.join(paths.bin, "pulumi");
    fakePulumi(ours, "3.256.0");
    fakePulumi(path.join(bin, "pulumi"), "3.250.0");
    await task.done();
    assert.ok(existsSync(ours));
    task.tidy?.();
    assert.ok(!existsSync(ours));
    rmSync(path.join(bin, "pulumi"));
    fakePulumi(ours, "3.256.0");
    await task.done();
    task.tidy?.();
    assert.ok(existsSync(ours), "nothing of the user's takes its place");
  });
});
