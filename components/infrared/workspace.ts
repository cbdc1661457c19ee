import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { InfraredSettings } from "../../config/infrared.ts";
import { Step } from "../step/step.ts";
import { UNDERCLOUD_USER } from "./deploy.ts";
import { PINS } from "./install.ts";
import { infraredInventory, INVENTORY_FILES, WORKSPACE, type InventoryNode } from "./inventory.ts";

export interface InfraredWorkspaceArgs {
  settings: InfraredSettings;
  /** Stack that the workspace belongs to. */
  stack: string;
  /** Folder for what the stack writes for its user. */
  outputDirectory: string;
  nodes: readonly InventoryNode[];
  access: {
    /** Private key of all nodes on this machine, mode 0600, with its public half beside, `.pub`. */
    keyFile: string;
    /** Who logs in to the undercloud before it is one. */
    undercloudUser: string;
    /** Who logs in to the overcloud's nodes once it is deployed. */
    overcloudUser: string;
    /** Python on the undercloud; default as in InventoryAccess. */
    undercloudPython?: string | undefined;
  };
  /** Each new value, besides the empty one, removes Infrared and all its workspaces once before it is installed. */
  cleanup: string;
  /** Changes when the key does; its fingerprint or public half. */
  key: pulumi.Input<string>;
  /** Changes when files of the stack are gone that nobody but these steps writes; see currentEpoch. */
  epoch: string;
}

/** Seconds for cloning, and for pip to install a good hundred packages on a slow line. */
const INSTALL_SECONDS = 1800;
const PREPARE_SECONDS = 600;

/**
 * Infrared in an environment of its own, with a workspace that has our inventory and key. Beside it, three inventories for
 * whoever uses ansible by hand: of the nodes as they are made, and as they are once undercloud and overcloud are deployed.
 */
export class InfraredWorkspace extends pulumi.ComponentResource {
  /** Folder of Infrared's environment and workspaces. */
  readonly home: string;
  readonly workspace: string;
  /** Paths: the nodes as they are made; once the undercloud is installed; once the overcloud is deployed. */
  readonly inventories: { provisioned: string; undercloud: string; overcloud: string };

  constructor(
    name: string,
    args: InfraredWorkspaceArgs,
    options?: pulumi.ComponentResourceOptions,
  ) {
    super("overcloud:index:InfraredWorkspace", name, {}, options);
    const { settings, stack, outputDirectory, nodes, access } = args;
    const { source, python, pins, plugins, workspace } = settings;
    const directory = `${outputDirectory}/logs`;
    const home = homeOf(settings, outputDirectory);
    const ownWorkspace = { home, workspace, owner: stack };

    const install = new Step(
      "install_infrared",
      {
        directory,
        run: {
          action: "infrared/install",
          // With ours among them, so that new ones are installed.
          args: { home, source, python, pins: { ...PINS, ...pins }, cleanup: args.cleanup },
          timeoutSeconds: INSTALL_SECONDS,
        },
        remove: { action: "infrared/uninstall", args: { home } },
        rerunOn: [args.epoch],
      },
      { parent: this },
    );

    const before = { undercloudUser: access.undercloudUser, overcloudUser: "root" };
    const after = { undercloudUser: UNDERCLOUD_USER, overcloudUser: access.overcloudUser };
    const inventory = (keyFile: string, users: typeof before) =>
      infraredInventory(nodes, { ...access, keyFile, ...users });
    new Step(
      "setup_infrared_env",
      {
        directory,
        run: {
          action: "infrared/prepare",
          args: {
            ...ownWorkspace,
            plugins,
            inventory: inventory(`${WORKSPACE}/id_rsa`, before),
            keyFile: access.keyFile,
          },
          timeoutSeconds: PREPARE_SECONDS,
        },
        remove: { action: "infrared/remove", args: ownWorkspace },
        rerunOn: pulumi.all([install.result, args.key, args.epoch]),
      },
      { parent: this, dependsOn: [install] },
    );

    const files: Record<(typeof INVENTORY_FILES)[number], string> = {
      "hosts-infrared": inventory(access.keyFile, before),
      "hosts-undercloud": inventory(access.keyFile, { ...before, undercloudUser: UNDERCLOUD_USER }),
      "hosts-overcloud": inventory(access.keyFile, after),
    };
    new Step(
      "infrared-inventories",
      {
        directory,
        run: {
          action: "access/write",
          args: { directory: outputDirectory, names: INVENTORY_FILES },
        },
        input: JSON.stringify(files),
        rerunOn: [args.epoch],
      },
      { parent: this },
    );

    this.home = home;
    this.workspace = workspace;
    const inOutput = (file: keyof typeof files) => path.join(outputDirectory, file);
    this.inventories = {
      provisioned: inOutput("hosts-infrared"),
      undercloud: inOutput("hosts-undercloud"),
      overcloud: inOutput("hosts-overcloud"),
    };
    this.registerOutputs({});
  }
}

/** Folder that Infrared works in. */
export function homeOf(settings: InfraredSettings, outputDirectory: string): string {
  return settings.home ?? path.join(outputDirectory, "infrared");
}
