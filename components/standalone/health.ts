import { z } from "zod";
import { apiOf, OVN_NORTHBOUND_PORT, OVN_SOUTHBOUND_PORT, type ServiceName } from "./services.ts";
import { tlsFiles } from "./tls-files.ts";

/** How one tells, beside a service, that it works. */
export const checkSchema = z.union([
  /** A GET of this path of a port of its own answers with less than 400; by TLS, if it names what to verify against. */
  z.strictObject({
    http: z.strictObject({
      port: z.number().int(),
      path: z.string(),
      cacert: z.string().startsWith("/").optional(),
    }),
  }),
  /** It takes connections at this port. */
  z.strictObject({ listens: z.number().int() }),
  /** It is connected to this port, wherever that is. */
  z.strictObject({ connectedTo: z.number().int() }),
  /** A program ends with 0. */
  z.strictObject({ command: z.array(z.string()).min(1) }),
]);

export type Check = z.infer<typeof checkSchema>;

const http = (port: number, path = "/"): Check => ({ http: { port, path } });
/** A service without an API is healthy while it is connected to the message bus. */
const connected: Check = { connectedTo: 5672 };

const CHECKS: Record<ServiceName, Check> = {
  mariadb: { command: ["mariadb-admin", "ping"] },
  rabbitmq: { listens: 5672 },
  memcached: { listens: 11211 },
  keystone: http(5000, "/v3"),
  placement: http(8778),
  glance: http(9292),
  "neutron-server": http(9696),
  "nova-api": http(8774),
  "nova-scheduler": connected,
  "nova-conductor": connected,
  "ovn-nb-db": { listens: OVN_NORTHBOUND_PORT },
  "ovn-sb-db": { listens: OVN_SOUTHBOUND_PORT },
  "ovn-northd": { command: ["ovn-appctl", "-t", "/run/ovn/northd.ctl", "status"] },
};

/** How one tells of a service whose API speaks TLS or does not. */
export function checkOf(service: ServiceName, tls: boolean): Check {
  const check = CHECKS[service];
  const api = apiOf(service);
  if (!tls || api === undefined || !("http" in check)) return check;
  return { http: { ...check.http, cacert: tlsFiles(api).authority } };
}

/** The check as a program, where the service has a network of its own. */
export function checkCommand(check: Check): string[] {
  if ("command" in check) return check.command;
  if ("http" in check) {
    const { port, path, cacert } = check.http;
    return [
      ...["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "--max-time"],
      "10",
      ...(cacert === undefined ? [] : ["--cacert", cacert]),
      `${cacert === undefined ? "http" : "https"}://127.0.0.1:${port}${path}`,
    ];
  }
  return "listens" in check
    ? sockets(`--listening --tcp --numeric 'sport = :${check.listens}'`)
    : sockets(`--tcp --numeric state established 'dport = :${check.connectedTo}'`);
}

const sockets = (filter: string): string[] => ["sh", "-c", `ss --no-header ${filter} | grep -q .`];
