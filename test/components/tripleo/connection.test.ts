import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectionOf } from "../../../components/tripleo/connection.ts";
import type { Harvest } from "../../../components/tripleo/harvest.ts";
import { parseIni } from "../../support/ini.ts";
import { settingsOf } from "../../support/settings.ts";

const real: Harvest = {
  nova: [
    "[DEFAULT]",
    "host=overcloud-novacompute-0.localdomain",
    "my_ip = 10.0.20.15",
    "transport_url=rabbit://guest:secret@overcloud-controller-0.internalapi.localdomain:5672/?ssl=0",
    "compute_driver=libvirt.LibvirtDriver",
    "state_path=/var/lib/nova",
    "[api_database]",
    "connection=mysql+pymysql://nova_api:secret@10.0.20.10/nova_api",
    "[libvirt]",
    "host=not the one meant",
    "",
  ].join("\n"),
  neutron:
    "[DEFAULT]\nhost=overcloud-novacompute-0.localdomain\ntransport_url=rabbit://guest:secret@10.0.20.10\n",
  agent: "[ovs]\nbridge_mappings=datacentre:br-ex\n[agent]\ntunnel_types=vxlan\n",
  hosts: [
    "127.0.0.1 localhost localhost.localdomain",
    "::1 localhost6",
    "# made by the deployment",
    "10.0.20.10  overcloud.internalapi.localdomain",
    "10.0.20.12 overcloud-controller-0.localdomain overcloud-controller-0",
    "",
  ].join("\n"),
  ovnRemote: "tcp:10.0.20.10:6642",
};

const connect = (raw: Record<string, unknown> = {}, harvest: Partial<Harvest> = {}) =>
  connectionOf(settingsOf(raw), { ...real, ...harvest });

describe("what a simulated compute takes of a real one", () => {
  it("is its configuration, without what is the real compute's own", () => {
    const nova = connect().nova["/etc/nova/nova.conf.d/40-overcloud.conf"] ?? "";
    const { DEFAULT, libvirt, ...rest } = parseIni(nova);
    assert.deepEqual(Object.keys(DEFAULT ?? {}).sort(), [
      "compute_driver",
      "state_path",
      "transport_url",
    ]);
    assert.deepEqual(libvirt, { host: "not the one meant" });
    // Not even its header: nova-compute would refuse to start.
    assert.deepEqual(rest, {});
    assert.doesNotMatch(nova, /api_database/);
  });

  it("is overruled by what the simulation is like: later files win", () => {
    const files = Object.keys(connect().nova).sort();
    const last = parseIni(connect({ compute: { vcpus: 7 } }).nova[files.at(-1) ?? ""] ?? "");
    assert.equal(last["DEFAULT"]?.["compute_driver"], "overcloud_simulation.SimulatedDriver");
    assert.equal(last["simulation"]?.["vcpus"], "7");
  });

  it("knows the names that the overcloud's files use, and no name of the real machine's own", () => {
    assert.deepEqual(connect().hosts, [
      { host: "overcloud.internalapi.localdomain", ip: "10.0.20.10" },
      { host: "overcloud-controller-0.localdomain", ip: "10.0.20.12" },
      { host: "overcloud-controller-0", ip: "10.0.20.12" },
    ]);
  });

  it("has OVN's remote, or the agent's files, as the networking wants it", () => {
    assert.equal(connect({ networking: "ovn" }).ovnRemote, "tcp:10.0.20.10:6642");
    const { agent, ovnRemote } = connect({ networking: "ovs" });
    assert.equal(ovnRemote, undefined);
    const [first = "", second = ""] = Object.keys(agent).sort();
    const taken = parseIni(agent[first] ?? "");
    assert.equal(taken["agent"]?.["tunnel_types"], "vxlan");
    // An agent with the real compute's name would be that one's for neutron.
    assert.deepEqual(Object.keys(taken["DEFAULT"] ?? {}), ["transport_url"]);
    assert.equal(parseIni(agent[second] ?? "")["ovs"]?.["bridge_mappings"], "");
  });

  it("is refused where the overcloud's networking is another, with the setting to change", () => {
    assert.throws(() => connect({ networking: "ovn" }, { ovnRemote: "" }), /set networking to ovs/);
    assert.throws(() => connect({ networking: "ovs" }, { agent: "" }), /set networking to ovn/);
  });
});
