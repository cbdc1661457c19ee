import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { novaServices } from "../../components/openstack/compute.ts";
import { resourceProviders } from "../../components/openstack/placement.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import * as cloudOf from "../support/cloud.ts";
import { placeOf } from "../support/places.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-density";
const stack = new ScratchStack(STACK);
const container = (host: string) => `${STACK}-${host}`;
const PARENT = container("compute-parent");
let cloud: OpenStackClient;

const known = () =>
  cloudOf.known(cloud, (query) => docker("exec", `${STACK}-mariadb`, "mariadb", "-N", "-e", query));

/** The compute's nova-compute, as its own container sees it, with what the kernel says of it and of the first process. */
async function service(host: string): Promise<{ pid: number; own: string; first: string }> {
  const look = async (pid: string) => {
    const status = `grep -E '^(Cap|NoNewPrivs|Uid|Groups)' /proc/${pid}/status; readlink /proc/${pid}/ns/*`;
    const groups = await docker("exec", container(host), "cat", `/proc/${pid}/cgroup`);
    // Version 2 is listed beside version 1 even where it is mounted nowhere.
    const known = groups.split("\n").filter((line, _, all) => all.length < 2 || line[0] !== "0");
    return [await docker("exec", container(host), "sh", "-c", status), ...known].join("\n");
  };
  const pids = await docker(
    "exec",
    container(host),
    "pgrep",
    "-f",
    "overcloud_parent nova_compute",
  );
  const [pid = ""] = pids.split("\n");
  return { pid: Number(pid), own: await look(pid), first: await look("1") };
}

const restarts = async (host: string) =>
  Number(await docker("inspect", "--format", "{{.RestartCount}}", container(host)));

/** Waits until nova has heard from the host again since `when`, by nova's own clock. */
async function reportsAgain(host: string): Promise<void> {
  const reported = async () =>
    (await novaServices(cloud, { host, binary: "nova-compute" }))[0]?.updated_at ?? "";
  const last = await reported();
  await cloudOf.eventually(`${host} reports again`, 60, reported, (seen) => seen > last);
}

describe("computes that are forked from one parent", { timeout: 20 * 60_000 }, () => {
  let server: cloudOf.ServerState;
  let identities: Record<string, string>;

  before(() =>
    stack.create({
      computes: 3,
      "compute.sharing": "forked",
      "compute.reportIntervalSeconds": 2,
      ...placeOf("density").settings,
    }),
  );

  after(() => stack.remove());

  it("come up with it", async () => {
    await stack.up();
    cloud = await stack.cloud();
    cloudOf.expectKnown(await known(), ["compute-0", "compute-1", "compute-2"]);
    identities = Object.fromEntries(
      (await resourceProviders(cloud)).map(({ name, uuid }) => [name, uuid]),
    );
  });

  it("are made known to each other once: each change of a chassis wakes the ovn-controllers of all", async () => {
    const changes = "grep -c 'ovn-controller: updating chassis' /var/lib/ovn/sb.db || true";
    const counted = await docker("exec", `${STACK}-ovn-sb-db`, "sh", "-c", changes);
    // A busy machine may be late with one or the other; left to itself, each adds two or three.
    assert.ok(Number(counted) <= 3, counted);
  });

  it("have a service that is a process of their own container in all that it may and is counted as", async () => {
    const { pid, own, first } = await service("compute-0");
    assert.ok(pid > 1);
    assert.equal(own, first);
    const host = await docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", PARENT);
    assert.equal(host, "none");
  });

  it("do by themselves what their configuration says", async () => {
    // Nova decides it while it is imported, which the parent does.
    const script =
      "import json, nova_compute; nova_compute.warm(); from nova.compute.manager import ComputeManager; " +
      "print(json.dumps(ComputeManager._periodic_spacing))";
    const printed = await docker(
      ...["exec", "--env", "PYTHONPATH=/usr/lib/overcloud/python", PARENT],
      ...["python3", "-W", "ignore", "-c", script],
    );
    const spacing = JSON.parse(printed.split("\n").at(-1) ?? "") as Record<string, number>;
    assert.equal(spacing["update_available_resource"], 60);
    // Off by the image's own configuration, every ten minutes by nova's default.
    assert.ok(!("_sync_power_states" in spacing));
  });

  it("run servers with ports that are wired, and previews find nothing to do", async () => {
    server = await cloudOf.boot(cloud, "dense", "compute-1");
    await cloudOf.wired(cloud, server.id, container("compute-1"), "compute-1");
    await stack.expectNoChanges();
  });

  it("come back when their service dies, with their servers", async () => {
    const count = await restarts("compute-1");
    const { pid } = await service("compute-1");
    await docker("exec", container("compute-1"), "kill", "-9", String(pid));
    await cloudOf.eventually(
      "the container restarted",
      30,
      () => restarts("compute-1"),
      (seen) => seen > count,
    );
    await reportsAgain("compute-1");
    await cloudOf.wired(cloud, server.id, container("compute-1"), "compute-1");
  });

  it("go on when the parent is killed, and are forked from the next one when they start again", async () => {
    const before = await service("compute-0");
    await docker("kill", PARENT);
    await reportsAgain("compute-0");
    assert.equal((await service("compute-0")).pid, before.pid);
    // One that starts meanwhile waits for it.
    await docker("restart", "--time", "5", container("compute-2"));
    assert.match(await stack.up(), /container itest-density-compute-parent is exited/);
    await reportsAgain("compute-2");
    assert.deepEqual(
      Object.fromEntries((await resourceProviders(cloud)).map(({ name, uuid }) => [name, uuid])),
      identities,
    );
  });

  it("have a parent that starts a process of its own again", async () => {
    await docker("exec", PARENT, "s6-svc", "-k", "/run/s6/nova-compute");
    await docker("restart", "--time", "5", container("compute-0"));
    await reportsAgain("compute-0");
  });

  it("grow and shrink by the difference", async () => {
    const parent = (await containers(STACK, "compute-parent")).get(PARENT)?.id;
    await cloudOf.remove(cloud, [server.id]);
    await stack.configure({ computes: 5 });
    await stack.up();
    await stack.configure({ computes: 2 });
    await stack.up();
    cloudOf.expectKnown(await known(), ["compute-0", "compute-1"]);
    assert.equal((await containers(STACK, "compute-parent")).get(PARENT)?.id, parent);
    assert.equal((await containers(STACK, "simulated-compute")).size, 2);
  });

  it("leave nothing behind", async () => {
    await stack.destroy();
    await expectNoneInDocker(STACK);
  });
});
