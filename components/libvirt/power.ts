import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Action } from "../step/action.ts";

export interface DomainReference {
  /** Where libvirt answers. */
  uri: string;
  /** Name or UUID. */
  domain: string;
}

/** What libvirt says of a domain, `running` or `shut off` for instance; undefined where there is none. */
export async function domainState(
  { uri, domain }: DomainReference,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { failed, stdout } = await virsh(uri, ["domstate", domain], signal);
  return failed ? undefined : stdout.trim();
}

/** Those of the domains that do not run, with what they are; `gone` where there is none of the name. */
export async function switchedOff(
  uri: string,
  domains: readonly string[],
): Promise<{ name: string; state: string }[]> {
  const states = await Promise.all(
    domains.map(async (name) => ({
      name,
      state: (await domainState({ uri, domain: name })) ?? "gone",
    })),
  );
  return states.filter(({ state }) => state !== "running");
}

export interface ShutDownArgs extends DomainReference {
  /** Seconds that it gets to end by itself. */
  graceSeconds: number;
}

const PAUSE_MS = 1000;

/**
 * Presses the power button of a domain and waits until it is off. One that does not run, or is gone, counts as off; one
 * that does not end in time is left to whoever removes it, which pulls the plug.
 */
export const shutDown: Action<ShutDownArgs> = async (
  { graceSeconds, ...reference },
  { report, signal },
) => {
  const { uri, domain } = reference;
  const end = Date.now() + graceSeconds * 1000;
  for (let pressed = false; ;) {
    const state = await domainState(reference, signal);
    if (state === undefined || state === "shut off") return { off: true };
    if (!pressed) {
      report(`shutting ${domain} down`);
      const { failed, stderr } = await virsh(uri, ["shutdown", domain, "--mode", "acpi"], signal);
      if (failed) report(stderr.trim());
      pressed = true;
    }
    if (Date.now() > end) {
      report(`${domain} did not end within ${graceSeconds} s; it is switched off`);
      return { off: false };
    }
    await sleep(PAUSE_MS, undefined, { signal });
  }
};

function virsh(uri: string, args: string[], signal?: AbortSignal) {
  return execa("virsh", ["--connect", uri, "--quiet", ...args], {
    stdin: "ignore",
    reject: false,
    timeout: 30_000,
    ...(signal && { cancelSignal: signal }),
    env: { LC_ALL: "C" },
  });
}
