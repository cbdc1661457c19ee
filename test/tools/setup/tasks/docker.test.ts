import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { createContext } from "../../../../tools/setup/context.ts";
import { isRoot, systemdRuns } from "../../../../tools/setup/host.ts";
import { pathsOf, project } from "../../../../tools/setup/paths.ts";
import { dockerTask } from "../../../../tools/setup/tasks/docker.ts";

const unable = systemdRuns()
  ? "systemd starts daemons here"
  : !isRoot() && "starting daemons takes root";

describe("the docker daemon", { skip: unable }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "overcloud-docker-"));
  const before_ = process.env.PATH;
  const paths = { ...pathsOf(folder), sources: project.sources };
  const said: string[] = [];
  const context = createContext(paths, { PATH: folder, HOME: folder }, (_, text) =>
    said.push(text),
  );
  const put = (name: string, text: string) => {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${text}\n`);
    chmodSync(path.join(folder, name), 0o755);
  };

  before(() => {
    // A daemon that answers from half a second after its start.
    put("docker", `test -e ${folder}/socket && echo 99.0 || { echo "no daemon" >&2; exit 1; }`);
    put("dockerd", `sleep 0.5; touch ${folder}/socket; exec sleep 600`);
    process.env.PATH = `${folder}:${before_}`;
  });
  after(() => {
    process.env.PATH = before_;
    rmSync(folder, { recursive: true });
  });

  it("is started where none answers and nothing manages services, and can be stopped", async () => {
    const task = dockerTask(context);
    assert.equal(await task.done(), undefined);
    assert.equal(await task.run(), "docker 99.0");
    assert.equal(await task.done(), "docker 99.0");
    assert.match(said.join("\n"), /started dockerd \(pid \d+, npm run daemons:stop ends it\)/);
    assert.match(await context.daemons.stop("dockerd"), /stopped dockerd/);
    rmSync(path.join(folder, "socket"));
  });

  it("is started again when it ended before it answered", async () => {
    put(
      "dockerd",
      `echo x >>${folder}/starts; sleep 0.2; test $(wc -l <${folder}/starts) -ge 3 || { echo containerd was slow; exit 1; }
touch ${folder}/socket; exec sleep 600`,
    );
    assert.equal(await dockerTask(context).run(), "docker 99.0");
    assert.match(said.join("\n"), /ended before it answered \(start 2 of 4\): containerd was slow/);
    await context.daemons.stop("dockerd");
    rmSync(path.join(folder, "socket"));
  });

  it("is waited for no longer than it lives, and its log is shown", async () => {
    put("dockerd", "echo cannot have iptables; sleep 0.2; exit 1");
    await assert.rejects(dockerTask(context).run(), (error: Error & { lastLines?: string[] }) => {
      assert.match(error.message, /does not answer/);
      assert.ok(error.lastLines?.includes("cannot have iptables"));
      return true;
    });
  });

  it("is not started in place of one that the user has named", async () => {
    const env = { PATH: folder, HOME: folder, DOCKER_HOST: "tcp://192.0.2.1:2375" };
    await assert.rejects(dockerTask(createContext(paths, env)).run(), /DOCKER_HOST is tcp/);
  });
});
