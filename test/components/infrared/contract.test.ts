import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  checkArgv,
  CONTRACT_FILES,
  contractCommands,
  readContract,
} from "../../../components/infrared/contract.ts";

const options = (name: string) =>
  contractCommands().find(({ words }) => words.join(" ") === name)?.options ?? [];

describe("the recorded contract", () => {
  it("says where it comes from", () => {
    for (const file of CONTRACT_FILES) {
      const { source } = readContract(file);
      assert.match(source.revision, /^[0-9a-f]{40}$/, file);
      assert.match(source.repository, /^https:/, file);
      assert.ok(source.files.length > 0, file);
    }
  });

  it("has every option of the plugins, each once", () => {
    const shared = readContract("core").shared.length;
    assert.equal(options("virsh").length, 48 + shared);
    assert.equal(options("tripleo-undercloud").length, 97 + shared);
    for (const command of contractCommands()) {
      const names = command.options.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length, command.words.join(" "));
    }
  });

  it("has conditions that name options, or nothing that Infrared would miss", () => {
    const unknown = contractCommands().flatMap(({ options }) =>
      options.flatMap(({ name, requiredWhen = [] }) =>
        requiredWhen
          .flatMap((condition) => condition.split(/\s+(?:and|or)\s+/))
          .filter((each) => !options.some((other) => other.name === each.split(/\s+/)[0]))
          .map(() => name),
      ),
    );
    // Infrared's own slip: these conditions name options that do not exist, and the options have a default.
    assert.deepEqual([...new Set(unknown)], ["multirhel-enabled-legacy", "multirhel-enabled"]);
  });
});

describe("an Infrared command line", () => {
  const accepted: string[][] = [
    ["workspace", "list"],
    ["workspace", "list", "--active"],
    ["workspace", "import", "-n", "stack", "/tmp/x.tgz"],
    ["workspace", "checkout", "stack"],
    ["plugin", "add", "plugins/virsh"],
    ["virsh", "--host-address=127.0.0.2", "--host-key", "~/.ssh/id_rsa"],
    // The options that clean up ask for no topology, but for a host all the same.
    ["virsh", "--cleanup", "yes", "--host-address=h", "--host-key=k"],
    ["virsh", "--host-address=h", "--host-key=k", "--topology-nodes=undercloud:1,controller:3"],
    ["tripleo-undercloud", "-vv", "--version", "13", "--images-task", "rpm"],
    ["tripleo-undercloud", "--version=train", "--images-task=import", "--images-url=file:///i/"],
    [
      "tripleo-undercloud",
      "--config-options=DEFAULT.a=b",
      "--config-options=ctlplane-subnet.c=d=e",
    ],
    ["tripleo-undercloud", "-e", "@/tmp/x.yml", "-e", "a=b", "--extra-vars=c=", "-o/dev/null"],
    ["tripleo-undercloud", "--dry-run", "--ansible-args=skip-tags=a,b;list-tags"],
  ];
  for (const argv of accepted) {
    it(`is right: ${argv.join(" ")}`, () => assert.deepEqual(checkArgv(argv), []));
  }

  const refused: [string[], RegExp][] = [
    [[], /no recorded command; there are: workspace create, /],
    [["dance"], /infrared dance is no recorded command/],
    [["workspace", "create"], /takes 1 arguments besides options, not 0/],
    [["workspace", "list", "x"], /takes 0 arguments besides options, not 1 \(x\)/],
    [["workspace", "import", "x.tgz", "--name"], /--name lacks its value/],
    [["virsh", "--host-key=k"], /^infrared virsh: --host-address is missing\.$/],
    [["virsh", "--host-address=h", "--host-key=k", "--prefix=abcde"], /at most 4 characters/],
    [
      ["virsh", "--host-address=h", "--host-key=k", "--vnc-external=yes"],
      /--vnc-password is missing, it is required when vnc-external == yes/,
    ],
    [["virsh", "--host-address=h", "--host-key=k", "--disk-bus=ide"], /one of: virtio, scsi/],
    [["virsh", "--host-address=h", "--host-key=k", "--topology-nodes=3"], /role:count/],
    // What the reference asks for, and Infrared has never had.
    [["tripleo-undercloud", "--image-url", "file:///i/"], /there is no option --image-url\./],
    [["tripleo-undercloud", "--images-task=import"], /--images-url is missing, .* == import/],
    [["tripleo-undercloud", "--images-task=copy"], /is copy; it takes one of: rpm, import, build/],
    [["tripleo-undercloud", "--version=9000"], /--version is 9000/],
    [["tripleo-undercloud", "--ssl=maybe"], /--ssl is maybe; it takes yes or no/],
    [["tripleo-undercloud", "--ssl"], /--ssl lacks its value/],
    [["tripleo-undercloud", "--ssl", "--version=13"], /--ssl lacks its value/],
    [["tripleo-undercloud", "--ssl=yes", "--ssl=no"], /given 2 times, the last would win/],
    [["tripleo-undercloud", "--config-options=a=b"], /it takes section\.option=value/],
    [["tripleo-undercloud", "-e", "words"], /--extra-vars is words/],
    [["tripleo-undercloud", "--dry-run=yes"], /--dry-run takes no value/],
    [["tripleo-undercloud", "-vx"], /there is no option -x/],
    [["tripleo-undercloud", "-q"], /there is no option -q/],
    // No abbreviations: Infrared may get another option that begins the same.
    [["tripleo-undercloud", "--registry-mirr=x"], /there is no option --registry-mirr/],
  ];
  for (const [argv, sentence] of refused) {
    it(`is wrong: ${argv.join(" ")}`, () => {
      const problems = checkArgv(argv);
      assert.equal(problems.length, 1, problems.join("\n"));
      assert.match(problems[0] ?? "", sentence);
    });
  }

  it("is told all that is wrong with it at once", () => {
    const argv = ["virsh", "--vnc-external", "yes", "--disk-bus=ide", "--image-uri", "x"];
    assert.equal(checkArgv(argv).length, 5);
  });
});
