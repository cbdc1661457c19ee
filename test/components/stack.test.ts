import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import path from "node:path";
import { before, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import { planComputes } from "../../components/compute/plan.ts";
import { COMPUTE_CAPABILITIES } from "../../components/compute/parent.ts";
import { SimulatedComputes } from "../../components/compute/simulated-computes.ts";
import { onlyCapabilities } from "../../components/container/confinement.ts";
import { deriveCredentials } from "../../components/credentials/derive.ts";
import { CredentialSeed } from "../../components/credentials/seed.ts";
import { OpenStackImage } from "../../components/image/openstack-image.ts";
import { makeControlPlane } from "../../components/make-control-plane.ts";
import { makePlaybooks } from "../../components/playbook/playbooks.ts";
import { planControlPlane } from "../../components/standalone/plan.ts";
import { nodeFilesSchema, nodeSeedSchema } from "../../components/node-image/seed.ts";
import { specificationSchema } from "../../components/step/specification.ts";
import { isUnknown, record, valueOf, type Registration } from "../support/pulumi.ts";
import { settingsOf } from "../support/settings.ts";

const CONTAINER = "docker:index/container:Container";
const VOLUME = "docker:index/volume:Volume";
const NETWORK = "docker:index/network:Network";
const COMMAND = "command:local:Command";

const SEED = "0123456789abcdefghijklmnopqrstuvwxyz";
const credentials = deriveCredentials(SEED);
const NODE_IMAGE = {
  disk: "/cache/disk",
  kernel: "/cache/kernel",
  initrd: "/cache/initrd",
  hash: "abc",
};
const EVERY_SECRET = [
  SEED,
  ...Object.values(credentials.passwords),
  ...Object.values(credentials.fernetKeys),
  ...Object.values(credentials.credentialKeys),
  ...Object.values(credentials.tlsKeys).map((pem) => pem.split("\n")[1] ?? ""),
];

/** What the providers answer. */
const outputs = (type: string, name: string): Record<string, unknown> => {
  if (type !== COMMAND) return {};
  if (name === "credentials") return { stdout: JSON.stringify(SEED) };
  if (name === "node-image") return { stdout: JSON.stringify(NODE_IMAGE) };
  if (name === "wait-for-computes") {
    return { stdout: '{"registered":1,"names":["compute-0"]}' };
  }
  if (name === "scale-down-guard") return { stdout: '{"leaving":[],"departure":""}' };
  return { stdout: "" };
};

const deployed = new Map<string, ReturnType<typeof build>>();

/** A whole stack, put together as index.ts does; the same one for the same settings. */
function deploy(raw: Record<string, unknown> = {}, preview = false): ReturnType<typeof build> {
  const key = JSON.stringify([{ computes: 2, networking: "ovn", ...raw }, preview]);
  const stack = deployed.get(key) ?? build(raw, preview);
  deployed.set(key, stack);
  return stack;
}

async function build(
  raw: Record<string, unknown>,
  preview: boolean,
  epoch = "1",
  results: Record<string, unknown> = {},
) {
  const settings = settingsOf({ names: "lab", computes: 2, ...raw });
  const { resources, value } = await record(
    preview,
    async () => {
      const outputDirectory = "/out/lab";
      const seed = new CredentialSeed("credentials", { directory: `${outputDirectory}/logs` });
      const controlPlane = await makeControlPlane(
        "control-plane",
        {
          settings,
          stack: "lab",
          imageId: "sha256:image",
          credentials: seed.credentials,
          outputDirectory,
          epoch,
        },
        { dependsOn: [seed] },
      );
      const computes = new SimulatedComputes(
        "computes",
        {
          settings,
          stack: "lab",
          imageId: "sha256:image",
          networkName: controlPlane.networkName,
          tunnelNetworkName: controlPlane.tunnelNetworkName,
          connection: controlPlane.computeConnection,
          cloud: controlPlane.cloud,
          mapHosts: controlPlane.mapHosts,
          unmapHosts: controlPlane.unmapHosts,
          outputDirectory,
          epoch,
          controlPlane,
        },
        { dependsOn: [controlPlane.ready] },
      );
      await makePlaybooks(
        { settings: settings.playbooks, controlPlane, outputDirectory, epoch },
        { dependsOn: [computes] },
      );
      return { seed, controlPlane, computes };
    },
    (type, name) =>
      name in results ? { stdout: JSON.stringify(results[name]) } : outputs(type, name),
  );
  const of = (type: string) => resources.filter((each) => each.type === type);
  const the = (type: string, name: string) =>
    of(type).find((each) => each.name === name) ?? assert.fail(`no ${type} ${name}`);
  /** What a resource waits for: what it or a component around it depends on. */
  const before = (resource: Registration): string[] => {
    const parent = resources.find(({ urn }) => urn === resource.parent);
    return [...resource.dependencies, ...(parent ? before(parent) : [])];
  };
  const endpoints = await valueOf(pulumi.output(value.controlPlane.endpoints));
  return { ...value, settings, resources, endpoints, of, the, before };
}

const typesOf = (resources: Registration[]) =>
  Object.fromEntries(
    [...Map.groupBy(resources, ({ type }) => type)].map(([type, each]) => [type, each.length]),
  );

const parentType = ({ parent }: Registration) => parent.split("::").at(-2)?.split("$").at(-1);

const labelsIn = ({ inputs }: Registration) =>
  Object.fromEntries(
    (inputs["labels"] as { label: string; value: string }[]).map(({ label, value }) => [
      label,
      value,
    ]),
  );

const isCompute = ({ name }: Registration) => name.startsWith("compute-");

/** The specifications that a step's command runs. */
function specificationsOf({ inputs }: Registration) {
  return (["create", "update", "delete"] as const).flatMap((key) =>
    inputs[key] === undefined
      ? []
      : [{ key, ...specificationSchema.parse(JSON.parse(inputs[key] as string)) }],
  );
}

for (const preview of [true, false]) {
  const mode = preview ? "preview" : "update";
  for (const networking of ["ovn", "ovs"]) {
    describe(`a stack with ${networking} in ${mode}`, () => {
      let stack: Awaited<ReturnType<typeof deploy>>;
      let resources: Registration[];
      const of = (type: string) => stack.of(type);
      const the = (type: string, name: string) => stack.the(type, name);
      before(async () => {
        stack = await deploy({ networking }, preview);
        resources = stack.resources;
      });

      it("is made of these resources", () => {
        assert.deepEqual(typesOf(resources), {
          "overcloud:index:CredentialSeed": 1,
          "overcloud:index:StandaloneControlPlane": 1,
          "overcloud:index:SimulatedComputes": 1,
          "overcloud:index:AccessFiles": 1,
          "overcloud:index:Step": 6,
          [COMMAND]: 8,
          [NETWORK]: 1,
          [VOLUME]: networking === "ovn" ? 5 : 3,
          [CONTAINER]: networking === "ovn" ? 15 : 12,
        });
        const names = resources.map(({ urn }) => urn);
        assert.equal(new Set(names).size, names.length);
      });

      it("reads like a table of contents", () => {
        const inside = (type: string) =>
          resources
            .filter((each) => parentType(each) === `overcloud:index:${type}`)
            .map(({ name }) => name)
            .sort();
        assert.deepEqual(inside("SimulatedComputes"), [
          "compute-0",
          "compute-1",
          "registration",
          "scale-down-guard",
          "wait-for-computes",
        ]);
        assert.deepEqual(inside("AccessFiles"), ["access-files", "inventory"]);
        assert.deepEqual(inside("CredentialSeed"), ["credentials"]);
        assert.deepEqual(inside("Step"), [
          "access-files",
          "first-objects",
          "inventory",
          "scale-down-guard",
          "wait-for-apis",
          "wait-for-computes",
        ]);
        for (const each of [...of(VOLUME), ...of(NETWORK)]) {
          assert.equal(parentType(each), "overcloud:index:StandaloneControlPlane", each.name);
        }
      });

      it("shows no secret to who reads its state or its plan", () => {
        for (const { readable, name } of resources) {
          for (const secret of EVERY_SECRET) assert.ok(!readable.includes(secret), name);
          assert.doesNotMatch(readable, /mysql\+pymysql|rabbit:\/\//, name);
        }
      });

      it("uploads files as secrets that root alone can read", () => {
        for (const each of of(CONTAINER)) {
          if (isUnknown(each.inputs["uploads"])) {
            assert.ok(preview, each.name); // Nothing is known of them before the seed is.
            continue;
          }
          assert.ok(each.secrets.includes("uploads"), each.name);
          for (const upload of each.inputs["uploads"] as Record<string, string>[]) {
            assert.equal(upload["permissions"], "0600");
            assert.ok(upload["file"]?.startsWith("/etc/"));
            assert.notEqual(upload["content"], "");
          }
        }
        const { inputs, secrets } = the(COMMAND, "access-files");
        assert.ok(preview ? isUnknown(inputs["stdin"]) : secrets.includes("stdin"));
        const { inputs: ofInventory } = the(COMMAND, "inventory");
        assert.match(String(ofInventory["stdin"]), /compute-1/);
      });

      it("labels all that docker makes with the stack and what it is", () => {
        for (const each of [...of(CONTAINER), ...of(VOLUME), ...of(NETWORK)]) {
          assert.equal(labelsIn(each)["overcloud.stack"], "lab", each.name);
        }
        for (const each of of(CONTAINER)) {
          assert.deepEqual(
            labelsIn(each),
            isCompute(each)
              ? {
                  "overcloud.stack": "lab",
                  "overcloud.role": "simulated-compute",
                  "overcloud.index": each.name.replace("compute-", ""),
                }
              : {
                  "overcloud.stack": "lab",
                  "overcloud.role": "control-plane",
                  "overcloud.service": each.name,
                },
          );
        }
      });

      it("publishes APIs on loopback and nothing else anywhere", () => {
        const published = of(CONTAINER).flatMap(
          ({ inputs }) => (inputs["ports"] ?? []) as { ip: string; external: number }[],
        );
        assert.deepEqual(
          published.map(({ external }) => external).sort((a, b) => a - b),
          [5000, 8774, 8778, 9292, 9696],
        );
        for (const { ip } of published) assert.equal(ip, "127.0.0.1");
        for (const { inputs, name } of of(CONTAINER)) {
          assert.equal(inputs["publishAllPorts"], undefined, name);
          assert.equal(inputs["networkMode"], undefined, name);
        }
      });

      it("gives containers named capabilities only, and no way to the host", () => {
        for (const each of of(CONTAINER)) {
          const { drops, adds } = each.inputs["capabilities"] as Record<string, string[]>;
          assert.deepEqual(drops, ["ALL"]);
          assert.deepEqual(
            adds?.map((name) => name.replace("CAP_", "")).sort(),
            isCompute(each)
              ? ["DAC_OVERRIDE", "NET_ADMIN", "NET_RAW", "SYS_NICE"]
              : each.name.startsWith("ovn-")
                ? []
                : ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"],
            each.name,
          );
          assert.deepEqual(each.inputs["securityOpts"], ["no-new-privileges:true"]);
          assert.deepEqual(
            (each.inputs["devices"] as { hostPath: string }[] | undefined)?.map((d) => d.hostPath),
            isCompute(each) ? ["/dev/net/tun"] : undefined,
          );
          for (const key of ["privileged", "pidMode", "ipcMode", "mounts"]) {
            assert.equal(each.inputs[key], undefined, `${each.name} ${key}`);
          }
          const volumes = (each.inputs["volumes"] ?? []) as Record<string, string>[];
          for (const volume of volumes) assert.equal(volume["hostPath"], undefined);
        }
      });

      it("gives sets in the provider's order, so that an update without change writes no state", () => {
        for (const { inputs, name } of of(CONTAINER)) {
          const { adds } = inputs["capabilities"] as { adds: string[] };
          // A preview does not know yet what a new control plane has computes told.
          const envs = Array.isArray(inputs["envs"]) ? (inputs["envs"] as string[]) : [];
          if (name.startsWith("compute-")) assert.equal(envs.length > 0, !preview, name);
          for (const set of [adds, inputs["securityOpts"] as string[], envs]) {
            assert.deepEqual(set, [...set].sort(), name);
          }
        }
      });

      it("has a root that can't be written to, wherever no file has to be put into it", () => {
        for (const { name, inputs } of of(CONTAINER)) {
          const given = inputs["uploads"];
          if (isUnknown(given)) continue;
          const writable = (given as unknown[]).length > 0;
          assert.equal(inputs["readOnly"], writable ? undefined : true, name);
          assert.equal(inputs["tmpfs"] === undefined, writable, name);
        }
      });

      it("limits what containers may log, and restarts them", () => {
        for (const { inputs, name } of of(CONTAINER)) {
          assert.equal(inputs["restart"], "unless-stopped", name);
          const { "max-size": size, "max-file": files } = inputs["logOpts"] as Record<
            string,
            string
          >;
          assert.ok(size && files, name);
          assert.ok((inputs["destroyGraceSeconds"] as number) > 0, name);
          assert.ok(inputs["mustRun"], name);
        }
      });

      it("puts each container at its address and under its name", () => {
        const { services } = planControlPlane(stack.settings);
        const planned = [...services, ...planComputes(stack.settings, "lab")];
        const found = of(CONTAINER).map(({ inputs }) => {
          const [network] = inputs["networksAdvanced"] as { name: string; ipv4Address: string }[];
          return [inputs["name"], network?.ipv4Address, network?.name].join(" ");
        });
        assert.deepEqual(
          found.sort(),
          planned.map(({ containerName, address }) => `${containerName} ${address} lab`).sort(),
        );
        const { inputs } = the(NETWORK, "control-plane-network");
        assert.deepEqual(inputs["ipamConfigs"], [{ subnet: "10.79.0.0/20", gateway: "10.79.0.1" }]);
      });

      it("waits for the health of what others need, and has them wait", () => {
        for (const { name, after, gates } of planControlPlane(stack.settings).services) {
          const { inputs, dependencies } = the(CONTAINER, name);
          assert.equal(inputs["wait"] ?? false, gates, name);
          for (const other of after) {
            assert.ok(dependencies.includes(the(CONTAINER, other).urn), `${name} on ${other}`);
          }
        }
      });

      it("asks of each service that reports when it was started", () => {
        const [wait] = specificationsOf(the(COMMAND, "wait-for-apis"));
        const asked = wait?.args["inspectReporting"] as string[];
        assert.deepEqual(asked.slice(-2), ["lab-nova-scheduler", "lab-nova-conductor"]);
      });

      it("keeps what the database refers to for longer than the database", () => {
        const volumes = of(VOLUME).filter(({ name }) => name !== "mariadb-data");
        const { dependencies } = the(VOLUME, "mariadb-data");
        for (const { urn, name } of volumes) assert.ok(dependencies.includes(urn), name);
      });

      it("keeps the seed of passwords for longer than what was made with them", () => {
        const { urn: seed } = the(COMMAND, "credentials");
        for (const volume of of(VOLUME))
          assert.ok(stack.before(volume).includes(seed), volume.name);
      });

      it("makes nothing that needs an API before the APIs answer", () => {
        const ready = the(COMMAND, "wait-for-apis");
        const { urn: access } = the(COMMAND, "access-files");
        for (const each of of(CONTAINER).filter((container) => !isCompute(container))) {
          assert.ok(stack.before(ready).includes(each.urn), each.name);
        }
        assert.ok(stack.before(ready).includes(access));
        // It is another with each number of computes, and no client of the cloud reads it.
        assert.ok(!stack.before(ready).includes(the(COMMAND, "inventory").urn));
        for (const name of ["first-objects", "scale-down-guard", "wait-for-computes"]) {
          assert.ok(stack.before(the(COMMAND, name)).includes(ready.urn), name);
        }
        for (const each of of(CONTAINER).filter(isCompute)) {
          assert.ok(stack.before(each).includes(ready.urn), each.name);
        }
      });

      it("starts a compute after the registration and the guard, and waits for all of them", () => {
        const guard = the(COMMAND, "scale-down-guard").urn;
        for (const index of [0, 1]) {
          const { dependencies } = the(CONTAINER, `compute-${index}`);
          assert.ok(dependencies.includes(the(COMMAND, "registration").urn));
          assert.ok(dependencies.includes(guard));
          assert.ok(
            the(COMMAND, "wait-for-computes").dependencies.includes(
              the(CONTAINER, `compute-${index}`).urn,
            ),
          );
        }
      });

      it("takes computes out of the cloud when they go, and not when the cloud goes", () => {
        const { urn } = the("overcloud:index:StandaloneControlPlane", "control-plane");
        const registration = the(COMMAND, "registration");
        assert.equal(registration.deletedWith, urn);
        const [specification, ...more] = specificationsOf(registration);
        assert.deepEqual(more, []);
        assert.equal(specification?.key, "delete");
        assert.equal(specification.action, "compute/deregister");
        const { inspectComputes, ...args } = specification.args ?? {};
        assert.deepEqual(args, {
          cloudsYaml: "/out/lab/clouds.yaml",
          cloud: "lab",
          computes: 2,
          unmapHosts: stack.controlPlane.mapHosts,
        });
        assert.match(JSON.stringify(inspectComputes), /docker ps --all .*role=simulated-compute/);
        const [departure] = registration.inputs["triggers"] as unknown[];
        assert.ok(preview ? isUnknown(departure) : departure === "");
      });

      it("has steps that the runner takes, with names of their own and no argument from secrets", () => {
        const names = of(COMMAND).map((each) => {
          const specifications = specificationsOf(each);
          assert.ok(specifications.length > 0, each.name);
          for (const { directory } of specifications) assert.equal(directory, "/out/lab/logs");
          for (const key of ["create", "delete", "environment"]) {
            assert.ok(!each.secrets.includes(key), `${each.name} ${key}`);
          }
          assert.deepEqual(each.inputs["interpreter"], ["node", "components/step/run.ts"]);
          const told = each.inputs["addPreviousOutputInEnv"];
          assert.equal(told, each.name === "scale-down-guard", each.name);
          return specifications[0]?.name;
        });
        assert.equal(new Set(names).size, of(COMMAND).length);
      });

      it("keeps the seed out of every log, and generates it once", () => {
        const { secretOutputs, inputs, ignoreChanges } = the(COMMAND, "credentials");
        assert.ok(secretOutputs.includes("stdout"));
        assert.equal(inputs["logging"], "none");
        assert.ok(ignoreChanges.includes("create"));
        assert.deepEqual(
          specificationsOf(the(COMMAND, "credentials")).map(({ key }) => key),
          ["create"],
        );
      });

      it("keeps volumes that were made before, on disks of their own", () => {
        for (const { ignoreChanges, name } of of(VOLUME)) {
          assert.deepEqual(ignoreChanges, ["driverOpts"], name);
        }
      });

      it("replaces containers one after the other: names and addresses are fixed", () => {
        for (const { deleteBeforeReplace, name } of [...of(CONTAINER), ...of(NETWORK)]) {
          assert.ok(deleteBeforeReplace, name);
        }
      });
    });
  }
}

describe("a stack whose APIs speak TLS", () => {
  const inputsOf = ({ resources }: Awaited<ReturnType<typeof deploy>>) =>
    new Map(resources.map(({ name, type, inputs }) => [`${type} ${name}`, inputs]));

  const hosts = [{ name: "here" }, { name: "there", docker: "unix:///run/there.sock" }];
  for (const raw of [
    {},
    { networking: "ovs" },
    { compute: { sharing: "forked" } },
    { hosts },
    { standalone: { placement: "node" } },
  ]) {
    it(`differs in what speaks or asks, and in nothing else (${JSON.stringify(raw)})`, async () => {
      const plain = inputsOf(await deploy(raw));
      const tls = inputsOf(await deploy({ ...raw, tls: true }));
      const changed = [...tls].flatMap(([key, inputs]) => {
        const before = plain.get(key) ?? {};
        const keys = new Set([...Object.keys(before), ...Object.keys(inputs)]);
        const different = [...keys].filter(
          (each) => !isDeepStrictEqual(before[each], inputs[each]),
        );
        return different.length > 0 ? [`${key.split(" ")[1]}: ${different.sort().join(" ")}`] : [];
      });
      const onNode = "standalone" in raw;
      const computes =
        "compute" in raw
          ? ["compute-0: envs", "compute-1: envs", "compute-parent: envs uploads"]
          : ["compute-0: uploads", "compute-1: uploads"];
      assert.deepEqual(
        changed.filter((each) => !/^(ca-certificate|wait-for|access-files)/.test(each)).sort(),
        onNode
          ? [
              ...computes,
              "controller-0-seed: name",
              "controller-0-seed: stdin",
              "controller-0: cloudinit",
            ]
          : [
              ...computes,
              "glance: healthcheck uploads",
              "keystone: healthcheck uploads",
              "neutron-server: healthcheck uploads",
              "nova-api: healthcheck uploads",
              "nova-conductor: uploads",
              "nova-scheduler: uploads",
              "placement: healthcheck uploads",
            ],
      );
    });
  }

  it("shows no key to who reads its state or its plan, on a preview or an update", async () => {
    for (const preview of [true, false]) {
      for (const placement of ["containers", "node"]) {
        const { resources } = await deploy({ tls: true, standalone: { placement } }, preview);
        for (const { readable, name } of resources) {
          for (const secret of EVERY_SECRET) assert.ok(!readable.includes(secret), name);
        }
      }
    }
  });

  it("has the certificate of its authority beside clouds.yaml, and removes it before the folder", async () => {
    const { the, before: waitsFor, controlPlane, endpoints } = await deploy({ tls: true });
    assert.equal(controlPlane.access.caCertificate, "/out/lab/ca.pem");
    for (const url of Object.values(endpoints)) assert.match(url, /^https:/);
    const certificate = the(COMMAND, "ca-certificate");
    const written = JSON.parse(certificate.inputs["stdin"] as string) as Record<string, string>;
    assert.ok(new X509Certificate(written["ca.pem"] ?? "").ca);
    assert.ok(waitsFor(certificate).includes(the(COMMAND, "access-files").urn));
    assert.deepEqual(
      specificationsOf(certificate).map(({ key, action }) => [key, action]),
      [
        ["create", "access/write"],
        ["delete", "access/forget"],
      ],
    );
  });
});

describe("what a component gives to others", () => {
  it("is secret where it holds passwords", async () => {
    const { seed, controlPlane } = await deploy();
    assert.equal(await pulumi.isSecret(seed.credentials), true);
    assert.equal(await pulumi.isSecret(controlPlane.computeConnection), true);
    assert.deepEqual(await valueOf(seed.credentials), credentials);
  });

  it("is secret even where whoever passed the credentials forgot to say so", async () => {
    const { resources, value } = await record(
      false,
      () =>
        makeControlPlane("control-plane", {
          settings: settingsOf(),
          stack: "lab",
          imageId: "sha256:image",
          credentials: pulumi.output(credentials),
          outputDirectory: "/out/lab",
          epoch: "1",
        }),
      outputs,
    );
    for (const { readable, name } of resources) {
      for (const secret of EVERY_SECRET) assert.ok(!readable.includes(secret), name);
    }
    assert.equal(await pulumi.isSecret(value.computeConnection), true);
  });

  it("is unknown in a preview, without failing", async () => {
    const { seed, computes } = await deploy({}, true);
    let known = false;
    for (const output of [seed.credentials, computes.hypervisors] as pulumi.Output<unknown>[]) {
      output.apply(() => (known = true));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(known, false);
  });

  it("is what the last step found", async () => {
    const { computes } = await deploy();
    assert.deepEqual(await valueOf(computes.hypervisors), { registered: 1, names: ["compute-0"] });
  });
});

describe("the number of computes", () => {
  const computesOf = async (computes: number) => {
    const { resources, of, the } = await deploy({ computes });
    const own = resources.filter(isCompute);
    return { own, the, containers: of(CONTAINER).filter(isCompute).length };
  };

  for (const count of [0, 1, 5]) {
    it(`is the number of containers, and what steps are told: ${count}`, async () => {
      const { own, containers, the } = await computesOf(count);
      assert.equal(containers, count);
      assert.equal(own.length, count);
      const [deregister] = specificationsOf(the(COMMAND, "registration"));
      assert.equal(deregister?.args["computes"], count);
      const [guard] = specificationsOf(the(COMMAND, "scale-down-guard"));
      const { listComputes, ...args } = guard?.args ?? {};
      assert.deepEqual(listComputes, deregister.args["inspectComputes"]);
      assert.deepEqual(args, {
        cloudsYaml: "/out/lab/clouds.yaml",
        cloud: "lab",
        computes: count,
        scaleDown: "refuse",
        marker: "/out/lab/scale-down.pending",
      });
      const [wait] = specificationsOf(the(COMMAND, "wait-for-computes"));
      assert.equal(wait?.args["computes"], count);
    });
  }

  it("has the registration, whose removal takes computes out, made anew when some leave and not otherwise", async () => {
    const triggers = async (computes: number, departure: string) => {
      const guarded = { "scale-down-guard": { leaving: [], departure } };
      const { the } = await build({ computes }, false, "1", guarded);
      return the(COMMAND, "registration").inputs["triggers"];
    };
    assert.deepEqual(await triggers(3, "then"), await triggers(1, "then"));
    assert.notDeepEqual(await triggers(1, "now"), await triggers(1, "then"));
  });

  it("does not take their stack from errors of whatever comes after", async () => {
    const limit = Error.stackTraceLimit;
    await deploy({ computes: 7 });
    assert.equal(Error.stackTraceLimit, limit);
    assert.match(new Error("later").stack ?? "", /stack\.test\.ts/);
  });

  it("changes nothing about computes that stay, but the guard and the wait run again", async () => {
    const few = await computesOf(2);
    const many = await computesOf(4);
    for (const before of few.own) {
      const after = many.own.find(({ urn }) => urn === before.urn);
      assert.deepEqual(after?.inputs, before.inputs, before.name);
    }
    for (const step of ["scale-down-guard", "wait-for-computes"]) {
      const inputs = (from: typeof few) => from.the(COMMAND, step).inputs["create"];
      assert.notEqual(inputs(few), inputs(many));
    }
  });
});

describe("a stack on two docker hosts", () => {
  const hosts = [
    { name: "here" },
    { name: "there", docker: "tcp://there:2376", certificates: "/certs" },
  ];
  const PROVIDER = "pulumi:providers:docker";
  const engine = { docker: "tcp://there:2376", certificates: "/certs" };
  let stack: Awaited<ReturnType<typeof deploy>>;
  before(async () => {
    stack = await deploy({ hosts, computes: 4 });
  });

  it("makes the computes of the other host there, and everything else here", () => {
    const [{ urn, inputs, name } = assert.fail("no provider"), ...more] = stack.of(PROVIDER);
    assert.deepEqual(more, []);
    assert.equal(name, "docker-there");
    assert.equal(inputs["host"], "tcp://there:2376");
    assert.equal(inputs["certPath"], "/certs");
    const elsewhere = stack.resources.filter(({ provider }) => provider.startsWith(urn));
    assert.deepEqual(elsewhere.map((each) => each.name).sort(), ["compute-1", "compute-3"]);
  });

  it("says by a label where each compute is, so that another host is another container", () => {
    const places = stack
      .of(CONTAINER)
      .filter(isCompute)
      .map((each) => `${each.name} ${labelsIn(each)["overcloud.host"]}`);
    assert.deepEqual(places.sort(), [
      ...["compute-0 here", "compute-1 there", "compute-2 here", "compute-3 there"],
    ]);
  });

  it("asks each host when its computes were started", () => {
    const [wait] = specificationsOf(stack.the(COMMAND, "wait-for-computes"));
    const [here, there, ...more] = wait?.args["inspectComputes"] as string[][];
    assert.deepEqual(more, []);
    assert.deepEqual(here?.slice(0, 3), ["env", "sh", "-c"]);
    assert.match(
      here?.[3] ?? "",
      /label=overcloud.stack=lab .*label=overcloud.role=simulated-comp/,
    );
    assert.ok(there?.includes("DOCKER_HOST=tcp://there:2376"));
    assert.deepEqual(there?.slice(-3), here?.slice(-3));
  });

  it("has the image brought there before, and removed after, its containers", () => {
    const image = stack.the(COMMAND, "image-on-there");
    assert.deepEqual(
      specificationsOf(image).map(({ key, action, args }) => ({ key, action, args })),
      [
        {
          key: "create",
          action: "docker-hosts/bring-image",
          args: { name: "there", engine },
        },
        {
          key: "delete",
          action: "docker-hosts/remove-image",
          args: { name: "there", engine, imageId: "sha256:image" },
        },
      ],
    );
    assert.equal(image.inputs["stdin"], "sha256:image");
    assert.deepEqual(image.inputs["triggers"], ["sha256:image"]);
    // A new image is there before computes are made of it, and the old one goes when none is any more.
    assert.equal(image.deleteBeforeReplace, false);
    for (const { name, dependencies } of stack.of(CONTAINER).filter(isCompute)) {
      const isThere = ["compute-1", "compute-3"].includes(name);
      assert.equal(dependencies.includes(image.urn), isThere, name);
    }
  });

  it("has a network of the swarm for everything, and one for tunnels alone", () => {
    const [network, tunnels] = ["control-plane-network", "control-plane-tunnels"].map((name) =>
      stack.the(NETWORK, name),
    );
    assert.ok(network && tunnels);
    for (const { inputs } of [network, tunnels]) {
      assert.equal(inputs["driver"], "overlay");
      assert.equal(inputs["attachable"], true);
    }
    assert.deepEqual(network.inputs["ipamConfigs"], [
      { subnet: "10.79.0.0/20", gateway: "10.79.0.1", ipRange: "10.79.0.32/27" },
    ]);
    assert.deepEqual(tunnels.inputs["ipamConfigs"], [
      { subnet: "10.79.16.0/20", gateway: "10.79.16.1", ipRange: "10.79.16.32/27" },
    ]);
    assert.equal(labelsIn(network)["overcloud.driver"], "overlay");
    assert.equal(labelsIn(tunnels)["overcloud.controlPlane"], undefined);
    const { inputs } = stack.the(CONTAINER, "compute-1");
    assert.deepEqual(inputs["networksAdvanced"], [
      { name: "lab", ipv4Address: "10.79.0.65" },
      { name: "lab-tunnels", ipv4Address: "10.79.16.65" },
    ]);
    assert.ok((inputs["envs"] as string[]).includes("OVERCLOUD_ADDRESS=10.79.0.65"));
    assert.deepEqual(stack.the(CONTAINER, "mariadb").inputs["networksAdvanced"], [
      { name: "lab", ipv4Address: "10.79.0.10" },
    ]);
  });

  it("tells neutron how large packets may be", () => {
    const uploads = stack.the(CONTAINER, "neutron-server").inputs["uploads"];
    const [{ content } = { content: "" }] = uploads as { content: string }[];
    assert.match(content, /^global_physnet_mtu = 1450$/m);
  });

  it("has a parent on each host, for the computes that are there", async () => {
    const { of, the, before } = await deploy({
      hosts,
      computes: 4,
      compute: { sharing: "forked" },
    });
    const [provider = assert.fail("no provider")] = of(PROVIDER);
    for (const [name, isThere, computes] of [
      ["compute-parent", false, ["compute-0", "compute-2"]],
      ["compute-parent-on-there", true, ["compute-1", "compute-3"]],
    ] as const) {
      const parent = the(CONTAINER, name);
      assert.equal(parent.inputs["name"], "lab-compute-parent");
      for (const each of [parent, the("docker:index/volume:Volume", `${name}-sockets`)]) {
        assert.equal(each.provider.startsWith(provider.urn), isThere, each.name);
      }
      const forked = of(CONTAINER).filter((each) => before(each).includes(parent.urn));
      assert.deepEqual(forked.map((each) => each.name).sort(), computes);
      if (isThere) assert.ok(before(parent).includes(the(COMMAND, "image-on-there").urn));
    }
  });

  it("needs no provider and no image where the first host is the only one", async () => {
    const single = await deploy({ hosts: hosts.slice(0, 1) });
    assert.deepEqual(single.of(PROVIDER), []);
    assert.equal(single.the(NETWORK, "control-plane-network").inputs["driver"], "overlay");
    assert.ok(single.of(COMMAND).every(({ name }) => !name.startsWith("image-on-")));
  });
});

describe("a compute's container", () => {
  const container = async (raw: Record<string, unknown>) => {
    const { the } = await deploy(raw);
    const { inputs } = the(CONTAINER, "compute-1");
    const uploads = inputs["uploads"] as { file: string; content: string }[];
    return { envs: inputs["envs"], files: uploads.map(({ file }) => file), inputs };
  };

  it("has what OVN needs, and no configuration of an agent that is not there", async () => {
    const { envs, files, inputs } = await container({ networking: "ovn" });
    assert.deepEqual(envs, [
      "OVERCLOUD_COMPUTE_ID=212d6c29-0b2b-59c7-88d3-da07b6dc0275",
      "OVERCLOUD_NETWORKING=ovn",
      "OVERCLOUD_OVN_REMOTE=tcp:10.79.0.21:6642",
      "OVERCLOUD_TUNNEL_ADDRESS=10.79.16.65/20",
    ]);
    assert.deepEqual(files, ["/etc/nova/nova.conf.d/50-stack.conf"]);
    assert.equal(inputs["hostname"], "compute-1");
  });

  it("has what the Open vSwitch agent needs", async () => {
    const { envs, files } = await container({ networking: "ovs" });
    assert.match(String(envs), /OVERCLOUD_NETWORKING=ovs/);
    assert.doesNotMatch(String(envs), /OVN/);
    assert.deepEqual(files.sort(), [
      "/etc/neutron/neutron.conf.d/50-stack.conf",
      "/etc/nova/nova.conf.d/50-stack.conf",
    ]);
  });
});

describe("computes that share memory", () => {
  const shared = (sharing: string, raw: Record<string, unknown> = {}) =>
    deploy({ compute: { sharing }, ...raw });

  it("are forked from one parent, which alone has a way to the host, and no network", async () => {
    const { of, the, before } = await shared("forked");
    const parent = the(CONTAINER, "compute-parent");
    assert.equal(parentType(parent), "overcloud:index:ComputeParent");
    const { inputs } = parent;
    assert.equal(inputs["name"], "lab-compute-parent");
    const [files, ...environment] = inputs["envs"] as string[];
    assert.match(files ?? "", /^OVERCLOUD_FILES=\/run\/overcloud-parent\/[0-9a-f]{16}$/);
    assert.deepEqual(environment, ["OVERCLOUD_NETWORKING=ovn", "OVERCLOUD_SHARING=forked"]);
    assert.deepEqual(
      [inputs["networkMode"], inputs["pidMode"], inputs["cgroupnsMode"]],
      ["none", "host", "host"],
    );
    const entering = ["SETPCAP", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE"];
    assert.deepEqual(
      inputs["capabilities"],
      onlyCapabilities(...COMPUTE_CAPABILITIES, ...entering),
    );
    for (const key of ["privileged", "networksAdvanced", "ports", "devices"]) {
      assert.equal(inputs[key], undefined, key);
    }
    for (const compute of of(CONTAINER).filter(({ name }) => /^compute-\d/.test(name))) {
      assert.deepEqual(compute.inputs["capabilities"], onlyCapabilities(...COMPUTE_CAPABILITIES));
      assert.equal(compute.inputs["pidMode"], undefined);
      const [volume, ...others] = compute.inputs["volumes"] as Record<string, unknown>[];
      assert.deepEqual(others, []);
      assert.deepEqual(volume, {
        volumeName: "lab-compute-parent",
        containerPath: "/run/overcloud-parent",
        readOnly: true,
      });
      assert.match(String(compute.inputs["envs"]), /OVERCLOUD_SHARING=forked/);
      assert.ok(before(compute).includes(parent.urn), compute.name);
    }
  });

  it("are forked from what knows their intervals and reads none of their credentials", async () => {
    const compute = { sharing: "forked", reportIntervalSeconds: 30, downTimeSeconds: 120 };
    const { the } = await deploy({ compute });
    const { inputs } = the(CONTAINER, "compute-parent");
    const uploads = inputs["uploads"] as { file: string; content: string }[];
    const [own, ...more] = uploads.filter(({ file }) => file.startsWith("/etc/"));
    assert.deepEqual(more, []);
    assert.equal(own?.file, "/etc/nova/nova.conf.d/50-stack.conf");
    assert.match(own.content, /^update_resources_interval = 180$/m);
    for (const secret of EVERY_SECRET) assert.ok(!own.content.includes(secret));
  });

  for (const networking of ["ovn", "ovs"]) {
    it(`get from its volume what they would be given one by one, with ${networking}`, async () => {
      const alone = await shared("none", { networking });
      const forked = await shared("forked", { networking });
      const filesOf = ({ inputs }: Registration) =>
        inputs["uploads"] as { file: string; content: string }[];
      const compute = forked.the(CONTAINER, "compute-1");
      assert.equal(filesOf(compute), undefined);
      // A preview shows what of its environment changes.
      assert.ok(!compute.secrets.includes("envs"));
      for (const secret of EVERY_SECRET) assert.ok(!compute.readable.includes(secret));
      const folder = (compute.inputs["envs"] as string[])
        .find((each) => each.startsWith("OVERCLOUD_FILES="))
        ?.slice("OVERCLOUD_FILES=".length);
      const [{ containerPath } = assert.fail()] = compute.inputs["volumes"] as Record<
        string,
        string
      >[];
      assert.equal(path.dirname(folder ?? ""), containerPath);
      const given = filesOf(forked.the(CONTAINER, "compute-parent"))
        .filter(({ file }) => file.startsWith(`${folder}/`))
        .map((each) => ({ ...each, file: each.file.slice(folder?.length) }));
      assert.deepEqual(given, filesOf(alone.the(CONTAINER, "compute-1")));
    });
  }

  it("are made anew where these are others", async () => {
    const environmentAt = async (reportIntervalSeconds: number) => {
      const compute = { sharing: "forked", reportIntervalSeconds, downTimeSeconds: 120 };
      return (await deploy({ compute })).the(CONTAINER, "compute-1").inputs["envs"];
    };
    assert.notDeepEqual(await environmentAt(10), await environmentAt(30));
  });

  it("have no parent where there is nothing to fork, or nothing shared", async () => {
    for (const stack of [
      shared("merged", { computes: 0 }),
      shared("none"),
      deploy({ computes: 3 }),
    ]) {
      const { of } = await stack;
      assert.deepEqual(
        of(CONTAINER).filter(({ name }) => name === "compute-parent"),
        [],
      );
    }
  });

  it("are the same computes in every mode", async () => {
    const [none, merged] = await Promise.all([shared("none"), shared("merged")]);
    const identity = ({ inputs }: Registration) => [
      inputs["hostname"],
      (inputs["envs"] as string[]).filter((entry) => !/SHARING|FILES/.test(entry)),
    ];
    for (const name of ["compute-0", "compute-1"]) {
      assert.deepEqual(identity(merged.the(CONTAINER, name)), identity(none.the(CONTAINER, name)));
    }
  });
});

describe("the image", () => {
  const image = async (contentHash: string) => {
    const { resources } = await record(
      false,
      () => new OpenStackImage("image", { names: "lab", stack: "lab", contentHash }),
    );
    const found = resources.find(({ type }) => type === "docker:index/remoteImage:RemoteImage");
    assert.equal(parentType(found!), "overcloud:index:OpenStackImage");
    return found!.inputs;
  };

  it("is built again when its content changes, and only then", async () => {
    const [first, same, other] = [
      await image("a".repeat(64)),
      await image("a".repeat(64)),
      await image("b".repeat(64)),
    ];
    assert.deepEqual(same, first);
    assert.notDeepEqual(other?.["triggers"], first?.["triggers"]);
    // Two contents have two names: the old one's removal must not take the new one.
    assert.notEqual(other?.["name"], first?.["name"]);
    assert.match(String(first?.["name"]), /^lab-openstack:a+$/);
  });
});

describe("a playbook of the stack", () => {
  it("runs after the inventory is written, the cloud is ready and its computes are up", async () => {
    const { the, before } = await deploy({ playbooks: [{ path: "playbooks/template.yml" }] });
    const needed = before(the(COMMAND, "playbook-template"));
    for (const name of ["inventory", "wait-for-apis", "wait-for-computes"]) {
      assert.ok(needed.includes(the(COMMAND, name).urn), name);
    }
  });
});

describe("another epoch of the stack", () => {
  it("makes the steps that wait, check and write run again, and touches nothing else", async () => {
    const [one, two] = await Promise.all([deploy(), build({}, false, "2")]);
    const text = ({ inputs }: Registration) => JSON.stringify(inputs);
    const changed = two.resources.filter(
      (each) => text(each) !== text(one.the(each.type, each.name)),
    );
    assert.deepEqual(changed.map(({ name }) => name).sort(), [
      "access-files",
      "inventory",
      "scale-down-guard",
      "wait-for-apis",
      "wait-for-computes",
    ]);
  });
});

const DOMAIN = "libvirt:index/domain:Domain";
const LIBVIRT_VOLUME = "libvirt:index/volume:Volume";
const LIBVIRT_NETWORK = "libvirt:index/network:Network";

for (const preview of [true, false]) {
  describe(`a stack on a node, in ${preview ? "preview" : "update"}`, () => {
    const NODE = { standalone: { placement: "node" }, baremetal: 1 };
    let stack: Awaited<ReturnType<typeof deploy>>;
    const of = (type: string) => stack.of(type);
    const the = (type: string, name: string) => stack.the(type, name);
    before(async () => {
      stack = await deploy(NODE, preview);
    });

    it("has its computes in containers, and everything else on a virtual machine", () => {
      const names = (type: string) =>
        of(type)
          .map(({ name }) => name)
          .sort();
      assert.deepEqual(names(CONTAINER), ["compute-0", "compute-1"]);
      assert.deepEqual(names(VOLUME), []);
      assert.deepEqual(names(DOMAIN), ["baremetal-0", "controller-0"]);
      assert.deepEqual(names(LIBVIRT_NETWORK), ["external-network", "provisioning-network"]);
      assert.deepEqual(names(LIBVIRT_VOLUME), [
        "baremetal-0-disk",
        "controller-0-data",
        "controller-0-disk",
        "controller-0-seed",
        "topology-base",
        "topology-initrd",
        "topology-kernel",
      ]);
    });

    it("shows no secret to who reads its state or its plan", () => {
      const secrets = [
        ...EVERY_SECRET,
        credentials.bmcPassword,
        JSON.stringify(credentials.sshKey.privateKey).slice(1, -1),
      ];
      for (const { readable, name } of stack.resources) {
        for (const secret of secrets) assert.ok(!readable.includes(secret), name);
        assert.doesNotMatch(readable, /mysql\+pymysql|rabbit:\/\//, name);
      }
      const { inputs, secrets: hidden } = the(COMMAND, "controller-0-seed");
      assert.ok(preview ? isUnknown(inputs["stdin"]) : hidden.includes("stdin"));
    });

    it("boots the image's kernel from a disk of its own, with data and console that outlive it", () => {
      const { inputs, replaceOnChanges } = the(DOMAIN, "controller-0");
      assert.deepEqual([inputs["running"], inputs["autostart"]], [true, true]);
      assert.equal((inputs["disks"] as unknown[]).length, 2);
      assert.equal((inputs["networkInterfaces"] as unknown[]).length, 1);
      assert.ok(replaceOnChanges.includes("cloudinit"));
      const { xslt } = inputs["xml"] as { xslt: string };
      assert.ok(xslt.includes('file="/out/lab/console/controller-0.log"'));
      assert.equal(the(LIBVIRT_VOLUME, "controller-0-data").inputs["size"], 10 * 2 ** 30);
      assert.equal(the(LIBVIRT_VOLUME, "controller-0-data").inputs["source"], undefined);
      if (preview) return;
      assert.equal(inputs["kernel"], "topology-kernel-id");
      assert.equal(the(LIBVIRT_VOLUME, "topology-base").inputs["source"], NODE_IMAGE.disk);
    });

    it("is shut down before its domain goes, by the UUID that it had", () => {
      const step = the(COMMAND, "controller-0-shutdown");
      assert.ok(stack.before(step).includes(the(DOMAIN, "controller-0").urn));
      if (preview) return;
      assert.deepEqual(step.inputs["triggers"], ["controller-0-id"]);
      const [specification] = specificationsOf(step);
      assert.equal(specification?.action, "libvirt/shut-down");
      assert.equal(specification.args["domain"], "controller-0-id");
      assert.equal(step.inputs["create"], undefined);
    });

    it("leaves bare metal blank, off, and to its BMC", () => {
      const { inputs, ignoreChanges } = the(DOMAIN, "baremetal-0");
      assert.deepEqual([inputs["running"], inputs["autostart"]], [false, false]);
      assert.deepEqual(inputs["bootDevices"], [{ devs: ["network", "hd"] }]);
      assert.deepEqual(ignoreChanges, ["running"]);
      assert.equal(inputs["cloudinit"], undefined);
      assert.equal(the(LIBVIRT_VOLUME, "baremetal-0-disk").inputs["baseVolumeId"], undefined);
      assert.ok(the(COMMAND, "baremetal-0-bmc").deletedWith.endsWith("virtual-bmc-daemon"));
    });

    it("asks the APIs once the node's services are up, and computes come after", () => {
      const ready = the(COMMAND, "wait-for-apis");
      assert.ok(stack.before(ready).includes(the(COMMAND, "wait-for-controller-0").urn));
      for (const each of of(CONTAINER)) assert.ok(stack.before(each).includes(ready.urn));
      assert.deepEqual(
        Object.values(stack.endpoints).map((url) => new URL(url).hostname),
        Array.from({ length: 5 }, () => "192.168.22.11"),
      );
      assert.deepEqual(stack.controlPlane.mapHosts.slice(0, 4), [
        "ssh",
        "-F",
        "/out/lab/ssh/config",
        "controller-0",
      ]);
      assert.match(stack.controlPlane.mapHosts[4]!, /^'mariadb' '--execute' 'UPDATE .+'$/);
    });

    it("has a docker network whose addresses the node sees as they are", () => {
      const { inputs } = the(NETWORK, "control-plane-network");
      assert.deepEqual(inputs["options"], {
        "com.docker.network.bridge.enable_ip_masquerade": "false",
      });
      assert.equal(labelsIn(the(NETWORK, "control-plane-network"))["overcloud.placement"], "node");
      assert.equal(the(LIBVIRT_NETWORK, "external-network").inputs["mode"], "route");
    });

    it("removes its folder after everything that writes there", () => {
      const { urn } = the(COMMAND, "access-files");
      for (const name of [
        "controller-0-shutdown",
        "controller-0-seed",
        "ssh-files",
        "node-image",
      ]) {
        assert.ok(stack.before(the(COMMAND, name)).includes(urn), name);
      }
    });
  });
}

describe("a node's seed", () => {
  const digestOf = async (raw: Record<string, unknown>) => {
    const { the } = await deploy({ standalone: { placement: "node" }, ...raw });
    return the(LIBVIRT_VOLUME, "controller-0-seed").inputs["name"];
  };

  it("is another when the configuration of a service is, and only then", async () => {
    const before = await digestOf({});
    assert.match(String(before), /^lab-controller-0-[0-9a-f]{12}\.iso$/);
    assert.equal(await digestOf({ computes: 1 }), before);
    assert.notEqual(await digestOf({ compute: { downTimeSeconds: 90 } }), before);
  });

  it("is what its reader takes", async () => {
    const { the } = await deploy({ standalone: { placement: "node" } });
    const { stdin } = the(COMMAND, "controller-0-seed").inputs;
    const documents = JSON.parse(stdin as string) as Record<string, string>;
    const node = nodeSeedSchema.parse(JSON.parse(documents["node.json"] ?? ""));
    assert.deepEqual(
      [node.hostname, node.network.address, node.network.prefix, node.network.gateway],
      ["controller-0", "192.168.22.11", 24, "192.168.22.1"],
    );
    assert.equal(node.services.length, 13);
    assert.equal(node.data["mariadb"], "/var/lib/mysql");
    const files = nodeFilesSchema.parse(JSON.parse(documents["files.json"] ?? ""));
    assert.match(files["/etc/nova/nova.conf.d/50-stack.conf"] ?? "", /192\.168\.22\.11:3306/);
  });
});
