import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, mock } from "node:test";
import { execa } from "execa";
import { deriveCredentials } from "../../../components/credentials/derive.ts";
import { domainTypeOf } from "../../../components/libvirt/domain-type.ts";
import { removeSeedDisk, writeSeedDisk } from "../../../components/libvirt/seed-disk.ts";
import { fetchImage, imagePlan } from "../../../components/libvirt/image.ts";
import { removeSshFiles, waitForNode, writeSshFiles } from "../../../components/libvirt/ssh.ts";
import { perform } from "../../support/openstack.ts";

const root = mkdtempSync(join(tmpdir(), "overcloud-libvirt-"));
after(() => rmSync(root, { recursive: true }));

describe("the ssh files", () => {
  const directory = join(root, "ssh");
  const { sshKey } = deriveCredentials("x".repeat(32));
  const readInput = () => Promise.resolve(JSON.stringify(sshKey));

  it("are a key that OpenSSH reads, its public half and the configuration", async () => {
    await perform(writeSshFiles, { directory, config: "Host x\n" }, { readInput });
    assert.deepEqual(readdirSync(directory).sort(), ["config", "id_ed25519", "id_ed25519.pub"]);
    for (const file of readdirSync(directory)) {
      assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
    }
    const key = join(directory, "id_ed25519");
    assert.match(readFileSync(key, "utf8"), /^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
    const { stdout } = await execa("ssh-keygen", ["-y", "-f", key], { stdin: "ignore" });
    assert.equal(stdout.trim(), sshKey.publicKey);
    assert.equal(readFileSync(`${key}.pub`, "utf8"), `${sshKey.publicKey}\n`);
    assert.equal(readFileSync(join(directory, "config"), "utf8"), "Host x\n");
  });

  it("can be written again, and removed twice", async () => {
    await perform(writeSshFiles, { directory, config: "Host y\n" }, { readInput });
    assert.equal(readFileSync(join(directory, "config"), "utf8"), "Host y\n");
    await perform(removeSshFiles, { directory });
    await perform(removeSshFiles, { directory });
    assert.ok(!existsSync(directory));
  });
});

describe("the disk of a seed", () => {
  const file = join(root, "seed/node.iso");
  const label = "OVERCLOUD";
  const documents = { "node.json": "{}\n", "user-data": "#cloud-config\n" };
  const readInput = () => Promise.resolve(JSON.stringify(documents));

  it("has the documents under their names, the label and a mode for secrets", async () => {
    await perform(writeSeedDisk, { file, label }, { readInput });
    const isoinfo = async (...args: string[]) =>
      (await execa("isoinfo", ["-i", file, ...args], { stripFinalNewline: false })).stdout;
    assert.match(await isoinfo("-d"), /^Volume id: OVERCLOUD$/m);
    for (const [name, content] of Object.entries(documents)) {
      assert.equal(await isoinfo("-R", "-x", `/${name}`), content);
    }
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(root, "seed")), ["node.iso"]);
  });

  it("takes no document whose name leads elsewhere", async () => {
    const strange = () => Promise.resolve(JSON.stringify({ "../x": "" }));
    await assert.rejects(perform(writeSeedDisk, { file, label }, { readInput: strange }));
  });

  it("can be written again, and removed twice", async () => {
    await perform(writeSeedDisk, { file, label }, { readInput });
    await perform(removeSeedDisk, { file });
    await perform(removeSeedDisk, { file });
    assert.ok(!existsSync(file));
  });
});

describe("waiting for a node", () => {
  it("says what is in the way, once, and ends with the step", async () => {
    const configFile = join(root, "config");
    // Nothing listens there.
    writeFileSync(configFile, "Host node\n  HostName 127.0.0.1\n  Port 1\n  BatchMode yes\n");
    const reports: string[] = [];
    const waiting = perform(
      waitForNode,
      { configFile, node: "node", users: ["root"] },
      { signal: AbortSignal.timeout(3000), report: (line) => reports.push(line) },
    );
    await assert.rejects(waiting);
    assert.equal(reports.length, 1);
    assert.match(reports[0] ?? "", /^node: .*refused/);
  });

  it("is over when one of those who may log in can", async () => {
    // As a deployed node has it: root is told to log in as another.
    const folder = join(root, "bin");
    mkdirSync(folder);
    const script = `#!/bin/sh
[ "$4" = heat-admin ] && [ "$5" = compute-0 ] && exit 0
echo "Please log in as heat-admin" >&2
exit 1
`;
    writeFileSync(join(folder, "ssh"), script, { mode: 0o755 });
    const before = process.env["PATH"];
    process.env["PATH"] = `${folder}:${before}`;
    try {
      const args = { configFile: "config", node: "compute-0", users: ["root", "heat-admin"] };
      assert.deepEqual(await perform(waitForNode, args), { result: "compute-0", reports: [] });
      const signal = AbortSignal.timeout(1500);
      const reports: string[] = [];
      const report = (line: string) => void reports.push(line);
      const alone = perform(waitForNode, { ...args, users: ["root"] }, { signal, report });
      await assert.rejects(alone);
      assert.deepEqual(reports, ["compute-0: Please log in as heat-admin"]);
    } finally {
      process.env["PATH"] = before;
    }
  });
});

describe("the nodes' image", () => {
  const content = "an image";
  const sha256 = createHash("sha256").update(content).digest("hex");
  const file = join(root, "image");
  writeFileSync(file, content);
  const url = "https://example.org/image.qcow2";

  it("is where it is, or in the cache under its checksum", () => {
    assert.deepEqual(imagePlan({ source: "/i", cmdline: "" }, "/cache").file, "/i");
    assert.deepEqual(imagePlan({ source: "/i", sha256, cmdline: "" }, "/cache"), {
      file: "/i",
      id: sha256.slice(0, 12),
    });
    const { file } = imagePlan({ source: url, sha256, cmdline: "" }, "/cache");
    assert.equal(file, `/cache/${sha256}`);
  });

  it("is used when it is the one that was meant, and refused otherwise", async () => {
    const args = { source: file, target: "/nowhere" };
    assert.equal((await perform(fetchImage, { ...args, sha256 })).result, file);
    await assert.rejects(
      perform(fetchImage, { ...args, sha256: "0".repeat(64) }),
      /image has the sha256 [0-9a-f]{64}, libvirt\.image\.sha256 is 000/,
    );
  });

  it("is fetched once", async () => {
    const target = join(root, "cache", sha256);
    const fetched = mock.method(globalThis, "fetch", () => Promise.resolve(new Response(content)));
    try {
      const args = { source: url, sha256, target };
      assert.equal((await perform(fetchImage, args)).result, target);
      assert.equal((await perform(fetchImage, args)).result, target);
      assert.equal(fetched.mock.callCount(), 1);
      assert.deepEqual(readdirSync(join(root, "cache")), [sha256]);
    } finally {
      fetched.mock.restore();
    }
  });

  for (const [what, answer] of [
    ["another file", () => new Response("something else")],
    ["an error", () => new Response("no", { status: 404 })],
  ] as const) {
    it(`is not kept when a server answers with ${what}`, async () => {
      const folder = join(root, "refused");
      const fetched = mock.method(globalThis, "fetch", () => Promise.resolve(answer()));
      try {
        const args = { source: url, sha256, target: join(folder, sha256) };
        await assert.rejects(perform(fetchImage, args), /example\.org.* (sha256|answers 404)/);
        assert.deepEqual(readdirSync(folder), []);
      } finally {
        fetched.mock.restore();
      }
    });
  }
});

describe("the domains' type", () => {
  const facts = join(root, "host.json");

  it("is what the setting says, or what set-up found out", () => {
    writeFileSync(facts, '{"domainType":"kvm"}');
    assert.equal(domainTypeOf({ domainType: "auto" }, facts), "kvm");
    assert.equal(domainTypeOf({ domainType: "qemu" }, facts), "qemu");
  });

  it("is emulation where nothing is known", () => {
    writeFileSync(facts, "not JSON");
    assert.equal(domainTypeOf({ domainType: "auto" }, facts), "qemu");
    assert.equal(domainTypeOf({ domainType: "auto" }, join(root, "missing")), "qemu");
    assert.equal(domainTypeOf({ domainType: "kvm" }, join(root, "missing")), "kvm");
  });
});
