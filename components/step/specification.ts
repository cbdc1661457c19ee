import { z } from "zod";

/**
 * What one run of a step does. It travels as JSON in a command's text, so it holds no secret: those come by
 * environment or standard input.
 */
export const specificationSchema = z
  .strictObject({
    /** Unique within the stack; names the lock, the log file and the step in every message. */
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
    /** Folder for logs and locks of the stack. */
    directory: z.string(),
    /** One of the project's own actions, run inside the step's process. */
    action: z.string().optional(),
    /** Or a program with its arguments; no shell reads them. */
    argv: z.array(z.string()).min(1).optional(),
    /** Variables of the program besides those it inherits. Not secret. */
    environment: z.record(z.string(), z.string()).optional(),
    /** Folder that the program runs in. Default: the project's. */
    cwd: z.string().optional(),
    /** Arguments of the action. */
    args: z.record(z.string(), z.unknown()).default({}),
    /** Seconds after which the step is ended and counts as failed. */
    timeoutSeconds: z.number().positive(),
  })
  .refine(({ action, argv }) => (action === undefined) !== (argv === undefined), {
    error: "a step runs either an action or a program",
  })
  .refine(({ argv, environment, cwd }) => argv !== undefined || !(environment ?? cwd), {
    error: "only a program has an environment and a folder of its own",
  });

export type Specification = z.input<typeof specificationSchema>;
