/** The rules of automatic recovery in a file: what they become, and each mistake at its place. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RECOVERY_DEFAULTS } from "../../src/hooks/recovery-rules.js";
import { faultsOf, read } from "./reading.js";

/** A file whose rule starts at line 6, column 6. */
const file = (rule: string, allowExec = "allowExec: true") => `${allowExec}
checks:
  web: { target: "tcp://h:1", services: [shop] }
services: { all-of-it: [web, shop] }
recovery:
  r: { ${rule} }
`;
const PROGRAM = "exec: [/bin/true, x]";

test("a rule has the defaults of the table, and every value in milliseconds", () => {
  const [plain] = read(file(`${PROGRAM}, services: web`)).recovery;
  assert.deepEqual(plain, { name: "r", command: ["/bin/true", "x"], services: ["web"], ...RECOVERY_DEFAULTS });
  const more = "after: 0s, timeout: 10s, cooldown: 1m, maxRuns: 5, window: 2h, maxShare: 0.1, maxFailing: 1";
  const [given] = read(file(`${PROGRAM}, services: [web], ${more}`)).recovery;
  assert.deepEqual(given, {
    ...{ name: "r", command: ["/bin/true", "x"], services: ["web"] },
    ...{ afterMs: 0, timeoutMs: 10_000, cooldownMs: 60_000, maxRuns: 5, windowMs: 7_200_000 },
    ...{ maxShare: 0.1, maxFailing: 1 },
  });
});

describe("a mistake is refused at its place", () => {
  const rows: Readonly<Record<string, readonly [rule: string, fault: RegExp]>> = {
    "no program": ["services: [web]", /^6:6: recovery\.r\.exec: is missing/],
    "no services": [PROGRAM, /recovery\.r\.services: is missing/],
    "an empty list of services": [`${PROGRAM}, services: []`, /^6:\d+: recovery\.r\.services: must have at least one/],
    "an empty command": ["exec: [], services: [web]", /recovery\.r\.exec: must name a program/],
    "a command as one text": ['exec: "restart web", services: [web]', /recovery\.r\.exec: must be a list of texts/],
    "a service that nothing has": [
      `${PROGRAM}, services: [wep]`,
      /^6:\d+: recovery\.r\.services\[0\]: there is no check or service "wep"; did you mean web\?/,
    ],
    "a view": [`${PROGRAM}, services: [liveness]`, /there is no check or service "liveness"/],
    "the server as a whole": [
      `${PROGRAM}, services: [readiness]`,
      /services\[0\]: "readiness" is the server as a whole, for which no program is run; name its checks and services/,
    ],
    "an unknown key": [`${PROGRAM}, services: [web], cooldwn: 1m`, /unknown key; did you mean cooldown\?/],
    "a number without a unit": [`${PROGRAM}, services: [web], after: 30`, /30 has no unit/],
    "a timeout of nothing": [
      `${PROGRAM}, services: [web], timeout: 0s`,
      /timeout: must be above 0s and at most 1h; got 0ms/,
    ],
    "a timeout that is too long": [`${PROGRAM}, services: [web], timeout: 61m`, /at most 1h; got 1h1m/],
    "a window of nothing": [`${PROGRAM}, services: [web], window: 0s`, /window: must be above 0s/],
    "a window that is too long": [`${PROGRAM}, services: [web], window: 31d`, /window: .*at most 30d/],
    "no runs": [`${PROGRAM}, services: [web], maxRuns: 0`, /maxRuns: must be a whole number from 1 on/],
    "too many runs": [`${PROGRAM}, services: [web], maxRuns: 101`, /maxRuns: must be at most 100; got 101/],
    "a share of nothing": [`${PROGRAM}, services: [web], maxShare: 0`, /maxShare: must be above 0; 1 is all/],
    "a share in percent": [
      `${PROGRAM}, services: [web], maxShare: 25`,
      /maxShare: must be a share from 0 to 1; got 25/,
    ],
    "no failing services": [`${PROGRAM}, services: [web], maxFailing: 0`, /maxFailing: must be above 0/],
  };
  for (const [label, [rule, fault]] of Object.entries(rows))
    test(label, () => {
      const faults = faultsOf(file(rule));
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", fault);
    });

  test("programs that are not allowed", () => {
    for (const allowExec of ["", "allowExec: false"])
      assert.match(
        faultsOf(file(`${PROGRAM}, services: [web]`, allowExec))[0] ?? "",
        /recovery\.r\.exec: programs need allowExec: true/,
      );
  });
});

test("too many rules or patterns are refused", () => {
  const many = (count: number, services: string) => {
    const rules = Array.from({ length: count }, (_, index) => `  r${index}: { ${PROGRAM}, services: [${services}] }`);
    return `allowExec: true\nchecks: { web: "tcp://h:1" }\nrecovery:\n${rules.join("\n")}\n`;
  };
  assert.match(faultsOf(many(501, "web")).join(), /recovery: has 501 rules; the limit is 500/);
  assert.match(faultsOf(many(51, '"w*"')).join(), /recovery: has 51 patterns with \*; the limit is 50/);
  assert.deepEqual([...faultsOf(many(500, "web")), ...faultsOf(many(50, '"w*"'))], []);
});

test("names of checks, of services of checks and of declared services are known; those of workers are not checked", () => {
  const services = 'services: [web, shop, all-of-it, "celery.worker/a@b", "celery.worker/*", "*"]';
  assert.deepEqual(read(file(`${PROGRAM}, ${services}`)).warnings, []);
});

test("a pattern that matches nothing, and a limit that is never reached, are warnings", () => {
  assert.deepEqual(read(file(`${PROGRAM}, services: ["we*", "x*", "cel*"]`)).warnings, [
    'recovery.r.services: "x*" matches no service',
  ]);
  const limit = (more: string) => read(file(`${PROGRAM}, services: [web], ${more}`)).warnings;
  assert.match(
    limit("maxRuns: 12").join(),
    /recovery\.r: maxRuns 12 is never reached within window 1h, because cooldown is 5m/,
  );
  assert.deepEqual(limit("maxRuns: 11"), []);
});
