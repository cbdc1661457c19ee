import type { Action } from "./action.ts";

/** Remembers a value in the step's result: what depends on the result happens once for each new value. */
export const confirm: Action<{ value: string }> = ({ value }) => Promise.resolve(value);
