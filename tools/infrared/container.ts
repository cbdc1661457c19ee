import type { InventoryNode } from "../../components/infrared/inventory.ts";

export const containerRelease = "train";

export class UndercloudContainer {
  readonly python = "/usr/bin/python3";
  readonly imagesUrl = "file:///srv/images";
  constructor(_root: string, _publicKey: string) {}
  start(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }
  node(): InventoryNode {
    return { name: "undercloud-0", role: "undercloud", external: { address: "" } };
  }
  inspect(): Promise<string | undefined> {
    return Promise.resolve(undefined);
  }
  remove(): Promise<void> {
    return Promise.resolve();
  }
}
