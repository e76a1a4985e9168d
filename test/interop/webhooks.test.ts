/**
 * Webhooks of a real daemon: Debian's Alertmanager takes our alerts, the library of Standard Webhooks verifies our
 * signatures, and a receiver that fails in every way gets each change at least once, over kill -9 of the daemon.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DaemonProcess, type LogLine } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";
import { debian } from "./install.js";
import { npmStandardWebhooks } from "./npm-packages.js";
import { Running, run, Target } from "./peers.js";
import { type Behaviour, type Received, WebhookReceiver } from "./webhook-receiver.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url));
const WITHIN_MS = 60_000;

/** Everything that the configuration holds and no message or log line may have. */
const SECRETS = {
  key: "signing-key-0123456789",
  token: "bearer-token-4711",
  path: "url-path-secret-42",
  password: "target-password-99",
};

/** An outage that ends sooner is no message. */
const STEADY_DELAY_MS = 5_000;

const DEPENDENTS = Array.from({ length: 20 }, (_, index) => `shop-${index}`);

interface Change {
  readonly id: string;
  readonly service: string;
  readonly status: string;
}

const changesOf = ({ body }: Received): readonly Change[] => JSON.parse(body).changes;

describe("webhooks of a daemon", () => {
  const directory = mkdtempSync(join(tmpdir(), "healthbridge-"));
  const file = (name: string) => join(directory, name);
  const logs: LogLine[] = [];
  // an installation blocks this thread, in which the targets answer: it must be done before they are probed
  const verifiers = npmStandardWebhooks();
  let target: Target;
  let flipping: Target;
  let receiver: WebhookReceiver;
  let groups: WebhookReceiver;
  let alertmanager: Running;
  let alertmanagerUrl = "";
  let daemon: DaemonProcess;

  const startDaemon = async () => {
    daemon = await DaemonProcess.serve("-c", file("healthbridge.yaml"));
  };
  const endDaemon = async () => {
    await daemon.kill();
    logs.push(...daemon.log);
  };
  const operate = async (...args: readonly string[]) => {
    const { code, stderr } = await run(process.execPath, [MAIN, ...args, "--control", file("control.sock")]);
    assert.equal(code, 0, stderr);
  };
  const on = (path: string) => receiver.requests.filter((request) => request.path === path);
  const accepted = (path: string) => on(path).filter(({ isAccepted }) => isAccepted);
  const toldOn = (path: string) =>
    accepted(path).flatMap((request) => changesOf(request).map(({ service, status }) => `${service} ${status}`));

  /** Changes the flipping service, and waits until the daemon has seen it. Returns the daemon's time of the change. */
  const flip = async (isHealthy: boolean): Promise<number> => {
    const status = isHealthy ? "SERVING" : "NOT_SERVING";
    flipping.healthy = isHealthy;
    const changes = () => daemon.log.filter(({ subject, name }) => subject === "service" && name === "flipping");
    await eventually(() => changes().at(-1)?.to === status, `it is ${status}`);
    return Number(changes().at(-1)?.at);
  };

  before(async () => {
    [target, flipping, receiver, groups] = await Promise.all([
      ...[Target.start(), Target.start()],
      ...[WebhookReceiver.start(), WebhookReceiver.start()],
    ] as const);
    const port = await freePort();
    alertmanagerUrl = `http://127.0.0.1:${port}`;
    writeFileSync(
      file("alertmanager.yml"),
      `route: { receiver: us, group_by: [alertname], group_wait: 1s, group_interval: 1s }
receivers: [{ name: us, webhook_configs: [{ url: "${groups.url}/", send_resolved: true }] }]
`,
    );
    const flags = [`--config.file=${file("alertmanager.yml")}`, `--storage.path=${file("alerts")}`];
    const listen = [`--web.listen-address=127.0.0.1:${port}`, "--cluster.listen-address="];
    alertmanager = new Running(debian("prometheus-alertmanager"), [...flags, ...listen]);
    const isReady = () =>
      fetch(`${alertmanagerUrl}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await eventually(isReady, "Alertmanager is ready", WITHIN_MS);
    writeFileSync(file("hook-url"), `${receiver.url}/${SECRETS.path}\n`, { mode: 0o600 });
    const withPassword = target.url.replace("//", `//app:${SECRETS.password}@`);
    const times = "interval: 500ms, timeout: 400ms, unhealthyThreshold: 1, healthyThreshold: 1";
    const dependents = DEPENDENTS.map((name) => `  ${name}: { target: "${withPassword}", ${times} }`).join("\n");
    writeFileSync(
      file("healthbridge.yaml"),
      `listen: ["127.0.0.1:0"]
control: ${file("control.sock")}
stateDir: ${file("state")}
drainDelay: 0s
checks:
${dependents}
  flipping: { target: "${flipping.url}", ${times} }
services:
  shop: [${DEPENDENTS.join(", ")}]
webhooks:
  am: { url: "${alertmanagerUrl}", form: alertmanager, services: [shop], delay: 500ms, groupWait: 500ms }
  group: { url: "${receiver.url}/group", services: ["shop*"], delay: 500ms, groupWait: 3s, secret: "${SECRETS.key}" }
  flip:
    url: "\${file:${file("hook-url")}}"
    services: [flipping]
    delay: 0s
    groupWait: 0s
    timeout: 1s
    headers: { Authorization: "Bearer ${SECRETS.token}" }
  slack: { url: "${receiver.url}/slack", form: slack, delay: 500ms, groupWait: 3s }
  discord: { url: "${receiver.url}/discord", form: discord, delay: 500ms, groupWait: 3s }
  steady: { url: "${receiver.url}/steady", services: [flipping], delay: ${STEADY_DELAY_MS}ms, groupWait: 0s }
`,
    );
    await startDaemon();
    await eventually(() => daemon.log.some(({ event }) => event === "started"), "every check has a result");
  });
  after(async () => {
    await daemon?.kill();
    await alertmanager?.stop();
    for (const each of [target, flipping, receiver, groups]) each?.stop();
    rmSync(directory, { recursive: true });
  });

  /** The alerts that Alertmanager has, as `SERVICE STATE`. */
  const alerts = async () => {
    const answer: readonly { labels: { service: string }; status: { state: string }; endsAt: string }[] = JSON.parse(
      await (await fetch(`${alertmanagerUrl}/api/v2/alerts`)).text(),
    );
    return answer.map(({ labels, status }) => `${labels.service} ${status.state}`);
  };

  test("an outage of 20 dependent services is one message, and one alert of Alertmanager", async () => {
    target.healthy = false;
    await eventually(async () => (await alerts()).join() === "shop active", "the alert fires", WITHIN_MS);
    await eventually(() => on("/group").length > 0, "the message comes", WITHIN_MS);
    await eventually(() => groups.requests.length > 0, "Alertmanager tells its receiver", WITHIN_MS);
    const [{ body }, ...more] = groups.requests as [Received, ...Received[]];
    assert.deepEqual(more, []);
    const group = JSON.parse(body);
    assert.deepEqual([group.status, group.alerts.length], ["firing", 1]);
    assert.deepEqual(group.groupLabels, { alertname: "HealthbridgeServiceDown" });
    assert.match(group.alerts[0].annotations.description, /^shop: NOT_SERVING since .*failing checks: shop-/);
  });

  test("its end is told as well, to Alertmanager too", async () => {
    target.healthy = true;
    await eventually(async () => (await alerts()).length === 0, "the alert is resolved", WITHIN_MS);
    await eventually(() => on("/group").length === 2, "the second message comes", WITHIN_MS);
    await eventually(() => groups.requests.length === 2, "Alertmanager tells its receiver", WITHIN_MS);
    assert.equal(JSON.parse(groups.requests[1]?.body ?? "").status, "resolved");
    const [outage = [], end = []] = on("/group").map(changesOf);
    const services = [...DEPENDENTS, "shop"].sort();
    assert.deepEqual(outage.map(({ service }) => service).sort(), services);
    assert.deepEqual(end.map(({ service }) => service).sort(), services);
    assert.deepEqual([...new Set(outage.map(({ status }) => status))], ["NOT_SERVING"]);
    assert.deepEqual([...new Set(end.map(({ status }) => status))], ["SERVING"]);
    for (const path of ["/slack", "/discord"])
      await eventually(() => on(path).length === 2, `both are told on ${path}`, WITHIN_MS);
  });

  test("the library of Standard Webhooks verifies the signature, and no other body", () => {
    const { Webhook } = verifiers("standardwebhooks");
    const verifier = new Webhook(SECRETS.key, { format: "raw" });
    const [request] = on("/group");
    assert.ok(request !== undefined);
    assert.equal(verifier.verify(request.body, request.headers).version, 1);
    assert.throws(() => verifier.verify(request.body.replace("shop-1", "shop-2"), request.headers));
  });

  test("a maintenance silences an outage until it is over, and a flapping service is no message", async () => {
    const steady = on("/steady").length;
    const path = `/${SECRETS.path}`;
    // an outage that no test has made would be told, and would be no fault of the maintenance
    assert.deepEqual(toldOn(path), [], "it was healthy until now");
    await operate("maintenance", "flipping", "--for", "1h");
    await flip(false);
    await flip(true);
    await operate("maintenance", "flipping", "--end");
    assert.deepEqual(toldOn(path), []);
    // twice as often would make the check itself report that it flaps
    const downAt = await flip(false);
    const upAt = await flip(true);
    if (upAt - downAt < STEADY_DELAY_MS) assert.equal(on("/steady").length, steady, `down for ${upAt - downAt} ms`);
    else await eventually(() => on("/steady").length === steady + 2, `down for ${upAt - downAt} ms`, WITHIN_MS);
  });

  test("each change arrives at least once, in order, with one id, while the receiver fails and the daemon is killed", async () => {
    const path = `/${SECRETS.path}`;
    flipping.healthy = true;
    await eventually(() => toldOn(path).at(-1) === "flipping SERVING", "it is healthy");
    /** The changes that were tried and have not arrived. */
    const missing = () => {
      const arrived = new Set(
        accepted(path)
          .flatMap(changesOf)
          .map(({ id }) => id),
      );
      return on(path)
        .flatMap(changesOf)
        .filter(({ id }) => !arrived.has(id));
    };
    const behaviours: readonly Behaviour[] = ["error", "busy", "hang", "reset", "half"];
    for (const behaviour of behaviours) {
      receiver.behaviour = behaviour;
      const tried = on(path).length;
      flipping.healthy = false;
      await eventually(() => on(path).length > tried, `a request is tried: ${behaviour}`, WITHIN_MS);
      await endDaemon();
      await startDaemon();
      flipping.healthy = true;
      await eventually(() => daemon.log.some(({ event }) => event === "started"), "every check has a result");
      receiver.behaviour = "accept";
      const isTold = () => toldOn(path).at(-1) === "flipping SERVING" && missing().length === 0;
      await eventually(isTold, `everything is told after: ${behaviour}`, WITHIN_MS);
    }
    const tried = on(path).flatMap(changesOf);
    const told = accepted(path).flatMap(changesOf);
    const ids = new Set(tried.map(({ id }) => id));
    for (const id of ids) {
      const seen = tried.filter((change) => change.id === id).map(({ service, status }) => `${service} ${status}`);
      assert.equal(new Set(seen).size, 1, `${id} always says the same`);
    }
    const once = [...new Map(told.map((change) => [change.id, change])).values()];
    assert.ok(once.length >= 5);
    for (const [index, { status }] of once.entries())
      assert.equal(status, index % 2 === 0 ? "NOT_SERVING" : "SERVING", "outages and their ends alternate");
    for (const { headers, body } of on(path)) {
      assert.equal(headers["idempotency-key"], JSON.parse(body).id);
      assert.equal(headers.authorization, `Bearer ${SECRETS.token}`);
    }
  });

  test("no secret is in a body or in the log, and none in a request of another webhook", async () => {
    await endDaemon();
    const requests = [...receiver.requests, ...groups.requests];
    assert.ok(requests.length > 10 && logs.length > 20, `${requests.length} requests, ${logs.length} lines`);
    const bodies = requests.map(({ body }) => body).join("\n");
    const others = requests.filter(({ path }) => path !== `/${SECRETS.path}`).map(({ headers }) => headers);
    const texts = { bodies, headers: JSON.stringify(others), log: JSON.stringify(logs), state: readState() };
    for (const [name, secret] of Object.entries(SECRETS))
      for (const [where, text] of Object.entries(texts))
        assert.equal(text.includes(secret), false, `the ${name} is in the ${where}`);
  });

  const readState = () => readFileSync(join(file("state"), "journal"), "utf8");
});
