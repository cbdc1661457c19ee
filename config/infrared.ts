import { z } from "zod";
import { usableAddresses } from "./addresses.ts";
import { checkArgv } from "../components/infrared/contract.ts";
import { imagesTaskOf, type UndercloudTarget } from "../components/infrared/target.ts";
import {
  HIGHEST_PLACE,
  imagesUrlOf,
  undercloudArgv,
} from "../components/infrared/undercloud-argv.ts";
import {
  absolutePath,
  argument,
  boolean,
  choice,
  folder,
  host,
  integer,
  line,
  text as anyText,
} from "./fields.ts";
import type { Problem } from "./problems.ts";

/** Infrared hands its options to ansible, which takes such braces for its own templates. */
const TEMPLATE = /\{[{%#]/;
const plain = <T extends z.ZodString>(field: T) =>
  field.refine((value) => !TEMPLATE.test(value), {
    error: "must not have {{, {% or {#, which ansible takes for its own",
  });

const text = (what: string) => plain(anyText(what));

const url = text("a URL").regex(/^(https?|file):\/\/[^\s,"'`\\<>]+$/, {
  error: "must be a file, http or https URL",
});

const list = <T extends z.ZodType>(item: T, what: string) =>
  z.array(item, { error: `must be a list of ${what}` }).default([]);

/** Infrared's repository, and the revision that the recorded contract is of. */
const REPOSITORY = "https://github.com/redhat-openstack/infrared.git";
const REVISION = "3112651c6b75d9214221e918424643e3b29547f0";

/** The key `infrared`: the tool that installs the undercloud of `controlPlane: tripleo`, and how it is to do that. */
export const infraredSchema = z
  .strictObject({
    /** Where Infrared comes from: it is on no package registry in a usable version. */
    source: z
      .strictObject({
        /** A checkout on this machine, which is copied, local changes too. */
        path: absolutePath.optional(),
        /** Or a git repository, where no path is set. */
        repository: argument("a git URL").default(REPOSITORY),
        /** Branch, tag or commit of the repository. */
        revision: argument("a git revision").default(REVISION),
      })
      .prefault({}),
    /** Python 3.6 to 3.11 for Infrared. Default: the newest of them that is found. */
    python: argument("a program").optional(),
    /** Versions of Python packages that differ from those known to work; "" leaves one to Infrared. */
    pins: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, { error: "must be the name of a package" }),
        z
          .string({ error: "must be a version" })
          .regex(/^[A-Za-z0-9.!+_-]*$/, { error: "must be a version" }),
        { error: "must be packages with their versions" },
      )
      .default({}),
    /** Folder for Infrared's environment and workspaces. Default: infrared in the stack's output folder. */
    home: folder.optional(),
    workspace: text("a name")
      .regex(/^[a-z0-9][a-z0-9_-]*$/, { error: "must be lower-case letters, digits, _ and -" })
      .default("stack"),
    /** Plugins to add, each by its folder in the checkout or its git URL, in this order. */
    plugins: z
      .array(argument("a folder or a git URL"), { error: "must be a list" })
      .default(["plugins/virsh", "plugins/tripleo-undercloud"]),
    undercloud: z
      .strictObject({
        /** Where the overcloud's images come from. Default: rpm for rhel, import for rdo. */
        imagesTask: choice("rpm", "import", "build").optional(),
        /** Folder or file of the images, as the undercloud reaches it. Default for import: the downloaded ones. */
        imagesUrl: url.optional(),
        registry: z
          .strictObject({
            /** Registry that container images are pulled from, instead of the release's own. */
            mirror: host.optional(),
            namespace: text("a namespace").optional(),
            tag: text("a tag").optional(),
            username: text("a name").optional(),
            /** File on this machine, mode 0600, that holds the password: it is on no command line. */
            passwordFile: absolutePath.optional(),
            /** Whether the undercloud's own registry is left unused. */
            undercloudSkip: boolean.default(true),
            /** Registries that are spoken to without TLS; rdo from rocky on. */
            insecure: list(host, "hosts"),
          })
          .prefault({}),
        /** Name servers of the undercloud. Default: those that its image brings. */
        nameservers: list(host, "addresses"),
        ntpServers: z
          .array(host, { error: "must be a list of hosts" })
          .min(1, { error: "needs at least one host" })
          .default(["pool.ntp.org"]),
        /** DNS domain of the overcloud's nodes. */
        domain: text("a domain").default("localdomain"),
        /** What undercloud.conf says besides: values by `section.option`. */
        configOptions: z
          .record(
            z.string().regex(/^[\w-]+\.[\w-]+$/, { error: "must be section.option" }),
            z.union([plain(line("a value")), z.number(), z.boolean()], {
              error: "must be one line of text without {{, a number, true or false",
            }),
          )
          .default({}),
        /** A template of undercloud.conf on this machine, in place of Infrared's own. */
        configFile: absolutePath.optional(),
        /** Testing repositories to enable, such as all or rhel,extras; rhel only. Default: all for rhel. */
        enableTestingRepos: text("a list of repositories").optional(),
        /** Build of the release: a puddle of rhel, or the tag that rdo's repositories are taken by. */
        build: text("a build").optional(),
        /** YAML file on this machine that registers the undercloud with Red Hat; rhel only. */
        cdnFile: absolutePath.optional(),
        /** URLs of repository files to add. */
        reposUrls: list(url, "URLs"),
        /** The image has all repositories already: none are set up for the release. */
        reposSkipRelease: boolean.default(false),
        ssl: boolean.optional(),
        selinux: choice("enforcing", "permissive", "disabled").default("enforcing"),
        /** Variables for Infrared's playbooks. They travel in a file. */
        extraVars: z.record(z.string(), z.unknown()).default({}),
        /** More of Infrared's own options, as written on a command line. */
        extraArgs: list(text("an option"), "options"),
        /** Tags of Infrared's playbooks to leave out; shade, unless set, because it is not needed here. */
        skipTags: z.array(text("a tag"), { error: "must be a list of tags" }).default(["shade"]),
        /** How much Infrared tells, 0 to 4. */
        verbosity: integer(0, 4).default(2),
        /** Minutes after which the installation counts as failed. */
        timeoutMinutes: integer(1, 24 * 60).default(240),
      })
      .prefault({}),
    images: z
      .strictObject({
        /** Folder of the images, http, https or file. Default for rdo: found by the hash of the release's repository. */
        url: url.optional(),
        /** Folder of rdo's repository files. Default: trunk.rdoproject.org's for the release. */
        repositoryUrl: url.optional(),
        /** Tag below repositoryUrl. */
        tag: text("a tag").default("current-tripleo-rdo"),
        /** Names of the files. Default: those that the release needs. */
        names: list(text("a file name").regex(/^[\w.-]+$/, "must be a file name"), "file names"),
        /** Checksums by file name, `sha256:` or `md5:` and digits. Default: from the `.md5` file beside each image. */
        checksums: z
          .record(
            z.string(),
            z.string().regex(/^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$/, {
              error: "must be sha256: or md5: with its digits in lower case",
            }),
          )
          .default({}),
        /** Folder that keeps downloads, shared by stacks. Default: ~/.cache/overcloud/images. */
        cache: folder.optional(),
        /** Folder on the undercloud that they are copied to. */
        target: folder.default("/var/tmp/overcloud-images"),
        /** Minutes after which the download counts as failed. */
        timeoutMinutes: integer(1, 24 * 60).default(120),
      })
      .prefault({}),
    preUndercloud: z
      .strictObject({
        /** An ansible playbook of yours, run against the nodes before the undercloud is installed. */
        playbook: absolutePath.optional(),
        extraVars: z.record(z.string(), z.unknown()).default({}),
        /** Minutes after which it counts as failed. */
        timeoutMinutes: integer(1, 24 * 60).default(30),
      })
      .prefault({}),
  })
  .prefault({});

export type InfraredSettings = Readonly<z.output<typeof infraredSchema>>;

/** Rules that involve several keys, and the recorded contract: pure. */
export function checkInfrared(settings: InfraredSettings, target: UndercloudTarget): Problem[] {
  const { undercloud, images, plugins } = settings;
  const problems: Problem[] = [];
  const add = (key: string, message: string, value?: unknown, ...involves: string[]) =>
    problems.push({
      key: `infrared.${key}`,
      message,
      involves,
      ...(value !== undefined && { value }),
    });

  if (plugins.includes("all")) {
    add("plugins", "names all, which needs eight more repositories: name each plugin", plugins);
  } else if (!plugins.some((plugin) => /(^|\/)tripleo-undercloud(\.git)?$/.test(plugin))) {
    add("plugins", "lacks plugins/tripleo-undercloud, which installs the undercloud", plugins);
  }

  const task = imagesTaskOf(settings, target);
  if (task === "rpm" && target.distribution === "rdo") {
    add("undercloud.imagesTask", "rdo has no packages of images: set import or build", task);
  }
  if (task === "import" && imagesUrlOf(settings, target) === undefined) {
    add(
      "undercloud.imagesUrl",
      "is missing: with imagesTask import, set it, or images.url to download from",
    );
  }
  if (images.url !== undefined && undercloud.imagesUrl !== undefined) {
    add("images.url", "is of no use, because undercloud.imagesUrl says where the images are");
  }
  for (const key of ["enableTestingRepos", "cdnFile"] as const) {
    if (undercloud[key] !== undefined && target.distribution === "rdo") {
      add(`undercloud.${key}`, "is for overcloud.distribution rhel only", undercloud[key]);
    }
  }
  const { username, passwordFile } = undercloud.registry;
  if ((username === undefined) !== (passwordFile === undefined)) {
    const [missing, given] = username ? ["passwordFile", "username"] : ["username", "passwordFile"];
    const message = `is missing: registry.${given} is set`;
    add(
      `undercloud.registry.${missing}`,
      message,
      undefined,
      `infrared.undercloud.registry.${given}`,
    );
  }
  for (const word of undercloud.extraArgs.filter((each) => /^--[\w-]*password(=|$)/.test(each))) {
    const [option] = word.split("=");
    add(
      "undercloud.extraArgs",
      `${option} would show a password to every user of this machine: use registry.passwordFile; the others are generated`,
    );
  }
  const { provisioningCidr } = target;
  if (provisioningCidr !== undefined && usableAddresses(provisioningCidr) < HIGHEST_PLACE) {
    problems.push({
      key: "libvirt.networks.provisioning.cidr",
      value: provisioningCidr,
      message: `is too small: the undercloud's services have its first ${HIGHEST_PLACE} addresses`,
    });
    return problems;
  }
  const argv = undercloudArgv(settings, target, { inventory: "hosts", vars: "vars.yml" });
  for (const problem of checkArgv(argv)) add("undercloud", problem);
  return problems;
}
