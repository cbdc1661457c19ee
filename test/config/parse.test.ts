import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HostFacts } from "../../config/host.ts";
import { parseSettings } from "../../config/parse.ts";
import { SettingsError } from "../../config/problems.ts";
import { checkHost } from "../../config/rules.ts";
import type { Settings } from "../../config/schema.ts";
import { ROOMY, settingsOf } from "../support/settings.ts";

type Raw = Record<string, unknown>;

const parse = async (raw: Raw, host: Partial<HostFacts> = {}): Promise<Settings> =>
  (await parseSettings({ names: "t", ...raw }, () => Promise.resolve({ ...ROOMY, ...host })))
    .settings;

async function refusal(raw: Raw, host: Partial<HostFacts> = {}): Promise<SettingsError> {
  try {
    await parse(raw, host);
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error;
  }
  assert.fail(`${JSON.stringify(raw)} was taken`);
}

const WHOLE_0_1000 = /must be a whole number from 0 to 1000$/;
const PORT = /must be a whole number from 1 to 65535$/;
const NETWORK = /must be an IPv4 network such as 10\.79\.0\.0\/20$/;
const NAME = /must be 1 to 40 lower-case letters, digits and dashes, starting with a letter$/;

describe("one wrong value", () => {
  /** Settings, the key that must be named, the value as it must be shown, what would be right. */
  const cases: [Raw, string, string, RegExp][] = [
    [{ computes: -1 }, "computes", "-1", WHOLE_0_1000],
    [{ computes: 2.5 }, "computes", "2.5", WHOLE_0_1000],
    [{ computes: 1001 }, "computes", "1001", WHOLE_0_1000],
    [{ computes: 1e12 }, "computes", "1000000000000", WHOLE_0_1000],
    [{ computes: Infinity }, "computes", "Infinity", WHOLE_0_1000],
    [{ computes: NaN }, "computes", "NaN", WHOLE_0_1000],
    [{ computes: "3" }, "computes", '"3"', WHOLE_0_1000],
    [{ computes: "many" }, "computes", '"many"', WHOLE_0_1000],
    [{ computes: null }, "computes", "null", WHOLE_0_1000],
    [{ computes: true }, "computes", "true", WHOLE_0_1000],
    [{ computes: [3] }, "computes", "[3]", WHOLE_0_1000],
    [
      { controlPlane: "devstack" },
      "controlPlane",
      '"devstack"',
      /must be one of: standalone, tripleo$/,
    ],
    [{ networking: "OVN" }, "networking", '"OVN"', /must be one of: ovn, ovs$/],
    [{ scaleDown: "force" }, "scaleDown", '"force"', /one of: refuse, evacuate, delete$/],
    [{ scaleDown: false }, "scaleDown", "false", /one of: refuse, evacuate, delete$/],
    [{ compute: { vcpus: 0 } }, "compute.vcpus", "0", /from 1 to 4096$/],
    [{ compute: { vcpus: 1.5 } }, "compute.vcpus", "1.5", /from 1 to 4096$/],
    [{ compute: { memoryMb: 511 } }, "compute.memoryMb", "511", /from 512 to 67108864$/],
    [{ compute: { diskGb: "2T" } }, "compute.diskGb", '"2T"', /from 1 to 1048576$/],
    [{ compute: { bootDelaySeconds: -1 } }, "compute.bootDelaySeconds", "-1", /from 0 to 3600$/],
    [
      { compute: { reportIntervalSeconds: 0 } },
      "compute.reportIntervalSeconds",
      "0",
      /from 1 to 3600$/,
    ],
    [
      { compute: { downTimeSeconds: 86401 } },
      "compute.downTimeSeconds",
      "86401",
      /from 2 to 86400$/,
    ],
    [{ ports: { nova: 0 } }, "ports.nova", "0", PORT],
    [{ ports: { nova: 65536 } }, "ports.nova", "65536", PORT],
    [{ ports: { glance: "9292" } }, "ports.glance", '"9292"', PORT],
    [{ network: { cidr: "10.79.0.1/20" } }, "network.cidr", '"10.79.0.1/20"', NETWORK],
    [{ network: { cidr: "10.79.8.0/20" } }, "network.cidr", '"10.79.8.0/20"', NETWORK],
    [{ network: { cidr: "10.79.0.0" } }, "network.cidr", '"10.79.0.0"', NETWORK],
    [{ network: { cidr: "10.79.0/20" } }, "network.cidr", '"10.79.0/20"', NETWORK],
    [{ network: { cidr: "10.79.0.0/33" } }, "network.cidr", '"10.79.0.0/33"', NETWORK],
    [{ network: { cidr: "10.79.0.0/020" } }, "network.cidr", '"10.79.0.0/020"', NETWORK],
    [{ network: { cidr: "010.79.0.0/20" } }, "network.cidr", '"010.79.0.0/20"', NETWORK],
    [{ network: { cidr: "10.79.0.0/20 " } }, "network.cidr", '"10.79.0.0/20 "', NETWORK],
    [{ network: { tunnelCidr: "fd00::/64" } }, "network.tunnelCidr", '"fd00::/64"', NETWORK],
    [{ network: { tenantCidr: 10 } }, "network.tenantCidr", "10", NETWORK],
    [{ network: { tenantCidr: "" } }, "network.tenantCidr", '""', NETWORK],
    [{ names: "" }, "names", '""', NAME],
    [{ names: "Lab" }, "names", '"Lab"', NAME],
    [{ names: "1lab" }, "names", '"1lab"', NAME],
    [{ names: "-lab" }, "names", '"-lab"', NAME],
    [{ names: "lab-" }, "names", '"lab-"', NAME],
    [{ names: "my_lab" }, "names", '"my_lab"', NAME],
    [{ names: "my.lab" }, "names", '"my.lab"', NAME],
    [{ names: "lab x" }, "names", '"lab x"', NAME],
    [{ names: "lab\n" }, "names", '"lab\\n"', NAME],
    [{ names: "läb" }, "names", '"läb"', NAME],
    [{ names: "l".repeat(41) }, "names", `"${"l".repeat(41)}"`, NAME],
    [{ names: 7 }, "names", "7", /must be a name$/],
  ];
  for (const [raw, key, shown, range] of cases) {
    it(`is refused with its key, value and range: ${JSON.stringify(raw)}`, async () => {
      const error = await refusal(raw);
      assert.deepEqual(
        error.problems.map((problem) => problem.key),
        [key],
      );
      const [title, line, ...more] = error.message.split("\n");
      assert.match(title ?? "", /1 problem:$/);
      assert.ok(line?.startsWith(`  overcloud:${key} is ${shown}: `), line);
      assert.match(line ?? "", range);
      assert.deepEqual(more, []);
    });
  }

  it("that is no object where one belongs names the block", async () => {
    for (const key of ["compute", "network", "ports"]) {
      for (const value of ["text", 5, [], null]) {
        const error = await refusal({ [key]: value });
        assert.deepEqual(
          error.problems.map((problem) => problem.key),
          [key],
          JSON.stringify(value),
        );
        assert.ok(error.message.includes(`overcloud:${key} is ${JSON.stringify(value)}: `));
      }
    }
  });

  it("that is long is shown shortened", async () => {
    const error = await refusal({ names: "x".repeat(5000) });
    assert.ok(error.message.length < 300, error.message);
    assert.match(error.message, /x{50}/);
  });
});

describe("a key that is no setting", () => {
  it("is refused by its full name, at every level", async () => {
    const error = await refusal({
      compute: { vcpu: 1 },
      computez: 3,
      network: { mtu: 1500 },
      ports: { horizon: 80, cinder: 8776 },
    });
    assert.deepEqual(error.problems.map(({ key }) => key).sort(), [
      "compute.vcpu",
      "computez",
      "network.mtu",
      "ports.cinder",
      "ports.horizon",
    ]);
    for (const { key } of error.problems) {
      assert.match(error.message, new RegExp(`overcloud:${key}: is not a setting`));
    }
  });

  it("is refused even if every object has something of that name", async () => {
    for (const key of ["constructor", "__proto__", "toString"]) {
      const raw = JSON.parse(`{"names":"t","${key}":1}`) as Raw;
      await assert.rejects(
        parseSettings(raw, () => Promise.resolve(ROOMY)),
        (error) => error instanceof SettingsError && error.problems[0]?.key === key,
        key,
      );
    }
  });
});

describe("settings that do not fit each other", () => {
  const keysOf = async (raw: Raw) =>
    (await refusal(raw)).problems.map(({ key, message }) => `${key}: ${message}`);

  it("are networks that overlap, each pair named once", async () => {
    assert.deepEqual(await keysOf({ network: { tunnelCidr: "10.79.0.0/20" } }), [
      "network.tunnelCidr: overlaps network.cidr (10.79.0.0/20)",
    ]);
    assert.deepEqual(await keysOf({ network: { tenantCidr: "10.0.0.0/8" } }), [
      "network.tenantCidr: overlaps network.cidr (10.79.0.0/20)",
      "network.tenantCidr: overlaps network.tunnelCidr (10.79.16.0/20)",
    ]);
  });

  it("are networks too small for the count, to the address", async () => {
    // 254 addresses; what lies below the 64th is the host's and the control plane's.
    const network = { cidr: "10.79.0.0/24", tunnelCidr: "10.79.1.0/24" };
    assert.equal((await parse({ computes: 191, network })).computes, 191);
    const error = await refusal({ computes: 192, network });
    assert.deepEqual(
      error.problems.map(({ key, value }) => [key, value]),
      [
        ["network.cidr", "10.79.0.0/24"],
        ["network.tunnelCidr", "10.79.1.0/24"],
      ],
    );
    assert.match(error.message, /is too small: 192 computes .* need 255 addresses, it has 254/);
  });

  it("are networks too small for anything", async () => {
    for (const prefix of [27, 28, 30, 31, 32]) {
      const [problem] = (await refusal({ computes: 0, network: { cidr: `10.9.0.0/${prefix}` } }))
        .problems;
      assert.equal(problem?.key, "network.cidr", String(prefix));
      assert.match(problem.message, /is too small/);
    }
    for (const prefix of [31, 32]) {
      const [problem] = (await refusal({ network: { tenantCidr: `10.9.0.0/${prefix}` } })).problems;
      assert.equal(problem?.key, "network.tenantCidr");
    }
  });

  it("are ports that are used twice", async () => {
    assert.deepEqual(await keysOf({ ports: { nova: 5000 } }), [
      "ports.nova: is also the port of keystone",
    ]);
    const error = await refusal({ ports: { nova: 1, neutron: 1, glance: 2, placement: 2 } });
    assert.equal(error.problems.length, 2);
    const thrice = await refusal({ ports: { nova: 7, neutron: 7, glance: 7 } });
    assert.deepEqual(
      thrice.problems.map(({ key }) => key),
      ["ports.neutron", "ports.nova"],
    );
  });

  it("are a down time that live services would reach", async () => {
    const compute = { reportIntervalSeconds: 40 };
    const [problem] = (await refusal({ compute })).problems;
    assert.equal(problem?.key, "compute.downTimeSeconds");
    assert.equal(problem.value, 60);
    assert.match(problem.message, /at least twice compute\.reportIntervalSeconds \(40\)/);
    await parse({ compute: { reportIntervalSeconds: 30 } });
  });
});

describe("settings that do not fit the machine", () => {
  it("are networks that it has routes to", async () => {
    const routes = [
      { cidr: "172.17.0.0/16", device: "docker0" },
      { cidr: "10.79.4.0/24", device: "eth1" },
      { cidr: "10.79.16.9/32", device: "wg0" },
    ];
    const error = await refusal({}, { routes });
    assert.deepEqual(
      error.problems.map(({ key }) => key),
      ["network.cidr", "network.tunnelCidr"],
    );
    assert.match(error.message, /network\.cidr is "10\.79\.0\.0\/20": .*10\.79\.4\.0\/24 \(eth1\)/);
    assert.match(error.message, /network\.tunnelCidr .*10\.79\.16\.9\/32 \(wg0\)/);
    await parse({}, { routes: routes.slice(0, 1) });
  });

  it("are ports that something listens on, looked for where the settings say", async () => {
    let asked: number[] = [];
    const ports = { keystone: 11, placement: 12, glance: 13, neutron: 14, nova: 15 };
    await assert.rejects(
      parseSettings({ names: "t", ports }, (wanted) => {
        asked = wanted;
        return Promise.resolve({ ...ROOMY, portsInUse: [12, 15, 99] });
      }),
      (error) => {
        assert.ok(error instanceof SettingsError);
        assert.deepEqual(
          error.problems.map(({ key, value }) => [key, value]),
          [
            ["ports.placement", 12],
            ["ports.nova", 15],
          ],
        );
        assert.match(error.message, /ports\.nova is 15: is in use/);
        return true;
      },
    );
    assert.deepEqual(asked.toSorted(), [11, 12, 13, 14, 15]);
  });

  for (const networking of ["ovn", "ovs"]) {
    it(`are more computes than fit in its memory, with the figures (${networking})`, async () => {
      const memoryMb = 8000;
      const error = await refusal({ computes: 500, networking }, { memoryMb });
      const [problem] = error.problems;
      assert.equal(problem?.key, "computes");
      const [, needed, most] =
        /needs about (\d+) MiB .* has 8000; at most (\d+) fit/.exec(problem.message) ?? [];
      assert.ok(Number(needed) > 500 * 100, problem.message);
      // What the message promises is true, and the next one is refused.
      await parse({ computes: Number(most), networking }, { memoryMb });
      const next = await refusal({ computes: Number(most) + 1, networking }, { memoryMb });
      assert.equal(next.problems[0]?.key, "computes");
      assert.ok(Number(most) > 10 && Number(most) < 60);
    });
  }
});

describe("what docker has already", () => {
  it("must not have a name that the stack gives to its own", async () => {
    for (const taken of ["t", "t-mariadb", "t-compute-2"]) {
      const { problems, message } = await refusal(
        { computes: 3 },
        { foreignNames: ["other", taken] },
      );
      assert.deepEqual(
        problems.map(({ key }) => key),
        ["names"],
        taken,
      );
      assert.ok(message.includes(`leads to the name ${taken}, `), message);
    }
  });

  it("must not have a name that a TripleO stack gives to its own, and may have those of a standalone one", () => {
    const settings = settingsOf({ controlPlane: "tripleo", computes: 1 });
    const isRefused = (taken: string) =>
      checkHost(settings, { ...ROOMY, foreignNames: [taken] }).some(({ key }) => key === "names");
    assert.deepEqual(["t", "t-passage", "t-compute-0", "t-mariadb", "t-compute-1"].map(isRefused), [
      ...[true, true, true, false, false],
    ]);
  });

  it("may have names that only look alike", async () => {
    const foreignNames = ["t-compute-3", "t-compute-03", "t-postgres", "tt", "at-mariadb"];
    await parse({ computes: 3 }, { foreignNames });
  });

  it("says what a deployed stack was made for, which stays", async () => {
    const living = {
      name: "t",
      networking: "ovn",
      cidr: "10.79.0.0/20",
      tenantCidr: "10.100.0.0/16",
    };
    await parse({ computes: 9 }, { living });
    const { problems, message } = await refusal(
      { names: "u", networking: "ovs", network: { cidr: "10.80.0.0/20" } },
      { living: { ...living, tenantCidr: "10.99.0.0/16" } },
    );
    assert.deepEqual(problems.map(({ key }) => key).sort(), [
      "names",
      "network.cidr",
      "network.tenantCidr",
      "networking",
    ]);
    assert.match(message, /networking is "ovs": .* deployed with ovn: .*`pulumi destroy` first/);
  });
});

describe("several problems", () => {
  it("of single values are all reported", async () => {
    const error = await refusal({
      computes: -5,
      names: "Bad",
      scaleDown: "x",
      compute: { vcpus: 0, memoryMb: 1, extra: 1 },
      network: { cidr: "nonsense", tenantCidr: "10.0.0.1/8" },
      ports: { nova: 70000 },
      typo: 1,
    });
    assert.deepEqual(error.problems.map(({ key }) => key).sort(), [
      "compute.extra",
      "compute.memoryMb",
      "compute.vcpus",
      "computes",
      "names",
      "network.cidr",
      "network.tenantCidr",
      "ports.nova",
      "scaleDown",
      "typo",
    ]);
    assert.match(error.message, /has 10 problems:\n/);
    assert.equal(error.message.split("\n").length, 11);
  });

  it("of every kind are reported together: single values, between keys, and with the machine", async () => {
    const error = await refusal(
      {
        computes: -1,
        typo: 1,
        ports: { keystone: 5001, nova: 5001 },
        network: { tunnelCidr: "10.79.0.0/24" },
      },
      { portsInUse: [9292], routes: [{ cidr: "10.79.0.0/24", device: "eth1" }] },
    );
    assert.deepEqual(error.problems.map(({ key }) => key).sort(), [
      "computes",
      "network.cidr",
      "network.tunnelCidr",
      "network.tunnelCidr",
      "ports.glance",
      "ports.nova",
      "typo",
    ]);
  });

  it("never blame a key for a value that was wrong by itself, nor for a default in its place", async () => {
    const error = await refusal(
      {
        computes: "abc",
        // Would overlap the default of the network that is wrong, and be too small for the default count.
        network: { cidr: "10.79.0.0/99", tunnelCidr: "10.79.0.0/26" },
        compute: { reportIntervalSeconds: 0, downTimeSeconds: 2 },
      },
      { memoryMb: 100 },
    );
    assert.deepEqual(error.problems.map(({ key }) => key).sort(), [
      "compute.reportIntervalSeconds",
      "computes",
      "network.cidr",
    ]);
  });

  it("never blame the defaults of a block that is no block", async () => {
    const routes = [{ cidr: "10.79.0.0/24", device: "eth1" }];
    const error = await refusal({ network: "none", ports: [] }, { routes, portsInUse: [5000] });
    assert.deepEqual(error.problems.map(({ key }) => key).sort(), ["network", "ports"]);
  });

  it("of the settings are reported even where the machine can't be looked at", async () => {
    const fails = () => Promise.reject(new Error("The docker daemon does not answer"));
    await assert.rejects(
      parseSettings({ names: "t", ports: { nova: 5000 } }, fails),
      (error) => error instanceof SettingsError && error.problems[0]?.key === "ports.nova",
    );
    await assert.rejects(parseSettings({ names: "t" }, fails), {
      message: "The docker daemon does not answer",
    });
  });
});

describe("settings that are right", () => {
  it("need no key but names", async () => {
    const { names, libvirt, infrared, overcloud, ...settings } = await parse({});
    assert.equal(names, "t");
    // What they default to is their own tests' affair.
    for (const block of [libvirt, infrared, overcloud]) assert.notDeepEqual(block, {});
    assert.deepEqual(settings, {
      controlPlane: "standalone",
      computes: 3,
      networking: "ovn",
      compute: {
        vcpus: 32,
        memoryMb: 131072,
        diskGb: 2000,
        bootDelaySeconds: 0,
        sharing: "none",
        reportIntervalSeconds: 10,
        downTimeSeconds: 60,
      },
      scaleDown: "refuse",
      network: {
        cidr: "10.79.0.0/20",
        tunnelCidr: "10.79.16.0/20",
        tenantCidr: "10.100.0.0/16",
      },
      ports: { keystone: 5000, placement: 8778, glance: 9292, neutron: 9696, nova: 8774 },
      tls: false,
      hosts: [],
      standalone: {
        placement: "containers",
        node: { vcpus: 2, memoryMb: 4096, dataGb: 10 },
      },
      baremetal: 0,
      steps: [],
      skip: [],
      confirm: { rebuildVms: "", cleanupInfrared: "" },
      playbooks: [],
    });
  });

  it("keep the other defaults of a block of which one key is set", async () => {
    const settings = await parse({ compute: { vcpus: 8 }, ports: { nova: 9000 } });
    assert.equal(settings.compute.memoryMb, 131072);
    assert.equal(settings.ports.keystone, 5000);
    assert.equal(settings.ports.nova, 9000);
  });

  it("may lie at the ends of their ranges", async () => {
    for (const raw of [
      { computes: 0 },
      { computes: 1000 },
      { names: "l" },
      { names: "l".repeat(40) },
      { names: "a-1-b" },
      { ports: { nova: 65535, keystone: 1 } },
    ]) {
      await parse(raw);
    }
  });

  it("can't be changed afterwards, at no level", async () => {
    const settings = (await parse({})) as { computes: number; network: { cidr: string } };
    assert.throws(() => (settings.computes = 9), TypeError);
    assert.throws(() => (settings.network.cidr = "x"), TypeError);
    assert.throws(() => Object.assign(settings, { more: 1 }), TypeError);
  });

  it("leave what they were parsed from as it was", async () => {
    const raw = { names: "t", compute: { vcpus: 4 } };
    const settings = await parse(raw);
    raw.compute.vcpus = 5;
    assert.equal(settings.compute.vcpus, 4);
  });
});

describe("settings that end up where a character has a meaning", () => {
  const problems = async (raw: Raw) => (await refusal(raw)).message.split("\n").slice(1);
  const tripleo = (raw: Record<string, unknown>) => ({
    ...{
      controlPlane: "tripleo",
      libvirt: { image: { source: "/i" }, ...(raw["libvirt"] as object) },
    },
    ...{ infrared: raw["infrared"] ?? {}, overcloud: raw["overcloud"] ?? {} },
  });

  it("are refused where they would be more than one option, argument, folder or package", async () => {
    for (const [key, raw] of [
      ["libvirt.uri", { libvirt: { uri: "qemu:///system\npassword = x" } }],
      ["libvirt.pool", { libvirt: { pool: "/" } }],
      ["libvirt.pool", { libvirt: { pool: "/var/lib/../../etc" } }],
      ["infrared.source.repository", { infrared: { source: { repository: "--upload-pack=x" } } }],
      ["infrared.source.revision", { infrared: { source: { revision: "-f" } } }],
      ["infrared.pins.ansible", { infrared: { pins: { ansible: "2\n--index-url=http://x" } } }],
      ["infrared.undercloud.domain", { infrared: { undercloud: { domain: "{{ x }}" } } }],
      ["overcloud.ntpServers.0", { overcloud: { ntpServers: ["--debug"] } }],
      ["overcloud.environmentFiles.0", { overcloud: { environmentFiles: ["/not/there.yaml"] } }],
    ] as const) {
      const lines = await problems(tripleo(raw));
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.ok(lines[0]?.startsWith(`  overcloud:${key}`), lines[0]);
    }
  });

  it("are refused where networks are nobody's, or more addresses than a network can keep", async () => {
    for (const cidr of [
      "127.0.0.0/16",
      "0.0.0.0/16",
      "169.254.0.0/20",
      "240.0.0.0/16",
      "0.0.0.0/0",
    ]) {
      const [line] = await problems({ network: { cidr } });
      assert.match(line ?? "", /^ {2}overcloud:network\.cidr is .* must be a network for machines/);
    }
    const dhcp = { start: "10.0.0.2", end: "10.255.255.0" };
    const [line] = await problems({
      standalone: { placement: "node" },
      network: { cidr: "172.20.0.0/20", tunnelCidr: "172.20.16.0/20", tenantCidr: "172.21.0.0/16" },
      libvirt: { networks: { external: { cidr: "10.0.0.0/8", dhcp } } },
    });
    assert.match(line ?? "", /external\.dhcp is .* must have at most 4096 addresses/);
  });

  it("are refused where half of a range is missing, or nothing ends their levels", async () => {
    const half = { networks: { external: { dhcp: { start: "192.168.22.9" } } } };
    const [line] = await problems({ libvirt: half });
    assert.match(line ?? "", /^ {2}overcloud:libvirt\.networks\.external\.dhcp\.end: must be/);
    const deep: unknown = JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`);
    assert.deepEqual(await problems({ playbooks: deep }), [
      "  overcloud:playbooks: must not have more than 64 levels of lists and objects",
    ]);
  });

  it("are shown as what they are", async () => {
    const [line] = await problems({ "a\u2028b\u202e": 1 });
    assert.match(line ?? "", /^ {2}overcloud:a\\u2028b\\u202e: is not a setting/);
  });
});
