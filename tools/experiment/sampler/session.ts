import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { PassThrough, type Duplex } from "node:stream";
import type Docker from "dockerode";

/** What a client needs to run inside a service's container. */
export interface Client {
  argv: string[];
  user?: string;
  environment?: string[];
  /** The line that ends each answer. */
  end: string;
}

/** Ticks per second of the kernel's accounting; the same on every Linux that Node.js runs on. */
const CLOCK_TICKS = 100;

/**
 * A client process in a container that is started once and asked line by line: starting one for every question would
 * cost more than what it asks.
 */
export class Session {
  readonly #exec: Docker.Exec;
  readonly #stream: Duplex;
  readonly #end: string;
  #pid: number | undefined;
  #lines: string[] = [];
  #complaint = "";
  #closed = false;
  #waiting: { resolve: (lines: string[]) => void; reject: (error: Error) => void } | undefined;

  private constructor(exec: Docker.Exec, stream: Duplex, end: string) {
    this.#exec = exec;
    this.#stream = stream;
    this.#end = end;
    const out = new PassThrough();
    const errors = new PassThrough();
    (exec.modem as Demultiplexer).demuxStream(stream, out, errors);
    createInterface({ input: out }).on("line", (line) => this.#take(line));
    createInterface({ input: errors }).on("line", (line) => (this.#complaint = line));
    const gone = () =>
      this.close(new Error(this.#complaint || "the client in the container ended"));
    stream.on("end", gone).on("close", gone).on("error", gone);
  }

  static async open(container: Docker.Container, client: Client): Promise<Session> {
    const exec = await container.exec({
      Cmd: client.argv,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      ...(client.user !== undefined && { User: client.user }),
      ...(client.environment && { Env: client.environment }),
    });
    const stream = await exec.start({ hijack: true, stdin: true });
    return new Session(exec, stream, client.end);
  }

  /** The client's process as this machine sees it; known from its first answer on. */
  get pid(): number | undefined {
    return this.#pid;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a question and answers the lines up to the one that ends an answer. One at a time. */
  async ask(question: string, timeoutMs: number): Promise<string[]> {
    if (this.#closed) throw new Error(this.#complaint || "the client in the container ended");
    const answer = new Promise<string[]>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#lines = [];
    // One that does not answer will not answer the next question either: a new one is opened then.
    const timer = setTimeout(() => this.close(new Error("no answer in time")), timeoutMs);
    this.#stream.write(question);
    const lines = await answer.finally(() => clearTimeout(timer));
    // Docker does not know it before the process runs.
    this.#pid ??= (await this.#exec.inspect()).Pid || undefined;
    return lines;
  }

  /** Clients end when their input does. */
  close(error = new Error("closed")): void {
    this.#closed = true;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    this.#stream.end();
    // The input's end has to arrive before the connection goes.
    setTimeout(() => this.#stream.destroy(), 1000).unref();
  }

  #take(line: string): void {
    if (line !== this.#end) {
      this.#lines.push(line);
      return;
    }
    this.#waiting?.resolve(this.#lines);
    this.#waiting = undefined;
  }
}

/** dockerode's modem has it; its types do not say so. */
interface Demultiplexer {
  demuxStream(stream: NodeJS.ReadableStream, out: PassThrough, errors: PassThrough): void;
}

/** What a process on this machine has used so far: seconds of CPU and MiB of its own. Zero when it is gone. */
export function usageOf(pid: number | undefined): { cpuSeconds: number; memoryMb: number } {
  try {
    const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(/\) /);
    const [user, system] = rest.split(" ").slice(11, 13).map(Number);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const kibibytes = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    return {
      cpuSeconds: ((user ?? 0) + (system ?? 0)) / CLOCK_TICKS,
      memoryMb: kibibytes / 1024,
    };
  } catch {
    return { cpuSeconds: 0, memoryMb: 0 };
  }
}
