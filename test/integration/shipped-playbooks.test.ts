import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { z } from "zod";
import { novaServices } from "../../components/openstack/compute.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { runPlaybook } from "../../tools/playbook.ts";
import { docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { eventually } from "../support/cloud.ts";
import { placeOf } from "../support/places.ts";

const STACK = "itest-shipped";
const stack = new ScratchStack(STACK);
const RESULTS = join(PROJECT_DIRECTORY, "output", STACK, "results");
const LOG = join(PROJECT_DIRECTORY, "output", `${STACK}-playbooks.log`);
let cloud: OpenStackClient;

const percentiles = z.object({
  count: z.number(),
  p50: z.number().nullable(),
  p90: z.number().nullable(),
  p95: z.number().nullable(),
  p99: z.number().nullable(),
  max: z.number().nullable(),
});

const documentSchema = z.strictObject({
  playbook: z.string(),
  started: z.iso.datetime(),
  finished: z.iso.datetime(),
  seconds: z.number().positive(),
  parameters: z.record(z.string(), z.unknown()),
  results: z.record(z.string(), z.unknown()),
  failures: z.array(z.strictObject({ what: z.string(), message: z.string() })),
});

const outageSchema = z.object({
  brokenSeconds: z.number(),
  recovery: percentiles,
  services: z.record(
    z.string(),
    z.object({
      detectionSeconds: z.number().nullable(),
      recoverySeconds: z.number(),
      downtimeSeconds: z.number(),
    }),
  ),
});

async function play(path: string, extraVars: Record<string, unknown>) {
  const said: string[] = [];
  const status = await runPlaybook({
    stack: STACK,
    path,
    extraVars,
    log: LOG,
    complain: (sentence) => said.push(sentence),
  });
  return { status, said: said.join("\n") };
}

/** Runs a playbook that has to work, and reads its result file. */
async function result(name: string, extraVars: Record<string, unknown> = {}) {
  const { status, said } = await play(name, extraVars);
  assert.equal(status, 0, `${name}: ${said} (log: ${LOG})`);
  const found = documentSchema.parse(
    JSON.parse(readFileSync(join(RESULTS, `${name}.json`), "utf8")),
  );
  assert.equal(found.playbook, name);
  assert.deepEqual(found.failures, []);
  return found;
}

async function refused(name: string, extraVars: Record<string, unknown>): Promise<string> {
  const { status, said } = await play(name, extraVars);
  assert.notEqual(status, 0, name);
  assert.equal(said.split("\n").length, 1, said);
  return said;
}

const serversSchema = z.object({
  servers: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      status: z.string(),
      "OS-EXT-SRV-ATTR:host": z.string().nullable(),
    }),
  ),
});

const servers = async (query = "") =>
  (await cloud.get("compute", `/servers/detail?all_tenants=1${query}`, serversSchema)).servers;

const computes = async () =>
  Object.fromEntries(
    (await novaServices(cloud, { binary: "nova-compute" })).map(({ host, state, status }) => [
      host,
      { state, status },
    ]),
  );

const named = async (path: string, key: string) => {
  const answer = await cloud.get("network", path, z.record(z.string(), z.unknown()));
  return z.array(z.object({ name: z.string() })).parse(answer[key]);
};

const state = (service: string) =>
  docker("inspect", "--format", "{{.State.Status}}", `${STACK}-${service}`);

describe("the playbooks that ship, against a standalone cloud", { timeout: 40 * 60_000 }, () => {
  before(async () => {
    rmSync(LOG, { force: true });
    await stack.create({
      computes: 3,
      "compute.reportIntervalSeconds": 2,
      "compute.downTimeSeconds": 10,
      ...placeOf("shipped-playbooks").settings,
    });
    await stack.up();
    cloud = await stack.cloud();
  });

  after(async () => {
    await stack.remove();
  });

  it("boot_servers boots what is missing, measures every phase, and boots nothing twice", async () => {
    const schema = z.object({
      created: z.number(),
      existing: z.number(),
      phases: z.record(z.string(), percentiles),
      spread: z.record(z.string(), z.number()),
    });
    const wanted = { count: 3, concurrency: 2, placing: "even" };
    const first = schema.parse((await result("boot_servers", wanted)).results);
    assert.equal(first.created, 3);
    assert.deepEqual(first.spread, { "compute-0": 1, "compute-1": 1, "compute-2": 1 });
    const { accepted, active, portActive } = first.phases;
    assert.deepEqual([accepted?.count, active?.count, portActive?.count], [3, 3, 3]);
    assert.ok((accepted?.max ?? 0) > 0 && (accepted?.max ?? 0) < (active?.max ?? 0));

    const before = await servers();
    assert.deepEqual(
      before.map(({ status }) => status),
      ["ACTIVE", "ACTIVE", "ACTIVE"],
    );
    const second = await result("boot_servers", { count: 3 });
    assert.equal(second.parameters["count"], 3);
    const { created, existing } = schema.parse(second.results);
    assert.deepEqual([created, existing], [0, 3]);
    assert.deepEqual(await servers(), before);
  });

  it("live_migrate drains a compute, and has it take servers again", async () => {
    const drained = await result("live_migrate", { compute: "compute-0" });
    const counts = z
      .object({ migrated: z.number(), serversLeft: z.number(), migration: percentiles })
      .parse(drained.results);
    assert.deepEqual([counts.migrated, counts.serversLeft, counts.migration.count], [1, 0, 1]);
    assert.deepEqual(await servers("&host=compute-0"), []);
    assert.equal((await computes())["compute-0"]?.status, "disabled");
    await result("live_migrate", { compute: "compute-0", state: "absent" });
    assert.equal((await computes())["compute-0"]?.status, "enabled");
  });

  it("live_migrate shuffles servers at a rate", async () => {
    const shuffled = await result("live_migrate", {
      mode: "shuffle",
      servers: "boot-",
      seconds: 4,
      rate_per_minute: 30,
    });
    const { planned, migrated, skipped } = z
      .object({ planned: z.number(), migrated: z.number(), skipped: z.number() })
      .parse(shuffled.results);
    assert.equal(planned, 2);
    assert.equal(migrated + skipped, 2);
    assert.ok(migrated > 0);
  });

  it("churn makes things come and go, and leaves nothing", async () => {
    const churned = await result("churn", {
      kinds: ["server", "port", "network"],
      seconds: 6,
      rate_per_minute: 60,
      lifetime_seconds: 1,
    });
    const { begun, succeeded, operations } = z
      .object({
        begun: z.number(),
        succeeded: z.number(),
        operations: z.record(z.string(), percentiles.extend({ errors: z.number() })),
      })
      .parse(churned.results);
    assert.deepEqual([begun, succeeded], [6, 6]);
    for (const name of ["serverCreateCall", "serverActive", "serverGone", "portCreate"]) {
      assert.equal(operations[name]?.count, 2, name);
    }
    assert.equal((await servers()).length, 3);
    const left = [
      ...(await named("/v2.0/ports?fields=name", "ports")),
      ...(await named("/v2.0/networks?fields=name", "networks")),
    ].filter(({ name }) => name.startsWith("churn-"));
    assert.deepEqual(left, []);
  });

  for (const way of ["kill", "cut"]) {
    it(`fail_compute sees a compute that is broken (${way}) down, and up again with its servers`, async () => {
      const failed = await result("fail_compute", { computes: "compute-1", way });
      const { services, brokenSeconds } = outageSchema.parse(failed.results);
      const compute = services["nova-compute@compute-1"];
      // Nova's limit is ten seconds, of which up to two had passed since the last report.
      assert.ok((compute?.detectionSeconds ?? 0) > 7, JSON.stringify(compute));
      assert.ok((compute?.downtimeSeconds ?? 0) >= brokenSeconds);
      assert.ok("ovn-controller@compute-1" in services);
      assert.equal((await computes())["compute-1"]?.state, "up");
      assert.ok((await servers()).every(({ status }) => status === "ACTIVE"));
    });
  }

  it("fail_service says which APIs did not answer, and for how long", async () => {
    const failed = await result("fail_service", { services: "glance", way: "kill", seconds: 4 });
    const { apis, brokenSeconds } = outageSchema
      .extend({
        apis: z.record(
          z.string(),
          z.object({ failed: z.number(), downtimeSeconds: z.number(), latency: percentiles }),
        ),
      })
      .parse(failed.results);
    assert.ok(brokenSeconds >= 4);
    assert.ok((apis["glance"]?.downtimeSeconds ?? 0) >= 3, JSON.stringify(apis["glance"]));
    assert.equal(apis["placement"]?.failed, 0);
    assert.ok((apis["nova"]?.latency.count ?? 0) > 3);
    assert.equal(await state("glance"), "running");
  });

  it("fail_service has paused services go on, and knows when they were heard of again", async () => {
    const failed = await result("fail_service", {
      services: "nova-scheduler,nova-conductor",
      way: "pause",
      seconds: 3,
    });
    const { services } = outageSchema.parse(failed.results);
    assert.ok((services["nova-scheduler@nova-scheduler"]?.recoverySeconds ?? 0) > 0);
    assert.equal(await state("nova-conductor"), "running");
  });

  it("tune_control_plane sets options, tells old and new, changes nothing twice, takes back", async () => {
    const schema = z.object({
      restarted: z.array(z.string()),
      services: z.record(z.string(), z.array(z.record(z.string(), z.string().nullable()))),
    });
    const workers = async () =>
      (await docker("top", `${STACK}-nova-conductor`)).match(/bin\/nova-conductor$/gm)?.length;
    const one = await workers();
    const tunings = [
      { service: "nova-conductor", section: "conductor", option: "workers", value: 2 },
    ];
    const first = schema.parse((await result("tune_control_plane", { tunings })).results);
    assert.deepEqual(first.restarted, ["nova-conductor"]);
    assert.deepEqual(first.services["nova-conductor"], [
      { section: "conductor", option: "workers", before: "1", after: "2" },
    ]);
    // Two workers have a parent, one is alone.
    assert.equal(await workers(), (one ?? 0) + 2);
    const second = schema.parse((await result("tune_control_plane", { tunings })).results);
    assert.deepEqual(second.restarted, []);
    const back = schema.parse((await result("tune_control_plane", { state: "absent" })).results);
    assert.deepEqual(back.restarted, ["nova-conductor"]);
    assert.equal(await workers(), one);
  });

  it("upgrade_check finds checks, sizes, versions", async () => {
    const looked = await result("upgrade_check", { sample_seconds: 2 });
    const found = z
      .object({
        novaStatus: z.object({
          outcome: z.string(),
          checks: z.array(z.object({ check: z.string() })),
        }),
        database: z.object({
          version: z.string(),
          databases: z.record(z.string(), z.object({ bytes: z.number() })),
          tables: z.array(z.object({ table: z.string(), rows: z.number().nullable().optional() })),
          running: z.object({ samples: z.number() }),
        }),
        ovn: z.record(z.string(), z.object({ bytes: z.number() })),
        versions: z.record(z.string(), z.record(z.string(), z.string())),
      })
      .parse(looked.results);
    assert.match(found.novaStatus.outcome, /^(success|warning)$/);
    assert.ok(found.novaStatus.checks.some(({ check }) => check === "Cells v2"));
    for (const name of ["keystone", "nova", "nova_api", "neutron", "placement", "glance"]) {
      assert.ok((found.database.databases[name]?.bytes ?? 0) > 0, name);
    }
    assert.ok((found.database.tables[0]?.rows ?? 0) > 0);
    assert.ok(found.database.running.samples >= 20);
    assert.ok((found.ovn["ovn-sb-db"]?.bytes ?? 0) > 1000);
    assert.match(found.versions["nova-api"]?.["python3-nova"] ?? "", /\d/);
    const text = readFileSync(LOG, "utf8") + JSON.stringify(looked);
    const { cloudsYaml } = await stack.outputs();
    const [, password = ""] = /password: (\S+)/.exec(readFileSync(cloudsYaml, "utf8")) ?? [];
    assert.ok(password.length > 8 && !text.includes(password));
  });

  it("the template runs as it is and cleans up", async () => {
    const { status, said } = await play("template", { servers: 1 });
    assert.equal(status, 0, said);
    assert.deepEqual((await servers()).map(({ name }) => name).sort(), [
      "boot-0000",
      "boot-0001",
      "boot-0002",
    ]);
  });

  it("boot_servers removes its group, and only that", async () => {
    await result("boot_servers", { state: "absent" });
    assert.deepEqual(await servers(), []);
    await result("boot_servers", { state: "absent" });
  });

  for (const [what, name, extraVars, expected] of [
    ["numbers out of range", "boot_servers", { count: 0 }, /count is 0, and must be .* 1 to 10000/],
    [
      "an unknown flavor",
      "boot_servers",
      { flavor: "huge" },
      /no flavor named huge; there is: tiny/,
    ],
    ["an unknown compute", "live_migrate", { compute: "compute-9" }, /compute-9 is no compute/],
    [
      "a compute that is no host",
      "fail_compute",
      { computes: "compute-9" },
      /matches no simulated/,
    ],
    ["a service that is no host", "fail_service", { services: "cinder" }, /matches no service/],
    ["nothing to tune", "tune_control_plane", {}, /tunings is empty/],
    ["an unreachable cloud", "churn", { os_cloud: "nobody" }, /nobody/],
  ] as const) {
    it(`refuses ${what} in one sentence`, async () => {
      assert.match(await refused(name, extraVars), expected);
    });
  }

  it("breaks and restores services of a node, which s6 supervises", async () => {
    const node = `${STACK}-node`;
    const folder = "/run/service/nova-api";
    // A service with a child, as those with workers are.
    const setUp = [
      `mkdir -p ${folder}`,
      `printf '#!/bin/sh\nsleep 1000 &\nwhile :; do sleep 1; done\n' > ${folder}/run`,
      `chmod +x ${folder}/run`,
      "exec s6-svscan /run/service",
    ].join("\n");
    const image = await docker("inspect", "--format", "{{.Image}}", `${STACK}-nova-api`);
    const label = `overcloud.stack=${STACK}`;
    await docker(
      ...["run", "--detach", "--rm", "--name", node, "--label", label, "--entrypoint", "sh"],
      ...[image, "-c", setUp],
    );
    const script = readFileSync(
      join(PROJECT_DIRECTORY, "playbooks/roles/disturb/files/node.sh"),
      "utf8",
    );
    const disturb = async (verb: string, way: string) => {
      const argv = ["exec", "--interactive", node, "sh", "-s", "--", verb, way, folder];
      return (await execa("docker", argv, { input: script, timeout: 60_000 })).stdout;
    };
    const seen = async () => {
      const status = await docker("exec", node, "s6-svstat", "-o", "up,pid", folder);
      const [up = "", pid = ""] = status.split(" ");
      if (up !== "true") return "down";
      const stat = await docker("exec", node, "cat", `/proc/${pid}/stat`);
      return /\) T/.test(stat) ? "still" : "running";
    };
    try {
      await eventually(
        "the service",
        30,
        () => seen().catch(() => ""),
        (is) => is === "running",
      );
      assert.equal(await disturb("break", "kill"), "changed");
      await eventually("the service ended", 10, seen, (is) => is === "down");
      await sleep(1500);
      assert.equal(await seen(), "down", "it stays away");
      assert.equal(await disturb("restore", "kill"), "changed");
      await eventually("the service again", 10, seen, (is) => is === "running");
      assert.equal(await disturb("restore", "kill"), "");
      await disturb("break", "pause");
      assert.equal(await seen(), "still");
      await disturb("restore", "pause");
      assert.equal(await seen(), "running");
      await assert.rejects(disturb("break", "cut"), /killed or paused, not cut off/);
    } finally {
      await docker("rm", "--force", node);
    }
  });

  it("nothing of it is a change to the stack", async () => {
    await stack.expectNoChanges();
  });
});
