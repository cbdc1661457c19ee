import { Rate, type Probe, type Values } from "./probe.ts";
import type { ServiceClient } from "./service-client.ts";
import type { Client } from "./session.ts";

/** One client that stays connected as the database's administrator, through the socket in the container. */
export const DATABASE_CLIENT: Client = {
  argv: ["mariadb", "--batch", "--skip-column-names", "--unbuffered"],
  end: "end",
};

const QUESTION =
  "SHOW GLOBAL STATUS WHERE Variable_name IN " +
  "('Queries', 'Slow_queries', 'Threads_connected', 'Threads_running'); SELECT 'end';\n";

/** What one look adds to the database's count of queries. */
export const STATEMENTS_PER_LOOK = 2;

/** Queries, connections and running threads of MariaDB, those of the look itself left out. */
export class DatabaseProbe implements Probe {
  readonly name = "database";
  readonly parallel = 1;
  readonly share = 0.2;
  readonly #client: ServiceClient;
  readonly #queries = new Rate();
  readonly #slow = new Rate();
  #looks = 0;

  constructor(client: ServiceClient) {
    this.#client = client;
  }

  async read(): Promise<Values> {
    const status = new Map(
      (await this.#client.ask(QUESTION)).map((line): [string, number] => {
        const [name = "", value = ""] = line.split("\t");
        return [name.toLowerCase(), Number(value)];
      }),
    );
    const count = (name: string) => status.get(name) ?? Number.NaN;
    this.#looks += 1;
    return {
      queriesPerSecond: this.#queries.next(count("queries") - this.#looks * STATEMENTS_PER_LOOK),
      slowQueriesPerSecond: this.#slow.next(count("slow_queries")),
      connections: count("threads_connected") - 1,
      threadsRunning: count("threads_running") - 1,
    };
  }

  close(): void {
    this.#client.close();
  }
}
