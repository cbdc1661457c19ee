import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { execa, ExecaError } from "execa";
import { docker } from "../../config/docker.ts";
import type { Action, ActionContext } from "../step/action.ts";
import { engineEnvironment, type Engine } from "./engine.ts";

export interface BringImageArgs {
  /** The host's name, for messages. */
  name: string;
  engine: Engine;
}

export interface RemoveImageArgs extends BringImageArgs {
  imageId: string;
}

const MEBIBYTE = 2 ** 20;

/** Every so many percent a line says how far it is. */
const PROGRESS_PERCENT = 10;

/**
 * Brings an image of this machine, whose id is on standard input, to another docker host: saved here and loaded there in
 * one go, with its tags and labels. An image that is there already, by its id, stays.
 */
export const bringImage: Action<BringImageArgs> = async ({ name, engine }, context) => {
  const imageId = (await context.readInput()).trim();
  if (await inspect(engine, imageId, context)) {
    context.report(`${name} has the image already`);
    return { imageId };
  }
  const image = await inspect({}, imageId, context);
  if (image === undefined) throw new Error(`this machine has no image ${imageId}`);
  const started = Date.now();
  // By its tag: an image that is saved by its id arrives without one, and then counts as nobody's.
  await send(
    [image.tags[0] ?? imageId],
    engine,
    context.signal,
    progress(name, image.size, context),
  );
  if (!(await inspect(engine, imageId, context))) {
    throw new Error(
      `docker on ${name} has taken the image and calls it otherwise: one of the two daemons keeps images in containerd's store and the other doesn't; set the same in both (daemon.json, features.containerd-snapshotter)`,
    );
  }
  context.report(`${name} has the image, after ${Math.round((Date.now() - started) / 1000)} s`);
  return { imageId };
};

/**
 * Removes it there; done if it is gone. Containers go first, so that a host that does not answer now is one that was lost,
 * and given up. Fails, with docker's reason, while a container is made of it.
 */
export const removeImage: Action<RemoveImageArgs> = async ({ name, engine, imageId }, context) => {
  const lost = await docker(engine, "version").then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (lost !== undefined) {
    context.report(`${name} does not answer, so its image stays there: ${lost}`);
    return { removed: false };
  }
  const image = await inspect(engine, imageId, context);
  if (image === undefined) return { removed: false };
  const names = image.tags.length > 0 ? image.tags : [imageId];
  await run(engine, ["image", "rm", ...names], context);
  return { removed: true };
};

/** Tags and size in bytes of an image; undefined where there is none. */
async function inspect(
  engine: Engine,
  imageId: string,
  context: ActionContext,
): Promise<{ tags: string[]; size: number } | undefined> {
  const format = "{{.Size}} {{json .RepoTags}}";
  const listed = await run(engine, ["image", "ls", "--quiet", "--no-trunc"], context);
  if (!listed.split("\n").includes(imageId)) return undefined;
  const text = await run(engine, ["image", "inspect", "--format", format, imageId], context);
  const [size = "", ...tags] = text.split(" ");
  return { size: Number(size), tags: (JSON.parse(tags.join(" ")) as string[] | null) ?? [] };
}

async function run(engine: Engine, args: string[], { signal }: ActionContext): Promise<string> {
  const env = engineEnvironment(engine);
  try {
    return (await execa("docker", args, { env, stdin: "ignore", cancelSignal: signal })).stdout;
  } catch (error) {
    throw asSentence(error);
  }
}

/** `docker save` here into `docker load` there. */
async function send(
  names: string[],
  engine: Engine,
  signal: AbortSignal,
  counter: Transform,
): Promise<void> {
  const options = { cancelSignal: signal, buffer: { stdout: false } } as const;
  const save = execa("docker", ["save", ...names], { ...options, stdin: "ignore" });
  const load = execa("docker", ["load", "--quiet"], {
    ...options,
    stdin: "pipe",
    env: engineEnvironment(engine),
  });
  load.stdout.resume();
  // Whichever ends first ends the others; what it said is what counts.
  const piped = pipeline(save.stdout, counter, load.stdin).catch(() => undefined);
  const failed = (await Promise.allSettled([load, save, piped])).find(
    (each) => each.status === "rejected",
  );
  if (failed) throw asSentence(failed.reason);
}

function progress(name: string, size: number, { report }: ActionContext): Transform {
  let bytes = 0;
  let reported = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      const percent = Math.min(100, Math.floor((100 * bytes) / size));
      if (percent >= reported + PROGRESS_PERCENT) {
        reported = percent - (percent % PROGRESS_PERCENT);
        report(`image on its way to ${name}: ${reported} % of ${Math.round(size / MEBIBYTE)} MiB`);
      }
      done(null, chunk);
    },
  });
}

/** What docker said. */
function asSentence(error: unknown): Error {
  if (!(error instanceof ExecaError))
    return error instanceof Error ? error : new Error(String(error));
  const said = String(error.stderr ?? "").trim();
  return new Error(said === "" ? error.shortMessage : said, { cause: error });
}
