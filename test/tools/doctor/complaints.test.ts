import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  checkCloud,
  checkHost,
  checkStack,
  checkToolchain,
  render,
  type CloudLook,
  type Complaint,
  type HostLook,
  type StackLook,
} from "../../../tools/doctor/complaints.ts";

const HOST: HostLook = {
  memory: { available: 8000, total: 24_000 },
  disks: [{ folder: "/", freeMb: 50_000, freeInodes: 1_000_000 }],
  kvm: { domainType: "kvm", reason: "a trial guest ran under it", device: true },
  docker: undefined,
};

const STACK: StackLook = {
  stack: "lab",
  known: true,
  locks: [],
  pending: [],
  orphans: [],
  problems: [],
  repairs: [],
  unhealthy: [],
};

const service = (binary: string, host: string, change: object = {}) => ({
  ...{ binary, host, state: "up" as const, status: "enabled", reason: "" },
  ...change,
});

const CLOUD: CloudLook = {
  stack: "lab",
  computes: ["compute-0", "compute-1"],
  services: [
    service("nova-scheduler", "nova-scheduler"),
    service("nova-compute", "compute-0"),
    service("nova-compute", "compute-1"),
  ],
  agents: [{ type: "OVN Controller agent", host: "compute-0", alive: true }],
  hypervisors: ["compute-0", "compute-1"],
};

/** What is said, and by which command it is mended. */
function check(complaints: Complaint[], cases: [what: RegExp, mend: RegExp][]): void {
  assert.equal(complaints.length, cases.length, JSON.stringify(complaints));
  for (const [index, [what, mend]] of cases.entries()) {
    assert.match(complaints[index]?.what ?? "", what);
    assert.match(complaints[index]?.mend ?? "", mend);
  }
}

describe("a machine, a toolchain, a stack and a cloud that are well", () => {
  it("are said to be, in this order", () => {
    const all = [
      ...checkHost(HOST),
      ...checkToolchain([]),
      ...checkStack(STACK),
      ...checkCloud(CLOUD),
    ];
    assert.deepEqual(all, []);
    assert.deepEqual(render(all), ["host: well", "toolchain: well", "stack: well", "cloud: well"]);
  });
});

describe("what is wrong with the host", () => {
  const cases: [string, Partial<HostLook>, RegExp, RegExp, boolean?][] = [
    [
      "no docker",
      { docker: "the docker daemon does not answer: x" },
      /docker daemon/,
      /npm run setup/,
    ],
    ["no memory", { memory: { available: 400, total: 4000 } }, /^400 of 4000 MiB/, /computes/],
    [
      "a full disk",
      { disks: [{ folder: "/d", freeMb: 2000, freeInodes: 1e6 }] },
      /^2000 MiB are left in \/d/,
      /prune/,
    ],
    [
      "no inodes",
      { disks: [{ folder: "/d", freeMb: 9e4, freeInodes: 9 }] },
      /^room for 9 files/,
      /prune/,
    ],
    [
      "KVM of no use",
      { kvm: { domainType: "qemu", reason: "it hung", device: true } },
      /it hung/,
      /host\.json/,
      true,
    ],
  ];
  for (const [name, change, what, mend, harmless] of cases) {
    it(`is ${name}${harmless ? ", which is a note" : ""}`, () => {
      const complaints = checkHost({ ...HOST, ...change });
      check(complaints, [[what, mend]]);
      assert.equal(complaints[0]?.harmless, harmless);
    });
  }

  it("is not a machine without KVM, or one that nobody has tried it on", () => {
    for (const kvm of [undefined, { domainType: "qemu" as const, reason: "none", device: false }]) {
      assert.deepEqual(checkHost({ ...HOST, kvm }), []);
    }
  });
});

describe("what is wrong with the toolchain", () => {
  it("are the tasks of set-up that would run", () => {
    check(checkToolchain(["pulumi", "ansible"]), [[/: pulumi, ansible$/, /^npm run setup$/]]);
  });
});

describe("what is wrong with a stack", () => {
  const cases: [string, Partial<StackLook>, RegExp, RegExp][] = [
    [
      "a lock that nobody holds",
      { locks: [{ pid: 7, hostname: "h", stale: true }] },
      /^lab: is locked by pulumi \(pid 7\), which runs no more$/,
      /^pulumi cancel --yes --stack lab$/,
    ],
    [
      "an operation that was cut short",
      { pending: [{ type: "creating", urn: "urn:pulumi:lab::overcloud::docker:x::compute-1" }] },
      /in the middle of: creating compute-1$/,
      /--clear-pending-creates --stack lab, then pulumi up --stack lab$/,
    ],
    [
      "a container in no state",
      { orphans: [{ kind: "container", name: "lab-x" }] },
      /container lab-x is on this machine and in no state/,
      /^docker rm --force lab-x$/,
    ],
    [
      "a domain in no state",
      { orphans: [{ kind: "domain", name: "lab-controller-0" }] },
      /domain lab-controller-0/,
      /undefine lab-controller-0$/,
    ],
    [
      "what is left of it where no state is",
      {
        known: false,
        orphans: [
          { kind: "container", name: "lab-x" },
          { kind: "folder", name: "/output/lab" },
        ],
      },
      /no state knows of it, and this machine has 2 things of it/,
      /^npm run sweep -- --stack lab/,
    ],
    [
      "a network that is somebody else's",
      { problems: [{ key: "network.cidr", message: "overlaps this machine's route" }] },
      /overcloud:network\.cidr overlaps this machine's route/,
      /config set --path overcloud:network\.cidr VALUE --stack lab$/,
    ],
    [
      "a container that ended",
      { repairs: ["container lab-x is exited"] },
      /lab-x is exited/,
      /^pulumi up --stack lab$/,
    ],
    [
      "a check that fails",
      { unhealthy: ["lab-glance"] },
      /lab-glance runs and its check fails/,
      /docker restart lab-glance$/,
    ],
    [
      "settings that can't be read",
      { failure: "no passphrase" },
      /can't be looked at: no passphrase/,
      /setup/,
    ],
  ];
  for (const [name, change, what, mend] of cases) {
    it(`is ${name}`, () => check(checkStack({ ...STACK, ...change }), [[what, mend]]));
  }

  it("is no pulumi that is at work, which is told all the same", () => {
    const complaints = checkStack({ ...STACK, locks: [{ pid: 7, hostname: "h", stale: false }] });
    check(complaints, [[/pulumi \(pid 7 on h\) is at work on it/, /wait for it/]]);
    assert.equal(complaints[0]?.harmless, true);
  });
});

describe("what is wrong with a cloud", () => {
  const [scheduler, first, second] = CLOUD.services;
  assert.ok(scheduler && first && second);
  const cases: [string, Partial<CloudLook>, RegExp, boolean?][] = [
    [
      "that it does not answer",
      { unreachable: "nothing answers at x" },
      /^lab: nothing answers at x$/,
    ],
    ["a compute that is missing", { services: [scheduler, first] }, /compute-1 is not registered/],
    ["a compute without a cell", { hypervisors: ["compute-0"] }, /compute-1 is not mapped/],
    [
      "a service that is down",
      { services: [service("nova-scheduler", "s", { state: "down" }), first, second] },
      /nova-scheduler on s is down/,
    ],
    [
      "a compute that is down, once",
      {
        services: [scheduler, first, service("nova-compute", "compute-1", { state: "down" })],
        hypervisors: ["compute-0"],
      },
      /nova-compute on compute-1 is down/,
    ],
    [
      "an agent that is silent",
      { agents: [{ type: "OVN Controller agent", host: "compute-0", alive: false }] },
      /the OVN Controller agent on compute-0 does not report/,
    ],
    [
      "a service that somebody disabled, which is a note",
      {
        services: [
          scheduler,
          first,
          service("nova-compute", "compute-1", { status: "disabled", reason: "mine" }),
        ],
      },
      /nova-compute on compute-1 is disabled \(mine\)/,
      true,
    ],
  ];
  for (const [name, change, what, harmless] of cases) {
    it(`is ${name}`, () => {
      const complaints = checkCloud({ ...CLOUD, ...change });
      check(complaints, [[what, harmless ? /--enable compute-1/ : /^pulumi up --stack lab$/]]);
      assert.equal(complaints[0]?.harmless, harmless);
    });
  }
});

describe("what people read", () => {
  it("names the subject, what is wrong, and the command, each on a line", () => {
    assert.deepEqual(render(checkToolchain(["pulumi"])), [
      "host: well",
      "toolchain:",
      "  wrong: set-up has not made, or not kept up to date: pulumi",
      "    to mend it: npm run setup",
      "stack: well",
      "cloud: well",
    ]);
  });
});
