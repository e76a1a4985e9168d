/** Section A3: List. */
import assert from "node:assert/strict";
import { frame, HEALTH } from "../support/grpc-peer.js";
import { type Rows, row } from "./rows.js";

/** How many services a List has beside the server as a whole. */
function declared({ statuses }: { readonly statuses: ReadonlyMap<string, number> }): number {
  return [...statuses.keys()].filter((name) => name !== "").length;
}

export const listRows: Rows = (factory) => {
  row(factory, "List has all services and the overall status [A56]", async ({ server, peer }) => {
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

  row(factory, "List has the overall status alone when nothing is declared [A57]", async ({ peer }) => {
    const { code, statuses } = await peer.list();
    assert.deepEqual([code, [...statuses]], [0, [["", 1]]]);
  });

  row(
    factory,
    "as many as the limit are listed, one more is RESOURCE_EXHAUSTED without a map [A58]",
    async ({ server, peer }) => {
      for (let index = 0; index < 100; index += 1) server.set(`s${index}`, "SERVING");
      assert.equal(declared(await peer.list()), 100);
      server.set("s100", "SERVING");
      const { code, end } = await peer.list();
      assert.deepEqual([code, end.messages.length], [8, 0]);
    },
    { listLimit: 100 },
  );

  row(
    factory,
    "the text of a List that is refused is a constant [A58]",
    async ({ server, peer }) => {
      server.set("a", "SERVING");
      server.set("b", "SERVING");
      assert.equal((await peer.list()).text, "too many services to list");
    },
    { listLimit: 1 },
  );

  row(
    factory,
    "ten thousand services are listed in one message below 4 MiB [A59]",
    async ({ server, peer }) => {
      for (let index = 0; index < 10_000; index += 1) server.set(`${"n".repeat(190)}-${index}`, "SERVING");
      const list = await peer.list();
      assert.equal(declared(list), 10_000);
      assert.ok((list.end.messages[0]?.length ?? Infinity) < 4 * 1024 * 1024);
    },
    { listLimit: 10_000 },
  );

  // more than a frame, less than a window; more than a window
  for (const count of [150, 500])
    row(
      factory,
      `${count} services with long names are listed [A59]`,
      async ({ server, peer }) => {
        for (let index = 0; index < count; index += 1) server.set(`${"n".repeat(190)}-${index}`, "SERVING");
        assert.equal(declared(await peer.list()), count);
        assert.equal((await peer.check("")).status, 1, "and the connection is as good as before");
      },
      { listLimit: 1_000 },
    );

  row(factory, "names of object properties are listed [A60]", async ({ server, peer }) => {
    server.set("__proto__", "SERVING");
    server.set("constructor", "NOT_SERVING");
    const { statuses } = await peer.list();
    assert.deepEqual([statuses.get("__proto__"), statuses.get("constructor")], [1, 2]);
  });

  row(factory, "an UNKNOWN service is listed with status 0 [A61]", async ({ server, peer }) => {
    server.set("a", "UNKNOWN");
    assert.equal((await peer.list()).statuses.get("a"), 0);
  });

  row(factory, "a name that is only watched is not listed [A62]", async ({ peer }) => {
    await peer.watch("watched").saw(3);
    assert.equal((await peer.list()).statuses.has("watched"), false);
  });

  row(factory, "a cleared name is not listed [A63]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    server.clear("a");
    assert.equal((await peer.list()).statuses.has("a"), false);
  });

  row(
    factory,
    "with a token configured, List without it is UNAUTHENTICATED and no map; Check needs no token [A64, B27]",
    async ({ server, peer }) => {
      server.set("a", "SERVING");
      const list = (authorization?: string) =>
        peer.call(`${HEALTH}/List`, frame(Buffer.alloc(0)), authorization === undefined ? {} : { authorization });
      for (const wrong of [
        undefined,
        "Bearer",
        "Bearer wrong",
        "secret",
        "Basic secret",
        `Bearer ${"x".repeat(5000)}`,
      ]) {
        const end = await list(wrong);
        assert.deepEqual([end.code, end.messages.length], [16, 0], String(wrong).slice(0, 20));
      }
      assert.equal((await list("Bearer secret")).code, 0);
      assert.equal((await peer.check("a")).status, 1);
      const url = `http://127.0.0.1:${server.port}/grpc.health.v1.Health/List`;
      const json = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
      assert.equal((await fetch(url, json)).status, 401);
      const known = { ...json, headers: { ...json.headers, authorization: "Bearer secret" } };
      assert.deepEqual(await (await fetch(url, known)).json(), {
        statuses: { "": { status: "SERVING" }, a: { status: "SERVING" } },
      });
    },
    { token: "secret" },
  );
};
