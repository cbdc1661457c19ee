/** In one line: what a command said first on standard error, or what the error says itself. */
export function saidOf(error: unknown): string {
  const { stderr } = error as { stderr?: unknown };
  const said = typeof stderr === "string" ? stderr.trim().split("\n")[0] : undefined;
  return said || firstLine(error);
}

/** What an error says, without its trace and details. */
export function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
