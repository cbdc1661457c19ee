import { rmSync } from "node:fs";
import { execa } from "execa";

export async function virsh(...args: string[]): Promise<string> {
  const { stdout } = await execa("virsh", ["--connect", "qemu:///system", "--quiet", ...args], {
    timeout: 60_000,
    stdin: "ignore",
  });
  return stdout;
}

/** Everything that libvirt has with a prefix, by kind. */
export async function libvirtHas(prefix: string): Promise<Record<string, string[]>> {
  const own = async (...args: string[]) =>
    (await virsh(...args, "--all", "--name"))
      .split("\n")
      .map((name) => name.trim())
      .filter((name) => name.startsWith(prefix))
      .sort();
  return {
    domains: await own("list"),
    networks: await own("net-list"),
    pools: await own("pool-list"),
  };
}

/** Removes what an interrupted run left; its state is gone. */
export async function sweepLibvirt(prefix: string): Promise<void> {
  const { domains = [], networks = [], pools = [] } = await libvirtHas(prefix);
  // What does not run can't be stopped.
  const stop = (...args: string[]) => virsh(...args).catch(() => "");
  for (const name of domains) {
    await stop("destroy", name);
    await virsh("undefine", name);
  }
  for (const name of networks) {
    await stop("net-destroy", name);
    await virsh("net-undefine", name);
  }
  for (const name of pools) {
    const path = /<path>(.*)<\/path>/.exec(await virsh("pool-dumpxml", name))?.[1];
    await stop("pool-destroy", name);
    await virsh("pool-undefine", name);
    if (path?.includes(prefix)) rmSync(path, { recursive: true, force: true });
  }
}
