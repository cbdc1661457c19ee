import { firstLine } from "../said.ts";

/** What a stack can leave on a machine, in the order in which it can be removed. */
export const KINDS = [
  "process",
  "container",
  // Once nothing sets it again, while the network that it is on is there.
  "passage",
  "network",
  "volume",
  "image",
  "domain",
  "libvirt network",
  "pool",
  "lock",
  "folder",
] as const;

export type Kind = (typeof KINDS)[number];

/** One thing that is a stack's. */
export interface Finding {
  kind: Kind;
  name: string;
  /** In a few words, what tells it from others of its kind, or what state it is in. */
  detail?: string;
  /** @throws Error, one sentence, if it can't be removed */
  remove: () => Promise<void>;
}

export interface Removal {
  finding: Finding;
  /** Why it is still there; undefined if it is gone. */
  failure?: string;
}

/** Removes all of them, in order of their kinds; what fails keeps nothing else from being removed. */
export async function removeAll(
  findings: readonly Finding[],
  tell: (removal: Removal) => void = () => {},
): Promise<Removal[]> {
  const removals: Removal[] = [];
  const ordered = findings.toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  for (const finding of ordered) {
    const removal = await finding.remove().then(
      (): Removal => ({ finding }),
      (error: unknown): Removal => ({ finding, failure: sentenceOf(error) }),
    );
    removals.push(removal);
    tell(removal);
  }
  return removals;
}

/** What a command said last, or what the error says itself. */
function sentenceOf(error: unknown): string {
  const { stderr } = error as { stderr?: unknown };
  const lines = typeof stderr === "string" ? stderr.trim().split("\n") : [];
  // docker ends some of its failures with a line that says nothing.
  return lines.findLast((line) => !/^exit status \d+$/.test(line)) || firstLine(error);
}
