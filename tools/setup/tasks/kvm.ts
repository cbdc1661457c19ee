import { accessSync, constants, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { execa } from "execa";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { asRoot, bootId, readText, which } from "../host.ts";
import { type KvmDecision, type KvmProbe, decideDomainType } from "../kvm.ts";
import type { Paths } from "../paths.ts";

/** What .toolchain/host.json says; valid until the machine boots again. */
export interface HostFacts extends KvmDecision {
  readonly bootId: string;
  /** Whether /dev/kvm was there when it was decided. */
  readonly device: boolean;
}

/** Keeps what was found out, for later runs and for the program. */
export function writeHostFacts(paths: Paths, decision: KvmDecision): HostFacts {
  const facts: HostFacts = { ...decision, bootId: bootId(), device: existsSync("/dev/kvm") };
  mkdirSync(paths.toolchain, { recursive: true });
  writeFileSync(`${paths.hostFacts}.tmp`, `${JSON.stringify(facts, null, 2)}\n`);
  renameSync(`${paths.hostFacts}.tmp`, paths.hostFacts);
  return facts;
}

/** The facts found out last; undefined when there are none that still hold. */
export function readHostFacts(paths: Paths): HostFacts | undefined {
  const text = readText(paths.hostFacts);
  if (text === "") return undefined;
  const facts = JSON.parse(text) as HostFacts;
  return facts.bootId === bootId() && facts.device === existsSync("/dev/kvm") ? facts : undefined;
}

/** Finds out whether KVM works, by a trial guest; the answer is .toolchain/host.json. */
export function kvmTask(context: Context): Task {
  const name = "kvm";
  return {
    name,
    needs: ["packages"],
    done: async () => {
      const facts = readHostFacts(context.paths);
      return Promise.resolve(facts && describe(facts));
    },
    run: async () => {
      const log = context.log(name);
      const { device, prefix } = await openableDevice();
      const decision = await decideDomainType({
        device,
        arch: process.arch,
        qemu: which("qemu-system-x86_64"),
        run: async (command, args, seconds) => {
          const [first = command, ...rest] = [...prefix, command, ...args];
          log.write(`$ ${[first, ...rest].join(" ")}`);
          const result = await execa(first, rest, {
            timeout: seconds * 1000,
            forceKillAfterDelay: 1000,
            reject: false,
            stdin: "ignore",
            all: true,
          });
          const { exitCode, timedOut, all: output = "" } = result;
          log.write(`= exit ${exitCode ?? "none"}, timed out: ${timedOut}\n${output}`);
          return { exitCode, timedOut, output };
        },
      });
      return describe(writeHostFacts(context.paths, decision));
    },
  };
}

function describe(facts: KvmDecision): string {
  return `domain type ${facts.domainType}: ${facts.reason}`;
}

/** libvirt opens the device as root: so does the probe, where it may. */
async function openableDevice(): Promise<{ device: KvmProbe["device"]; prefix: string[] }> {
  if (!existsSync("/dev/kvm")) return { device: "absent", prefix: [] };
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return { device: "accessible", prefix: [] };
  } catch {
    const prefix = await asRoot([], "Trying /dev/kvm").catch(() => undefined);
    return prefix ? { device: "accessible", prefix } : { device: "forbidden", prefix: [] };
  }
}
