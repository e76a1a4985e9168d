/** Section A3: List. Row 64 (authentication) waits for the issue that brings it. */
import assert from "node:assert/strict";
import { type Rows, row } from "./rows.js";

export const listRows: Rows = (factory) => {
  row(factory, "A56 every service and the server as a whole, each with its status", async ({ server, peer }) => {
    server.set("", "SERVING");
    server.set("a", "SERVING");
    server.set("b", "NOT_SERVING");
    server.set("c", "UNKNOWN");
    const { statuses } = await peer.list();
    assert.deepEqual([...statuses].sort(), [
      ["", 1],
      ["a", 1],
      ["b", 2],
      ["c", 0],
    ]);
  });

  row(factory, "A57 nothing declared is an empty map", async ({ peer }) => {
    const { code, statuses } = await peer.list();
    assert.deepEqual([code, statuses.size], [0, 0]);
  });

  row(factory, "A58 a hundred are listed, one more is RESOURCE_EXHAUSTED without a map", async ({ server, peer }) => {
    for (let index = 0; index < 100; index += 1) server.set(`s${index}`, "SERVING");
    assert.equal((await peer.list()).statuses.size, 100);
    server.set("s100", "SERVING");
    const { code, end } = await peer.list();
    assert.deepEqual([code, end.messages.length], [8, 0]);
  });

  row(
    factory,
    "A58 and its text is a constant",
    async ({ server, peer }) => {
      server.set("a", "SERVING");
      server.set("b", "SERVING");
      assert.equal((await peer.list()).text, "too many services to list");
    },
    { listLimit: 1 },
  );

  row(
    factory,
    "A59 ten thousand are listed in one message below 4 MiB, where they are allowed",
    async ({ server, peer }) => {
      for (let index = 0; index < 10_000; index += 1) server.set(`${"n".repeat(190)}-${index}`, "SERVING");
      const { statuses, end } = await peer.list();
      assert.equal(statuses.size, 10_000);
      assert.ok((end.messages[0]?.length ?? Infinity) < 4 * 1024 * 1024);
    },
    { listLimit: 10_000 },
  );

  row(factory, "A60 names of object properties are listed", async ({ server, peer }) => {
    server.set("__proto__", "SERVING");
    server.set("constructor", "NOT_SERVING");
    assert.deepEqual([...(await peer.list()).statuses].sort(), [
      ["__proto__", 1],
      ["constructor", 2],
    ]);
  });

  row(factory, "A61 an UNKNOWN service is there, with status 0", async ({ server, peer }) => {
    server.set("a", "UNKNOWN");
    assert.deepEqual([...(await peer.list()).statuses], [["a", 0]]);
  });

  row(factory, "A62 a name that is only watched is not listed", async ({ peer }) => {
    await peer.watch("watched").saw(3);
    assert.equal((await peer.list()).statuses.size, 0);
  });

  row(factory, "A63 a cleared name is not listed", async ({ server, peer }) => {
    server.set("a", "SERVING");
    server.clear("a");
    assert.equal((await peer.list()).statuses.size, 0);
  });
};
