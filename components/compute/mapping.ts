import { execa } from "execa";
import type { ActionContext } from "../step/action.ts";

/**
 * Runs a program that changes which hosts are mapped to their cell. Where it fails, that is said and no more: nova maps hosts by
 * itself in the end, or whoever waits for them runs it again.
 */
export async function changeMapping(
  [program = "", ...rest]: readonly string[],
  { report, signal }: Pick<ActionContext, "report" | "signal">,
): Promise<void> {
  const { failed, all } = await execa(program, rest, {
    all: true,
    reject: false,
    stdin: "ignore",
    cancelSignal: signal,
  });
  if (failed) report(`hosts could not be mapped to their cell: ${all.split("\n").at(-1)}`);
}
