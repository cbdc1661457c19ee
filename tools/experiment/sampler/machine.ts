import { readFile } from "node:fs/promises";
import { Rate, type Probe, type Values } from "./probe.ts";

const CLOCK_TICKS = 100;

/** Load, memory and busy cores of this machine. */
export class MachineProbe implements Probe {
  readonly name = "machine";
  readonly parallel = 1;
  readonly share = 1;
  readonly #busy = new Rate();

  async read(): Promise<Values> {
    const [load, memory, stat] = await Promise.all(
      ["loadavg", "meminfo", "stat"].map((file) => readFile(`/proc/${file}`, "utf8")),
    );
    const kibibytes = (key: string) =>
      Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(memory ?? "")?.[1] ?? Number.NaN);
    // user nice system idle iowait irq softirq steal
    const ticks = (/^cpu +(.*)$/m.exec(stat ?? "")?.[1] ?? "").split(" ").map(Number);
    const busy = ticks.slice(0, 8).reduce((sum, each) => sum + each, 0);
    const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
    return {
      load: Number((load ?? "").split(" ")[0]),
      memoryUsed: (kibibytes("MemTotal") - kibibytes("MemAvailable")) / 1024,
      busyCores: this.#busy.next((busy - idle) / CLOCK_TICKS),
    };
  }

  close(): void {}
}
