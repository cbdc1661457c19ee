import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";
import { atLeast, isDebianLike, which } from "../../../tools/setup/host.ts";
import { isCurrent } from "../../../tools/setup/stamp.ts";

describe("questions to the host", () => {
  it("compares versions by number", () => {
    assert.ok(atLeast("3.256.0", "3.200.0"));
    assert.ok(atLeast("v24.1.0", "22.18"));
    assert.ok(atLeast("1.21", "1.21"));
    assert.ok(!atLeast("3.99.0", "3.200.0"));
    assert.ok(!atLeast("v22.9.0", "22.18"));
    assert.ok(!atLeast("unknown", "1.21"));
    assert.ok(!atLeast("", "22.18"));
  });

  it("finds commands, but not in folders that do not count, nor files that cannot be run", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "overcloud-which-"));
    const file = path.join(folder, "a-tool-of-nobody");
    writeFileSync(file, "");
    const find = (except: string[] = []) => which("a-tool-of-nobody", { PATH: folder }, except);
    assert.equal(find(), undefined);
    chmodSync(file, 0o755);
    assert.equal(find(), file);
    assert.equal(find([`${folder}/`]), undefined);
    const link = `${folder}-link`;
    symlinkSync(folder, link);
    assert.equal(find([link]), undefined);
    rmSync(link);
    rmSync(folder, { recursive: true });
  });

  it("knows distributions that are made of Debian packages by their family", () => {
    assert.equal(isDebianLike('ID=fedora\nID_LIKE="rhel centos"\n'), false);
    const apt = which("apt-get") !== undefined;
    assert.equal(isDebianLike("ID=debian\n"), apt);
    assert.equal(isDebianLike('NAME="Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n'), apt);
  });
});

describe("notes about tools", () => {
  const wanted = { version: "1.2.1", target: "/t", sources: "abc" };

  it("make a tool stale with another version, other sources or another place", () => {
    const stamp = { origin: "built", ...wanted } as const;
    assert.ok(isCurrent(stamp, wanted));
    assert.ok(!isCurrent(stamp, { ...wanted, version: "1.2.2" }));
    assert.ok(!isCurrent(stamp, { ...wanted, sources: "def" }));
    assert.ok(!isCurrent(stamp, { ...wanted, target: "/u" }));
    assert.ok(!isCurrent(undefined, wanted));
  });

  it("do not tie a published release to our sources", () => {
    const release = { origin: "release", version: "1.2.1", target: "/t" } as const;
    assert.ok(isCurrent(release, wanted));
  });
});
