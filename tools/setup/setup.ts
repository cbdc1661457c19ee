import { rmSync } from "node:fs";
import { availableParallelism, constants } from "node:os";
import path from "node:path";
import { type Context, createContext } from "./context.ts";
import { withLock } from "./daemons.ts";
import { closure, runTasks, succeeded } from "./graph.ts";
import { lastLineOf } from "./log.ts";
import { type Paths } from "./paths.ts";
import { Reporter, duration } from "./report.ts";
import { type Purpose, allTasks, tasksFor } from "./tasks/all.ts";

/** Brings this machine to where `purpose` can be done; undefined (all said) where that failed. */
export async function setUp(
  paths: Paths,
  purpose: Purpose,
  env: NodeJS.ProcessEnv = process.env,
  write: (line: string) => void = (line) => console.log(line),
): Promise<Context | undefined> {
  const holder: { reporter?: Reporter } = {};
  const context = createContext(paths, env, (task, text) => holder.reporter?.say(task, text));
  const known = allTasks(context);
  const tasks = closure(known, tasksFor(purpose, known));
  const logOf = (task: string) => path.join(paths.logs, `${task}.log`);
  const reporter = new Reporter(
    tasks.map((task) => task.name),
    { write, logPath: logOf, lastLine: (task) => lastLineOf(logOf(task)) },
  );
  holder.reporter = reporter;
  const lock = path.join(paths.run, "setup.lock");
  const waiting = (pid: number) =>
    write(`set-up: another run (pid ${pid}) is at it here, waiting for it to end`);
  return withLock(lock, waiting, async () => {
    for (const task of tasks) rmSync(logOf(task.name), { force: true });
    const stop = (signal: NodeJS.Signals) => {
      write(`set-up: interrupted (${signal}); the same command goes on where this stopped`);
      process.exit(128 + constants.signals[signal]); // execa ends what it started, the lock goes
    };
    process.once("SIGINT", stop).once("SIGTERM", stop).once("SIGHUP", stop);
    const since = Date.now();
    // One Go build uses every core but while it links; two at once need the memory too.
    const pools = { go: availableParallelism() >= 4 ? 2 : 1 };
    const outcomes = await runTasks(tasks, reporter, pools);
    process.off("SIGINT", stop).off("SIGTERM", stop).off("SIGHUP", stop);
    const took = duration((Date.now() - since) / 1000);
    const all = [...outcomes.values()];
    if (!all.every(succeeded)) {
      reporter.failures(outcomes);
      return undefined;
    }
    const facts = all.flatMap((outcome) =>
      outcome.status === "present" && outcome.note !== "" ? [outcome.note] : [],
    );
    write(`set-up: ready (${took})${facts.length > 0 ? ` · ${facts.join(" · ")}` : ""}`);
    return context;
  });
}
