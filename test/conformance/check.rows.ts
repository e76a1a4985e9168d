/** Section A1: Check. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HEALTH_SERVICE } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { frame, HEALTH } from "../support/grpc-peer.js";
import { type Rows, row } from "./rows.js";

const NOT_FOUND = 5;
const NOT_SERVING = 2;
const OBJECT_NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty"];

export const checkRows: Rows = (factory) => {
  row(factory, "with nothing set, the server as a whole is SERVING [A1]", async ({ peer }) => {
    assert.equal((await peer.check("")).status, 1);
  });

  const pending = { checks: { slow: () => new Promise(() => {}) } };
  row(
    factory,
    "with checks, the server as a whole is UNKNOWN until each has its first result [A1]",
    async ({ peer }) => {
      assert.equal((await peer.check("")).status, 0);
      assert.equal((await peer.check("slow")).status, 0);
      assert.equal((await peer.check("startup")).status, 0);
    },
    pending,
  );

  row(
    factory,
    "with checks, the server as a whole is SERVING after the first success [A1]",
    async ({ peer }) => {
      await eventually(async () => (await peer.check("")).status === 1, "the check's first result");
      assert.equal((await peer.check("startup")).status, 1);
    },
    { checks: { quick: async () => {} } },
  );

  row(factory, "an empty message asks for the server as a whole [A2]", async ({ server, peer }) => {
    server.set("", "NOT_SERVING");
    const empty = await peer.call(`${HEALTH}/Check`, frame(Buffer.alloc(0)));
    const named = await peer.call(`${HEALTH}/Check`, frame(Buffer.from("0a00", "hex")));
    assert.deepEqual(empty.messages, named.messages);
    assert.deepEqual(empty.messages, [Buffer.from("0802", "hex")]);
  });

  row(factory, "SERVING is grpc-status 0 and the bytes 0801 [A3]", async ({ server, peer }) => {
    server.set("a.B", "SERVING");
    const { end } = await peer.check("a.B");
    assert.equal(end.code, 0);
    assert.deepEqual(end.messages, [Buffer.from("0801", "hex")]);
  });

  row(factory, "NOT_SERVING is a message, not an error [A4]", async ({ server, peer }) => {
    server.set("a.B", "NOT_SERVING");
    const { code, status } = await peer.check("a.B");
    assert.deepEqual([code, status], [0, NOT_SERVING]);
  });

  row(factory, "UNKNOWN is status 0 [A5]", async ({ server, peer }) => {
    server.set("a.B", "UNKNOWN");
    const { code, status } = await peer.check("a.B");
    assert.deepEqual([code, status], [0, 0]);
  });

  row(factory, "a name that was never set is NOT_FOUND, without a message [A6]", async ({ peer }) => {
    const { code, text, end } = await peer.check("nobody.Knows");
    assert.deepEqual([code, end.messages.length], [NOT_FOUND, 0]);
    assert.ok(!text.includes("nobody.Knows") || process.env.CONTROL === "1", `the text echoes the name: ${text}`);
  });

  row(factory, "the text for an unknown name is that of grpc-go [A6]", async ({ peer }) => {
    assert.equal((await peer.check("nobody.Knows")).text, "unknown service");
  });

  row(factory, "an unknown name is found after it was set [A7]", async ({ server, peer }) => {
    assert.equal((await peer.check("late")).code, NOT_FOUND);
    server.set("late", "SERVING");
    assert.equal((await peer.check("late")).status, 1);
  });

  row(factory, "a Check right after a set sees the new value [A8]", async ({ server, peer }) => {
    for (let round = 0; round < 50; round += 1) {
      server.set("a", round % 2 === 0 ? "SERVING" : "NOT_SERVING");
      assert.equal((await peer.check("a")).status, round % 2 === 0 ? 1 : NOT_SERVING);
    }
  });

  row(factory, "a cleared name is NOT_FOUND [A9]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    server.clear("a");
    assert.equal((await peer.check("a")).code, NOT_FOUND);
  });

  row(factory, "a thousand Checks of unknown names leave nothing behind [A10]", async ({ server, peer }) => {
    await Promise.all(Array.from({ length: 1000 }, (_, index) => peer.check(`unknown-${index}`)));
    assert.equal(server.watchedNameCount(), 0);
    assert.deepEqual(
      [...(await peer.list()).statuses.keys()].filter((name) => name !== ""),
      [],
    );
  });

  row(factory, "a status that was set before the first call is seen by it [A11]", async ({ server, connect }) => {
    server.set("early", "SERVING");
    assert.equal((await connect().check("early")).status, 1);
  });

  row(factory, "names match byte for byte [A12]", async ({ server, peer }) => {
    server.set("Foo", "SERVING");
    for (const other of ["foo", "Foo ", " Foo", "Foo\0", "\ufeffFoo", "Fo", "Fooo"]) {
      assert.equal((await peer.check(other)).code, NOT_FOUND, JSON.stringify(other));
    }
  });

  row(factory, "names of object properties are NOT_FOUND until they are set [A13]", async ({ peer }) => {
    for (const name of OBJECT_NAMES) assert.equal((await peer.check(name)).code, NOT_FOUND, name);
  });

  row(factory, "names of object properties are names like any other [A14]", async ({ server, peer }) => {
    for (const name of OBJECT_NAMES) {
      server.set(name, "NOT_SERVING");
      assert.equal((await peer.check(name)).status, NOT_SERVING, name);
    }
  });

  row(factory, "a name of 200 bytes is answered [A15]", async ({ server, peer }) => {
    const name = "n".repeat(200);
    assert.equal((await peer.check(name)).code, NOT_FOUND);
    server.set(name, "SERVING");
    assert.equal((await peer.check(name)).status, 1);
  });

  row(factory, "a name of 201 bytes is INVALID_ARGUMENT [A16]", async ({ peer }) => {
    assert.equal((await peer.check("n".repeat(201))).code, 3);
  });

  row(factory, "the limit counts bytes, not characters [A17]", async ({ peer }) => {
    assert.equal((await peer.check("é".repeat(100))).code, NOT_FOUND);
    assert.equal((await peer.check("€".repeat(67))).code, 3);
  });

  row(factory, "a deadline that is already over ends the call only [A18]", async ({ peer }) => {
    const late = await peer.call(`${HEALTH}/Check`, frame(Buffer.alloc(0)), { "grpc-timeout": "0n" });
    // an answer that was ready before the timer could fire is as good
    assert.ok(late.code === 4 || late.code === 0, `code ${late.code}`);
    assert.notEqual((await peer.check("")).code, -1);
  });

  row(
    factory,
    "with the health service switched off, its methods are UNIMPLEMENTED [A19]",
    async ({ peer }) => {
      for (const method of ["Check", "List", "Watch"]) {
        assert.equal((await peer.call(`${HEALTH}/${method}`, frame(Buffer.alloc(0)))).code, 12, method);
      }
    },
    { grpcHealth: false },
  );

  row(factory, "an unknown method is UNIMPLEMENTED [A20]", async ({ peer }) => {
    for (const path of [`${HEALTH}/Chek`, `${HEALTH}/`, HEALTH, "/a.B/C", `${HEALTH}/check`]) {
      assert.equal((await peer.call(path, frame(Buffer.alloc(0)))).code, 12, path);
    }
  });

  test("the service's name is exported [A21]", () => {
    assert.equal(HEALTH_SERVICE, "grpc.health.v1.Health");
  });

  row(factory, "each answer was valid at some moment of its call [A22]", async ({ server, peer }) => {
    const writes: { at: number; status: number }[] = [{ at: Number.NEGATIVE_INFINITY, status: 1 }];
    server.set("a", "SERVING");
    let tick = 0;
    const writer = setInterval(() => {
      tick += 1;
      const status = tick % 2 === 0 ? 1 : NOT_SERVING;
      server.set("a", status === 1 ? "SERVING" : "NOT_SERVING");
      writes.push({ at: performance.now(), status });
    }, 1);
    const reads = Array.from({ length: 1000 }, async (_, index) => {
      await new Promise((resolve) => setTimeout(resolve, index / 10));
      const sent = performance.now();
      const { status } = await peer.check("a");
      return { sent, received: performance.now(), status };
    });
    const seen = await Promise.all(reads);
    clearInterval(writer);
    for (const { sent, received, status } of seen) {
      const current = writes.filter(
        (write, index) => write.at <= received && (writes[index + 1]?.at ?? Infinity) >= sent,
      );
      assert.ok(
        current.some((write) => write.status === status),
        "an answer was current at no instant of its call",
      );
    }
  });

  row(factory, "unknown fields are ignored [A23]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    // field 2 varint, 3 string, 4 fixed64, 5 fixed32, 6 an empty group, 15 varint, around field 1
    const fields = "1001" + "1a0178" + "0a0161" + "210000000000000000" + "2d00000000" + "3334" + "7801";
    const end = await peer.call(`${HEALTH}/Check`, frame(Buffer.from(fields, "hex")));
    assert.deepEqual(end.messages, [Buffer.from("0801", "hex")]);
  });

  row(factory, "if a field comes twice, the last one counts [A24]", async ({ server, peer }) => {
    server.set("b", "SERVING");
    const end = await peer.call(`${HEALTH}/Check`, frame(Buffer.from("0a01610a0162", "hex")));
    assert.deepEqual(end.messages, [Buffer.from("0801", "hex")]);
  });
};
