import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import {
  containers,
  docker,
  dockerOn,
  leftovers,
  ScratchStack,
} from "../../tools/scratch-stack.ts";
import * as cloudOf from "../support/cloud.ts";
import { SecondDockerHost } from "../support/docker-hosts.ts";
import { placeOf } from "../support/places.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-hosts";
const stack = new ScratchStack(STACK);
const second = new SecondDockerHost({
  name: STACK,
  here: "10.116.32.1",
  there: "10.116.32.2",
});

let cloud: OpenStackClient;
let servers: cloudOf.ServerState[] = [];

const known = () =>
  cloudOf.known(cloud, (query) => docker("exec", `${STACK}-mariadb`, "mariadb", "-N", "-e", query));
const here = (host: string) => `${STACK}-${host}`;
const there = (host: string) => ({ name: `${STACK}-${host}`, engine: second.engine });
const names = (indexes: number[]) => indexes.map((index) => `compute-${index}`);

/** Names of the computes on each host. */
async function places(): Promise<string[][]> {
  const on = async (...engine: (typeof second.engine)[]) =>
    [...(await containers(STACK, "simulated-compute", ...engine)).keys()]
      .map((name) => name.slice(STACK.length + 1))
      .sort();
  return [await on(), await on(second.engine)];
}

async function ids(): Promise<Map<string, { id: string }>> {
  return new Map([
    ...(await containers(STACK, "control-plane")),
    ...(await containers(STACK, "simulated-compute")),
    ...(await containers(STACK, "simulated-compute", second.engine)),
  ]);
}

/** Fails unless these containers are the very ones of before. */
async function expectUntouched(earlier: Map<string, { id: string }>): Promise<void> {
  const now = await ids();
  for (const [name, { id }] of earlier) assert.equal(now.get(name)?.id, id, name);
}

describe("a cloud on two docker hosts", { timeout: 15 * 60_000 }, () => {
  before(async () => {
    await second.start();
    await stack.create({
      computes: 4,
      ...placeOf("hosts").settings,
      "hosts[0].name": "first",
      "hosts[1].name": "second",
      "hosts[1].docker": second.engine.docker,
      "hosts[1].certificates": second.engine.certificates,
    });
  });

  after(async () => {
    await stack.remove();
    await second.stop();
  });

  it("comes up with its computes spread over both", async () => {
    await stack.up();
    assert.deepEqual(await places(), [names([0, 2]), names([1, 3])]);
    cloud = await stack.cloud();
    cloudOf.expectKnown(await known(), names([0, 1, 2, 3]));
    await stack.expectNoChanges();
  });

  it("runs a server on each host, with ports that are bound and wired", async () => {
    servers = [
      await cloudOf.boot(cloud, "first", "compute-0"),
      await cloudOf.boot(cloud, "second", "compute-1"),
    ];
    const [first, other] = servers;
    assert.ok(first && other);
    await cloudOf.wired(cloud, first.id, here("compute-0"), "compute-0");
    await cloudOf.wired(cloud, other.id, there("compute-1"), "compute-1");
  });

  it("carries traffic from one host to the other, both ways", async () => {
    const both = servers.map(({ id }) => id);
    await cloudOf.pings(cloud, both, [here("compute-0"), there("compute-1")]);
    await cloudOf.pings(cloud, both.toReversed(), [there("compute-1"), here("compute-0")]);
  });

  it("touches only the difference when the number grows and falls", async () => {
    const before = await ids();
    await stack.configure({ computes: 6 });
    await stack.up();
    assert.deepEqual(await places(), [names([0, 2, 4]), names([1, 3, 5])]);
    await expectUntouched(before);
    cloudOf.expectKnown(await known(), names([0, 1, 2, 3, 4, 5]));
    await stack.configure({ computes: 3 });
    await stack.up();
    assert.deepEqual(await places(), [names([0, 2]), names([1])]);
    before.delete(here("compute-3"));
    await expectUntouched(before);
    cloudOf.expectKnown(await known(), names([0, 1, 2]));
  });

  it("brings a compute back that was killed on the other host, with its server", async () => {
    await dockerOn(second.engine, "kill", here("compute-1"));
    const preview = await stack.pulumi("preview", "--stack", STACK);
    assert.match(preview, /container itest-hosts-compute-1 on second is exited/);
    await stack.up();
    const [, other] = servers;
    assert.ok(other);
    await cloudOf.wired(cloud, other.id, there("compute-1"), "compute-1");
    assert.equal((await cloudOf.server(cloud, other.id)).status, "ACTIVE");
    await stack.expectNoChanges();
  });

  it("takes a host's computes elsewhere when the host is to go, with their servers, and moves no other", async () => {
    const before = await ids();
    await stack.pulumi("config", "rm", "--path", "overcloud:hosts[1]", "--stack", STACK);
    await stack.up();
    assert.deepEqual(await places(), [names([0, 1, 2]), []]);
    await expectNoneInDocker(STACK, second.engine);
    before.delete(here("compute-1"));
    await expectUntouched(before);
    const [, other] = servers;
    assert.ok(other);
    await cloudOf.settled(cloud, other.id, "ACTIVE", "compute-1");
    await cloudOf.wired(cloud, other.id, here("compute-1"), "compute-1");
    cloudOf.expectKnown(await known(), names([0, 1, 2]));
  });

  it("leaves nothing on any host", async () => {
    await stack.configure({
      "hosts[1].name": "second",
      "hosts[1].docker": second.engine.docker,
      "hosts[1].certificates": second.engine.certificates,
    });
    await stack.up();
    assert.deepEqual(
      (await places()).map(({ length }) => length),
      [2, 1],
    );
    await stack.destroy();
    await expectNoneInDocker(STACK);
    await cloudOf.eventually(
      "nothing of the stack on the second host",
      30,
      () => leftovers(STACK, second.engine),
      (left) => Object.values(left).every(({ length }) => length === 0),
    );
  });
});
