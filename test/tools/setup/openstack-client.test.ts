import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";
import { openstackScript } from "../../../tools/setup/openstack-client.ts";

describe("the openstack command of set-up", () => {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "overcloud-client-")));
  after(() => rmSync(folder, { recursive: true }));
  const put = (name: string, text: string) => {
    writeFileSync(path.join(folder, name), text);
    chmodSync(path.join(folder, name), 0o755);
  };
  put("docker", `#!/bin/sh\nprintf '%s\\n' "$@"\n`);
  put("openstack", openstackScript("some-image:tag"));
  put("clouds file.yaml", "");
  const run = (env: NodeJS.ProcessEnv, ...args: string[]) =>
    execFileSync(path.join(folder, "openstack"), args, {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: `${folder}:/usr/bin:/bin`, ...env },
    })
      .trimEnd()
      .split("\n");

  it("runs the image's client with the arguments as they are", () => {
    const argv = run({}, "server", "create", "two words");
    assert.deepEqual(argv.slice(-4), ["some-image:tag", "server", "create", "two words"]);
    assert.deepEqual(argv.slice(0, 5), ["run", "--rm", "--interactive", "--network", "host"]);
  });

  it("hands over OS_* by name only, and the clouds file as a file", () => {
    const argv = run(
      { OS_CLOUD: "dev", OS_PASSWORD: "geheim", OS_CLIENT_CONFIG_FILE: "clouds file.yaml" },
      "token",
      "issue",
    );
    assert.ok(argv.includes("OS_CLOUD") && argv.includes("OS_PASSWORD"));
    assert.ok(!argv.join(" ").includes("geheim"));
    assert.ok(argv.includes(`${folder}/clouds file.yaml:/run/overcloud/clouds.yaml:ro`));
    assert.ok(argv.includes("OS_CLIENT_CONFIG_FILE=/run/overcloud/clouds.yaml"));
    assert.ok(!argv.join(" ").includes("ca.pem"));
  });

  it("hands over what the cloud is verified against, once and where its user has it", () => {
    const mine = `${folder}/mine.pem`;
    const beside = `${folder}/ca.pem`;
    put("mine.pem", "");
    put("ca.pem", "");
    const mounted = (env: NodeJS.ProcessEnv) =>
      run(env, "token", "issue").filter((word) => word.includes(".pem:"));
    const clouds = { OS_CLIENT_CONFIG_FILE: "clouds file.yaml" };
    assert.deepEqual(mounted(clouds), [`${beside}:${beside}:ro`]);
    assert.deepEqual(mounted({ OS_CACERT: mine }), [`${mine}:${mine}:ro`]);
    assert.deepEqual(mounted({ ...clouds, OS_CACERT: mine }), [`${mine}:${mine}:ro`]);
    assert.deepEqual(mounted({ OS_CACERT: `${folder}/missing.pem` }), []);
    assert.deepEqual(mounted({}), []);
  });
});
