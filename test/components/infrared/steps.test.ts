import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { infraredPaths } from "../../../components/infrared/environment.ts";
import { infraredInventory, WORKSPACE } from "../../../components/infrared/inventory.ts";
import { undercloudArgv, undercloudVars } from "../../../components/infrared/undercloud-argv.ts";
import { infraredSettings, NODES, NO_PINS, rdo, standInCheckout } from "../../support/infrared.ts";
import { runStep } from "../../support/step.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-infrared-"));
after(() => rmSync(root, { recursive: true }));

const checkout = path.join(root, "checkout");
const keyFile = path.join(root, "id_ed25519");
const PASSWORD = "correct-horse-battery";

before(() => {
  standInCheckout(checkout);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", keyFile]);
});

/** One stack's Infrared: what its steps run, in a folder of its own. */
function stack(name: string, home = path.join(root, name, "infrared")) {
  const directory = path.join(root, name, "logs");
  const paths = infraredPaths(home);
  const folder = paths.workspaceOf("stack");
  const settings = infraredSettings();
  const owner = { home, workspace: "stack", owner: name };
  const step = (action: string, args: Record<string, unknown>, input?: string) =>
    runStep(
      { name: action.replace("/", "-"), directory, action, args, timeoutSeconds: 120 },
      // Variables that must not reach Infrared.
      { ...(input !== undefined && { input }), env: { IR_VERSION: "9000", IR_WORKSPACE: "other" } },
    );
  const access = { undercloudUser: "cloud-user", overcloudUser: "root" };
  const prepareArgs = {
    ...owner,
    plugins: settings.plugins,
    inventory: infraredInventory(NODES, { ...access, keyFile: `${WORKSPACE}/id_rsa` }),
    keyFile,
  };
  const files = { inventory: path.join(folder, "hosts-prov"), vars: path.join(home, "vars.json") };
  const deployArgs = {
    home,
    workspace: "stack",
    argv: undercloudArgv(settings, rdo("train"), files),
    vars: undercloudVars(settings, rdo("train")),
    varsFile: files.vars,
  };
  return {
    home,
    folder,
    paths,
    directory,
    prepareArgs,
    deployArgs,
    log: (action: string) => readFileSync(path.join(directory, `infrared-${action}.log`), "utf8"),
    install: (extra: object = {}) =>
      step("infrared/install", {
        ...{ home, source: { path: checkout }, pins: NO_PINS, cleanup: "" },
        ...extra,
      }),
    uninstall: () => step("infrared/uninstall", { home }),
    prepare: (extra: object = {}) => step("infrared/prepare", { ...prepareArgs, ...extra }),
    remove: () => step("infrared/remove", owner),
    deploy: (extra: object = {}) =>
      step(
        "infrared/deploy",
        { ...deployArgs, ...extra },
        JSON.stringify({ userPassword: PASSWORD }),
      ),
    calls: () =>
      readFileSync(path.join(home, "calls.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Call),
  };
}

/** The installation that most stacks here share: making one takes seconds. */
let shared: Promise<ReturnType<typeof stack>> | undefined;

async function lendInstallation({ home, paths }: ReturnType<typeof stack>): Promise<void> {
  shared ??= (async () => {
    const lender = stack("shared");
    await succeeds(lender.install());
    return lender;
  })();
  const lender = await shared;
  mkdirSync(home, { recursive: true });
  symlinkSync(lender.paths.venv, paths.venv);
  symlinkSync(lender.paths.checkout, paths.checkout);
  copyFileSync(lender.paths.installed, paths.installed);
}

interface Call {
  argv: string[];
  cwd: string;
  environment: Record<string, string>;
}

const words = (calls: Call[]) =>
  calls.map(({ argv }) => argv.filter((word) => !/^[-/]/.test(word)).join(" "));

async function succeeds(run: ReturnType<typeof runStep>): Promise<unknown> {
  const { status, stdout, stderr } = await run;
  assert.equal(status, 0, stderr);
  return stdout === "" ? undefined : (JSON.parse(stdout) as unknown);
}

async function fails(run: ReturnType<typeof runStep>, sentence: RegExp): Promise<void> {
  const { status, stdout, stderr } = await run;
  assert.equal(status, 1, stdout);
  assert.match(stderr, sentence);
}

describe("Infrared's steps", { concurrency: 2 }, () => {
  it("do everything once, and in order", async () => {
    const own = stack("whole");
    const revision = execFileSync("git", ["-C", checkout, "rev-parse", "HEAD"], {
      encoding: "utf8",
    }).trim();
    assert.deepEqual(await succeeds(own.install()), { revision, cleanup: "" });
    assert.equal(statSync(own.home).mode & 0o777, 0o700);

    const names = NODES.map(({ name }) => name);
    assert.deepEqual(await succeeds(own.prepare()), { nodes: names });
    assert.deepEqual(words(own.calls()), [
      "plugin add plugins/virsh",
      "plugin list",
      "plugin add plugins/tripleo-undercloud",
      "workspace list",
      "workspace import stack",
      "workspace node-list stack json",
    ]);
    for (const { cwd, environment } of own.calls()) {
      assert.equal(cwd, own.paths.checkout);
      assert.equal(environment["IR_HOME"], own.home);
      assert.equal(environment["ANSIBLE_CONFIG"], path.join(own.home, "ansible.cfg"));
      assert.doesNotMatch(environment["PATH"] ?? "", /shims/);
    }
    const inventory = readFileSync(path.join(own.folder, "hosts-prov"), "utf8");
    assert.ok(inventory.includes(`ansible_ssh_private_key_file=${own.folder}/id_rsa `));
    assert.equal(readlinkSync(path.join(own.folder, "hosts")), "hosts-prov");
    assert.equal(
      readFileSync(path.join(own.folder, "id_rsa"), "utf8"),
      readFileSync(keyFile, "utf8"),
    );
    assert.equal(statSync(path.join(own.folder, "id_rsa")).mode & 0o777, 0o600);
    // The archive that it came in held the key, too.
    assert.ok(!readdirSync(own.home).some((file) => file.startsWith("import-")));

    assert.deepEqual(await succeeds(own.deploy()), { undercloud: "undercloud-0" });
    const { argv = [] } = own.calls().at(-1) ?? {};
    assert.deepEqual(argv, own.deployArgs.argv);
    assert.match(
      readFileSync(path.join(own.folder, "hosts-install"), "utf8"),
      /^undercloud-0 .* ansible_user=stack /m,
    );

    // Nothing that is secret stays where it could be read.
    assert.ok(!existsSync(own.deployArgs.varsFile));
    const left = [own.log("deploy"), readFileSync(path.join(own.home, "ir-commands.log"), "utf8")];
    for (const text of left) assert.ok(!text.includes(PASSWORD));

    // Again: nothing new is made.
    await succeeds(own.install());
    await succeeds(own.prepare());
    assert.deepEqual(words(own.calls()).slice(8), [
      "plugin list",
      "plugin list",
      "workspace list",
      "workspace node-list stack json",
    ]);
    assert.equal(readlinkSync(path.join(own.folder, "hosts")), "./hosts-install");

    await succeeds(own.remove());
    assert.ok(!existsSync(own.folder));
    await succeeds(own.remove());
    await succeeds(own.uninstall());
    assert.ok(!existsSync(own.home));
    await succeeds(own.uninstall());
  });

  it("bring nodes that were added into the workspace that is there", async () => {
    const own = stack("grown");
    await lendInstallation(own);
    await succeeds(own.prepare());
    const more = [...NODES, { ...NODES[3]!, name: "compute-2", external: { address: "10.0.0.9" } }];
    const inventory = infraredInventory(more, {
      undercloudUser: "cloud-user",
      overcloudUser: "root",
      keyFile: `${WORKSPACE}/id_rsa`,
    });
    const { nodes } = (await succeeds(own.prepare({ inventory }))) as { nodes: string[] };
    assert.ok(nodes.includes("compute-2"));
    assert.ok(
      readFileSync(path.join(own.folder, "hosts-prov"), "utf8").includes(`${own.folder}/id_rsa`),
    );
    assert.equal(
      words(own.calls()).filter((each) => each.startsWith("workspace import")).length,
      1,
    );
  });

  it("go on where one failed", async () => {
    const own = stack("resumed");
    await lendInstallation(own);
    const order = (command: string) => path.join(own.home, `fail-${command}`);

    writeFileSync(order("workspace-import"), "disk full");
    await fails(own.prepare(), /^Step infrared-prepare failed: .*disk full.* \(log: .*\.log\)$/m);
    assert.ok(!existsSync(own.folder));
    assert.ok(!readdirSync(own.home).some((file) => file.startsWith("import-")));
    rmSync(order("workspace-import"));
    const failed = own.calls().length;
    await succeeds(own.prepare());
    assert.ok(!words(own.calls().slice(failed)).some((each) => each.startsWith("plugin add")));

    writeFileSync(order("tripleo-undercloud"), "TASK [deploy] failed");
    await fails(
      own.deploy(),
      /^Step infrared-deploy failed: .* ended with 1: .*TASK \[deploy\] failed/m,
    );
    assert.ok(!existsSync(own.deployArgs.varsFile));
    rmSync(order("tripleo-undercloud"));
    await succeeds(own.deploy());
  });

  it("refuse a command line before anything runs", async () => {
    const own = stack("refused");
    await lendInstallation(own);
    await succeeds(own.prepare());
    const before = own.calls().length;
    const argv = [...own.deployArgs.argv, "--image-url=x", "--images-task=copy"];
    await fails(own.deploy({ argv }), /no option --image-url.*--images-task is copy/);
    assert.equal(own.calls().length, before);
  });

  it("refuse to install on nothing: Infrared itself would not mind", async () => {
    const own = stack("empty");
    await fails(own.prepare(), /Infrared is not installed in .*: run install_infrared/);
    await lendInstallation(own);
    await fails(
      own.deploy(),
      /hosts-prov has no host in the group undercloud: run setup_infrared_env/,
    );
    await succeeds(own.prepare());
    const inventory = path.join(root, "nobody");
    writeFileSync(inventory, "localhost ansible_connection=local\n[undercloud]\n");
    const { argv } = own.deployArgs;
    const nobody = argv.map((word) => word.replace(/^--inventory=.*/, `--inventory=${inventory}`));
    await fails(own.deploy({ argv: nobody }), /ended well, but undercloud-0 .* matched no host/);
  });

  it("leave what is not theirs alone", async () => {
    const home = path.join(root, "shared-home");
    const first = stack("first", home);
    await lendInstallation(first);
    await succeeds(first.prepare());
    const second = stack("second", home);
    await fails(
      second.prepare(),
      /workspace stack in .* is not this stack's: set infrared\.workspace/,
    );
    await succeeds(second.remove());
    assert.ok(existsSync(first.folder));
    const own = { ...first.prepareArgs, workspace: "mine" };
    await succeeds(first.prepare(own));
    await succeeds(first.remove());
    // Another workspace is still there.
    await succeeds(first.uninstall());
    assert.ok(existsSync(first.paths.workspaceOf("mine")));
    assert.ok(!existsSync(first.paths.venv));
  });

  it("install from a repository, and again when the source changes", async () => {
    const own = stack("cloned");
    const source = { repository: checkout, revision: "master" };
    await succeeds(own.install({ source }));
    await succeeds(own.prepare());
    await succeeds(own.install());
    const before = own.calls().length;
    await succeeds(own.prepare());
    assert.deepEqual(words(own.calls().slice(before, before + 6)), [
      "plugin list",
      "plugin remove virsh",
      "plugin add plugins/virsh",
      "plugin list",
      "plugin remove tripleo-undercloud",
      "plugin add plugins/tripleo-undercloud",
    ]);
  });

  it("remove everything once for each new confirmation, and never for none", async () => {
    const own = stack("cleaned");
    await succeeds(own.install());
    await succeeds(own.prepare());
    const untouched = own.calls().length;
    await succeeds(own.install({ cleanup: "yes" }));
    assert.ok(!existsSync(own.folder), "the workspace went with it");
    assert.ok(existsSync(own.paths.program));
    await succeeds(own.prepare());
    assert.ok(untouched > 0);
    for (const cleanup of ["yes", ""]) {
      await succeeds(own.install({ cleanup }));
      assert.ok(existsSync(own.folder), `"${cleanup}" is no new confirmation`);
    }
  });

  it("run on a stand-in that answers as Infrared does", async () => {
    const own = stack("answers");
    await lendInstallation(own);
    const status = (...argv: string[]) =>
      spawnSync(own.paths.program, argv, {
        cwd: own.paths.checkout,
        env: { ...process.env, IR_HOME: own.home, ANSIBLE_CONFIG: `${own.home}/ansible.cfg` },
      }).status;
    // Without a plugin yet, it would look for all of them.
    assert.equal(status("workspace", "list"), 1);
    await succeeds(own.prepare());
    const install = ["tripleo-undercloud", "--dry-run", "--images-task=import"];
    assert.equal(status(...install, "--images-url=file:///i", "--version=train"), 0);
    assert.equal(status(...install, "--image-url=file:///i"), 2);
    assert.equal(status(...install, "--images-url=file:///i", "--version=9000"), 2);
    assert.equal(status(...install), 1);
    assert.equal(status("virsh"), 1);
    assert.equal(status("virsh", "--host-address=h", "--host-key=k", "--vnc-external=yes"), 1);
    assert.equal(status("workspace", "create", "stack"), 1);
    assert.equal(status("workspace", "dance"), 2);
  });

  it("name what is wrong with the source or the Python", async () => {
    const own = stack("wrong");
    await fails(
      own.install({ source: { path: root } }),
      /is no checkout of Infrared, it has no pl/,
    );
    const source = { repository: checkout, revision: "no-such-branch" };
    await fails(own.install({ source }), /git ended with 1: .*no-such-branch/);
    await fails(own.install({ python: "/bin/false" }), /\/bin\/false can't be run: Infrared needs/);
    assert.ok(!existsSync(own.paths.installed));
    await succeeds(own.install());
  });
});
