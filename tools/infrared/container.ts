import { readFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { addressAt } from "../../config/addresses.ts";
import type { InventoryNode } from "../../components/infrared/inventory.ts";
import { imageExists } from "../setup/tasks/images.ts";

/** What can be installed in a container: the releases that CentOS 8 has, each on a provisioning network of its own. */
export const CONTAINER_TARGETS = {
  train: { provisioningCidr: "192.168.24.0/24", upload: "--update-existing" },
  wallaby: { provisioningCidr: "10.79.97.0/24", upload: "--update-existing --whole-disk" },
} as const;

export type ContainerRelease = keyof typeof CONTAINER_TARGETS;

const IMAGE = "overcloud-verify-infrared:bookworm";
const NAME = "overcloud-verify-infrared";
const PACKAGES = [
  "mount",
  "hostname",
  "openssh-server",
  "sudo",
  "python3",
  "python3-selinux",
  "dnf",
  "rpm",
  "createrepo-c",
  "openssl",
  "iproute2",
  "procps",
];

/**
 * A container that Infrared takes for an undercloud's machine. Real in it: users, keys, sudo, files, certificates, the
 * order of calls. Not real: packages are empty, and a script answers for the `openstack` client.
 */
export class UndercloudContainer {
  /** Where Infrared finds images, in there. */
  readonly imagesUrl = "file:///srv/images";
  readonly #release: ContainerRelease;
  readonly #work: string;
  readonly #publicKey: string;
  #address = "";

  /** @param work folder for temporary files */
  constructor(release: ContainerRelease, work: string, publicKey: string) {
    this.#release = release;
    this.#work = work;
    this.#publicKey = publicKey;
  }

  async start(): Promise<undefined> {
    if (!(await imageExists(IMAGE))) await this.#makeImage();
    await this.remove();
    const capabilities = ["--cap-add=SYS_ADMIN", "--cap-add=NET_ADMIN"];
    await docker("run", "--detach", "--name", NAME, ...capabilities, IMAGE, "sleep", "infinity");
    const files = path.join(import.meta.dirname, "undercloud");
    await docker("cp", path.join(files, "openstack"), `${NAME}:/tmp/openstack`);
    await docker("cp", path.join(files, "prepare"), `${NAME}:/tmp/prepare`);
    await docker("cp", this.#publicKey, `${NAME}:/tmp/key.pub`);
    await docker("exec", NAME, "/tmp/prepare", this.#release);
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    this.#address = await docker("inspect", "--format", format, NAME);
    return undefined;
  }

  /** From distribution packages: Infrared's ansible needs a Python older than 3.12 on the other end. */
  async #makeImage(): Promise<void> {
    const tar = path.join(this.#work, "bookworm.tar");
    const include = `--include=${PACKAGES.join(",")}`;
    await execa("mmdebstrap", ["--variant=apt", include, "bookworm", tar], { timeout: 900_000 });
    await docker("import", tar, IMAGE);
  }

  node(): InventoryNode {
    return { name: "undercloud-0", role: "undercloud", external: { address: this.#address } };
  }

  /** @throws Error saying what is not as it must be */
  async inspect(): Promise<undefined> {
    const read = (file: string) => docker("exec", NAME, "cat", file);
    const configuration = await read("/home/stack/undercloud.conf");
    const { provisioningCidr, upload } = CONTAINER_TARGETS[this.#release];
    const address = addressAt(provisioningCidr, 1).replaceAll(".", "\\.");
    for (const line of [
      new RegExp(`^local_ip = ${address}/24$`, "m"),
      new RegExp(`^cidr = ${provisioningCidr.replaceAll(".", "\\.")}$`, "m"),
      /^container_insecure_registries=$/m,
      /^undercloud_ntp_servers=pool\.ntp\.org$/m,
      /^overcloud_domain_name=localdomain$/m,
      /^enable_telemetry\s*=\s*false$/m,
      /^enable_ui\s*=\s*false$/m,
      /^undercloud_service_certificate\s*=/m,
    ]) {
      if (!line.test(configuration)) throw new Error(`undercloud.conf has no ${String(line)}`);
    }
    const own = (await read("/home/stack/.ssh/id_rsa.pub")).split(" ")[1];
    const given = readFileSync(this.#publicKey, "utf8").split(" ")[1];
    if (own !== given) throw new Error("stack has another key than the one that was given");
    if (!(await read("/home/stack/.ssh/authorized_keys")).includes(given ?? "?")) {
      throw new Error("nobody can log in as stack");
    }
    const calls = (await read("/var/log/openstack-calls")).split("\n").map((call) => call.trim());
    const expected = [
      "undercloud install",
      `overcloud image upload ${upload}`,
      "baremetal node list -c UUID -f json",
    ];
    if (calls.join() !== expected.join()) {
      throw new Error(`the client was called so: ${calls.join("; ")}`);
    }
    return undefined;
  }

  async remove(): Promise<void> {
    await execa("docker", ["rm", "--force", NAME], { reject: false, stdin: "ignore" });
  }
}

/** Removes what containers were made of; making it again takes a minute. */
export async function removeImage(): Promise<void> {
  await execa("docker", ["rmi", IMAGE], { reject: false, stdin: "ignore" });
}

async function docker(...argv: string[]): Promise<string> {
  const { stdout } = await execa("docker", argv, { stdin: "ignore", timeout: 300_000 });
  return stdout.trim();
}
