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
};
