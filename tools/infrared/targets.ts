import type { UndercloudTarget } from "../../components/infrared/target.ts";

const NUMBERS = { queens: 13, rocky: 14, stein: 15, train: 16, wallaby: 17 } as const;

type Release = keyof typeof NUMBERS;

const RELEASES = Object.keys(NUMBERS) as Release[];

export const rdo = (release: Release): UndercloudTarget => ({
  distribution: "rdo",
  release,
  number: NUMBERS[release],
});

/** @param version such as 13 or 16.2 */
export function rhel(version: string): UndercloudTarget {
  const number = Number.parseInt(version, 10);
  const release = RELEASES.find((each) => NUMBERS[each] === number);
  if (!release) throw new RangeError(`there is no rhel ${version}`);
  return { distribution: "rhel", release, number, version };
}

/** Everything that can be installed. */
export const EVERY_TARGET: readonly UndercloudTarget[] = [
  ...RELEASES.map(rdo),
  ...["13", "14", "15", "16", "16.1", "16.2", "17", "17.1"].map(rhel),
];

export const nameOf = ({ distribution, release, version }: UndercloudTarget): string =>
  distribution === "rdo" ? release : `rhel ${version}`;
