/** Sections of an oslo.config file; within one, keys in the order given. */
export type Ini = Record<string, Record<string, string | number | boolean>>;

/**
 * Text of an oslo.config file. General INI writers quote and escape; oslo.config reads a value to the end of its line
 * as it stands, but for `$`, which it substitutes.
 * @throws Error if a value has a line break, which would start another option
 */
export function renderIni(sections: Ini): string {
  return Object.entries(sections)
    .map(([section, options]) => {
      const lines = Object.entries(options).map(([key, value]) => {
        const text = String(value);
        if (/[\r\n]/.test(text)) throw new Error(`[${section}] ${key}: a value has one line`);
        return `${key} = ${text.replaceAll("$", "$$$$")}\n`;
      });
      return `[${section}]\n${lines.join("")}`;
    })
    .join("\n");
}
