import { hasNodeImage, makeNodeImage } from "../../node-image.ts";
import type { Context } from "../context.ts";
import type { Task } from "../graph.ts";

/** A small disk image that virtual machines of the tests boot. */
export function nodeImageTask(context: Context): Task {
  const name = "node-image";
  return {
    name,
    needs: ["packages"],
    done: async () => ((await hasNodeImage(context.paths)) ? "" : undefined),
    run: async () => {
      await makeNodeImage(context.paths, context.log(name));
      return "made from distribution packages";
    },
  };
}
