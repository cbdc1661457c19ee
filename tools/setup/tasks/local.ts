import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { contentHash } from "../../../components/image/content-hash.ts";
import type { Context } from "../context.ts";
import { createProjectBackend, hasProjectBackend, renderShellEnvironment } from "../environment.ts";
import type { Task } from "../graph.ts";
import { readText, which } from "../host.ts";
import { openstackScript } from "../openstack-client.ts";
import { cacheImage } from "./images.ts";

/** Compiles the generated package @pulumi/libvirt, which npm only links. */
export function sdkTask(context: Context): Task {
  const name = "sdk-libvirt";
  const folder = path.join(context.paths.root, "sdks", "libvirt");
  const bin = path.join(folder, "bin");
  const marker = path.join(bin, ".source-hash");
  const hash = () => contentHash(folder, ["bin", "node_modules"]);
  return {
    name,
    needs: [],
    done: async () => {
      if (!existsSync(path.join(folder, "package.json"))) return "";
      return readText(marker) === (await hash()) ? "" : undefined;
    },
    run: async () => {
      const sources = await hash();
      const temporary = path.join(folder, "bin.tmp");
      rmSync(temporary, { recursive: true, force: true });
      const tsc = path.join(context.paths.root, "node_modules", "typescript", "bin", "tsc");
      await context.log(name).run(process.execPath, [tsc, "-p", folder, "--outDir", temporary], {
        failure: "sdks/libvirt does not compile",
      });
      // The compiled code asks ./package.json for its version.
      copyFileSync(path.join(folder, "package.json"), path.join(temporary, "package.json"));
      writeFileSync(path.join(temporary, ".source-hash"), sources);
      rmSync(bin, { recursive: true, force: true });
      renameSync(temporary, bin);
      return undefined;
    },
  };
}

/** .toolchain/env, and the local backend where nobody is logged in. */
export function environmentTask(context: Context): Task {
  const name = "environment";
  const text = renderShellEnvironment(context.shell);
  return {
    name,
    needs: [],
    done: async () => {
      const ready =
        readText(context.paths.env) === text &&
        (context.backend.kind === "user" || hasProjectBackend(context.paths));
      return Promise.resolve(ready ? `state in ${context.backend.description}` : undefined);
    },
    run: async () => {
      mkdirSync(context.paths.bin, { recursive: true });
      if (context.backend.kind === "project") {
        createProjectBackend(context.paths);
        context.say(
          name,
          "nobody is logged in to a Pulumi backend: the state is kept in .state/, its passphrase in .state/passphrase",
        );
      }
      writeFileSync(`${context.paths.env}.tmp`, text);
      renameSync(`${context.paths.env}.tmp`, context.paths.env);
      return Promise.resolve(`state in ${context.backend.description}`);
    },
  };
}

/** An `openstack` command that runs the image's client, for those who have none. */
export function openstackClientTask(context: Context): Task {
  const name = "openstack-client";
  const target = path.join(context.paths.bin, "openstack");
  const script = openstackScript(cacheImage);
  const users = () => which("openstack", context.env, [context.paths.bin]) !== undefined;
  return {
    name,
    needs: [],
    done: () => Promise.resolve(users() || readText(target) === script ? "" : undefined),
    tidy: () => {
      if (users()) rmSync(target, { force: true });
    },
    run: async () => {
      mkdirSync(context.paths.bin, { recursive: true });
      writeFileSync(`${target}.tmp`, script);
      chmodSync(`${target}.tmp`, 0o755);
      renameSync(`${target}.tmp`, target);
      return Promise.resolve("the image's client as .toolchain/bin/openstack");
    },
  };
}
