import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type Server, createServer } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import Docker from "dockerode";
import { type BuildEvent, buildImage, dockerClient } from "../../../tools/setup/image-build.ts";
import { TaskLog } from "../../../tools/setup/log.ts";
import { SetupError } from "../../../tools/setup/report.ts";

/** What docker 20.10 answered to a build with `RUN echo doomed; exit 3`; the trace is protobuf. */
const trace = (aux: string): BuildEvent => ({ id: "moby.buildkit.trace", aux });
const step =
  "Cr4BCkdzaGEyNTY6YTY5ZTBjNTQwMDIxZWEyODU3ZGFlZmVlNmJhZTU4OTVlMTc5Y2ZjMDBkNThlYzYxZmRkYWU0N2QxNTc2MTM1YRJHc2hhMjU2OmNlY2U2NDg1ZTVhNjg4NDk1MjViZDJjZjc5NTk4ZDc5MTRmOTgxNjFhMTNhZjQwNTAyYWU1OTQ2YWQxMjMyZTIaHVszLzNdIFJVTiBlY2hvIGRvb21lZDsgZXhpdCAzKgsI+JaT2AYQu7ryNg==";
const answers = {
  cached: trace(
    "CpkBCkdzaGEyNTY6YzIyZGIyN2MwYjc1MmZmNWM5NzFjN2U1OTUxMDg1NjcxOGVlZDgyNzgzN2FlMTYzNzViNmZjYmEyNTIwZWY0ORoyWzEvM10gRlJPTSBkb2NrZXIuaW8vbGlicmFyeS9vdmVyY2xvdWQtYmFzZTp0cml4aWUgASoLCPaWk9gGEJjs7wMyCwj2lpPYBhCFt/ID",
  ),
  step: trace(step),
  output: trace(
    "GmEKR3NoYTI1NjphNjllMGM1NDAwMjFlYTI4NTdkYWVmZWU2YmFlNTg5NWUxNzljZmMwMGQ1OGVjNjFmZGRhZTQ3ZDE1NzYxMzVhEgsI+JaT2AYQxN/aYhgBIgdkb29tZWQK",
  ),
  umlaut: trace(
    "GmUKR3NoYTI1NjpjZWNlNjQ4NWU1YTY4ODQ5NTI1YmQyY2Y3OTU5OGQ3OTE0Zjk4MTYxYTEzYWY0MDUwMmFlNTk0NmFkMTIzMmUyEgsI9paT2AYQjeaKKhgBIgtow6RsbG8gdGN3Cg==",
  ),
  error: { error: "executor failed running [/bin/sh -c echo doomed; exit 3]: exit code: 3" },
  image: { id: "moby.image.id", aux: { ID: `sha256:${"0".repeat(64)}` } },
} satisfies Record<string, BuildEvent>;

describe("building an image by the daemon's API", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-build-"));
  const socketPath = path.join(folder, "docker.sock");
  const docker = new Docker({ socketPath });
  const open: Socket[] = [];
  let server: Server;
  let apiVersion: string;
  let replies: BuildEvent[];
  let asked: { url: URL; body: Buffer } | undefined;
  let log: TaskLog;

  before(async () => {
    server = createServer((request, response) => {
      if (request.url === "/version") {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ ApiVersion: apiVersion }));
        return;
      }
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        asked = {
          url: new URL(request.url ?? "", "http://docker"),
          body: Buffer.concat(chunks),
        };
        response.end(replies.map((reply) => `${JSON.stringify(reply)}\r\n`).join(""));
      });
    });
    server.on("upgrade", (_, socket: Socket) => {
      open.push(socket);
      socket.on("error", () => {});
      socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    });
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    mkdirSync(path.join(folder, "context", "bin"), { recursive: true });
    writeFileSync(path.join(folder, "context", "Dockerfile"), "FROM scratch\n");
    writeFileSync(path.join(folder, "context", "bin", "run"), "", { mode: 0o755 });
  });
  beforeEach((test) => {
    apiVersion = "1.41";
    log = new TaskLog(folder, test.name.replaceAll(/\W+/g, "-"));
    asked = undefined;
  });
  after(() => {
    for (const socket of open) socket.destroy();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  const build = () =>
    buildImage(docker, log, {
      folder: path.join(folder, "context"),
      tag: "some:tag",
      buildArgs: { BASE_IMAGE: "base:1" },
      labels: { content: "abc" },
      failure: "It could not be built",
    });
  const failure = async (): Promise<SetupError> => {
    const error: unknown = await build().catch((thrown: unknown) => thrown);
    assert.ok(error instanceof SetupError);
    return error;
  };

  it("asks for BuildKit with a session, in the host's network", async () => {
    replies = [answers.cached, answers.step, answers.step, answers.output, answers.image];
    await build();
    const query = Object.fromEntries(asked?.url.searchParams ?? []);
    assert.match(query.session ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(query.version, "2");
    assert.equal(query.networkmode, "host");
    assert.equal(query.t, "some:tag");
    assert.deepEqual(JSON.parse(query.buildargs ?? ""), { BASE_IMAGE: "base:1" });
    assert.deepEqual(JSON.parse(query.labels ?? ""), { content: "abc" });
  });

  it("sends the folder with everything owned by root, whoever runs this", async () => {
    replies = [answers.image];
    await build();
    const list = execFileSync("tar", ["-tv", "--numeric-owner"], {
      input: asked?.body,
      encoding: "utf8",
    });
    const lines = list.trim().split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(/\s+/).at(-1)),
      ["./", "./Dockerfile", "./bin/", "./bin/run"],
    );
    assert.ok(lines.every((line) => / 0\/0 /.test(line)));
    assert.match(lines.at(-1) ?? "", /^-rwxr-xr-x /);
  });

  it("writes each step once, and what it says, into the log", async () => {
    const { cached, step, output, umlaut, image } = answers;
    replies = [cached, step, step, output, umlaut, image];
    await build();
    assert.deepEqual(readFileSync(log.file, "utf8").split("\n").slice(1, -1), [
      "CACHED [1/3] FROM docker.io/library/overcloud-base:trixie",
      "[3/3] RUN echo doomed; exit 3",
      "doomed",
      "hällo tcw",
    ]);
  });

  it("tells of a failed step in one sentence, with what was written last", async () => {
    replies = [answers.cached, answers.step, answers.output, answers.error];
    const error = await failure();
    assert.equal(error.message, `It could not be built (${answers.error.error})`);
    assert.deepEqual(error.lastLines.slice(-2), ["[3/3] RUN echo doomed; exit 3", "doomed"]);
  });

  it("keeps the sentence short where the failed command is long, and its end", async () => {
    replies = [{ error: `failed: ${"apt-get install &&\n ".repeat(50)}: exit code: 100` }];
    const { message } = await failure();
    assert.ok(message.length < 240 && !message.includes("\n"));
    assert.match(message, /^It could not be built \(failed: apt-get .*exit code: 100\)$/);
  });

  it("is not content with an answer that breaks off", async () => {
    replies = [answers.step];
    assert.match((await failure()).message, /the daemon stopped answering/);
  });

  it("uses the classic builder of a daemon that has no other", async () => {
    apiVersion = "1.38";
    replies = [{ stream: "Step 1/1 : FROM scratch\n" }, { aux: { ID: "sha256:0" } }];
    await build();
    assert.equal(asked?.url.searchParams.get("version"), "1");
    assert.match(readFileSync(log.file, "utf8"), /^Step 1\/1 : FROM scratch$/m);
  });

  it("says so where no daemon answers", async () => {
    const nowhere = new Docker({ socketPath: path.join(folder, "none") });
    await assert.rejects(
      buildImage(nowhere, log, {
        folder,
        tag: "t",
        buildArgs: {},
        labels: {},
        failure: "No image",
      }),
      (error) => error instanceof SetupError && /^No image \(.*ENOENT/.test(error.message),
    );
  });

  it("goes to the system's socket unless DOCKER_HOST names another", () => {
    const socketOf = (client: Docker) => (client.modem as { socketPath?: unknown }).socketPath;
    assert.equal(socketOf(dockerClient({})), "/var/run/docker.sock");
    assert.equal(socketOf(dockerClient({ DOCKER_HOST: "unix:///a/b.sock" })), "/a/b.sock");
  });
});
