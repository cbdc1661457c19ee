/** Measured values by series; null where there was nothing to measure, which is not zero. */
export type Values = Record<string, number | null>;

/** One thing that is looked at again and again. */
export interface Probe {
  readonly name: string;
  /** How many looks may be under way at once: more than one where a slow answer is itself what is measured. */
  readonly parallel: number;
  /** At most this share of the time is spent looking: who answers slowly is asked less often. 1 for no bound. */
  readonly share: number;
  /** Looks once. Rejects when there is nothing to see: a service that is down, a container that is not there. */
  read(): Promise<Values>;
  /** Ends what it keeps open. */
  close(): void;
}

/** Turns a counter that only grows into a rate; null at first and after a restart of whoever counts. */
export class Rate {
  #last: { at: number; count: number } | undefined;

  /** @param at seconds on any clock that does not jump */
  next(count: number, at = performance.now() / 1000): number | null {
    const last = this.#last;
    this.#last = { at, count };
    if (!last || count < last.count || at <= last.at) return null;
    return (count - last.count) / (at - last.at);
  }

  /** Forgets, because what counted is gone. */
  reset(): void {
    this.#last = undefined;
  }
}
