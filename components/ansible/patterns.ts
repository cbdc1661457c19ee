import { parse } from "yaml";

interface Group {
  hosts?: Record<string, unknown> | null;
  children?: Record<string, Group | null> | null;
}

/** The hosts and groups of an inventory. */
export function namesIn(inventory: string): Set<string> {
  // What ansible adds to any inventory.
  const names = new Set(["all", "ungrouped", "localhost"]);
  const visit = (children: Group["children"]) => {
    for (const [name, group] of Object.entries(children ?? {})) {
      names.add(name);
      for (const host of Object.keys(group?.hosts ?? {})) names.add(host);
      visit(group?.children);
    }
  };
  visit(parse(inventory) as Group["children"]);
  return names;
}

/**
 * Names in a pattern of hosts, such as `computes:!compute-3`, that the inventory lacks: ansible says nothing of them as
 * long as anything else matches. Wildcards, regular expressions, files and expressions are ansible's own business.
 */
export function unknownNames(pattern: string, names: ReadonlySet<string>): string[] {
  if (pattern.includes("{{")) return [];
  return pattern
    .replaceAll(/\[[\d:-]*\]/g, "")
    .split(/[,:\s]+/)
    .map((part) => part.replace(/^[!&]/, ""))
    .filter((part) => part !== "" && !/[*?~@[\]]/.test(part))
    .filter((part) => !names.has(part));
}
