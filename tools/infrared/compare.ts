import type { Contract, ContractCommand } from "../../components/infrared/contract.ts";

/** What a checkout's contract has otherwise than the recorded one; one sentence per difference. */
export function differences(recorded: Contract, checkout: Contract): string[] {
  return recorded.commands.flatMap((command) => {
    const name = command.words.join(" ");
    const other = checkout.commands.find(({ words }) => words.join(" ") === name);
    return other ? optionDifferences(name, command, other) : [`${name} is gone`];
  });
}

function optionDifferences(name: string, recorded: ContractCommand, now: ContractCommand) {
  const before = new Map(recorded.options.map((option) => [option.name, JSON.stringify(option)]));
  const after = new Map(now.options.map((option) => [option.name, JSON.stringify(option)]));
  const gone = [...before.keys()].filter((option) => !after.has(option));
  const added = [...after.keys()].filter((option) => !before.has(option));
  const changed = [...before.keys()].filter(
    (option) => after.has(option) && before.get(option) !== after.get(option),
  );
  return [
    ...gone.map((option) => `${name} has no --${option} any more`),
    ...added.map((option) => `${name} has a new --${option}`),
    ...changed.map(
      (option) => `${name} --${option} was ${before.get(option)} and is ${after.get(option)}`,
    ),
  ];
}
