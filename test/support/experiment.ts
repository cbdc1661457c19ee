import type { Result, Table } from "../../tools/experiment/result.ts";

const SECONDS = 60;

/** A table with a value of each series every two seconds. */
function table(series: Record<string, (second: number) => number | null>): Table {
  const seconds = Array.from({ length: SECONDS / 2 }, (_, index) => index * 2);
  return {
    seconds,
    series: Object.fromEntries(
      Object.entries(series).map(([name, value]) => [name, seconds.map(value)]),
    ),
  };
}

/** A result of a minute: three steps, the second of which failed, with a broker that was away for a while. */
export function sampleResult(changes: Partial<Result> = {}): Result {
  const away = (second: number) => second >= 20 && second < 30;
  const attempt = (id: string, label: string, from: number, to: number) => ({
    id,
    label,
    kind: "wait" as const,
    parameters: { seconds: to - from },
    outcome: "done" as const,
    from,
    to,
    started: "2026-11-26T10:00:00.000Z",
    ended: "2026-11-26T10:00:20.000Z",
  });
  return {
    format: 1,
    name: "sample",
    description: "what a sample is",
    file: "sample.yaml",
    stack: "dev",
    started: "2026-11-26T10:00:00.000Z",
    ended: "2026-11-26T10:01:00.000Z",
    finished: true,
    seconds: SECONDS,
    resumed: [],
    attempts: [
      attempt("01-quiet", "quiet", 0, 20),
      {
        ...attempt("02-broken", "broken", 20, 40),
        kind: "playbook",
        parameters: { playbook: "fail_service", vars: { services: "rabbitmq" } },
        outcome: "failed",
        message: "playbook fail_service ended with status 2",
        log: "steps/02-broken.log",
        playbookResult: { playbook: "fail_service", results: { downtime: { seconds: 12.5 } } },
      },
      attempt("03-after", "after", 40, 60),
    ],
    cost: {
      seconds: SECONDS,
      cpuSeconds: 0.6,
      clientCpuSeconds: { mariadb: 0.02, rabbitmq: 0.3 },
      clientMemory: { mariadb: 3.4, rabbitmq: 35.3 },
      databaseStatements: 60,
      apiRequests: 180,
    },
    notAvailable: {},
    versions: {
      openstack: { "nova-common": "2:31.0.0-6" },
      pulumi: "v3.256.0",
      docker: "20.10.24",
      node: "v24.21.0",
      project: "0123456789ab",
    },
    machine: { cpu: "a CPU", cores: 2, memoryMb: 8192, kernel: "6.1", system: "#1 SMP" },
    settings: { computes: "2", compute: {} },
    intervalSeconds: 2,
    samples: {
      services: table({
        "computes.registered": (second) => (second < 40 ? 1 : 2),
        "computes.up": (second) => (second < 50 ? 1 : 2),
        "nova-scheduler": () => 1,
      }),
      "api.keystone": table({ ms: (second) => 10 + second, failed: () => 0 }),
      "api.nova": table({
        ms: (second) => (away(second) ? null : 20 + second),
        failed: (second) => Number(away(second)),
      }),
      database: table({
        queriesPerSecond: (second) => 20 + second,
        slowQueriesPerSecond: () => 0,
        connections: () => 30,
        threadsRunning: () => 1,
      }),
      broker: table({
        receivedPerSecond: (second) => (away(second) ? null : 3),
        deliveredPerSecond: (second) => (away(second) ? null : 3),
        queues: (second) => (away(second) ? null : 20),
        ready: (second) => (away(second) ? null : second === 32 ? 9 : 0),
        unacknowledged: (second) => (away(second) ? null : 1),
        connections: (second) => (away(second) ? null : 14),
      }),
      containers: table({
        "memory.service.mariadb": () => 180,
        "memory.service.rabbitmq": (second) => (away(second) ? null : 60),
        "cpu.service.mariadb": () => 0.02,
        "cpu.service.rabbitmq": (second) => (away(second) ? null : 0.05),
        "memory.compute.compute-0": () => 140,
        "memory.compute.compute-1": (second) => (second < 40 ? null : 150),
        "cpu.compute.compute-0": () => 0.01,
        "cpu.compute.compute-1": (second) => (second < 40 ? null : 0.4),
      }),
      machine: table({ load: () => 1.5, memoryUsed: () => 3000, busyCores: () => 0.4 }),
    },
    ...changes,
  };
}

/** The sample's samples, but for one probe that never saw anything. */
export function samplesWithout(probe: string): Result["samples"] {
  return Object.fromEntries(
    Object.entries(sampleResult().samples).filter(([name]) => name !== probe),
  );
}

/** Text that does harm wherever it is taken for markup or code. */
export const HOSTILE = `</script><script>window.harmed=1</script><img src=x onerror="window.harmed=1">'"&\u2028{b}`;
