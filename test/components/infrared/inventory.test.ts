import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { infraredInventory, WORKSPACE } from "../../../components/infrared/inventory.ts";
import { NODES } from "../../support/infrared.ts";

const ACCESS = {
  keyFile: `${WORKSPACE}/id_rsa`,
  undercloudUser: "cloud-user",
  overcloudUser: "root",
};

describe("Infrared's inventory", () => {
  it("is this", () => {
    const ssh =
      "'-o BatchMode=yes -o ServerAliveInterval=30 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null'";
    const host = (name: string, address: string, user: string) =>
      `${name} ansible_host=${address} ansible_connection=ssh ansible_user=${user} ` +
      `ansible_ssh_private_key_file=%%workspace_dir%%/id_rsa ansible_ssh_common_args=${ssh}`;
    assert.equal(
      infraredInventory(NODES, ACCESS),
      `localhost ansible_connection=local
${host("undercloud-0", "192.168.22.10", "cloud-user")}
${host("controller-0", "192.168.22.11", "root")}
${host("compute-0", "192.168.22.14", "root")}
${host("compute-1", "192.168.22.15", "root")}

[local]
localhost

[undercloud]
undercloud-0

[tester]
undercloud-0

[shade]
undercloud-0

[openstack_nodes]
undercloud-0
controller-0
compute-0
compute-1

[overcloud_nodes]
controller-0
compute-0
compute-1

[controller]
controller-0

[compute]
compute-0
compute-1

[network]
controller-0
`,
    );
  });

  it("names the undercloud's Python where it is told", () => {
    const text = infraredInventory(NODES, { ...ACCESS, undercloudPython: "/usr/bin/python3" });
    const lines = text.split("\n").filter((line) => line.includes("ansible_python_interpreter="));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /^undercloud-0 .*ansible_python_interpreter=\/usr\/bin\/python3$/);
  });

  it("has no line for what is not there", () => {
    const text = infraredInventory(NODES.slice(0, 1), ACCESS);
    assert.match(text, /\[overcloud_nodes\]\n\n\[controller\]\n\n\[compute\]\n\n\[network\]\n$/);
  });

  it("quotes what ansible would split", () => {
    const text = infraredInventory(NODES, { ...ACCESS, keyFile: "/a b/it's" });
    assert.ok(text.includes(`ansible_ssh_private_key_file='/a b/it'"'"'s' `));
  });

  it("is refused without an undercloud, and with values of several lines", () => {
    assert.throws(() => infraredInventory(NODES.slice(1), ACCESS), /role undercloud/);
    assert.throws(() => infraredInventory(NODES, { ...ACCESS, keyFile: "a\nb" }), /one line/);
  });
});
