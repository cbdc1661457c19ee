import { readFileSync } from "node:fs";
import path from "node:path";

/** The folders and files that set-up reads and writes; everything it makes is git-ignored. */
export interface Paths {
  readonly root: string;
  /** Git-ignored folder of what set-up makes. */
  readonly toolchain: string;
  readonly bin: string;
  readonly logs: string;
  /** Pids of the daemons that set-up started. */
  readonly run: string;
  /** What each built or downloaded tool was made from. */
  readonly stamps: string;
  /** PULUMI_HOME where nobody is logged in to another backend. */
  readonly pulumiHome: string;
  readonly env: string;
  readonly hostFacts: string;
  /** Local Pulumi backend and its passphrase. */
  readonly state: string;
  /** Sources of the tools that are built where no release can be had. */
  readonly sources: string;
}

/** The paths below a project folder. */
export function pathsOf(root: string): Paths {
  const toolchain = path.join(root, ".toolchain");
  return {
    root,
    toolchain,
    bin: path.join(toolchain, "bin"),
    logs: path.join(toolchain, "logs"),
    run: path.join(toolchain, "run"),
    stamps: path.join(toolchain, "stamps"),
    pulumiHome: path.join(toolchain, "pulumi"),
    env: path.join(toolchain, "env"),
    hostFacts: path.join(toolchain, "host.json"),
    state: path.join(root, ".state"),
    sources: path.join(root, "tools", "toolchain"),
  };
}

/** This checkout. */
export const project = pathsOf(path.resolve(import.meta.dirname, "..", ".."));

/** The pinned versions of tools/toolchain/versions.json. */
export interface Versions {
  readonly pulumi: string;
  readonly languageNodejs: string;
  readonly plugins: Readonly<Record<string, string>>;
  readonly node: string;
}

/** Reads the pinned versions. */
export function readVersions(paths: Paths): Versions {
  return JSON.parse(readFileSync(path.join(paths.sources, "versions.json"), "utf8")) as Versions;
}
