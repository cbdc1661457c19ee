import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { readContent } from "../../../components/playbook/content.ts";

const root = mkdtempSync(path.join(tmpdir(), "overcloud-content-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;
let folder = root;
beforeEach(() => {
  folder = path.join(root, String((count += 1)));
});

function write(name: string, text: string): void {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const read = () => readContent(path.join(folder, "site.yml"));

/** Whether another line at the end of a file changes the hash. */
async function counts(name: string): Promise<boolean> {
  const before = await read();
  write(name, `${readFileSync(path.join(folder, name), "utf8")}\n# changed\n`);
  return (await read()).hash !== before.hash;
}

describe("the content of a playbook", () => {
  it("is all that it reaches, and nothing that only lies beside it", async () => {
    write(
      "site.yml",
      `
- import_playbook: other.yml
- hosts: all
  vars_files: [settings/main.yaml]
  roles: [plain, { role: with_arguments, when: yes }]
  tasks:
    - ansible.builtin.include_role: { name: included }
    - include_tasks: "{{ playbook_dir }}/steps/one.yml"
    - template: { src: a.j2, dest: /etc/a }
    - copy: src=b.conf dest=/etc/b
    - copy: { src: tree, dest: /etc/tree }
    - script: run.sh --now
    - debug: { msg: "{{ lookup('file', 'c.txt') }}" }
`,
    );
    const reached = [
      ...["other.yml", "settings/main.yaml", "steps/one.yml", "steps/two.yml", "templates/a.j2"],
      ...["files/b.conf", "files/tree/deep/x", "run.sh", "files/c.txt", "group_vars/all.yml"],
      ...["roles/plain/tasks/main.yml", "roles/plain/templates/t.j2", "library/mine.py"],
      ...["roles/with_arguments/defaults/main.yml", "roles/included/tasks/main.yml"],
      ...["roles/dependency/tasks/main.yml", "roles/nested/tasks/main.yml"],
    ];
    for (const name of reached) write(name, "# first\n");
    write("other.yml", "- hosts: all\n  tasks: []\n");
    write("steps/one.yml", "- import_tasks: two.yml\n");
    write("roles/plain/meta/main.yml", "dependencies: [{ role: dependency }]\n");
    write("roles/plain/tasks/main.yml", "- import_role: { name: nested }\n");
    const beside = ["README.md", "another.yml", "roles/unused/tasks/main.yml", "files/unused"];
    for (const name of beside) write(name, "# first\n");
    for (const name of ["site.yml", ...reached]) assert.ok(await counts(name), name);
    for (const name of beside) assert.ok(!(await counts(name)), name);
  });

  it("has every role in it where an expression names one", async () => {
    write("site.yml", `- hosts: all\n  tasks:\n    - include_role: { name: "{{ which }}" }\n`);
    write("roles/any/tasks/main.yml", "# first\n");
    assert.ok(await counts("roles/any/tasks/main.yml"));
    assert.ok((await read()).dynamic);
  });

  it("has the same hash in another place", async () => {
    const hashes = [];
    for (const place of ["here", "there"]) {
      folder = path.join(root, `${count}-${place}`);
      write("site.yml", "- hosts: all\n  roles: [one]\n");
      write("roles/one/tasks/main.yml", "- ping:\n");
      hashes.push((await read()).hash);
    }
    assert.equal(hashes[0], hashes[1]);
  });

  it("knows the tags of plays, blocks, tasks and roles", async () => {
    write(
      "site.yml",
      `
- hosts: all
  tags: play
  roles: [{ role: one, tags: [role] }]
  tasks:
    - block: [{ ping: , tags: "a,b" }]
      tags: [block, 7]
`,
    );
    write("roles/one/tasks/main.yml", "- ping:\n  tags: inner\n");
    const { tags, dynamic } = await read();
    assert.deepEqual(tags, ["7", "a", "b", "block", "inner", "play", "role"]);
    assert.equal(dynamic, false);
  });

  it("tells that there may be more tags than it sees", async () => {
    write("site.yml", `- hosts: all\n  tags: "{{ mine }}"\n  tasks: []\n`);
    assert.equal((await read()).dynamic, true);
  });

  it("says what is wrong with what is no playbook", async () => {
    await assert.rejects(read(), /^Error: is not there$/);
    for (const [text, message] of [
      ["- hosts: [", /^Error: is not YAML: /],
      ["hosts: all\n", /^Error: is not a playbook: /],
      ["- name: a task\n  ping:\n", /^Error: is not a playbook: /],
      ["", /^Error: is not a playbook: /],
    ] as const) {
      write("site.yml", text);
      await assert.rejects(read(), message);
    }
    await assert.rejects(readContent(folder), /^Error: can't be read$/);
  });

  it("takes values that only a vault's key opens", async () => {
    write(
      "site.yml",
      "- hosts: all\n  vars:\n    x: !vault |\n      $ANSIBLE_VAULT;1.1\n  tasks: []\n",
    );
    assert.match((await read()).hash, /^[0-9a-f]{16}$/);
  });
});
