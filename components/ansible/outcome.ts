import { readFile } from "node:fs/promises";
import { z } from "zod";

/** What playbooks/callback_plugins/outcome.py writes. */
const outcomeSchema = z.object({
  hosts: z.record(z.string(), z.record(z.string(), z.number())),
  /** Plays that no host of the inventory matched, with the patterns of hosts that they name. */
  unmatched: z.array(z.object({ play: z.string(), hosts: z.array(z.string()) })),
  failures: z.array(z.object({ host: z.string(), task: z.string(), message: z.string() })),
});
export type Outcome = z.output<typeof outcomeSchema>;

/** Nothing if ansible ended before its summary. */
export async function readOutcome(file: string): Promise<Outcome | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? undefined : outcomeSchema.parse(JSON.parse(text));
}

/** What failed, on which host, and why: one sentence, where there is something to say. */
export function failureOf(outcome: Outcome | undefined): string | undefined {
  const last = outcome?.failures.at(-1);
  return last && `"${last.task}" failed on ${last.host}: ${last.message}`;
}
