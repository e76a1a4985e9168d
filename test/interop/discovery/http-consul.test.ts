/** The official Go client of Consul: blocking queries, watch plans, and every call that readers of discovery make. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, pause } from "../../support/eventually.js";
import { goConsul } from "../install.js";
import { Running, run } from "../peers.js";
import { blockOf, type Instance, Site, WITHIN_MS } from "./http-site.js";

interface Told {
  readonly ID: string;
  readonly Address: string;
  readonly Port: number;
  readonly Status: string;
  readonly Tags: readonly string[] | null;
  readonly Weight: number;
  readonly Meta: Readonly<Record<string, string>>;
}

interface Answer {
  readonly index?: number;
  readonly took: number;
  readonly error?: string;
  readonly instances?: readonly Told[];
}

/** The client with a command that does not end, and what it has printed. */
class Client {
  readonly #running: Running;

  constructor(site: Site, command: string, ...args: string[]) {
    this.#running = new Running(goConsul(), [command, `127.0.0.1:${site.discoveryPort}`, site.token, ...args]);
  }

  get answers(): readonly Answer[] {
    return this.#running.lines.map((line) => JSON.parse(line));
  }

  get last(): Answer | undefined {
    return this.answers.at(-1);
  }

  /** The statuses by the names of instances, in the last answer. */
  statuses(site: Site): string {
    const told = this.last?.instances ?? [];
    const find = ({ address }: Instance) => told.find(({ Address, Port }) => `${Address}:${Port}` === address)?.Status;
    return site.instances.map((instance) => `${instance.name} ${find(instance) ?? "-"}`).join(", ");
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }
}

const ALL_PASS = "a passing, b passing, c passing, d passing";

describe("Consul's Go client", () => {
  let site: Site;

  before(async () => {
    goConsul(); // before the instances are probed: a build blocks their thread
    site = await Site.start({ check: { tags: ["blue", "traefik.enable=true"], weight: 3 } });
  });
  after(() => site?.stop());

  const once = async (command: string, ...args: string[]) => {
    const [token = site.token, ...rest] = args;
    const { code, stdout, stderr } = await run(goConsul(), [
      command,
      `127.0.0.1:${site.discoveryPort}`,
      token,
      ...rest,
    ]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };

  test("each call is answered in Consul's form", async () => {
    const answers = await once("ask", site.token, "orders");
    assert.deepEqual(answers.services.orders.sort(), ["blue", "traefik.enable=true"]);
    const ports = site.instances.map(({ address }) => Number(address.split(":")[1])).sort();
    for (const form of ["health", "passing", "blue"]) {
      assert.deepEqual(answers[form].map(({ Port }: Told) => Port).sort(), ports, form);
      for (const { Address, Status, Tags, Weight, Meta } of answers[form]) {
        assert.deepEqual([Address, Status, Tags, Weight], ["127.0.0.1", "passing", ["blue", "traefik.enable=true"], 3]);
        assert.ok(["a", "b", "c", "d"].includes(Meta.instance_name));
      }
    }
    const ids = answers.health.map(({ ID }: Told) => ID);
    assert.equal(new Set(ids).size, 4);
    assert.deepEqual(
      answers.catalog.map(({ ServiceID }: { ServiceID: string }) => ServiceID),
      ids,
      "the same order",
    );
    const ofOrders = answers.state.filter(({ ServiceName }: { ServiceName: string }) => ServiceName === "orders");
    assert.deepEqual(
      ofOrders.map(({ ServiceID }: { ServiceID: string }) => ServiceID),
      ids,
    );
    assert.ok(answers.self.Config.Datacenter);
    assert.match(answers.leader, /^[\d.]+:\d+$/);
    assert.match(answers.filter.error, /400/, "a filter is refused");
  });

  test("the command of the page shows a script what the client sees", async () => {
    const command = blockOf("discovery scripts").replace("localhost:8500", `127.0.0.1:${site.discoveryPort}`);
    const { stdout } = await run("sh", ["-c", command], { TOKEN: site.token });
    const fields = "service check address host port state drained reason since tags meta weight index".split(" ");
    for (const instance of JSON.parse(stdout)) {
      assert.equal(instance.state, "healthy");
      assert.deepEqual(
        Object.keys(instance).filter((key) => !fields.includes(key)),
        [],
      );
    }
  });

  test("without the token, and with another one, it is refused", async () => {
    for (const token of ["", "another-token"]) {
      const { error = "" }: Answer = await once("index", token, "orders", "0", "1s");
      assert.match(error, /40[13]/, `token ${JSON.stringify(token)}: ${error}`);
      assert.ok(!error.includes("127.0.0.1:1") && !error.includes("another-token"));
    }
  });

  test("a blocking query returns within a second of each flip, drain and resume", async () => {
    const client = new Client(site, "watch", "orders");
    try {
      await eventually(() => client.statuses(site) === ALL_PASS, "all pass");
      for (const name of ["a", "c"]) {
        const instance = site.instance(name);
        for (const isPassing of [false, true]) {
          const at = await site.turn(instance, isPassing);
          const wanted = isPassing ? ALL_PASS : ALL_PASS.replace(`${name} passing`, `${name} critical`);
          await eventually(() => client.statuses(site) === wanted, wanted, 5_000);
          assert.ok(Date.now() - at <= WITHIN_MS, `seen after ${Date.now() - at} ms`);
        }
      }
      const check = await site.checkOf(site.instance("b"));
      await site.control("drain", check);
      await eventually(() => client.statuses(site).includes("b critical"), "b is drained", WITHIN_MS);
      await site.control("resume", check);
      await eventually(() => client.statuses(site) === ALL_PASS, "b is back", WITHIN_MS);
      const indexes = client.answers.map(({ index = 0 }) => index);
      assert.deepEqual(
        indexes,
        [...indexes].sort((one, other) => one - other),
        "the index only grows",
      );
      assert.equal(new Set(indexes).size, indexes.length, "each answer is a change");
      assert.ok(indexes.every((index) => index > 0));
    } finally {
      await client.stop();
    }
  });

  test("with passingOnly, a failing instance is not in the list; when all fail, the list is empty", async () => {
    const client = new Client(site, "watch", "orders", "passing");
    try {
      await eventually(() => client.statuses(site) === ALL_PASS, "all pass");
      await site.turn(site.instance("d"), false);
      await eventually(() => client.statuses(site) === "a passing, b passing, c passing, d -", "d is gone", WITHIN_MS);
      await Promise.all(["a", "b", "c"].map((name) => site.turn(site.instance(name), false)));
      await eventually(() => client.last?.instances?.length === 0, "none is left", WITHIN_MS);
      const { instances } = new Object(await once("index", site.token, "orders", "0", "1s")) as Answer; // its own output
      assert.deepEqual(
        instances?.map(({ Status }) => Status),
        ["critical", "critical", "critical", "critical"],
      );
      await Promise.all(site.instances.map((instance) => site.turn(instance, true)));
      await eventually(() => client.statuses(site) === ALL_PASS, "all are back", WITHIN_MS);
    } finally {
      await client.stop();
    }
  });

  test("an index beyond that of the daemon is answered at once; the present one waits", async () => {
    const now: Answer = await once("index", site.token, "orders", "0", "1s");
    const ahead: Answer = await once("index", site.token, "orders", "999999999999", "20s");
    assert.ok(ahead.took < 1_000, `${ahead.took} ms`);
    assert.equal(ahead.index, now.index);
    const present: Answer = await once("index", site.token, "orders", `${now.index}`, "2s");
    assert.ok(present.took >= 1_900 && present.took < 5_000, `${present.took} ms`);
    assert.equal(present.index, now.index);
  });

  test("watch plans for checks and services, as Traefik has them, return at a flip and when a service comes", async () => {
    const client = new Client(site, "watch-checks");
    const read = (key: string) =>
      client.answers.map((answer) => Object.entries(answer).find(([name]) => name === key)?.[1]).filter(Boolean);
    try {
      await eventually(() => read("checks").length > 0 && read("services").length > 0, "the first answers");
      const [checks, services] = [read("checks").length, read("services").length];
      await site.turn(site.instance("d"), false);
      await eventually(() => read("checks").length > checks, "the checks have changed", WITHIN_MS);
      assert.equal(read("services").length, services, "the services have not");
      await site.turn(site.instance("d"), true);
    } finally {
      await client.stop();
    }
  });

  test("a daemon that restarts answers with an error until it knows the states, and never with fewer instances", async () => {
    const client = new Client(site, "watch", "orders");
    try {
      await eventually(() => client.statuses(site) === ALL_PASS, "all pass");
      await site.stopDaemon();
      await eventually(() => client.last?.error !== undefined, "an error");
      await pause(300);
      const before = client.answers.length;
      await site.startDaemon();
      await eventually(() => client.statuses(site) === ALL_PASS, "all pass again", 5_000);
      for (const { instances } of client.answers.slice(before))
        if (instances !== undefined) assert.equal(instances.length, 4);
    } finally {
      await client.stop();
    }
  });

  test("an instance that leaves the file leaves the list after one more interval, and an empty file is an empty list", async () => {
    const client = new Client(site, "watch", "orders");
    try {
      await eventually(() => client.statuses(site) === ALL_PASS, "all pass");
      site.writeTargets(site.instances.slice(0, 3));
      await eventually(() => client.statuses(site) === "a passing, b passing, c passing, d -", "d is gone", 20_000);
      site.writeTargets([]);
      await eventually(() => client.last?.instances?.length === 0, "none is left", 20_000);
      site.writeTargets();
      await eventually(() => client.statuses(site) === ALL_PASS, "all are back", 20_000);
    } finally {
      await client.stop();
    }
  });
});
