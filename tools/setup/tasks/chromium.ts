import { aptInstall } from "../apt.ts";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";
import { isDebianLike, which } from "../host.ts";
import { SetupError } from "../report.ts";

/** Names under which distributions have the browser. */
const COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Path of a Chromium on this machine, or undefined. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return COMMANDS.map((command) => which(command, env)).find((found) => found !== undefined);
}

/** The browser in which tests look at experiments' reports. */
export function chromiumTask(
  context: Context,
  find: () => string | undefined = findChromium,
): Task {
  const name = "chromium";
  return {
    name,
    needs: [],
    done: () => Promise.resolve(find() === undefined ? undefined : ""),
    run: async () => {
      if (isDebianLike()) {
        // Without a font of any kind it draws no letters.
        await aptInstall(context, name, ["chromium", "fonts-dejavu-core"]);
      }
      const found = find();
      if (found !== undefined) return found;
      throw new SetupError(
        `Tests of reports take a Chromium, and this machine has none: install it so that one of ${COMMANDS.join(", ")} is on PATH, then run this again.`,
      );
    },
  };
}
