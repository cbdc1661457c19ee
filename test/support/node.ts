import { execa } from "execa";
import type { ScratchStack } from "../../tools/scratch-stack.ts";

/** Runs a command on the node that has a stack's control plane, as the stack's user would; returns what it prints. */
export async function onNode(stack: ScratchStack, ...command: string[]): Promise<string> {
  const { sshConfig = "" } = await stack.outputs();
  const { stdout } = await execa("ssh", ["-F", sshConfig, "controller-0", ...command], {
    stdin: "ignore",
    timeout: 180_000,
  });
  return stdout;
}
