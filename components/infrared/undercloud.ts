import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { InfraredSettings } from "../../config/infrared.ts";
import { Step } from "../step/step.ts";
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
  /** Which steps to have. Default: all that there is something to do for. */
  steps?: (step: UndercloudStep) => boolean;
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
    const has = args.steps ?? (() => true);
    const machine = pulumi.output(args.rerunOn ?? []);
    const first: pulumi.Resource[] = [];
    const manifest = path.join(home, "images.json");
    const plan = localImages(settings, target);

    if (plan && has("download_images")) {
      const download = new Step(
        "download_images",
        {
          directory,
          run: {
            action: "infrared/download",
            args: { images: plan, manifest },
            timeoutSeconds: 60 * images.timeoutMinutes,
          },
        },
        // The manifest is in the workspace's home.
        { parent: this, dependsOn: [workspace] },
      );
      if (has("upload_images")) {
        const upload = new Step(
          "upload_images",
          {
            directory,
            run: {
              action: "infrared/upload",
              args: { manifest, sshConfig, host, target: plan.target },
              timeoutSeconds: 60 * images.timeoutMinutes,
            },
            rerunOn: pulumi.all([download.result, machine]).apply(([one, rest]) => [one, ...rest]),
          },
          { parent: this, dependsOn: [download] },
        );
        first.push(upload);
      }
    }

    if (preUndercloud.playbook !== undefined && has("pre_undercloud")) {
      const hook = new Step(
        "pre_undercloud",
        {
          directory,
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
        },
        { parent: this, dependsOn: [workspace] },
      );
      first.push(hook);
    }

    this.ready = workspace;
    if (has("deploy_undercloud")) {
      const varsFile = path.join(home, "undercloud-vars.json");
      const folder = infraredPaths(home).workspaceOf(workspace.workspace);
      const inventory = path.join(folder, PROVISIONED);
      this.ready = new Step(
        "deploy_undercloud",
        {
          directory,
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
        { parent: this, dependsOn: [workspace, ...first] },
      );
    }
    this.registerOutputs({});
  }
}
