/** Names of hosts in targets: letters beyond ASCII, a dot at the end, zones of addresses. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { NameResolver } from "../../src/client/resolver.js";
import { systemClock } from "../../src/core/clock.js";
import { openTarget, systemDeps } from "../../src/probers/schemes.js";
import { authorityOf, hostOf, parseTarget } from "../../src/probers/target.js";
import { NameServer } from "../support/name-server.js";
import { FAKE_SERVERS } from "./fake-servers.js";
import { verdict } from "./probing.js";
import { Target } from "./targets.js";

const SCHEMES = ["http", "https", "tcp", "tls", "grpc", "grpcs", "redis", "rediss", "postgres", "mysql", "amqp"].concat(
  ["amqps", "flower+http", "flower+https"],
);

test("a host is converted to ASCII in every scheme", () => {
  for (const scheme of SCHEMES)
    for (const [host, ascii] of [
      ["b\u00fccher.test", "xn--bcher-kva.test"],
      ["b%C3%BCcher.test", "xn--bcher-kva.test"],
      ["B\u00dcCHER.test.", "xn--bcher-kva.test."],
      ["\u4f8b\u3048.test", "xn--r8jz45g.test"],
      ["Plain_Name.test", "plain_name.test"],
    ] as const)
      assert.equal(hostOf(parseTarget(`${scheme}://${host}:8443`)), ascii, `${scheme} ${host}`);
  for (const host of ["a%2Fb", "a%40b", "a%20b", "a%3Ab"])
    assert.throws(() => parseTarget(`redis://${host}:1`), /not a valid name of a host/, host);
});

test("a zone is kept for the connection, in both forms, and left out of the authority", () => {
  for (const scheme of SCHEMES)
    for (const host of ["[fe80::1%eth0]", "[fe80::1%25eth0]"]) {
      const target = parseTarget(`${scheme}://${host}:8443`);
      assert.equal(hostOf(target), "fe80::1%eth0", scheme);
      assert.equal(authorityOf(target), "[fe80::1]:8443");
      assert.throws(() => openTarget(`${scheme}://${host}:8443`), /link-local/, scheme);
      const resolver = new NameResolver({ clock: systemClock, allowLinkLocal: true });
      const deps = { ...systemDeps(), resolver };
      openTarget(`${scheme}://${host}:8443`, deps).close();
    }
});

test("a link-local address without a zone is refused when the check is declared", () => {
  const resolver = new NameResolver({ clock: systemClock, allowLinkLocal: true });
  const deps = { ...systemDeps(), resolver };
  for (const scheme of SCHEMES)
    for (const host of ["[fe80::1]", "[FE80:0::1]", "[febf::1]"])
      assert.throws(() => openTarget(`${scheme}://${host}:8443`, deps), /needs the zone of an interface/, scheme);
  for (const host of ["[fec0::1]", "[fd00::1]", "169.254.1.1", "[fe80::1%25eth0]"])
    openTarget(`tcp://${host}:8443`, deps).close();
});

test("a dot at the end is asked of DNS as an absolute name, and left out of Host and :authority", async (t) => {
  const names = await NameServer.start(t);
  names.records.set("db.test", { ttl: 5, addresses: ["127.0.0.1"] });
  const resolver = new NameResolver({ clock: systemClock, servers: [names.address] });
  const deps = { ...systemDeps(), resolver };
  for (const scheme of ["http", "grpc"] as const) {
    let received = "";
    const target = await Target.start(
      createServer((socket) => {
        socket.on("data", (bytes) => (received += bytes.toString("latin1"))).on("error", () => {});
        FAKE_SERVERS[scheme](socket, () => true);
      }),
    );
    const prober = openTarget(`${scheme}://db.test.:${target.port}`, deps);
    assert.equal(await verdict(prober), "pass");
    assert.ok(!received.includes("db.test."), scheme);
    if (scheme === "http") assert.match(received, new RegExp(`^host: db\\.test:${target.port}\r$`, "m"));
    prober.close();
    await target.stop();
  }
});
