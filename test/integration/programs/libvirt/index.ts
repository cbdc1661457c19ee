import * as libvirt from "@pulumi/libvirt";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const prefix = config.require("prefix");

const provider = new libvirt.Provider("hypervisor", { uri: "qemu:///system" });
const options = { provider, deleteBeforeReplace: true };

const network = new libvirt.Network(
  "network",
  {
    name: `${prefix}-network`,
    bridge: "virbr-octest",
    mode: "none",
    addresses: ["10.79.112.0/24"],
    dhcp: { enabled: false },
    autostart: false,
  },
  options,
);

const pool = new libvirt.Pool(
  "pool",
  { name: `${prefix}-pool`, type: "dir", target: { path: config.require("poolPath") } },
  options,
);

const volume = new libvirt.Volume(
  "volume",
  { name: `${prefix}-disk`, pool: pool.name, size: 16 * 1024 * 1024, format: "qcow2" },
  options,
);

const domain = new libvirt.Domain(
  "domain",
  {
    name: `${prefix}-domain`,
    type: config.require("domainType"),
    memory: 128,
    vcpu: 1,
    disks: [{ volumeId: volume.id }],
    networkInterfaces: [{ networkId: network.id, mac: "52:54:00:6f:63:01", waitForLease: false }],
    running: true,
  },
  options,
);

export const domainName = domain.name;
