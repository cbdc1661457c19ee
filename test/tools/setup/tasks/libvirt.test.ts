import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { createContext } from "../../../../tools/setup/context.ts";
import { pathsOf, project } from "../../../../tools/setup/paths.ts";
import { readHostFacts, writeHostFacts } from "../../../../tools/setup/tasks/kvm.ts";
import { libvirtTask } from "../../../../tools/setup/tasks/libvirt.ts";

describe("a libvirt daemon that runs already", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-libvirt-"));
  const savedPath = process.env.PATH;
  const paths = { ...pathsOf(folder), sources: project.sources };
  const context = createContext(paths, { PATH: folder, HOME: folder }, () => {});

  /** The daemon, as far as virsh tells of it. */
  function daemon({ offersKvm }: { offersKvm: boolean }): void {
    const file = path.join(folder, "virsh");
    const kvm = offersKvm ? "exit 0" : "echo 'the accel kvm is not supported' >&2; exit 1";
    writeFileSync(
      file,
      `#!/bin/sh\ncase "$*" in *domcapabilities*) ${kvm};; *) echo 'Using library: libvirt 9.0.0';; esac\n`,
    );
    chmodSync(file, 0o755);
  }

  before(() => (process.env.PATH = `${folder}:${savedPath}`));
  beforeEach(() => writeHostFacts(paths, { domainType: "kvm", reason: "a trial guest ran" }));
  after(() => {
    process.env.PATH = savedPath;
    rmSync(folder, { recursive: true });
  });

  it("is taken as it is where it runs what the trial guest ran under", async () => {
    daemon({ offersKvm: true });
    assert.equal(await libvirtTask(context).done(), "libvirt 9.0.0 (domains: kvm)");
    assert.equal(readHostFacts(paths)?.domainType, "kvm");
  });

  it("has the last word on KVM where it does not", async () => {
    daemon({ offersKvm: false });
    const task = libvirtTask(context);
    assert.equal(await task.done(), undefined);
    assert.match((await task.run()) ?? "", /^libvirt 9\.0\.0 \(domains: emulated/);
    assert.equal(readHostFacts(paths)?.domainType, "qemu");
    assert.match(readHostFacts(paths)?.reason ?? "", /libvirt offers no KVM domains/);
    assert.match((await task.done()) ?? "", /^libvirt 9\.0\.0 \(domains: emulated/);
  });
});
