import { readFile } from "node:fs/promises";
import type Docker from "dockerode";
import { labelOf, STACK_LABEL } from "../../../components/names.ts";
import { hostOf } from "../../../components/compute/hosts.ts";
import { cgroupFiles, cpuSecondsIn, memoryBytesIn, type CgroupFiles } from "./cgroup.ts";
import { Rate, type Probe, type Values } from "./probe.ts";

/** A running container of the stack. */
interface Member {
  id: string;
  /** "service.mariadb" or "compute.compute-0": what its series are called. */
  series: string;
  files: CgroupFiles | undefined;
  cpu: Rate;
}

/**
 * The containers of a stack by what they are, kept up to date by docker's events: nothing is listed while nothing
 * changes. Their labels say what they are, because the inventory is only written at the end of an update.
 */
export class Containers implements Probe {
  readonly name = "containers";
  readonly parallel = 1;
  readonly share = 0.1;
  readonly #docker: Docker;
  readonly #stack: string;
  readonly #ownMemoryMb: (service: string) => number;
  #members = new Map<string, Member>();
  #stale = true;
  #watching: AbortController | undefined;

  /** @param ownMemoryMb what our own client takes in a service's container; it is not the service's */
  constructor(docker: Docker, stack: string, ownMemoryMb: (service: string) => number) {
    this.#docker = docker;
    this.#stack = stack;
    this.#ownMemoryMb = ownMemoryMb;
  }

  /** The running container of a service. */
  service(name: string): Docker.Container | undefined {
    const found = [...this.#members.values()].find(({ series }) => series === `service.${name}`);
    return found && this.#docker.getContainer(found.id);
  }

  async read(): Promise<Values> {
    await this.refresh();
    const values: Values = {};
    await Promise.all(
      [...this.#members.values()].map(async ({ series, files, cpu }) => {
        const [memory, seconds] = await Promise.all([memoryBytesIn(files), cpuSecondsIn(files)]);
        const [kind, service = ""] = series.split(".", 2);
        const own = kind === "service" ? this.#ownMemoryMb(service) : 0;
        values[`memory.${series}`] = memory === null ? null : memory / 2 ** 20 - own;
        values[`cpu.${series}`] = seconds === null ? null : cpu.next(seconds);
      }),
    );
    return values;
  }

  /** Looks at docker again if anything started or ended since. */
  async refresh(): Promise<void> {
    this.#watch();
    if (!this.#stale) return;
    this.#stale = false;
    try {
      const running = await this.#docker.listContainers({
        filters: { label: [`${STACK_LABEL}=${this.#stack}`], status: ["running"] },
      });
      const members = await Promise.all(
        running.map(async ({ Id, Labels }): Promise<Member | undefined> => {
          const series = seriesOf(Labels);
          if (series === undefined) return undefined;
          const known = this.#members.get(Id);
          return known ?? { id: Id, series, files: await this.#filesOf(Id), cpu: new Rate() };
        }),
      );
      this.#members = new Map(members.flatMap((member) => (member ? [[member.id, member]] : [])));
    } catch (error) {
      this.#stale = true;
      throw error;
    }
  }

  close(): void {
    this.#watching?.abort();
  }

  async #filesOf(id: string): Promise<CgroupFiles | undefined> {
    const { State } = await this.#docker.getContainer(id).inspect();
    const text = await readFile(`/proc/${State.Pid}/cgroup`, "utf8").catch(() => "");
    return cgroupFiles(text);
  }

  #watch(): void {
    if (this.#watching) return;
    const watching = new AbortController();
    this.#watching = watching;
    const changed = () => {
      this.#stale = true;
    };
    const ended = () => {
      changed();
      if (this.#watching === watching) this.#watching = undefined;
    };
    const options: Docker.GetEventsOptions = {
      filters: {
        type: ["container"],
        event: ["start", "die", "destroy"],
        label: [`${STACK_LABEL}=${this.#stack}`],
      },
      abortSignal: watching.signal,
    };
    this.#docker.getEvents(options).then((stream) => {
      stream.on("data", changed).on("end", ended).on("error", ended);
      // What happened before the first event could come.
      changed();
    }, ended);
  }
}

/** What a container's series are called, by its labels. */
function seriesOf(labels: Record<string, string>): string | undefined {
  const service = labels[labelOf("service")];
  if (service !== undefined) return `service.${service}`;
  const index = labels[labelOf("index")];
  return index === undefined ? undefined : `compute.${hostOf(Number(index))}`;
}
