import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import {
  childEnvironment,
  createProjectBackend,
  detectBackend,
  hasProjectBackend,
  renderShellEnvironment,
  shellEnvironment,
} from "../../../tools/setup/environment.ts";
import { pathsOf } from "../../../tools/setup/paths.ts";

const folder = mkdtempSync(path.join(tmpdir(), "overcloud-env-"));
after(() => rmSync(folder, { recursive: true }));
const paths = pathsOf(path.join(folder, "it's a project"));
const nobody = { HOME: path.join(folder, "nobody"), PATH: "/usr/bin:/bin" };

function home(name: string, credentials: unknown): string {
  const pulumi = path.join(folder, name, ".pulumi");
  mkdirSync(pulumi, { recursive: true });
  writeFileSync(path.join(pulumi, "credentials.json"), JSON.stringify(credentials));
  return path.join(folder, name);
}

describe("the choice of the Pulumi backend", () => {
  it("is one inside the project when nobody is logged in", () => {
    const backend = detectBackend(paths, nobody);
    assert.equal(backend.kind, "project");
    assert.deepEqual(backend.variables, {
      PULUMI_HOME: paths.pulumiHome,
      PULUMI_BACKEND_URL: `file://${paths.state}/backend`,
      PULUMI_CONFIG_PASSPHRASE_FILE: `${paths.state}/passphrase`,
    });
  });

  it("is the user's own with a URL, a token or a login, and nothing is set then", () => {
    const somewhere = home("alice", { current: "https://pulumi.example" });
    for (const env of [
      { ...nobody, PULUMI_BACKEND_URL: "s3://bucket" },
      { ...nobody, PULUMI_ACCESS_TOKEN: "pul-1" },
      { ...nobody, HOME: somewhere },
      { ...nobody, PULUMI_HOME: path.join(somewhere, ".pulumi") },
    ]) {
      const backend = detectBackend(paths, env);
      assert.equal(backend.kind, "user");
      assert.deepEqual(backend.variables, {});
    }
    assert.equal(
      detectBackend(paths, { ...nobody, HOME: somewhere }).home,
      path.join(somewhere, ".pulumi"),
    );
  });

  it("is a folder where its URL is that of one, and nothing else", () => {
    const folderWith = (url: string) =>
      detectBackend(paths, { ...nobody, PULUMI_BACKEND_URL: url }).folder;
    assert.equal(folderWith("file:///srv/state"), "/srv/state");
    assert.equal(folderWith("file://~"), nobody.HOME);
    assert.equal(folderWith("file://~/state"), path.join(nobody.HOME, "state"));
    assert.equal(folderWith("s3://bucket"), undefined);
    const local = home("dave", { current: "file://~" });
    assert.equal(detectBackend(paths, { ...nobody, HOME: local }).folder, local);
    assert.equal(detectBackend(paths, nobody).folder, path.join(paths.state, "backend"));
  });

  it("does not take a logged-out or unreadable credentials file for a login", () => {
    for (const [name, content] of [
      ["bob", { current: "" }],
      ["carol", {}],
    ] as const) {
      assert.equal(detectBackend(paths, { ...nobody, HOME: home(name, content) }).kind, "project");
    }
  });

  it("does not take its own settings for a login once they are sourced", () => {
    const sourced = { ...nobody, ...detectBackend(paths, nobody).variables };
    assert.equal(detectBackend(paths, sourced).kind, "project");
  });

  it("generates the passphrase once, for its owner's eyes only", () => {
    createProjectBackend(paths);
    const file = path.join(paths.state, "passphrase");
    const first = readFileSync(file, "utf8");
    assert.match(first, /^[\w-]{43}\n$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(paths.state).mode & 0o777, 0o700);
    createProjectBackend(paths);
    assert.equal(readFileSync(file, "utf8"), first);
  });

  it("leaves Pulumi no folder for a record of its engine, also where there was one", () => {
    const other = pathsOf(path.join(folder, "recorded"));
    const logs = path.join(other.pulumiHome, "logs");
    mkdirSync(logs, { recursive: true });
    writeFileSync(path.join(logs, "an-update.log"), "much");
    assert.equal(hasProjectBackend(other), false);
    createProjectBackend(other);
    assert.equal(hasProjectBackend(other), true);
    assert.ok(statSync(logs).isFile());
  });
});

describe("the shell environment", () => {
  const shell = shellEnvironment(paths, detectBackend(paths, nobody), "/opt/node/bin");
  const source = (times: number) => {
    mkdirSync(paths.toolchain, { recursive: true });
    writeFileSync(paths.env, renderShellEnvironment(shell));
    const script = `${'. "$1"; '.repeat(times)} printf '%s\\n' "$PATH" "$PULUMI_HOME" "$PULUMI_SKIP_UPDATE_CHECK"`;
    return execFileSync("/bin/sh", ["-euc", script, "sh", paths.env], {
      env: nobody,
      encoding: "utf8",
    }).split("\n");
  };

  it("puts the project's tools first, in a folder of any name", () => {
    const [searchPath, pulumiHome, skip] = source(1);
    assert.equal(searchPath, `${paths.bin}:/opt/node/bin:/usr/bin:/bin`);
    assert.equal(pulumiHome, paths.pulumiHome);
    assert.equal(skip, "true");
  });

  it("changes nothing more when it is sourced again", () => {
    assert.deepEqual(source(2), source(1));
  });

  it("is what set-up's own commands get", () => {
    const env = childEnvironment(shell, nobody);
    assert.equal(env.PATH, source(1)[0]);
    assert.equal(childEnvironment(shell, env).PATH, env.PATH);
  });

  it("leaves Node and the backend alone where the user has both", () => {
    const user = detectBackend(paths, { ...nobody, PULUMI_ACCESS_TOKEN: "pul-1" });
    const { path: folders, variables } = shellEnvironment(paths, user, undefined);
    assert.deepEqual(folders, [paths.bin]);
    assert.deepEqual(Object.keys(variables), ["PULUMI_SKIP_UPDATE_CHECK", "NODE_COMPILE_CACHE"]);
  });
});
