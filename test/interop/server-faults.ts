/** The faults that Redis, PostgreSQL, MariaDB and RabbitMQ can be asked for by a login or by options, and their reasons. */
import type { DialogueStep, ProberOptions } from "../../src/probers/options.js";
import {
  CA,
  CLIENT,
  type Login,
  OTHER_CA,
  PASSWORD,
  type Prepared,
  prepareMariadb,
  preparePostgres,
  prepareRabbitmq,
  prepareRedis,
} from "./real-servers.js";

const TLS = { ca: CA };
export const CERTIFIED = { ...TLS, ...CLIENT };

/** A fault: the login, the options of TLS, and the verdict. */
type Fault = readonly [label: string, login: Login, tls: ProberOptions["tls"], verdict: string];

/** TLS options that every server is tried with. `login` is one that needs TLS. */
const tlsFaults = (login: Login): readonly Fault[] => [
  ["the right authority and client certificate", login, CERTIFIED, "pass"],
  ["another authority", login, { ...CERTIFIED, ca: OTHER_CA }, "fail tls-untrusted"],
  ["a name that the certificate does not have", login, { ...CERTIFIED, serverName: "other.test" }, "fail tls-name"],
  ["a name that the certificate has", login, { ...CERTIFIED, serverName: "localhost" }, "pass"],
  ["no verification", login, { ...CLIENT, ca: OTHER_CA, serverName: "other.test", verify: false }, "pass"],
  ["a certificate that ends within warnBefore", login, { ...CERTIFIED, warnBefore: 8_640_000_000 }, "warn tls-ending"],
  ["no common version of TLS", login, { ...CERTIFIED, maxVersion: "1.1", minVersion: "1.0" }, "fail tls"],
  ["one version of TLS", login, { ...CERTIFIED, minVersion: "1.3" }, "pass"],
];

interface Row {
  readonly prepare: (folder: string) => Promise<Prepared>;
  readonly password: string;
  readonly faults: readonly Fault[];
}

export const SERVERS: Readonly<Record<string, Row>> = {
  Redis: {
    prepare: prepareRedis,
    password: PASSWORD,
    faults: [
      ["no password", { password: "" }, undefined, "fail auth"],
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown database", { path: "/99" }, undefined, "fail answer"],
      ["a user who may not send PING", { user: "idle", password: "idle-Word" }, undefined, "fail auth"],
      ["no client certificate", { tls: true }, TLS, "fail auth"],
      ...tlsFaults({ tls: true }),
    ],
  },
  PostgreSQL: {
    prepare: preparePostgres,
    password: PASSWORD,
    faults: [
      ["no password", { password: "" }, undefined, "fail auth"],
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown database", { path: "/nowhere" }, undefined, "fail answer"],
      ["too many connections", { user: "limited" }, undefined, "fail unavailable"],
      ["no TLS where the server demands it", { user: "secure" }, undefined, "fail auth"],
      ["no client certificate", { user: "certified" }, TLS, "fail auth"],
      ...tlsFaults({ user: "certified" }),
    ],
  },
  MariaDB: {
    prepare: prepareMariadb,
    password: PASSWORD,
    faults: [
      ["no password", { password: "" }, undefined, "fail auth"],
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown database", { path: "/nowhere" }, undefined, "fail auth"],
      ["an unknown database of a user who sees all", { user: "admin", path: "/nowhere" }, undefined, "fail answer"],
      ["a locked account", { user: "locked" }, undefined, "fail auth"],
      ["the last connection of a user in this hour", { user: "limited" }, undefined, "pass"],
      ["too many connections of a user", { user: "limited" }, undefined, "fail unavailable"],
      ["no TLS where the user demands it", { user: "secure" }, undefined, "fail auth"],
      ["no client certificate", { user: "certified" }, TLS, "fail auth"],
      ...tlsFaults({ user: "certified" }),
    ],
  },
  RabbitMQ: {
    prepare: prepareRabbitmq,
    password: PASSWORD,
    faults: [
      ["an unknown user", { user: "nobody" }, undefined, "fail auth"],
      ["an unknown virtual host", { path: "/nowhere" }, undefined, "fail answer"],
      ["a virtual host without a right", { path: "/private" }, undefined, "fail auth"],
      ["too many connections of a virtual host", { path: "/full" }, undefined, "fail unavailable"],
      ["too many connections of a user", { user: "limited" }, undefined, "fail unavailable"],
      ["no client certificate", { tls: true }, TLS, "fail auth"],
      ...tlsFaults({ tls: true }),
    ],
  },
};

/** What is spoken to the port of each server, and to its port of TLS, and the reason. */
export const MIXED_UP: Readonly<Record<string, readonly (readonly [url: string, reason: string])[]>> = {
  Redis: [
    ["http://127.0.0.1:PORT/", "closed"],
    ["rediss://127.0.0.1:PORT", "timeout"],
    ["postgres://me:pw@127.0.0.1:PORT", "timeout"],
    ["redis://127.0.0.1:TLS", "(?:protocol|reset)"],
  ],
  PostgreSQL: [
    ["http://127.0.0.1:PORT/", "closed"],
    ["redis://127.0.0.1:PORT", "closed"],
    ["https://127.0.0.1:PORT/", "closed"],
  ],
  MariaDB: [
    ["http://127.0.0.1:PORT/", "protocol"],
    ["redis://127.0.0.1:PORT", "protocol"],
    ["rediss://127.0.0.1:PORT", "tls"],
    ["grpc://127.0.0.1:PORT", "protocol"],
  ],
  RabbitMQ: [
    ["http://127.0.0.1:PORT/", "protocol"],
    ["redis://127.0.0.1:PORT", "protocol"],
    ["amqps://127.0.0.1:PORT", "tls"],
    ["amqp://127.0.0.1:TLS", "protocol"],
    ["postgres://me:pw@127.0.0.1:PORT", "(closed|reset)"],
  ],
};

export const START_TLS: Readonly<Record<string, readonly DialogueStep[]>> = {
  PostgreSQL: [{ startTls: "postgres" }],
  MariaDB: [{ startTls: "mysql" }],
};

export const START_TLS_FAULTS: readonly (readonly [label: string, tls: ProberOptions["tls"], verdict: string])[] = [
  ["the right authority", TLS, "pass"],
  ["another authority", { ca: OTHER_CA }, "fail tls-untrusted"],
  ["a name that the certificate does not have", { ...TLS, serverName: "other.test" }, "fail tls-name"],
  ["no verification", { ca: OTHER_CA, verify: false }, "pass"],
  ["a certificate that ends within warnBefore", { ...TLS, warnBefore: 8_640_000_000 }, "warn tls-ending"],
];
