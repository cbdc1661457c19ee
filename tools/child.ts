import { spawn, type StdioOptions } from "node:child_process";
import { constants } from "node:os";

/** Runs a command in the foreground, on our terminal unless told otherwise; its exit status becomes the answer. */
export function foreground(
  command: string,
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; stdio?: StdioOptions },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", ...options });
    // ^C on a terminal reaches the child by itself: passing it on too would make it two, and a second
    // one makes pulumi give up without finishing what it is at.
    const interrupt = () => void (process.stdin.isTTY || child.kill("SIGINT"));
    const terminate = () => void child.kill("SIGTERM");
    process.on("SIGINT", interrupt).on("SIGTERM", terminate).on("SIGHUP", terminate);
    const release = () => {
      process.off("SIGINT", interrupt).off("SIGTERM", terminate).off("SIGHUP", terminate);
    };
    child.on("error", (error) => {
      release();
      reject(error);
    });
    child.on("exit", (status, signal) => {
      release();
      resolve(status ?? 128 + (signal ? constants.signals[signal] : 1));
    });
  });
}
