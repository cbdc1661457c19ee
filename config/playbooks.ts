import path from "node:path";
import { z } from "zod";
import { readContent, type PlaybookContent } from "../components/playbook/content.ts";
import { nameOf, pathOf } from "../components/playbook/names.ts";
import { boolean, choice, integer, line, text } from "./fields.ts";
import type { Problem } from "./problems.ts";

/** The longest that one playbook may take. */
export const MAX_TIMEOUT_MINUTES = 1440;

/** Tags that ansible itself gives a meaning to. */
const SPECIAL_TAGS = ["all", "always", "never", "tagged", "untagged"];

const file = text("the path of a playbook");

const tags = z
  .array(line("a tag").regex(/^[^,\s]+$/, { error: "must be one tag" }), {
    error: "must be a list of tags",
  })
  .default([]);

/** What is done with the cloud once it is there: one entry for each playbook. */
export const playbooksSchema = z
  .array(
    z.strictObject(
      {
        /** Relative to the project, or absolute. */
        path: file,
        /** Names it in Pulumi's tree and its log. Default: the file's name. */
        name: z
          .string({ error: "must be a name" })
          .regex(/^[a-z0-9][a-z0-9._-]{0,60}$/, {
            error: "must be 1 to 61 lower-case letters, digits, dots, dashes and underscores",
          })
          .optional(),
        tags,
        skipTags: tags,
        /** Variables for it; `pulumi config set --secret --path` keeps one secret. */
        extraVars: z
          .record(
            z.string().regex(/^[A-Za-z_]\w*$/, { error: "must be a variable's name" }),
            z.unknown(),
            { error: "must be an object of variables" },
          )
          .default({}),
        /** Hosts and groups that it is limited to, as for ansible-playbook --limit. */
        limit: text("a pattern of hosts").optional(),
        /** When it runs: in every update, when it or its settings changed, or when `run` says so. */
        runOn: choice("always", "changed", "manual").default("changed"),
        /** With `runOn: manual`: each new number runs it once. 0: it has not been run yet. */
        run: integer(0, 1_000_000_000).optional(),
        /** Whether it runs beside its neighbours in the list that say so, too. */
        parallel: boolean.default(false),
        /** Playbook that is run when the entry is removed. */
        teardown: file.optional(),
        /** Minutes after which it is ended and counts as failed. */
        timeoutMinutes: integer(1, MAX_TIMEOUT_MINUTES).default(60),
      },
      { error: "must be an object with at least a path" },
    ),
    { error: "must be a list of playbooks" },
  )
  .default([]);

export type PlaybookSettings = z.output<typeof playbooksSchema>[number];

/** Rules between entries and with their files. */
export async function checkPlaybooks(entries: readonly PlaybookSettings[]): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = `playbooks.${index}`;
    problems.push(...checkName(entries, index, key), ...checkRun(entry, key));
    const content = await contentOf(entry.path, `${key}.path`, problems);
    if (entry.teardown !== undefined) {
      await contentOf(entry.teardown, `${key}.teardown`, problems);
    }
    if (content) problems.push(...checkTags(entry, content, key));
  }
  return problems;
}

function checkName(entries: readonly PlaybookSettings[], index: number, key: string): Problem[] {
  const entry = entries[index] as PlaybookSettings;
  const name = nameOf(entry);
  if (name === undefined) {
    const value = path.basename(entry.path);
    return [
      { key: `${key}.name`, value, message: "is no name: give the entry one, such as first" },
    ];
  }
  const first = entries.findIndex((other) => nameOf(other) === name);
  if (first === index) return [];
  return [
    {
      key: `${key}.name`,
      value: name,
      message: `is also the name of playbooks.${first}; give one of them another name`,
      involves: [`playbooks.${first}.name`],
    },
  ];
}

function checkRun({ run, runOn }: PlaybookSettings, key: string): Problem[] {
  if (run === undefined || runOn === "manual") return [];
  const message = `has no meaning with runOn: ${runOn}; leave it out, or set runOn to manual`;
  return [{ key: `${key}.run`, value: run, message, involves: [`${key}.runOn`] }];
}

async function contentOf(
  file: string,
  key: string,
  problems: Problem[],
): Promise<PlaybookContent | undefined> {
  try {
    return await readContent(pathOf(file));
  } catch (error) {
    problems.push({ key, value: file, message: error instanceof Error ? error.message : "" });
    return undefined;
  }
}

function checkTags(entry: PlaybookSettings, content: PlaybookContent, key: string): Problem[] {
  return (["tags", "skipTags"] as const).flatMap((list) =>
    unknownTags(entry[list], content).map((tag) => ({
      key: `${key}.${list}`,
      value: tag,
      message: `is no tag of ${entry.path}${knownTags(content)}`,
      involves: [`${key}.path`],
    })),
  );
}

/** Tags that a playbook certainly has not. */
export function unknownTags(tags: readonly string[], content: PlaybookContent): string[] {
  if (content.dynamic) return [];
  return tags.filter((tag) => !content.tags.includes(tag) && !SPECIAL_TAGS.includes(tag));
}

/** To follow a sentence about a tag that is unknown. */
export function knownTags({ tags }: PlaybookContent): string {
  const own = tags.filter((tag) => !SPECIAL_TAGS.includes(tag));
  return own.length > 0 ? `, which has: ${own.join(", ")}` : ", which has none";
}
