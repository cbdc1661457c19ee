import { DaemonBook } from "./setup/daemons.ts";
import type { Paths } from "./setup/paths.ts";

/** Ends the daemons that set-up started, and nothing else. */
export async function stopDaemons(
  paths: Paths,
  write: (line: string) => void = (line) => console.log(line),
): Promise<number> {
  const book = new DaemonBook(paths.run);
  // libvirtd before the log daemon that it talks to.
  const names = book.names().sort();
  if (names.length === 0) write("daemons-stop: set-up has started no daemon that is still noted");
  let status = 0;
  for (const name of names) {
    try {
      write(`daemons-stop: ${await book.stop(name)}`);
    } catch (error) {
      status = 1;
      write(`daemons-stop: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return status;
}
