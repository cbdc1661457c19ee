import { Rate, type Probe, type Values } from "./probe.ts";
import type { ServiceClient } from "./service-client.ts";
import type { Client } from "./session.ts";

/**
 * What the small Erlang machine does for each line that it reads: it asks the broker for its counters and each queue for
 * its depth. Neither rabbitmqctl, which starts a machine for every question, nor a plugin in the broker, whose own
 * collection of statistics would cost the broker more than these questions do.
 */
const PROGRAM = `
Broker = 'rabbit@localhost',
Call = fun(Module, Function, Arguments) ->
  case rpc:call(Broker, Module, Function, Arguments, 4000) of {badrpc, Why} -> throw(Why); Answer -> Answer end end,
Sum = fun(Key, Maps) -> lists:sum([maps:get(Key, Map, 0) || Map <- Maps]) end,
Look = fun() ->
  Counters = maps:values(Call(rabbit_global_counters, overview, [])),
  Queues = Call(rabbit_amqqueue, info_all, [<<"/">>, [messages_ready, messages_unacknowledged]]),
  Depth = fun(Key) -> lists:sum([case proplists:get_value(Key, Queue) of N when is_integer(N) -> N; _ -> 0 end || Queue <- Queues]) end,
  io:format("~w ~w ~w ~w ~w ~w~n", [
    Sum(messages_received_total, Counters), Sum(messages_delivered_total, Counters),
    length(Queues), Depth(messages_ready), Depth(messages_unacknowledged),
    Call(ets, info, [connection_created, size])])
end,
Loop = fun Again() ->
  case io:get_line("") of
    eof -> halt(0);
    _ -> try Look() catch _:Why -> io:format("error ~0p~n", [Why]) end, io:format("end~n"), Again()
  end
end,
Loop().`;

/** An Erlang machine beside the broker that stays connected to it; hidden, so that the broker does not count it. */
export function brokerClient(unique: string): Client {
  return {
    argv: [
      ...["erl", "-hidden", "-noshell", "-sname", `sampler-${unique}@localhost`],
      ...["-start_epmd", "false", "+S", "1:1", "+sbwt", "none", "-eval", PROGRAM],
    ],
    user: "rabbitmq",
    environment: ["HOME=/var/lib/rabbitmq"],
    end: "end",
  };
}

/** Message rates, queue depth and connections of RabbitMQ. */
export class BrokerProbe implements Probe {
  readonly name = "broker";
  readonly parallel = 1;
  // Each queue is asked: with many of them that takes its time.
  readonly share = 0.2;
  readonly #client: ServiceClient;
  readonly #received = new Rate();
  readonly #delivered = new Rate();

  constructor(client: ServiceClient) {
    this.#client = client;
  }

  async read(): Promise<Values> {
    const [line = ""] = await this.#client.ask("\n");
    if (!/^[\d ]+$/.test(line)) throw new Error(line);
    const [
      received = 0,
      delivered = 0,
      queues = 0,
      ready = 0,
      unacknowledged = 0,
      connections = 0,
    ] = line.split(" ").map(Number);
    return {
      receivedPerSecond: this.#received.next(received),
      deliveredPerSecond: this.#delivered.next(delivered),
      queues,
      ready,
      unacknowledged,
      connections,
    };
  }

  close(): void {
    this.#client.close();
  }
}
