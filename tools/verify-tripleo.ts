/**
 * Judges what the project plans for an overcloud with TripleO's own tools: the templates' process-templates.py and
 * yaml-validate.py, tripleo-common's validation of instackenv.json, tripleo-ansible's schemas of networks and servers.
 * They come from PyPI into .toolchain/tripleo, the first time: about two minutes. `npm run verify:tripleo`.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { planBmcs } from "../components/bmc/plan.ts";
import { planTopology } from "../components/libvirt/plan.ts";
import { deployCommand } from "../components/overcloud/deploy-command.ts";
import type { Release } from "../components/overcloud/release.ts";
import { planVars, renderVars } from "../components/overcloud/vars.ts";
import { libvirtSchema } from "../config/libvirt.ts";
import { overcloudSchema } from "../config/overcloud.ts";
import { project } from "./setup/paths.ts";

const folder = path.join(project.toolchain, "tripleo");
const sources = path.join(import.meta.dirname, "verify-tripleo");
const ansible = path.join(project.toolchain, "ansible", "bin");
const python = path.join(folder, "venv", "bin", "python");
const artifacts = JSON.parse(readFileSync(path.join(sources, "artifacts.json"), "utf8")) as Record<
  string,
  Record<string, string>
>;

/** What PyPI has of a release. The validator of 8.4.1 is older than today's PyYAML. */
const releases = [
  { release: "queens", templates: "8.4.1", common: "8.7.1", validator: false },
  { release: "train", templates: "11.6.0", common: "12.7.0", validator: true },
  { release: "wallaby", templates: "14.3.0", common: "15.4.0", validator: true },
] as const satisfies { release: Release; templates: string; common: string; validator: boolean }[];

const counts = [
  { controllers: 1, computes: 1 },
  { controllers: 3, computes: 4 },
] as const;

async function install(): Promise<void> {
  const complete = path.join(folder, "complete");
  const wanted = JSON.stringify([
    artifacts,
    readFileSync(path.join(sources, "requirements.txt"), "utf8"),
  ]);
  if (existsSync(complete) && readFileSync(complete, "utf8") === wanted) return;
  console.log("verify: fetching TripleO's tools from PyPI into .toolchain/tripleo");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await execa("/usr/bin/python3", ["-m", "venv", path.join(folder, "venv")]);
  const pip = (...args: string[]) =>
    execa(python, ["-m", "pip", "--disable-pip-version-check", "--quiet", ...args], {
      stderr: "inherit",
    });
  await pip("install", "--require-hashes", "--requirement", path.join(sources, "requirements.txt"));
  for (const [name, versions] of Object.entries(artifacts)) {
    for (const [version, hash] of Object.entries(versions)) {
      const file = path.join(folder, "requirement.txt");
      writeFileSync(file, `${name}==${version} --hash=sha256:${hash}\n`);
      const target = path.join(folder, `${name}-${version}`);
      const common = [
        "--require-hashes",
        "--no-deps",
        "--no-build-isolation",
        "--requirement",
        file,
      ];
      if (name !== "tripleo-heat-templates") {
        await pip("install", ...common, "--target", target);
        continue;
      }
      // The wheel has no templates.
      await pip("download", ...common, "--no-binary", ":all:", "--dest", folder);
      const archive = path.join(folder, `${name}-${version}.tar.gz`);
      await execa("tar", ["-xzf", archive, "-C", folder]);
      rmSync(archive);
    }
  }
  writeFileSync(`${complete}.new`, wanted);
  renameSync(`${complete}.new`, complete);
}

async function verify(
  { release, templates, common, validator }: (typeof releases)[number],
  { controllers, computes }: (typeof counts)[number],
): Promise<boolean> {
  const settings = overcloudSchema.parse({ release });
  const nodes = { controller: { count: controllers }, compute: { count: computes } };
  const plan = planTopology(libvirtSchema.parse({ nodes }), "lab", "lab");
  const work = path.join(folder, "work");
  mkdirSync(work, { recursive: true });
  const password = path.join(work, "bmc-password");
  writeFileSync(password, "secret\n", { mode: 0o600 });
  const vars = planVars(settings, {
    plan,
    bmcs: planBmcs(plan, settings.bmc),
    libvirtUri: "qemu:///system",
    tunnelCidr: "10.79.16.0/20",
    files: { sshKey: "", bmcPassword: password },
  });
  const instackenv = await renderInstackenv(work, renderVars(vars));
  const command = deployCommand(settings, plan);
  const file = path.join(work, `${release}-${controllers}-${computes}.json`);
  const source = path.join(folder, `tripleo-heat-templates-${templates}`);
  writeFileSync(
    file,
    JSON.stringify({
      templates: source,
      rendered: `${source}-rendered`,
      templates_on_undercloud: settings.templates,
      tripleo_ansible: path.join(folder, "tripleo-ansible-6.0.0"),
      nova: vars.cloud_release.nodesBy === "nova",
      // The slowest: once per release.
      validator: validator && controllers === 3,
      roles: vars.cloud_roles,
      names: vars.cloud_nodes.map(({ name }) => name),
      heat_files: vars.cloud_heat_files,
      environments: command.flatMap((word, index) =>
        command[index - 1] === "--environment-file" ? [word] : [],
      ),
      instackenv,
      network_data: vars.cloud_network_data,
      vip_data: vars.cloud_vip_data,
      baremetal_deployment: vars.cloud_baremetal_deployment,
      nic_template: path.join(
        project.root,
        "playbooks/roles/provision_nodes/files/two_nics_vlans.j2",
      ),
    }),
  );
  const { failed, all } = await execa(python, [path.join(sources, "check.py"), file], {
    env: { PYTHONPATH: path.join(folder, `tripleo-common-${common}`), PYTHONWARNINGS: "ignore" },
    reject: false,
    all: true,
  });
  const what = `${release} (templates ${templates}), controllers ${controllers}, computes ${computes}`;
  console.log(`verify: ${failed ? "✖" : "✔"} ${what}${all ? `\n${all}` : ""}`);
  return !failed;
}

/** instackenv.json by the role's own template. */
async function renderInstackenv(work: string, vars: string): Promise<unknown> {
  const [variables, target] = [path.join(work, "vars.json"), path.join(work, "instackenv.json")];
  writeFileSync(variables, vars);
  const template = path.join(
    project.root,
    "playbooks/roles/create_instackenv/templates/instackenv.json.j2",
  );
  const module = [
    "-m",
    "ansible.builtin.template",
    "-a",
    `src=${template} dest=${target} mode=0600`,
  ];
  const extra = ["-e", `@${variables}`, "-e", "create_instackenv_password=secret"];
  const interpreter = ["-e", "ansible_python_interpreter={{ ansible_playbook_python }}"];
  const local = ["-i", "localhost,", "-c", "local", "localhost"];
  await execa(path.join(ansible, "ansible"), [...local, ...module, ...extra, ...interpreter], {
    env: { LC_ALL: "C.UTF-8" },
  });
  return JSON.parse(readFileSync(target, "utf8"));
}

await install();
let well = true;
for (const release of releases) {
  for (const count of counts) well = (await verify(release, count)) && well;
}
process.exitCode = well ? 0 : 1;
