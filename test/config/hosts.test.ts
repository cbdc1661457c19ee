import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EngineFacts, KnownEngine } from "../../config/engines.ts";
import { livingLabels, type HostFacts } from "../../config/host.ts";
import { parseSettings } from "../../config/parse.ts";
import { SettingsError } from "../../config/problems.ts";
import { ROOMY, settingsOf } from "../support/settings.ts";

type Raw = Record<string, unknown>;

const HERE: KnownEngine = {
  local: true,
  architecture: "x86_64",
  memoryMb: 64_000,
  nodeId: "one",
  isManager: true,
  readyNodes: ["one", "two", "three"],
  foreignNames: [],
  stopped: [],
  computes: [],
};
const THERE: KnownEngine = {
  ...HERE,
  local: false,
  nodeId: "two",
  isManager: false,
  readyNodes: [],
};
const HOSTS = [{ name: "here" }, { name: "there", docker: "ssh://root@there" }];

/** What is wrong, one line each. */
async function problemsOf(
  hosts: unknown,
  engines: EngineFacts[] = [HERE, THERE],
  raw: Raw = {},
  host: Partial<HostFacts> = {},
): Promise<string[]> {
  try {
    const read = () => Promise.resolve({ ...ROOMY, engines, ...host });
    await parseSettings({ names: "t", hosts, ...raw }, read);
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map(({ key, message }) => `${key} ${message}`);
  }
}

/** The one thing that is wrong. */
async function problemOf(...args: Parameters<typeof problemsOf>): Promise<string> {
  const problems = await problemsOf(...args);
  assert.equal(problems.length, 1, problems.join("\n") || "no problem");
  return problems[0] ?? "";
}

const other = (host: Raw) => [HOSTS[0], { name: "there", ...host }];

describe("docker hosts", () => {
  it("are this machine alone by default, and any engines of one swarm", async () => {
    assert.deepEqual(settingsOf().hosts, []);
    assert.deepEqual(await problemsOf(HOSTS), []);
    assert.deepEqual(await problemsOf([{ name: "here" }], [HERE]), []);
    for (const host of [
      { docker: "unix:///run/other.sock" },
      { docker: "ssh://someone@machine:2222", weight: 3 },
      { docker: "tcp://10.0.0.2:2376", certificates: "/etc/docker/client" },
    ]) {
      assert.deepEqual(await problemsOf(other(host)), [], JSON.stringify(host));
    }
  });

  for (const [what, hosts, expected] of [
    ["no list", "there", /^hosts must be a list of hosts/],
    ["no name", [{ docker: "ssh://there" }], /^hosts\.0\.name must be a name/],
    ["a strange name", [{ name: "The Host" }], /^hosts\.0\.name must be 1 to 40 lower-case/],
    ["a strange address", other({ docker: "there" }), /^hosts\.1\.docker must be unix:/],
    [
      "an address that ssh takes for an option",
      other({ docker: "ssh://-oProxyCommand=reboot" }),
      /^hosts\.1\.docker must be unix:/,
    ],
    [
      "a port without a number",
      other({ docker: "tcp://there" }),
      /^hosts\.1\.docker must be unix:/,
    ],
    ["no weight", other({ docker: "ssh://a", weight: 0 }), /^hosts\.1\.weight must be a whole/],
    ["an unknown key", other({ docker: "ssh://a", user: "me" }), /^hosts\.1\.user is not a sett/],
    [
      "a relative folder",
      other({ docker: "tcp://a:1", certificates: "certs" }),
      /^hosts\.1\.certificates must be an absolute path/,
    ],
    [
      "an engine on an open port",
      other({ docker: "tcp://a:1" }),
      /^hosts\.1\.certificates must name/,
    ],
    [
      "certificates for ssh",
      other({ docker: "ssh://a", certificates: "/c" }),
      /^hosts\.1\.certificates is for a tcp:/,
    ],
    ["a second host without an address", other({}), /^hosts\.1\.docker must say where/],
    [
      "a name that is used twice",
      [{ name: "a" }, { name: "a", docker: "ssh://a" }],
      /^hosts\.1\.name is also the name of hosts\.0/,
    ],
  ] as [string, unknown, RegExp][]) {
    it(`are refused with ${what}`, async () => assert.match(await problemOf(hosts), expected));
  }

  it("are for a cloud in containers alone", async () => {
    const node = { standalone: { placement: "node" } };
    assert.match(
      await problemOf(HOSTS, [HERE, THERE], node),
      /^hosts is for controlPlane standalone/,
    );
    const problems = await problemsOf(HOSTS, [HERE, THERE], { controlPlane: "tripleo" });
    assert.ok(problems.some((each) => each.startsWith("hosts is for controlPlane standalone")));
  });

  for (const [what, engines, expected] of [
    [
      "one does not answer",
      [HERE, { unreachable: "no route to host" }],
      /^hosts\.1\.docker does not answer: no route to host$/,
    ],
    ["the first is elsewhere", [{ ...HERE, local: false }, THERE], /^hosts\.0\.docker is not this/],
    [
      "the first is no manager",
      [{ ...HERE, isManager: false, nodeId: "" }, THERE],
      /^hosts\.0\.docker is no manager of a swarm/,
    ],
    ["one is in no swarm", [HERE, { ...THERE, nodeId: "" }], /^hosts\.1\.docker is in no swarm/],
    [
      "one is in another swarm, or down",
      [HERE, { ...THERE, nodeId: "nine" }],
      /^hosts\.1\.docker is no ready node of the swarm of here/,
    ],
    [
      "it is there twice",
      [HERE, HERE],
      /^hosts\.1\.docker is the same engine as hosts\.0 \(here\)/,
    ],
    [
      "one is another kind of machine",
      [HERE, { ...THERE, architecture: "aarch64" }],
      /^hosts\.1\.docker is a machine of another kind \(aarch64\) than the first \(x86_64\)/,
    ],
    [
      "one has a name that the stack gives",
      [HERE, { ...THERE, foreignNames: ["t-compute-0", "t-compute-1"] }],
      /^hosts\.1\.docker has a container t-compute-1 already/,
    ],
  ] as [string, EngineFacts[], RegExp][]) {
    it(`are refused when ${what}`, async () =>
      assert.match(await problemOf(HOSTS, engines), expected));
  }

  it("must have room for their share each, by what is there", async () => {
    const raw = { computes: 100 };
    const small = { ...THERE, memoryMb: 7999 };
    assert.match(
      await problemOf(HOSTS, [HERE, small], raw),
      /^computes need about 8000 MiB of memory on there, which has 7999; lower computes, or hosts\.1\.weight$/,
    );
    const weighted = [{ name: "here", weight: 2 }, HOSTS[1]];
    assert.deepEqual(await problemsOf(weighted, [HERE, small], raw), []);
    // This machine's own memory counts as docker has it; it is the first host's.
    assert.deepEqual(await problemsOf(HOSTS, [HERE, THERE], raw, { memoryMb: 1 }), []);
    // Those that are there stay: the smaller half is not given to the smaller host.
    const placed = new Map([[0, "there"]]);
    const tiny = { ...THERE, memoryMb: 100 };
    assert.match(
      await problemOf(HOSTS, [HERE, tiny], { computes: 1 }, { placed }),
      /^computes need about 160 MiB of memory on there/,
    );
  });

  it("come with a network whose name nobody else may have", async () => {
    const foreignNames = ["t-tunnels"];
    assert.match(
      await problemOf(HOSTS, [HERE, THERE], {}, { foreignNames }),
      /^names leads to the name t-tunnels/,
    );
    assert.deepEqual(await problemsOf([], [], {}, { foreignNames }), []);
  });

  it("come with a network that a deployed cloud either has or hasn't", async () => {
    const labels = (raw: Raw) => ({ name: "t", ...livingLabels(settingsOf(raw)) });
    assert.equal(labels({}).driver, undefined);
    assert.equal(labels({ hosts: HOSTS }).driver, "overlay");
    const single = { living: labels({}) };
    const several = { living: labels({ hosts: HOSTS }) };
    assert.match(
      await problemOf(HOSTS, [HERE, THERE], {}, single),
      /^hosts can't be changed while the stack is deployed without hosts/,
    );
    assert.match(
      await problemOf([], [], {}, several),
      /^hosts can't be changed while the stack is deployed with hosts/,
    );
    assert.deepEqual(await problemsOf(HOSTS.slice(0, 1), [HERE], {}, several), []);
    assert.deepEqual(await problemsOf([], [], {}, single), []);
  });
});
