import { globSync, statSync } from "node:fs";
import path from "node:path";
import { foreground } from "./child.ts";
import type { Context } from "./setup/context.ts";
import { readHostFacts } from "./setup/tasks/kvm.ts";

/** The test files that patterns (files, folders or globs; all where there are none) mean. */
export function testFiles(root: string, patterns: readonly string[]): string[] {
  const globs = patterns.length === 0 ? ["test/**/*.test.ts"] : patterns.map(asGlob);
  function asGlob(pattern: string): string {
    const found = statSync(path.join(root, pattern), { throwIfNoEntry: false });
    return found?.isDirectory() ? `${pattern.replace(/\/$/, "")}/**/*.test.ts` : pattern;
  }
  return [...new Set(globs.flatMap((glob) => globSync(glob, { cwd: root })))].sort();
}

/** What this machine keeps tests from covering; one line each. */
export function limitations(context: Context): string[] {
  const facts = readHostFacts(context.paths);
  const kvm =
    facts?.domainType === "kvm"
      ? []
      : [`KVM: ${facts?.reason ?? "unknown"}; libvirt domains run emulated (type qemu)`];
  return [
    ...kvm,
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
  for (const line of limitations(context)) write(`test: not covered on this machine: ${line}`);
  write(`test: ${files.length} test files`);
  // One file after the other: the integration tests share docker, libvirt and the cores, and one
  // invocation has one summary. What can run in parallel (unit tests) takes seconds anyway.
  const args = ["--disable-warning=ExperimentalWarning", "--test", "--test-concurrency=1"];
  return foreground(process.execPath, [...args, "--test-reporter=spec", ...files], {
    cwd: context.paths.root,
    env: context.childEnv,
  });
}
