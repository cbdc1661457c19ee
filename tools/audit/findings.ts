import { z } from "zod";

/** What a scanner found in what the project depends on. */
export interface Advisory {
  /** Its name for it, such as GHSA-… or GO-…. */
  id: string;
  /** Where: the npm package, or the Go module and what of the toolchain uses it. */
  where: string;
  title: string;
}

const npmSchema = z.object({
  vulnerabilities: z.record(
    z.string(),
    z.object({
      via: z.array(
        z.union([
          z.string(),
          z.object({ name: z.string(), title: z.string(), url: z.string(), severity: z.string() }),
        ]),
      ),
    }),
  ),
});

/** Advisories in what `npm audit --json` prints; what is merely affected by another package is not one of its own. */
export function npmAdvisories(json: string): Advisory[] {
  const { vulnerabilities } = npmSchema.parse(JSON.parse(json));
  const found = Object.values(vulnerabilities).flatMap(({ via }) =>
    via.flatMap((each) =>
      typeof each === "string"
        ? []
        : [
            {
              id: each.url.split("/").at(-1) ?? each.url,
              where: each.name,
              title: `${each.title} (${each.severity})`,
            },
          ],
    ),
  );
  return distinct(found);
}

const findingSchema = z.looseObject({
  osv: z.looseObject({ id: z.string(), summary: z.string().default("") }).optional(),
  finding: z
    .looseObject({
      osv: z.string(),
      trace: z.array(
        z.looseObject({ module: z.string().optional(), function: z.string().optional() }),
      ),
    })
    .optional(),
});

/**
 * Advisories in what `govulncheck -format json` prints, those of them that a program of ours reaches: the rest is in modules
 * that are only required.
 * @param program what of the toolchain was looked at
 */
export function goAdvisories(stream: string, program: string): Advisory[] {
  const titles = new Map<string, string>();
  const found: Advisory[] = [];
  for (const text of documentsIn(stream)) {
    const { osv, finding } = findingSchema.parse(JSON.parse(text));
    if (osv) titles.set(osv.id, osv.summary);
    const [first] = finding?.trace ?? [];
    if (!finding || first?.function === undefined) continue;
    found.push({ id: finding.osv, where: `${first.module ?? "?"} in ${program}`, title: "" });
  }
  return distinct(found).map((each) => ({ ...each, title: titles.get(each.id) ?? "" }));
}

/** It prints one indented document after the other; only their own braces stand at the beginning of a line. */
function documentsIn(stream: string): string[] {
  return stream.split(/\n(?=\{)/).filter((text) => text.trim() !== "");
}

function distinct(advisories: readonly Advisory[]): Advisory[] {
  return [...new Map(advisories.map((each) => [`${each.id} ${each.where}`, each])).values()];
}

export const decisionsSchema = z.record(
  z.string().regex(/^(GHSA|GO|CVE)-[\w-]+$/),
  z.string().min(30, { error: "says why nothing is done about it, and until when" }),
);

/** What was decided about advisories that stay, with the reason. */
export type Decisions = z.output<typeof decisionsSchema>;

/** Advisories that nobody has decided about, and decisions about what is not found any more. */
export function judge(
  advisories: readonly Advisory[],
  decisions: Decisions,
): { undecided: Advisory[]; outdated: string[] } {
  const ids = new Set(advisories.map(({ id }) => id));
  return {
    undecided: advisories.filter(({ id }) => decisions[id] === undefined),
    outdated: Object.keys(decisions).filter((id) => !ids.has(id)),
  };
}
