import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { Agent, get, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { novaServices } from "../../components/openstack/compute.ts";
import { resourceProviders } from "../../components/openstack/placement.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import * as cloudOf from "../support/cloud.ts";
import { inspected, expectNoneInDocker } from "../support/docker.ts";
import { expectReachable, standaloneEnds } from "../support/listeners.ts";
import { placeOf } from "../support/places.ts";
import { expectHidden } from "../support/secrets.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";

const STACK = "itest-ovn";
const PLACE = placeOf("standalone-ovn");
const stack = new ScratchStack(STACK);
const container = (host: string) => `${STACK}-${host}`;
let cloud: OpenStackClient;

const inDatabase = (query: string) =>
  docker("exec", `${STACK}-mariadb`, "mariadb", "-N", "-e", query);

const known = () => cloudOf.known(cloud, inDatabase);

async function identities(): Promise<Record<string, string>> {
  return Object.fromEntries((await resourceProviders(cloud)).map(({ name, uuid }) => [name, uuid]));
}

/** Asks an API over a connection that the client would keep; `fetch` does not tell what the server says of it. */
async function rawGet(port: number): Promise<{ status: number; headers: IncomingHttpHeaders }> {
  const agent = new Agent({ keepAlive: true });
  try {
    const asked = get({ host: "127.0.0.1", port, agent, timeout: 30_000 });
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    answer.resume();
    return { status: answer.statusCode ?? 0, headers: answer.headers };
  } finally {
    agent.destroy();
  }
}

/** One health check, as docker remembers it. */
interface Check {
  Start: string;
  End: string;
  ExitCode: number;
}

describe("a standalone cloud with OVN, from nothing to nothing", { timeout: 40 * 60_000 }, () => {
  let servers: cloudOf.ServerState[] = [];

  before(async () => {
    await stack.create({
      computes: 0,
      networking: "ovn",
      ...PLACE.settings,
    });
  });

  after(() => stack.remove());

  it("comes up without computes", async () => {
    await stack.up();
    const outputs = await stack.outputs();
    assert.deepEqual(outputs.hypervisors, { requested: 0, registered: 0, names: [] });
    for (const file of [outputs.cloudsYaml, outputs.openrc, outputs.inventory]) {
      assert.equal(statSync(file).mode & 0o777, 0o600, file);
    }
    cloud = await stack.cloud();
    cloudOf.expectKnown(await known(), []);
  });

  it("gets two computes by one changed value", async () => {
    await stack.configure({ computes: 2 });
    await stack.up();
    const { hypervisors: seen } = await stack.outputs();
    assert.deepEqual(seen, { requested: 2, registered: 2, names: ["compute-0", "compute-1"] });
    cloudOf.expectKnown(await known(), ["compute-0", "compute-1"]);
  });

  it("has a scheduler that looks for them from its start on, not after up to a minute", async () => {
    const script = [
      "import sys; from nova import config; from oslo_config import cfg",
      "sys.argv = ['nova-scheduler']; config.parse_args(sys.argv)",
      "print(cfg.CONF.periodic_fuzzy_delay, cfg.CONF.scheduler.discover_hosts_in_cells_interval)",
    ].join("\n");
    const asked = ["exec", "--user", "nova", `${STACK}-nova-scheduler`, "python3", "-c", script];
    assert.equal((await docker(...asked)).split("\n").at(-1), "0 1");
  });

  it("runs a server on each, with ports that are bound and wired", async () => {
    servers = [
      await cloudOf.boot(cloud, "first", "compute-0"),
      await cloudOf.boot(cloud, "second", "compute-1"),
    ];
    for (const [index, { id }] of servers.entries()) {
      await cloudOf.wired(cloud, id, container(`compute-${index}`), `compute-${index}`);
    }
  });

  it("carries traffic between them through the tunnel", async () => {
    await cloudOf.pings(
      cloud,
      servers.map(({ id }) => id),
      [container("compute-0"), container("compute-1")],
    );
    const tunnel = await docker("exec", container("compute-0"), "ovs-vsctl", "show");
    assert.match(tunnel, /type: geneve/);
  });

  it("previews no change right after", () => stack.expectNoChanges());

  it("touches only the difference when the number grows", async () => {
    const before = {
      ...Object.fromEntries(await containers(STACK, "control-plane")),
      ...Object.fromEntries(await containers(STACK, "simulated-compute")),
    };
    await stack.configure({ computes: 4 });
    const planned = (await stack.changes()).filter(({ urn }) => urn.includes("docker:index"));
    assert.deepEqual(planned.map(({ op, urn }) => `${op} ${urn.split("::").at(-1)}`).sort(), [
      "create compute-2",
      "create compute-3",
    ]);
    await stack.up();
    const now = {
      ...Object.fromEntries(await containers(STACK, "control-plane")),
      ...Object.fromEntries(await containers(STACK, "simulated-compute")),
    };
    for (const [name, { id }] of Object.entries(before)) assert.equal(now[name]?.id, id, name);
    cloudOf.expectKnown(await known(), ["compute-0", "compute-1", "compute-2", "compute-3"]);
  });

  it("migrates a running server live", async () => {
    const [first] = servers;
    assert.ok(first);
    await cloudOf.act(cloud, first.id, {
      "os-migrateLive": { host: "compute-2", block_migration: "auto" },
    });
    await cloudOf.settled(cloud, first.id, "ACTIVE", "compute-2");
    const port = await cloudOf.wired(cloud, first.id, container("compute-2"), "compute-2");
    assert.equal(await cloudOf.interfaceOf(container("compute-0"), port.id), "");
  });

  it("migrates a server cold and confirms", async () => {
    const [first] = servers;
    assert.ok(first);
    await cloudOf.act(cloud, first.id, { migrate: { host: "compute-3" } });
    await cloudOf.settled(cloud, first.id, "VERIFY_RESIZE", "compute-3");
    await cloudOf.act(cloud, first.id, { confirmResize: null });
    await cloudOf.settled(cloud, first.id, "ACTIVE", "compute-3");
    await cloudOf.wired(cloud, first.id, container("compute-3"), "compute-3");
  });

  it("brings a compute back when one of its processes dies, with its servers", async () => {
    const before = await docker("inspect", "--format", "{{.RestartCount}}", container("compute-3"));
    await docker("exec", container("compute-3"), "pkill", "-9", "ovn-controller");
    await cloudOf.eventually(
      "the container restarted",
      60,
      () => docker("inspect", "--format", "{{.RestartCount}}", container("compute-3")),
      (count) => Number(count) > Number(before),
    );
    const [first] = servers;
    assert.ok(first);
    await cloudOf.wired(cloud, first.id, container("compute-3"), "compute-3");
    assert.equal((await cloudOf.server(cloud, first.id)).status, "ACTIVE");
  });

  it("repairs a removed compute as itself", async () => {
    const before = await identities();
    const untouched = (await containers(STACK, "simulated-compute")).get(container("compute-0"));
    await docker("rm", "--force", container("compute-1"));
    await stack.up();
    assert.deepEqual(await identities(), before);
    const now = await containers(STACK, "simulated-compute");
    assert.equal(now.get(container("compute-0"))?.id, untouched?.id);
    const [, second] = servers;
    assert.ok(second);
    await cloudOf.settled(cloud, second.id, "ACTIVE", "compute-1");
    await cloudOf.wired(cloud, second.id, container("compute-1"), "compute-1");
  });

  it("waits for a service that it starts again in place, and says why", async () => {
    await docker("kill", `${STACK}-rabbitmq`);
    const preview = await stack.pulumi("preview", "--stack", STACK);
    assert.match(preview, /to be repaired: container itest-ovn-rabbitmq is exited/);
    await stack.up();
    await docker("exec", `${STACK}-rabbitmq`, "sh", "-c", "ss -Hltn 'sport = :5672' | grep -q .");
    const services = await novaServices(cloud);
    assert.deepEqual(new Set(services.map(({ state }) => state)), new Set(["up"]));
    // Not only up in nova's eyes: what goes over the message bus works again at once.
    const probe = await cloudOf.boot(cloud, "probe", "compute-2");
    await cloudOf.remove(cloud, [probe.id]);
    await stack.expectNoChanges();
  });

  it("writes the user's files again after they were deleted", async () => {
    const { cloudsYaml, openrc } = await stack.outputs();
    const before = readFileSync(cloudsYaml, "utf8");
    rmSync(dirname(cloudsYaml), { recursive: true });
    await stack.up();
    assert.equal(readFileSync(cloudsYaml, "utf8"), before);
    assert.ok(existsSync(openrc));
    await stack.expectNoChanges();
  });

  it("refuses settings that a living cloud can't take, and touches nothing", async () => {
    const before = await containers(STACK, "control-plane");
    await stack.configure({ networking: "ovs", "network.tenantCidr": "10.111.0.0/16" });
    const { exitCode, all } = await stack.tryPulumi(
      "up",
      "--yes",
      "--skip-preview",
      "--stack",
      STACK,
    );
    assert.notEqual(exitCode, 0);
    assert.match(all, /has 2 problems/);
    assert.match(all, /overcloud:networking is "ovs": can't be changed .* deployed with ovn/);
    assert.match(all, /overcloud:network\.tenantCidr is "10\.111\.0\.0\/16": can't be changed/);
    assert.deepEqual(await containers(STACK, "control-plane"), before);
    await stack.configure({ networking: "ovn", ...PLACE.settings });
  });

  it("evacuates from a compute that died", async () => {
    const [first] = servers;
    assert.ok(first);
    await docker("kill", container("compute-3"));
    const [service] = await novaServices(cloud, { host: "compute-3", binary: "nova-compute" });
    assert.ok(service);
    await cloud.put("compute", `/os-services/${service.id}`, { forced_down: true });
    await cloudOf.act(cloud, first.id, { evacuate: { host: "compute-2" } });
    await cloudOf.settled(cloud, first.id, "ACTIVE", "compute-2");
    await cloudOf.wired(cloud, first.id, container("compute-2"), "compute-2");
    // The dead compute is a stopped container: the next up starts it again, and leaves to the operator what is the operator's.
    assert.match(await stack.up(), /an operator has forced them down: compute-3/);
    await cloudOf.eventually(
      "nova lets compute-3 be forced up",
      60,
      async () => {
        const up = cloud.put("compute", `/os-services/${service.id}`, { forced_down: false });
        return up.then(
          () => "",
          (error: Error) => error.message,
        );
      },
      (refusal) => refusal === "",
    );
    cloudOf.expectKnown(await known(), ["compute-0", "compute-1", "compute-2", "compute-3"]);
  });

  it("refuses to remove a compute that has servers, before anything stops", async () => {
    const before = await containers(STACK, "simulated-compute");
    await stack.configure({ computes: 1 });
    const { exitCode, all } = await stack.tryPulumi(
      "up",
      "--yes",
      "--skip-preview",
      "--stack",
      STACK,
    );
    assert.notEqual(exitCode, 0);
    assert.match(all, /compute-1 has 1 server \(second\)/);
    assert.match(all, /compute-2 has 1 server \(first\)/);
    assert.match(all, /Nothing was stopped/);
    assert.deepEqual(await containers(STACK, "simulated-compute"), before);
    const services = await novaServices(cloud, { binary: "nova-compute" });
    assert.deepEqual(
      new Set(services.map(({ status, state }) => `${status} ${state}`)),
      new Set(["enabled up"]),
    );
  });

  it("leaves nothing of removed computes behind", async () => {
    await cloudOf.remove(
      cloud,
      servers.map(({ id }) => id),
    );
    await stack.up();
    assert.deepEqual(
      [...(await containers(STACK, "simulated-compute")).keys()],
      [container("compute-0")],
    );
    cloudOf.expectKnown(await known(), ["compute-0"]);
    // Nova restores these records; one that counts as mapped would have to be waited for.
    const query = "SELECT COUNT(*) FROM nova.compute_nodes WHERE deleted <> 0 AND mapped <> 0";
    assert.equal((await inDatabase(query)).trim(), "0");
    await stack.expectNoChanges();
  });

  it("takes a removed index back, and evacuates its servers when told to", async () => {
    const { cloudsYaml } = await stack.outputs();
    const log = join(dirname(cloudsYaml), "logs/deregister-computes.log");
    const removals = () => readFileSync(log, "utf8").split("is done\n").length;
    const before = removals();
    await stack.configure({ computes: 2 });
    await stack.up();
    assert.equal(removals(), before, "nobody left");
    const moved = await cloudOf.boot(cloud, "moved", "compute-1");
    await stack.configure({ computes: 1, scaleDown: "evacuate" });
    await stack.up();
    assert.equal(removals(), before + 1);
    await cloudOf.settled(cloud, moved.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, moved.id, container("compute-0"), "compute-0");
    cloudOf.expectKnown(await known(), ["compute-0"]);
  });

  it("asks what others wait for seldom once it is well: each question takes docker a part of a second", async () => {
    for (const gate of ["mariadb", "ovn-nb-db", "ovn-sb-db"]) {
      const log = await docker(
        ...["inspect", "--format", "{{json .State.Health.Log}}", `${STACK}-${gate}`],
      );
      const checks = JSON.parse(log) as Check[];
      // Docker keeps the last five. Until the first that was well, it asks often.
      const later = checks.slice(checks.findIndex(({ ExitCode }) => ExitCode === 0) + 1);
      assert.ok(later.length > 0, gate);
      for (const { Start, End, ExitCode } of later) {
        assert.equal(ExitCode, 0, gate);
        const seconds = (Date.parse(End) - Date.parse(Start)) / 1000;
        assert.ok(seconds > 25, `${gate}: ${seconds} s`);
      }
    }
  });

  it("answers on loopback and in its own network, and nowhere else", () =>
    expectReachable(STACK, Object.values(PLACE.ports), standaloneEnds(PLACE.network)));

  it("keeps no connection for a client's next question: hundreds of computes would take all there are", async () => {
    for (const [api, port] of Object.entries(PLACE.ports)) {
      const { status, headers } = await rawGet(port);
      assert.ok(status < 500, `${api} answered ${status}`);
      assert.equal(headers.connection, "close", api);
    }
  });

  it("has its containers confined to what they need", async () => {
    const all = await docker("ps", "--quiet", "--filter", `label=overcloud.stack=${STACK}`);
    for (const [name, { HostConfig }] of Object.entries(await inspected(all.split("\n")))) {
      const { CapAdd, CapDrop, SecurityOpt, Privileged, PidMode, IpcMode, Binds } = HostConfig;
      assert.deepEqual([CapDrop, SecurityOpt], [["ALL"], ["no-new-privileges:true"]], name);
      assert.ok(!(CapAdd ?? []).includes("CAP_SYS_ADMIN") && !Privileged, name);
      assert.equal(PidMode, "", name);
      assert.notEqual(IpcMode, "host", name);
      assert.ok(!JSON.stringify(Binds ?? []).includes("docker.sock"), name);
    }
  });

  it("shows no secret where others read", async () => {
    const all = [...(await containers(STACK, "control-plane")).keys(), container("compute-0")];
    await expectHidden(stack, all);
  });

  it("destroys everything", async () => {
    const { cloudsYaml } = await stack.outputs();
    await stack.destroy();
    await expectNoneInDocker(STACK);
    assert.ok(!existsSync(cloudsYaml));
  });
});
