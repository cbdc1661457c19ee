import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { accessOf, takeAccess } from "../../../components/tripleo/access.ts";
import { harvest, type Harvest } from "../../../components/tripleo/harvest.ts";
import { perform } from "../../support/openstack.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-tripleo-"));
after(() => rmSync(root, { recursive: true }));

/** A machine, as far as commands over ssh tell of it: its files are those of a folder, ovs-vsctl says what it is told. */
function machine(name: string, files: Record<string, string>, ovnRemote?: string): string[] {
  const folder = path.join(root, name);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  }
  const program = path.join(root, `${name}-ssh`);
  writeFileSync(
    program,
    `#!/bin/sh
shift 2 # the machine's name, and sudo
case "$1" in
  tar) shift 3; exec tar -C ${folder} "$@" ;;
  cat) exec cat "${folder}$2" ;;
  ovs-vsctl) ${ovnRemote === undefined ? "exit 1" : `echo '"${ovnRemote}"'`} ;;
  *) exit 64 ;;
esac
`,
  );
  chmodSync(program, 0o755);
  return [program, name];
}

const GENERATED = "var/lib/config-data/puppet-generated";

describe("the configuration of a real compute", () => {
  it("is read over ssh, without comments", async () => {
    const ssh = machine(
      "compute-0",
      {
        [`${GENERATED}/nova_libvirt/etc/nova/nova.conf`]:
          "# comment\n[DEFAULT]\n\n#host=x\nhost=a  \n",
        [`${GENERATED}/neutron/etc/neutron/neutron.conf`]: "[DEFAULT]\ntransport_url=b\n",
        "etc/hosts": "10.0.0.1 one\n",
      },
      "tcp:10.0.0.9:6642",
    );
    const { result, reports } = await perform(harvest, { ssh });
    assert.deepEqual(result, {
      nova: "[DEFAULT]\nhost=a\n",
      neutron: "[DEFAULT]\ntransport_url=b\n",
      agent: "",
      hosts: "10.0.0.1 one\n",
      ovnRemote: "tcp:10.0.0.9:6642",
    });
    assert.deepEqual(reports, ["took 3 files of compute-0, which runs OVN"]);
  });

  it("has no remote where there is no OVN", async () => {
    const ssh = machine("agent", { [`${GENERATED}/nova_libvirt/etc/nova/nova.conf`]: "[a]\n" });
    assert.equal(((await perform(harvest, { ssh })).result as Harvest).ovnRemote, "");
  });

  it("can't be had of a machine that is no compute, which is said", async () => {
    const ssh = machine("controller-0", { "etc/hosts": "10.0.0.1 one\n" });
    await assert.rejects(
      perform(harvest, { ssh }),
      /^Error: controller-0 has no .*nova\.conf: it is no/,
    );
  });
});

describe("access to an overcloud", () => {
  const rc = [
    "# Clear any old environment",
    "for key in $( set | awk '{FS=\"=\"}  /^OS_/ {print $1}' ); do unset $key ; done",
    "export OS_NO_CACHE=True",
    "export OS_AUTH_TYPE=password",
    "export OS_PASSWORD=s3cr3t",
    "export OS_AUTH_URL=http://10.0.10.10:5000",
    "export OS_USERNAME=admin",
    "",
  ].join("\n");

  it("is what the deployment left on the undercloud, whatever its URL ends with", () => {
    for (const end of ["", "/", "/v2.0", "/v3", "//v3", "/v3/"]) {
      const text = rc.replace(":5000", `:5000${end}`);
      assert.deepEqual(accessOf(text, "lab", "rc"), {
        cloud: "lab",
        authUrl: "http://10.0.10.10:5000/v3",
        adminPassword: "s3cr3t",
      });
    }
    const quoted = rc.replace("=s3cr3t", "='with spaces'");
    assert.equal(accessOf(quoted, "lab", "rc").adminPassword, "with spaces");
  });

  it("names what the file lacks", () => {
    assert.throws(() => accessOf("export OS_PASSWORD=x\n", "lab", "/home/stack/rc"), {
      message: "/home/stack/rc sets no OS_AUTH_URL",
    });
  });

  it("is written for the user alone, as files that clients take", async () => {
    const ssh = machine("undercloud-0", { "home/stack/overcloudrc": rc });
    const directory = path.join(root, "out");
    const microversions = { compute: "2.60", placement: "1.17" };
    const rcFile = "/home/stack/overcloudrc";
    const args = { ssh, rcFile, cloud: "lab", microversions, directory };
    const { result } = await perform(takeAccess, args);
    assert.deepEqual(result, { authUrl: "http://10.0.10.10:5000/v3" });
    for (const file of ["clouds.yaml", "openrc"]) {
      assert.equal(statSync(path.join(directory, file)).mode & 0o777, 0o600, file);
    }
    assert.match(readFileSync(path.join(directory, "clouds.yaml"), "utf8"), /password: s3cr3t/);
    // What an older overcloud does not speak, it answers with 406.
    assert.match(
      readFileSync(path.join(directory, "clouds.yaml"), "utf8"),
      /compute_default_microversion: "2\.60"/,
    );
    const sourced = execFileSync("sh", ["-c", `. ${directory}/openrc && echo $OS_AUTH_URL`]);
    assert.equal(sourced.toString().trim(), "http://10.0.10.10:5000/v3");
  });
});
