import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stackNetwork, type NetworkReach } from "../../../components/container/network.ts";

const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";
const GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv4";

const optionsOf = (reach?: NetworkReach) =>
  stackNetwork("lab", { name: "lab", cidr: "10.79.0.0/20", labels: { networking: "ovn" } }, reach)
    .options;

describe("a stack's docker network", () => {
  it("is as docker makes it, where its computes have no business beyond it", () => {
    assert.equal(optionsOf(), undefined);
    assert.equal(optionsOf({ dockerMajor: 28 }), undefined);
  });

  it("shows containers' own addresses to the machine's other networks, both ways", () => {
    for (const dockerMajor of [undefined, 20, 27]) {
      assert.deepEqual(optionsOf({ routed: true, dockerMajor }), { [MASQUERADE]: "false" });
    }
    assert.deepEqual(optionsOf({ routed: true, dockerMajor: 28 }), {
      [MASQUERADE]: "false",
      [GATEWAY_MODE]: "nat-unprotected",
    });
  });
});
