import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { execa } from "execa";
import { parse } from "yaml";
import { z } from "zod";
import { novaServices } from "../../components/openstack/compute.ts";
import type { OpenStackClient } from "../../components/openstack/client.ts";
import { PROJECT_DIRECTORY } from "../../components/project.ts";
import { APIS, offsetOf } from "../../components/standalone/services.ts";
import { addressAt } from "../../config/addresses.ts";
import * as cloudOf from "../support/cloud.ts";
import { placeOf } from "../support/places.ts";
import { expectHidden } from "../support/secrets.ts";
import { runPlaybook } from "../../tools/playbook.ts";
import { containers, docker, ScratchStack } from "../../tools/scratch-stack.ts";
import { expectNoneInDocker } from "../support/docker.ts";

const STACK = "itest-tls";
const PLACE = placeOf("tls");
const stack = new ScratchStack(STACK);
const COMPUTE = `${STACK}-compute-0`;

/** Where the APIs are: as this machine reaches them, and as services and computes do. */
const ENDS = [
  ...Object.values(PLACE.ports).map((port) => ({ host: "127.0.0.1", port })),
  ...Object.values(APIS).map(({ service, port }) => ({
    host: addressAt(PLACE.network, offsetOf(service)),
    port,
  })),
];

const endpointsSchema = z.object({
  endpoints: z.array(z.object({ interface: z.string(), url: z.string() })),
});

describe("a standalone cloud whose APIs speak TLS", { timeout: 20 * 60_000 }, () => {
  let cloud: OpenStackClient;
  let authority: string;
  let server: cloudOf.ServerState;

  /** URLs of the catalogue, as keystone has them. */
  const catalogue = async () => {
    const { endpoints } = await cloud.get("identity", "/endpoints", endpointsSchema);
    return endpoints.map(({ url }) => url);
  };

  /** Fails where a service of nova's counts as up by what it said before its container was made. */
  const expectFreshReports = async () => {
    for (const { host, binary, updated_at } of await novaServices(cloud)) {
      const started = await docker(
        "inspect",
        "--format",
        "{{.State.StartedAt}}",
        `${STACK}-${host}`,
      );
      assert.ok(Date.parse(`${updated_at}Z`) > Date.parse(started), `${binary} on ${host}`);
    }
  };

  before(async () => {
    await stack.create({
      tls: "true",
      computes: 1,
      ...PLACE.settings,
    });
  });

  after(() => stack.remove());

  it("comes up, and says in its files what its APIs are verified against", async () => {
    await stack.up();
    const { cloudsYaml, openrc, caCertificate = "", endpoints } = await stack.outputs();
    for (const url of Object.values(endpoints)) assert.match(url, /^https:/);
    const { clouds } = parse(readFileSync(cloudsYaml, "utf8")) as {
      clouds: Record<string, { cacert?: string }>;
    };
    assert.equal(clouds[STACK]?.cacert, caCertificate);
    assert.match(readFileSync(openrc, "utf8"), new RegExp(`OS_CACERT='${caCertificate}'`));
    assert.equal(statSync(caCertificate).mode & 0o777, 0o600);
    authority = readFileSync(caCertificate, "utf8");
    assert.ok(new X509Certificate(authority).ca);
  });

  it("has an https URL of every API in its catalogue", async () => {
    cloud = await stack.cloud();
    const urls = await catalogue();
    assert.equal(urls.length, 2 * Object.keys(APIS).length);
    for (const url of urls) assert.match(url, /^https:/);
  });

  it("proves itself at every address that clients use, and answers nobody without TLS", async () => {
    for (const { host, port } of ENDS) {
      const where = `${host}:${port}`;
      assert.equal(await handshake(host, port, authority), "verified", where);
      assert.match(await handshake(host, port), /^UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)/, where);
      await assert.rejects(fetch(`http://${where}/`), TypeError, where);
    }
  });

  it("keeps answering while somebody is connected and says nothing", async () => {
    const silent = ENDS.map(({ host, port }) =>
      connect({ host, port, ca: authority }).setTimeout(0),
    );
    await novaServices(cloud);
    await cloud.get("network", "/v2.0/networks", z.object({}));
    await cloud.get("image", "/v2/images", z.object({}));
    for (const socket of silent) socket.destroy();
  });

  it("boots a server, for which all services ask each other", async () => {
    server = await cloudOf.boot(cloud, "first", "compute-0");
    await cloudOf.wired(cloud, server.id, COMPUTE, "compute-0");
  });

  it("shows no key where others read", async () => {
    await expectHidden(stack, [...(await containers(STACK, "control-plane")).keys(), COMPUTE]);
  });

  it("has nothing to change after that", () => stack.expectNoChanges());

  it("takes images in pieces of unknown length, and gives them back", async () => {
    const script = [
      "import hashlib, openstack, os",
      `cloud = openstack.connect(cloud="${STACK}")`,
      "content = os.urandom(5_000_000)",
      "image = cloud.image.create_image('big', disk_format='raw', container_format='bare')",
      "image.data = (content[at:at + 65536] for at in range(0, len(content), 65536))",
      "image.upload(cloud.image)",
      "assert cloud.image.download_image(image).content == content",
      "cloud.image.delete_image(image)",
      "print('same')",
    ].join("\n");
    const { cloudsYaml, caCertificate = "" } = await stack.outputs();
    const image = await docker("inspect", "--format", "{{.Image}}", COMPUTE);
    const mounts = [cloudsYaml, caCertificate].flatMap((file) => ["-v", `${file}:${file}:ro`]);
    const said = await docker(
      ...[
        "run",
        "--rm",
        "--network",
        "host",
        ...mounts,
        "-e",
        `OS_CLIENT_CONFIG_FILE=${cloudsYaml}`,
      ],
      ...["--entrypoint", "python3", image, "-c", script],
    );
    assert.equal(said, "same");
  });

  it("has playbooks that work", async () => {
    for (const state of ["present", "absent"]) {
      const said: string[] = [];
      const status = await runPlaybook({
        stack: STACK,
        path: "boot_servers",
        extraVars: { state, count: 2 },
        log: join(PROJECT_DIRECTORY, "output", `${STACK}-playbooks.log`),
        complain: (sentence) => said.push(sentence),
      });
      assert.deepEqual({ status, said }, { status: 0, said: [] });
    }
  });

  it("is well for the doctor, who misses the certificate where it is gone", async () => {
    assert.deepEqual(await complaints(), []);
    const { cloudsYaml, caCertificate = "" } = await stack.outputs();
    renameSync(caCertificate, `${caCertificate}.away`);
    const seen = await complaints();
    renameSync(`${caCertificate}.away`, caCertificate);
    const folder = dirname(cloudsYaml);
    assert.deepEqual(seen, [
      `wrong: ${STACK}: ca.pem is missing in ${folder}`,
      `wrong: ${STACK}: the cloud can't be asked: ${caCertificate}, which ${cloudsYaml} names, can't be read; \`pulumi up\` writes it again where it is missing`,
    ]);
  });

  it("is without TLS after one update, with its server", async () => {
    const { cloudsYaml } = await stack.outputs();
    await stack.configure({ tls: "false" });
    await stack.up();
    cloud = await stack.cloud();
    await expectFreshReports();
    for (const url of await catalogue()) assert.match(url, /^http:/);
    assert.ok(!existsSync(`${dirname(cloudsYaml)}/ca.pem`));
    await cloudOf.settled(cloud, server.id, "ACTIVE", "compute-0");
    await cloudOf.wired(cloud, server.id, COMPUTE, "compute-0");
    await stack.expectNoChanges();
  });

  it("has it again after another", async () => {
    await stack.configure({ tls: "true" });
    await stack.up();
    cloud = await stack.cloud();
    await expectFreshReports();
    assert.equal(readFileSync((await stack.outputs()).caCertificate ?? "", "utf8"), authority);
    await cloudOf.settled(cloud, server.id, "ACTIVE", "compute-0");
    await cloudOf.remove(cloud, [server.id]);
  });

  it("destroys everything", async () => {
    await stack.destroy();
    await expectNoneInDocker(STACK);
  });
});

/** What the doctor, called as a user calls it, says is wrong with the stack. */
async function complaints(): Promise<string[]> {
  const argv = ["--disable-warning=ExperimentalWarning", "tools/doctor.ts", "--stack", STACK];
  const { stdout } = await execa(process.execPath, argv, {
    ...{ cwd: PROJECT_DIRECTORY, env: stack.environment, reject: false, stdin: "ignore" },
  });
  const lines = stdout.split("\n").map((line) => line.trim());
  return lines.filter((line) => line.includes(`: ${STACK}: `));
}

/** Begins to speak TLS. Answers whether the other end could be verified, or else why not. */
function handshake(host: string, port: number, authority?: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(authority !== undefined && { ca: authority }) });
    socket.once("secureConnect", () => {
      socket.destroy();
      resolve("verified");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
