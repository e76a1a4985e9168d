/** How a target ends a call or its connection, over more than one probe. Single answers are in `grpc-servers`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as raw from "./raw-server.js";

const { data, goAway, head, probeServer, serving, settings } = raw;

describe("how a target ends a call", () => {
  test("GOAWAY that leaves the call out is asked again; one that takes it in waits for the answer", async () => {
    const leftOut = await probeServer({
      onRequest: (connection, stream) => connection.write(connection.number === 1 ? goAway(0, 0) : serving(stream)),
    });
    assert.deepEqual([leftOut.verdict, leftOut.connections.length], ["pass", 2]);
    const takenIn = await probeServer(
      {
        onRequest: (connection, stream) => {
          connection.write(goAway(stream, 0));
          setTimeout(() => connection.write(serving(stream)), 20);
        },
      },
      { times: 2 },
    );
    assert.deepEqual([takenIn.verdict, takenIn.connections.length], ["pass", 2]);
    assert.deepEqual(takenIn.connections[0]?.requests, [1], "no request after GOAWAY");
  });

  test("GOAWAY in two steps (2^31-1, then the last stream) is no failure", async () => {
    const { verdict, connections } = await probeServer(
      {
        onRequest: (connection, stream) => connection.write(goAway(2 ** 31 - 1, 0), serving(stream), goAway(stream, 0)),
      },
      { times: 2 },
    );
    assert.deepEqual([verdict, connections.length], ["pass", 2]);
  });

  test("GOAWAY with an error on a kept connection leaves out the second call, which is asked again", async () => {
    const { verdict, connections } = await probeServer(
      {
        onRequest: (connection, stream) => connection.write(stream === 3 ? goAway(1, 2) : serving(stream)),
      },
      { times: 2 },
    );
    assert.deepEqual([verdict, connections.map(({ requests }) => requests)], ["pass", [[1, 3], [1]]]);
  });

  for (const [label, end, expected] of [
    ["closes", (connection: raw.RawConnection) => void connection.socket.end(), /^fail closed$/],
    ["resets", (connection: raw.RawConnection) => void connection.socket.resetAndDestroy(), /^fail (reset|closed)$/],
  ] as const) {
    const steps: Readonly<Record<string, raw.Script>> = {
      "at once": { greeting: [], onConnection: end },
      "after SETTINGS": { onConnection: end },
      "after half a frame of SETTINGS": { greeting: [settings([1, 2]).subarray(0, 10)], onConnection: end },
      "after the request": { onRequest: end },
      "after the head": {
        onRequest: (connection, stream) => {
          connection.write(head(stream));
          setTimeout(end, 10, connection);
        },
      },
      "after the message": {
        onRequest: (connection, stream) => {
          connection.write(head(stream), data(stream));
          setTimeout(end, 10, connection);
        },
      },
      "within the trailers": {
        onRequest: (connection, stream) => {
          connection.write(serving(stream).subarray(0, -3));
          setTimeout(end, 10, connection);
        },
      },
    };
    for (const [step, script] of Object.entries(steps))
      test(`a target that ${label} the connection ${step} fails, and is asked once`, async () => {
        const { verdict, connections } = await probeServer(script);
        assert.match(verdict, expected);
        assert.equal(connections.length, 1);
      });
  }
});
