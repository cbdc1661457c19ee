import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { InfraredSettings } from "../../config/infrared.ts";
import { LEFT_OUT, Step, type StepArgs } from "../step/step.ts";
import { PROVISIONED } from "./archive.ts";
import { infraredPaths } from "./environment.ts";
import { localImages } from "./images.ts";
import type { UndercloudTarget } from "./target.ts";
import { undercloudArgv, undercloudVars } from "./undercloud-argv.ts";
import type { InfraredWorkspace } from "./workspace.ts";

/** Steps that can be left out. The workspace's can't: leaving one of them out would remove what it made. */
export const UNDERCLOUD_STEPS = [
  "download_images",
  "upload_images",
  "pre_undercloud",
  "deploy_undercloud",
] as const;
export type UndercloudStep = (typeof UNDERCLOUD_STEPS)[number];

export interface InfraredUndercloudArgs {
  settings: InfraredSettings;
  target: UndercloudTarget;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  workspace: InfraredWorkspace;
  /** Configuration of ssh that knows the undercloud by its node's name. */
  sshConfig: string;
  /** Name of the undercloud's node. */
  host: string;
  /** The program `ansible-playbook`, for the hook. */
  ansiblePlaybook: string;
  /** Password that the undercloud's user gets; secret. */
  userPassword: pulumi.Input<string>;
  /** Everything is done again when any of these changes: identity of the undercloud's machine. */
  rerunOn?: pulumi.Input<string[]>;
  /** Steps that the configuration leaves out; what they did before still counts. */
  leftOut: readonly UndercloudStep[];
}

/** The undercloud: images downloaded and brought there, the user's hook, and Infrared's installation. */
export class InfraredUndercloud extends pulumi.ComponentResource {
  /** The last step; whatever needs the undercloud depends on it. */
  readonly ready: pulumi.Resource;

  constructor(
    name: string,
    args: InfraredUndercloudArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super("overcloud:index:InfraredUndercloud", name, {}, options);
    const { settings, target, outputDirectory, workspace, sshConfig, host } = args;
    const { undercloud, images, preUndercloud } = settings;
    const { home } = workspace;
    const directory = `${outputDirectory}/logs`;
    const machine = pulumi.output(args.rerunOn ?? []);
    const first: Step[] = [];
    const manifest = path.join(home, "images.json");
    const plan = localImages(settings, target);
    const step = (
      each: UndercloudStep,
      what: Omit<StepArgs, "directory">,
      dependsOn: Step[] = [],
    ) =>
      new Step(
        each,
        { directory, ...(args.leftOut.includes(each) ? LEFT_OUT : what) },
        { parent: this, dependsOn: [workspace, ...dependsOn] },
      );

    if (plan) {
      const limit = { timeoutSeconds: 60 * images.timeoutMinutes };
      // The manifest is in the workspace's home.
      const download = step("download_images", {
        run: { action: "infrared/download", args: { images: plan, manifest }, ...limit },
      });
      const upload = { manifest, sshConfig, host, target: plan.target };
      first.push(
        step(
          "upload_images",
          {
            run: { action: "infrared/upload", args: upload, ...limit },
            rerunOn: pulumi.all([download.result, machine]).apply(([one, rest]) => [one, ...rest]),
          },
          [download],
        ),
      );
    }

    if (preUndercloud.playbook !== undefined) {
      first.push(
        step("pre_undercloud", {
          run: {
            action: "infrared/hook",
            args: {
              ansiblePlaybook: args.ansiblePlaybook,
              inventory: workspace.inventories.provisioned,
              playbook: preUndercloud.playbook,
              extraVars: preUndercloud.extraVars,
            },
            timeoutSeconds: 60 * preUndercloud.timeoutMinutes,
          },
          rerunOn: machine,
        }),
      );
    }

    const varsFile = path.join(home, "undercloud-vars.json");
    const inventory = path.join(infraredPaths(home).workspaceOf(workspace.workspace), PROVISIONED);
    this.ready = step(
      "deploy_undercloud",
      {
        run: {
          action: "infrared/deploy",
          args: {
            home,
            workspace: workspace.workspace,
            argv: undercloudArgv(settings, target, { inventory, vars: varsFile }),
            vars: undercloudVars(settings, target),
            varsFile,
            registryPasswordFile: undercloud.registry.passwordFile,
          },
          timeoutSeconds: 60 * undercloud.timeoutMinutes,
        },
        input: pulumi.secret(
          pulumi
            .output(args.userPassword)
            .apply((userPassword) => JSON.stringify({ userPassword })),
        ),
        rerunOn: machine,
      },
      first,
    );
    this.registerOutputs({});
  }
}
