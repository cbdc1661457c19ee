import type { Containers } from "./containers.ts";
import { Session, usageOf, type Client } from "./session.ts";

/** Milliseconds that a client in a container gets for an answer. */
const ANSWER_MS = 5000;

/** A client in a service's container, opened again after the service was down. */
export class ServiceClient {
  readonly #containers: Containers;
  readonly #service: string;
  readonly #client: Client;
  #session: Session | undefined;
  #endedCpuSeconds = 0;
  #questions = 0;
  #closed = false;

  constructor(containers: Containers, service: string, client: Client) {
    this.#containers = containers;
    this.#service = service;
    this.#client = client;
  }

  async ask(question: string): Promise<string[]> {
    const session = await this.#open();
    this.#questions += 1;
    return session.ask(question, ANSWER_MS);
  }

  /** What it cost so far. */
  cost(): { cpuSeconds: number; memoryMb: number; questions: number } {
    const { cpuSeconds, memoryMb } = usageOf(this.#session?.pid);
    this.#lastCpuSeconds = Math.max(this.#lastCpuSeconds, cpuSeconds);
    return {
      cpuSeconds: this.#endedCpuSeconds + this.#lastCpuSeconds,
      memoryMb,
      questions: this.#questions,
    };
  }

  /** CPU of the session at hand, kept because an ended process can't be asked any more. */
  #lastCpuSeconds = 0;

  close(): void {
    this.cost();
    this.#closed = true;
    this.#session?.close();
  }

  async #open(): Promise<Session> {
    if (this.#session && !this.#session.closed) return this.#session;
    const container = this.#containers.service(this.#service);
    if (!container) throw new Error(`there is no container of ${this.#service} that runs`);
    this.#endedCpuSeconds += this.#lastCpuSeconds;
    this.#lastCpuSeconds = 0;
    const session = await Session.open(container, this.#client);
    if (this.#closed) session.close();
    this.#session = session;
    return session;
  }
}
