/** Which format of the metrics a client gets, by its Accept header. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Health } from "../../../src/index.js";
import { negotiateFormat } from "../../../src/transports/http/metrics-page.js";
import { portOf } from "../../support/port-of.js";

const OPENMETRICS = "application/openmetrics-text";

describe("a client gets OpenMetrics", () => {
  for (const accept of [
    `${OPENMETRICS}; version=1.0.0`,
    `${OPENMETRICS};version=1.0.0;charset=utf-8`,
    `${OPENMETRICS};version="1.0.0"`,
    OPENMETRICS,
    "Application/OpenMetrics-Text; Version=1.0.0",
    // Prometheus 2 and 3
    `${OPENMETRICS};version=1.0.0,${OPENMETRICS};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
    `${OPENMETRICS};version=1.0.0;escaping=allow-utf-8;q=0.6,${OPENMETRICS};version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
    `text/plain;q=0.5, ${OPENMETRICS};q=0.5`,
    // a more specific range than the wildcard says what text is worth
    `text/plain;q=0.2, ${OPENMETRICS};q=0.5, */*`,
    // text of another version is not what it would get
    `text/plain;version=1.0.0, ${OPENMETRICS};q=0.5, */*;q=0.1`,
  ])
    test(accept, () => assert.equal(negotiateFormat(accept), "openmetrics"));
});

describe("a client gets the text format", () => {
  for (const accept of [
    undefined,
    "",
    "*/*",
    "text/plain",
    "application/*",
    "text/html,application/xhtml+xml,*/*;q=0.8",
    `${OPENMETRICS};q=0`,
    `${OPENMETRICS};q=0, */*`,
    `${OPENMETRICS};q=nonsense`,
    `${OPENMETRICS};q=1e3`,
    `${OPENMETRICS};version=0.0.1`,
    `${OPENMETRICS};version=2.0.0, text/plain`,
    `${OPENMETRICS};q=0.5, text/plain`,
    `${OPENMETRICS};q=0.5, */*`,
    `${OPENMETRICS};q=0.5, text/*;q=0.6`,
    `${OPENMETRICS}-other`,
    `,;,=,${OPENMETRICS}x;q`,
  ])
    test(String(accept), () => assert.equal(negotiateFormat(accept), "text"));
});

test("both formats are served side by side, and the page of one client is never that of another", async (t) => {
  const health = new Health({ metrics: true });
  t.after(() => health.shutdown({ drainDelayMs: 0 }));
  const server = await health.listen(["127.0.0.1:0"]);
  // long enough that a rendering is kept for the next request
  for (let index = 0; index < 1_000; index += 1) health.set(`service-${index}`, "SERVING");
  const get = async (accept: string) => {
    const answer = await fetch(`http://127.0.0.1:${portOf(server)}/metrics`, { headers: { accept } });
    return { type: answer.headers.get("content-type"), vary: answer.headers.get("vary"), page: await answer.text() };
  };
  const answers = await Promise.all(["text/plain", OPENMETRICS, "text/plain", OPENMETRICS].map(get));
  for (const [index, { type, vary, page }] of answers.entries()) {
    const isOpenMetrics = index % 2 === 1;
    const expected = isOpenMetrics
      ? `${OPENMETRICS}; version=1.0.0; charset=utf-8`
      : "text/plain; version=0.0.4; charset=utf-8";
    assert.deepEqual([type, vary], [expected, "Accept"]);
    assert.equal(page.endsWith("# EOF\n"), isOpenMetrics);
    assert.equal(page.includes("# TYPE grpc_health_transitions counter"), isOpenMetrics);
  }
});
