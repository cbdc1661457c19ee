import { z } from "zod";

/** The stack outputs that the summary shows; each may be missing. */
const outputs = z.looseObject({
  endpoints: z.record(z.string(), z.string()).optional().catch(undefined),
  hypervisors: z
    .looseObject({
      requested: z.number(),
      registered: z.number(),
      names: z.array(z.string()).default([]),
    })
    .optional()
    .catch(undefined),
  cloudsYaml: z.string().optional().catch(undefined),
  openrc: z.string().optional().catch(undefined),
});

/** The closing lines of `up`: what is there, and what to try next. */
export function renderSummary(stack: string, values: unknown, envFile: string): string[] {
  const { endpoints, hypervisors, cloudsYaml, openrc } = outputs.parse(values);
  const lines = ["", `Stack ${stack} is up.`];
  const names = Object.keys(endpoints ?? {});
  if (endpoints && names.length > 0) {
    const width = Math.max(...names.map((name) => name.length));
    lines.push("", "  Endpoints");
    for (const name of names) lines.push(`    ${name.padEnd(width)}  ${endpoints[name]}`);
  }
  if (hypervisors) {
    const { requested, registered } = hypervisors;
    lines.push("", `  Hypervisors  ${registered} of ${requested} registered${some(hypervisors)}`);
  }
  if (cloudsYaml !== undefined) lines.push(`  clouds.yaml  ${cloudsYaml}`);
  if (openrc !== undefined) lines.push(`  openrc       ${openrc}`);
  lines.push("", `  In your shell, once:  . ${envFile}`);
  if (cloudsYaml !== undefined) {
    lines.push(
      `                        export OS_CLIENT_CONFIG_FILE=${cloudsYaml} OS_CLOUD=${stack}`,
    );
  }
  lines.push(
    "",
    "  Next:",
    "    pulumi config set computes 10 && pulumi up",
    "    openstack hypervisor list",
    "    pulumi destroy",
  );
  return lines;
}

function some({ names }: { names: readonly string[] }): string {
  if (names.length === 0) return "";
  const shown = names.length <= 5 ? names : [...names.slice(0, 2), "…", ...names.slice(-1)];
  return `: ${shown.join(", ")}`;
}
