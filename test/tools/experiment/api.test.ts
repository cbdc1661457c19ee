import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { describe, it } from "node:test";
import { ApiProbe, CloudAccess } from "../../../tools/experiment/sampler/api.ts";
import { withCloud } from "../../support/openstack.ts";
import { certificatesOf } from "../../support/tls.ts";

describe("the probe of an API", () => {
  it("asks for one token, and says how long each answer took", () =>
    withCloud(async (cloud) => {
      const access = new CloudAccess(() => Promise.resolve(cloud.cloud));
      const probe = new ApiProbe("nova", access);
      for (let time = 1; time <= 2; time += 1) {
        const { ms, failed } = await probe.read();
        assert.equal(failed, 0);
        assert.ok((ms ?? 0) > 0);
      }
      assert.equal(access.requests, 3);
    }));

  it("follows a cloud whose APIs begin to speak TLS", () =>
    withCloud(async (plain) => {
      await withCloud(async (tls) => {
        const probe = new ApiProbe("nova", new CloudAccess(() => Promise.resolve(plain.cloud)));
        await probe.read();
        copyFileSync(tls.cloud.cloudsYaml, plain.cloud.cloudsYaml);
        await plain.disappear();
        assert.equal((await probe.read()).failed, 0);
        assert.ok(tls.requests.length > 0);
      }, certificatesOf());
    }));

  it("has no client while there is no cloud, and gets one when there is", () =>
    withCloud(async (cloud) => {
      let there = false;
      const access = new CloudAccess(() => Promise.resolve(there ? cloud.cloud : undefined));
      const probe = new ApiProbe("nova", access);
      await assert.rejects(probe.read(), /there is no cloud yet/);
      there = true;
      assert.equal((await probe.read()).failed, 0);
    }));
});
