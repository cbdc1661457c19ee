import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { essenceOf } from "../../tools/scratch-stack.ts";

const PREVIEW = `Previewing update (lab):

 ~  docker:index:Container compute-0 refreshing 
@ previewing update....
 ~  docker:index:Container compute-0 refresh 
    overcloud:index:Step ready  
 +  command:local:Command wait create 
    pulumi:pulumi:Stack overcloud-lab running warning: beware
 +- docker:index:Container compute-0 replace [diff: ~envs]
    pulumi:pulumi:Stack overcloud-lab  1 warning
Diagnostics:
  pulumi:pulumi:Stack (overcloud-lab):
    warning: beware

Outputs:
  + cloudsYaml : "clouds.yaml"

  + nodes      : {
      + compute-0   : "10.0.0.1"
    }

Resources:
    + 1 to create
    85 unchanged

error: no changes were expected for preview but changes were proposed
`;

/** What is told of it in any case: what would change, and what Pulumi made of that. */
const CHANGES = [
  " +  command:local:Command wait create ",
  " +- docker:index:Container compute-0 replace [diff: ~envs]",
];
const SUMMARY = [
  "Resources:",
  "    + 1 to create",
  "    85 unchanged",
  "",
  "error: no changes were expected for preview but changes were proposed",
  "",
];

const UP = `Updating (lab):

 +  command:local:Command wait creating (0s) 
 +  command:local:Command wait creating (1s) 2 of 3 computes are up
 +  command:local:Command wait created (2s) 
 +  command:local:Command deploy creating (3s) error: exit status 1
 +  command:local:Command deploy **creating failed** error: exit status 1
Diagnostics:
  command:local:Command (deploy):
    error: exit status 1: Step deploy failed: no such node
`;

describe("what is told of a failed call of pulumi", () => {
  it("is what would change, and why it failed", () => {
    assert.deepEqual(essenceOf(PREVIEW).split("\n"), [
      ...CHANGES,
      "Diagnostics:",
      "  pulumi:pulumi:Stack (overcloud-lab):",
      "    warning: beware",
      "",
      ...SUMMARY,
    ]);
  });

  it("is what failed, not what was done", () => {
    assert.deepEqual(essenceOf(UP).split("\n"), [
      " +  command:local:Command deploy creating (3s) error: exit status 1",
      " +  command:local:Command deploy **creating failed** error: exit status 1",
      "Diagnostics:",
      "  command:local:Command (deploy):",
      "    error: exit status 1: Step deploy failed: no such node",
      "",
    ]);
  });

  it("is what would change, where there are no diagnostics", () => {
    const silent = PREVIEW.replace(/Diagnostics:[^]*(?=Outputs:)/, "");
    assert.deepEqual(essenceOf(silent).split("\n"), [...CHANGES, ...SUMMARY]);
  });

  it("is everything where Pulumi began nothing", () => {
    assert.equal(essenceOf("error: no stack selected\n"), "error: no stack selected\n");
  });
});
