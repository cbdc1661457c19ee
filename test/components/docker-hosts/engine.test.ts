import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { engineEnvironment, engineOptions } from "../../../components/docker-hosts/engine.ts";

describe("the way to an engine", () => {
  it("needs no word for this machine's, whatever its user has set", () => {
    assert.deepEqual(engineEnvironment({}), {});
    assert.deepEqual(engineOptions({}), []);
  });

  it("is an address, and nothing of what the user has set for another", () => {
    const engine = { docker: "ssh://root@there" };
    assert.deepEqual(engineEnvironment(engine), {
      DOCKER_HOST: "ssh://root@there",
      DOCKER_CONTEXT: "",
      DOCKER_TLS_VERIFY: "",
      DOCKER_CERT_PATH: "",
    });
    assert.deepEqual(engineOptions(engine), ["--host", "ssh://root@there"]);
  });

  it("is checked on both ends where there are certificates", () => {
    const engine = { docker: "tcp://there:2376", certificates: "/certs" };
    assert.equal(engineEnvironment(engine)["DOCKER_TLS_VERIFY"], "1");
    assert.equal(engineEnvironment(engine)["DOCKER_CERT_PATH"], "/certs");
    assert.deepEqual(engineOptions(engine), [
      ...["--host", "tcp://there:2376", "--tlsverify", "--tlscacert", "/certs/ca.pem"],
      ...["--tlscert", "/certs/cert.pem", "--tlskey", "/certs/key.pem"],
    ]);
  });
});
