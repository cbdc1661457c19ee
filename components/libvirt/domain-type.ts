import { readFileSync } from "node:fs";
import type { LibvirtSettings } from "../../config/libvirt.ts";

export type DomainType = "kvm" | "qemu";

/**
 * The type of the stack's domains: what the setting says, or what set-up found out by trying a guest.
 * @param factsFile set-up's host.json; without it, emulation is what surely works
 */
export function domainTypeOf(
  { domainType }: Pick<LibvirtSettings, "domainType">,
  factsFile: string,
): DomainType {
  if (domainType !== "auto") return domainType;
  try {
    const facts = JSON.parse(readFileSync(factsFile, "utf8")) as { domainType?: unknown };
    return facts.domainType === "kvm" ? "kvm" : "qemu";
  } catch {
    return "qemu";
  }
}
