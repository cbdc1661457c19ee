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
  "overcloud/play": async () => (await import("../overcloud/play.ts")).play,
  "overcloud/skipped": async () => (await import("../overcloud/skipped.ts")).skipped,
};
