import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkInfrared, infraredSchema } from "../../config/infrared.ts";
import { problemsOf } from "../../config/problems.ts";
import { EVERY_TARGET, infraredSettings, nameOf, rdo, rhel } from "../support/infrared.ts";

const problems = (raw: object, target = rdo("train")) =>
  checkInfrared(infraredSettings(raw), target).map(({ key, message }) => `${key} ${message}`);

describe("settings of Infrared", () => {
  it("need none to be set, whatever is installed", () => {
    for (const target of EVERY_TARGET) assert.deepEqual(problems({}, target), [], nameOf(target));
  });

  const wrong: [object, string, RegExp][] = [
    [{ source: { path: "here" } }, "source.path", /absolute path/],
    [{ source: { branch: "master" } }, "source.branch", /not a setting/],
    [{ workspace: "My Space" }, "workspace", /lower-case letters/],
    [{ undercloud: { imagesTask: "copy" } }, "undercloud.imagesTask", /one of: rpm, import, build/],
    [{ undercloud: { imagesUrl: "/images" } }, "undercloud.imagesUrl", /file, http or https URL/],
    [{ undercloud: { ntpServers: [] } }, "undercloud.ntpServers", /at least one host/],
    [{ undercloud: { ntpServers: ["a b"] } }, "undercloud.ntpServers.0", /host name/],
    [{ undercloud: { configOptions: { a: 1 } } }, "undercloud.configOptions.a", /./],
    [{ undercloud: { verbosity: 5 } }, "undercloud.verbosity", /0 to 4/],
    [{ images: { checksums: { a: "sha1:00" } } }, "images.checksums.a", /sha256: or md5:/],
    [{ images: { names: ["../a"] } }, "images.names.0", /file name/],
    [{ preUndercloud: { playbook: "hook.yml" } }, "preUndercloud.playbook", /absolute path/],
  ];
  for (const [raw, key, message] of wrong) {
    it(`are wrong: ${JSON.stringify(raw)}`, () => {
      const { error } = infraredSchema.safeParse(raw);
      assert.ok(error);
      const [problem] = problemsOf(error, raw);
      assert.equal(problem?.key, key);
      assert.match(problem?.message ?? "", message);
    });
  }

  it("do not add all plugins, and add the one that installs", () => {
    assert.match(problems({ plugins: ["all"] })[0] ?? "", /^infrared\.plugins names all/);
    assert.match(problems({ plugins: ["plugins/virsh"] })[0] ?? "", /lacks plugins\/tripleo-under/);
  });

  it("take images from where there are any", () => {
    const [rpm] = problems({ undercloud: { imagesTask: "rpm" } });
    assert.match(rpm ?? "", /imagesTask rdo has no packages of images/);
    const [missing] = problems({ undercloud: { imagesTask: "import" } }, rhel("17.1"));
    assert.match(missing ?? "", /imagesUrl is missing/);
    const both = { undercloud: { imagesUrl: "file:///a" }, images: { url: "file:///b" } };
    assert.match(problems(both)[0] ?? "", /images\.url is of no use/);
  });

  it("keep what is for rhel from rdo", () => {
    const raw = { undercloud: { enableTestingRepos: "all", cdnFile: "/cdn.yml" } };
    assert.equal(problems(raw).length, 2);
    assert.deepEqual(problems(raw, rhel("16.2")), []);
  });

  it("put no password on a command line", () => {
    const raw = { undercloud: { extraArgs: ["--registry-password=x", "--user-password"] } };
    const [first = "", second = ""] = problems(raw);
    assert.match(first, /extraArgs --registry-password would show a password/);
    assert.match(second, /extraArgs --user-password would show a password/);
    assert.doesNotMatch(first, /=x/);
  });

  it("name a registry's user and the file of the password together", () => {
    const registry = (raw: object) => problems({ undercloud: { registry: raw } })[0] ?? "";
    assert.match(registry({ username: "robot" }), /registry\.passwordFile is missing/);
    assert.match(registry({ passwordFile: "/p" }), /registry\.username is missing/);
  });

  it("are held against what Infrared is recorded to take", () => {
    const raw = { undercloud: { extraArgs: ["--image-url=x", "--boot-mode=efi"] } };
    assert.deepEqual(problems(raw), [
      "infrared.undercloud infrared tripleo-undercloud: there is no option --image-url.",
      "infrared.undercloud infrared tripleo-undercloud: --boot-mode is efi; it takes one of: bios, uefi.",
    ]);
    const [version] = problems({}, { ...rhel("16"), version: "16.9" });
    assert.match(version ?? "", /--version is 16\.9/);
  });
});
