import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { ansibleTask } from "./ansible.ts";
import { chromiumTask } from "./chromium.ts";
import { dockerTask } from "./docker.ts";
import { baseImageTask, openstackImageTask } from "./images.ts";
import { kvmTask } from "./kvm.ts";
import { libvirtTask } from "./libvirt.ts";
import { environmentTask, openstackClientTask, sdkTask } from "./local.ts";
import { nodeImageTask } from "./node-image.ts";
import { packagesTask } from "./packages.ts";
import { pluginTask } from "./plugins.ts";
import { languageTask, pulumiTask } from "./pulumi.ts";
import { virtualBmcTask } from "./virtualbmc.ts";

/** What set-up is for. */
export const purposes = ["up", "test", "lint"] as const;
export type Purpose = (typeof purposes)[number];

/** Every task of set-up; the order is that of starting where nothing else decides. */
export function allTasks(context: Context): Task[] {
  return [
    environmentTask(context),
    sdkTask(context),
    packagesTask(context),
    dockerTask(context),
    kvmTask(context),
    libvirtTask(context),
    baseImageTask(context),
    openstackImageTask(context),
    pulumiTask(context),
    languageTask(context),
    ...Object.keys(context.versions.plugins).map((plugin) => pluginTask(context, plugin)),
    openstackClientTask(context),
    virtualBmcTask(context),
    nodeImageTask(context),
    ansibleTask(context),
    chromiumTask(context),
  ];
}

/** The tasks that a purpose takes. */
export function tasksFor(purpose: Purpose, tasks: readonly Task[]): string[] {
  const names = tasks.map((task) => task.name);
  // Types of @pulumi/libvirt are all that a lint needs.
  if (purpose === "lint") return names.filter((name) => name === "sdk-libvirt");
  // Only tests boot the one and look at pages with the other.
  const ofTests = ["node-image", "chromium"];
  return purpose === "test" ? names : names.filter((name) => !ofTests.includes(name));
}
