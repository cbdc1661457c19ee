import { infraredSchema, type InfraredSettings } from "../../config/infrared.ts";
import type { InventoryNode } from "../../components/infrared/inventory.ts";
import type { UndercloudTarget } from "../../components/infrared/target.ts";

export const infraredSettings = (raw: object = {}): InfraredSettings => infraredSchema.parse(raw);

const NUMBERS = { queens: 13, rocky: 14, stein: 15, train: 16, wallaby: 17 } as const;

export const rdo = (release: UndercloudTarget["release"]): UndercloudTarget => ({
  distribution: "rdo",
  release,
  number: NUMBERS[release],
});

export const rhel = (version: string): UndercloudTarget => {
  const number = Number.parseInt(version, 10);
  const [release = "queens"] = Object.entries(NUMBERS)
    .filter(([, each]) => each === number)
    .map(([name]) => name as keyof typeof NUMBERS);
  return { distribution: "rhel", release, number, version };
};

/** Everything that can be installed. */
export const EVERY_TARGET: UndercloudTarget[] = [
  ...(["queens", "rocky", "stein", "train", "wallaby"] as const).map(rdo),
  ...["13", "14", "15", "16", "16.1", "16.2", "17", "17.1"].map(rhel),
];

export const nameOf = ({ distribution, release, version }: UndercloudTarget) =>
  distribution === "rdo" ? release : `rhel ${version}`;

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
