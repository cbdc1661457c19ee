import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { SimulatedComputes } from "../../../components/compute/simulated-computes.ts";
import { deriveCredentials } from "../../../components/credentials/derive.ts";
import { ACCESS_FILES, accessFiles } from "../../../components/control-plane.ts";
import { makeControlPlane } from "../../../components/make-control-plane.ts";
import { CredentialSeed } from "../../../components/credentials/seed.ts";
import { specificationSchema } from "../../../components/step/specification.ts";
import type { Harvest } from "../../../components/tripleo/harvest.ts";
import { planPassage } from "../../../components/tripleo/passage.ts";
import { record, valueOf, type Registration } from "../../support/pulumi.ts";
import { settingsOf } from "../../support/settings.ts";

const COMMAND = "command:local:Command";
const CONTAINER = "docker:index/container:Container";
const DOMAIN = "libvirt:index/domain:Domain";

const SEED = "0123456789abcdefghijklmnopqrstuvwxyz";
const credentials = deriveCredentials(SEED);
const OVERCLOUD_SECRET = "password-of-the-overcloud";
const EVERY_SECRET = [
  SEED,
  ...Object.values(credentials.passwords),
  credentials.bmcPassword,
  credentials.undercloudPassword,
  credentials.sshKey.privateKey,
  OVERCLOUD_SECRET,
];

const HARVEST: Harvest = {
  nova: `[DEFAULT]\ntransport_url=rabbit://guest:${OVERCLOUD_SECRET}@controller-0:5672/\n`,
  neutron: "",
  agent: "",
  hosts: "10.0.20.12 controller-0\n",
  ovnRemote: "tcp:10.0.20.12:6642",
};

/** What the providers answer. */
const outputs = (type: string, name: string): Record<string, unknown> => {
  if (type !== COMMAND) return {};
  const stdout: Record<string, unknown> = {
    credentials: SEED,
    "harvest-compute": HARVEST,
    "scale-down-guard": { leaving: [], departure: "" },
    "take-access": { authUrl: "http://10.0.10.12:5000/v3" },
    "wait-for-computes": { registered: 2, names: ["compute-0", "compute-1"] },
  };
  return { stdout: JSON.stringify(stdout[name] ?? {}) };
};

async function build(
  raw: Record<string, unknown> = {},
  preview = false,
  epoch = "1",
  results: Record<string, unknown> = {},
) {
  const settings = settingsOf({
    names: "lab",
    controlPlane: "tripleo",
    computes: 2,
    libvirt: { domainType: "qemu", image: { source: "/images/node.qcow2" } },
    infrared: {
      undercloud: { imagesUrl: "file:///images" },
      preUndercloud: { playbook: "/playbooks/hook.yml" },
    },
    ...raw,
  });
  const { resources, value } = await record(
    preview,
    async () => {
      const outputDirectory = "/out/lab";
      const seed = new CredentialSeed("credentials", { directory: `${outputDirectory}/logs` });
      const controlPlane = await makeControlPlane("control-plane", {
        settings,
        stack: "lab",
        imageId: "sha256:image",
        credentials: seed.credentials,
        outputDirectory,
        epoch,
      });
      const computes = new SimulatedComputes(
        "computes",
        {
          settings,
          stack: "lab",
          imageId: "sha256:image",
          networkName: controlPlane.networkName,
          connection: controlPlane.computeConnection,
          cloud: controlPlane.cloud,
          mapHosts: controlPlane.mapHosts,
          outputDirectory,
          epoch,
          controlPlane,
        },
        { dependsOn: [controlPlane.ready] },
      );
      return { controlPlane, computes };
    },
    (type, name) =>
      name in results ? { stdout: JSON.stringify(results[name]) } : outputs(type, name),
  );
  const of = (type: string) => resources.filter((each) => each.type === type);
  const the = (type: string, name: string) =>
    of(type).find((each) => each.name === name) ?? assert.fail(`no ${type} ${name}`);
  const byUrn = new Map(resources.map((each) => [each.urn, each]));
  /** Everything that comes before a resource: what it or a component around it depends on, and what that depends on. */
  const before = (resource: Registration, seen = new Set<string>()): Set<string> => {
    const parent = byUrn.get(resource.parent);
    if (parent) before(parent, seen);
    for (const urn of resource.dependencies.filter((each) => !seen.has(each))) {
      seen.add(urn);
      const found = byUrn.get(urn);
      if (found) before(found, seen);
    }
    return seen;
  };
  const isBefore = (first: string, then: string) =>
    before(the(COMMAND, then)).has(the(COMMAND, first).urn);
  return { ...value, settings, resources, of, the, before, isBefore };
}

const parentOf = ({ parent }: Registration) => parent.split("::").at(-1);

/** The action that a step's command runs when it is created. */
const actionOf = ({ inputs }: Registration) =>
  specificationSchema.parse(JSON.parse(inputs["create"] as string)).action;

describe("a TripleO control plane", () => {
  let stack: Awaited<ReturnType<typeof build>>;
  before(async () => {
    stack = await build();
  });

  it("reads like a table of contents", () => {
    const inside = (parent: string) =>
      stack.resources
        .filter((each) => parentOf(each) === parent && each.type !== COMMAND)
        .map(({ type, name }) => `${type.split(":").at(-1)} ${name}`)
        .sort();
    assert.deepEqual(inside("control-plane"), [
      "Container passage-keeper",
      "InfraredUndercloud undercloud",
      "InfraredWorkspace infrared",
      "LibvirtTopology topology",
      "Network control-plane-network",
      "Overcloud overcloud",
      "Step harvest-compute",
      "Step rebuild_vms",
      "Step routes-to-overcloud",
      "Step take-access",
      "TripleoFiles files",
      "VirtualBmc virtual-bmc",
    ]);
    assert.deepEqual(inside("undercloud"), ["Step deploy_undercloud", "Step pre_undercloud"]);
    assert.deepEqual(inside("overcloud"), [
      "Step build_heat_config",
      "Step create_flavors",
      "Step create_instackenv",
      "Step gen_ssh_key",
      "Step introspect_nodes",
      "Step overcloud-vars",
      "Step prepare_containers",
      "Step run_deploy_overcloud",
      "Step setup_vlan",
      "Step tune_undercloud",
    ]);
    const urns = stack.resources.map(({ urn }) => urn);
    assert.equal(new Set(urns).size, urns.length);
  });

  it("has a machine for each node, the computes' containers, and the one that keeps the way to them", () => {
    assert.deepEqual(
      stack
        .of(DOMAIN)
        .map(({ name }) => name)
        .sort(),
      ["compute-0", "controller-0", "controller-1", "controller-2", "undercloud-0"],
    );
    assert.deepEqual(
      stack
        .of(CONTAINER)
        .map(({ name }) => name)
        .sort(),
      ["compute-0", "compute-1", "passage-keeper"],
    );
  });

  it("goes from machines to the undercloud, from there to the overcloud, and then to computes", () => {
    for (const [first, then] of [
      ["install_infrared", "setup_infrared_env"],
      ["setup_infrared_env", "pre_undercloud"],
      ["wait-for-undercloud-0", "pre_undercloud"],
      ["pre_undercloud", "deploy_undercloud"],
      ["deploy_undercloud", "gen_ssh_key"],
      ["deploy_undercloud", "create_instackenv"],
      ["tripleo-files", "create_instackenv"],
      ["compute-0-bmc", "introspect_nodes"],
      ["create_instackenv", "introspect_nodes"],
      ["introspect_nodes", "create_flavors"],
      ["create_flavors", "run_deploy_overcloud"],
      ["prepare_containers", "run_deploy_overcloud"],
      ["run_deploy_overcloud", "take-access"],
      ["run_deploy_overcloud", "harvest-compute"],
      ["take-access", "routes-to-overcloud"],
      ["harvest-compute", "routes-to-overcloud"],
      ["routes-to-overcloud", "scale-down-guard"],
      ["routes-to-overcloud", "wait-for-computes"],
    ] as const) {
      assert.ok(stack.isBefore(first, then), `${first} before ${then}`);
      assert.ok(!stack.isBefore(then, first), `${then} before ${first}`);
    }
  });

  it("lets steps that do not need each other run side by side", () => {
    for (const [one, other] of [
      ["install_infrared", "wait-for-undercloud-0"],
      ["setup_vlan", "introspect_nodes"],
      ["prepare_containers", "build_heat_config"],
      ["take-access", "harvest-compute"],
    ] as const) {
      assert.ok(!stack.isBefore(one, other) && !stack.isBefore(other, one), `${one}, ${other}`);
    }
  });

  it("starts computes after the routes to what they reach", () => {
    const { urn } = stack.the(COMMAND, "routes-to-overcloud");
    const computes = stack.of(CONTAINER).filter(({ name }) => name.startsWith("compute-"));
    assert.equal(computes.length, 2);
    for (const container of computes) assert.ok(stack.before(container).has(urn));
  });

  it("takes computes out of the cloud when they go, and not when the cloud goes", () => {
    const { urn } = stack.the("overcloud:index:TripleoControlPlane", "control-plane");
    assert.equal(stack.the(COMMAND, "registration").deletedWith, urn);
  });

  it("gives computes what a real one has, and keeps it secret", async () => {
    const { nova, ovnRemote, hosts } = await valueOf(stack.controlPlane.computeConnection);
    assert.match(nova["/etc/nova/nova.conf.d/40-overcloud.conf"] ?? "", /rabbit:\/\//);
    assert.equal(ovnRemote, HARVEST.ovnRemote);
    assert.deepEqual(hosts, [{ host: "controller-0", ip: "10.0.20.12" }]);
    assert.equal(await pulumi.isSecret(stack.controlPlane.computeConnection), true);
    const { secretOutputs, inputs } = stack.the(COMMAND, "harvest-compute");
    assert.deepEqual(secretOutputs.toSorted(), ["stderr", "stdout"]);
    assert.equal(inputs["logging"], "none");
  });

  it("says where the cloud answers", async () => {
    assert.deepEqual(await valueOf(pulumi.output(stack.controlPlane.endpoints)), {
      keystone: "http://10.0.10.12:5000/v3",
    });
  });

  for (const preview of [true, false]) {
    it(`shows no secret to who reads its ${preview ? "plan" : "state"}`, async () => {
      const { resources } = preview ? await build({}, true) : stack;
      for (const { readable, name } of resources) {
        for (const secret of EVERY_SECRET) assert.ok(!readable.includes(secret), name);
      }
    });
  }

  it("has steps that the runner takes, with names of their own and no argument from secrets", () => {
    const names = stack.of(COMMAND).map(({ name, inputs, secrets }) => {
      const text = (inputs["create"] ?? inputs["delete"]) as string;
      const specification = specificationSchema.parse(JSON.parse(text));
      assert.equal(specification.directory, "/out/lab/logs");
      for (const key of ["create", "delete", "environment"]) {
        assert.ok(!secrets.includes(key), `${name} ${key}`);
      }
      return specification.name;
    });
    assert.equal(new Set(names).size, names.length);
  });

  it("removes its folder last: other removals log to it", () => {
    const { urn } = stack.the(COMMAND, "tripleo-files");
    const removing = stack.of(COMMAND).filter(({ inputs }) => inputs["delete"] !== undefined);
    for (const each of removing.filter(({ name }) => name !== "tripleo-files")) {
      assert.ok(stack.before(each).has(urn), each.name);
    }
  });

  it("has the passage to the overcloud made by a step, kept by a container that ends first, and removed by the step", () => {
    const { inputs, urn } = stack.the(COMMAND, "routes-to-overcloud");
    const [set, removed] = [inputs["create"], inputs["delete"]].map((text) =>
      specificationSchema.parse(JSON.parse(text as string)),
    );
    assert.deepEqual([set?.argv?.at(-1), removed?.argv?.at(-1)], ["set", "remove"]);
    const passage = planPassage(stack.settings, "lab");
    assert.deepEqual(set?.environment, passage);
    assert.deepEqual(removed?.environment, passage);
    const keeper = stack.the(CONTAINER, "passage-keeper");
    assert.ok(stack.before(keeper).has(urn));
    assert.deepEqual(
      keeper.inputs["envs"],
      Object.entries(passage ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
    assert.deepEqual(
      [keeper.inputs["networkMode"], keeper.inputs["restart"], keeper.inputs["capabilities"]],
      ["host", "unless-stopped", { drops: ["ALL"], adds: ["CAP_NET_ADMIN", "CAP_NET_RAW"] }],
    );
  });

  it("tells computes where their tunnels lead", () => {
    for (const index of [0, 1]) {
      const envs = stack.the(CONTAINER, `compute-${index}`).inputs["envs"] as string[];
      assert.ok(envs.includes("OVERCLOUD_TUNNEL_GATEWAY=10.79.16.1"));
      assert.ok(
        envs.includes(
          "OVERCLOUD_TUNNEL_NETWORKS=10.0.10.0/24 10.0.20.0/24 10.0.30.0/24 10.0.40.0/24 10.0.50.0/24",
        ),
      );
    }
  });
});

describe("steps that are left out", () => {
  it("stay as they were, the others run", async () => {
    const { the, of } = await build({ skip: ["pre_undercloud", "create_flavors"] });
    for (const name of ["pre_undercloud", "create_flavors"]) {
      const left = the(COMMAND, name);
      assert.equal(actionOf(left), "step/skipped");
      for (const key of ["create", "environment"]) assert.ok(left.ignoreChanges.includes(key));
    }
    const skipped = of(COMMAND).filter(
      (each) => each.inputs["create"] !== undefined && actionOf(each) === "step/skipped",
    );
    assert.equal(skipped.length, 2);
  });

  it("are what `steps` does not name", async () => {
    const { the } = await build({ steps: ["tune_undercloud"], computes: 0 });
    assert.equal(actionOf(the(COMMAND, "tune_undercloud")), "overcloud/play");
    for (const name of [
      ...["deploy_undercloud", "setup_vlan", "run_deploy_overcloud"],
      ...["take-access", "harvest-compute", "routes-to-overcloud"],
    ]) {
      assert.equal(actionOf(the(COMMAND, name)), "step/skipped", name);
    }
  });

  it("give access to an overcloud that is deployed without simulated computes", async () => {
    const { the } = await build({ skip: ["simulate_compute_node"], computes: 0 });
    assert.equal(actionOf(the(COMMAND, "take-access")), "tripleo/access");
    assert.equal(actionOf(the(COMMAND, "harvest-compute")), "step/skipped");
  });

  it("are not missed on the machine", () => {
    const expected = (raw: Record<string, unknown>) => {
      const settings = settingsOf({ controlPlane: "tripleo", ...raw });
      return { files: accessFiles(settings), passage: planPassage(settings, "lab") !== undefined };
    };
    assert.deepEqual(expected({}), { files: ACCESS_FILES, passage: true });
    assert.deepEqual(expected({ computes: 0 }), { files: ACCESS_FILES, passage: false });
    assert.deepEqual(expected({ skip: ["simulate_compute_node"] }), {
      files: ACCESS_FILES,
      passage: false,
    });
    assert.deepEqual(expected({ steps: ["setup_vms"] }), {
      files: ["inventory.yml"],
      passage: false,
    });
    // A standalone cloud has no steps to leave out.
    const standalone = settingsOf({ steps: ["setup_vms"] });
    assert.deepEqual(accessFiles(standalone), ACCESS_FILES);
    assert.equal(planPassage(standalone, "lab"), undefined);
  });

  it("leave nothing behind for what comes after them to trip over", async () => {
    const outputsOfNothing = {
      "harvest-compute": { skipped: true },
      "take-access": { skipped: true },
    };
    const { controlPlane } = await build(
      { steps: ["build_vms"], computes: 0 },
      false,
      "1",
      outputsOfNothing,
    );
    assert.deepEqual(await valueOf(pulumi.output(controlPlane.endpoints)), {});
    assert.deepEqual(await valueOf(controlPlane.computeConnection), { nova: {}, agent: {} });
  });
});

describe("another deployment", () => {
  it("has access and a compute's configuration taken again", async () => {
    const [one, two] = [await build(), await build({ overcloud: { debug: false } })];
    for (const name of ["run_deploy_overcloud", "take-access", "harvest-compute"]) {
      const rerunOn = (from: typeof one) => from.the(COMMAND, name).inputs["environment"];
      assert.notDeepEqual(rerunOn(one), rerunOn(two), name);
    }
  });
});

describe("another number of simulated computes", () => {
  it("changes what is about computes, and the inventory, and nothing else", async () => {
    const [few, many] = [await build({ computes: 1 }), await build({ computes: 2 })];
    const text = ({ inputs }: Registration) => JSON.stringify(inputs);
    const changed = few.resources.filter(
      (each) => text(each) !== text(many.the(each.type, each.name)),
    );
    assert.deepEqual(changed.map(({ name }) => name).sort(), [
      "registration",
      "scale-down-guard",
      "tripleo-files",
      "wait-for-computes",
    ]);
  });
});

describe("rebuild_vms", () => {
  const commandOf = async (rebuildVms: string) => {
    const { the } = await build({ confirm: { rebuildVms } });
    return the(COMMAND, "rebuild_vms");
  };

  it("keeps what was confirmed before while nothing is", async () => {
    assert.ok((await commandOf("")).ignoreChanges.includes("create"));
  });

  it("acts on each new value", async () => {
    const [one, two] = [await commandOf("one"), await commandOf("two")];
    assert.deepEqual(one.ignoreChanges, []);
    assert.notEqual(one.inputs["create"], two.inputs["create"]);
  });
});
