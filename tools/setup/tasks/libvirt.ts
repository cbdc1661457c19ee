import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import type { Context } from "../context.ts";
import { eventually, isAlive, pidsOf, tail } from "../daemons.ts";
import type { Task } from "../graph.ts";
import { asRoot, systemdRuns, which } from "../host.ts";
import { SetupError } from "../report.ts";
import { readHostFacts, writeHostFacts } from "./kvm.ts";

const uri = "qemu:///system";

async function askLibvirt(): Promise<{ version?: string; error: string }> {
  const result = await execa("virsh", ["-c", uri, "version"], {
    // A libvirtd that sees an unusable /dev/kvm takes 8 s for what others answer at once.
    timeout: 20_000,
    reject: false,
    stdin: "ignore",
    env: { LC_ALL: "C" },
  });
  const version = /Using library: libvirt (\S+)/.exec(result.stdout ?? "")?.[1];
  return !result.failed && version !== undefined
    ? { version, error: "" }
    : { error: result.stderr ?? "" };
}

/** Version of the libvirt daemon that answers; undefined when none does. */
export async function libvirtVersion(): Promise<string | undefined> {
  return (await askLibvirt()).version;
}

/** Whether the daemon runs domains under KVM; it has its own opinion, whatever a trial guest said. */
async function offersKvm(): Promise<boolean> {
  const result = await execa("virsh", ["-c", uri, "domcapabilities", "--virttype", "kvm"], {
    timeout: 20_000,
    reject: false,
    stdin: "ignore",
  });
  return !result.failed;
}

/** A libvirt daemon that answers: the one that runs, the service's, or one started here. */
export function libvirtTask(context: Context): Task {
  const name = "libvirt";
  const answering = async () => {
    const version = await libvirtVersion();
    return version === undefined ? undefined : describe(context, version);
  };
  /** What the trial guest found must hold for the daemon, or domains of that type can't be made. */
  const contradicted = async () =>
    readHostFacts(context.paths)?.domainType === "kvm" && !(await offersKvm());
  const present = async () => {
    const answer = await answering();
    return answer !== undefined && (await contradicted()) ? undefined : answer;
  };
  return {
    name,
    needs: ["packages", "kvm"],
    done: present,
    run: async () => {
      const { error } = await askLibvirt();
      if (/authentication|permission denied/i.test(error)) {
        throw new SetupError(
          `The libvirt daemon runs, but this user may not use ${uri}: \`sudo usermod -aG libvirt $USER\`, log in again, or run this as root.`,
        );
      }
      const start = async () => {
        if (systemdRuns()) await startService(context, name);
        else await startOurselves(context, name);
        return eventually(answering, 60, () => anyEnded(context));
      };
      let answer = (await answering()) ?? (await start());
      if (answer !== undefined && (await contradicted())) {
        writeHostFacts(context.paths, {
          domainType: "qemu",
          reason: "a trial guest ran under /dev/kvm, but libvirt offers no KVM domains",
        });
        // Ours can be started anew without the device; somebody else's is left as it is.
        const ours = !systemdRuns() && context.daemons.find("libvirtd") !== undefined;
        if (ours) await context.daemons.stop("libvirtd");
        answer = ours ? await start() : await answering();
      }
      if (answer !== undefined) return answer;
      const log = daemonLog(context, "libvirtd");
      throw new SetupError(
        `libvirt was started but does not answer at ${uri}: see ${systemdRuns() ? "`journalctl -u libvirtd`" : log}.`,
        systemdRuns() ? [] : tail(log),
      );
    },
  };
}

function describe(context: Context, version: string): string {
  const { domainType } = readHostFacts(context.paths) ?? { domainType: "qemu" };
  const kind = domainType === "kvm" ? "kvm" : "emulated, KVM is not usable";
  if (domainType === "qemu" && daemonSeesKvm()) {
    context.say(
      "libvirt",
      "your libvirt daemon sees a /dev/kvm that does not work, which makes each of its calls take seconds. " +
        "To hide it: `systemctl edit libvirtd`, two lines `[Service]` and `InaccessiblePaths=-/dev/kvm`, restart it.",
    );
  }
  return `libvirt ${version} (domains: ${kind})`;
}

/** Whether /dev/kvm is a device in the daemon's own view of the file system. */
function daemonSeesKvm(): boolean {
  for (const daemon of ["libvirtd", "virtqemud"]) {
    const [pid] = pidsOf(daemon);
    if (pid === undefined) continue;
    try {
      return statSync(`/proc/${pid}/root/dev/kvm`).isCharacterDevice();
    } catch {
      return existsSync("/dev/kvm"); // We may not look, so it most likely sees what we see.
    }
  }
  return false;
}

async function startService(context: Context, name: string): Promise<void> {
  const units = which("libvirtd")
    ? ["libvirtd.service"]
    : ["virtqemud.socket", "virtnetworkd.socket", "virtstoraged.socket"];
  context.say(name, `starting a service (systemctl start ${units.join(" ")})`);
  const argv = ["systemctl", "start", ...units];
  const [command = "", ...args] = await asRoot(argv, "Starting libvirt");
  await context.log(name).run(command, args, { timeoutSeconds: 120 });
}

async function startOurselves(context: Context, name: string): Promise<void> {
  const [libvirtd, virtlogd] = [which("libvirtd"), which("virtlogd")];
  if (libvirtd === undefined) {
    throw new SetupError(
      "There is no libvirtd to start and no service manager: start the libvirt daemons yourself, or install libvirtd.",
    );
  }
  const started: string[] = [];
  if (virtlogd !== undefined && pidsOf("virtlogd").length === 0) {
    const { pid } = await context.daemons.start(
      "virtlogd",
      [virtlogd],
      daemonLog(context, "virtlogd"),
    );
    started.push(`virtlogd (pid ${pid})`);
  }
  const hide = readHostFacts(context.paths)?.domainType === "qemu" && existsSync("/dev/kvm");
  const argv = hide ? withoutKvm(context, libvirtd) : [libvirtd];
  const { pid } = await context.daemons.start("libvirtd", argv, daemonLog(context, "libvirtd"));
  started.push(`libvirtd (pid ${pid}${hide ? ", /dev/kvm hidden from it" : ""})`);
  context.say(
    name,
    `no service manager here: started ${started.join(" and ")}, npm run daemons:stop ends them`,
  );
}

/**
 * libvirtd in a mount namespace of its own, in which /dev/kvm is an empty read-only file. Read-only
 * matters: libvirt asks access(2) for write permission, which root has everywhere else, and as long as
 * that succeeds while QEMU reports no KVM it probes QEMU again at every call (4 s instead of 0.03 s).
 */
function withoutKvm(context: Context, libvirtd: string): string[] {
  mkdirSync(context.paths.run, { recursive: true });
  const empty = path.join(context.paths.run, "no-kvm");
  writeFileSync(empty, "");
  const settings = path.join(context.paths.run, "qemu.conf");
  writeFileSync(settings, withoutNamespaces(readIfPossible(qemuSettings)), { mode: 0o600 });
  const script =
    'mount --bind "$1" /dev/kvm && mount -o remount,bind,ro /dev/kvm && ' +
    `if [ -e ${qemuSettings} ]; then mount --bind "$2" ${qemuSettings}; fi && shift 2 && exec "$@"`;
  // Slave: what is mounted on the machine later (a disk for a storage pool) shows up in there too.
  const namespace = ["unshare", "--mount", "--propagation", "slave"];
  return [...namespace, "sh", "-c", script, "sh", empty, settings, libvirtd];
}

const qemuSettings = "/etc/libvirt/qemu.conf";

/** Empty, which stands for libvirt's defaults, where there is no such file or only root may read it. */
function readIfPossible(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/**
 * libvirt's own settings, but with domains in its own mount namespace: to give each a /dev of its own it would move
 * every mount below /dev, and fails on the file that hides /dev/kvm.
 */
export function withoutNamespaces(settings: string): string {
  const rest = settings.split("\n").filter((line) => !/^\s*namespaces\s*=/.test(line));
  return `${rest.join("\n").trimEnd()}\nnamespaces = []\n`;
}

function daemonLog(context: Context, daemon: string): string {
  return path.join(context.paths.logs, `${daemon}.log`);
}

function anyEnded(context: Context): boolean {
  if (systemdRuns()) return false;
  const identity = context.daemons.find("libvirtd");
  return identity === undefined || !isAlive(identity);
}
