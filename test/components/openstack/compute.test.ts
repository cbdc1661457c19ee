import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OpenStackClient } from "../../../components/openstack/client.ts";
import { servers } from "../../../components/openstack/compute.ts";
import { withCloud } from "../../support/openstack.ts";

const LIST = "GET compute/v2.1/servers/detail";

describe("the list of servers", () => {
  it("is asked for again where nova can't make it at that moment", () =>
    withCloud(async (cloud) => {
      cloud.addComputes(1);
      cloud.addServer("one", "compute-0");
      cloud.failures.push({ call: LIST, answer: 500, times: 1 });
      const client = await OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(10_000));
      assert.deepEqual(
        (await servers(client)).map(({ name }) => name),
        ["one"],
      );
    }));

  it("fails where nova goes on like that, and at once where it refuses", () =>
    withCloud(async (cloud) => {
      const client = await OpenStackClient.connect(cloud.cloud, AbortSignal.timeout(20_000));
      cloud.failures.push({ call: LIST, answer: 500, times: 9 });
      await assert.rejects(servers(client), { name: "ApiError", status: 500 });
      cloud.failures.push({ call: LIST, answer: 403, times: 1 });
      await assert.rejects(servers(client), { name: "ApiError", status: 403 });
      assert.equal(cloud.requests.filter((call) => call === LIST).length, 10);
    }));
});
