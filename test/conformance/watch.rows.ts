/** Section A2: Watch. Row 42 needs a network namespace and row 55 grpc-go: both are in the interop suite. */
import assert from "node:assert/strict";
import { constants } from "node:http2";
import type { ServingStatus } from "../../src/index.js";
import { eventually, pause } from "../support/eventually.js";
import { type GrpcPeer, type OpenWatch, quiet } from "../support/grpc-peer.js";
import { type Rows, row } from "./rows.js";

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;

const STUCK = { settings: { initialWindowSize: 0 } };

export const watchRows: Rows = (factory) => {
  row(factory, "the first message is the current status [A25]", async ({ server, peer }) => {
    server.set("a", "NOT_SERVING");
    await peer.watch("a").saw(NOT_SERVING);
  });

  row(factory, "an unknown service is SERVICE_UNKNOWN, and the stream stays open [A26]", async ({ peer }) => {
    const watch = peer.watch("late");
    await watch.saw(SERVICE_UNKNOWN);
    await quiet(peer);
    assert.equal(watch.end, undefined);
  });

  row(factory, "a Watch of an unknown service sends its status when it is set [A27]", async ({ server, peer }) => {
    const watch = peer.watch("late");
    await watch.saw(SERVICE_UNKNOWN);
    server.set("late", "NOT_SERVING");
    await watch.saw(SERVICE_UNKNOWN, NOT_SERVING);
    server.set("late", "SERVING");
    await watch.saw(SERVICE_UNKNOWN, NOT_SERVING, SERVING);
  });

  row(factory, "setting the same status again sends no message [A28]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(SERVING);
    for (let time = 0; time < 5; time += 1) server.set("a", "SERVING");
    await quiet(peer);
    await watch.saw(SERVING);
  });

  row(
    factory,
    "after a thousand random sets, no two messages in a row are equal, and the last one is the last status [A29]",
    async ({ server, peer }) => {
      const words: readonly ServingStatus[] = ["UNKNOWN", "SERVING", "NOT_SERVING"];
      const watch = peer.watch("a");
      let last = 0;
      for (let time = 0; time < 1000; time += 1) {
        last = (time * 7919 + (time % 5)) % 3;
        server.set("a", words[last] ?? "UNKNOWN");
        if (time % 10 === 0) await pause(0);
      }
      await eventually(() => watch.statuses.at(-1) === last, "the last message is the last set");
      const equal = watch.statuses.findIndex((status, index) => index > 0 && status === watch.statuses[index - 1]);
      assert.equal(equal, -1, `equal neighbours at ${equal}`);
    },
  );

  row(factory, "two watchers of one name both get every change [A30]", async ({ server, peer, connect }) => {
    server.set("a", "SERVING");
    const watches = [peer.watch("a"), connect().watch("a")];
    for (const watch of watches) await watch.saw(SERVING);
    server.set("a", "NOT_SERVING");
    for (const watch of watches) await watch.saw(SERVING, NOT_SERVING);
  });

  row(factory, "a second watcher gets the current status only [A31]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    const first = peer.watch("a");
    await first.saw(SERVING);
    server.set("a", "NOT_SERVING");
    await first.saw(SERVING, NOT_SERVING);
    await peer.watch("a").saw(NOT_SERVING);
  });

  row(factory, "a change of another service sends no message [A32]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(SERVING);
    server.set("b", "NOT_SERVING");
    server.set("", "NOT_SERVING");
    await quiet(peer);
    await watch.saw(SERVING);
  });

  row(factory, "an overall watcher gets no message of a named service [A33]", async ({ server, peer }) => {
    server.set("", "SERVING");
    const watch = peer.watch("");
    await watch.saw(SERVING);
    server.set("a", "NOT_SERVING");
    await quiet(peer);
    await watch.saw(SERVING);
  });

  row(factory, "the server as a whole can be watched by its empty name [A34]", async ({ server, peer }) => {
    server.set("", "SERVING");
    const watch = peer.watch("");
    await watch.saw(SERVING);
    server.set("", "NOT_SERVING");
    await watch.saw(SERVING, NOT_SERVING);
  });

  row(factory, "the server as a whole can be watched as readiness [A34]", async ({ server, peer }) => {
    const watch = peer.watch("readiness");
    await watch.saw(SERVING);
    server.set("", "NOT_SERVING");
    await watch.saw(SERVING, NOT_SERVING);
  });

  row(factory, "a cleared service is SERVICE_UNKNOWN, and the stream stays open [A35]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(SERVING);
    server.clear("a");
    await watch.saw(SERVING, SERVICE_UNKNOWN);
    server.set("a", "NOT_SERVING");
    await watch.saw(SERVING, SERVICE_UNKNOWN, NOT_SERVING);
  });

  row(factory, "clearing a name that was never set sends no message [A36]", async ({ server, peer }) => {
    const watch = peer.watch("late");
    await watch.saw(SERVICE_UNKNOWN);
    server.clear("late");
    await quiet(peer);
    await watch.saw(SERVICE_UNKNOWN);
  });

  row(factory, "clearing and setting the old status sends a message [A37]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(SERVING);
    server.clear("a");
    await watch.saw(SERVING, SERVICE_UNKNOWN);
    server.set("a", "SERVING");
    await watch.saw(SERVING, SERVICE_UNKNOWN, SERVING);
  });

  row(factory, "a cancelled Watch is removed, and no other [A38]", async ({ server, peer }) => {
    const [gone, stays] = [peer.watch("a"), peer.watch("a")];
    for (const watch of [gone, stays]) await watch.saw(SERVICE_UNKNOWN);
    gone.cancel();
    await eventually(() => server.watcherCount() === 1, "one watcher is left");
    server.set("a", "SERVING");
    await stays.saw(SERVICE_UNKNOWN, SERVING);
  });

  row(factory, "a set after a cancel writes nothing [A39]", async ({ server, peer }) => {
    const watch = peer.watch("a");
    await watch.saw(SERVICE_UNKNOWN);
    watch.cancel();
    server.set("a", "SERVING");
    await eventually(() => server.watcherCount() === 0, "the watcher is gone");
    server.set("a", "NOT_SERVING");
    assert.equal((await peer.check("a")).status, NOT_SERVING);
  });

  row(factory, "the entry of a name is removed with its last watcher [A40]", async ({ server, peer }) => {
    const watches = Array.from({ length: 20 }, (_, index) => peer.watch(`name-${index}`));
    for (const watch of watches) await watch.saw(SERVICE_UNKNOWN);
    assert.equal(server.watchedNameCount(), 20);
    for (const watch of watches) watch.cancel();
    await eventually(() => server.watchedNameCount() === 0, "no name is kept");
  });

  row(factory, "the hundred watchers of a connection that is reset are removed [A41]", async ({ server, connect }) => {
    const peer = connect();
    const watches = Array.from({ length: 100 }, () => peer.watch("a"));
    for (const watch of watches) await watch.saw(SERVICE_UNKNOWN);
    // the session's socket is a proxy that hides it; the handle below sends the RST
    const socket = Reflect.get(
      peer.session,
      Object.getOwnPropertySymbols(peer.session).find((symbol) => symbol.description === "socket") ?? "",
    );
    socket.resetAndDestroy();
    await eventually(() => server.watcherCount() === 0, "all hundred are gone");
  });

  row(factory, "a client that does not read gets two messages at most [A43]", async ({ server, connect }) => {
    server.set("a", "SERVING");
    const watch = await stuckWatch(connect(STUCK), "a");
    await flip(server, 10_000);
    server.set("a", "UNKNOWN");
    await open(watch, 0);
    assert.ok(watch.statuses.length <= 2, `${watch.statuses.length} messages came`);
  });

  row(factory, "a client that reads again ends on the current status [A44]", async ({ server, peer, connect }) => {
    server.set("a", "SERVING");
    const watch = await stuckWatch(connect(STUCK), "a");
    await flip(server, 1000);
    server.set("a", "SERVING");
    await open(watch, SERVING);
    await quiet(peer);
    assert.ok(watch.statuses.length <= 2 && watch.statuses.at(-1) === SERVING, `${watch.statuses}`);
  });

  row(factory, "a client that does not read does not delay others [A45]", async ({ server, peer, connect }) => {
    await stuckWatch(connect(STUCK), "a");
    const watches = Array.from({ length: 100 }, () => peer.watch("a"));
    for (const watch of watches) await watch.saw(SERVICE_UNKNOWN);
    server.set("a", "SERVING");
    for (const watch of watches) await watch.saw(SERVICE_UNKNOWN, SERVING);
  });

  row(factory, "a Watch with a deadline ends with DEADLINE_EXCEEDED [A46]", async ({ server, peer }) => {
    const watch = peer.watch("a", { "grpc-timeout": "300m" });
    await watch.saw(SERVICE_UNKNOWN);
    assert.equal((await watch.ended()).code, 4);
    await eventually(() => server.watcherCount() === 0, "the watcher is gone");
  });

  row(factory, "a Watch with a deadline above 2^31 ms stays open [A47]", async ({ peer }) => {
    const watches = ["597H", "2147484S", "99999999H", "1000H"].map((timeout) =>
      peer.watch("a", { "grpc-timeout": timeout }),
    );
    for (const watch of watches) await watch.saw(SERVICE_UNKNOWN);
    await quiet(peer);
    for (const watch of watches) assert.equal(watch.end, undefined);
  });

  row(factory, "a Watch that begins while draining gets NOT_SERVING first [A48]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    server.drain();
    await peer.watch("a").saw(NOT_SERVING);
    await peer.watch("").saw(NOT_SERVING);
    await peer.watch("liveness").saw(SERVING);
  });

  row(
    factory,
    "a Watch above the limit is RESOURCE_EXHAUSTED, and the others stay open [A49]",
    async ({ server, peer }) => {
      const watches = [peer.watch("a"), peer.watch("b")];
      for (const watch of watches) await watch.saw(SERVICE_UNKNOWN);
      const refused = await peer.watch("c").ended();
      assert.deepEqual([refused.code, refused.text], [RESOURCE_EXHAUSTED, "too many watchers"]);
      server.set("a", "SERVING");
      await watches[0]?.saw(SERVICE_UNKNOWN, SERVING);
      watches[1]?.cancel();
      await eventually(() => server.watcherCount() === 1, "the place is free again");
      await peer.watch("c").saw(SERVICE_UNKNOWN);
    },
    { maxWatchers: 2 },
  );

  row(
    factory,
    "a refused Watch is never UNIMPLEMENTED [A50]",
    async ({ server, peer }) => {
      const tooLong = await peer.watch("n".repeat(201)).ended();
      assert.equal(tooLong.code, 3);
      const held = peer.watch("a");
      await held.saw(SERVICE_UNKNOWN);
      const tooMany = await peer.watch("b").ended();
      const stopping = server.shutdown({ drainDelayMs: 0 });
      const ended = await held.ended();
      for (const { code } of [tooLong, tooMany, ended]) assert.notEqual(code, UNIMPLEMENTED);
      peer.close();
      await stopping;
    },
    { maxWatchers: 1 },
  );

  row(factory, "a Watch stays open when the client closes its side [A51]", async ({ server, peer }) => {
    const watch = peer.watch("a"); // node:http2 sends END_STREAM with the request
    await watch.saw(SERVICE_UNKNOWN);
    await quiet(peer);
    server.set("a", "SERVING");
    await watch.saw(SERVICE_UNKNOWN, SERVING);
  });

  row(factory, "a set inside a listener: watchers end on the last status [A52]", async ({ server, peer }) => {
    let nested = 0;
    server.onTransition(() => {
      nested += 1;
      if (nested <= 3) server.set("a", nested % 2 === 0 ? "SERVING" : "NOT_SERVING");
    });
    const watches = [peer.watch("a"), peer.watch("a")];
    for (const watch of watches) await watch.saw(SERVICE_UNKNOWN);
    server.set("a", "SERVING");
    for (const watch of watches) await eventually(() => watch.statuses.at(-1) === NOT_SERVING, "the last value");
    await quiet(peer);
    for (const watch of watches) assert.equal(watch.statuses.at(-1), NOT_SERVING);
  });

  row(factory, "one change reaches ten thousand watchers [A53]", async ({ server, connect }) => {
    const peers = Array.from({ length: 10 }, () => connect());
    const watches = peers.flatMap((peer) => Array.from({ length: 1000 }, () => peer.watch("a")));
    await eventually(() => watches.every(({ statuses }) => statuses.length === 1), "every first message", 30_000);
    server.set("a", "SERVING");
    await eventually(
      () => watches.every(({ statuses }) => statuses.at(-1) === SERVING),
      "every second message",
      30_000,
    );
    assert.equal(server.watcherCount(), 10_000);
  });

  row(factory, "a Watch that the server ends gets UNAVAILABLE [A54]", async ({ server, peer }) => {
    server.set("a", "SERVING");
    const watch = peer.watch("a");
    await watch.saw(SERVING);
    const stopping = server.shutdown({ drainDelayMs: 0 });
    const end = await watch.ended();
    assert.deepEqual([end.code, end.text], [14, "server is shutting down"]);
    assert.deepEqual(watch.statuses, [SERVING, NOT_SERVING]);
    await stopping;
  });
};

/** A watch whose client takes no data: the first message stays in flight. */
async function stuckWatch(peer: GrpcPeer, service: string): Promise<OpenWatch> {
  const watch = peer.watch(service);
  await new Promise((resolve) => watch.stream.once("response", resolve));
  return watch;
}

/** Changes a status many times, and lets the loop turn now and then. */
async function flip(server: { set(service: string, status: ServingStatus): boolean }, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    server.set("a", time % 2 === 0 ? "NOT_SERVING" : "SERVING");
    if (time % 500 === 0) await pause(1);
  }
}

/** Lets a stuck client read, until it has this status. */
async function open(watch: OpenWatch, last: number): Promise<void> {
  watch.stream.session?.settings({ initialWindowSize: constants.DEFAULT_SETTINGS_INITIAL_WINDOW_SIZE });
  await eventually(() => watch.statuses.at(-1) === last, `the newest status (${watch.statuses.length} messages)`);
}
