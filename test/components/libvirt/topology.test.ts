import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { planBmcs } from "../../../components/bmc/plan.ts";
import { VirtualBmc } from "../../../components/bmc/virtual-bmc.ts";
import { deriveCredentials } from "../../../components/credentials/derive.ts";
import { CredentialSeed } from "../../../components/credentials/seed.ts";
import { planTopology } from "../../../components/libvirt/plan.ts";
import { PRIVATE_VOLUME_STYLESHEET } from "../../../components/libvirt/stylesheets.ts";
import { LibvirtTopology } from "../../../components/libvirt/topology.ts";
import { actions } from "../../../components/step/actions.ts";
import { specificationSchema } from "../../../components/step/specification.ts";
import { libvirtSchema } from "../../../config/libvirt.ts";
import { isUnknown, record, type Registration } from "../../support/pulumi.ts";

const NETWORK = "libvirt:index/network:Network";
const POOL = "libvirt:index/pool:Pool";
const VOLUME = "libvirt:index/volume:Volume";
const DOMAIN = "libvirt:index/domain:Domain";
const COMMAND = "command:local:Command";

const SEED = "0123456789abcdefghijklmnopqrstuvwxyz";
const { bmcPassword, sshKey } = deriveCredentials(SEED);

async function deploy(raw: Record<string, unknown> = {}, preview = false) {
  const settings = libvirtSchema.parse({
    image: { source: "/images/base.qcow2" },
    nodes: { controller: { count: 1 } },
    ...raw,
  });
  const plan = planTopology(settings, "lab", "lab");
  const { resources } = await record(
    preview,
    () => {
      const outputDirectory = "/out/lab";
      const seed = new CredentialSeed("credentials", { directory: `${outputDirectory}/logs` });
      const topology = new LibvirtTopology("topology", {
        settings,
        names: "lab",
        plan,
        domainType: "qemu",
        sshKey: seed.credentials.apply((credentials) => credentials.sshKey),
        outputDirectory,
        epoch: "1",
        deployedUser: "heat-admin",
        cacheDirectory: "/cache",
      });
      return new VirtualBmc("virtual-bmc", {
        bmcs: planBmcs(plan, { firstPort: 6230, user: "admin" }),
        password: seed.credentials.apply((credentials) => credentials.bmcPassword),
        libvirtUri: settings.uri,
        outputDirectory,
        program: "/vbmcd",
        epoch: "1",
        domains: new Map([...topology.nodes].map(([node, { domain }]) => [node, domain])),
      });
    },
    (type) => (type === COMMAND ? { stdout: JSON.stringify(SEED) } : {}),
  );
  const of = (type: string) => resources.filter((each) => each.type === type);
  const the = (type: string, name: string) =>
    of(type).find((each) => each.name === name) ?? assert.fail(`no ${type} ${name}`);
  return { resources, plan, of, the };
}

type Deployed = Awaited<ReturnType<typeof deploy>>;

const namesOf = (resources: Registration[]) => resources.map(({ name }) => name).sort();

const NODES = ["compute-0", "controller-0", "undercloud-0"];

for (const preview of [true, false]) {
  describe(`a topology in ${preview ? "preview" : "update"}`, () => {
    let deployed: Deployed;
    const of = (type: string) => deployed.of(type);
    const the = (type: string, name: string) => deployed.the(type, name);
    before(async () => {
      deployed = await deploy({}, preview);
    });

    it("is made of these resources", () => {
      assert.deepEqual(namesOf(of(NETWORK)), ["external-network", "provisioning-network"]);
      assert.deepEqual(namesOf(of(POOL)), ["topology-pool"]);
      assert.deepEqual(
        namesOf(of(VOLUME)),
        [
          ...NODES.flatMap((node) => [`${node}-disk`, `${node}-cloud-init`]),
          "topology-base",
        ].sort(),
      );
      assert.deepEqual(namesOf(of(DOMAIN)), NODES);
      assert.deepEqual(namesOf(of("overcloud:index:LibvirtNode")), NODES);
      assert.deepEqual(namesOf(of(COMMAND)), [
        "compute-0-bmc",
        "compute-0-cloud-init",
        "controller-0-bmc",
        "controller-0-cloud-init",
        "credentials",
        "ssh-files",
        "undercloud-0-cloud-init",
        "virtual-bmc-daemon",
        ...NODES.map((node) => `wait-for-${node}`),
      ]);
    });

    it("names all that libvirt makes with the stack's prefix", () => {
      for (const type of [NETWORK, VOLUME, DOMAIN]) {
        for (const { inputs, name } of of(type)) {
          if (isUnknown(inputs["name"])) assert.ok(preview && name.endsWith("-cloud-init"), name);
          else assert.match(String(inputs["name"]), /^lab-/);
        }
      }
      assert.equal(the(POOL, "topology-pool").inputs["name"], "lab");
    });

    it("asks the host of the settings, and no other", () => {
      assert.equal(
        the("pulumi:providers:libvirt", "topology-hypervisor").inputs["uri"],
        "qemu:///system",
      );
    });

    it("shows no secret to who reads its state or its plan", () => {
      for (const { readable, name } of deployed.resources) {
        for (const secret of [SEED, bmcPassword, sshKey.privateKey]) {
          assert.ok(!readable.includes(secret), name);
          assert.ok(!readable.includes(JSON.stringify(secret).slice(1, -1)), name);
        }
      }
      for (const name of ["ssh-files", "compute-0-bmc"]) {
        const { inputs, secrets } = the(COMMAND, name);
        assert.ok(preview ? isUnknown(inputs["stdin"]) : secrets.includes("stdin"), name);
      }
    });

    it("has networks with bridges of their own that start with the machine", () => {
      for (const { inputs, deleteBeforeReplace, name } of of(NETWORK)) {
        assert.equal(inputs["autostart"], true, name);
        assert.ok(deleteBeforeReplace, name);
      }
      const provisioning = the(NETWORK, "provisioning-network").inputs;
      assert.deepEqual(
        [provisioning["bridge"], provisioning["mode"], provisioning["dhcp"]],
        ["lab-prov", "none", { enabled: false }],
      );
      const external = the(NETWORK, "external-network").inputs;
      assert.deepEqual(
        [external["bridge"], external["mode"], external["dhcp"]],
        ["lab-ext", "nat", { enabled: true }],
      );
    });

    it("has nodes with the planned sizes, cards in order and a serial console", () => {
      for (const node of deployed.plan.nodes) {
        const { inputs } = the(DOMAIN, node.name);
        assert.deepEqual(
          [inputs["vcpu"], inputs["memory"], inputs["type"], inputs["autostart"]],
          [node.vcpus, node.memoryMb, "qemu", true],
        );
        assert.deepEqual(
          (inputs["networkInterfaces"] as { mac: string }[]).map(({ mac }) => mac),
          [node.provisioning.mac, node.external.mac],
        );
        assert.deepEqual(inputs["consoles"], [
          { type: "pty", targetPort: "0", targetType: "serial" },
        ]);
        const { size, xml } = the(VOLUME, `${node.name}-disk`).inputs;
        assert.equal(size, node.diskGb * 2 ** 30);
        assert.deepEqual(xml, { xslt: PRIVATE_VOLUME_STYLESHEET });
      }
    });

    it("makes a node anew for what libvirt can't change, the old one first", () => {
      for (const { replaceOnChanges, deleteBeforeReplace, name } of of(DOMAIN)) {
        assert.ok(deleteBeforeReplace, name);
        for (const property of ["cloudinit", "kernel", "networkInterfaces[*].networkId"]) {
          assert.ok(replaceOnChanges.includes(property), `${name} ${property}`);
        }
      }
    });

    it("leaves the power of overcloud nodes to their BMCs", () => {
      for (const { name, ignoreChanges } of of(DOMAIN)) {
        assert.deepEqual(ignoreChanges, name === "undercloud-0" ? [] : ["running"], name);
      }
    });

    it("has steps that the runner takes, with actions that there are and names of their own", () => {
      const names = of(COMMAND).map(({ inputs }) => {
        const specifications = ["create", "delete"].flatMap((key) =>
          inputs[key] === undefined
            ? []
            : [specificationSchema.parse(JSON.parse(inputs[key] as string))],
        );
        for (const { action } of specifications) assert.ok((action ?? "") in actions, action);
        return specifications[0]?.name;
      });
      assert.equal(new Set(names).size, of(COMMAND).length);
    });

    it("waits for a node as one that is new or deployed already, the undercloud as one that is neither", () => {
      const users = NODES.map((node) => {
        const { inputs } = the(COMMAND, `wait-for-${node}`);
        const { args } = specificationSchema.parse(JSON.parse(inputs["create"] as string));
        return [node, args["users"]];
      });
      assert.deepEqual(Object.fromEntries(users), {
        "undercloud-0": ["cloud-user"],
        "controller-0": ["root", "heat-admin"],
        "compute-0": ["root", "heat-admin"],
      });
    });

    it("gives a BMC to each overcloud node, after the node and the daemon", () => {
      const daemon = the(COMMAND, "virtual-bmc-daemon").urn;
      for (const node of ["controller-0", "compute-0"]) {
        const step = deployed.the("overcloud:index:Step", `${node}-bmc`);
        assert.equal(
          the(COMMAND, `${node}-bmc`).deletedWith.split("::").at(-1),
          "virtual-bmc-daemon",
        );
        for (const before of [the(DOMAIN, node).urn, daemon]) {
          assert.ok(
            the(COMMAND, `${node}-bmc`).dependencies.concat(step.dependencies).includes(before),
          );
        }
      }
    });
  });
}

describe("a topology that grows", () => {
  it("changes nothing of what there is but the ssh configuration", async () => {
    const count = (compute: number) => ({
      nodes: { controller: { count: 1 }, compute: { count: compute } },
    });
    const [few, many] = [await deploy(count(1)), await deploy(count(3))];
    for (const before of few.resources) {
      const after = many.resources.find(({ urn }) => urn === before.urn);
      if (before.name === "ssh-files") continue;
      assert.deepEqual(after?.inputs, before.inputs, before.name);
    }
    const added = many.resources.filter(({ urn }) => !few.resources.some((old) => old.urn === urn));
    for (const { name } of added) assert.match(name, /compute-[12]/);
  });
});

describe("settings of a topology", () => {
  it("protect nodes and their disks, and nothing else", async () => {
    const { resources } = await deploy({ protect: true });
    const kept = resources.filter(({ protect }) => protect);
    assert.deepEqual(
      namesOf(kept),
      NODES.flatMap((node) => [node, `${node}-disk`]),
    );
  });

  it("put a kernel into the pool for QEMU to boot", async () => {
    const { of, the } = await deploy({
      image: {
        source: "/base",
        kernel: "/vmlinuz",
        initrd: "/initrd",
        cmdline: "root=/dev/vda rw",
      },
    });
    assert.equal(the(VOLUME, "topology-kernel").inputs["source"], "/vmlinuz");
    for (const { inputs } of of(DOMAIN)) {
      assert.equal(inputs["kernel"], "topology-kernel-id");
      assert.equal(inputs["initrd"], "topology-initrd-id");
      assert.deepEqual(inputs["cmdlines"], [{ root: "/dev/vda" }, { _: "rw" }]);
    }
  });

  it("have an image from a URL fetched and checked before it is used", async () => {
    const sha256 = "a".repeat(64);
    const { the } = await deploy({ image: { source: "https://example.org/image", sha256 } });
    const { inputs, dependencies } = the(VOLUME, "topology-base");
    assert.equal(inputs["source"], `/cache/${sha256}`);
    assert.equal(inputs["name"], `lab-base-${"a".repeat(12)}`);
    assert.ok(dependencies.includes(the(COMMAND, "topology-image").urn));
  });

  it("that change cloud-init's data name another disk", async () => {
    const name = async (user: string) => {
      const { the } = await deploy({ user });
      return the(VOLUME, "undercloud-0-cloud-init").inputs["name"];
    };
    assert.equal(await name("centos"), await name("centos"));
    assert.notEqual(await name("centos"), await name("cloud-user"));
  });
});
