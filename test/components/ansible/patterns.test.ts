import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { namesIn, unknownNames } from "../../../components/ansible/patterns.ts";

const names = namesIn(`
all:
  children:
    computes: { children: { simulated_computes: {} } }
    simulated_computes: { hosts: { compute-0: {}, compute-1: {} } }
    control_plane: { hosts: { nova-api: { address: 10.0.0.1 } } }
    baremetal: { hosts: {} }
    empty:
`);

describe("names in patterns of hosts", () => {
  it("are hosts and groups of the inventory, and what ansible adds", () => {
    for (const pattern of [
      ...["all", "localhost", "compute-0", "computes", "baremetal", "empty", ""],
      ...["computes:!compute-1", "compute-0,nova-api", "all:&computes", "simulated_computes[0:1]"],
      ...["simulated_computes[0]", "compute-*", "~compute-[0-9]", "@file.retry", "{{ where }}"],
    ]) {
      assert.deepEqual(unknownNames(pattern, names), [], pattern);
    }
  });

  it("are told when they are unknown, however many known ones there are", () => {
    assert.deepEqual(unknownNames("computs", names), ["computs"]);
    assert.deepEqual(unknownNames("compute-0,compute-7:!nova", names), ["compute-7", "nova"]);
    assert.deepEqual(unknownNames("vms[0]", names), ["vms"]);
  });
});
