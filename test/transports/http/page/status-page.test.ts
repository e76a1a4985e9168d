import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SHELL_END } from "../../../../src/transports/http/page/shell.js";
import { check } from "../bridge-fixture.js";
import { type HistoryFixtureOptions, historyFixture } from "../history-fixture.js";

const BROWSER = { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", host: "localhost:8080" };

const MINUTE = 60_000;

function fixture(options: HistoryFixtureOptions = {}) {
  const all = historyFixture({ page: true, hosts: [], ...options });
  const open = (target: string, more: object = {}) => all.ask(target, { ...BROWSER, ...more });
  return { ...all, open };
}

/** The rows of a page: the whole text of each. */
const rowsIn = (body: string) => body.match(/<li class="service".*?<\/li>/gs) ?? [];

const namesIn = (body: string) => rowsIn(body).map((row) => /data-name="([^"]*)"/.exec(row)?.[1]);

describe("the status page", () => {
  test("is for browsers: any other client gets what it got before", () => {
    const { open } = fixture();
    assert.equal(open("/").headers["content-type"], "text/html; charset=utf-8");
    for (const accept of [undefined, "*/*", "text/*", "application/json", "text/html;q=0", "text/html-x"])
      assert.equal(open("/", { accept }).status, 404, accept);
    assert.equal(open("/", { method: "HEAD" }).status, 200);
    assert.deepEqual(
      [open("/", { method: "POST" }).status, open("/", { method: "POST" }).headers.allow],
      [405, "GET, HEAD"],
    );
    assert.equal(fixture({ page: false }).open("/").status, 404);
  });

  test("has the code of the health where probers ask for the same path", () => {
    const { open, registry } = fixture({ paths: ["/"] });
    assert.deepEqual([open("/").status, open("/", { accept: "*/*" }).body], [200, "OK"]);
    registry.set("", "NOT_SERVING");
    assert.equal(open("/").status, 503);
    assert.match(open("/").body, /<h1 id="overall" data-status="NOT_SERVING">Not serving</);
    const other = fixture();
    other.registry.set("", "NOT_SERVING");
    assert.equal(other.open("/").status, 200, "where only browsers ask, the page is a page");
  });

  test("allows its own files alone, and is not kept", () => {
    const { open } = fixture();
    const { headers, body } = open("/");
    assert.deepEqual(headers, {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "cross-origin-opener-policy": "same-origin",
      vary: "Accept",
    });
    assert.doesNotMatch(
      body,
      /<style|style=|<script(?! type="module" src="healthbridge\/page-)| on[a-z]+=|http:|https:/,
    );
  });

  test("loads a script and a style, which a browser keeps, and which need no token", () => {
    const { open } = fixture({ token: "secret" });
    const { body } = open("/", { authorization: "Bearer secret" });
    const files = [...body.matchAll(/(?:src|href)="(healthbridge\/page-[0-9a-f]{12}\.(?:js|css))"/g)].map(
      ([, file]) => file,
    );
    assert.equal(files.length, 2);
    const sizes = files.map((file) => {
      const { status, headers, body } = open(`/${file}`, { accept: "*/*" });
      assert.deepEqual([status, headers["cache-control"]], [200, "public, max-age=31536000, immutable"]);
      assert.match(headers["content-type"] ?? "", /^text\/(?:javascript|css); charset=utf-8$/);
      return Buffer.byteLength(body);
    });
    const all = sizes.reduce(
      (sum, size) => sum + size,
      Buffer.byteLength(open("/", { authorization: "Bearer secret" }).body),
    );
    assert.ok(all < 60_000, `${all} bytes`);
    assert.equal(open("/healthbridge/page-0.js", { accept: "*/*" }).status, 404);
    assert.equal(fixture({ page: false }).open(`/${files[0]}`, { accept: "*/*" }).status, 404);
  });

  test("shows nothing without the token, and asks a browser for it", () => {
    const { open, registry } = fixture({ token: "secret" });
    registry.set("orders", "SERVING");
    const { status, headers, body } = open("/");
    assert.deepEqual([status, body], [401, "UNAUTHENTICATED"]);
    assert.equal(headers["www-authenticate"], 'Basic realm="healthbridge", charset="UTF-8"');
    assert.equal(open("/?service=orders").status, 401);
    const basic = `Basic ${Buffer.from("any:secret").toString("base64")}`;
    assert.deepEqual(namesIn(open("/", { authorization: basic }).body), ["orders"]);
  });

  test("is refused under a name that this server does not know, with its data, and health is not", () => {
    const { open, registry } = fixture({ hosts: ["status.example.org"] });
    registry.set("orders", "SERVING");
    const host = "evil.example";
    for (const target of ["/", "/?service=orders", "/events", "/history/orders", "http://evil.example/"]) {
      const { status, body } = open(target, { host: target.startsWith("http") ? "localhost" : host });
      assert.equal(status, 421, target);
      assert.match(body, /`hosts`/);
      assert.ok(!body.includes("evil"));
    }
    for (const target of ["/healthcheck", "/livez", "/readyz", "/badge.svg"])
      assert.equal(open(target, { host }).status, 200);
    for (const known of ["status.example.org:8443", "127.0.0.1:8080", undefined])
      assert.equal(open("/", { host: known }).status, 200, known);
  });
});

describe("the overview", () => {
  test("shows the whole, the counts, and each service with its state, reason and time in words", async () => {
    const { open, registry, clock } = fixture();
    registry.set("redis", "SERVING");
    registry.set("orders", "SERVING");
    await clock.advance(60 * MINUTE);
    registry.set("orders", "NOT_SERVING", { reason: "tls-expired" });
    registry.set("users", "SERVING", { degraded: true, reason: "own-code" });
    await clock.advance(3 * MINUTE);
    const { body } = open("/");
    assert.match(body, /<title>1 failing · healthbridge<\/title>/);
    assert.match(
      body,
      /<li data-count="NOT_SERVING"><strong>1<\/strong> not serving<\/li><li data-count="UNKNOWN" hidden>/,
    );
    const [orders = "", users = "", redis = ""] = rowsIn(body);
    assert.match(orders, /data-name="orders" data-status="NOT_SERVING" data-since="2026-01-01T01:00:00.000Z"/);
    assert.match(orders, /<a href="\?service=orders">orders<\/a>/);
    assert.match(orders, /<time class="since" datetime="2026-01-01T01:00:00.000Z">3 min<\/time>/);
    assert.match(orders, /the target&#39;s certificate has expired, or is not valid yet <code>tls-expired<\/code>/);
    assert.match(orders, /aria-label="orders, last 24 hours: 95.23 % serving, 1 outage of 3 min"/);
    assert.match(orders, /<span class="uptime">95.23 %<\/span>/);
    assert.match(
      users,
      /data-status="SERVING" data-degraded="".*<span class="state">degraded<.*<code>own-code<\/code>/,
    );
    assert.match(redis, /<span class="state">serving<.*<span class="reason"><\/span>/);
    assert.ok(body.endsWith(SHELL_END.text));
  });

  test("keeps search, filter, order and range in its URL", () => {
    const { open, registry } = fixture();
    for (const name of ["orders-a", "orders-b", "redis"]) registry.set(name, "SERVING");
    registry.set("orders-b", "UNKNOWN");
    assert.deepEqual(namesIn(open("/?q=ORDERS").body), ["orders-b", "orders-a"]);
    assert.deepEqual(namesIn(open("/?q=orders&sort=name&range=7d").body), ["orders-a", "orders-b"]);
    const { body } = open("/?q=o%22rders&failing=1&sort=latency&range=30d");
    assert.match(body, /name="q" value="o&quot;rders"/);
    assert.match(body, /name="failing" value="1" checked/);
    assert.match(body, /<option value="latency" selected>/);
    assert.match(body, /<option value="30d" selected>/);
    assert.match(body, /No service matches/);
    assert.match(open("/?range=7d").body, /href="\?service=redis&amp;range=7d"/);
  });

  test("refuses a parameter that is wrong or repeated, and repeats none of it", () => {
    const { open } = fixture();
    const targets = [
      "sort=evil",
      "range=1h",
      "failing=evil",
      "q=a&q=b",
      "sort=name&sort=name",
      "service=a&service=b",
      "q=%00",
    ];
    for (const query of [...targets, `q=${"x".repeat(201)}`, "q=%zz"]) {
      const { status, body } = open(`/?${query}`);
      assert.deepEqual([status, body], [400, "BAD_REQUEST"], query);
    }
    assert.equal(open("/?x=evil&q=&failing=").status, 200);
  });

  test("escapes hostile names everywhere", () => {
    const { open, registry } = fixture();
    const names = [
      `"><script>alert(1)</script>`,
      "a\u202eb",
      "' onload=x",
      "&lt;b",
      `x${"é".repeat(90)}`,
      "a/../b",
      "%2e",
      "?q=1#x",
    ];
    for (const name of names) {
      registry.set(name, "SERVING", { reason: "<b>reason</b>" });
      registry.report(check(name));
    }
    const { body } = open("/");
    assert.equal(rowsIn(body).length, names.length);
    assert.doesNotMatch(body, /<script>|<b>|\u202e|data-name="[^"]*<|' onload/);
    for (const name of names) {
      const own = open(`/?${new URLSearchParams({ service: name })}`);
      assert.equal(own.status, 200, name);
      assert.doesNotMatch(own.body, /<script>|<b>|\u202e|' onload/);
    }
  });

  test("says whether a maintenance is of all services, or of the server as a whole alone", () => {
    const { open, registry, services } = fixture();
    registry.set("orders", "SERVING");
    services.askMaintenance((service) => service === "");
    const { body } = open("/");
    assert.doesNotMatch(body, /Maintenance of all services/);
    assert.match(body, /Maintenance of the server as a whole/);
  });

  test("says what holds for all: a drain, a start, an isolation, drained services, maintenance", async () => {
    const { open, registry, services } = fixture();
    registry.set("orders", "SERVING");
    registry.report(check("orders", { held: true, critical: false }));
    registry.setDrained(new Set(["orders"]));
    services.askMaintenance(() => true);
    const { body } = open("/");
    assert.match(body, /the last status of 1 check is held/);
    assert.match(body, /Drained by an operator: orders\./);
    assert.match(body, /Maintenance of all services/);
    assert.match(
      rowsIn(body)[0] ?? "",
      /<small>drained<\/small> <small>maintenance<\/small> <small>held<\/small> <small>not critical<\/small>/,
    );
    registry.drain();
    assert.match(open("/").body, /<h1 [^>]*>Draining: not serving<\/h1>.*This server is draining/s);
    assert.doesNotMatch(open("/").body, /closes soon/, "after `healthbridge drain`, it stays open");
    registry.resume();
    registry.holdUnready("starting");
    assert.match(open("/").body, /<h1 [^>]*>Starting: not serving<\/h1>/);
  });

  test("says in a listener thread whose main thread does not answer that there is no history, and has no strips", () => {
    const { open, registry } = fixture({ isThread: true });
    registry.set("orders", "SERVING");
    const { body } = open("/");
    assert.match(body, /The application does not respond: its history is not shown/);
    assert.doesNotMatch(rowsIn(body)[0] ?? "", /strip/);
    assert.equal(open("/?service=orders").status, 200);
  });

  test("without any service shows the server alone", () => {
    assert.match(fixture().open("/").body, /There are no services/);
  });

  test("shows for a service how many of the checks that count for it are healthy, and for others nothing", () => {
    const { open, registry } = fixture();
    for (const name of ["shop", "orders", "orders/7f3a2c1b", "orders/9c01d2e4", "orders/aa", "orders/bb", "static"])
      registry.set(name, "SERVING");
    for (const name of ["orders/7f3a2c1b", "orders/9c01d2e4", "orders/aa", "orders/bb"])
      registry.report(check(name, { services: ["orders", "shop", ""] }));
    registry.report(check("static", { services: ["shop"] }));
    const counts = () =>
      Object.fromEntries(
        rowsIn(open("/").body).flatMap((row) => {
          const [, healthy, all] = /class="members"><span>(\d+)<\/span> of (\d+) healthy</.exec(row) ?? [];
          return healthy === undefined ? [] : [[/data-name="([^"]*)"/.exec(row)?.[1], `${healthy} of ${all}`]];
        }),
      );
    assert.deepEqual(counts(), { orders: "4 of 4", shop: "5 of 5" });
    assert.match(open("/").body, /data-name="orders\/aa"[^>]* data-of="orders\nshop">/);
    registry.set("orders/aa", "NOT_SERVING");
    assert.deepEqual(counts(), { orders: "3 of 4", shop: "4 of 5" });
    registry.set("orders/bb", "SERVING", { degraded: true });
    registry.set("static", "UNKNOWN");
    assert.deepEqual(counts(), { orders: "2 of 4", shop: "2 of 5" });
    assert.match(open("/?failing=1&q=orders").body, /data-name="orders\/aa"/);
    assert.doesNotMatch(open("/?q=static").body, /class="members"/);
  });

  test("of 1,000 services has less than 900 bytes for each that is serving, and arrives whole", async () => {
    const { answer, registry, services, clock } = fixture();
    for (let index = 0; index < 1_000; index += 1) {
      registry.set(`team-${index % 20}/service-${index}`, "SERVING");
      registry.report(check(`team-${index % 20}/service-${index}`));
    }
    for (let hour = 0; hour < 24; hour += 1) {
      await clock.advance(60 * MINUTE);
      for (let index = 0; index < 1_000; index += 1)
        services.addLatency(`team-${index % 20}/service-${index}`, 5 + (hour % 7) * 3);
    }
    const { body } = await answer("/", BROWSER);
    const rows = rowsIn(body);
    assert.equal(rows.length, 1_000);
    assert.ok(
      rows.every((row) => row.length < 900),
      rows[0],
    );
    assert.ok(body.endsWith(SHELL_END.text));
  });
});

describe("the page of a service", () => {
  test("shows its state, its past, its checks and its changes, with links", async () => {
    const { open, registry, services, clock } = fixture();
    registry.set("orders", "SERVING");
    registry.report(check("db", { services: ["orders"], state: "failing", reason: "refused" }));
    services.addLatency("orders", 20);
    await clock.advance(60 * MINUTE);
    registry.set("orders", "NOT_SERVING", { reason: "refused" });
    const { status, body } = open("/?service=orders&range=7d");
    assert.equal(status, 200);
    assert.match(body, /<body data-view="service">/);
    assert.match(body, /<article class="service detail" data-name="orders" data-status="NOT_SERVING"/);
    assert.match(body, /since 1 Jan 01:00:00 UTC/);
    assert.match(body, /href="\?service=orders&amp;range=7d" aria-current="page">last 7 days/);
    assert.match(body, /aria-label="orders, last 7 days: 100 % serving"/);
    assert.match(body, /aria-label="Latency: average 20 ms/);
    assert.match(
      body,
      /<tr class="check" data-name="db" data-state="failing">.*the target refused the connection <code>refused<\/code>/,
    );
    const changes = body.slice(body.indexOf('id="transitions"')).match(/<tr data-status="[A-Z_]+"/g);
    assert.deepEqual(changes, ['<tr data-status="NOT_SERVING"', '<tr data-status="SERVING"']);
    assert.match(body, /href="history\?service=orders&amp;hours=168"/);
  });

  test("lists the instances that count for it, the worst first, with the share of healthy ones", async () => {
    const { answer, registry } = fixture();
    registry.set("orders", "SERVING");
    const instance = (at: number) => `orders/${String(at).padStart(8, "0")}`;
    for (let at = 0; at < 1_000; at += 1) {
      registry.set(instance(at), "SERVING");
      registry.report(check(instance(at), { services: ["orders"] }));
    }
    registry.report(check(instance(997), { services: ["orders"], state: "failing", reason: "refused" }));
    registry.report(check(instance(998), { services: ["orders"], state: "pending", reason: "stale" }));
    registry.report(check(instance(999), { services: ["orders"], drained: true }));
    const { body } = await answer("/?service=orders", BROWSER);
    assert.match(body, /<p class="summary">997 of 1000 healthy; the first 200 are listed, the worst ones first</);
    assert.match(body, /<table data-cut="">/);
    const listed = [...body.matchAll(/<tr class="check" data-name="([^"]*)" data-state="(\w+)"/g)];
    assert.equal(listed.length, 200);
    assert.deepEqual(
      listed.slice(0, 4).map(([, name, state]) => [name, state]),
      [
        [instance(997), "failing"],
        [instance(999), "failing"],
        [instance(998), "pending"],
        [instance(0), "passing"],
      ],
    );
    const [, row = ""] = /(<tr class="check" data-name="orders\/00000997".*?<\/tr>)/.exec(body) ?? [];
    assert.match(row, /refused the connection <code>refused<\/code>.*<td class="since"><time datetime="2023-11-14T/);
    assert.ok(body.length < 150_000, `${body.length} characters`);
  });

  test("lists all of its checks, if there are not many", () => {
    const { open, registry } = fixture();
    registry.set("orders", "SERVING");
    for (const name of ["b", "a"]) registry.report(check(name, { services: ["orders"] }));
    const { body } = open("/?service=orders");
    assert.match(
      body,
      /<p class="summary">2 of 2 healthy<\/p><div class="wide"><table><thead>.*data-name="a".*data-name="b"/s,
    );
    assert.doesNotMatch(open("/?service=a").body, / healthy</);
  });

  test("of a heartbeat shows no latency: its reports are no probes", async () => {
    const { open, registry, services, clock } = fixture();
    registry.set("backup", "SERVING");
    services.addLatency("backup", 0);
    await clock.advance(60 * MINUTE);
    registry.report(check("backup"));
    assert.match(open("/?service=backup").body, /<h3>Latency/);
    assert.match(open("/").body, /svg class="spark" /);
    registry.report(check("backup", { latencyMs: undefined }));
    assert.doesNotMatch(open("/?service=backup").body, /<h3>Latency/);
    assert.doesNotMatch(open("/").body, /svg class="spark" /);
  });

  test("of an unknown service is 404, and does not repeat the name", () => {
    const { open } = fixture();
    const { status, body } = open("/?service=evil");
    assert.equal(status, 404);
    assert.match(body, /There is no such service/);
    assert.ok(!body.includes("evil"));
  });

  test("of the server as a whole has every check", () => {
    const { open, registry } = fixture();
    registry.report(check("db"));
    for (const query of ["service=", "service=readiness"])
      assert.match(open(`/?${query}`).body, /<h2 class="name">All services together<.*data-name="db"/s);
  });
});
