// Runs one playbook, described as JSON on standard input, so that it can be ended with its process group.
import { text } from "node:stream/consumers";
import { runPlaybook } from "../playbook.ts";

process.exitCode = await runPlaybook(
  JSON.parse(await text(process.stdin)) as Parameters<typeof runPlaybook>[0],
);
