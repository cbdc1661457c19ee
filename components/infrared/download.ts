import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { z } from "zod";
import { download, downloadText } from "../download/download.ts";
import type { Action, ActionContext } from "../step/action.ts";
import type { ImagesPlan } from "./images.ts";

export interface DownloadArgs {
  images: ImagesPlan;
  /** File that names what was downloaded, for whoever uploads it. */
  manifest: string;
}

const manifestSchema = z.array(
  z.object({ name: z.string(), path: z.string(), algorithm: z.string(), digest: z.string() }),
);

export type Manifest = z.output<typeof manifestSchema>;

export async function readManifest(file: string): Promise<Manifest> {
  return manifestSchema.parse(JSON.parse(await readFile(file, "utf8")));
}

/**
 * Downloads the overcloud's images into the cache, by their checksum: what is there and whole is not fetched again,
 * what is not what was published is never kept.
 */
export const downloadImages: Action<DownloadArgs> = async ({ images, manifest }, context) => {
  const folder = images.url ?? (await folderByHash(images, context));
  const cache = images.cache ?? path.join(homedir(), ".cache/overcloud/images");
  const done: Manifest = [];
  for (const name of images.names) {
    const [algorithm = "", digest = ""] = (
      images.checksums[name] ?? `md5:${await publishedMd5(folder, name, context)}`
    ).split(":");
    const target = path.join(cache, `${algorithm}-${digest}`, name);
    const checksum = { algorithm, digest, source: "published" };
    if (!(await download(`${folder}/${name}`, target, checksum, context))) {
      context.report(`${name} is in the cache`);
    }
    done.push({ name, path: target, algorithm, digest });
  }
  await mkdir(path.dirname(manifest), { recursive: true, mode: 0o700 });
  await writeFile(manifest, JSON.stringify(done));
  return done.map(({ name, algorithm, digest }) => `${name} ${algorithm}:${digest}`);
};

/** The folder of the images that were built from the same packages as the repository has. */
async function folderByHash({ byHash }: ImagesPlan, context: ActionContext): Promise<string> {
  if (!byHash) throw new Error("nobody says where the images are: set infrared.images.url");
  const repository = await downloadText(byHash.repository, context);
  const [, base] = /^baseurl\s*=\s*(\S+)/m.exec(repository) ?? [];
  if (base === undefined) throw new Error(`${byHash.repository} names no baseurl`);
  // Where packages come by component, the whole has a hash of its own, in a file beside.
  const hash = base.includes("/component/")
    ? (await downloadText(`${byHash.repository}.md5`, context)).trim()
    : (base.replace(/\/$/, "").split("/").at(-1) ?? "");
  if (!/^[0-9a-f]{32,}(_[0-9a-f]+)?$/.test(hash)) {
    throw new Error(`${byHash.repository} has no hash of packages: set infrared.images.url`);
  }
  return `${byHash.images}/${hash}`;
}

async function publishedMd5(folder: string, name: string, context: ActionContext): Promise<string> {
  const url = `${folder}/${name}.md5`;
  const text = await downloadText(url, context).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}: set infrared.images.checksums for ${name}`, { cause: error });
  });
  const [digest] = /^[0-9a-f]{32}\b/.exec(text.trim()) ?? [];
  if (digest === undefined) throw new Error(`${url} has no checksum`);
  return digest;
}
