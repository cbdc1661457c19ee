import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { renderIni } from "../../components/ini.ts";
import { parseIni } from "../support/ini.ts";

describe("oslo.config files", () => {
  it("have sections, and options in the order given", () => {
    assert.equal(
      renderIni({ DEFAULT: { b: 1, a: true }, "oslo.x": { empty: "", url: "http://x/?a=b#c;d" } }),
      "[DEFAULT]\nb = 1\na = true\n\n[oslo.x]\nempty = \nurl = http://x/?a=b#c;d\n",
    );
  });

  it("escape what oslo.config would substitute", () => {
    assert.equal(renderIni({ a: { b: "$x ${y} $$" } }), "[a]\nb = $$x $${y} $$$$\n");
  });

  it("are refused if a value would start another option, with the option's name and not its value", () => {
    for (const lineBreak of ["\n", "\r", "\r\n"]) {
      assert.throws(() => renderIni({ DEFAULT: { x: `secret${lineBreak}debug = true` } }), {
        message: "[DEFAULT] x: a value has one line",
      });
    }
  });

  it("hold any value of one line as it is", () => {
    const value = fc
      .string({ unit: "grapheme" })
      .map((text) => text.replaceAll(/[\r\n]/g, "").trim());
    const plain = { noNullPrototype: true };
    const name = fc.stringMatching(/^[a-z_]{1,8}$/);
    fc.assert(
      fc.property(fc.dictionary(name, fc.dictionary(name, value, plain), plain), (sections) => {
        assert.deepEqual(parseIni(renderIni(sections)), sections);
      }),
    );
  });
});
