import path from "node:path";
import type { PlaybookSettings } from "../../config/playbooks.ts";
import { nameOf, pathOf } from "./names.ts";
import type { PlaybookRun } from "./run.ts";

/** One entry of `playbooks`, ready to be run. */
export interface PlaybookPlan {
  name: string;
  run: PlaybookRun;
  teardown?: PlaybookRun;
  runOn: PlaybookSettings["runOn"];
  /** The manual counter; 0 before the first run. */
  count: number;
  /** Names of the entries that end before this one starts. */
  after: string[];
}

/**
 * Entries run in the order given; neighbours that are all `parallel` run side by side.
 * @param outputDirectory the stack's
 * @param secret whether their variables are
 */
export function planPlaybooks(
  entries: readonly PlaybookSettings[],
  outputDirectory: string,
  secret: boolean,
): PlaybookPlan[] {
  let before: string[] = [];
  let beside: string[] = [];
  let wasParallel = false;
  return entries.map((entry) => {
    // Rules have seen to it that there is one.
    const name = nameOf(entry) ?? path.basename(entry.path);
    if (!(entry.parallel && wasParallel)) {
      before = beside;
      beside = [];
    }
    beside.push(name);
    wasParallel = entry.parallel;
    const resultFile = `${outputDirectory}/results/${name}.json`;
    const { limit, timeoutMinutes } = entry;
    const common = {
      name,
      extraVars: entry.extraVars,
      secret,
      resultFile,
      limit,
      timeoutMinutes,
    };
    const { tags, skipTags } = entry;
    return {
      name,
      run: { ...common, playbook: pathOf(entry.path), tags, skipTags },
      ...(entry.teardown !== undefined && {
        teardown: { ...common, playbook: pathOf(entry.teardown), tags: [], skipTags: [] },
      }),
      runOn: entry.runOn,
      count: entry.run ?? 0,
      after: [...before],
    };
  });
}
