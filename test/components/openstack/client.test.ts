import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OpenStackClient } from "../../../components/openstack/client.ts";
import { novaServices } from "../../../components/openstack/compute.ts";
import { withCloud } from "../../support/openstack.ts";

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
