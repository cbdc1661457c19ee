import { readFileSync } from "node:fs";
import { containers, docker } from "../scratch-stack.ts";

/** Processes of a stack's containers of a role, by container. */
export async function processes(stack: string, role: string): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const name of (await containers(stack, role)).keys()) {
    const lines = (await docker("top", name, "-eo", "pid")).split("\n").slice(1);
    found.set(
      name,
      lines.map((pid) => pid.trim()),
    );
  }
  return found;
}

/** Proportional set size of all processes in the stack's containers of a role, in MiB. */
export async function pss(stack: string, role: string): Promise<number> {
  const pids = [...(await processes(stack, role)).values()].flat();
  return Math.round(pids.reduce((sum, pid) => sum + pssOf(pid), 0) / 1024);
}

/** The same of one process, in KiB; 0 for one that has ended. */
export function pssOf(pid: string): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

/** Seconds of a core that a process has used so far; 0 for one that has ended. */
export function cpuSecondsOf(pid: string): number {
  // The name, in brackets, may hold anything; what follows it are numbers from the third field on.
  const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  const [user, system] = [fields[11], fields[12]];
  return user === undefined ? 0 : (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/** What Linux counts a second as towards programs, on every architecture that matters here. */
const TICKS_PER_SECOND = 100;

/** What a process is, for a table: its program, or the service that a Python runs. */
export function nameOf(pid: string): string {
  const [program = "", ...rest] = read(`/proc/${pid}/cmdline`).split("\0");
  const text = program.includes("python") || program.includes("/sh") ? rest.join(" ") : program;
  const known = [
    ["nova-compute", /nova[_-]compute/],
    ["neutron-openvswitch-agent", /neutron[_-]openvswitch/],
  ] as const;
  if (/forked-service/.test(text)) return "forked-service";
  return known.find(([, pattern]) => pattern.test(text))?.[0] ?? program.split("/").at(-1) ?? "";
}

/** What the kernel says can be had without swapping, in MiB. */
export function availableMib(): number {
  return Math.round(Number(/^MemAvailable:\s+(\d+)/m.exec(read("/proc/meminfo"))?.[1]) / 1024);
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // The process ended between the listing and now.
    return "";
  }
}
