import { Readable } from "node:stream";
import Docker from "dockerode";
import { execa } from "execa";
import protobuf from "protobufjs";
import { atLeast } from "./host.ts";
import { type TaskLog, lastLines } from "./log.ts";
import { SetupError } from "./report.ts";

/** What to build. */
export interface ImageBuild {
  readonly folder: string;
  readonly tag: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** What to say first when it fails. */
  readonly failure: string;
}

/** From this API version on the docker provider builds by BuildKit. */
const oldestBuildKit = "1.39";

/** A client of the daemon that the docker provider uses: DOCKER_HOST, else the system's socket. */
export function dockerClient(env: NodeJS.ProcessEnv): Docker {
  const host = env.DOCKER_HOST ?? "";
  if (host === "") return new Docker({ socketPath: "/var/run/docker.sock" });
  if (host.startsWith("unix://")) return new Docker({ socketPath: host.slice("unix://".length) });
  return new Docker(); // It reads DOCKER_HOST itself, and the certificates' variables.
}

/**
 * Builds an image as the docker provider's own builds go (its useLegacyBuilder: the daemon's BuildKit by
 * POST /build), so that both find each other's layers. The `docker` command would not do: without its
 * buildx plugin it builds by the classic builder, which has a cache of its own.
 */
export async function buildImage(docker: Docker, log: TaskLog, build: ImageBuild): Promise<void> {
  const progress = new BuildProgress();
  try {
    const { ApiVersion } = await docker.version();
    const version = atLeast(ApiVersion, oldestBuildKit) ? "2" : "1";
    log.write(`building ${build.tag} from ${build.folder} (API ${ApiVersion}, builder ${version})`);
    const stream = await docker.buildImage(Readable.from([await contextOf(build.folder)]), {
      version,
      t: build.tag,
      networkmode: "host",
      buildargs: { ...build.buildArgs },
      labels: { ...build.labels },
    });
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        (event) => log.output(progress.read(event as BuildEvent)),
      );
    });
    if (progress.error !== undefined) throw new Error(progress.error);
    if (!progress.complete) throw new Error("the daemon stopped answering");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.write(`= ${reason}`);
    throw new SetupError(`${build.failure} (${shorten(reason)})`, lastLines(progress.text));
  }
}

/** The folder as a tar archive in which everything is root's, as the provider sends it. */
async function contextOf(folder: string): Promise<Buffer> {
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--sort=name"];
  const { stdout } = await execa("tar", [...owner, "-C", folder, "-c", "."], {
    encoding: "buffer",
    stdin: "ignore",
  });
  return Buffer.from(stdout);
}

/** A line of the daemon's answer. */
export interface BuildEvent {
  readonly id?: string;
  /** BuildKit's progress (base64), or the image's id. */
  readonly aux?: string | { readonly ID?: string };
  /** The classic builder's output. */
  readonly stream?: string;
  readonly error?: string;
}

/** The part of BuildKit's moby.buildkit.v1.StatusResponse that is shown. */
const StatusResponse = protobuf.Root.fromJSON({
  nested: {
    StatusResponse: {
      fields: {
        vertexes: { id: 1, type: "Vertex", rule: "repeated" },
        logs: { id: 3, type: "VertexLog", rule: "repeated" },
      },
    },
    Vertex: {
      fields: {
        digest: { id: 1, type: "string" },
        name: { id: 3, type: "string" },
        cached: { id: 4, type: "bool" },
        started: { id: 5, type: "bytes" },
      },
    },
    VertexLog: { fields: { msg: { id: 4, type: "bytes" } } },
  },
}).lookupType("StatusResponse");

interface Status {
  readonly vertexes: readonly { digest: string; name: string; cached: boolean; started?: Buffer }[];
  readonly logs: readonly { msg: Buffer }[];
}

/** Makes text of the answers to a build. */
export class BuildProgress {
  /** Everything read so far. */
  text = "";
  error: string | undefined;
  complete = false;
  private readonly shown = new Set<string>();

  /** The text of one answer; "" where it says nothing to people. */
  read(event: BuildEvent): string {
    this.error ??= event.error;
    if (typeof event.aux === "object" && event.aux.ID !== undefined) this.complete = true;
    const text =
      event.id === "moby.buildkit.trace" && typeof event.aux === "string"
        ? this.decode(event.aux)
        : (event.stream ?? "");
    this.text += text;
    return text;
  }

  private decode(trace: string): string {
    const message = StatusResponse.decode(Buffer.from(trace, "base64"));
    const status = StatusResponse.toObject(message, { arrays: true, defaults: true }) as Status;
    const steps = status.vertexes.map(({ digest, name, cached, started }) => {
      // A step is told of again and again: once when it starts, or when it turns out to be cached.
      if ((!cached && (started?.length ?? 0) === 0) || this.shown.has(digest)) return "";
      this.shown.add(digest);
      return `${cached ? "CACHED " : ""}${name}\n`;
    });
    return [...steps, ...status.logs.map(({ msg }) => msg.toString("utf8"))].join("");
  }
}

/** The beginning and the end of a sentence that quotes a whole command. */
function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= 200 ? line : `${line.slice(0, 120)} … ${line.slice(-70)}`;
}
