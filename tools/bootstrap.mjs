// First step of every npm script: makes sure of a Node that runs TypeScript and of the npm packages,
// then hands over to main.ts. Plain JavaScript, because it must run on whatever Node there is (>= 18).
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const toolchain = path.join(root, ".toolchain");
const ownNode = path.join(toolchain, "node", "bin", "node");

/** Type stripping is on by default from 22.18 and 23.6. */
function runsTypeScript(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

function fail(sentence) {
  console.error(`set-up: ${sentence}`);
  process.exit(1);
}

function prependPath(folder) {
  process.env.PATH = `${folder}${path.delimiter}${process.env.PATH ?? ""}`;
}

function readJson(...segments) {
  return JSON.parse(readFileSync(path.join(root, ...segments), "utf8"));
}

/**
 * The version that the user's own `node` answers, "" where there is none. Ours does not count, though
 * it is on PATH in a shell that sourced .toolchain/env.
 */
function nodeOnPath() {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const theirs = folders.filter((folder) => folder !== path.dirname(ownNode)).join(path.delimiter);
  const env = { ...process.env, PATH: theirs };
  return (spawnSync("node", ["--version"], { encoding: "utf8", env }).stdout ?? "").trim();
}

/** Fetches Node from the npm registry into .toolchain/node, checked against tools/checksums.json. */
function installNode() {
  const arch = { x64: "x64", arm64: "arm64" }[process.arch];
  if (!arch || process.platform !== "linux") {
    fail(
      `Node ${process.version} is too old and there is no build of ours for ${process.platform}/${process.arch}: install Node 22.18 or newer, then run this again.`,
    );
  }
  const wanted = `node-linux-${arch}@${readJson("tools", "toolchain", "versions.json").node}`;
  console.log(
    `set-up: Node ${process.version} is too old, fetching ${wanted} into .toolchain/node`,
  );
  mkdirSync(toolchain, { recursive: true });
  const work = mkdtempSync(path.join(toolchain, "node.tmp-"));
  try {
    const pack = spawnSync("npm", ["pack", wanted, "--silent", "--pack-destination", work], {
      encoding: "utf8",
      cwd: work,
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (pack.status !== 0) {
      fail(
        `npm could not fetch ${wanted}; install Node 22.18 or newer yourself, or see to it that npm reaches its registry, then run this again.`,
      );
    }
    const archive = path.join(work, pack.stdout.trim().split("\n").at(-1));
    const digest = createHash("sha512").update(readFileSync(archive)).digest("base64");
    const expected = readJson("tools", "checksums.json")[wanted];
    if (`sha512-${digest}` !== expected) {
      fail(`${wanted} does not have the checksum that tools/checksums.json names; not used.`);
    }
    const unpack = spawnSync("tar", ["-xzf", archive, "-C", work], { stdio: "inherit" });
    if (unpack.status !== 0) fail(`${archive} could not be unpacked.`);
    rmSync(path.join(toolchain, "node"), { recursive: true, force: true });
    renameSync(path.join(work, "package"), path.join(toolchain, "node"));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Whether npm's own record of node_modules has every package of the lock file, as the lock has it. */
function packagesAreThere() {
  const record = path.join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const { packages: installed } = JSON.parse(readFileSync(record, "utf8"));
  return Object.entries(readJson("package-lock.json").packages).every(([folder, wanted]) => {
    if (!folder.startsWith("node_modules/")) return true; // The project, and what is only linked.
    const found = installed[folder];
    if (!found) return wanted.optional === true; // For other platforms.
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

/** `npm ci` when node_modules was not made from this package-lock.json, by us or by the user. */
function installPackages() {
  const marker = path.join(root, "node_modules", ".overcloud-lock-hash");
  const lock = createHash("sha256")
    .update(readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(marker) && readFileSync(marker, "utf8") === lock) return;
  if (!existsSync(marker) && packagesAreThere()) {
    writeFileSync(marker, lock);
    return;
  }
  console.log("set-up: installing the npm packages of package-lock.json");
  const started = Date.now();
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (npm.error) fail("there is no npm on PATH: install it, then run this again.");
  if (npm.status !== 0) fail("npm ci failed, see above; run this again once that is repaired.");
  writeFileSync(marker, lock);
  console.log(`set-up: npm packages installed (${Math.round((Date.now() - started) / 1000)} s)`);
}

/** Runs main.ts by another Node, as if that had been started in the first place. */
function handOver(node) {
  const main = path.join(root, "tools", "main.ts");
  const child = spawn(
    node,
    ["--disable-warning=ExperimentalWarning", main, ...process.argv.slice(2)],
    { stdio: "inherit" },
  );
  // ^C on a terminal reaches the child by itself: passing it on too would make it two, and a second
  // one makes pulumi give up without finishing what it is at.
  process.on("SIGINT", () => !process.stdin.isTTY && child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (status, signal) => {
    process.exit(status ?? 128 + (constants.signals[signal] ?? 1));
  });
}

// Administrators' commands (dockerd, libvirtd, iptables, ldconfig) are not on everybody's PATH.
for (const folder of ["/usr/local/sbin", "/usr/sbin", "/sbin"]) {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  if (!folders.includes(folder)) process.env.PATH = [...folders, folder].join(path.delimiter);
}
// What the user's own shell finds decides what .toolchain/env has to put on PATH (tools/setup).
process.env.OVERCLOUD_SHELL_NODE = nodeOnPath();
const running = runsTypeScript(process.version);
if (!running) {
  if (!existsSync(ownNode)) installNode();
  prependPath(path.dirname(ownNode));
} else if (!runsTypeScript(process.env.OVERCLOUD_SHELL_NODE)) {
  // Started by its full path: what we start by the name `node` must be the same one.
  prependPath(path.dirname(process.execPath));
}
installPackages();
if (running) await import(pathToFileURL(path.join(root, "tools", "main.ts")).href);
else handOver(ownNode);
