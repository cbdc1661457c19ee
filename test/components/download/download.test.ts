import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it, mock } from "node:test";
import { pathToFileURL } from "node:url";
import { checkFile, download, downloadText } from "../../../components/download/download.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-download-"));
after(() => rmSync(root, { recursive: true }));

const CONTENT = "an image";
const checksum = {
  algorithm: "sha256",
  digest: createHash("sha256").update(CONTENT).digest("hex"),
  source: "published",
};
const URL = "https://example.org/image";

/** Answers of a server, one after the other; the last goes on. */
async function against<T>(
  answers: (() => Response)[],
  work: (context: { report: (line: string) => void; signal: AbortSignal }) => Promise<T>,
) {
  const reports: string[] = [];
  let call = 0;
  const fetched = mock.method(globalThis, "fetch", () => {
    const answer = answers[Math.min(call++, answers.length - 1)];
    return answer ? Promise.resolve(answer()) : Promise.reject(new Error("nobody answers"));
  });
  const signal = AbortSignal.timeout(20_000);
  try {
    const result = await work({ signal, report: (line) => reports.push(line) }).catch(
      (error: unknown) => error,
    );
    return { result, reports, calls: fetched.mock.callCount() };
  } finally {
    fetched.mock.restore();
  }
}

const good = () => new Response(CONTENT);

describe("a download", () => {
  it("is kept under its name, and is not made again while it is whole", async () => {
    const target = path.join(root, "kept/image");
    const first = await against([good], (context) => download(URL, target, checksum, context));
    assert.deepEqual([first.result, first.reports], [true, [`fetching ${URL}`]]);
    const second = await against([good], (context) => download(URL, target, checksum, context));
    assert.deepEqual([second.result, second.calls], [false, 0]);
    writeFileSync(target, "damaged");
    const third = await against([good], (context) => download(URL, target, checksum, context));
    assert.deepEqual([third.result, third.calls], [true, 1]);
    assert.equal(readFileSync(target, "utf8"), CONTENT);
  });

  it("is tried again where a server fails, and not where it refuses", async () => {
    const target = path.join(root, "tried/image");
    const busy = () => new Response("", { status: 503 });
    const again = await against([busy, good], (context) =>
      download(URL, target, checksum, context),
    );
    assert.deepEqual([again.result, again.calls], [true, 2]);
    assert.match(again.reports.join("\n"), /answers 503; trying again/);
    const none = () => new Response("", { status: 404 });
    const refused = await against([none], (context) => downloadText(URL, context));
    assert.match(String(refused.result), /image answers 404/);
    assert.equal(refused.calls, 1);
  });

  it("is not kept when it is something else", async () => {
    const target = path.join(root, "other/image");
    const { result } = await against([() => new Response("another")], (context) =>
      download(URL, target, checksum, context),
    );
    assert.match(String(result), /image has the sha256 [0-9a-f]{64}, published is [0-9a-f]{64}/);
    assert.deepEqual(readdirSync(path.dirname(target)), []);
  });

  it("can be of a file, which is there or not at once", async () => {
    const file = path.join(root, "source");
    writeFileSync(file, CONTENT);
    const target = path.join(root, "copied/image");
    const context = { report: () => {}, signal: AbortSignal.timeout(20_000) };
    assert.equal(await download(pathToFileURL(file).href, target, checksum, context), true);
    await checkFile(target, checksum, context.signal);
    await assert.rejects(downloadText(pathToFileURL(`${file}-none`).href, context), /no file/);
  });
});
