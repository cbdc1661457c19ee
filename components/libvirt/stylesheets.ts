import type { LibvirtNetworkPlan } from "./plan.ts";

const stylesheet = (
  templates: string,
) => `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output omit-xml-declaration="yes"/>
<xsl:template match="@*|node()"><xsl:copy><xsl:apply-templates select="@*|node()"/></xsl:copy></xsl:template>
${templates}</xsl:stylesheet>
`;

/**
 * What the provider can't say of a network: the hypervisor's address, which it takes for the first one, which addresses
 * are given out, and to whom.
 */
export function networkStylesheet({ hostAddress, dhcp }: LibvirtNetworkPlan): string {
  const range =
    dhcp &&
    `<xsl:template match="/network/ip/dhcp"><dhcp><range start="${dhcp.start}" end="${dhcp.end}"/>
${dhcp.reservations.map(({ mac, name, address }) => `<host mac="${mac}" name="${name}" ip="${address}"/>\n`).join("")}</dhcp></xsl:template>
`;
  return stylesheet(
    `<xsl:template match="/network/ip/@address"><xsl:attribute name="address">${hostAddress}</xsl:attribute></xsl:template>
<xsl:template match="/network/bridge/@stp"><xsl:attribute name="stp">off</xsl:attribute></xsl:template>
${range ?? ""}`,
  );
}

const NO_DISPLAY = `<xsl:template match="/domain/devices/graphics"/>
`;

/** Disks, all or the one with a name, that are never flushed: in a laboratory that costs minutes and saves little. */
const unflushed = (condition: string) =>
  `<xsl:template match="/domain/devices/disk[@device='disk'${condition}]/driver"><xsl:copy><xsl:apply-templates select="@*"/><xsl:attribute name="cache">unsafe</xsl:attribute></xsl:copy></xsl:template>
`;

/** What the provider can't say of a domain: no display, and no flushing of the disk, which could be made again. */
export const DOMAIN_STYLESHEET = stylesheet(NO_DISPLAY + unflushed(""));

/**
 * The same for a node whose second disk holds what can't be made again, and whose console is kept in a file as well.
 */
export function keptNodeStylesheet(consoleLog: string): string {
  return stylesheet(
    `${NO_DISPLAY}${unflushed(" and target/@dev='vda'")}<xsl:template match="/domain/devices/console"><xsl:copy><xsl:apply-templates select="@*|node()"/><log file="${escapeXml(consoleLog)}" append="on"/></xsl:copy></xsl:template>
`,
  );
}

/** What the provider can't say of a volume that may hold a secret: nobody else on the hypervisor reads it. */
export const PRIVATE_VOLUME_STYLESHEET = stylesheet(
  `<xsl:template match="/volume/target/permissions/mode/text()">0600</xsl:template>
`,
);

function escapeXml(text: string): string {
  // Braces are XSLT's own in an attribute.
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll('"', "&quot;")
    .replaceAll(/[{}]/g, "$&$&");
}

/**
 * Arguments of a kernel as the provider reads them back: sorted; a key that comes again begins another group; words
 * without a value stand together at the end.
 */
export function kernelArguments(cmdline: string): Record<string, string>[] {
  const words = cmdline.split(/\s+/).filter(Boolean);
  const groups: Record<string, string>[] = [];
  let group: Record<string, string> = {};
  for (const word of words.filter((each) => each.includes("=")).sort()) {
    const [key = ""] = word.split("=", 1);
    if (key in group) {
      groups.push(group);
      group = {};
    }
    group[key] = word.slice(key.length + 1);
  }
  if (Object.keys(group).length > 0) groups.push(group);
  const flags = words.filter((each) => !each.includes("="));
  if (flags.length > 0) groups.push({ _: flags.join(" ") });
  return groups;
}
