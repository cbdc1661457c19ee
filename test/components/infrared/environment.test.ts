import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { infraredEnvironment } from "../../../components/infrared/environment.ts";

describe("the environment of Infrared", () => {
  it("has nothing of the user's own Python, ansible and Infrared", () => {
    const environment = infraredEnvironment("/ir", {
      HOME: "/home/me",
      IR_VERSION: "13",
      IR_HOME: "/theirs",
      ANSIBLE_CONFIG: "/etc/ansible/ansible.cfg",
      ANSIBLE_ROLES_PATH: "/roles",
      PYTHONPATH: "/lib",
      VIRTUAL_ENV: "/venv",
      PATH: "/root/.pyenv/shims:/usr/local/bin:/opt/shims:/usr/bin",
    });
    assert.deepEqual(environment, {
      IR_VERSION: undefined,
      ANSIBLE_ROLES_PATH: undefined,
      PYTHONPATH: undefined,
      VIRTUAL_ENV: undefined,
      IR_HOME: "/ir",
      ANSIBLE_CONFIG: "/ir/ansible.cfg",
      ANSIBLE_FORCE_COLOR: "false",
      ANSIBLE_NOCOLOR: "true",
      PYTHONUNBUFFERED: "1",
      PATH: "/ir/venv/bin:/usr/local/bin:/usr/bin",
    });
  });

  it("finds programs where there is no PATH", () => {
    assert.equal(infraredEnvironment("/ir", {})["PATH"], "/ir/venv/bin:/usr/bin:/bin");
  });
});
