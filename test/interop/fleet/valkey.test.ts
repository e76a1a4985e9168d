/** The store of a fleet on a real Valkey, with a user that has the documented rights alone. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { systemClock } from "../../../src/core/clock.js";
import { openStore } from "../../../src/fleet/store/open-store.js";
import type { FleetStore } from "../../../src/fleet/store/store.js";
import { parseStoreUrl } from "../../../src/fleet/store/store-url.js";
import { storeSuite } from "../../fleet/store/store-suite.js";
import { pause } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { debian, valkeyServer } from "../install.js";
import { accepting, Running, run } from "../peers.js";

const RIGHTS =
  "+multi +exec +hgetall +hget +hlen +hset +hdel +hscan +pexpire +xadd +xread +xrevrange +unlink +rename +set +get";

let folder: string;
let valkey: Running;
let port: number;
const opened: FleetStore[] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "fleet-valkey-"));
  port = await freePort();
  const program = valkeyServer();
  chmodSync(program, 0o755);
  const user = [
    "--user",
    "hb",
    "on",
    ">s3cret-Word",
    "resetchannels",
    "-@all",
    "~{healthbridge:*",
    ...RIGHTS.split(" "),
  ];
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder];
  valkey = new Running(program, [...args, ...user]);
  await accepting(port);
});

after(async () => {
  for (const store of opened) await store.close();
  await valkey.stop();
  rmSync(folder, { recursive: true });
});

storeSuite("Valkey", () => ({
  connect: async (fleet) => {
    const url = parseStoreUrl(`redis://hb:s3cret-Word@127.0.0.1:${port}`);
    const store = await openStore(url, { fleet, deadlineMs: 1_500, clock: systemClock });
    opened.push(store);
    return store;
  },
  flush: async () => void (await run(debian("redis-cli", "redis-tools"), ["-p", `${port}`, "FLUSHALL"])),
  pass: pause,
}));
