import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { planComputes } from "../../components/compute/plan.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { hypervisors } from "../../components/openstack/compute.ts";
import { resourceProviders } from "../../components/openstack/placement.ts";
import type { ComputeRelease } from "../../components/overcloud/release.ts";
import type { Networking } from "../../config/schema.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import * as cloudOf from "../support/cloud.ts";
import { settingsOf } from "../support/settings.ts";
import { expectNoneInDocker } from "../support/docker.ts";

interface Case {
  release: ComputeRelease;
  networking: Networking;
  /** What `pip` must say of nova in both images: neither side is of another release. */
  nova: string;
}

const CASES: Case[] = [
  { release: "wallaby", networking: "ovn", nova: "23.2.2" },
  { release: "train", networking: "ovs", nova: "20.6.1" },
];

for (const { release, networking, nova } of CASES) {
  describe(`simulated computes of ${release} in a control plane of ${release}`, () => {
    const name = `itest-release-${release}`;
    const stack = new ScratchStack(name, path.join(import.meta.dirname, "programs/release"));
    const output = mkdtempSync(path.join(tmpdir(), "overcloud-release-"));
    const raw = {
      names: name,
      networking,
      network: {
        cidr: "10.79.208.0/24",
        tunnelCidr: "10.79.209.0/24",
        tenantCidr: "10.111.0.0/16",
      },
      ports: { keystone: 26000, placement: 26778, glance: 26292, neutron: 26696, nova: 26774 },
    };
    const container = (host: string) => `${name}-${host}`;
    let cloud: OpenStackClient;

    async function configure(computes: number): Promise<void> {
      const settings = JSON.stringify({ ...raw, computes });
      for (const [key, value] of Object.entries({ release, settings, outputDirectory: output })) {
        await stack.pulumi("config", "set", "--plaintext", key, value, "--stack", name);
      }
    }

    before(async () => {
      await stack.pulumi("stack", "init", name);
      await configure(2);
      await stack.up();
      cloud = await stack.cloud();
    });

    after(async () => {
      await stack.remove();
      rmSync(output, { recursive: true, force: true });
    });

    it("run that release of nova, and so does the control plane", async () => {
      for (const place of ["compute-0", "nova-conductor"]) {
        const version = await docker(
          ...["exec", container(place), "python3", "-c"],
          "import pkg_resources; print(pkg_resources.get_distribution('nova').version)",
        );
        assert.equal(version.trim(), nova, place);
      }
    });

    it("are hypervisors with the identities that they were planned with", async () => {
      const names = ["compute-0", "compute-1"];
      assert.deepEqual((await hypervisors(cloud)).map(({ host }) => host).sort(), names);
      const planned = planComputes(settingsOf({ ...raw, computes: 2 }), name);
      assert.deepEqual(
        (await resourceProviders(cloud)).map(({ name, uuid }) => [name, uuid]).sort(),
        planned.map(({ host, id }) => [host, id]),
      );
    });

    it("previews no change right after", () => stack.expectNoChanges());

    it("host a server, move it live and cold, and take it back after a restart", async () => {
      const { id } = await cloudOf.boot(cloud, "first", "compute-0");
      await cloudOf.wired(cloud, id, container("compute-0"), "compute-0");

      await cloudOf.act(cloud, id, {
        "os-migrateLive": { host: "compute-1", block_migration: "auto" },
      });
      await cloudOf.settled(cloud, id, "ACTIVE", "compute-1");
      await cloudOf.wired(cloud, id, container("compute-1"), "compute-1");

      await cloudOf.act(cloud, id, { migrate: { host: "compute-0" } });
      await cloudOf.settled(cloud, id, "VERIFY_RESIZE", "compute-0");
      await cloudOf.act(cloud, id, { confirmResize: null });
      await cloudOf.settled(cloud, id, "ACTIVE", "compute-0");

      await docker("restart", container("compute-0"));
      await cloudOf.wired(cloud, id, container("compute-0"), "compute-0");
      await cloudOf.remove(cloud, [id]);
    });

    it("are taken out of the cloud when they become fewer, and leave nothing behind", async () => {
      await configure(1);
      await stack.up();
      assert.deepEqual(
        (await hypervisors(cloud)).map(({ host }) => host),
        ["compute-0"],
      );
      assert.deepEqual(
        [...(await containers(name, "simulated-compute")).keys()],
        [container("compute-0")],
      );
      await stack.destroy();
      await expectNoneInDocker(name);
    });
  });
}
