/** What is looked at, in the order in which one rests on the other. */
export const SUBJECTS = ["host", "toolchain", "stack", "cloud"] as const;
export type Subject = (typeof SUBJECTS)[number];

/** One thing that is wrong, and what mends it. */
export interface Complaint {
  subject: Subject;
  what: string;
  /** A command, or where there is none a sentence. */
  mend: string;
  /** Whether all works regardless: it is told, and is no failure. Default false. */
  harmless?: boolean;
}

/** Gathers complaints about one subject; `prefix` tells which, where there are several of its kind. */
function collector(subject: Subject, prefix = "") {
  const complaints: Complaint[] = [];
  const add = (what: string, mend: string, harmless = false) =>
    complaints.push({ subject, what: prefix + what, mend, ...(harmless && { harmless }) });
  return { complaints, add };
}

export interface HostLook {
  /** Memory that programs can still have, and all that there is; MiB. */
  memory: { available: number; total: number };
  /** Space that is left where something of a stack is written; folders on one file system once. */
  disks: { folder: string; freeMb: number; freeInodes: number }[];
  /** What set-up found out of KVM; undefined before it did. */
  kvm: { domainType: "kvm" | "qemu"; reason: string; device: boolean } | undefined;
  /** Why docker does not answer; undefined where it does. */
  docker: string | undefined;
}

/** Below this a database begins to fail, or an image can't be made; MiB. */
const LEAST_DISK_MB = 2048;
const LEAST_INODES = 10_000;
/** Below this the kernel ends processes; MiB. */
const LEAST_MEMORY_MB = 512;

export function checkHost({ memory, disks, kvm, docker }: HostLook): Complaint[] {
  const { complaints, add } = collector("host");
  if (docker !== undefined) add(docker, "npm run setup");
  if (memory.available < LEAST_MEMORY_MB) {
    add(
      `${memory.available} of ${memory.total} MiB of memory are left: the kernel may end services`,
      "pulumi config set computes with a lower number, then pulumi up; `docker stats --no-stream` tells who has it",
    );
  }
  for (const { folder, freeMb, freeInodes } of disks) {
    if (freeMb < LEAST_DISK_MB) {
      add(`${freeMb} MiB are left in ${folder}: databases and logs stop when it is full`, PRUNE);
    } else if (freeInodes < LEAST_INODES) {
      add(`room for ${freeInodes} files is left in ${folder}`, PRUNE);
    }
  }
  if (kvm?.domainType === "qemu" && kvm.device) {
    add(
      `/dev/kvm is there and of no use (${kvm.reason}): virtual machines are emulated`,
      "switch nested virtualisation on where this machine is one itself; then rm .toolchain/host.json && npm run setup",
      true,
    );
  }
  return complaints;
}

const PRUNE = "docker system prune, or remove what is yours there";

/** @param undone tasks of set-up that would run */
export function checkToolchain(undone: readonly string[]): Complaint[] {
  if (undone.length === 0) return [];
  return [
    {
      subject: "toolchain",
      what: `set-up has not made, or not kept up to date: ${undone.join(", ")}`,
      mend: "npm run setup",
    },
  ];
}

export interface StackLook {
  stack: string;
  /** Whether any state knows of the stack. */
  known: boolean;
  /** Locks on its state, and whether their process is gone. */
  locks: { pid: number | undefined; hostname: string | undefined; stale: boolean }[];
  /** What was under way when an update was ended, as Pulumi's state tells: the operation, the resource. */
  pending: { type: string; urn: string }[];
  /** What is the stack's on this machine and in no state, with what removes it. */
  orphans: { kind: string; name: string }[];
  /** Settings that are wrong, or clash with this machine. */
  problems: { key: string; message: string }[];
  /** In words, what an update would repair. */
  repairs: string[];
  /** Containers that run and whose checks fail. */
  unhealthy: string[];
  /** Why it could not be looked at; undefined where it could. */
  failure?: string | undefined;
}

const REMOVAL: Record<string, string> = {
  container: "docker rm --force",
  network: "docker network rm",
  volume: "docker volume rm",
  image: "docker rmi",
  domain: "virsh --connect qemu:///system undefine",
  "libvirt network": "virsh --connect qemu:///system net-undefine",
  pool: "virsh --connect qemu:///system pool-undefine",
};

export function checkStack(look: StackLook): Complaint[] {
  const { stack, known, pending, orphans } = look;
  const { complaints, add } = collector("stack", `${stack}: `);
  const up = `pulumi up --stack ${stack}`;
  if (look.failure !== undefined) add(`can't be looked at: ${look.failure}`, "npm run setup");
  for (const { pid, hostname, stale } of look.locks) {
    if (stale) {
      add(
        `is locked by pulumi (pid ${pid ?? "unknown"}), which runs no more`,
        `pulumi cancel --yes --stack ${stack}`,
      );
    } else {
      const who = `pulumi (pid ${pid ?? "unknown"} on ${hostname ?? "an unknown machine"})`;
      add(`${who} is at work on it`, "wait for it; what follows may be its doing", true);
    }
  }
  if (pending.length > 0) {
    const what = pending.map(({ type, urn }) => `${type} ${urn.split("::").at(-1) ?? urn}`);
    add(
      `an update was ended in the middle of: ${what.join(", ")}`,
      `pulumi refresh --yes --clear-pending-creates --stack ${stack}, then ${up}`,
    );
  }
  if (!known && orphans.length > 0) {
    add(
      `no state knows of it, and this machine has ${orphans.length} things of it`,
      `npm run sweep -- --stack ${stack}, which lists them, and removes them with --yes`,
    );
  } else {
    for (const { kind, name } of orphans) {
      add(
        `${kind} ${name} is on this machine and in no state: it can be in the way of an update`,
        REMOVAL[kind] === undefined ? up : `${REMOVAL[kind]} ${name}`,
      );
    }
  }
  for (const { key, message } of look.problems) {
    add(
      `overcloud:${key} ${message}`,
      `pulumi config set --path overcloud:${key} VALUE --stack ${stack}`,
    );
  }
  for (const repair of look.repairs) add(repair, up);
  for (const name of look.unhealthy) {
    add(
      `container ${name} runs and its check fails`,
      `docker logs --tail 50 ${name}; docker restart ${name}`,
    );
  }
  return complaints;
}

export interface CloudLook {
  stack: string;
  /** Why nothing can be asked; undefined where the APIs answer. */
  unreachable?: string | undefined;
  /** Names of the computes that there should be. */
  computes: string[];
  services: {
    binary: string;
    host: string;
    state: "up" | "down";
    status: string;
    reason: string;
  }[];
  agents: { type: string; host: string; alive: boolean }[];
  /** Hosts that are mapped to their cell, so that servers go there. */
  hypervisors: string[];
}

export function checkCloud(look: CloudLook): Complaint[] {
  const { stack, unreachable, computes, services, agents } = look;
  const { complaints, add } = collector("cloud", `${stack}: `);
  const up = `pulumi up --stack ${stack}`;
  if (unreachable !== undefined)
    return [{ subject: "cloud", what: `${stack}: ${unreachable}`, mend: up }];
  const own = new Map(
    services.filter(({ binary }) => binary === "nova-compute").map((each) => [each.host, each]),
  );
  for (const host of computes) {
    if (!own.has(host)) add(`${host} is not registered`, up);
    else if (own.get(host)?.state === "up" && !look.hypervisors.includes(host)) {
      add(`${host} is not mapped to its cell: no server goes there`, up);
    }
  }
  for (const { binary, host, state, status, reason } of services) {
    if (state === "down") add(`${binary} on ${host} is down`, up);
    else if (status === "disabled") {
      const why = reason === "" ? "" : ` (${reason})`;
      add(
        `${binary} on ${host} is disabled${why}`,
        `openstack compute service set --enable ${host} ${binary}`,
        true,
      );
    }
  }
  for (const { type, host, alive } of agents) {
    if (!alive) add(`the ${type} on ${host} does not report`, up);
  }
  return complaints;
}

/** Lines for people: by subject, each complaint with what mends it. */
export function render(complaints: readonly Complaint[]): string[] {
  return SUBJECTS.flatMap((subject) => {
    const own = complaints.filter((each) => each.subject === subject);
    if (own.length === 0) return [`${subject}: well`];
    return [
      `${subject}:`,
      ...own.flatMap(({ what, mend, harmless }) => [
        `  ${harmless ? "note" : "wrong"}: ${what}`,
        `    ${harmless ? "to change it" : "to mend it"}: ${mend}`,
      ]),
    ];
  });
}
