import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { execa } from "execa";
import { parse } from "yaml";
import { z } from "zod";
import { PROJECT_DIRECTORY } from "../../components/project.ts";

const PLAYBOOKS = join(PROJECT_DIRECTORY, "playbooks");
const MEASURING = [
  "boot_servers",
  "live_migrate",
  "churn",
  "fail_compute",
  "fail_service",
  "tune_control_plane",
  "upgrade_check",
];
const SHIPPED = [...MEASURING, "template"];

const read = (path: string) => readFileSync(join(PLAYBOOKS, path), "utf8");

const optionsSchema = z.record(
  z.string(),
  z.object({ description: z.string(), type: z.string(), default: z.unknown().optional() }).loose(),
);
const specsSchema = z.object({
  argument_specs: z.record(
    z.string(),
    z.object({ short_description: z.string(), options: optionsSchema.optional() }),
  ),
});

const specsOf = (role: string) =>
  specsSchema.parse(parse(read(`roles/${role}/meta/argument_specs.yml`), { merge: true }))
    .argument_specs;

const defaultsOf = (role: string) =>
  z.record(z.string(), z.unknown()).parse(parse(read(`roles/${role}/defaults/main.yml`)));

function ansible(program: string, ...args: string[]) {
  return execa(join(PROJECT_DIRECTORY, ".toolchain/ansible/bin", program), args, {
    env: {
      ANSIBLE_CONFIG: join(PLAYBOOKS, "ansible.cfg"),
      ANSIBLE_NOCOLOR: "1",
      // The callback that tells of outcomes is not asked here.
      ANSIBLE_CALLBACKS_ENABLED: "",
    },
    reject: false,
  });
}

describe("the playbooks that ship", () => {
  const documentation = readFileSync(join(PROJECT_DIRECTORY, "docs/shipped-playbooks.md"), "utf8");

  it("are right to ansible's parser", async () => {
    const files = SHIPPED.map((name) => join(PLAYBOOKS, `${name}.yml`));
    const ended = await ansible("ansible-playbook", "--syntax-check", ...files);
    assert.equal(ended.exitCode, 0, ended.stderr);
    assert.doesNotMatch(ended.stderr, /duplicate dict key|ERROR/);
  });

  for (const name of MEASURING) {
    describe(name, () => {
      const spec = specsOf(name)["main"];

      it("declares every parameter with the default that counts", () => {
        const declared = Object.entries(spec?.options ?? {});
        assert.deepEqual(
          Object.fromEntries(declared.map(([key, option]) => [key, option.default])),
          defaultsOf(name),
        );
        for (const [key, { description }] of declared) assert.ok(description.length > 3, key);
      });

      it("says in a comment what it is for, and how it is run", () => {
        assert.match(read(`${name}.yml`), /^# [A-Z].*\n#\n# {3}npm run playbook -- /);
      });

      it("has a section in the docs that names every parameter", () => {
        const section = documentation.split(/^## /m).find((each) => each.startsWith(`\`${name}\``));
        assert.ok(section, `no section \`${name}\``);
        for (const key of Object.keys(spec?.options ?? {})) {
          assert.ok(section.includes(`\`${key}\``), `${key} is not in it`);
        }
        assert.match(section, /npm run playbook -- /);
        assert.match(section, /\| result/);
      });

      it("checks ranges before anything else, and ends with a result", () => {
        const tasks = z
          .array(z.record(z.string(), z.unknown()))
          .parse(parse(read(`roles/${name}/tasks/main.yml`)));
        assert.ok(tasks[0] && "check_ranges" in tasks[0]);
        const last = JSON.stringify(tasks.at(-1));
        assert.match(last, /"tasks_from":"end"/);
      });
    });
  }

  it("have roles with declared arguments and nothing undeclared", () => {
    for (const role of ["result", "disturb", "on_service"]) {
      for (const entry of Object.values(specsOf(role))) assert.ok(entry.options, role);
    }
  });

  it("have modules that say what they do, and what each option is", async () => {
    const modules = globSync("library/*.py", { cwd: PLAYBOOKS }).map((file) =>
      file.replace(/^library\/|\.py$/g, ""),
    );
    assert.ok(modules.length >= 8);
    const ended = await ansible("ansible-doc", "--type", "module", "--json", ...modules);
    assert.equal(ended.exitCode, 0, ended.stderr);
    const documented = z
      .record(
        z.string(),
        z.object({ doc: z.object({ options: z.record(z.string(), z.unknown()) }) }),
      )
      .parse(JSON.parse(ended.stdout));
    for (const module of modules) {
      const source = read(`library/${module}.py`);
      const accepted = [
        ...source
          .slice(source.indexOf("argument_spec="))
          .matchAll(/^ {12}"?(\w+)"?(?:=|: )\{"type"/gm),
      ].map(([, option]) => option);
      const shared = source.includes("CONNECTION_ARGUMENTS,")
        ? ["clouds_file", "cloud", "call_seconds"]
        : [];
      assert.deepEqual(
        Object.keys(documented[module]?.doc.options ?? {}).sort(),
        [...new Set([...shared, ...accepted])].sort(),
        module,
      );
    }
  });

  it("have nobody pass a secret on a command line", () => {
    const files = globSync(["roles/**/*.yml", "library/*.py", "roles/**/*.sh"], { cwd: PLAYBOOKS });
    for (const file of files.filter((each) => existsSync(join(PLAYBOOKS, each)))) {
      assert.doesNotMatch(read(file), /argv:.*password|--os-password|-p\$/i, file);
    }
  });
});
