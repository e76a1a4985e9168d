/** Section B1: bad input over gRPC. A broken request is never answered SERVING, and affects no other client. */
import assert from "node:assert/strict";
import { deflateSync, gzipSync } from "node:zlib";
import { inTime } from "../support/eventually.js";
import { collect, frame, HEALTH, request } from "../support/grpc-peer.js";
import { type Rows, row } from "./rows.js";

const CHECK = `${HEALTH}/Check`;
const [INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL] = [
  3, 4, 5, 8, 12, 13,
];

const MALFORMED: Readonly<Record<string, readonly string[]>> = {
  "a truncated string [B1]": ["0a50"],
  "a string that is shorter than its length [B2]": ["0a5061"],
  "a wrong wire type [B3]": ["0805", "0d00000000", "090000000000000000"],
  "field number 0 [B4]": ["0001", "020161"],
  "an open group, a varint that is too long, a single byte [B5]": [
    "0b",
    "0c",
    "08ffffffffffffffffffff01",
    "ff",
    "0affffffffffffffffffff01",
    "1bff",
    "13",
  ],
};

export const badInputRows: Rows = (factory) => {
  for (const [title, messages] of Object.entries(MALFORMED)) {
    row(factory, `Check and Watch refuse ${title}`, async ({ server, peer }) => {
      server.set("a", "SERVING");
      server.set("", "SERVING");
      for (const message of messages) {
        for (const method of ["Check", "Watch"]) {
          const end = await peer.call(`${HEALTH}/${method}`, frame(Buffer.from(message, "hex")));
          assert.ok(end.code === INVALID_ARGUMENT || end.code === INTERNAL, `${method} ${message}: code ${end.code}`);
          assert.equal(end.messages.length, 0);
        }
      }
      assert.equal((await peer.check("a")).status, 1);
    });
  }

  row(factory, "a name that is not UTF-8 is INVALID_ARGUMENT [B6]", async ({ peer }) => {
    for (const name of ["fffe", "eda080", "c080", "f4908080"]) {
      const bytes = Buffer.from(name, "hex");
      const end = await peer.call(CHECK, frame(Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes])));
      assert.deepEqual([end.code, end.text], [INVALID_ARGUMENT, "service name is not valid UTF-8"], name);
    }
  });

  row(factory, "a name with control characters is NOT_FOUND [B7]", async ({ peer }) => {
    for (const name of ["a\0b", "\u001b[2J", "a\nb"]) assert.equal((await peer.check(name)).code, NOT_FOUND);
  });

  row(factory, "a name of 100 kB or 1 MB is refused, and other Watch streams go on [B8]", async ({ server, peer }) => {
    const watch = peer.watch("a");
    await watch.saw(3);
    for (const length of [4000, 100_000, 1_000_000]) {
      const name = Buffer.alloc(length, 0x6e);
      const header = Buffer.from([0x0a, (length & 127) | 128, ((length >> 7) & 127) | 128, (length >> 14) & 127]);
      const end = await peer.call(CHECK, frame(Buffer.concat([header, name])));
      assert.ok([INVALID_ARGUMENT, RESOURCE_EXHAUSTED].includes(end.code), `${length}: code ${end.code}`);
    }
    server.set("a", "SERVING");
    await watch.saw(3, 1);
  });

  row(factory, "a message longer than allowed is RESOURCE_EXHAUSTED before its body [B9, B10]", async ({ peer }) => {
    const answers = [4097, 5000, 2 ** 31 - 1, 2 ** 32 - 1].map(async (length) => {
      const header = Buffer.alloc(5);
      header.writeUInt32BE(length, 1);
      const stream = peer.open(CHECK);
      stream.write(header); // and nothing more
      return (
        await inTime(
          collect(stream, () => {}),
          `the answer to ${length}`,
        )
      ).code;
    });
    assert.deepEqual(new Set(await Promise.all(answers)), new Set([RESOURCE_EXHAUSTED]));
  });

  row(factory, "a decompression bomb is RESOURCE_EXHAUSTED [B11]", async ({ peer }) => {
    for (const [encoding, pack] of [
      ["gzip", gzipSync],
      ["deflate", deflateSync],
    ] as const) {
      const bomb = pack(Buffer.alloc(3_000_000));
      const end = await peer.call(CHECK, frame(bomb, 1), { "grpc-encoding": encoding });
      assert.equal(end.code, RESOURCE_EXHAUSTED, encoding);
    }
  });

  row(factory, "data that cannot be decompressed is INTERNAL, and the process goes on [B12]", async ({ peer }) => {
    for (const encoding of ["gzip", "deflate"]) {
      const end = await peer.call(CHECK, frame(Buffer.from("garbage"), 1), { "grpc-encoding": encoding });
      assert.equal(end.code, INTERNAL, encoding);
    }
    assert.equal((await peer.check("")).status, 1);
  });

  row(factory, "an unknown encoding is UNIMPLEMENTED [B16]", async ({ peer }) => {
    const end = await peer.call(CHECK, frame(request("a"), 1), { "grpc-encoding": "snappy" });
    assert.equal(end.code, UNIMPLEMENTED);
  });

  row(factory, "two messages, none, or half of one are refused [B17, B18]", async ({ peer }) => {
    const bodies = [
      Buffer.concat([frame(request("a")), frame(request("b"))]),
      Buffer.alloc(0),
      frame(request("a")).subarray(0, 6),
    ];
    for (const method of ["Check", "Watch"]) {
      for (const body of bodies) {
        const end = await peer.call(`${HEALTH}/${method}`, body);
        assert.ok([INTERNAL, UNIMPLEMENTED].includes(end.code), `${method} ${body.toString("hex")}: code ${end.code}`);
        assert.equal(end.messages.length, 0);
      }
    }
  });

  row(
    factory,
    "a request that never ends is DEADLINE_EXCEEDED [B19]",
    async ({ server, peer }) => {
      for (const method of ["Check", "Watch"]) {
        const stream = peer.open(`${HEALTH}/${method}`);
        const end = await inTime(
          collect(stream, () => {}),
          "the end of the stream",
        );
        assert.equal(end.code, DEADLINE_EXCEEDED);
      }
      assert.equal(server.watcherCount(), 0);
    },
    { requestTimeoutMs: 200 },
  );

  row(factory, "an invalid grpc-timeout is INTERNAL [B20]", async ({ peer }) => {
    for (const timeout of ["1", "5X", "", "-1S", "1.5S", "abc1S", "123456789S", "1 S", "S"]) {
      const end = await peer.call(CHECK, frame(Buffer.alloc(0)), { "grpc-timeout": timeout });
      assert.deepEqual([end.code, end.text], [INTERNAL, "invalid grpc-timeout"], JSON.stringify(timeout));
    }
  });

  row(factory, "a Watch with a deadline of 0 is DEADLINE_EXCEEDED [B21]", async ({ peer }) => {
    for (const timeout of ["0S", "0n"]) {
      const end = await peer.watch("a", { "grpc-timeout": timeout }).ended();
      assert.equal(end.code, DEADLINE_EXCEEDED);
    }
  });

  row(factory, "another content type is 415 [B22]", async ({ peer }) => {
    for (const type of [
      "text/plain",
      "application/grpcfoo",
      "application/grpc-web",
      "application/x-www-form-urlencoded",
    ]) {
      assert.equal((await peer.call(CHECK, frame(Buffer.alloc(0)), { "content-type": type })).httpStatus, 415, type);
    }
  });

  row(factory, "a method other than POST is 405, not an answer [B24]", async ({ peer }) => {
    for (const method of ["GET", "PUT", "HEAD", "DELETE"]) {
      const end = await peer.call(CHECK, Buffer.alloc(0), { ":method": method });
      assert.deepEqual([end.httpStatus, end.messages.length], [405, 0], method);
    }
  });

  row(factory, "a binary header that is not base64 is ignored or refused [B26]", async ({ peer }) => {
    const end = await peer.call(CHECK, frame(Buffer.alloc(0)), { "x-bin": "***" });
    assert.ok([0, INVALID_ARGUMENT].includes(end.code), `code ${end.code}`);
  });

  row(
    factory,
    "a call with two hundred pairs of metadata is refused, and other streams go on [B29]",
    async ({ server, peer }) => {
      const watch = peer.watch("a");
      await watch.saw(3);
      const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, "1"]));
      const end = await peer.call(CHECK, frame(Buffer.alloc(0)), many);
      assert.equal(end.code, -1);
      server.set("a", "SERVING");
      await watch.saw(3, 1);
    },
  );
};
