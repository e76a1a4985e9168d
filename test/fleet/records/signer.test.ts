import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { Signer } from "../../../src/fleet/records/signer.js";
import { SeededRandom } from "../../support/seeded-random.js";

const KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7));

describe("a signature", () => {
  const signer = new Signer(KEY);

  const isHmac = (text: string) => {
    const mac = createHmac("sha256", KEY).update(text).digest();
    const share = { high: mac.readInt32BE(16), low: mac.readInt32BE(20) };
    const signature = mac.toString("base64url", 0, 16);
    assert.deepEqual(signer.sign(text), { text: signature, ...share }, `${text.length}`);
    assert.deepEqual(signer.verify(text, signature), share, `${text.length}`);
  };

  test("is the HMAC of a text of any length", () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 1_000, 1_364, 1_365, 1_366, 4_096, 4_097, 100_000])
      for (const unit of ["a", "é", "☃", "\ud800"]) isHmac(unit.repeat(length));
  });

  test("does not depend on the texts that were signed before", () => {
    const random = new SeededRandom(1);
    for (let turn = 0; turn < 500; turn += 1) isHmac("x\u{1f600}y".repeat(Math.floor(random.between(0, 500))));
  });

  test("is verified to its last bit", () => {
    const right = Buffer.from(signer.sign("a").text, "base64url");
    for (let bit = 0; bit < 128; bit += 1) {
      const wrong = Buffer.from(right);
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(signer.verify("a", wrong.toString("base64url")), undefined, `${bit}`);
    }
  });

  test("is no other text of the same bits, also after it was verified", () => {
    const { text } = signer.sign("a");
    for (const other of [
      "",
      text.slice(0, 20),
      text.slice(0, 21),
      `${text}A`,
      `${text}=`,
      ` ${text}`,
      text.replace(/./, "="),
    ]) {
      assert.ok(signer.verify("a", text));
      assert.equal(signer.verify("a", other), undefined, other);
    }
  });

  test("depends on each bit of the key", () => {
    const other = Buffer.from(KEY);
    other[31] = 0;
    assert.notEqual(new Signer(other).sign("a").text, signer.sign("a").text);
    assert.equal(new Signer(Buffer.from(KEY)).sign("a").text, signer.sign("a").text);
  });
});
