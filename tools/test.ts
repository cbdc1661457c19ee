import { globSync, statSync } from "node:fs";
import path from "node:path";
import { foreground } from "./child.ts";
import type { Context } from "./setup/context.ts";
import { readHostFacts } from "./setup/tasks/kvm.ts";

/** Faults that are injected for real, each a file. */
export const FAULTS = "test/faults";

/** Folders of tests that take too long to be run with all others: they run when they are named. */
export const ON_DEMAND: readonly string[] = ["test/on-demand", FAULTS];

/** The test files that patterns (files, folders or globs; all but those on demand where there are none) mean. */
export function testFiles(root: string, patterns: readonly string[]): string[] {
  if (patterns.length === 0) {
    return testFiles(root, ["test/**/*.test.ts"]).filter(
      (file) => !ON_DEMAND.includes(path.dirname(file)),
    );
  }
  const globs = patterns.map(asGlob);
  function asGlob(pattern: string): string {
    const found = statSync(path.join(root, pattern), { throwIfNoEntry: false });
    return found?.isDirectory() ? `${pattern.replace(/\/$/, "")}/**/*.test.ts` : pattern;
  }
  return [...new Set(globs.flatMap((glob) => globSync(glob, { cwd: root })))].sort();
}

/** What tests of these files do not cover, for what the machine lacks or for the time it takes; one line each. */
export function limitations(context: Context, files: readonly string[]): string[] {
  const facts = readHostFacts(context.paths);
  const kvm =
    facts?.domainType === "kvm"
      ? []
      : [`KVM: ${facts?.reason ?? "unknown"}; libvirt domains run emulated (type qemu)`];
  const asleep = testFiles(context.paths.root, ON_DEMAND).filter((file) => !files.includes(file));
  return [
    ...kvm,
    ...asleep.map(
      (file) => `${file}: takes long, so it runs when it is named: npm test -- ${file}`,
    ),
    "Infrared: a stand-in that holds to its recorded options; the real one: npm run verify:infrared",
    "TripleO's own validators: npm run verify:tripleo; a real overcloud: never, anywhere",
  ];
}

/** Runs the tests in one invocation of Node's runner; answers its exit status. */
export async function test(
  context: Context,
  patterns: readonly string[],
  write: (line: string) => void = (line) => console.log(line),
): Promise<number> {
  const files = testFiles(context.paths.root, patterns);
  if (files.length === 0) {
    write(`test: no test file matches ${patterns.join(" ") || "test/**/*.test.ts"}`);
    return 1;
  }
  for (const line of limitations(context, files)) write(`test: not covered in this run: ${line}`);
  write(`test: ${files.length} test files`);
  // One file after the other: the integration tests share docker, libvirt and the cores, and one
  // invocation has one summary. What can run in parallel (unit tests) takes seconds anyway.
  const args = ["--disable-warning=ExperimentalWarning", "--test", "--test-concurrency=1"];
  return foreground(process.execPath, [...args, "--test-reporter=spec", ...files], {
    cwd: context.paths.root,
    env: context.childEnv,
  });
}
