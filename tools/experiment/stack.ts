import { existsSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { z } from "zod";
import type { CloudReference } from "../../components/openstack/session.ts";
import type { Scalar } from "./plan.ts";

/** A stack of the project, as `pulumi` knows it. */
export class Stack {
  readonly name: string;
  readonly #root: string;

  readonly #env: NodeJS.ProcessEnv;

  private constructor(name: string, root: string, env: NodeJS.ProcessEnv) {
    this.name = name;
    this.#root = root;
    this.#env = env;
  }

  /**
   * The stack of a name, or the selected one.
   * @param env what makes `pulumi` find its state
   * @throws Error, one sentence, where there is none
   */
  static async open(
    root: string,
    name?: string,
    env: NodeJS.ProcessEnv = process.env,
  ): Promise<Stack> {
    const ask = async (...args: string[]) =>
      execa("pulumi", [...args, "--non-interactive"], {
        cwd: root,
        env,
        reject: false,
        stdin: "ignore",
      });
    if (name === undefined) {
      const { failed, stdout } = await ask("stack", "--show-name");
      if (!failed && stdout !== "") return new Stack(stdout.trim(), root, env);
      throw new Error("no stack is selected: name one by --stack, or run `npm run up` first");
    }
    const { failed } = await ask("stack", "--show-name", "--stack", name);
    if (failed)
      throw new Error(`there is no stack ${name}: \`pulumi stack ls\` shows those there are`);
    return new Stack(name, root, env);
  }

  /** Where its cloud's files are; undefined while nothing is deployed. */
  async cloud(): Promise<CloudReference | undefined> {
    const cloudsYaml = path.join(this.#root, "output", this.name, "clouds.yaml");
    return Promise.resolve(existsSync(cloudsYaml) ? { cloudsYaml, cloud: this.name } : undefined);
  }

  /** The settings in the stack's configuration, those that are secret without their values. */
  async settings(): Promise<Record<string, unknown>> {
    const { stdout } = await this.#pulumi("config", "--json");
    const entry = z.looseObject({
      value: z.string().optional(),
      objectValue: z.unknown().optional(),
      secret: z.boolean().default(false),
    });
    const entries = Object.entries(z.record(z.string(), entry).parse(JSON.parse(stdout)));
    return Object.fromEntries(
      entries.map(([key, { value, objectValue, secret }]) => [
        key.replace(/^overcloud:/, ""),
        secret ? "(secret)" : (objectValue ?? value ?? null),
      ]),
    );
  }

  /**
   * Calls `work` with what `pulumi up` has to be called with, so that it sees the stack's configuration with some
   * settings changed. The stack's own file is never touched: whatever happens, the next `pulumi up` by hand goes by it.
   */
  async withOverrides<T>(
    overrides: Record<string, Scalar>,
    work: (argv: string[]) => Promise<T>,
  ): Promise<T> {
    const argv = [
      ...["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--color", "never"],
      ...["--stack", this.name],
    ];
    const changed = Object.entries(overrides);
    if (changed.length === 0) return work(argv);
    // It holds the encrypted secrets of the original: nobody else's to read, and gone afterwards.
    const directory = await mkdtemp(path.join(tmpdir(), "overcloud-experiment-"));
    try {
      const file = path.join(directory, `Pulumi.${this.name}.yaml`);
      const own = path.join(this.#root, `Pulumi.${this.name}.yaml`);
      if (existsSync(own)) await copyFile(own, file);
      else await writeFile(file, "config: {}\n");
      const pairs = changed.flatMap(([key, value]) => ["--plaintext", `overcloud:${key}=${value}`]);
      await this.#pulumi("config", "set-all", "--path", "--config-file", file, ...pairs);
      return await work([...argv, "--config-file", file]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  async #pulumi(...args: string[]) {
    return execa("pulumi", [...args, "--stack", this.name, "--non-interactive"], {
      cwd: this.#root,
      env: this.#env,
      stdin: "ignore",
    });
  }
}
