/** Name of the stack that is measured. */
export const STACK = "itest-bench";

/** Networks and ports of its own, so that it can be up beside others; the ports are below those that the kernel hands out by itself. */
export const APART = {
  "network.cidr": "10.79.160.0/20",
  "network.tunnelCidr": "10.79.176.0/20",
  "network.tenantCidr": "10.103.0.0/16",
  "ports.keystone": 25000,
  "ports.placement": 28778,
  "ports.glance": 29292,
  "ports.neutron": 29696,
  "ports.nova": 28774,
};
