/** Options by section, as oslo.config reads a file: a value is its line, stripped, with `$$` for `$`. */
export function parseIni(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let section: Record<string, string> | undefined;
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line === "" || line.startsWith("#")) continue;
    const title = /^\[(.+)\]$/.exec(line)?.[1];
    if (title !== undefined) {
      if (title in sections) throw new Error(`section ${title} appears twice`);
      section = sections[title] = {};
      continue;
    }
    const separator = line.indexOf("=");
    if (separator < 1 || !section) throw new Error(`not an option: ${line}`);
    const value = line.slice(separator + 1).trim();
    if (/\$/.test(value.replaceAll("$$", ""))) throw new Error(`would be substituted: ${line}`);
    section[line.slice(0, separator).trim()] = value.replaceAll("$$", "$");
  }
  return sections;
}
