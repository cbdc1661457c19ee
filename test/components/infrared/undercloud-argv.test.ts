import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkArgv } from "../../../components/infrared/contract.ts";
import { localImages } from "../../../components/infrared/images.ts";
import { undercloudArgv, undercloudVars } from "../../../components/infrared/undercloud-argv.ts";
import { EVERY_TARGET, infraredSettings, nameOf, rdo, rhel } from "../../support/infrared.ts";

const FILES = { inventory: "/ws/hosts-prov", vars: "/ir/vars.yml" };
const argvOf = (target = rdo("train"), raw: object = {}) =>
  undercloudArgv(infraredSettings(raw), target, FILES);
const varsOf = (target = rdo("train"), raw: object = {}) =>
  undercloudVars(infraredSettings(raw), target);

const COMMON = [
  "--registry-undercloud-skip=yes",
  "--ntp-server=pool.ntp.org",
  "--overcloud-domain=localdomain",
  "--selinux=enforcing",
  "--config-options=DEFAULT.enable_telemetry=false",
  "--extra-vars=@/ir/vars.yml",
  "--ansible-args=skip-tags=shade",
  "--output=/dev/null",
];
const IMPORT = ["--images-task=import", "--images-url=file:///var/tmp/overcloud-images"];
const RPM = ["--images-task=rpm", "--enable-testing-repos=all"];

/** What each release is installed with; the order is of no matter. */
const TABLE: Record<string, { options: string[]; vars: object }> = {
  queens: { options: IMPORT, vars: { rr_use_public_repos: true, rr_release_name: "queens" } },
  rocky: {
    options: IMPORT,
    vars: { rr_use_public_repos: true, rr_release_name: "rocky", insecure_registry_hosts: [] },
  },
  stein: {
    options: IMPORT,
    vars: { rr_use_public_repos: true, rr_release_name: "stein", insecure_registry_hosts: [] },
  },
  train: {
    options: IMPORT,
    vars: { rr_use_public_repos: true, rr_release_name: "train", insecure_registry_hosts: [] },
  },
  wallaby: {
    options: IMPORT,
    vars: {
      rr_use_public_repos: true,
      rr_release_name: "wallaby",
      rr_rdo_repos: {
        default: {
          delorean: {
            url: "https://trunk.rdoproject.org/centos8-wallaby/current-tripleo-rdo/delorean.repo",
          },
          delorean_deps: {
            url: "https://trunk.rdoproject.org/centos8-wallaby/delorean-deps.repo",
          },
        },
      },
      insecure_registry_hosts: [],
    },
  },
  ...Object.fromEntries(
    ["13", "14", "15", "16", "16.1", "16.2", "17", "17.1"].map((version) => [
      `rhel ${version}`,
      { options: RPM, vars: {} },
    ]),
  ),
};

describe("the command that installs an undercloud", () => {
  for (const target of EVERY_TARGET) {
    it(`is this for ${nameOf(target)}`, () => {
      const { options, vars } = TABLE[nameOf(target)] ?? assert.fail();
      const [command, verbose, ...argv] = argvOf(target);
      assert.deepEqual([command, verbose], ["tripleo-undercloud", "-vv"]);
      const version = target.distribution === "rdo" ? target.release : target.version;
      assert.deepEqual(
        argv.toSorted(),
        [`--version=${version}`, "--inventory=/ws/hosts-prov", ...options, ...COMMON].toSorted(),
      );
      assert.deepEqual(varsOf(target), vars);
      assert.deepEqual(checkArgv(argvOf(target)), []);
    });
  }

  it("takes rhel's number where there is no exact version", () => {
    const target = { ...rhel("16"), version: undefined };
    assert.ok(argvOf(target).includes("--version=16"));
  });

  it("has every setting in its place", () => {
    const raw = {
      undercloud: {
        imagesTask: "build",
        imagesUrl: "https://images.example/base.qcow2",
        registry: {
          mirror: "registry.example:5000",
          namespace: "tripleotrain",
          tag: "current",
          username: "robot",
          passwordFile: "/secret",
          undercloudSkip: false,
          insecure: ["registry.example:5000"],
        },
        nameservers: ["192.0.2.1", "192.0.2.2"],
        ntpServers: ["a.example", "b.example"],
        domain: "cloud.example",
        configOptions: { "DEFAULT.enable_ui": false, "DEFAULT.enable_telemetry": true },
        configFile: "/undercloud.conf.j2",
        build: "current-tripleo",
        reposUrls: ["https://a.example/a.repo", "https://b.example/b.repo"],
        reposSkipRelease: true,
        ssl: true,
        selinux: "permissive",
        extraVars: { custom: { deep: [1] } },
        extraArgs: ["--boot-mode=uefi"],
        skipTags: [],
        verbosity: 0,
      },
    };
    const argv = argvOf(rdo("stein"), raw);
    assert.deepEqual(argv, [
      "tripleo-undercloud",
      "--version=stein",
      "--inventory=/ws/hosts-prov",
      "--images-task=build",
      "--images-url=https://images.example/base.qcow2",
      "--registry-mirror=registry.example:5000",
      "--registry-namespace=tripleotrain",
      "--registry-tag=current",
      "--registry-username=robot",
      "--registry-undercloud-skip=no",
      "--build=current-tripleo",
      "--repos-urls=https://a.example/a.repo,https://b.example/b.repo",
      "--repos-skip-release=yes",
      "--ntp-server=a.example,b.example",
      "--overcloud-domain=cloud.example",
      "--config-file=/undercloud.conf.j2",
      "--ssl=yes",
      "--selinux=permissive",
      "--config-options=DEFAULT.enable_telemetry=true",
      "--config-options=DEFAULT.undercloud_nameservers=192.0.2.1,192.0.2.2",
      "--config-options=DEFAULT.enable_ui=false",
      "--extra-vars=@/ir/vars.yml",
      "--output=/dev/null",
      "--boot-mode=uefi",
    ]);
    assert.deepEqual(checkArgv(argv), []);
    assert.deepEqual(varsOf(rdo("stein"), raw), {
      rr_use_public_repos: true,
      rr_release_name: "stein",
      insecure_registry_hosts: ["registry.example:5000"],
      custom: { deep: [1] },
    });
  });

  it("moves undercloud.conf to another provisioning network", () => {
    const argv = argvOf({ ...rdo("train"), provisioningCidr: "10.79.96.0/24" });
    const options = argv.flatMap((word) => /^--config-options=(.*)$/.exec(word)?.[1] ?? []);
    assert.deepEqual(options, [
      "DEFAULT.enable_telemetry=false",
      "DEFAULT.local_ip=10.79.96.1/24",
      "DEFAULT.undercloud_public_host=10.79.96.2",
      "DEFAULT.undercloud_admin_host=10.79.96.3",
      "ctlplane-subnet.cidr=10.79.96.0/24",
      "ctlplane-subnet.dhcp_start=10.79.96.5",
      "ctlplane-subnet.dhcp_end=10.79.96.55",
      "ctlplane-subnet.gateway=10.79.96.1",
      "ctlplane-subnet.inspection_iprange=10.79.96.100,10.79.96.120",
    ]);
    assert.deepEqual(argvOf({ ...rdo("train"), provisioningCidr: "192.168.24.0/24" }), argvOf());
  });

  it("names no other repository when its folder is set", () => {
    const raw = { images: { repositoryUrl: "https://mirror.example/train", tag: "today" } };
    assert.deepEqual(varsOf(rdo("train"), raw)["rr_rdo_repos"], {
      default: {
        delorean: { url: "https://mirror.example/train/today/delorean.repo" },
        delorean_deps: { url: "https://mirror.example/train/delorean-deps.repo" },
      },
    });
  });
});

describe("images of the overcloud", () => {
  const imagesOf = (target = rdo("train"), raw: object = {}) =>
    localImages(infraredSettings(raw), target);

  it("are those of the release's repository for rdo", () => {
    const plan = imagesOf(rdo("stein"));
    assert.deepEqual(plan?.names, ["ironic-python-agent.tar", "overcloud-full.tar"]);
    assert.deepEqual(plan?.byHash, {
      repository: "https://trunk.rdoproject.org/centos7-stein/current-tripleo-rdo/delorean.repo",
      images: "https://images.rdoproject.org/stein/rdo_trunk",
    });
    assert.deepEqual(imagesOf(rdo("wallaby"))?.names, [
      "ironic-python-agent.tar",
      "overcloud-hardened-uefi-full.qcow2",
    ]);
  });

  it("come from the folder that is set, under the names that are set", () => {
    const raw = {
      undercloud: { imagesTask: "import" },
      images: { url: "file:///images/", names: ["all.tar"], target: "/srv/images" },
    };
    const plan = imagesOf(rhel("16.2"), raw);
    assert.equal(plan?.url, "file:///images");
    assert.equal(plan?.byHash, undefined);
    assert.deepEqual(plan?.names, ["all.tar"]);
    assert.equal(plan?.targetUrl, "file:///srv/images");
    assert.ok(argvOf(rhel("16.2"), raw).includes("--images-url=file:///srv/images"));
  });

  it("are not downloaded where they come from packages, from elsewhere, or nobody says where from", () => {
    assert.equal(imagesOf(rhel("13")), undefined);
    assert.equal(imagesOf(rhel("13"), { undercloud: { imagesTask: "import" } }), undefined);
    const raw = { undercloud: { imagesUrl: "https://images.example" } };
    assert.equal(imagesOf(rdo("train"), raw), undefined);
  });
});
