import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { execa } from "execa";
import { CONTRACT_FILES, readContract } from "../components/infrared/contract.ts";
import { infraredEnvironment, infraredPaths } from "../components/infrared/environment.ts";
import {
  infraredInventory,
  WORKSPACE,
  type InventoryNode,
} from "../components/infrared/inventory.ts";
import type { UndercloudTarget } from "../components/infrared/target.ts";
import { undercloudArgv, undercloudVars } from "../components/infrared/undercloud-argv.ts";
import type { Specification } from "../components/step/specification.ts";
import { PROJECT_DIRECTORY } from "../components/project.ts";
import { infraredSchema } from "../config/infrared.ts";
import { differences } from "./infrared/compare.ts";
import {
  CONTAINER_TARGETS,
  removeImage,
  UndercloudContainer,
  type ContainerRelease,
} from "./infrared/container.ts";
import { recordPlugin, revisionOf } from "./infrared/record.ts";
import { EVERY_TARGET, nameOf, rdo } from "./infrared/targets.ts";

const CONTAINER_RELEASES = Object.keys(CONTAINER_TARGETS) as ContainerRelease[];

const usage = `Usage: npm run verify:infrared -- --checkout PATH [--containers] [--keep] [--record]
  --checkout PATH   a git checkout of Infrared; it is copied and stays as it is
  --containers      installs underclouds in a container, too (${CONTAINER_RELEASES.join(", ")}); takes minutes
  --keep            leaves the folder with Infrared's environment and says where it is; leaves the image
  --record          writes components/infrared/contract from the checkout, and does nothing else`;

/** Runs the project's own plans and steps with a real Infrared, and says of each whether it went as it must. */
class Verification {
  readonly root = mkdtempSync(path.join(tmpdir(), "overcloud-verify-infrared-"));
  readonly home = path.join(this.root, "infrared");
  readonly keyFile = path.join(this.root, "id_ed25519");
  readonly paths = infraredPaths(this.home);
  readonly checkout: string;
  #failures = 0;

  constructor(checkout: string) {
    this.checkout = checkout;
  }

  get failed(): boolean {
    return this.#failures > 0;
  }

  async check(name: string, work: () => Promise<string | undefined>): Promise<void> {
    const started = performance.now();
    const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
    try {
      const says = await work();
      console.log(`ok    ${name}${says ? `: ${says}` : ""} (${seconds()})`);
    } catch (error) {
      this.#failures += 1;
      console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Runs a step as Pulumi does. */
  async step(name: string, action: string, args: object, input = ""): Promise<string> {
    const specification: Specification = {
      name,
      directory: path.join(this.root, "logs"),
      action,
      args: { ...args },
      timeoutSeconds: 3600,
    };
    const runner = path.join(PROJECT_DIRECTORY, "components/step/run.ts");
    const { stdout, stderr, failed } = await execa(
      process.execPath,
      [runner, JSON.stringify(specification)],
      { input, reject: false, env: { NODE_NO_WARNINGS: "1" } },
    );
    if (failed) throw new Error(stderr.split("\n").at(-1));
    return stdout;
  }

  async infrared(argv: readonly string[]): Promise<{ status: number; output: string }> {
    const { exitCode, all } = await execa(this.paths.program, argv, {
      cwd: this.paths.checkout,
      env: infraredEnvironment(this.home),
      reject: false,
      all: true,
      stdin: "ignore",
    });
    return { status: exitCode ?? 1, output: all };
  }

  /** The planned command line for a release, with one of ansible's own words that run nothing. */
  argv(target: UndercloudTarget, ansibleWord?: string): string[] {
    const settings = infraredSchema.parse({
      // rpm images for rhel, imported ones for rdo; both as by default.
      undercloud: { nameservers: ["192.0.2.1"] },
    });
    const vars = path.join(this.root, `vars-${nameOf(target).replace(" ", "-")}.json`);
    writeFileSync(vars, JSON.stringify(undercloudVars(settings, target)));
    const inventory = path.join(this.paths.workspaceOf("stack"), "hosts-prov");
    const argv = undercloudArgv(settings, target, { inventory, vars });
    if (ansibleWord === undefined) return [...argv, "--dry-run"];
    return argv.map((word) =>
      word.startsWith("--ansible-args=") ? `${word};${ansibleWord}` : word,
    );
  }

  async install(): Promise<void> {
    await this.check("Infrared is installed by our step", async () => {
      await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", this.keyFile]);
      const source = { path: this.checkout };
      return this.step("install_infrared", "infrared/install", {
        home: this.home,
        source,
        pins: {},
      });
    });
  }

  async prepare(nodes: InventoryNode[]): Promise<void> {
    const inventory = infraredInventory(nodes, {
      keyFile: `${WORKSPACE}/id_rsa`,
      undercloudUser: "cloud-user",
      overcloudUser: "root",
    });
    await this.check("its workspace has our inventory and key", () =>
      this.step("setup_infrared_env", "infrared/prepare", {
        home: this.home,
        workspace: "stack",
        owner: "verify",
        plugins: ["plugins/virsh", "plugins/tripleo-undercloud"],
        inventory,
        keyFile: this.keyFile,
      }),
    );
  }

  async contract(): Promise<void> {
    for (const file of CONTRACT_FILES.filter((each) => each !== "core")) {
      await this.check(`the recorded contract of ${file} is the checkout's`, () => {
        const found = differences(readContract(file), recordPlugin(this.checkout, file));
        if (found.length > 0) throw new Error(`\n        ${found.join("\n        ")}`);
        return Promise.resolve(revisionOf(this.checkout).slice(0, 12));
      });
    }
  }

  async commandLines(): Promise<void> {
    for (const target of EVERY_TARGET) {
      await this.check(`${nameOf(target)}: the command line is taken`, () =>
        this.#answers(this.argv(target), 0),
      );
    }
    const [train, wrong] = [this.argv(rdo("train")), "--version=9000"];
    await this.check("an unknown option is refused", () =>
      this.#answers([...train, "--image-url=file:///i"], 2),
    );
    await this.check("an unknown choice is refused", () =>
      this.#answers(train.with(train.indexOf("--version=train"), wrong), 2),
    );
    await this.check("a missing option is refused", () =>
      this.#answers(
        train.filter((word) => !word.startsWith("--images-url=")),
        1,
      ),
    );
    for (const target of EVERY_TARGET) {
      await this.check(`${nameOf(target)}: the playbooks' syntax is right`, () =>
        this.#answers(this.argv(target, "syntax-check"), 0),
      );
    }
    await this.check("the tags that are skipped exist", () =>
      this.#says(this.argv(rdo("train"), "list-tags"), /TASK TAGS: \[.*\bshade\b/),
    );
    await this.check("the playbooks find the undercloud", () =>
      this.#says(
        this.argv(rdo("train"), "list-hosts"),
        /Configure Undercloud[^]*?hosts \(1\):\s+undercloud-0/,
      ),
    );
  }

  async #answers(argv: readonly string[], expected: number): Promise<undefined> {
    const { status, output } = await this.infrared(argv);
    if (status === expected) return undefined;
    throw new Error(
      `infrared ${argv.join(" ")} answers ${status}, not ${expected}: ${output.trim().slice(-500)}`,
    );
  }

  async #says(argv: readonly string[], words: RegExp): Promise<undefined> {
    const { output } = await this.infrared(argv);
    if (words.test(output)) return undefined;
    throw new Error(`infrared ${argv.join(" ")} does not say ${String(words)}`);
  }

  async container(release: ContainerRelease): Promise<void> {
    const container = new UndercloudContainer(release, this.root, `${this.keyFile}.pub`);
    try {
      await this.check(`${release}: a container is prepared`, () => container.start());
      await this.prepare([container.node()]);
      const settings = infraredSchema.parse({
        undercloud: {
          selinux: "disabled",
          reposSkipRelease: true,
          imagesUrl: container.imagesUrl,
          configOptions: { "DEFAULT.enable_ui": "false" },
          skipTags: ["shade", "dstat"],
        },
      });
      const { provisioningCidr } = CONTAINER_TARGETS[release];
      const target = { ...rdo(release), provisioningCidr };
      const varsFile = path.join(this.home, "undercloud-vars.json");
      const inventory = path.join(this.paths.workspaceOf("stack"), "hosts-prov");
      const deploy = () =>
        this.step(
          "deploy_undercloud",
          "infrared/deploy",
          {
            home: this.home,
            workspace: "stack",
            argv: undercloudArgv(settings, target, { inventory, vars: varsFile }),
            vars: undercloudVars(settings, target),
            varsFile,
          },
          JSON.stringify({ userPassword: "not-a-secret" }),
        );
      await this.check(`${release}: the undercloud is installed (client simulated)`, deploy);
      await this.check(`${release}: it looks as it must`, () => container.inspect());
      await this.check(`${release}: it is installed once more`, deploy);
    } finally {
      await container.remove();
    }
  }

  async remove(): Promise<void> {
    await this.check("nothing of it stays", async () => {
      const own = { home: this.home, workspace: "stack", owner: "verify" };
      await this.step("setup_infrared_env", "infrared/remove", own);
      await this.step("install_infrared", "infrared/uninstall", { home: this.home });
      if (existsSync(this.home)) throw new Error(`left: ${readdirSync(this.home).join(", ")}`);
      return undefined;
    });
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      checkout: { type: "string" },
      containers: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
    },
  });
  if (values.checkout === undefined) {
    console.error(usage);
    return 2;
  }
  const checkout = path.resolve(values.checkout);
  if (values.record) {
    record(checkout);
    return 0;
  }
  const verification = new Verification(checkout);
  try {
    await verification.contract();
    await verification.install();
    await verification.prepare(EXAMPLE);
    await verification.commandLines();
    for (const release of values.containers ? CONTAINER_RELEASES : []) {
      await verification.container(release);
    }
    if (!values.keep && !verification.failed) await verification.remove();
  } finally {
    if (values.containers && !values.keep) await removeImage();
    if (values.keep || verification.failed) console.log(`kept: ${verification.root}`);
    else rmSync(verification.root, { recursive: true, force: true });
  }
  return verification.failed ? 1 : 0;
}

/** Nodes as a topology has them. */
const EXAMPLE: InventoryNode[] = [
  { name: "undercloud-0", role: "undercloud", external: { address: "192.168.22.10" } },
  { name: "controller-0", role: "controller", external: { address: "192.168.22.11" } },
  { name: "compute-0", role: "compute", external: { address: "192.168.22.14" } },
];

function record(checkout: string): void {
  for (const plugin of CONTRACT_FILES.filter((each) => each !== "core")) {
    const file = path.join(PROJECT_DIRECTORY, `components/infrared/contract/${plugin}.json`);
    writeFileSync(file, `${JSON.stringify(recordPlugin(checkout, plugin), null, 2)}\n`);
    console.log(`${file} is of ${revisionOf(checkout)} now; format it with npm run format`);
  }
  console.log("core.json is kept by hand: it is what Infrared's Python says, not a specification");
}

process.exitCode = await main(process.argv.slice(2));
