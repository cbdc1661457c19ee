import { rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import sshpk from "sshpk";
import { z } from "zod";
import { writeFiles } from "../access/files.ts";
import type { Action } from "../step/action.ts";

const keySchema = z.strictObject({ privateKey: z.string(), publicKey: z.string() });

/** Writes key, public key and configuration; the key comes on standard input. */
export const writeSshFiles: Action<{ directory: string; config: string }> = async (
  { directory, config },
  context,
) => {
  const { privateKey, publicKey } = keySchema.parse(JSON.parse(await context.readInput()));
  const key = sshpk.parsePrivateKey(privateKey, "pkcs8");
  key.comment = "";
  const contents = {
    // OpenSSH reads Ed25519 keys in no other format than its own.
    id_ed25519: key.toString("ssh-private"),
    "id_ed25519.pub": `${publicKey}\n`,
    config,
  };
  return writeFiles(
    { directory, names: Object.keys(contents) },
    { ...context, readInput: () => Promise.resolve(JSON.stringify(contents)) },
  );
};

export const removeSshFiles: Action<{ directory: string }> = async ({ directory }) => {
  await rm(directory, { recursive: true, force: true });
};

/** Seconds between two attempts to log in. */
const PAUSE_SECONDS = 2;

export interface WaitArgs {
  /** ssh configuration by which the node is found. */
  configFile: string;
  node: string;
  /** Who may log in, the likeliest first: one of them suffices. */
  users: string[];
}

/** Waits until a node takes the stack's key for one of the users. */
export const waitForNode: Action<WaitArgs> = async (
  { configFile, node, users },
  { report, signal },
) => {
  let last = "";
  for (;;) {
    const reasons: string[] = [];
    for (const user of users) {
      const { failed, stderr } = await execa("ssh", ["-F", configFile, "-l", user, node, "true"], {
        stdin: "ignore",
        reject: false,
        timeout: 60_000,
        cancelSignal: signal,
      });
      if (!failed) return node;
      signal.throwIfAborted();
      reasons.push(stderr.trim().split("\n").at(-1) || "no answer");
    }
    const reason = [...new Set(reasons)].join("; ");
    if (reason !== last) report(`${node}: ${reason}`);
    last = reason;
    await sleep(PAUSE_SECONDS * 1000, undefined, { signal });
  }
};
