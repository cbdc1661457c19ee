import { join } from "node:path";

/** Where the program is; steps run there, whatever folder `pulumi` was called from. */
export const PROJECT_DIRECTORY = join(import.meta.dirname, "..");
