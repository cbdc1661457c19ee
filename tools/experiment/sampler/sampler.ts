import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Probe, Values } from "./probe.ts";

/** What one probe saw at one time. No values at all: there was nothing to be seen. */
export interface Sample {
  /** When it was asked: the experiment's own time, without its interruptions. */
  seconds: number;
  probe: string;
  values: Values;
}

/**
 * Looks at every probe in a fixed rhythm and writes what they answer, line by line. A sample belongs to the time at
 * which it was asked for, however late the answer comes; a probe that does not answer delays no other.
 */
export class Sampler {
  readonly #probes: readonly Probe[];
  readonly #file: string;
  readonly #intervalMs: number;
  readonly #now: () => number;
  readonly #underWay = new Map<Probe, number>();
  readonly #notBefore = new Map<Probe, number>();
  readonly #errors = new Map<string, string>();
  readonly #stop = new AbortController();
  #samples: Sample[] = [];
  #loop: Promise<void> = Promise.resolve();
  #latest: Values = {};

  /** @param now the experiment's own time in seconds */
  constructor(probes: readonly Probe[], file: string, intervalSeconds: number, now: () => number) {
    this.#probes = probes;
    this.#file = file;
    this.#intervalMs = intervalSeconds * 1000;
    this.#now = now;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** The newest value of each series, by probe and series. */
  get latest(): Readonly<Values> {
    return this.#latest;
  }

  /** What probes complained about last, by probe. */
  get errors(): ReadonlyMap<string, string> {
    return this.#errors;
  }

  /** Ends the rhythm and all probes; what has not answered by then was not seen. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    for (const probe of this.#probes) probe.close();
    this.#write();
  }

  async #run(): Promise<void> {
    const start = performance.now();
    for (let tick = 1; !this.#stop.signal.aborted; tick += 1) {
      this.#look();
      this.#write();
      // Against the clock, so that delays do not add up; ticks that were missed are left out.
      const late = performance.now() - start;
      tick = Math.max(tick, Math.floor(late / this.#intervalMs) + 1);
      const wait = start + tick * this.#intervalMs - performance.now();
      await sleep(Math.max(0, wait), undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  #look(): void {
    const seconds = this.#now();
    for (const probe of this.#probes) {
      const underWay = this.#underWay.get(probe) ?? 0;
      const asked = performance.now();
      // Half an interval early is on time: the rhythm decides, not a few milliseconds.
      if (asked + this.#intervalMs / 2 < (this.#notBefore.get(probe) ?? 0)) continue;
      if (underWay >= probe.parallel) continue;
      this.#underWay.set(probe, underWay + 1);
      void this.#ask(probe, seconds).finally(() => {
        this.#underWay.set(probe, (this.#underWay.get(probe) ?? 1) - 1);
        this.#notBefore.set(probe, asked + (performance.now() - asked) / probe.share);
      });
    }
  }

  async #ask(probe: Probe, seconds: number): Promise<void> {
    const take = (values: Values) => {
      if (this.#stop.signal.aborted) return;
      this.#samples.push({ seconds, probe: probe.name, values });
      for (const [key, value] of Object.entries(values)) {
        this.#latest[`${probe.name}.${key}`] = value;
      }
    };
    try {
      take(await probe.read());
      this.#errors.delete(probe.name);
    } catch (error) {
      take({});
      this.#errors.set(probe.name, error instanceof Error ? error.message : String(error));
    }
  }

  #write(): void {
    const lines = this.#samples.map(({ seconds, probe, values }) => {
      const rounded = Object.entries(values).map(([key, value]) => [key, round(value)]);
      const at = Math.round(seconds * 1000) / 1000;
      const sample: Sample = { seconds: at, probe, values: Object.fromEntries(rounded) as Values };
      return `${JSON.stringify(sample)}\n`;
    });
    this.#samples = [];
    if (lines.length > 0) appendFileSync(this.#file, lines.join(""));
  }
}

/** Four significant digits are more than any of this is exact to; null where nothing was measured. */
function round(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null;
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}
