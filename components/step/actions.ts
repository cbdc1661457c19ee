import type { Action } from "./action.ts";

/** Every action a step can name; loaded when asked for, so that a step starts in a few dozen milliseconds. */
export const actions: Record<string, () => Promise<Action<never>>> = {
  "credentials/generate": async () => (await import("../credentials/generate.ts")).generateSeed,
  "access/write": async () => (await import("../access/files.ts")).writeFiles,
  "access/remove": async () => (await import("../access/files.ts")).removeFiles,
  "standalone/wait": async () => (await import("../standalone/wait.ts")).waitForApis,
  "standalone/first-objects": async () =>
    (await import("../standalone/first-objects.ts")).createFirstObjects,
  "compute/guard": async () => (await import("../compute/guard.ts")).guardScaleDown,
  "compute/wait": async () => (await import("../compute/wait.ts")).waitForComputes,
  "compute/deregister": async () => (await import("../compute/registration.ts")).deregister,
  "infrared/install": async () => (await import("../infrared/install.ts")).installInfrared,
  "infrared/uninstall": async () => (await import("../infrared/install.ts")).uninstallInfrared,
  "infrared/prepare": async () => (await import("../infrared/prepare.ts")).prepareWorkspace,
  "infrared/remove": async () => (await import("../infrared/prepare.ts")).removeWorkspace,
  "infrared/download": async () => (await import("../infrared/download.ts")).downloadImages,
  "infrared/upload": async () => (await import("../infrared/upload.ts")).uploadImages,
  "infrared/hook": async () => (await import("../infrared/hook.ts")).runHook,
  "infrared/deploy": async () => (await import("../infrared/deploy.ts")).deployUndercloud,
  "libvirt/image": async () => (await import("../libvirt/image.ts")).fetchImage,
  "libvirt/cloud-init": async () =>
    (await import("../libvirt/cloud-init-disk.ts")).writeCloudInitDisk,
  "libvirt/remove-cloud-init": async () =>
    (await import("../libvirt/cloud-init-disk.ts")).removeCloudInitDisk,
  "libvirt/ssh-files": async () => (await import("../libvirt/ssh.ts")).writeSshFiles,
  "libvirt/remove-ssh-files": async () => (await import("../libvirt/ssh.ts")).removeSshFiles,
  "libvirt/wait": async () => (await import("../libvirt/ssh.ts")).waitForNode,
  "bmc/start": async () => (await import("../bmc/actions.ts")).startDaemon,
  "bmc/stop": async () => (await import("../bmc/actions.ts")).stopDaemon,
  "bmc/add": async () => (await import("../bmc/actions.ts")).addNode,
  "bmc/remove": async () => (await import("../bmc/actions.ts")).removeNode,
  "overcloud/play": async () => (await import("../overcloud/play.ts")).play,
  "node-image/build": async () => (await import("../node-image/build.ts")).buildNodeImage,
  "step/skipped": async () => (await import("./skipped.ts")).skipped,
  "step/confirm": async () => (await import("./confirm.ts")).confirm,
  "tripleo/access": async () => (await import("../tripleo/access.ts")).takeAccess,
  "tripleo/harvest": async () => (await import("../tripleo/harvest.ts")).harvest,
  "tripleo/set-routes": async () => (await import("../tripleo/routes.ts")).setRoutes,
  "tripleo/remove-routes": async () => (await import("../tripleo/routes.ts")).removeRoutes,
};
