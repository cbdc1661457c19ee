import { readFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import type { InventoryNode } from "../../components/infrared/inventory.ts";
import { imageExists } from "../setup/tasks/images.ts";

/** What is installed in the container; its packages are empty, so it says nothing of other releases. */
export const containerRelease = "train";

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
  readonly #work: string;
  readonly #publicKey: string;
  #address = "";

  /** @param work folder for temporary files */
  constructor(work: string, publicKey: string) {
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
    await docker("exec", NAME, "/tmp/prepare", containerRelease);
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
    for (const line of [
      /^local_ip = 192\.168\.24\.1\/24$/m,
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
      "overcloud image upload --update-existing",
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

async function docker(...argv: string[]): Promise<string> {
  const { stdout } = await execa("docker", argv, { stdin: "ignore", timeout: 300_000 });
  return stdout.trim();
}
