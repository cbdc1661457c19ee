import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PINS } from "../../components/infrared/install.ts";
import { infraredSchema, type InfraredSettings } from "../../config/infrared.ts";
import type { InventoryNode } from "../../components/infrared/inventory.ts";

export const infraredSettings = (raw: object = {}): InfraredSettings => infraredSchema.parse(raw);

export { EVERY_TARGET, nameOf, rdo, rhel } from "../../tools/infrared/targets.ts";

const node = (role: InventoryNode["role"], index: number, address: string): InventoryNode => ({
  name: `${role}-${index}`,
  role,
  external: { address },
});

export const NODES: InventoryNode[] = [
  node("undercloud", 0, "192.168.22.10"),
  node("controller", 0, "192.168.22.11"),
  node("compute", 0, "192.168.22.14"),
  node("compute", 1, "192.168.22.15"),
];

/**
 * A git checkout of the stand-in for Infrared: installed as the real one is, it answers as the real one does, and takes a
 * second for all of it.
 * @param folder where it is made
 */
export function standInCheckout(folder: string): string {
  const root = path.join(import.meta.dirname, "../..");
  cpSync(path.join(import.meta.dirname, "infrared"), folder, { recursive: true });
  cpSync(path.join(root, "components/infrared/contract"), path.join(folder, "contract"), {
    recursive: true,
  });
  for (const plugin of ["virsh", "tripleo-undercloud"]) {
    mkdirSync(path.join(folder, "plugins", plugin), { recursive: true });
    writeFileSync(path.join(folder, "plugins", plugin, "plugin.spec"), "");
  }
  const git = (...argv: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...argv], {
      cwd: folder,
      stdio: "ignore",
    });
  git("init", "--quiet", "--initial-branch=master");
  git("add", "--all");
  git("commit", "--quiet", "--message=stand-in");
  return folder;
}

/** Pins of the stand-in, which needs no packages at all. */
export const NO_PINS = Object.fromEntries(Object.keys(PINS).map((name) => [name, ""]));
