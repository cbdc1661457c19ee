import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { readManifest } from "../../../components/infrared/download.ts";
import { localImages, type ImagesPlan } from "../../../components/infrared/images.ts";
import { infraredSettings, rdo } from "../../support/infrared.ts";
import { runStep } from "../../support/step.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-images-"));
after(() => rmSync(root, { recursive: true }));

const md5 = (text: string) => createHash("md5").update(text).digest("hex");
const HASH = "c54a0b8e0d7bb8a4b6a2a1b0c3f5d4e6f7a8b9c0_12345678";

/** A mirror of images: files by path, and what was asked for. */
class Mirror {
  readonly files = new Map<string, string>();
  readonly requests: string[] = [];
  /** Answers before the real ones. */
  readonly failures: number[] = [];
  readonly #server: Server = createServer((request, response) => {
    const { url = "" } = request;
    this.requests.push(url);
    const content = this.files.get(url);
    response.statusCode = this.failures.shift() ?? (content === undefined ? 404 : 200);
    response.end(response.statusCode === 200 ? content : "");
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  stop(): void {
    this.#server.close();
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
}

let mirror: Mirror;
before(async () => {
  mirror = new Mirror();
  await mirror.start();
  mirror.files.set("/images/a.tar", "content of a");
  mirror.files.set("/images/a.tar.md5", `${md5("content of a")}  a.tar\n`);
});
after(() => mirror.stop());

let count = 0;

/** One download with a cache of its own, unless one is given. */
function download(plan: Partial<ImagesPlan>, cache = path.join(root, `cache-${(count += 1)}`)) {
  const images = { names: ["a.tar"], checksums: {}, target: "/t", targetUrl: "file:///t" };
  const manifest = path.join(root, `manifest-${(count += 1)}.json`);
  const args = { images: { ...images, cache, ...plan }, manifest };
  const directory = path.join(root, "logs");
  const name = `download-${count}`;
  const ended = runStep({ name, directory, action: "infrared/download", args, timeoutSeconds: 30 });
  return { ended, manifest, cache };
}

const filesIn = (folder: string) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
    : [];

describe("images", () => {
  it("are downloaded, checked and kept", async () => {
    const { ended, manifest, cache } = download({ url: `${mirror.url}/images` });
    const { status, stdout, stderr } = await ended;
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), [`a.tar md5:${md5("content of a")}`]);
    const [image] = await readManifest(manifest);
    assert.equal(readFileSync(image?.path ?? "", "utf8"), "content of a");
    assert.deepEqual(filesIn(cache), ["a.tar"]);

    const before = mirror.requests.length;
    const again = await download({ url: `${mirror.url}/images` }, cache).ended;
    assert.equal(again.status, 0, again.stderr);
    assert.deepEqual(mirror.requests.slice(before), ["/images/a.tar.md5"]);

    // What was damaged is fetched again.
    writeFileSync(image?.path ?? "", "something else");
    assert.equal((await download({ url: `${mirror.url}/images` }, cache).ended).status, 0);
    assert.equal(readFileSync(image?.path ?? "", "utf8"), "content of a");
  });

  it("are not kept when they are not what was published", async () => {
    const checksums = { "a.tar": `sha256:${"0".repeat(64)}` };
    const { ended, cache, manifest } = download({ url: `${mirror.url}/images`, checksums });
    const { status, stderr } = await ended;
    assert.equal(status, 1);
    assert.match(stderr, /a\.tar has the sha256 [0-9a-f]{64}, published is 0{64}/);
    assert.deepEqual(filesIn(cache), []);
    assert.ok(!existsSync(manifest));
  });

  it("come from files, too", async () => {
    const folder = path.join(root, "folder");
    mkdirSync(folder);
    writeFileSync(path.join(folder, "a.tar"), "local");
    const checksums = { "a.tar": `md5:${md5("local")}` };
    const url = pathToFileURL(folder).href;
    const { status, stderr } = await download({ url, checksums }).ended;
    assert.equal(status, 0, stderr);
    const missing = await download({ url }).ended;
    assert.match(
      missing.stderr,
      /no file .*a\.tar\.md5: set infrared\.images\.checksums for a\.tar/,
    );
  });

  it("are asked for again when the mirror stumbles, and not when it has none", async () => {
    mirror.failures.push(503);
    const { status, stderr } = await download({ url: `${mirror.url}/images` }).ended;
    assert.equal(status, 0, stderr);
    const before = mirror.requests.length;
    const none = await download({ url: `${mirror.url}/none` }).ended;
    assert.match(none.stderr, /none\/a\.tar\.md5 answers 404/);
    assert.equal(mirror.requests.length, before + 1);
  });

  it("are found by the hash of the release's repository", async () => {
    const settings = infraredSettings({ images: { repositoryUrl: `${mirror.url}/train` } });
    const plan = localImages(settings, rdo("train"));
    const byHash = {
      repository: plan?.byHash?.repository ?? "",
      images: `${mirror.url}/rdo_trunk`,
    };
    const serve = (folder: string) => {
      mirror.files.set(`/rdo_trunk/${folder}/a.tar`, folder);
      mirror.files.set(`/rdo_trunk/${folder}/a.tar.md5`, md5(folder));
    };
    const repository = "/train/current-tripleo-rdo/delorean.repo";
    mirror.files.set(repository, `[delorean]\nbaseurl=https://trunk.example/train/c5/4a/${HASH}\n`);
    serve(HASH);
    const one = await download({ byHash }).ended;
    assert.equal(one.status, 0, one.stderr);
    assert.ok(mirror.requests.includes(`/rdo_trunk/${HASH}/a.tar`));

    // Repositories by component: the whole has its own hash.
    const whole = md5("whole");
    mirror.files.set(repository, `[a]\nbaseurl=https://trunk.example/component/a/c5/4a/${HASH}\n`);
    mirror.files.set(`${repository}.md5`, `${whole}\n`);
    serve(whole);
    assert.equal((await download({ byHash }).ended).status, 0);
    assert.ok(mirror.requests.includes(`/rdo_trunk/${whole}/a.tar`));

    mirror.files.set(repository, "[a]\nbaseurl=https://trunk.example/latest\n");
    const wrong = await download({ byHash }).ended;
    assert.match(wrong.stderr, /has no hash of packages: set infrared\.images\.url/);
  });
});

/** Programs `ssh` and `scp` that know one host, whose files are in a folder. */
function fakeHost(): { host: string; env: Record<string, string>; calls: () => string[] } {
  const folder = path.join(root, `host-${(count += 1)}`);
  const programs = path.join(folder, "bin");
  mkdirSync(programs, { recursive: true });
  const log = path.join(folder, "calls");
  const program = (name: string, text: string) => {
    writeFileSync(path.join(programs, name), `#!/bin/sh\necho "${name} $*" >> ${log}\n${text}\n`);
    chmodSync(path.join(programs, name), 0o755);
  };
  program("ssh", `shift 3\nexec "$@"`);
  program("scp", `exec cp "$4" "\${5#undercloud-0:}"`);
  return {
    host: folder,
    env: { PATH: `${programs}:${process.env["PATH"]}` },
    calls: () => readFileSync(log, "utf8").trim().split("\n"),
  };
}

describe("images on the undercloud", () => {
  const upload = (target: string, manifest: string, env: Record<string, string>) =>
    runStep(
      {
        name: "upload",
        directory: path.join(root, "logs"),
        action: "infrared/upload",
        args: { manifest, sshConfig: "/ssh/config", host: "undercloud-0", target },
        timeoutSeconds: 30,
      },
      { env },
    );

  it("are copied once, under their own name when they are whole", async () => {
    const { ended, manifest } = download({ url: `${mirror.url}/images` });
    await ended;
    const { host, env, calls } = fakeHost();
    const target = path.join(host, "images");
    const { status, stdout, stderr } = await upload(target, manifest, env);
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), [`${target}/a.tar`]);
    assert.deepEqual(readdirSync(target), ["a.tar"]);
    assert.equal(readFileSync(`${target}/a.tar`, "utf8"), "content of a");
    const copies = () => calls().filter((call) => call.startsWith("scp"));
    assert.equal(copies().length, 1);
    assert.ok(calls().every((call) => call.includes("-F /ssh/config")));

    assert.equal((await upload(target, manifest, env)).status, 0);
    assert.equal(copies().length, 1);

    writeFileSync(`${target}/a.tar`, "half of");
    assert.equal((await upload(target, manifest, env)).status, 0);
    assert.equal(copies().length, 2);
  });
});
