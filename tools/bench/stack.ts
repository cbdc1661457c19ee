/** Name of the stack that is measured. */
export const STACK = "itest-bench";

/** Networks and ports of its own, so that it can be up beside others. */
export const APART = {
  "network.cidr": "10.79.160.0/20",
  "network.tunnelCidr": "10.79.176.0/20",
  "network.tenantCidr": "10.103.0.0/16",
  "ports.keystone": 35000,
  "ports.placement": 38778,
  "ports.glance": 39292,
  "ports.neutron": 39696,
  "ports.nova": 38774,
};
