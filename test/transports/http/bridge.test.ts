import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HttpRequest } from "../../../src/wire/http-message.js";
import { VirtualClock } from "../../support/virtual-clock.js";
import { bridgeOf, check, type ReadAnswer } from "./bridge-fixture.js";

const JSON_HEALTH = "application/health+json";

const json = (answer: ReadAnswer): unknown => JSON.parse(answer.body);

const WARNING = "warn: some health checks cannot be excluded: no check has that name\n";

describe("a service", () => {
  test("SERVING is 200 OK with the common headers", () => {
    assert.deepEqual(bridgeOf().ask("/healthcheck"), {
      status: 200,
      headers: {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      },
      body: "OK",
    });
  });

  test("every other status is 503 and its name", () => {
    const { registry, ask } = bridgeOf();
    for (const status of ["NOT_SERVING", "UNKNOWN"] as const) {
      registry.set("a", status, { reason: "timeout" });
      const { status: code, body } = ask("/healthcheck/a");
      assert.deepEqual([code, body], [503, status]);
    }
  });

  test("that is unknown is 404, as text and as JSON", () => {
    const { ask } = bridgeOf();
    assert.deepEqual([ask("/healthcheck/x").status, ask("/healthcheck/x").body], [404, "SERVICE_UNKNOWN"]);
    const answer = ask("/healthcheck/x", { accept: JSON_HEALTH });
    assert.deepEqual([answer.status, json(answer)], [404, { status: "fail", output: "service-unknown" }]);
  });

  test("as JSON has its status, its times and the checks that count for it", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("db", { services: ["a"] }));
    registry.report(check("other", { state: "failing", reason: "timeout" }));
    registry.set("a", "SERVING", { degraded: true, reason: "slow" });
    const answer = ask("/healthcheck/a", { accept: JSON_HEALTH });
    assert.equal(answer.headers["content-type"], JSON_HEALTH);
    assert.deepEqual(
      [answer.status, json(answer)],
      [
        200,
        {
          status: "warn",
          serviceId: "a",
          servingStatus: "SERVING",
          since: new Date(new VirtualClock().wallTime()).toISOString(),
          output: "slow",
          checks: {
            "db:responseTime": [
              {
                componentId: "db",
                status: "pass",
                state: "passing",
                critical: true,
                observedValue: 1.235,
                observedUnit: "ms",
                time: "2023-11-14T22:13:20.000Z",
              },
            ],
          },
        },
      ],
    );
  });

  test("as JSON under the type that was asked for, with the same code", () => {
    const { registry, ask } = bridgeOf();
    registry.set("", "NOT_SERVING", { reason: "timeout" });
    const answer = ask("/healthcheck", { accept: "application/json" });
    assert.deepEqual([answer.status, answer.headers["content-type"]], [503, "application/json"]);
    assert.match(answer.body, /^\{"status":"fail",/);
  });

  test("with few checks is answered in the same step as JSON, however many other checks there are", () => {
    const { registry, ask } = bridgeOf();
    for (let index = 0; index < 300; index += 1) {
      registry.report(check(`c${index}`, { services: [`s${index % 100}`] }));
      registry.set(`c${index}`, "SERVING");
      registry.set(`s${index % 100}`, "SERVING");
    }
    const namesOf = (target: string) => Object.keys(JSON.parse(ask(target, { accept: JSON_HEALTH }).body).checks);
    assert.deepEqual(
      namesOf("/healthcheck/s7"),
      ["c7", "c107", "c207"].map((name) => `${name}:responseTime`),
    );
    assert.deepEqual(namesOf("/healthcheck/c8"), ["c8:responseTime"]);
    assert.throws(() => ask("/healthcheck/readiness", { accept: JSON_HEALTH }), /same step/);
  });

  test("the server as a whole has every check in its JSON", () => {
    const { registry, ask } = bridgeOf();
    registry.report(
      check("__proto__", { state: "pending", latencyMs: undefined, lastResultAt: undefined, reason: "pending" }),
    );
    registry.report(check("b", { state: "failing", reason: "timeout", critical: false }));
    const { body } = ask("/healthcheck", { accept: JSON_HEALTH });
    assert.match(
      body,
      /"__proto__:responseTime":\[\{"componentId":"__proto__","status":"fail","state":"pending","critical":true,"output":"pending"\}\]/,
    );
    assert.match(body, /"b:responseTime":\[\{"componentId":"b","status":"fail","state":"failing","critical":false,/);
  });

  test("degraded and draining are sent as Envoy's headers", () => {
    const { registry, ask } = bridgeOf();
    registry.set("a", "SERVING", { degraded: true });
    assert.equal(ask("/healthcheck/a").headers["x-envoy-degraded"], "true");
    registry.drain();
    const { status, headers } = ask("/healthcheck/a");
    assert.deepEqual(
      [status, headers["x-envoy-immediate-health-check-fail"], headers["retry-after"]],
      [503, "true", "5"],
    );
    assert.equal(headers["x-envoy-degraded"], undefined);
  });
});

describe("an invalid request", () => {
  test("gets its code and one word", () => {
    const { ask } = bridgeOf();
    const rows = [
      ["/healthcheck/%", 400, "BAD_REQUEST"],
      [`/${"n".repeat(2100)}`, 414, "URI_TOO_LONG"],
      ["/other", 404, "NOT_FOUND"],
      ["/readyz/nobody", 404, "NOT_FOUND"],
    ] as const;
    for (const [target, status, body] of rows) assert.deepEqual([ask(target).status, ask(target).body], [status, body]);
  });

  test("another method is 405 with those that are allowed", () => {
    const { ask } = bridgeOf();
    for (const target of ["/healthcheck", "/livez"]) {
      const { status, headers } = ask(target, { method: "POST" });
      assert.deepEqual([status, headers.allow], [405, "GET, HEAD, OPTIONS"]);
    }
    const { status, headers } = ask("/grpc.health.v1.Health/Check");
    assert.deepEqual([status, headers.allow], [405, "POST"]);
  });

  test("extra paths mean /healthcheck", () => {
    const { ask } = bridgeOf({ paths: ["/health", "/actuator/health"] });
    for (const path of ["/health", "/actuator/health"]) assert.equal(ask(path).body, "OK");
  });
});

describe("a view", () => {
  test("without checks passes with the server as a whole", () => {
    const { registry, ask } = bridgeOf();
    assert.equal(ask("/readyz?verbose").body, "readyz check passed\n");
    registry.set("", "NOT_SERVING");
    assert.deepEqual([ask("/readyz").status, ask("/readyz").body], [503, "NOT_SERVING"]);
    assert.equal(ask("/readyz?verbose").body, "readyz check failed\n");
  });

  test("the services that a target reports are listed with their check, and do not count", () => {
    const { registry, ask } = bridgeOf();
    const reported = [
      { name: "celery.worker/a", status: "SERVING", reason: undefined },
      { name: "celery.worker/b", status: "NOT_SERVING", reason: "offline" },
      { name: "celery.worker/c", status: "UNKNOWN", reason: "stale" },
    ] as const;
    registry.report(check("celery", { reported }));
    registry.set("celery", "SERVING");
    const lines = [
      "[+]celery ok",
      "[+]celery.worker/a ok",
      "[-]celery.worker/b failed: offline (not counted)",
      "[-]celery.worker/c failed: stale (not counted)",
      "",
    ].join("\n");
    assert.equal(ask("/readyz?verbose").body, `${lines}readyz check passed\n`);
    assert.equal(ask("/readyz/celery?verbose").body, `${lines}readyz check passed\n`);
    for (const target of ["/readyz", "/healthcheck", "/healthcheck/celery", "/readyz/celery"]) {
      const { checks } = JSON.parse(ask(target, { accept: JSON_HEALTH }).body);
      assert.deepEqual(Object.keys(checks), [
        "celery:responseTime",
        ...["a", "b", "c"].map((name) => `celery.worker/${name}:status`),
      ]);
      assert.deepEqual(checks["celery.worker/b:status"], [
        { componentId: "celery.worker/b", status: "fail", servingStatus: "NOT_SERVING", output: "offline" },
      ]);
    }
    registry.report(check("celery", { reported: reported.slice(0, 1) }));
    assert.equal(ask("/readyz?verbose").body, "[+]celery ok\n[+]celery.worker/a ok\nreadyz check passed\n", "at once");
  });

  test("excluding a check changes its line alone, also behind a check whose target reports services", () => {
    const { registry, ask } = bridgeOf();
    const reported = [
      { name: "celery.worker/a", status: "SERVING", reason: undefined },
      { name: "celery.worker/b", status: "NOT_SERVING", reason: "offline" },
    ] as const;
    registry.report(check("celery", { reported }));
    registry.report(check("bad", { state: "failing", reason: "timeout" }));
    registry.set("", "NOT_SERVING");
    const workers = "[+]celery.worker/a ok\n[-]celery.worker/b failed: offline (not counted)\n";
    assert.equal(
      ask("/readyz?verbose&exclude=bad").body,
      `[+]celery ok\n${workers}[+]bad excluded: ok\nreadyz check passed\n`,
    );
    assert.equal(
      ask("/readyz?verbose&exclude=celery").body,
      `[+]celery excluded: ok\n${workers}[-]bad failed: timeout\nreadyz check failed\n`,
    );
  });

  test("verbose has a line for each check, as Kubernetes has them", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("good"));
    registry.report(check("warned", { state: "warning", reason: "slow" }));
    registry.report(check("bad", { state: "failing", reason: "timeout" }));
    registry.report(check("extra", { state: "failing", reason: "refused", critical: false }));
    registry.report(check("new", { state: "pending", reason: undefined, lastResultAt: undefined }));
    registry.set("", "NOT_SERVING");
    assert.equal(
      ask("/readyz?verbose").body,
      "[+]good ok\n[+]warned ok (warning: slow)\n[-]bad failed: timeout\n[-]extra failed: refused (not critical)\n[-]new failed: pending\nreadyz check failed\n",
    );
  });

  test("an excluded check does not count, and an unknown one causes a warning", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("good"));
    registry.report(check("bad", { state: "failing", reason: "timeout" }));
    registry.set("", "NOT_SERVING");
    assert.equal(ask("/readyz?exclude=bad").status, 200);
    assert.equal(ask("/readyz?exclude=good").status, 503);
    assert.equal(
      ask("/readyz?verbose&exclude=bad&exclude=x%22").body,
      `[+]good ok\n[+]bad excluded: ok\n${WARNING}readyz check passed\n`,
    );
  });

  for (const path of ["readyz", "healthz", "startupz", "livez"])
    test(`/${path} says in every form that an excluded name matches no check, and does not echo it`, () => {
      const { registry, ask } = bridgeOf();
      registry.report(check("good"));
      const asked = `/${path}?exclude=other-name%22&exclude=good`;
      assert.equal(ask(asked).status, ask(`/${path}`).status);
      assert.equal(ask(asked).body, `${ask(`/${path}`).body}\n${WARNING}`);
      assert.ok(ask(`${asked}&verbose`).body.includes(`\n${WARNING}`));
      const json = JSON.parse(ask(asked, { accept: "application/json" }).body);
      assert.deepEqual(json.notes, [WARNING.slice(6, -1)]);
      for (const form of [asked, `${asked}&verbose`])
        for (const accept of ["*/*", "application/json"]) assert.doesNotMatch(ask(form, { accept }).body, /other-name/);
    });

  test("says nothing when every excluded name matches a check", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("good"));
    registry.set("", "SERVING");
    assert.equal(ask("/readyz?exclude=good").body, "OK");
    assert.equal("notes" in JSON.parse(ask("/readyz?exclude=good", { accept: "application/json" }).body), false);
  });

  test("/<check> of a warning says why", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("warned", { state: "warning", reason: "slow" }));
    assert.equal(ask("/readyz/warned?verbose").body, "[+]warned ok (warning: slow)\nreadyz check passed\n");
  });

  test("as JSON it has the status `warn` while degraded, and so has /<check> of a warning", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("warned", { state: "warning", reason: "slow" }));
    registry.set("", "SERVING", { degraded: true });
    for (const path of ["/readyz", "/healthz", "/readyz/warned"]) {
      const answer = ask(path, { accept: JSON_HEALTH });
      assert.deepEqual([answer.status, Object(json(answer)).status], [200, "warn"], path);
    }
    assert.equal(Object(json(ask("/livez", { accept: JSON_HEALTH }))).status, "pass");
    registry.set("", "NOT_SERVING", { degraded: true });
    assert.equal(Object(json(ask("/readyz", { accept: JSON_HEALTH }))).status, "fail");
  });

  test("excluding does not help while draining, or against a failure without a check", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("good"));
    registry.set("", "NOT_SERVING");
    assert.equal(ask("/readyz?exclude=good").status, 503);
    registry.report(check("bad", { state: "failing" }));
    registry.drain();
    assert.equal(ask("/readyz?exclude=bad").status, 503);
    assert.match(ask("/readyz?verbose").body, /^\[-\]shutdown failed: draining$/m);
  });

  test("one check has its own path", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("good"));
    registry.report(check("bad", { state: "failing", reason: "timeout" }));
    registry.report(check("new", { state: "pending", lastResultAt: undefined }));
    const rows = [
      ["good", 200, "OK"],
      ["bad", 503, "NOT_SERVING"],
      ["new", 503, "UNKNOWN"],
    ] as const;
    for (const [name, status, body] of rows) {
      const answer = ask(`/readyz/${name}`);
      assert.deepEqual([answer.status, answer.body], [status, body]);
    }
    assert.equal(ask("/readyz/bad?verbose").body, "[-]bad failed: timeout\nreadyz check failed\n");
  });

  test("liveness depends on the process only", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("bad", { state: "failing" }));
    registry.set("", "NOT_SERVING");
    registry.drain();
    const answer = ask("/livez?verbose");
    assert.deepEqual([answer.status, answer.body], [200, "[+]process ok\nlivez check passed\n"]);
    assert.equal(answer.headers["x-envoy-immediate-health-check-fail"], undefined);
  });

  test("startup passes when every check has had a result, good or bad", () => {
    const { registry, ask } = bridgeOf();
    registry.setStarted(false);
    registry.report(check("bad", { state: "failing" }));
    registry.report(check("new", { state: "pending", lastResultAt: undefined }));
    assert.deepEqual([ask("/startupz").status, ask("/startupz").body], [503, "UNKNOWN"]);
    assert.equal(ask("/startupz?verbose").body, "[+]bad ok\n[-]new failed: pending\nstartupz check failed\n");
    registry.setStarted(true);
    assert.equal(ask("/startupz").status, 200);
  });

  test("shows the reason of a state without a result, and which checks do not count", () => {
    const { registry, ask } = bridgeOf();
    const noResult = { lastResultAt: undefined, latencyMs: undefined };
    registry.report(check("new", { reason: "initial", ...noResult }));
    registry.report(check("moved", { state: "warning", reason: "changed", ...noResult }));
    registry.report(
      check("backup", { state: "pending", reason: "pending", counted: false, startup: false, ...noResult }),
    );
    registry.set("", "SERVING");
    assert.equal(
      ask("/readyz?verbose").body,
      "[+]new ok (initial)\n[+]moved ok (warning: changed)\n[-]backup failed: pending (not counted)\nreadyz check passed\n",
    );
    assert.equal(
      ask("/startupz?verbose").body,
      "[-]new failed: initial\n[-]moved failed: changed\n[-]backup failed: pending (not counted)\nstartupz check passed\n",
    );
    assert.deepEqual([ask("/readyz/new").status, ask("/startupz/new").body], [200, "UNKNOWN"]);
  });

  test("with an excluded check does not wait for heartbeats that have never reported", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("bad", { state: "failing" }));
    registry.report(check("good"));
    registry.report(check("backup", { state: "pending", counted: false, lastResultAt: undefined }));
    registry.set("", "NOT_SERVING");
    assert.equal(ask("/readyz?exclude=bad").status, 200);
    registry.report(check("new", { state: "pending", lastResultAt: undefined }));
    assert.equal(ask("/readyz?exclude=bad").status, 503);
  });

  test("with an excluded check needs another one that is decided, if all others are non-critical", () => {
    const { registry, ask } = bridgeOf();
    const pending = { state: "pending", critical: false, lastResultAt: undefined } as const;
    registry.report(check("bad", { state: "failing" }));
    registry.set("", "NOT_SERVING");
    assert.equal(ask("/readyz?exclude=bad").status, 200, "nothing else");
    registry.report(check("cache", pending));
    assert.equal(ask("/readyz?exclude=bad").status, 503);
    registry.report(check("cache", { state: "failing", critical: false }));
    assert.equal(ask("/readyz?exclude=bad").status, 200);
  });

  test("startup with an excluded check needs the results of those that count for it, critical or not", () => {
    const { registry, ask } = bridgeOf();
    const pending = { state: "pending", lastResultAt: undefined } as const;
    registry.setStarted(false);
    registry.report(check("slow", pending));
    registry.report(check("left", { ...pending, startup: false }));
    assert.equal(ask("/startupz?exclude=slow").status, 200);
    registry.report(check("cache", { ...pending, critical: false }));
    assert.equal(ask("/startupz?exclude=slow").status, 503);
    assert.equal(ask("/startupz?exclude=slow&exclude=cache").status, 200);
  });

  test("as JSON has the checks, except liveness", () => {
    const { registry, ask } = bridgeOf();
    registry.report(check("good"));
    assert.match(
      ask("/readyz", { accept: JSON_HEALTH }).body,
      /^\{"status":"pass","serviceId":"readyz","checks":\{"good:responseTime"/,
    );
    assert.deepEqual(json(ask("/livez", { accept: JSON_HEALTH })), { status: "pass", serviceId: "livez", checks: {} });
  });
});

describe("a call as JSON", () => {
  const post = (body: string, more: Partial<HttpRequest> = {}) => ({
    method: "POST",
    contentType: "application/json",
    body: Buffer.from(body),
    ...more,
  });
  const CHECK = "/grpc.health.v1.Health/Check";
  const LIST = "/grpc.health.v1.Health/List";

  test("Check answers the status", () => {
    const { registry, ask } = bridgeOf();
    registry.set("a.B", "UNKNOWN");
    for (const [body, status] of [
      ["{}", "SERVING"],
      ['{"service":""}', "SERVING"],
      ['{"service":"a.B","x":1}', "UNKNOWN"],
    ] as const) {
      const answer = ask(CHECK, post(body));
      assert.deepEqual([answer.status, json(answer)], [200, { status }], body);
    }
    assert.equal(ask(CHECK, post("{}", { contentType: "application/json; charset=utf-8" })).status, 200);
  });

  test("an error has Connect's code", () => {
    const { ask } = bridgeOf();
    const rows = [
      ['{"service":"x"}', 404, "not_found", "unknown service"],
      ['{"service":1}', 400, "invalid_argument", "malformed request"],
      ['{"service":null}', 400, "invalid_argument", "malformed request"],
      ["[]", 400, "invalid_argument", "malformed request"],
      ["null", 400, "invalid_argument", "malformed request"],
      ["{", 400, "invalid_argument", "malformed request"],
      ["", 400, "invalid_argument", "malformed request"],
      [JSON.stringify({ service: "n".repeat(201) }), 400, "invalid_argument", "service name too long"],
      [" ".repeat(4097), 429, "resource_exhausted", "request too large"],
    ] as const;
    for (const [body, status, code, message] of rows) {
      const answer = ask(CHECK, post(body));
      assert.deepEqual([answer.status, json(answer)], [status, { code, message }], body.slice(0, 30));
    }
  });

  test("another content type is 415", () => {
    const { ask } = bridgeOf();
    for (const contentType of [undefined, "text/plain", "application/grpc-web", "application/jsonp"]) {
      const { status, headers } = ask(CHECK, post("{}", { contentType }));
      assert.deepEqual([status, headers["accept-post"]], [415, "application/json"]);
    }
  });

  test("the server as a whole does not count for the limit of List", () => {
    const { registry, ask } = bridgeOf({ listLimit: 2 });
    for (const service of ["a", "", "b"]) registry.set(service, "SERVING");
    assert.deepEqual(Object.keys(Object(json(ask(LIST, post("{}")))).statuses), ["a", "", "b"]);
    registry.set("c", "SERVING");
    assert.equal(ask(LIST, post("{}")).status, 429);
  });

  test("List answers every service up to the limit, for authorized clients", () => {
    const { registry, ask } = bridgeOf({ listLimit: 2, token: "secret" });
    registry.set("__proto__", "SERVING");
    registry.set("b", "NOT_SERVING");
    assert.equal(ask(LIST, post("{}")).status, 401);
    assert.equal(ask(LIST, post("{}", { authorization: "Bearer wrong" })).status, 401);
    const authorization = "Bearer secret";
    assert.equal(
      ask(LIST, post("{}", { authorization })).body,
      '{"statuses":{"":{"status":"SERVING"},"__proto__":{"status":"SERVING"},"b":{"status":"NOT_SERVING"}}}',
    );
    registry.set("c", "SERVING");
    assert.deepEqual(ask(LIST, post("{}", { authorization })).status, 429);
  });
});
