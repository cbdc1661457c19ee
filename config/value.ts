/** The value that a text of Pulumi's configuration stands for; what is not JSON stays text. */
export function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
