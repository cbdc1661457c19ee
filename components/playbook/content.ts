import { createHash } from "node:crypto";
import { readFile, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { parseAllDocuments } from "yaml";
import { contentHash } from "../image/content-hash.ts";
import { PROJECT_DIRECTORY } from "../project.ts";

/** What a playbook is made of, as far as it can be told without running it. */
export interface PlaybookContent {
  /** Changes with any file that is found: see `readContent`. */
  hash: string;
  /** Tags of its plays, tasks and roles, sorted. */
  tags: string[];
  /** Whether some tag or role is named by an expression, so that there may be others. */
  dynamic: boolean;
}

/** Where roles are looked for besides a playbook's own folder; playbooks/ansible.cfg names it. */
const PROJECT_ROLES = path.join(PROJECT_DIRECTORY, "playbooks/roles");

/** Folders beside a playbook that ansible reads without being told, or whose files are chosen by expressions. */
const WHOLE_FOLDERS = [
  ...["group_vars", "host_vars", "vars", "tasks", "templates", "library", "module_utils"],
  ...["action_plugins", "filter_plugins", "lookup_plugins", "test_plugins", "vars_plugins"],
];

/** Folders in which ansible looks for a file that a task names. */
const SEARCH_FOLDERS = ["", "tasks", "templates", "files", "vars"];

const EXPRESSION = "{{";

/**
 * Reads a playbook and everything that it reaches: files that any of its texts names and that are there, beside it or in
 * the folders where ansible looks for them; roles that it names, each as a whole, with those that they name in turn; what
 * lies in the folders that ansible reads by itself. Where a role is named by an expression, all roles count.
 *
 * It reads names instead of following ansible's rules for each module: a file too many makes a playbook run once more
 * after it changed, a file too few would leave a change undone.
 * @throws Error, one sentence, if the playbook can't be read or is none
 */
export async function readContent(playbook: string): Promise<PlaybookContent> {
  const reader = new Reader(playbook);
  await reader.read();
  return reader.content();
}

class Reader {
  readonly #playbook: string;
  readonly #folder: string;
  /** A hash for each file and folder. */
  readonly #seen = new Map<string, string>();
  readonly #tags = new Set<string>();
  #dynamic = false;

  constructor(playbook: string) {
    this.#playbook = playbook;
    this.#folder = path.dirname(playbook);
  }

  async read(): Promise<void> {
    const plays = documentsIn(await this.#text())[0];
    if (!Array.isArray(plays) || !plays.some(isPlay)) {
      throw new Error("is not a playbook: that is a list of plays, each with `hosts`");
    }
    await this.#file(this.#playbook);
    for (const name of WHOLE_FOLDERS) await this.#whole(path.join(this.#folder, name), true);
  }

  content(): PlaybookContent {
    const hash = createHash("sha256");
    // By their places beside the playbook, so that a clone elsewhere has the same hash.
    const lines = [...this.#seen].map(([file, content]) =>
      JSON.stringify([path.relative(this.#folder, file), content]),
    );
    for (const line of lines.sort()) hash.update(line);
    return {
      hash: hash.digest("hex").slice(0, 16),
      tags: [...this.#tags].sort(),
      dynamic: this.#dynamic,
    };
  }

  async #text(): Promise<string> {
    try {
      // A pipe or a device would be read for ever.
      if (!(await stat(this.#playbook)).isFile()) throw new Error("no file");
      return await readFile(this.#playbook, "utf8");
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
      throw new Error(missing ? "is not there" : "can't be read", { cause: error });
    }
  }

  async #file(file: string): Promise<void> {
    if (this.#seen.has(file)) return;
    const content = await readFile(file);
    this.#seen.set(file, createHash("sha256").update(content).digest("hex"));
    if (/\.(ya?ml|json)$/.test(file)) await this.#document(file, content.toString(), true);
  }

  /**
   * Everything below a folder, if there is one.
   * @param follow whether files outside that it names count; what a role names is inside
   */
  async #whole(folder: string, follow: boolean): Promise<void> {
    if (this.#seen.has(folder) || !(await isFolder(folder))) return;
    this.#seen.set(folder, await contentHash(folder));
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (entry.isFile() && /\.ya?ml$/.test(entry.name)) {
        await this.#document(file, await readFile(file, "utf8"), follow);
      }
    }
  }

  async #document(file: string, text: string, follow: boolean): Promise<void> {
    let documents: unknown[];
    try {
      documents = documentsIn(text);
    } catch (error) {
      if (file === this.#playbook) throw error;
      // Ansible may never read it, or says what is wrong with it.
      this.#dynamic = true;
      return;
    }
    for (const document of documents) {
      for (const role of this.#rolesIn(document)) await this.#role(role);
      for (const word of follow ? wordsIn(document) : [])
        await this.#named(word, path.dirname(file));
    }
  }

  /** A file that is called by this name from a file in the folder. */
  async #named(name: string, folder: string): Promise<void> {
    for (const base of new Set([folder, this.#folder])) {
      for (const place of SEARCH_FOLDERS) {
        const found = path.join(base, place, name);
        const kind = await stat(found).catch(() => undefined);
        if (kind?.isFile()) await this.#file(found);
        // The whole of a folder only where it is content: `files` itself would be an ordinary word.
        if (kind?.isDirectory() && place === "files") await this.#whole(found, false);
      }
    }
  }

  async #role(name: string): Promise<void> {
    for (const folder of new Set([path.join(this.#folder, "roles"), PROJECT_ROLES])) {
      if (!name.includes(EXPRESSION)) await this.#whole(path.join(folder, name), false);
      else
        for (const each of await readdir(folder).catch(() => [])) {
          await this.#whole(path.join(folder, each), false);
        }
    }
  }

  /** Names of roles in a document; notes tags on the way. */
  #rolesIn(value: unknown): string[] {
    if (Array.isArray(value)) return value.flatMap((each) => this.#rolesIn(each));
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, inner]) => {
      if (key === "tags") this.#note(inner);
      const found = this.#rolesIn(inner);
      if (["roles", "dependencies"].includes(key) && Array.isArray(inner)) {
        found.push(...inner.flatMap(roleNameOf));
      }
      if (/(^|\.)(import|include)_role$/.test(key)) found.push(...roleNameOf(inner));
      if (found.some((name) => name.includes(EXPRESSION))) this.#dynamic = true;
      return found;
    });
  }

  #note(tags: unknown): void {
    for (const tag of [tags].flat()) {
      if (typeof tag !== "string" && typeof tag !== "number") continue;
      if (String(tag).includes(EXPRESSION)) this.#dynamic = true;
      else for (const each of String(tag).split(",")) this.#tags.add(each.trim());
    }
  }
}

const isPlay = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  Object.keys(value).some((key) => /^(hosts|(ansible\.builtin\.)?import_playbook)$/.test(key));

/** @throws Error, one sentence, where it is no YAML */
function documentsIn(text: string): unknown[] {
  return parseAllDocuments(text, { logLevel: "silent" }).map((document) => {
    const [error] = document.errors;
    if (error) throw new Error(`is not YAML: ${error.message.split("\n")[0]}`);
    return document.toJS() as unknown;
  });
}

function roleNameOf(value: unknown): string[] {
  if (typeof value === "string") return [/\bname=(\S+)/.exec(value)?.[1] ?? value];
  if (typeof value !== "object" || value === null) return [];
  const { role, name } = value as { role?: unknown; name?: unknown };
  return [role ?? name].filter((each) => typeof each === "string");
}

/** Words of all texts that could be the name of a file; in expressions, too. */
function wordsIn(value: unknown): Set<string> {
  if (typeof value === "string") {
    return new Set(
      (value.match(/[\w@%+./-]+/g) ?? [])
        .map((word) => word.replace(/^\/+/, ""))
        .filter((word) => /[a-z0-9]/i.test(word)),
    );
  }
  if (typeof value !== "object" || value === null) return new Set();
  return new Set(Object.values(value).flatMap((each) => [...wordsIn(each)]));
}

async function isFolder(name: string): Promise<boolean> {
  return (await stat(name).catch(() => undefined))?.isDirectory() ?? false;
}
