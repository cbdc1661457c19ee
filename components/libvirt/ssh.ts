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

/** Waits until a node takes the stack's key. */
export const waitForNode: Action<{ configFile: string; node: string }> = async (
  { configFile, node },
  { report, signal },
) => {
  let last = "";
  for (;;) {
    const { failed, stderr } = await execa("ssh", ["-F", configFile, node, "true"], {
      stdin: "ignore",
      reject: false,
      timeout: 60_000,
      cancelSignal: signal,
    });
    if (!failed) return node;
    signal.throwIfAborted();
    const reason = stderr.trim().split("\n").at(-1) ?? "";
    if (reason !== last) report(`${node}: ${reason || "no answer"}`);
    last = reason;
    await sleep(PAUSE_SECONDS * 1000, undefined, { signal });
  }
};
