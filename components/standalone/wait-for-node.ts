import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { domainState } from "../libvirt/power.ts";
import type { Action } from "../step/action.ts";
import { ProgramError } from "../step/program.ts";

export interface WaitForNodeArgs {
  node: string;
  /** Where the node's sshd answers. Default of its port: 22. */
  address: string;
  port?: number;
  /** Where libvirt answers, and the node's name there. */
  uri: string;
  domain: string;
  consoleLog: string;
  /** Program, with its arguments, that prints a line for each service of the node: name, and health in docker's words. */
  inspectServices: string[];
}

/** What a console says of the node's last boot. */
export interface ConsoleState {
  /** How many boots it has seen. */
  boots: number;
  /** How far the last one is, in words; empty before the kernel has started. */
  stage: string;
  ready: boolean;
  /** Why the node can't be what it should. */
  failure?: string;
}

const POLL_MS = 1000;

/** Milliseconds without a word on the console, which may be lost, until services are asked: that is dear, if emulated. */
const SILENCE_MS = 60_000;

/** How much of a console a failure shows. */
const SHOWN_LINES = 12;

/**
 * Waits until every service of a node is up, and takes the stack's key.
 * @throws ProgramError with the end of the console, when the node fails, is switched off, or the time is over
 */
export const waitForControlNode: Action<WaitForNodeArgs> = async (args, { report, signal }) => {
  const { node, consoleLog } = args;
  const before = consoleState(await readConsole(consoleLog));
  let reported = "";
  const progress = (stage: string) => {
    if (stage !== reported) report(`${node}: ${stage}`);
    reported = stage;
  };
  let answering = false;
  let last = { text: "", at: Date.now() };
  try {
    for (;;) {
      signal.throwIfAborted();
      const text = await readConsole(consoleLog);
      if (text !== last.text) last = { text, at: Date.now() };
      const seen = consoleState(text);
      answering ||= await listens(args.address, args.port ?? 22);
      // Once somebody answers, what the console says last is of the boot that is waited for.
      const current = answering || seen.boots > before.boots;
      if (current && seen.failure !== undefined) throw new Error(seen.failure);
      const state = await domainState(args, signal);
      if (state !== "running") throw new Error(`its domain is ${state ?? "gone"}`);
      progress(current ? seen.stage || "kernel" : "starting");
      if (answering && (seen.ready || Date.now() - last.at > SILENCE_MS)) {
        const waiting = await servicesDown(args, signal);
        if (waiting?.length === 0) {
          progress("every service is up");
          return {};
        }
        if (waiting) progress(`waiting for ${waiting.join(", ")}`);
        last.at = Date.now();
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  } catch (error) {
    const end = lastLines(await readConsole(consoleLog));
    const reason = error instanceof Error && !signal.aborted ? `${node}: ${error.message}; ` : "";
    const shown = `its console (${consoleLog}) ends with: ${end || "nothing"}`;
    throw new ProgramError(`${reason}${shown}`, shown);
  }
};

/** Services that are not up, with what they are; undefined while the node does not answer. */
async function servicesDown(
  { inspectServices: [program = "", ...rest] }: WaitForNodeArgs,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  const { stdout, failed } = await execa(program, rest, {
    stdin: "ignore",
    reject: false,
    timeout: 120_000,
    cancelSignal: signal,
  });
  if (failed) return undefined;
  const services = stdout.split("\n").map((line) => line.split(" "));
  return services.filter(([, health]) => health !== "healthy").map(([name = ""]) => name);
}

/** Reads a console from its node's own lines, which begin with `overcloud: `. */
export function consoleState(text: string): ConsoleState {
  const lines = [...text.matchAll(/^.*?overcloud: (.*?)\r?$/gm)].map(([, line = ""]) => line);
  const starts = lines.flatMap((line, position) => (/^kernel\b/.test(line) ? [position] : []));
  const last = lines.slice(starts.at(-1) ?? lines.length);
  const failure = last.find((line) => line.startsWith("failed: "))?.slice("failed: ".length);
  const counts = last.flatMap((line) => /^service \S+ up \((\d+) of (\d+)\)/.exec(line) ?? []);
  const [up, of] = counts.slice(-2);
  const ready = last.includes("ready");
  const stage = ready
    ? "services said to be up"
    : up !== undefined
      ? `services ${up} of ${of}`
      : last.includes("data ready")
        ? "data ready"
        : last.length > 0
          ? "kernel"
          : "";
  return { boots: starts.length, stage, ready, ...(failure !== undefined && { failure }) };
}

async function readConsole(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}

function lastLines(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  return lines.slice(-SHOWN_LINES).join(" | ");
}

function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const answer = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.setTimeout(2000, () => answer(false));
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}
