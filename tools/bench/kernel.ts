import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readKernelLimits, shortages } from "../../config/limits.ts";

/** Values of the kernel, by the file that each is in. */
export type KernelValues = Readonly<Record<string, string>>;

/** Sets values of the kernel while `work` runs, and sets everything back to what it was. Files that there aren't are left out. */
export async function withKernel<T>(values: KernelValues, work: () => Promise<T>): Promise<T> {
  const wanted = Object.entries(values).filter(([file]) => existsSync(file));
  const before = wanted.map(([file]) => [file, readValue(file)] as const);
  try {
    for (const [file, value] of wanted) writeFileSync(file, value);
    return await work();
  } finally {
    for (const [file, value] of before) writeFileSync(file, value);
  }
}

/** What a user is told to raise before so many computes run; see config/limits.ts. */
export function limitsFor(computes: number): KernelValues {
  return Object.fromEntries(
    shortages({ computes }, readKernelLimits()).flatMap(({ keys, needs }) =>
      Object.keys(keys).map((key) => [`/proc/sys/${key.replaceAll(".", "/")}`, String(needs)]),
    ),
  );
}

export function readValue(file: string): string {
  return readFileSync(file, "utf8").trim();
}
