/** One named piece of set-up. Independent tasks run side by side. */
export interface Task {
  readonly name: string;
  /** Names of the tasks that must have ended well before this one starts. */
  readonly needs: readonly string[];
  /** Tasks of one pool take turns: as many at once as the pool allows. */
  readonly pool?: string;
  /** Cheap: a few words about what satisfies the task already, or undefined when it has to run. Changes nothing. */
  done(): Promise<string | undefined>;
  /** Where the task is done by something of the user's: takes away what an older run made in its stead. */
  tidy?(): void;
  /** Does the work; may answer with a few words about the outcome. */
  run(): Promise<string | undefined>;
}

/** How a task ended. */
export type Outcome =
  | { readonly status: "present" | "made"; readonly note: string; readonly seconds: number }
  | { readonly status: "failed"; readonly error: Error; readonly seconds: number }
  | { readonly status: "skipped"; readonly because: string };

/** What a run of tasks tells about itself, as it happens. */
export interface Observer {
  started(task: Task): void;
  ended(task: Task, outcome: Outcome): void;
}

/** The tasks named, and everything they need, in an order in which each follows what it needs. */
export function closure(tasks: readonly Task[], names: readonly string[]): Task[] {
  const byName = new Map(tasks.map((task) => [task.name, task]));
  const ordered: Task[] = [];
  const state = new Map<string, "visiting" | "visited">();
  const visit = (name: string, path: readonly string[]): void => {
    const task = byName.get(name);
    if (!task) throw new Error(`there is no task "${name}" (needed by ${path.at(-1) ?? "nobody"})`);
    if (state.get(name) === "visited") return;
    if (state.get(name) === "visiting") {
      throw new Error(`tasks need each other: ${[...path, name].join(" → ")}`);
    }
    state.set(name, "visiting");
    for (const needed of task.needs) visit(needed, [...path, name]);
    state.set(name, "visited");
    ordered.push(task);
  };
  for (const name of names) visit(name, []);
  return ordered;
}

/**
 * Runs tasks by dependency. A failure stops only what needs the failed task; the rest goes on, so that
 * one run finds every problem and the next one has little left to do.
 */
export async function runTasks(
  tasks: readonly Task[],
  observer: Observer,
  pools: Readonly<Record<string, number>> = {},
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const slots = new Map(Object.entries(pools).map(([name, size]) => [name, new Slots(size)]));
  const running = new Map<string, Promise<Outcome>>();
  const start = (task: Task): Promise<Outcome> => {
    const known = running.get(task.name);
    if (known) return known;
    const promise = (async () => {
      const needed = await Promise.all(task.needs.map((name) => requireRunning(name)));
      const broken = task.needs.find((_, index) => !succeeded(needed[index]));
      const outcome: Outcome =
        broken === undefined
          ? await perform(task, observer, slots.get(task.pool ?? ""))
          : { status: "skipped", because: broken };
      outcomes.set(task.name, outcome);
      observer.ended(task, outcome);
      return outcome;
    })();
    running.set(task.name, promise);
    return promise;
  };
  const requireRunning = (name: string): Promise<Outcome> => {
    const promise = running.get(name);
    if (!promise) throw new Error(`task "${name}" is needed but not part of this run`);
    return promise;
  };
  const ordered = closure(
    tasks,
    tasks.map((task) => task.name),
  );
  await Promise.all(ordered.map((task) => start(task)));
  return outcomes;
}

/** Whether what the task stands for is there now. */
export function succeeded(outcome: Outcome | undefined): boolean {
  return outcome?.status === "present" || outcome?.status === "made";
}

async function perform(task: Task, observer: Observer, slots?: Slots): Promise<Outcome> {
  let since = Date.now();
  const seconds = () => (Date.now() - since) / 1000;
  try {
    const present = await task.done();
    if (present !== undefined) {
      task.tidy?.();
      return { status: "present", note: present, seconds: seconds() };
    }
    await slots?.take();
    try {
      since = Date.now();
      observer.started(task);
      const note = (await task.run()) ?? "";
      return { status: "made", note, seconds: seconds() };
    } finally {
      slots?.give();
    }
  } catch (error) {
    return { status: "failed", error: asError(error), seconds: seconds() };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** A counting semaphore, first come first served. */
class Slots {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(size: number) {
    this.free = size;
  }

  async take(): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  }
}
