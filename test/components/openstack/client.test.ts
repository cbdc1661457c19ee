import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { OpenStackClient } from "../../../components/openstack/client.ts";
import { ApiError, UnreachableError } from "../../../components/openstack/request.ts";
import type { CloudReference } from "../../../components/openstack/session.ts";
import { novaServices } from "../../../components/openstack/compute.ts";
import { PASSWORD, withCloud } from "../../support/openstack.ts";
import { certificatesOf } from "../../support/tls.ts";

describe("the client of an older release", () => {
  it("finds out once what that speaks, and speaks it from then on", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.newest = { compute: 79 };
      const client = await OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(10_000));
      for (let time = 1; time <= 2; time += 1) {
        assert.equal((await novaServices(client)).length, 1);
      }
      const asked = cloud.requests.filter((call) => call.includes("compute/"));
      assert.deepEqual(asked, [
        "GET compute/v2.1/os-services",
        "GET compute/v2.1/",
        ...Array.from({ length: 2 }, () => "GET compute/v2.1/os-services"),
      ]);
    }));

  it("gives up where that is too old for what is asked", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.newest = { compute: 40 };
      const client = await OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(10_000));
      const id = cloud.service("compute-0")?.id ?? "";
      const change = client.put("compute", `/os-services/${id}`, { status: "disabled" });
      await assert.rejects(change, /answered 404: services have no UUID/);
    }));
});

describe("the client whose token has expired", () => {
  it("logs in once more, whatever it asks at that time, and asks again", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      const client = await OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(10_000));
      cloud.expireTokens();
      const answers = await Promise.all([novaServices(client), novaServices(client)]);
      assert.deepEqual(
        answers.map(({ length }) => length),
        [1, 1],
      );
      cloud.expireTokens();
      await client.delete("compute", "/servers/nobody");
      const logins = cloud.requests.filter((call) => call.includes("auth/tokens"));
      assert.equal(logins.length, 3);
    }));

  it("says so where it can't log in again, and logs in when it can", () =>
    withCloud(async (cloud) => {
      const client = await OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(10_000));
      cloud.expireTokens();
      cloud.usePassword("another than the cloud's");
      await assert.rejects(novaServices(client), { name: "ApiError", status: 401 });
      cloud.usePassword(PASSWORD);
      assert.deepEqual(await novaServices(client), []);
    }));
});

describe("the client of a cloud that speaks TLS", () => {
  const connect = (cloud: { cloud: CloudReference }) =>
    OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(10_000), 0);

  it("asks, sends and deletes as without", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(2);
      const client = await connect(cloud);
      const [first] = await novaServices(client);
      await client.put("compute", `/os-services/${first?.id}`, { status: "disabled" });
      assert.equal(cloud.service("compute-0")?.status, "disabled");
      await client.delete("compute", "/servers/nobody");
      await assert.rejects(client.put("compute", "/os-services/nobody", {}), ApiError);
    }, certificatesOf()));

  it("asks nobody whom the stack's authority does not know", () =>
    withCloud(async (cloud) => {
      const stranger = certificatesOf("a seed of another stack, which is long enough").authority;
      const { cacert } = (parse(readFileSync(cloud.cloud.cloudsYaml, "utf8")) as Clouds).clouds
        .fake;
      writeFileSync(cacert, stranger);
      await assert.rejects(connect(cloud), { code: /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/ });
      assert.deepEqual(cloud.requests, []);
    }, certificatesOf()));

  it("knows that a cloud is gone, and waits no longer than it was told", () =>
    withCloud(async (cloud) => {
      await cloud.disappear();
      await assert.rejects(connect(cloud), UnreachableError);
    }, certificatesOf()));

  it("gives up on an API that hangs", () =>
    withCloud(async (cloud) => {
      cloud.hangs = true;
      const impatient = OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(300));
      await assert.rejects(impatient, { name: "TimeoutError" });
    }, certificatesOf()));
});

interface Clouds {
  clouds: { fake: { cacert: string } };
}
