import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import {
  InfraredUndercloud,
  type UndercloudStep,
} from "../../../components/infrared/undercloud.ts";
import { InfraredWorkspace } from "../../../components/infrared/workspace.ts";
import { actions } from "../../../components/step/actions.ts";
import { specificationSchema } from "../../../components/step/specification.ts";
import { infraredSettings, NODES, rdo, rhel } from "../../support/infrared.ts";
import { record, type Registration } from "../../support/pulumi.ts";

const COMMAND = "command:local:Command";
const PASSWORD = "correct-horse-battery";

interface Options {
  raw?: object;
  target?: ReturnType<typeof rdo>;
  nodes?: typeof NODES;
  machine?: string;
  leftOut?: UndercloudStep[];
  cleanup?: string;
  epoch?: string;
  preview?: boolean;
}

async function deploy({ raw = {}, target = rdo("train"), ...options }: Options = {}) {
  const settings = infraredSettings(raw);
  const { resources, value } = await record(
    options.preview ?? false,
    () => {
      const workspace = new InfraredWorkspace("infrared", {
        settings,
        stack: "lab",
        outputDirectory: "/out/lab",
        nodes: options.nodes ?? NODES,
        access: {
          keyFile: "/out/lab/ssh/id_ed25519",
          undercloudUser: "cloud-user",
          overcloudUser: "heat-admin",
        },
        cleanup: options.cleanup ?? "",
        key: "SHA256:key",
        epoch: options.epoch ?? "epoch-1",
      });
      const undercloud = new InfraredUndercloud("undercloud", {
        settings,
        target,
        outputDirectory: "/out/lab",
        workspace,
        sshConfig: "/out/lab/ssh/config",
        host: "undercloud-0",
        ansiblePlaybook: "/bin/ansible-playbook",
        userPassword: pulumi.secret(PASSWORD),
        rerunOn: [options.machine ?? "machine-1"],
        leftOut: options.leftOut ?? [],
      });
      return { workspace, undercloud };
    },
    (type, name) => (type === COMMAND ? { stdout: JSON.stringify(name) } : {}),
  );
  const commands = resources.filter(({ type }) => type === COMMAND);
  const command = (name: string) =>
    commands.find((each) => each.name === name) ?? assert.fail(`no step ${name}`);
  const specification = (name: string, key: "create" | "delete" = "create") =>
    specificationSchema.parse(JSON.parse(command(name).inputs[key] as string));
  /** Steps that a step waits for, itself or what is around it. */
  const waitsFor = (name: string): string[] => {
    const own = command(name);
    const around = resources.filter(({ urn }) => urn === own.parent);
    const urns = [own, ...around].flatMap(({ dependencies }) => dependencies);
    return commands.filter(({ urn }) => urns.includes(urn)).map((each) => each.name);
  };
  return { ...value, resources, commands, command, specification, waitsFor };
}

const names = (commands: Registration[]) => commands.map(({ name }) => name).toSorted();

for (const preview of [true, false]) {
  describe(`Infrared's components in ${preview ? "preview" : "update"}`, () => {
    let stack: Awaited<ReturnType<typeof deploy>>;
    before(async () => {
      stack = await deploy({ preview });
    });

    it("are one step for each thing to do", () => {
      assert.deepEqual(names(stack.commands), [
        "deploy_undercloud",
        "download_images",
        "infrared-inventories",
        "install_infrared",
        "setup_infrared_env",
        "upload_images",
      ]);
      const components = stack.resources.filter(({ type }) => type.startsWith("overcloud:index:I"));
      assert.deepEqual(components.map(({ type }) => type).toSorted(), [
        "overcloud:index:InfraredUndercloud",
        "overcloud:index:InfraredWorkspace",
      ]);
    });

    it("run in this order", () => {
      assert.deepEqual(stack.waitsFor("install_infrared"), []);
      assert.deepEqual(stack.waitsFor("setup_infrared_env"), ["install_infrared"]);
      assert.ok(stack.waitsFor("upload_images").includes("download_images"));
      for (const step of ["setup_infrared_env", "install_infrared", "upload_images"]) {
        assert.ok(stack.waitsFor("deploy_undercloud").includes(step), step);
      }
    });

    it("run actions that exist", () => {
      for (const { name, inputs } of stack.commands) {
        for (const key of ["create", "delete"] as const) {
          if (inputs[key] === undefined) continue;
          assert.ok(actions[stack.specification(name, key).action ?? ""], `${name} ${key}`);
        }
      }
    });

    it("remove what they made, and nothing else", () => {
      const removing = stack.commands.filter(({ inputs }) => inputs["delete"] !== undefined);
      assert.deepEqual(names(removing), ["install_infrared", "setup_infrared_env"]);
      assert.deepEqual(stack.specification("setup_infrared_env", "delete").args, {
        home: "/out/lab/infrared",
        workspace: "stack",
        owner: "lab",
      });
    });

    it("show the password to nobody", () => {
      for (const { name, readable } of stack.resources) {
        assert.ok(!readable.includes(PASSWORD), name);
      }
      const { inputs, secrets } = stack.command("deploy_undercloud");
      assert.deepEqual(secrets, ["stdin"]);
      if (!preview) {
        assert.deepEqual(JSON.parse(inputs["stdin"] as string), { userPassword: PASSWORD });
      }
    });
  });
}

describe("Infrared's components", () => {
  it("write inventories for every stage", async () => {
    const { command, workspace } = await deploy();
    const files = JSON.parse(command("infrared-inventories").inputs["stdin"] as string) as Record<
      string,
      string
    >;
    const users = (text = "") =>
      [...text.matchAll(/^(\S+) .*ansible_user=(\S+)/gm)].map(
        ([, host, user]) => `${host} ${user}`,
      );
    const others = (user: string) => NODES.slice(1).map(({ name }) => `${name} ${user}`);
    assert.deepEqual(users(files["hosts-infrared"]), [
      "undercloud-0 cloud-user",
      ...others("root"),
    ]);
    assert.deepEqual(users(files["hosts-undercloud"]), ["undercloud-0 stack", ...others("root")]);
    assert.deepEqual(users(files["hosts-overcloud"]), [
      "undercloud-0 stack",
      ...others("heat-admin"),
    ]);
    assert.equal(workspace.inventories.overcloud, "/out/lab/hosts-overcloud");
    for (const text of Object.values(files)) {
      assert.ok(text.includes("ansible_ssh_private_key_file=/out/lab/ssh/id_ed25519 "));
    }
  });

  it("do not install the undercloud again because a compute was added", async () => {
    const [before, after] = [await deploy(), await deploy({ nodes: NODES.slice(0, 3) })];
    const input = (stack: typeof before, step: string) => stack.command(step).inputs["create"];
    for (const step of ["install_infrared", "upload_images", "deploy_undercloud"]) {
      assert.equal(input(before, step), input(after, step), step);
    }
    assert.notEqual(input(before, "setup_infrared_env"), input(after, "setup_infrared_env"));
  });

  it("do it again on another machine", async () => {
    const [before, after] = [await deploy(), await deploy({ machine: "machine-2" })];
    for (const step of ["deploy_undercloud", "upload_images"]) {
      const environment = (stack: typeof before) => stack.command(step).inputs["environment"];
      assert.notDeepEqual(environment(before), environment(after), step);
    }
  });

  it("look again at their files when some are gone, and install nothing again", async () => {
    const [before, after] = [await deploy(), await deploy({ epoch: "epoch-2" })];
    const changed = names(before.commands).filter((step) => {
      const environment = (stack: typeof before) => stack.command(step).inputs["environment"];
      return JSON.stringify(environment(before)) !== JSON.stringify(environment(after));
    });
    assert.deepEqual(changed, ["infrared-inventories", "install_infrared", "setup_infrared_env"]);
  });

  it("download nothing where images are packages", async () => {
    const { commands } = await deploy({ target: rhel("16.2") });
    assert.ok(!names(commands).some((name) => name.endsWith("_images")));
  });

  it("run the user's hook before the installation", async () => {
    const raw = { preUndercloud: { playbook: "/my/hook.yml", timeoutMinutes: 5 } };
    const { specification, waitsFor } = await deploy({ raw });
    const { args, timeoutSeconds } = specification("pre_undercloud");
    assert.equal(args["inventory"], "/out/lab/hosts-infrared");
    assert.equal(timeoutSeconds, 300);
    assert.ok(waitsFor("deploy_undercloud").includes("pre_undercloud"));
  });

  it("that are left out do nothing, and if they ran before, that still counts", async () => {
    const { command, specification } = await deploy({ leftOut: ["deploy_undercloud"] });
    assert.equal(specification("deploy_undercloud").action, "step/skipped");
    assert.ok(command("deploy_undercloud").ignoreChanges.includes("create"));
    assert.equal(specification("download_images").action, "infrared/download");
    assert.deepEqual(command("download_images").ignoreChanges, []);
  });

  it("work in the folder that is set", async () => {
    const { specification } = await deploy({ raw: { home: "/srv/ir", workspace: "mine" } });
    const { args } = specification("deploy_undercloud");
    assert.equal(args["home"], "/srv/ir");
    assert.ok(
      (args["argv"] as string[]).includes("--inventory=/srv/ir/.workspaces/mine/hosts-prov"),
    );
  });
});
