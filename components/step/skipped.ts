import type { Action } from "./action.ts";

/** What a step that the configuration leaves out does when it never ran before. */
export const skipped: Action = (_, { report }) => {
  report("left out, as steps and skip say");
  return Promise.resolve({ skipped: true });
};
