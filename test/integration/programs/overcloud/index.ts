import * as pulumi from "@pulumi/pulumi";
import { planBmcs } from "../../../../components/bmc/plan.ts";
import { Overcloud, playbookHash } from "../../../../components/overcloud/overcloud.ts";
import { overcloudSchema } from "../../../../config/overcloud.ts";
import { planOf } from "../../../support/tripleo/hosts.ts";

const config = new pulumi.Config();
const sysctl = config.get("sysctl");

const plan = planOf({ controllers: 1, computes: 1 });

new Overcloud("overcloud", {
  settings: {
    overcloud: overcloudSchema.parse({ ...(sysctl && { sysctls: { "vm.swappiness": sysctl } }) }),
    steps: (config.get("steps") ?? "").split(",").filter(Boolean),
    skip: [],
    confirm: { rebuildVms: "", cleanupInfrared: "" },
  },
  plan,
  bmcs: planBmcs(plan, overcloudSchema.parse({}).bmc),
  libvirtUri: "qemu:///system",
  tunnelCidr: "10.79.16.0/20",
  outputDirectory: config.require("outputDirectory"),
  epoch: "1",
  inventory: config.require("inventory"),
  files: { sshKey: "/root/keys/id_ed25519", bmcPassword: config.require("bmcPassword") },
  playbookHash: await playbookHash(),
  userFilesHash: "",
  after: {},
  nodeIds: {},
});
