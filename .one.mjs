var __defProp = Object.defineProperty;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __esm = (fn, res, err) =>
  function __init() {
    if (err) throw err[0];
    try {
      return fn && (res = (0, fn[__getOwnPropNames(fn)[0]])((fn = 0))), res;
    } catch (e) {
      throw ((err = [e]), e);
    }
  };
var __export = (target, all2) => {
  for (var name in all2) __defProp(target, name, { get: all2[name], enumerable: true });
};

// src/core/health-error.ts
function messageOf(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
var HealthError;
var init_health_error = __esm({
  "src/core/health-error.ts"() {
    HealthError = class extends Error {
      name = "HealthError";
      code;
      constructor(code, message, options) {
        super(message, options);
        this.code = code;
      }
    };
  },
});

// src/checks/violation.ts
function formatPath(path) {
  return path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /^[\w/-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join("")
    .replace(/^\./, "");
}
var init_violation = __esm({
  "src/checks/violation.ts"() {
    init_health_error();
  },
});

// src/config/fault.ts
function lineOf(file, { place, path, text: text2 }) {
  if (typeof place === "string") return `${place}: ${text2}`;
  const where = path.length === 0 ? "" : ` ${shortened(formatPath(path))}:`;
  return `${file}:${place.line}:${place.column}:${where} ${text2}`;
}
function shortened(path) {
  if (path.length <= MAX_PATH_CHARACTERS) return path;
  return `${path.slice(0, MAX_PATH_CHARACTERS / 2)}...${path.slice(-MAX_PATH_CHARACTERS / 2)}`;
}
function compare(one, other) {
  if (typeof one === "string" || typeof other === "string")
    return Number(typeof one === "string") - Number(typeof other === "string");
  return one.line - other.line || one.column - other.column;
}
var ConfigError, FaultList, MAX_PATH_CHARACTERS;
var init_fault = __esm({
  "src/config/fault.ts"() {
    init_violation();
    init_health_error();
    ConfigError = class extends HealthError {
      faults;
      constructor(file, faults, options) {
        const sorted = faults.toSorted((one, other) => compare(one.place, other.place));
        const lines = new Set(sorted.map((fault) => lineOf(file, fault)));
        super("INVALID_CONFIG", [...lines].join("\n"), options);
        this.faults = sorted;
      }
    };
    FaultList = class {
      #faults = [];
      /** Every path with a fault, and every path that leads to one. */
      #faulty = /* @__PURE__ */ new Map();
      get faults() {
        return this.#faults;
      }
      add(fault) {
        let inside3 = this.#faulty;
        let isNew = fault.path.length === 0;
        for (const step of fault.path) {
          const known = inside3.get(step);
          isNew = known === void 0;
          const next = known ?? /* @__PURE__ */ new Map();
          inside3.set(step, next);
          inside3 = next;
        }
        if (isNew) this.#faults.push(fault);
      }
    };
    MAX_PATH_CHARACTERS = 400;
  },
});

// src/config/read-file.ts
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";

function isDescriptor(path) {
  return /^(?:-|\/dev\/stdin|\/dev\/fd\/\d+|\/proc\/self\/fd\/\d+)$/.test(path);
}
function readRegularFile(path) {
  return attempt(() => {
    const type = otherType(statSync(path));
    return type === void 0 ? readOpened(path, 0) : { fault: notRegular(type) };
  });
}
function readDescriptor(path, maxPipeMs = MAX_PIPE_MS) {
  return attempt(() => readOpened(path === "-" ? "/dev/stdin" : path, maxPipeMs));
}
function readOpened(path, maxPipeMs) {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(file);
    const isPipe = stats.isFIFO() && maxPipeMs > 0;
    const type = otherType(stats);
    if (type !== void 0 && !isPipe) return { fault: notRegular(type) };
    if (stats.size > MAX_FILE_BYTES) return { fault: tooLong(`${stats.size}`) };
    const bytes = isPipe ? readPipe(file, maxPipeMs) : readAll((buffer) => readSync(file, buffer));
    if (bytes === void 0) return { fault: `: its writer was not done within ${maxPipeMs / 1e3} s` };
    if (bytes.length > MAX_FILE_BYTES) return { fault: tooLong(`more than ${MAX_FILE_BYTES}`) };
    return { text: bytes.toString("utf8"), isReadableByAll: (stats.mode & READABLE_BY_ALL) !== 0 };
  } finally {
    closeSync(file);
  }
}
function readAll(read) {
  const chunks = [];
  for (let total = 0; total <= MAX_FILE_BYTES; ) {
    const chunk = Buffer.alloc(Math.min(65536, MAX_FILE_BYTES + 1 - total));
    const count2 = read(chunk);
    if (count2 === void 0) return void 0;
    if (count2 === 0) break;
    chunks.push(chunk.subarray(0, count2));
    total += count2;
  }
  return Buffer.concat(chunks);
}
function readPipe(file, maxPipeMs) {
  const endsAt = performance.now() + maxPipeMs;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  return readAll((buffer) => {
    while (performance.now() < endsAt) {
      try {
        return readSync(file, buffer);
      } catch (error) {
        if (codeOf(error) !== "EAGAIN") throw error;
        Atomics.wait(sleeper, 0, 0, PIPE_POLL_MS);
      }
    }
    return void 0;
  });
}
function otherType(stats) {
  if (stats.isFile()) return void 0;
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a named pipe (FIFO)";
  return stats.isSocket() ? "a socket" : "a device";
}
function notRegular(type) {
  return `: it is ${type}, not a regular file`;
}
function tooLong(size) {
  return `: it has ${size} bytes; the limit is ${MAX_FILE_BYTES}`;
}
function attempt(read) {
  try {
    return read();
  } catch (error) {
    return { fault: ` (${codeOf(error)})` };
  }
}
function codeOf(error) {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
var MAX_FILE_BYTES, MAX_PIPE_MS, PIPE_POLL_MS, READABLE_BY_ALL;
var init_read_file = __esm({
  "src/config/read-file.ts"() {
    MAX_FILE_BYTES = 1048576;
    MAX_PIPE_MS = 3e4;
    PIPE_POLL_MS = 5;
    READABLE_BY_ALL = 4;
  },
});

// src/config/files.ts
function createFiles() {
  const warnings = /* @__PURE__ */ new Set();
  const contents = /* @__PURE__ */ new Map();
  let total = 0;
  const read = (file, refuse) => {
    const content = contents.get(file) ?? (total > MAX_CHARACTERS ? TOO_MANY : readRegularFile(file));
    if (!contents.has(file) && "text" in content) total += content.text.length;
    contents.set(file, content);
    if ("text" in content) return content;
    refuse(`cannot read the file ${file}${content.fault}`);
    return void 0;
  };
  return {
    get warnings() {
      return [...warnings];
    },
    text: (file, refuse) => read(file, refuse)?.text,
    secret(file, refuse) {
      const content = read(file, refuse);
      if (content?.isReadableByAll === true)
        warnings.add(`${file} contains a secret, and every user of this machine can read it; try: chmod o-r ${file}`);
      return content?.text;
    },
  };
}
var MAX_CHARACTERS, TOO_MANY;
var init_files = __esm({
  "src/config/files.ts"() {
    init_read_file();
    MAX_CHARACTERS = 16777216;
    TOO_MANY = {
      fault: `: the files that the configuration names have more than ${MAX_CHARACTERS} characters together`,
    };
  },
});

// src/config/redact.ts
var MIN_SECRET_CHARACTERS, MAX_UNCUT_CHARACTERS, Redactor, PieceSet;
var init_redact = __esm({
  "src/config/redact.ts"() {
    MIN_SECRET_CHARACTERS = 4;
    MAX_UNCUT_CHARACTERS = 24;
    Redactor = class {
      #long = new PieceSet();
      #all = new PieceSet();
      constructor(pieces) {
        for (const piece of pieces) {
          for (const form of /* @__PURE__ */ new Set([piece, JSON.stringify(piece).slice(1, -1)])) {
            this.#all.add(form);
            if (piece.length >= MIN_SECRET_CHARACTERS) this.#long.add(form);
          }
        }
      }
      /** @param isSubstituted whether the text is about a value that contained `${...}` */
      redact(text2, isSubstituted) {
        const pieces = isSubstituted ? this.#all : this.#long;
        let redacted = "";
        let copied = 0;
        for (let at2 = 0; at2 < text2.length; ) {
          const end = pieces.endOfMatch(text2, at2);
          if (end === void 0) {
            at2 += 1;
            continue;
          }
          redacted += `${text2.slice(copied, at2)}***`;
          at2 = end;
          copied = end;
        }
        return redacted + text2.slice(copied);
      }
    };
    PieceSet = class {
      /** The first letters of each piece, as many as `MIN_SECRET_CHARACTERS` or fewer. */
      #beginnings = /* @__PURE__ */ new Set();
      #pieces = /* @__PURE__ */ new Set();
      /** In descending order: the longest piece matches. */
      #lengths = [];
      add(piece) {
        const shown2 = piece.slice(0, MAX_UNCUT_CHARACTERS + 1);
        this.#pieces.add(shown2);
        this.#beginnings.add(shown2.slice(0, MIN_SECRET_CHARACTERS));
        if (this.#lengths.includes(shown2.length)) return;
        this.#lengths = [...this.#lengths, shown2.length].sort((one, other) => other - one);
      }
      /** The end of the piece that the text has at a position. */
      endOfMatch(text2, at2) {
        if (!this.#mayMatch(text2, at2)) return void 0;
        const length = this.#lengths.find((each) => this.#pieces.has(text2.slice(at2, at2 + each)));
        if (length === void 0) return void 0;
        if (length <= MAX_UNCUT_CHARACTERS) return at2 + length;
        const quote = text2.indexOf('"', at2 + length);
        return quote === -1 ? text2.length : quote;
      }
      #mayMatch(text2, at2) {
        const shortest = this.#lengths.at(-1) ?? Number.POSITIVE_INFINITY;
        for (let length = MIN_SECRET_CHARACTERS; length >= Math.min(shortest, MIN_SECRET_CHARACTERS); length -= 1)
          if (this.#beginnings.has(text2.slice(at2, at2 + length))) return true;
        return false;
      }
    };
  },
});

// src/core/nearest.ts
function nearestTo(word, candidates) {
  if (word.length > MAX_CHARACTERS2) return void 0;
  const farthest = Math.max(1, Math.floor(word.length / 3));
  let nearest;
  let least = farthest + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const distance = editDistance(word, candidate);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}
function editDistance(from, to) {
  let twoAbove = [];
  let above = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line += 1) {
    [twoAbove, above, row] = [above, row, [line]];
    for (let column = 1; column <= to.length; column += 1) {
      const [one, other] = [from[line - 1], to[column - 1]];
      const replaced = at(above, column - 1) + (one === other ? 0 : 1);
      const swaps = column > 1 && one === to[column - 2] && from[line - 2] === other;
      const swapped = swaps ? at(twoAbove, column - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(replaced, swapped, at(above, column) + 1, at(row, column - 1) + 1));
    }
  }
  return at(row, to.length);
}
function at(row, column) {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
var MAX_CHARACTERS2;
var init_nearest = __esm({
  "src/core/nearest.ts"() {
    MAX_CHARACTERS2 = 200;
  },
});

// src/core/duration.ts
function parseDuration(value) {
  const ms = typeof value === "number" ? value : typeof value === "string" ? parseText(value) : Number.NaN;
  return ms >= 0 && ms <= MAX_MS ? ms : void 0;
}
function isDuration(text2) {
  return parseDuration(text2) !== void 0;
}
function formatDuration(ms) {
  let rest = Math.round(ms);
  let text2 = "";
  for (const unit of ["h", "m", "s"]) {
    const count2 = Math.floor(rest / UNIT_MS[unit]);
    if (count2 > 0) text2 += `${count2}${unit}`;
    rest -= count2 * UNIT_MS[unit];
  }
  return rest > 0 || text2 === "" ? `${text2}${rest}ms` : text2;
}
function parseText(text2) {
  if (!WHOLE.test(text2)) return Number.NaN;
  let ms = 0;
  for (const [, count2, unit] of text2.matchAll(PART)) ms += Number(count2) * UNIT_MS[unit];
  return ms;
}
var UNIT_MS, PART, WHOLE, MAX_MS;
var init_duration = __esm({
  "src/core/duration.ts"() {
    UNIT_MS = { ms: 1, s: 1e3, m: 6e4, h: 36e5 };
    PART = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;
    WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
    MAX_MS = 365 * 24 * UNIT_MS.h;
  },
});

// src/checks/settings.ts
function formatDefault({ type, default: value, defaultText }) {
  if (defaultText !== void 0 || value === void 0) return defaultText;
  if (type === "duration") return value === 0 ? "0s" : formatDuration(Number(value));
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(" and ");
  return String(value);
}
function readSettings(given2) {
  const reader = new SettingsReader(given2);
  const intervalMs = reader.duration("interval", SCHEDULE_SETTINGS.interval.default);
  const timeoutMs = reader.duration("timeout", Math.min(SCHEDULE_SETTINGS.timeout.default, intervalMs / 2));
  if (timeoutMs >= intervalMs) reader.refuse("timeout", `must be below the interval of ${formatDuration(intervalMs)}`);
  const unhealthyIntervalMs = reader.duration("unhealthyInterval", intervalMs);
  const longestMs = 3 * Math.max(intervalMs, unhealthyIntervalMs) + timeoutMs;
  const settings = Object.freeze({
    intervalMs,
    timeoutMs,
    initialDelayMs: reader.duration("initialDelay", SCHEDULE_SETTINGS.initialDelay.default, 0),
    jitter: reader.share("jitter"),
    unhealthyThreshold: reader.count("unhealthyThreshold"),
    healthyThreshold: reader.count("healthyThreshold"),
    edgeIntervalMs: reader.duration("edgeInterval", Math.min(SCHEDULE_SETTINGS.edgeInterval.default, intervalMs)),
    unhealthyIntervalMs,
    critical: reader.critical(),
    staleAfterMs: reader.duration("staleAfter", Math.max(longestMs, MIN_STALE_AFTER_MS)),
    maxLatencyMs: reader.duration("maxLatency", Number.POSITIVE_INFINITY),
    services: reader.services(),
  });
  return { settings, faults: reader.faults };
}
var MIN_STALE_AFTER_MS, SCHEDULE_SETTINGS, CHECK_SETTINGS, SettingsReader;
var init_settings = __esm({
  "src/checks/settings.ts"() {
    init_duration();
    init_violation();
    MIN_STALE_AFTER_MS = 3e4;
    SCHEDULE_SETTINGS = {
      interval: {
        type: "duration",
        default: 1e4,
        meaning: "The time from the start of one probe to the start of the next.",
        flag: { name: "interval", value: "TIME" },
      },
      timeout: {
        type: "duration",
        default: 2e3,
        defaultText: "2s, or half of a shorter interval",
        meaning: "One deadline over DNS, connect, TLS and answer; below interval.",
        flag: { name: "timeout", value: "TIME" },
      },
      initialDelay: { type: "duration", default: 0, meaning: "The time before the first probe." },
      jitter: {
        type: "share",
        default: 0.1,
        meaning: "How far an interval varies, as a share of it.",
        flag: { name: "jitter", value: "PERCENT" },
      },
      unhealthyThreshold: {
        type: "count",
        default: 3,
        meaning: "Failures in a row that turn passing to failing.",
        flag: { name: "unhealthy-threshold", value: "N" },
      },
      healthyThreshold: {
        type: "count",
        default: 2,
        meaning: "Passes in a row that turn failing to passing; the very first result decides at once.",
        flag: { name: "healthy-threshold", value: "N" },
      },
      edgeInterval: {
        type: "duration",
        default: 2e3,
        defaultText: "2s, or interval where that is shorter",
        meaning: "The interval while a threshold is being counted.",
      },
      unhealthyInterval: { type: "duration", defaultText: "interval", meaning: "The interval while failing." },
      staleAfter: {
        type: "duration",
        defaultText: `max(3 x interval + timeout, ${formatDuration(MIN_STALE_AFTER_MS)})`,
        meaning: "After this time without a result the check is pending again.",
      },
    };
    CHECK_SETTINGS = {
      ...SCHEDULE_SETTINGS,
      critical: {
        type: "switch",
        default: true,
        meaning: "Whether a failure makes the services of the check NOT_SERVING; if not, they are only degraded.",
      },
      services: {
        type: "texts",
        default: [],
        meaning: "Services that the check counts for, in addition to its own.",
      },
      maxLatency: {
        type: "duration",
        defaultText: "no limit",
        meaning: "A pass that takes longer makes the services of the check degraded.",
      },
    };
    SettingsReader = class {
      faults = [];
      #given;
      constructor(given2) {
        this.#given = given2;
      }
      refuse(setting2, expected) {
        const value = this.#given[setting2];
        const got = typeof value === "bigint" ? String(value) : JSON.stringify(value);
        this.faults.push({ setting: setting2, text: `${expected}; got ${got}` });
      }
      duration(setting2, defaultMs, minMs = 1) {
        const value = this.#given[setting2];
        if (value === void 0) return defaultMs;
        const ms = parseDuration(value);
        if (ms !== void 0 && ms >= minMs) return ms;
        this.refuse(setting2, `must be a duration${minMs > 0 ? " above zero" : ""}, such as 5s, 500ms or 1m`);
        return defaultMs;
      }
      count(setting2) {
        const value = this.#given[setting2] ?? SCHEDULE_SETTINGS[setting2].default;
        if (Number.isInteger(value) && value >= 1) return value;
        this.refuse(setting2, "must be a whole number from 1 on");
        return SCHEDULE_SETTINGS[setting2].default;
      }
      share(setting2) {
        const value = this.#given[setting2] ?? SCHEDULE_SETTINGS[setting2].default;
        if (typeof value === "number" && value >= 0 && value <= 1) return value;
        this.refuse(setting2, "must be a share from 0 to 1");
        return SCHEDULE_SETTINGS[setting2].default;
      }
      critical() {
        const value = this.#given.critical ?? CHECK_SETTINGS.critical.default;
        if (typeof value === "boolean") return value;
        this.refuse("critical", "must be true or false");
        return CHECK_SETTINGS.critical.default;
      }
      services() {
        const value = this.#given.services ?? CHECK_SETTINGS.services.default;
        if (Array.isArray(value)) return value;
        this.refuse("services", "must be a list of names");
        return CHECK_SETTINGS.services.default;
      }
    };
  },
});

// src/core/engine-name.ts
var ENGINE_NAMES, DEFAULT_ENGINE;
var init_engine_name = __esm({
  "src/core/engine-name.ts"() {
    ENGINE_NAMES = ["native", "grpc-js"];
    DEFAULT_ENGINE = "native";
  },
});

// src/probers/prober.ts
function warn(reason, detail) {
  return { ...fail(reason, detail), outcome: "warn" };
}
function fail(reason, detail) {
  return { outcome: "fail", reason, detail: detail.slice(0, MAX_DETAIL_CHARACTERS).toWellFormed() };
}
var ProberError, PASS, MAX_DETAIL_CHARACTERS;
var init_prober = __esm({
  "src/probers/prober.ts"() {
    ProberError = class extends Error {
      name = "ProberError";
      reason;
      constructor(reason, message, options) {
        super(message, options);
        this.reason = reason;
      }
    };
    PASS = { outcome: "pass" };
    MAX_DETAIL_CHARACTERS = 300;
  },
});

// src/probers/certificate.ts
function withCertificate(result, endsAt, wallTime, warnBeforeMs = DEFAULT_WARN_BEFORE_MS) {
  if (endsAt === void 0) return result;
  const certificate = { certificateEndsAt: endsAt };
  const isNear = warnBeforeMs > 0 && endsAt - wallTime < warnBeforeMs;
  if (result.outcome !== PASS.outcome || !isNear) return { ...result, ...certificate };
  const days = Math.max(0, Math.floor((endsAt - wallTime) / DAY_MS));
  return { ...warn("tls-ending", `the certificate ends in ${days} days`), ...certificate };
}
var DAY_MS, DEFAULT_WARN_BEFORE_MS;
var init_certificate = __esm({
  "src/probers/certificate.ts"() {
    init_prober();
    DAY_MS = 864e5;
    DEFAULT_WARN_BEFORE_MS = 14 * DAY_MS;
  },
});

// src/core/channels.ts
import { channel } from "node:diagnostics_channel";

var table;
var init_channels = __esm({
  "src/core/channels.ts"() {
    table = {
      transition: channel("healthbridge:transition"),
      "write-held": channel("healthbridge:write-held"),
      "listener-failed": channel("healthbridge:listener-failed"),
      probe: channel("healthbridge:probe"),
      "prober-failed": channel("healthbridge:prober-failed"),
      "result-dropped": channel("healthbridge:result-dropped"),
      stall: channel("healthbridge:stall"),
      isolation: channel("healthbridge:isolation"),
      call: channel("healthbridge:call"),
      "http-request": channel("healthbridge:http-request"),
      reload: channel("healthbridge:reload"),
      "connection-ended": channel("healthbridge:connection-ended"),
      fault: channel("healthbridge:fault"),
    };
  },
});

// src/checks/isolation.ts
var DEFAULT_MAX_HOLD_MS;
var init_isolation = __esm({
  "src/checks/isolation.ts"() {
    init_channels();
    DEFAULT_MAX_HOLD_MS = 6e4;
  },
});

// src/core/option.ts
var MAX_TIMER_MS, DEFAULT_LIST_LIMIT;
var init_option = __esm({
  "src/core/option.ts"() {
    init_health_error();
    MAX_TIMER_MS = 2 ** 31 - 1;
    DEFAULT_LIST_LIMIT = 1e4;
  },
});

// src/lifecycle/shutdown.ts
var DEFAULT_DRAIN_DELAY_MS;
var init_shutdown = __esm({
  "src/lifecycle/shutdown.ts"() {
    DEFAULT_DRAIN_DELAY_MS = 5e3;
  },
});

// src/core/bearer-token.ts
function requireToken(token) {
  if (token === void 0 || /^\S+$/.test(token)) return token;
  throw new HealthError("INVALID_OPTION", "token must be one word without spaces, and not empty");
}
var init_bearer_token = __esm({
  "src/core/bearer-token.ts"() {
    init_health_error();
  },
});

// src/core/service-name.ts
function isView(name) {
  return VIEWS.includes(name);
}
function serviceNameFault(name) {
  if (typeof name !== "string") return `must be a string, not ${name === null ? "null" : typeof name}`;
  if (Buffer.byteLength(name) > MAX_SERVICE_NAME_BYTES)
    return `must be at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8`;
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return "must not contain control characters";
  if (!name.isWellFormed()) return "must be well-formed Unicode (it has half of a surrogate pair)";
  if (isView(name)) return `must not be "${name}", which is reserved for the ${name} view`;
  return void 0;
}
var MAX_SERVICE_NAME_BYTES, OVERALL, VIEWS;
var init_service_name = __esm({
  "src/core/service-name.ts"() {
    MAX_SERVICE_NAME_BYTES = 200;
    OVERALL = "";
    VIEWS = ["liveness", "readiness", "startup"];
  },
});

// src/wire/protobuf.ts
function readFields(bytes) {
  const fields = [];
  let offset = 0;
  while (offset < bytes.length) {
    const field = readField(bytes, offset, 0);
    if (field === void 0) return void 0;
    fields.push(field);
    offset = field.end;
  }
  return fields;
}
function readVarint(bytes, offset) {
  let value = 0;
  for (let index = 0; index < MAX_VARINT_BYTES; index += 1) {
    const byte = bytes[offset + index];
    if (byte === void 0) return void 0;
    value += (byte & 127) * 2 ** (7 * index);
    if (byte < 128) return { value, end: offset + index + 1 };
  }
  return void 0;
}
function lengthDelimited(fieldNumber, content) {
  return Buffer.concat([lengthDelimitedHead(fieldNumber, content.length), content]);
}
function lengthDelimitedHead(fieldNumber, length) {
  const tag = fieldNumber * 8 + LENGTH_DELIMITED;
  return Buffer.from(tag < 128 && length < 128 ? [tag, length] : [...varint(tag), ...varint(length)]);
}
function varint(value) {
  const bytes = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}
function readField(bytes, offset, depth) {
  const tag = readVarint(bytes, offset);
  if (tag === void 0) return void 0;
  const number2 = Math.floor(tag.value / 8);
  const wireType = tag.value % 8;
  if (number2 < 1 || number2 > MAX_FIELD_NUMBER) return void 0;
  const content = readContent(bytes, tag.end, { number: number2, wireType, depth });
  return content && content.end <= bytes.length ? { number: number2, wireType, ...content } : void 0;
}
function readContent(bytes, offset, tag) {
  switch (tag.wireType) {
    case VARINT: {
      const varint2 = readVarint(bytes, offset);
      return varint2 && { start: offset, end: varint2.end };
    }
    case FIXED_64:
      return { start: offset, end: offset + 8 };
    case FIXED_32:
      return { start: offset, end: offset + 4 };
    case LENGTH_DELIMITED: {
      const length = readVarint(bytes, offset);
      return length && { start: length.end, end: length.end + length.value };
    }
    case START_GROUP:
      return tag.depth < MAX_GROUP_DEPTH ? readGroup(bytes, offset, tag.number, tag.depth) : void 0;
    default:
      return void 0;
  }
}
function readGroup(bytes, start, number2, depth) {
  const endTag = number2 * 8 + 4;
  let offset = start;
  while (offset < bytes.length) {
    const tag = readVarint(bytes, offset);
    if (tag?.value === endTag) return { start, end: tag.end };
    const field = readField(bytes, offset, depth + 1);
    if (field === void 0) return void 0;
    offset = field.end;
  }
  return void 0;
}
var LENGTH_DELIMITED,
  VARINT,
  FIXED_64,
  START_GROUP,
  FIXED_32,
  MAX_VARINT_BYTES,
  MAX_FIELD_NUMBER,
  MAX_GROUP_DEPTH,
  utf8;
var init_protobuf = __esm({
  "src/wire/protobuf.ts"() {
    LENGTH_DELIMITED = 2;
    VARINT = 0;
    FIXED_64 = 1;
    START_GROUP = 3;
    FIXED_32 = 5;
    MAX_VARINT_BYTES = 10;
    MAX_FIELD_NUMBER = 2 ** 29 - 1;
    MAX_GROUP_DEPTH = 16;
    utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  },
});

// src/wire/health-messages.ts
function writeHealthCheckRequest(service) {
  return service === "" ? Buffer.alloc(0) : lengthDelimited(SERVICE_FIELD, Buffer.from(service));
}
function readHealthCheckResponse(bytes) {
  let number2 = 0;
  for (const field of readFields(bytes) ?? [{ number: STATUS_FIELD, wireType: -1, start: 0, end: 0 }]) {
    if (field.number !== STATUS_FIELD) continue;
    if (field.wireType !== VARINT) return void 0;
    number2 = readVarint(bytes, field.start)?.value ?? -1;
  }
  return STATUS_NUMBERS[number2];
}
function responseOf(status) {
  const number2 = STATUS_NUMBERS.indexOf(status);
  return number2 === 0 ? Buffer.alloc(0) : Buffer.from([STATUS_TAG, number2]);
}
var HEALTH_SERVICE, STATUS_NUMBERS, STATUS_TAG, SERVICE_FIELD, MAX_PLAIN_BYTES, STATUS_FIELD, RESPONSES, STATUS_VALUES;
var init_health_messages = __esm({
  "src/wire/health-messages.ts"() {
    init_service_name();
    init_protobuf();
    HEALTH_SERVICE = "grpc.health.v1.Health";
    STATUS_NUMBERS = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
    STATUS_TAG = 8;
    SERVICE_FIELD = 1;
    MAX_PLAIN_BYTES = 2 + 127;
    STATUS_FIELD = 1;
    RESPONSES = {
      UNKNOWN: responseOf("UNKNOWN"),
      SERVING: responseOf("SERVING"),
      NOT_SERVING: responseOf("NOT_SERVING"),
      SERVICE_UNKNOWN: responseOf("SERVICE_UNKNOWN"),
    };
    STATUS_VALUES = {
      UNKNOWN: lengthDelimited(2, RESPONSES.UNKNOWN),
      SERVING: lengthDelimited(2, RESPONSES.SERVING),
      NOT_SERVING: lengthDelimited(2, RESPONSES.NOT_SERVING),
      SERVICE_UNKNOWN: lengthDelimited(2, RESPONSES.SERVICE_UNKNOWN),
    };
  },
});

// src/transports/grpc/answers.ts
var init_answers = __esm({
  "src/transports/grpc/answers.ts"() {
    init_service_name();
    init_health_messages();
  },
});

// src/transports/grpc/fan-out.ts
var init_fan_out = __esm({
  "src/transports/grpc/fan-out.ts"() {
    init_channels();
  },
});

// src/core/latest.ts
var init_latest = __esm({
  "src/core/latest.ts"() {},
});

// src/transports/grpc/watch.ts
var init_watch = __esm({
  "src/transports/grpc/watch.ts"() {
    init_channels();
    init_latest();
    init_health_messages();
  },
});

// src/transports/grpc/health-service.ts
var DEFAULT_MAX_WATCHERS;
var init_health_service = __esm({
  "src/transports/grpc/health-service.ts"() {
    init_bearer_token();
    init_channels();
    init_option();
    init_health_messages();
    init_answers();
    init_fan_out();
    init_watch();
    DEFAULT_MAX_WATCHERS = 5e4;
  },
});

// src/config/keys.ts
function describeSetting(setting2) {
  const value = formatDefault(setting2);
  const sentences = [setting2.meaning, value === void 0 ? "" : `Default ${value}.`];
  return [...sentences, setting2.restart ? "A change needs a restart." : ""].filter((text2) => text2 !== "").join(" ");
}
var TOP_KEYS, TLS_KEYS, ISOLATION_KEYS;
var init_keys = __esm({
  "src/config/keys.ts"() {
    init_isolation();
    init_settings();
    init_engine_name();
    init_option();
    init_shutdown();
    init_health_service();
    TOP_KEYS = {
      listen: {
        type: "texts",
        default: [":50051", ":8080"],
        meaning:
          "Addresses, each for gRPC and HTTP: :PORT, HOST:PORT, [IPV6]:PORT, unix:/PATH, or plain://ADDR without TLS.",
        flag: { name: "listen", value: "ADDR" },
        restart: true,
      },
      allowExec: { type: "switch", default: false, meaning: "Whether checks may run programs." },
      allowLinkLocal: {
        type: "switch",
        default: false,
        meaning: "Whether targets may have link-local addresses, such as those of cloud metadata services.",
      },
      engine: {
        type: "engine",
        default: DEFAULT_ENGINE,
        meaning: "The implementation of HTTP/2: native (made for health checks) or grpc-js.",
        flag: { name: "engine", value: "NAME" },
        restart: true,
      },
      paths: {
        type: "texts",
        default: [],
        meaning: "HTTP paths that are answered like /healthcheck.",
        flag: { name: "path", value: "/PATH" },
        restart: true,
      },
      statusCodePaths: {
        type: "texts",
        default: [],
        meaning: "gRPC methods that are answered with OK or UNAVAILABLE, such as /AWS.ALB/healthcheck for AWS ALB.",
        flag: { name: "status-code-path", value: "/PKG/METHOD" },
        restart: true,
      },
      drainDelay: {
        type: "duration",
        default: DEFAULT_DRAIN_DELAY_MS,
        meaning: "How long to keep serving after SIGTERM, with every service NOT_SERVING.",
        flag: { name: "drain-delay", value: "TIME" },
      },
      tokenFile: {
        type: "text",
        meaning: "A file with the token that clients must send to list the services (authorization: Bearer TOKEN).",
        flag: { name: "token-file", value: "FILE" },
        restart: true,
      },
      listLimit: {
        type: "count",
        default: DEFAULT_LIST_LIMIT,
        meaning: "The maximum number of services in a List. With more services, List fails with RESOURCE_EXHAUSTED.",
        restart: true,
      },
      maxWatchers: {
        type: "count",
        default: DEFAULT_MAX_WATCHERS,
        meaning: "The maximum number of Watch streams that are open at the same time.",
        restart: true,
      },
    };
    TLS_KEYS = {
      certFile: {
        type: "text",
        meaning: "The certificate chain (PEM): TLS on every address except plain://ADDR.",
        flag: { name: "tls-cert", value: "FILE" },
      },
      keyFile: { type: "text", meaning: "The key of the certificate (PEM).", flag: { name: "tls-key", value: "FILE" } },
      clientCaFile: {
        type: "text",
        meaning: "The CA (PEM) that must have issued the certificates of clients (mTLS).",
        flag: { name: "tls-client-ca", value: "FILE" },
      },
    };
    ISOLATION_KEYS = {
      selfCheck: {
        type: "text",
        meaning: "A URL that is reachable whenever our own network works, for example of a gateway.",
      },
      maxHold: {
        type: "duration",
        default: DEFAULT_MAX_HOLD_MS,
        meaning: "The maximum time for which statuses are held.",
      },
    };
  },
});

// src/config/schema.ts
import * as v from "valibot";

function notADuration(input) {
  if (typeof input === "number" && input >= 0) return `${input} has no unit (try ${input}s, 500ms, 1m)`;
  return `${typeof input === "number" ? input : shown(input)} is not a duration (try 5s, 500ms, 1m)`;
}
function keysOf(rows) {
  const entries = Object.entries(rows).map(([key, row]) => [key, v.optional(OF_TYPE[row.type](describeSetting(row)))]);
  return Object.fromEntries(entries);
}
function isTable(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function shown(value) {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}
function kindOf(value) {
  if (value === null || value === void 0) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object"
    ? "a table"
    : `${typeof value === "boolean" ? "" : "the "}${typeof value} ${shown(value)}`.trim();
}
var duration,
  text,
  texts,
  switchValue,
  oneOf,
  notACount,
  count,
  notAShare,
  share,
  OF_TYPE,
  choice,
  noList,
  table2,
  group,
  BODY_TEXT,
  BODY_PATTERN,
  EXPECT,
  TARGET_TLS,
  HEARTBEAT,
  CHECK,
  URL_ALONE,
  CHECK_OR_URL,
  MEMBERS,
  SERVICE_FORMS,
  list,
  all,
  any,
  quorum,
  SERVICE,
  listen,
  otherKeys,
  CONFIG_SCHEMA;
var init_schema = __esm({
  "src/config/schema.ts"() {
    init_settings();
    init_duration();
    init_engine_name();
    init_certificate();
    init_keys();
    duration = (description2) =>
      v.pipe(
        v.string(({ input }) => notADuration(input)),
        v.regex(/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/, ({ input }) => notADuration(input)),
        v.check(isDuration, ({ input }) => notADuration(input)),
        v.description(description2),
      );
    text = (description2) =>
      v.pipe(
        v.string(({ input }) => `must be text, not ${kindOf(input)}`),
        v.nonEmpty("must not be empty"),
        v.description(description2),
      );
    texts = (description2) =>
      v.pipe(
        v.array(text("one"), ({ input }) => `must be a list of texts, not ${kindOf(input)}`),
        v.description(description2),
      );
    switchValue = (description2) =>
      v.pipe(
        v.boolean(({ input }) => `must be true or false; got ${shown(input)}`),
        v.description(description2),
      );
    oneOf = (words, description2) =>
      v.pipe(
        v.picklist(words, ({ input }) => `must be ${words.join(" or ")}; got ${shown(input)}`),
        v.description(description2),
      );
    notACount = ({ input }) => `must be a whole number from 1 on; got ${shown(input)}`;
    count = (description2) =>
      v.pipe(
        v.number(notACount),
        v.integer(notACount),
        v.minValue(1, notACount),
        v.maxValue(Number.MAX_SAFE_INTEGER, notACount),
        v.description(description2),
      );
    notAShare = ({ input }) => `must be a share from 0 to 1; got ${shown(input)}`;
    share = (description2) =>
      v.pipe(v.number(notAShare), v.minValue(0, notAShare), v.maxValue(1, notAShare), v.description(description2));
    OF_TYPE = {
      duration,
      count,
      share,
      text,
      texts,
      switch: switchValue,
      engine: (description2) => oneOf(ENGINE_NAMES, description2),
    };
    choice = (union2, pick) =>
      // what is picked is a member of the union; without a value (for the JSON Schema) it is the union itself
      v.lazy((input) => (input === void 0 ? union2 : pick(input)));
    noList = (schema) => {
      const refusal = v.never(({ input }) => `must be a table, not ${kindOf(input)}`);
      return choice(schema, (input) => (Array.isArray(input) ? refusal : schema));
    };
    table2 = (value, description2) =>
      noList(
        v.pipe(
          v.record(v.string(), value, ({ input }) => `must be a table of names, not ${kindOf(input)}`),
          v.description(description2),
        ),
      );
    group = (entries, description2) =>
      noList(
        v.pipe(
          v.strictObject(entries, ({ input }) => `must be a table, not ${kindOf(input)}`),
          v.description(description2),
        ),
      );
    BODY_TEXT = text("Text that the body must contain.");
    BODY_PATTERN = group(
      { matches: text("An RE2 regular expression that the body must match.") },
      "What the body must be.",
    );
    EXPECT = group(
      {
        status: v.optional(
          v.pipe(
            v.array(v.union([v.number(), v.string()], "must be a status or a range: 204, 200-299")),
            v.description("HTTP statuses and ranges. Default 200-299."),
          ),
        ),
        body: v.optional(
          choice(v.union([BODY_TEXT, BODY_PATTERN]), (input) => (isTable(input) ? BODY_PATTERN : BODY_TEXT)),
        ),
        headers: v.optional(table2(text("value"), "Headers of the response, with the value that each must have.")),
        json: v.optional(
          table2(
            v.union([v.string(), v.number(), v.boolean(), v.null()], "must be text, a number, true, false or null"),
            "Values in a JSON body by their path: status, checks.db.ok, items[0].name.",
          ),
        ),
        maxLatency: v.optional(duration(describeSetting(CHECK_SETTINGS.maxLatency))),
      },
      "What the answer must be.",
    );
    TARGET_TLS = group(
      {
        caFile: v.optional(text("CA certificates (PEM) that are trusted instead of those of the system.")),
        certFile: v.optional(text("The client certificate (PEM), for targets that ask for one.")),
        keyFile: v.optional(text("The key of the client certificate (PEM).")),
        serverName: v.optional(text("The name that the target's certificate must have. Default: the target's host.")),
        verify: v.optional(switchValue("Whether the target's certificate must be valid. Default true.")),
        warnBefore: v.optional(
          duration(
            `A certificate that expires within this time makes the services of the check degraded. Default ${formatDuration(DEFAULT_WARN_BEFORE_MS)}.`,
          ),
        ),
      },
      "How to use TLS with the target.",
    );
    HEARTBEAT = group(
      {
        ttl: duration("The time within which a report must come."),
        token: text("The Bearer token of a report. Take it from ${NAME} or ${file:PATH}."),
      },
      "A passive check: its reports come as POST /heartbeat/<check> with the token.",
    );
    CHECK = group(
      {
        target: v.optional(text("What is probed, as a URL.")),
        exec: v.optional(texts("A program with its arguments, in place of a target. It needs allowExec.")),
        heartbeat: v.optional(HEARTBEAT),
        ...keysOf(SCHEDULE_SETTINGS),
        ...keysOf({ critical: CHECK_SETTINGS.critical, services: CHECK_SETTINGS.services }),
        expect: v.optional(EXPECT),
        reuse: v.optional(switchValue("Whether the connection is kept for the next probe. Default true.")),
        maxConnectionAge: v.optional(
          duration("A kept connection is replaced after this time. At most 1h. Default 5m."),
        ),
        headers: v.optional(table2(text("value"), "Headers of the request.")),
        tls: v.optional(TARGET_TLS),
      },
      "A check.",
    );
    URL_ALONE = v.pipe(
      v.string(({ input }) => `must be a URL or a table; got ${shown(input)}`),
      v.nonEmpty("must not be empty"),
      v.description("A URL is a whole check."),
    );
    CHECK_OR_URL = choice(v.union([URL_ALONE, CHECK]), (input) => (isTable(input) ? CHECK : URL_ALONE));
    MEMBERS = texts("Names of checks and services.");
    SERVICE_FORMS = {
      list: v.array(
        text("A name."),
        ({ input }) =>
          `must be a list, { all: [...] }, { any: [...] } or { quorum: N, of: [...] }; got ${shown(input)}`,
      ),
      all: group({ all: MEMBERS }, "All of them."),
      any: group({ any: MEMBERS }, "At least one of them."),
      quorum: group(
        { quorum: count("The minimum number of healthy members."), of: MEMBERS },
        "A minimum number of them.",
      ),
    };
    ({ list, all, any, quorum } = SERVICE_FORMS);
    SERVICE = choice(v.union([list, all, any, quorum]), (input) => {
      if (!isTable(input) || Object.keys(input).length === 0) return list;
      if (Object.hasOwn(input, "any")) return any;
      return Object.hasOwn(input, "quorum") || Object.hasOwn(input, "of") ? quorum : all;
    });
    ({ listen, ...otherKeys } = keysOf(TOP_KEYS));
    CONFIG_SCHEMA = group(
      {
        listen,
        checks: v.optional(table2(CHECK_OR_URL, "Checks by name; each is a service of that name.")),
        defaults: v.optional(group(keysOf(SCHEDULE_SETTINGS), "Settings of every check that does not have its own.")),
        services: v.optional(
          table2(SERVICE, "Services over checks and other services: a list, { all }, { any } or { quorum, of }."),
        ),
        overall: v.optional(
          texts(
            "The members of the server as a whole. Default: every check and service that is a member of no service.",
          ),
        ),
        isolation: v.optional(
          group(
            { ...keysOf(ISOLATION_KEYS), selfCheck: text(describeSetting(ISOLATION_KEYS.selfCheck)) },
            "When most checks fail at the same time and the self-check fails too, the last statuses are held for a while.",
          ),
        ),
        tls: v.optional(
          group(
            {
              certFile: text(describeSetting(TLS_KEYS.certFile)),
              keyFile: text(describeSetting(TLS_KEYS.keyFile)),
              clientCaFile: v.optional(text(describeSetting(TLS_KEYS.clientCaFile))),
            },
            "The server's certificate. A change needs a restart.",
          ),
        ),
        ...otherKeys,
      },
      "The configuration of healthbridge.",
    );
  },
});

// src/config/shape.ts
import * as v2 from "valibot";

function checkShape(yaml) {
  const keys = new KnownKeys();
  let value = yaml.value;
  let leaves = issuesIn(value, keys);
  const typed = typeSubstituted(value, leaves, yaml);
  if (typed !== void 0) [value, leaves] = [typed, issuesIn(typed, keys)];
  const faults = leaves.map((leaf) => faultOf(leaf, yaml, keys));
  for (; leaves.length > 0; leaves = issuesIn(value, keys))
    value = without(
      value,
      leaves.map(({ path }) => path),
    );
  return { file: v2.parse(CONFIG_SCHEMA, value), faults };
}
function issuesIn(value, keys) {
  const parsed2 = v2.safeParse(CONFIG_SCHEMA, value);
  if (parsed2.success) return [];
  return parsed2.issues.flatMap((issue) => {
    const path = pathOf(issue);
    return isUnknownKey(issue) ? unknownKeys(issue, path, keys) : [{ issue, path }];
  });
}
function unknownKeys(issue, path, keys) {
  const table3 = path.slice(0, -1);
  const known = new Set(keys.at(table3));
  const own = Object.keys(Object(issue.path?.at(-1)?.input));
  return own.filter((key) => key === path.at(-1) || !known.has(key)).map((key) => ({ issue, path: [...table3, key] }));
}
function without(value, paths) {
  const ends = paths.map((path) => removable(value, path));
  if (ends.some(({ length }) => length === 0)) return {};
  const copy = structuredClone(value);
  for (const end of ends) delete Object(valueAt(copy, end.slice(0, -1)))[end.at(-1) ?? ""];
  return copy;
}
function removable(value, path) {
  const firstIndex = path.findIndex((step) => typeof step === "number");
  const end = firstIndex === -1 ? path : path.slice(0, firstIndex);
  const isThere = end.length === 0 || Object.hasOwn(Object(valueAt(value, end.slice(0, -1))), end.at(-1) ?? "");
  return isThere ? end : removable(value, end.slice(0, -1));
}
function valueAt(root, path) {
  return path.reduce((value, step) => Object(value)[step], root);
}
function pathOf(issue) {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}
function faultOf({ issue, path }, yaml, keys) {
  const isUnknown = isUnknownKey(issue);
  const text2 = isUnknown ? unknownKey(path, keys) : messageOf2(issue);
  return { place: yaml.locate(path, isUnknown ? "key" : "value"), path, text: text2 };
}
function isUnknownKey({ type, expected }) {
  return type === "strict_object" && expected === "never";
}
function messageOf2(issue) {
  return issue.type === "strict_object" && issue.received === "undefined" ? "is missing" : issue.message;
}
function unknownKey(path, keys) {
  const known = keys.at(path.slice(0, -1));
  const nearest = nearestTo(String(path.at(-1)), known);
  const hint = nearest === void 0 ? `known: ${known.join(", ")}` : `did you mean ${nearest}?`;
  return `unknown key; ${hint}`;
}
function keysAt(path) {
  const schemas = path.reduce((outer, step) => outer.flatMap((schema) => inside(schema, step)), [CONFIG_SCHEMA]);
  return [...new Set(schemas.flatMap(branchesOf).flatMap((schema) => Object.keys(entriesOf(schema))))];
}
function inside(schema, step) {
  return branchesOf(schema).flatMap((branch) => {
    const entry = entriesOf(branch)[step];
    if (entry !== void 0) return [entry];
    const { value, item } = branch;
    return [value, item].filter((inner) => inner !== void 0);
  });
}
function branchesOf(schema) {
  const { wrapped, options, getter } = schema;
  const inner = wrapped ?? getter?.(void 0);
  if (inner !== void 0) return branchesOf(inner);
  return options === void 0 ? [schema] : options.flatMap(branchesOf);
}
function entriesOf(schema) {
  return schema.entries ?? {};
}
function typeSubstituted(value, leaves, yaml) {
  const isWanted = ({ issue, path }) => ["number", "boolean"].includes(issue.type) && yaml.isSubstituted(path);
  const wanted = leaves.filter(isWanted);
  if (wanted.length === 0) return void 0;
  const copy = structuredClone(value);
  for (const { path } of wanted) retype(Object(valueAt(copy, path.slice(0, -1))), path.at(-1) ?? "");
  return copy;
}
function retype(parent, key) {
  const text2 = parent[key];
  if (text2 === "true" || text2 === "false") parent[key] = text2 === "true";
  else if (typeof text2 === "string" && /^-?\d+(?:\.\d+)?$/.test(text2)) parent[key] = Number(text2);
}
var KnownKeys;
var init_shape = __esm({
  "src/config/shape.ts"() {
    init_nearest();
    init_schema();
    KnownKeys = class {
      #known = /* @__PURE__ */ new Map();
      /** The keys of the table at a path. */
      at(path) {
        const kind = path.map((step, index) => (index === 1 ? "*" : step)).join(".");
        const known = this.#known.get(kind) ?? keysAt(path);
        this.#known.set(kind, known);
        return known;
      }
    };
  },
});

// src/core/turns.ts
function runAtOnce(steps) {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}
var init_turns = __esm({
  "src/core/turns.ts"() {},
});

// src/checks/check-options.ts
function splitOptions(options) {
  const { expect: { maxLatency, ...expect } = {}, reuse, maxConnectionAge, headers, tls, ...settings } = options;
  const isExpecting = Object.values(expect).some((value) => value !== void 0);
  return {
    settings: { ...settings, maxLatency },
    proberOptions: { expect: isExpecting ? expect : void 0, reuse, maxConnectionAge, headers, tls },
  };
}
var init_check_options = __esm({
  "src/checks/check-options.ts"() {},
});

// src/checks/policy.ts
var init_policy = __esm({
  "src/checks/policy.ts"() {},
});

// src/checks/service-graph.ts
function orderServices(declarations) {
  const table3 = new Map(declarations.map((declaration) => [declaration.name, declaration]));
  const order = /* @__PURE__ */ new Set();
  const path = [];
  const onPath = /* @__PURE__ */ new Set();
  const enter = (declaration) => {
    if (order.has(declaration)) return;
    path.push({ declaration, next: 0 });
    onPath.add(declaration.name);
  };
  for (const root of declarations) {
    enter(root);
    for (let top = path.at(-1); top !== void 0; top = path.at(-1)) {
      const { declaration } = top;
      const member = declaration.members[top.next];
      top.next += 1;
      if (member === void 0) {
        order.add(declaration);
        onPath.delete(declaration.name);
        path.pop();
      } else if (onPath.has(member)) {
        const names = [...onPath];
        return { cycle: [...names.slice(names.indexOf(member)), member] };
      } else {
        const below = table3.get(member);
        if (below !== void 0) enter(below);
      }
    }
  }
  return { order: [...order] };
}
var init_service_graph = __esm({
  "src/checks/service-graph.ts"() {
    init_service_name();
    init_policy();
  },
});

// src/checks/name-rules.ts
function claimCheck({ name }, names) {
  const path = ["checks", name];
  if (name === SELF_CHECK)
    return [{ code: "DUPLICATE_NAME", path, text: `the name "${SELF_CHECK}" is reserved for the isolation rule` }];
  const fault = nameFault(name);
  if (fault !== void 0) return [{ code: "INVALID_SERVICE_NAME", path, text: `the name ${fault}` }];
  return listOf(names.claim(name, { kind: "check", of: name, path }));
}
function claimNamedServices({ name, options }, names) {
  const { services } = options;
  if (!Array.isArray(services)) return [];
  return services.flatMap((service, index) => {
    const path = ["checks", name, "services", index];
    const fault = nameFault(service);
    if (fault !== void 0) return [{ code: "INVALID_SERVICE_NAME", path, text: fault }];
    return listOf(names.claim(service, { kind: "named", of: name, path }));
  });
}
function checkServices(services, names) {
  const violations = services.flatMap((service) => {
    const { name } = service;
    const path = ["services", name];
    const fault = name === OVERALL ? void 0 : nameFault(name);
    if (fault !== void 0) return [{ code: "INVALID_SERVICE_NAME", path, text: `the name ${fault}` }];
    return [...listOf(names.claim(name, { kind: "service", of: name, path })), ...checkMembers(service)];
  });
  const readable = services.filter(({ members }) => Array.isArray(members));
  const ordered = orderServices(readable);
  if ("order" in ordered) return { violations, order: ordered.order };
  const { cycle } = ordered;
  const text2 = `services form a cycle: ${cycle.join(" -> ")}`;
  const found = { code: "INVALID_OPTION", path: ["services", cycle[0] ?? ""], text: text2 };
  return { violations: [...violations, found], order: [] };
}
function checkMembers({ name, policy, members }) {
  const invalid2 = (path, text2) => ({
    code: "INVALID_OPTION",
    path: ["services", name, ...path],
    text: text2,
  });
  if (!Array.isArray(members)) return [invalid2(["members"], "must be a list of names")];
  const violations = members.flatMap((member, index) => {
    const fault2 =
      typeof member === "string" && member !== OVERALL ? void 0 : "must be the name of a check or a service";
    return fault2 === void 0 ? [] : [invalid2(["members", index], fault2)];
  });
  if (members.length === 0) violations.push(invalid2(["members"], "must name at least one check or service"));
  const fault = policyFault(policy, new Set(members).size);
  if (fault !== void 0) violations.push(invalid2(["policy"], fault));
  return violations;
}
function policyFault(policy, members) {
  switch (policy.kind) {
    case "all":
    case "any":
      return void 0;
    case "quorum":
      if (!(Number.isInteger(policy.count) && policy.count >= 1)) return "must be a whole number from 1 on";
      if (policy.count > members && members > 0) return `${policy.count} of ${members} members can never be reached`;
      return void 0;
    default:
      policy;
      return "must be all, any or quorum";
  }
}
function nameFault(name) {
  return name === OVERALL ? "must not be empty" : serviceNameFault(name);
}
function listOf(violation) {
  return violation === void 0 ? [] : [violation];
}
var SELF_CHECK, TAKEN, Names;
var init_name_rules = __esm({
  "src/checks/name-rules.ts"() {
    init_service_name();
    init_service_graph();
    SELF_CHECK = "self-check";
    TAKEN = {
      check: "a check has this name already",
      named: "a check makes this service already",
      service: "a service of this name is declared already",
    };
    Names = class {
      #running;
      #claimed = /* @__PURE__ */ new Map();
      /** @param running names that are taken before the first claim */
      constructor(running = () => void 0) {
        this.#running = running;
      }
      /** Claims a name. Returns the violation, if another owner has it. */
      claim(name, owner) {
        const known = this.#claimed.get(name) ?? this.#running(name);
        if (known === void 0) {
          this.#claimed.set(name, owner);
          return void 0;
        }
        const areBothNamed = known.kind === "named" && owner.kind === "named";
        const isOwnName = known.kind === "check" && owner.kind === "named" && known.of === owner.of;
        if (areBothNamed || isOwnName) return void 0;
        return { code: "DUPLICATE_NAME", path: owner.path, text: TAKEN[known.kind], other: known.path };
      }
    };
  },
});

// src/checks/option-rules.ts
function checkOptions(declaration) {
  const { name, source } = declaration;
  const { settings, faults } = readSettings(settingsOf(declaration));
  const violations = [
    ...faults.map(({ setting: setting2, text: text2 }) => ({
      path: setting2 === "maxLatency" ? ["expect", setting2] : [setting2],
      text: text2,
    })),
    ...sourceFaults(source),
    ...surplusOptions(declaration),
  ];
  return {
    settings,
    violations: violations.map(({ path, text: text2 }) => ({
      code: "INVALID_OPTION",
      path: ["checks", name, ...path],
      text: text2,
    })),
  };
}
function settingsOf({ source, options }) {
  const { settings } = splitOptions(options);
  if (source.kind !== "heartbeat") return settings;
  const ttl = isPositive(source.ttl) ? source.ttl : void 0;
  const { critical, services, staleAfter, unhealthyThreshold = 1, healthyThreshold = 1 } = settings;
  const schedule = { interval: ttl, initialDelay: ttl, jitter: 0 };
  return { ...schedule, critical, services, staleAfter, unhealthyThreshold, healthyThreshold };
}
function sourceFaults(source) {
  switch (source.kind) {
    case "heartbeat":
      return [
        ...faultOf2(!isPositive(source.ttl), ["heartbeat", "ttl"], "must be a duration above zero, such as 1m"),
        ...faultOf2(
          source.token !== void 0 && !/^\S+$/.test(source.token),
          ["heartbeat", "token"],
          "must be one word without spaces",
        ),
      ];
    case "exec":
      return execFaults(source.command);
    case "target":
    case "function":
    case "prober":
      return [];
    default:
      return source;
  }
}
function execFaults(command2) {
  if (!Array.isArray(command2) || command2.some((word) => typeof word !== "string"))
    return [{ path: ["exec"], text: "must be a list: the program and its arguments" }];
  return [
    ...faultOf2(command2.length === 0 || command2[0] === "", ["exec"], "must name a program"),
    ...faultOf2(
      command2.some((word) => word.includes("\0")),
      ["exec"],
      "must not contain a NUL character",
    ),
  ];
}
function surplusOptions({ source, options }) {
  switch (source.kind) {
    case "heartbeat": {
      const surplus = namesOf(options).filter((option) => !HEARTBEAT_OPTIONS.has(option));
      const known = [...HEARTBEAT_OPTIONS].join(", ");
      return surplus.map((option) => ({ path: [option], text: `a heartbeat has no such option; it takes ${known}` }));
    }
    case "exec":
    case "function": {
      const kind = source.kind === "exec" ? "program" : "function";
      const surplus = namesOf(splitOptions(options).proberOptions);
      return surplus.map((option) => ({ path: [option], text: `a ${kind} has no such option` }));
    }
    case "target":
    case "prober":
      return [];
    default:
      return source;
  }
}
function isPositive(duration2) {
  return (parseDuration(duration2) ?? 0) > 0;
}
function namesOf(options) {
  return Object.entries(options)
    .filter(([, value]) => value !== void 0)
    .map(([name]) => name);
}
function faultOf2(isBroken, path, text2) {
  return isBroken ? [{ path, text: text2 }] : [];
}
var HEARTBEAT_OPTIONS;
var init_option_rules = __esm({
  "src/checks/option-rules.ts"() {
    init_duration();
    init_check_options();
    init_settings();
    HEARTBEAT_OPTIONS = /* @__PURE__ */ new Set([
      "critical",
      "services",
      "unhealthyThreshold",
      "healthyThreshold",
      "staleAfter",
    ]);
  },
});

// src/checks/plan.ts
import { isDeepStrictEqual } from "node:util";

function planConfiguration(running, config, opener) {
  return runAtOnce(planInSteps(running, config, opener));
}
function* planInSteps(running, config, opener) {
  const { checks, services, isolation, allowLinkLocal } = config;
  const planner = new Planner(running, opener, allowLinkLocal);
  let planned;
  try {
    const names = new Names();
    for (const check2 of checks) yield planner.refuse(claimCheck(check2, names));
    for (const check2 of checks) yield planner.refuse(claimNamedServices(check2, names));
    const declared = new Set(checks.map(({ name }) => name));
    for (const name of running.checks.keys()) if (!declared.has(name)) planner.remove(name);
    for (const check2 of checks) yield planner.setCheck(check2);
    planner.setServices(services, names);
    planner.setIsolation(isolation);
    planned = planner.planned();
    return planned;
  } finally {
    if (planned === void 0) discardPlan(planner.planned().plan);
  }
}
function discardPlan({ started, isolation }) {
  for (const { prober } of started) prober.close();
  if (isolation.kind === "start") isolation.prober.close();
}
function isSameProberOptions({ options: one }, { options: other }) {
  return one === other || isDeepStrictEqual(splitOptions(one).proberOptions, splitOptions(other).proberOptions);
}
function isSameToken(one, other) {
  return one.kind !== "heartbeat" || other.kind !== "heartbeat" || one.token === other.token;
}
var NO_CHECKS, NOTHING_RUNNING, Planner;
var init_plan = __esm({
  "src/checks/plan.ts"() {
    init_duration();
    init_health_error();
    init_turns();
    init_check_options();
    init_isolation();
    init_name_rules();
    init_option_rules();
    init_settings();
    NO_CHECKS = /* @__PURE__ */ new Map();
    NOTHING_RUNNING = {
      checks: NO_CHECKS,
      services: [],
      isolation: void 0,
      allowLinkLocal: false,
      ownerOf: () => void 0,
    };
    Planner = class {
      #running;
      #opener;
      #allowLinkLocal;
      #violations = [];
      #removed = [];
      #started = [];
      #changed = [];
      #services;
      #isolation = { kind: "keep" };
      constructor(running, opener, allowLinkLocal = running.allowLinkLocal) {
        this.#running = running;
        this.#opener = opener;
        this.#allowLinkLocal = allowLinkLocal;
      }
      refuse(violations) {
        for (const violation of violations) this.#violations.push(violation);
      }
      remove(name) {
        this.#removed.push(name);
      }
      /** A check that has to run: added, changed, replaced, or left alone. */
      setCheck(declaration) {
        const { name, source, options } = declaration;
        const old = this.#running.checks.get(name)?.declaration;
        const hasSameSource = old !== void 0 && this.#isSameSource(old.source, source);
        if (hasSameSource && isSameToken(old.source, source) && isDeepStrictEqual(old.options, options)) return;
        const hasSameProber = hasSameSource && isSameProberOptions(old, declaration);
        const { settings, violations } = checkOptions(declaration);
        this.refuse(violations);
        if (hasSameProber) {
          this.#changed.push({ declaration, settings });
          return;
        }
        if (violations.length > 0 && source.kind !== "target") return;
        const opened = this.#open(source, splitOptions(options).proberOptions, ["checks", name]);
        if (opened === void 0) return;
        if (old !== void 0) this.remove(name);
        this.#started.push({ declaration, settings, ...opened });
      }
      setServices(services, names) {
        const { violations, order } = checkServices(services, names);
        this.refuse(violations);
        if (!isDeepStrictEqual(services, this.#running.services)) this.#services = { given: services, order };
      }
      setIsolation(declaration) {
        const old = this.#running.isolation;
        if (declaration === void 0) {
          this.#isolation = { kind: old === void 0 ? "keep" : "stop" };
          return;
        }
        const hasSameProber = old !== void 0 && this.#isSameSource(old.selfCheck, declaration.selfCheck);
        const { settings, maxHold = DEFAULT_MAX_HOLD_MS, selfCheck } = declaration;
        if (hasSameProber && maxHold === old.maxHold && isDeepStrictEqual(settings, old.settings)) return;
        const maxHoldMs = parseDuration(maxHold);
        const rule = {
          declaration,
          settings: this.#readSelfCheckSettings(settings),
          maxHoldMs: maxHoldMs ?? DEFAULT_MAX_HOLD_MS,
        };
        if (maxHoldMs === void 0) this.#refuseOption(["isolation", "maxHold"], "must be a duration, such as 60s");
        if (hasSameProber) {
          this.#isolation = { kind: "change", rule };
          return;
        }
        const opened = this.#open(selfCheck, {}, ["isolation"]);
        if (opened !== void 0) this.#isolation = { kind: "start", rule, prober: opened.prober };
      }
      planned() {
        const plan = {
          removed: this.#removed,
          started: this.#started,
          changed: this.#changed,
          services: this.#services,
          isolation: this.#isolation,
          allowLinkLocal: this.#allowLinkLocal,
        };
        return { plan, violations: this.#violations };
      }
      /** One result decides what the self-check says. */
      #readSelfCheckSettings(given2) {
        const { settings, faults } = readSettings({ healthyThreshold: 1, ...given2, unhealthyThreshold: 1 });
        for (const { setting: setting2, text: text2 } of faults) this.#refuseOption(["isolation", setting2], text2);
        return settings;
      }
      #open(source, options, path) {
        try {
          return this.#opener.open(source, options, this.#allowLinkLocal);
        } catch (error) {
          const { code, message } =
            error instanceof HealthError
              ? error
              : { code: "INVALID_TARGET", message: `cannot be read: ${messageOf(error)}` };
          const key = path[0] === "isolation" ? "selfCheck" : source.kind;
          this.refuse([{ code, path: code === "INVALID_TARGET" ? [...path, key] : path, text: message }]);
          return void 0;
        }
      }
      #refuseOption(path, text2) {
        this.refuse([{ code: "INVALID_OPTION", path, text: text2 }]);
      }
      /** Targets are also other ones when link-local addresses become allowed or forbidden. */
      #isSameSource(one, other) {
        if (one.kind === "target" && other.kind === "target")
          return one.url === other.url && this.#allowLinkLocal === this.#running.allowLinkLocal;
        if (one.kind === "heartbeat" && other.kind === "heartbeat")
          return parseDuration(one.ttl) === parseDuration(other.ttl);
        if (one.kind === "prober" && other.kind === "prober") return one.prober === other.prober;
        return isDeepStrictEqual(one, other);
      }
    };
  },
});

// src/core/clock.ts
var systemClock;
var init_clock = __esm({
  "src/core/clock.ts"() {
    init_option();
    systemClock = {
      now: () => performance.now(),
      wallTime: () => Date.now(),
      setTimer(delayMs, action) {
        let afterInput;
        const timer = setTimeout(
          () => {
            afterInput = setImmediate(action);
          },
          Math.min(delayMs, MAX_TIMER_MS),
        );
        timer.unref();
        return () => {
          clearTimeout(timer);
          clearImmediate(afterInput);
        };
      },
    };
  },
});

// src/client/name-files.ts
import { readFileSync } from "node:fs";
import { isIP } from "node:net";

function readHosts(file = "/etc/hosts") {
  const hosts = /* @__PURE__ */ new Map();
  for (const line of linesOf(file)) {
    const [address = "", ...names] = line.split(/\s+/);
    const family = isIP(address);
    if (family === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase();
      hosts.set(key, [...(hosts.get(key) ?? []), { address, family }]);
    }
  }
  return hosts;
}
function readResolverFile(file = "/etc/resolv.conf") {
  let search = [];
  let ndots = 1;
  for (const line of linesOf(file)) {
    const [word, ...rest] = line.split(/\s+/);
    if (word === "search" || word === "domain")
      search = rest.map((domain) => domain.replace(/\.$/, "")).filter(Boolean);
    const dots = word === "options" ? rest.find((option) => option.startsWith("ndots:")) : void 0;
    if (dots !== void 0) ndots = Number(dots.slice("ndots:".length)) || 0;
  }
  return { search, ndots };
}
function linesOf(file) {
  let text2;
  try {
    text2 = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text2
    .split("\n")
    .map((line) => line.replace(/[#;].*$/, "").trim())
    .filter((line) => line !== "");
}
var init_name_files = __esm({
  "src/client/name-files.ts"() {},
});

// src/client/resolver.ts
import { promises as dns } from "node:dns";
import { BlockList, isIP as isIP2 } from "node:net";

function resolverFor(allowLinkLocal) {
  return new NameResolver({ clock: systemClock, allowLinkLocal });
}
function candidatesOf(name, search, ndots) {
  if (name.endsWith(".")) return [name.slice(0, -1)];
  const within = search.map((domain) => `${name}.${domain}`);
  return name.split(".").length - 1 >= ndots ? [name, ...within] : [...within, name];
}
function localAddresses(name) {
  const bare = name.replace(/\.$/, "");
  const addresses = readHosts().get(bare);
  if (addresses !== void 0) return addresses;
  if (bare !== "localhost" && !bare.endsWith(".localhost")) return [];
  return [
    { address: "127.0.0.1", family: 4 },
    { address: "::1", family: 6 },
  ];
}
async function askServers(servers, name) {
  const [ipv4, ipv6] = await Promise.all([
    askOne(() => servers.resolve4(name, { ttl: true }), 4),
    askOne(() => servers.resolve6(name, { ttl: true }), 6),
  ]);
  const good = [ipv4, ipv6].filter((answer) => typeof answer === "object");
  if (good.length > 0)
    return {
      addresses: good.flatMap(({ addresses }) => addresses),
      ttlMs: Math.min(...good.map(({ ttlMs }) => ttlMs)),
    };
  return ipv4 === "dead" || ipv6 === "dead" ? "dead" : "unknown";
}
async function askOne(ask, family) {
  try {
    const records = await ask();
    if (records.length === 0) return "unknown";
    const ttlMs = Math.min(...records.map(({ ttl }) => ttl * 1e3));
    return { addresses: records.map(({ address }) => ({ address, family })), ttlMs };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : void 0;
    return code === "ENOTFOUND" || code === "ENODATA" || code === "EBADNAME" ? "unknown" : "dead";
  }
}
function failure(code, message) {
  return Object.assign(new Error(message), { code });
}
function noAddress(name, isForbidden) {
  if (!isForbidden) return failure("ENOTFOUND", `the name ${name} has no address`);
  return failure("ERR_FORBIDDEN_ADDRESS", `the name ${name} has only link-local addresses, which are not probed`);
}
function isForbiddenAddress(address) {
  const bare = address.split("%")[0] ?? "";
  const mapped = MAPPED.exec(bare)?.[1];
  if (mapped !== void 0) return FORBIDDEN.check(mapped, "ipv4");
  const family = isIP2(bare);
  return family !== 0 && FORBIDDEN.check(bare, family === 4 ? "ipv4" : "ipv6");
}
var MAX_TTL_MS, UNKNOWN_TTL_MS, LAST_GOOD_TTL_MS, SERVER_TIMEOUT_MS, SERVER_TRIES, NameResolver, FORBIDDEN, MAPPED;
var init_resolver = __esm({
  "src/client/resolver.ts"() {
    init_clock();
    init_name_files();
    MAX_TTL_MS = 3e4;
    UNKNOWN_TTL_MS = 1e3;
    LAST_GOOD_TTL_MS = 3e5;
    SERVER_TIMEOUT_MS = 2e3;
    SERVER_TRIES = 2;
    NameResolver = class {
      #options;
      #entries = /* @__PURE__ */ new Map();
      #running = /* @__PURE__ */ new Map();
      #system = Promise.resolve();
      constructor(options) {
        this.#options = options;
      }
      lookup = (name, { all: all2, family }, callback) => {
        this.#resolve(name).then(
          (addresses) => {
            const wanted =
              family === 4 || family === 6 ? addresses.filter((each) => each.family === family) : addresses;
            const allowed = wanted.filter(({ address }) => this.permits(address));
            const [first] = allowed;
            if (first === void 0) callback(noAddress(name, wanted.length > 0), "");
            else if (all2 === true) callback(null, [...allowed]);
            else callback(null, first.address, first.family);
          },
          (error) => callback(error, ""),
        );
      };
      permits(address) {
        return this.#options.allowLinkLocal === true || !isForbiddenAddress(address);
      }
      /** Every address of a name: from the cache, or from a look-up, which is shared while it runs. */
      #resolve(name) {
        const key = name.toLowerCase();
        const entry = this.#entries.get(key);
        if (entry !== void 0 && entry.freshUntil > this.#options.clock.now()) return Promise.resolve(entry.addresses);
        const running = this.#running.get(key) ?? this.#lookUp(key).finally(() => this.#running.delete(key));
        this.#running.set(key, running);
        return running;
      }
      async #lookUp(name) {
        const answer = await this.#answerOf(name);
        const now = this.#options.clock.now();
        if (answer === "dead") return this.#lastGood(name, now);
        if (answer === "unknown") {
          this.#entries.set(name, { addresses: [], freshUntil: now + UNKNOWN_TTL_MS, goodUntil: now });
          return [];
        }
        const { addresses, ttlMs } = answer;
        this.#entries.set(name, {
          addresses,
          freshUntil: now + Math.min(ttlMs, MAX_TTL_MS),
          goodUntil: now + LAST_GOOD_TTL_MS,
        });
        return addresses;
      }
      /** While no name server answers, the last addresses of the name are used. */
      #lastGood(name, now) {
        const entry = this.#entries.get(name);
        if (entry === void 0 || entry.goodUntil <= now)
          throw failure("EAI_AGAIN", `no name server answers for ${name}`);
        entry.freshUntil = now + UNKNOWN_TTL_MS;
        return entry.addresses;
      }
      async #answerOf(name) {
        const local = localAddresses(name);
        if (local.length > 0) return { addresses: local, ttlMs: MAX_TTL_MS };
        const { search, ndots } = readResolverFile();
        const servers = new dns.Resolver({ timeout: SERVER_TIMEOUT_MS, tries: SERVER_TRIES });
        if (this.#options.servers !== void 0) servers.setServers(this.#options.servers);
        for (const candidate of candidatesOf(name, search, ndots)) {
          const answer = await askServers(servers, candidate);
          if (answer !== "unknown") return answer;
        }
        return this.#options.servers === void 0 ? this.#askSystem(name) : "unknown";
      }
      /** Other sources of the system, such as mDNS. A look-up occupies one of Node's four threads, so there is one at a time. */
      #askSystem(name) {
        const answer = this.#system.then(async () => {
          try {
            return { addresses: await dns.lookup(name, { all: true }), ttlMs: MAX_TTL_MS };
          } catch {
            return "unknown";
          }
        });
        this.#system = answer;
        return answer;
      }
    };
    FORBIDDEN = new BlockList();
    FORBIDDEN.addSubnet("169.254.0.0", 16, "ipv4");
    FORBIDDEN.addSubnet("fe80::", 10, "ipv6");
    FORBIDDEN.addAddress("fd00:ec2::254", "ipv6");
    FORBIDDEN.addAddress("100.100.100.200", "ipv4");
    MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
  },
});

// src/client/broken-call.ts
var BrokenCall, Unanswered;
var init_broken_call = __esm({
  "src/client/broken-call.ts"() {
    BrokenCall = class extends Error {
      name = "BrokenCall";
      kind;
      constructor(kind, message, options) {
        super(message, options);
        this.kind = kind;
      }
    };
    Unanswered = class extends Error {
      name = "Unanswered";
      /** The error that the caller gets when there is no other attempt. */
      reason;
      constructor(reason) {
        super("no answer", { cause: reason });
        this.reason = reason;
      }
    };
  },
});

// src/core/tls-pair.ts
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

function requireTlsPair(cert, key) {
  const certificate = parsed("certificate", () => new X509Certificate(cert));
  const privateKey = parsed("key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey))
    throw new HealthError("TLS_FAILED", "the TLS key does not belong to the certificate");
  parsed("certificate chain", () => createSecureContext({ cert, key }));
}
function requireAuthorities(pem, what = "client CA") {
  const [, ...blocks] = pem.toString().split("-----BEGIN CERTIFICATE-----");
  const certificates =
    blocks.length === 0 ? [pem.toString()] : blocks.map((block) => `-----BEGIN CERTIFICATE-----${block}`);
  for (const certificate of certificates) parsed(what, () => new X509Certificate(certificate));
}
function parsed(what, parse2) {
  try {
    return parse2();
  } catch (cause) {
    throw new HealthError("TLS_FAILED", `the TLS ${what} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
var init_tls_pair = __esm({
  "src/core/tls-pair.ts"() {
    init_health_error();
  },
});

// src/client/tls-options.ts
import { isIP as isIP3 } from "node:net";
import { createSecureContext as createSecureContext2 } from "node:tls";

function tlsOptions(host, options = {}, protocols = []) {
  const { ca, cert, key, serverName, verify = true } = options;
  if (ca !== void 0) requireAuthorities(ca, "CA");
  if (cert !== void 0 && key !== void 0) requireTlsPair(cert, key);
  const name = serverName ?? (isIP3(host) === 0 ? host : void 0);
  return {
    ...(name === void 0 ? {} : { servername: name }),
    secureContext: createSecureContext2({ ca, cert, key }),
    ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
    rejectUnauthorized: verify,
  };
}
function certificateEnd(socket) {
  const ends = [];
  const seen = /* @__PURE__ */ new Set();
  let certificate = socket.getPeerCertificate(true);
  while (certificate?.valid_to !== void 0 && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    ends.push(Date.parse(certificate.valid_to));
    certificate = certificate.issuerCertificate;
  }
  return ends.length === 0 ? void 0 : Math.min(...ends);
}
var init_tls_options = __esm({
  "src/client/tls-options.ts"() {
    init_tls_pair();
  },
});

// src/client/target-socket.ts
import { connect as connectTcp } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";

function connectOptions({ host, port, resolver, timeoutMs }) {
  const autoSelectFamilyAttemptTimeout = Math.ceil(timeoutMs / 2);
  return { host, port, lookup: resolver.lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout, noDelay: true };
}
function createReadBuffer() {
  return Buffer.allocUnsafeSlow(65536);
}
function connectPlain(options, buffer, onBytes) {
  const callback = (length) => {
    onBytes(buffer.subarray(0, length));
    return true;
  };
  return connectTcp({ ...options, onread: { buffer, callback } });
}
var TargetSocket;
var init_target_socket = __esm({
  "src/client/target-socket.ts"() {
    init_broken_call();
    init_tls_options();
    TargetSocket = class {
      #socket;
      #closesByReset;
      #listener;
      #isOpen = true;
      #certificateEndsAt;
      /** Starts to connect. What is written meanwhile is sent as soon as the connection is there. */
      constructor(options, timeoutMs) {
        const { host, port, resolver, tls, readBuffer, closesByReset = false } = options;
        this.#closesByReset = closesByReset;
        const tcp = connectOptions({ host, port, resolver, timeoutMs });
        const onBytes = (bytes) => this.#onBytes(bytes);
        this.#socket = tls === void 0 ? connectPlain(tcp, readBuffer, onBytes) : connectTls({ ...tcp, ...tls });
        const onEnd = () => this.#onEnd(void 0);
        this.#socket
          .on("end", onEnd)
          .on("close", onEnd)
          .on("error", (error) => this.#onEnd(error));
        const socket = this.#socket;
        if (!(socket instanceof TLSSocket)) return;
        socket.on("data", onBytes);
        socket.once("secureConnect", () => {
          this.#certificateEndsAt = certificateEnd(socket);
        });
      }
      get isOpen() {
        return this.#isOpen;
      }
      get certificateEndsAt() {
        return this.#certificateEndsAt;
      }
      /** The protocol that ALPN has chosen; `undefined` without TLS, and before it is ready. */
      get alpnProtocol() {
        return this.#socket instanceof TLSSocket ? (this.#socket.alpnProtocol ?? void 0) : void 0;
      }
      ref() {
        this.#socket.ref();
      }
      unref() {
        if (this.#isOpen) this.#socket.unref();
      }
      write(bytes) {
        this.#socket.write(bytes);
      }
      /** Hands what comes to `listener` from now on; without one, anything that comes closes the connection. */
      listen(listener) {
        this.#listener = listener;
      }
      /** Ends the connection at once. The listener gets the error. */
      close(error) {
        if (!this.#isOpen) return;
        this.#isOpen = false;
        if (this.#closesByReset && !(this.#socket instanceof TLSSocket) && !this.#socket.connecting)
          this.#socket.resetAndDestroy();
        else this.#socket.destroy();
        this.#listener?.onEnd(error ?? new BrokenCall("cancelled", "the connection is closed"));
        this.#listener = void 0;
      }
      #onBytes(bytes) {
        if (!this.#isOpen) return;
        if (this.#listener === void 0) this.close();
        else this.#listener.onBytes(bytes);
      }
      #onEnd(error) {
        if (!this.#isOpen) return;
        this.#isOpen = false;
        this.#socket.destroy();
        this.#listener?.onEnd(error);
        this.#listener = void 0;
      }
    };
  },
});

// src/probers/exec.ts
import { spawn } from "node:child_process";

function openExec(command2, deps) {
  const [program = "", ...args] = command2;
  const passedOn = PASSED_ON.flatMap((name) => {
    const value = deps.environment[name];
    return value === void 0 ? [] : [[name, value]];
  });
  const env2 = Object.fromEntries(passedOn);
  return {
    async probe({ signal }) {
      const release = await deps.gate.acquire(signal);
      try {
        const child = spawn(program, args, {
          env: env2,
          detached: true,
          stdio: ["ignore", "pipe", "pipe"],
          windowsHide: true,
        });
        return await new RunningProgram(child, deps.clock).result(signal);
      } finally {
        release();
      }
    },
    close() {},
  };
}
function settleError(error, resolve, reject) {
  const { code = "", message } = error;
  if (LOCAL_FAULTS.has(code)) reject(new ProberError("prober", message, { cause: error }));
  else resolve(fail(code === "EACCES" || code === "EPERM" ? "EACCES" : "ENOENT", message));
}
var MAX_OUTPUT_BYTES, KILL_AFTER_MS, PASSED_ON, LOCAL_FAULTS, RunningProgram;
var init_exec = __esm({
  "src/probers/exec.ts"() {
    init_prober();
    MAX_OUTPUT_BYTES = 4096;
    KILL_AFTER_MS = 500;
    PASSED_ON = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR"];
    LOCAL_FAULTS = /* @__PURE__ */ new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]);
    RunningProgram = class {
      #child;
      #clock;
      #output = "";
      constructor(child, clock) {
        this.#child = child;
        this.#clock = clock;
        for (const stream of [child.stdout, child.stderr]) {
          stream?.setEncoding("utf8");
          stream?.on("data", (text2) => {
            this.#output = (this.#output + text2).slice(0, MAX_OUTPUT_BYTES);
          });
          stream?.on("error", () => {});
        }
      }
      result(signal) {
        return new Promise((resolve, reject) => {
          let cancelKill = () => {};
          const onAbort = () => {
            this.#kill("SIGTERM");
            cancelKill = this.#clock.setTimer(KILL_AFTER_MS, () => this.#kill("SIGKILL"));
          };
          const finish = (settle) => {
            signal.removeEventListener("abort", onAbort);
            cancelKill();
            this.#child.stdout?.destroy();
            this.#child.stderr?.destroy();
            settle();
          };
          this.#child.once("error", (error) => finish(() => settleError(error, resolve, reject)));
          this.#child.once("exit", (code, killedBy) => {
            this.#kill("SIGKILL");
            finish(() => resolve(this.#judge(code, killedBy)));
          });
          if (signal.aborted) onAbort();
          else signal.addEventListener("abort", onAbort, { once: true });
        });
      }
      #judge(code, killedBy) {
        if (code === 0) return PASS;
        const output = this.#output === "" ? "no output" : `output ${JSON.stringify(this.#output)}`;
        return killedBy === null
          ? fail("exit", `exit code ${code}; ${output}`)
          : fail("signal", `ended by ${killedBy}; ${output}`);
      }
      #kill(signal) {
        const { pid } = this.#child;
        if (pid === void 0) return;
        try {
          process.kill(-pid, signal);
        } catch {}
      }
    };
  },
});

// src/probers/exec-limit.ts
var MAX_CONCURRENT, ExecLimit;
var init_exec_limit = __esm({
  "src/probers/exec-limit.ts"() {
    init_prober();
    MAX_CONCURRENT = 8;
    ExecLimit = class {
      #running = 0;
      #waiting = /* @__PURE__ */ new Set();
      /**
       * Waits until a program may run. Resolves with a function that must be called when it has ended.
       * Rejects with a ProberError when the signal is aborted before.
       */
      acquire(signal) {
        if (this.#running < MAX_CONCURRENT) return Promise.resolve(this.#take());
        return new Promise((resolve, reject) => {
          const admit = () => {
            this.#waiting.delete(admit);
            signal.removeEventListener("abort", onAbort);
            resolve(this.#take());
          };
          const onAbort = () => {
            this.#waiting.delete(admit);
            reject(
              new ProberError(
                "prober",
                `${MAX_CONCURRENT} programs are running, and none has ended within the timeout`,
              ),
            );
          };
          this.#waiting.add(admit);
          signal.addEventListener("abort", onAbort, { once: true });
        });
      }
      #take() {
        this.#running += 1;
        return () => {
          this.#running -= 1;
          const [next] = this.#waiting;
          next?.();
        };
      }
    };
  },
});

// src/probers/function.ts
function openFunction(check2) {
  return {
    async probe({ signal }) {
      try {
        await check2({ signal });
        return PASS;
      } catch (error) {
        return fail("error", messageOf(error));
      }
    },
    close() {},
  };
}
var init_function = __esm({
  "src/probers/function.ts"() {
    init_health_error();
    init_prober();
  },
});

// src/probers/heartbeat.ts
function openHeartbeat(ttlMs, clock) {
  let last = "missed";
  let cancel = () => {};
  let notify = () => {};
  const set = (report) => {
    last = report;
    cancel();
    notify();
  };
  return {
    async probe() {
      return RESULTS[last];
    },
    onChange(listener) {
      notify = listener;
    },
    beat(report = "pass") {
      set(report);
      cancel = clock.setTimer(ttlMs, () => set("missed"));
    },
    close() {
      cancel();
      notify = () => {};
    },
  };
}
var RESULTS;
var init_heartbeat = __esm({
  "src/probers/heartbeat.ts"() {
    init_prober();
    RESULTS = {
      pass: PASS,
      fail: fail("reported", "the reporter reported a failure"),
      missed: fail("missed", "no report within the time of the heartbeat"),
    };
  },
});

// src/client/reused-connection.ts
function isUnprocessed(reason) {
  return reason instanceof BrokenCall && reason.kind === "unprocessed";
}
var AGE_JITTER, ReusedConnection;
var init_reused_connection = __esm({
  "src/client/reused-connection.ts"() {
    init_broken_call();
    AGE_JITTER = 0.1;
    ReusedConnection = class {
      #open;
      #options;
      #connection;
      #certificateEndsAt;
      #replaceAt = 0;
      #isCalling = false;
      #isCancelled = false;
      /** @param open starts to connect; a call may be made on the connection at once. `timeoutMs` is the call's time */
      constructor(open, options) {
        this.#open = open;
        this.#options = options;
      }
      /** The connection, if a call can be made on it. */
      get current() {
        return this.#connection?.isOpen === true ? this.#connection : void 0;
      }
      /** When the certificate of the last connection ends, in wall time; `undefined` without TLS. */
      get certificateEndsAt() {
        return this.#certificateEndsAt;
      }
      /**
       * Makes a call: `ask` is run with a kept or a new connection. When it rejects with Unanswered, it is run once more
       * with a new connection, if the first one was a kept one or the target refused the call unprocessed.
       * Rejects with the reason inside of Unanswered, or with what else `ask` rejects with.
       */
      async call(timeoutMs, ask) {
        this.#isCalling = true;
        this.#isCancelled = false;
        const kept = this.#kept();
        try {
          kept?.ref();
          return await ask(kept ?? this.#connect(timeoutMs), kept === void 0);
        } catch (error) {
          if (!(error instanceof Unanswered)) throw error;
          const isWorthAnother = kept !== void 0 || isUnprocessed(error.reason);
          if (this.#isCancelled || !isWorthAnother) throw error.reason;
          return await this.#callAgain(timeoutMs, ask);
        } finally {
          this.#isCalling = false;
          this.#certificateEndsAt = this.#connection?.certificateEndsAt;
          if (this.#options.reuse) this.#connection?.unref();
          else this.#end();
        }
      }
      /** Ends the call that runs, if there is one: it rejects with BrokenCall `cancelled`. Its connection is closed. */
      cancel() {
        if (this.#isCalling) this.#end(new BrokenCall("cancelled", "the deadline is over"));
      }
      /** Ends the connection, and the call that runs on it. */
      close() {
        this.#end();
      }
      #end(error) {
        this.#isCancelled = true;
        this.#connection?.close(error);
        this.#connection = void 0;
      }
      #kept() {
        const isYoung = this.#options.clock.now() < this.#replaceAt;
        return isYoung ? this.current : void 0;
      }
      #connect(timeoutMs) {
        const { clock, random, maxAgeMs } = this.#options;
        this.#connection?.close();
        this.#connection = this.#open(timeoutMs);
        this.#replaceAt = clock.now() + maxAgeMs * (1 - AGE_JITTER * random());
        return this.#connection;
      }
      async #callAgain(timeoutMs, ask) {
        try {
          return await ask(this.#connect(timeoutMs), true);
        } catch (error) {
          throw error instanceof Unanswered ? error.reason : error;
        }
      }
    };
  },
});

// src/probers/reasons.ts
function resultOfError(error) {
  if (error instanceof BrokenCall) return fail(reasonOfBreak(error), error.message);
  const significant = mostSignificant(error);
  const code = codeOf2(significant);
  if (RESOLVER_FAULTS.has(code)) throw new ProberError("dns", messageOf(significant), { cause: error });
  if (code === "" || LOCAL_FAULTS2.has(code)) throw error;
  return fail(REASON_OF_CODE[code] ?? reasonOfFamily(code), `${code} ${messageOf(significant)}`);
}
function reasonOfBreak({ kind }) {
  if (kind === "unprocessed") return "unavailable";
  return kind === "cancelled" ? "timeout" : kind;
}
function mostSignificant(error) {
  if (!(error instanceof AggregateError)) return error;
  const theirs = error.errors.filter((each) => codeOf2(each) !== "" && !LOCAL_FAULTS2.has(codeOf2(each)));
  const reached = theirs.find((each) => REASON_OF_CODE[codeOf2(each)] !== "unreachable");
  return reached ?? theirs[0] ?? error.errors[0] ?? error;
}
function codeOf2(error) {
  if (error instanceof DOMException && error.name === "AbortError") return "ABORT_ERR";
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
function reasonOfFamily(code) {
  if (code.startsWith("UNABLE_TO_")) return "tls-untrusted";
  if (/^(?:ERR_TLS|ERR_SSL|CERT|ERR_OSSL)/.test(code)) return "tls";
  return "protocol";
}
var REASON_OF_CODE, LOCAL_FAULTS2, RESOLVER_FAULTS;
var init_reasons = __esm({
  "src/probers/reasons.ts"() {
    init_broken_call();
    init_health_error();
    init_prober();
    REASON_OF_CODE = {
      ECONNREFUSED: "refused",
      ENOENT: "refused",
      // of a unix socket
      ECONNRESET: "reset",
      ECONNABORTED: "reset",
      EPIPE: "reset",
      ENOTFOUND: "dns",
      ERR_FORBIDDEN_ADDRESS: "forbidden",
      ETIMEDOUT: "unreachable",
      EHOSTUNREACH: "unreachable",
      EHOSTDOWN: "unreachable",
      ENETUNREACH: "unreachable",
      EPROTO: "tls",
      CERT_HAS_EXPIRED: "tls-expired",
      CERT_NOT_YET_VALID: "tls-expired",
      ERR_TLS_CERT_ALTNAME_INVALID: "tls-name",
      DEPTH_ZERO_SELF_SIGNED_CERT: "tls-untrusted",
      SELF_SIGNED_CERT_IN_CHAIN: "tls-untrusted",
      CERT_UNTRUSTED: "tls-untrusted",
      CERT_REVOKED: "tls-untrusted",
      ABORT_ERR: "timeout",
    };
    LOCAL_FAULTS2 = /* @__PURE__ */ new Set([
      "EMFILE",
      "ENFILE",
      "ENOMEM",
      "EAI_MEMORY",
      "ENOBUFS",
      "EADDRNOTAVAIL",
      "EACCES",
      "EPERM",
    ]);
    RESOLVER_FAULTS = /* @__PURE__ */ new Set(["EAI_AGAIN", "EAI_FAIL"]);
  },
});

// src/probers/library-prober.ts
import { createRequire } from "node:module";

function openLibraryProber({ connect, judge: judge7 }, reuse) {
  const connection = new ReusedConnection((timeoutMs) => new LibraryConnection(connect, timeoutMs), reuse);
  return {
    async probe({ timeoutMs }) {
      try {
        await connection.call(timeoutMs, (client) => client.ping());
        return PASS;
      } catch (error) {
        return judge7(error) ?? resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}
function requirePackage(name, scheme, resolve = here.resolve) {
  try {
    resolve(name);
  } catch (cause) {
    const message = `targets of ${scheme}:// need the package ${name}, which is not installed; try: npm install ${name}`;
    throw new HealthError("MISSING_PACKAGE", message, { cause });
  }
}
var LibraryConnection, here;
var init_library_prober = __esm({
  "src/probers/library-prober.ts"() {
    init_broken_call();
    init_reused_connection();
    init_health_error();
    init_prober();
    init_reasons();
    LibraryConnection = class {
      certificateEndsAt = void 0;
      #abort = new AbortController();
      #client;
      #socket;
      #isOpen = true;
      #isPinging = false;
      #rejectPing = () => {};
      constructor(connect, timeoutMs) {
        this.#client = connect({ signal: this.#abort.signal, timeoutMs });
        this.#client.then(
          ({ socket }) => this.#watch(socket),
          () => {},
          // `ping` rejects with the error
        );
      }
      get isOpen() {
        return this.#isOpen;
      }
      ref() {
        this.#socket?.ref();
      }
      unref() {
        this.#socket?.unref();
      }
      /** Rejects with Unanswered for every error: only a new connection shows whether the server has failed. */
      ping() {
        this.#isPinging = true;
        return new Promise((resolve, reject) => {
          this.#rejectPing = (error) => reject(new Unanswered(error));
          const onAnswer = () => {
            this.#isPinging = false;
            resolve();
          };
          const onError = (error) => {
            reject(new Unanswered(error));
            this.close();
          };
          this.#client.then((client) => client.ping()).then(onAnswer, onError);
        });
      }
      close(error = new BrokenCall("cancelled", "the connection is closed")) {
        this.#isOpen = false;
        this.#rejectPing(error);
        this.#abort.abort(error);
      }
      #watch(socket) {
        this.#socket = socket;
        socket?.once("close", () => {
          this.#isOpen = false;
        });
        socket?.on("data", () => {
          if (!this.#isPinging) this.close();
        });
      }
    };
    here = createRequire(import.meta.url);
  },
});

// src/probers/options.ts
function reuseOptionsOf(options, { clock, random }) {
  const { reuse = true, maxConnectionAge = DEFAULT_MAX_AGE_MS } = options;
  const maxAgeMs = parseDuration(maxConnectionAge) ?? 0;
  if (maxAgeMs > 0 && maxAgeMs <= MAX_MAX_AGE_MS) return { reuse, maxAgeMs, clock, random };
  const most = formatDuration(MAX_MAX_AGE_MS);
  const text2 = `maxConnectionAge must be a duration above 0 and at most ${most}, such as 5m; got ${String(maxConnectionAge)}`;
  throw new HealthError("INVALID_OPTION", text2);
}
var DEFAULT_MAX_AGE_MS, MAX_MAX_AGE_MS;
var init_options = __esm({
  "src/probers/options.ts"() {
    init_duration();
    init_health_error();
    DEFAULT_MAX_AGE_MS = 3e5;
    MAX_MAX_AGE_MS = 36e5;
  },
});

// src/probers/target.ts
function parseTarget(text2) {
  const target = URL.canParse(text2) ? new URL(text2) : void 0;
  if (target === void 0) throw invalidTarget(text2, "expected a URL such as http://host:port/path");
  return target;
}
function hostOf(target) {
  return target.hostname.replace(/^\[(.*)\]$/, "$1");
}
function credentialsOf({ username, password }) {
  return {
    ...(username === "" ? {} : { user: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  };
}
function invalidTarget(text2, expected, options) {
  const shown2 = text2.replace(/^([a-z][a-z0-9+.-]*:\/*)?.*@/is, "$1***@");
  return new HealthError("INVALID_TARGET", `target ${JSON.stringify(shown2)}: ${expected}`, options);
}
var init_target = __esm({
  "src/probers/target.ts"() {
    init_health_error();
  },
});

// src/probers/amqp.ts
import { connect as connectSocket } from "node:net";

function openAmqp(target, deps, options) {
  const secure = target.protocol === "amqps:";
  requirePackage("amqplib", "amqp");
  const host = hostOf(target);
  const port = Number(target.port) || (secure ? 5671 : 5672);
  const vhost = target.pathname.length > 1 ? decodeURIComponent(target.pathname.slice(1)) : "/";
  const { user = "guest", password = "guest" } = credentialsOf(target);
  const address = {
    protocol: secure ? "amqps" : "amqp",
    hostname: host,
    port,
    username: user,
    password,
    vhost,
    heartbeat: 0,
  };
  const tls = secure ? tlsOptions(host, options.tls) : void 0;
  const connect = async ({ signal, timeoutMs }) => {
    const { connect: connectAmqp } = await import("amqplib");
    signal.throwIfAborted();
    const tcp = { ...connectOptions({ host, port, resolver: deps.resolver, timeoutMs }), signal };
    const clientProperties = { connection_name: "healthbridge" };
    const way = tls === void 0 ? tcp : { ...tls, socket: connectSocket(tcp) };
    const model = await connectAmqp(address, { ...way, clientProperties });
    model.on("error", () => {});
    return { socket: socketOf(model), ping: async () => (await model.createChannel()).close() };
  };
  return openLibraryProber({ connect, judge }, reuseOptionsOf(options, deps));
}
function socketOf(model) {
  return model.connection?.stream;
}
function judge(error) {
  const { message, code } = Object(error);
  const text2 = String(message);
  if (code === 403 || /ACCESS[-_]REFUSED|\b403\b/.test(text2)) return fail("auth", text2);
  if (code === 530 || /NOT[-_]ALLOWED|\b530\b/.test(text2)) return fail("answer", text2);
  if (typeof code === "number") return fail("answer", text2);
  if (!(error instanceof Error) || typeof code === "string" || error.name === "BrokenCall") return void 0;
  return fail(/clos|ended|ECONNRESET/i.test(text2) ? "closed" : "protocol", text2);
}
var init_amqp = __esm({
  "src/probers/amqp.ts"() {
    init_target_socket();
    init_tls_options();
    init_library_prober();
    init_options();
    init_prober();
    init_target();
  },
});

// src/probers/connect.ts
import { connect as connectSocket2 } from "node:net";
import { connect as connectTls2 } from "node:tls";

function openTcp(target, { resolver }) {
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  return connecting({
    connect: ({ timeoutMs }) => connectSocket2(connectOptions({ ...address, timeoutMs })),
    readyEvent: "connect",
    resultOf: () => PASS,
  });
}
function openUnix(target) {
  const path = decodeURIComponent(target.pathname);
  if (target.host !== "" || path.length < 2)
    throw invalidTarget(target.href, "a path is missing; expected unix:///run/service.sock");
  return connecting({ connect: () => connectSocket2({ path }), readyEvent: "connect", resultOf: () => PASS });
}
function openTls(target, { clock, resolver }, { tls }) {
  const address = { host: hostOf(target), port: Number(target.port), resolver };
  const secure = tlsOptions(address.host, tls);
  return connecting({
    connect: ({ timeoutMs }) => connectTls2({ ...connectOptions({ ...address, timeoutMs }), ...secure }),
    readyEvent: "secureConnect",
    resultOf: (socket) => withCertificate(PASS, certificateEnd(socket), clock.wallTime(), tls?.warnBeforeMs),
  });
}
function connecting({ connect, readyEvent, resultOf: resultOf2 }) {
  return {
    async probe(context) {
      const socket = connect(context);
      try {
        await untilReady(socket, readyEvent, context.signal);
        return resultOf2(socket);
      } catch (error) {
        return resultOfError(error);
      } finally {
        socket.destroy();
      }
    },
    close() {},
  };
}
function untilReady(socket, readyEvent, signal) {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new BrokenCall("cancelled", "the deadline is over"));
    socket.once(readyEvent, () => resolve());
    socket.on("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      reject(new BrokenCall("closed", "the connection ended before it was ready"));
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
var init_connect = __esm({
  "src/probers/connect.ts"() {
    init_broken_call();
    init_target_socket();
    init_tls_options();
    init_certificate();
    init_prober();
    init_reasons();
    init_target();
  },
});

// src/probers/dns.ts
import { promises as dns2 } from "node:dns";
import { isIP as isIP4 } from "node:net";

function openDns(target, { resolver }) {
  const { href, searchParams } = target;
  const name = decodeURIComponent(target.pathname.replace(/^\//, ""));
  const type = (searchParams.get("type") ?? "A").toUpperCase();
  const known = TYPES.find((each) => each === type);
  if (name === "") throw invalidTarget(href, "a name is missing; expected dns:example.com or dns://server/example.com");
  if (known === void 0) throw invalidTarget(href, `type ${type} is none of ${TYPES.join(", ")}`);
  const stray = [...searchParams.keys()].find((key) => key !== "type");
  if (stray !== void 0) throw invalidTarget(href, `unknown parameter ${JSON.stringify(stray)}; the only one is type`);
  const server = hostOf(target);
  return {
    async probe({ signal, timeoutMs }) {
      const nameServers = new dns2.Resolver({ timeout: Math.max(1, Math.floor(timeoutMs / 2)), tries: 2 });
      const cancel = () => nameServers.cancel();
      signal.addEventListener("abort", cancel, { once: true });
      try {
        if (server !== "") nameServers.setServers(await addressesOf(server, target.port, resolver));
        const records = [await nameServers.resolve(name, known)].flat();
        return records.length > 0 ? PASS : fail("dns", `${name} has no record of type ${known}`);
      } catch (error) {
        return judge2(error, server !== "");
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    },
    close() {},
  };
}
function judge2(error, isServerNamed) {
  const { code = "", message = "" } = Object(error);
  if (error instanceof ProberError) throw error;
  if (NO_RECORD.has(code)) return fail("dns", String(message));
  if (!isServerNamed && code !== "ECANCELLED") throw new ProberError("dns", String(message), { cause: error });
  if (code === "ECONNREFUSED") return fail("refused", String(message));
  if (code === "ETIMEOUT" || code === "ECANCELLED") return fail("timeout", String(message));
  return fail("answer", String(message));
}
async function addressesOf(server, port, resolver) {
  const found = isIP4(server) === 0 ? await lookUp(server, resolver) : [server];
  return found.map((address) => (isIP4(address) === 6 ? `[${address}]:${port || 53}` : `${address}:${port || 53}`));
}
function lookUp(server, { lookup }) {
  return new Promise((resolve, reject) => {
    lookup(server, { all: true }, (error, found) => {
      if (error !== null) reject(new ProberError("dns", error.message, { cause: error }));
      else resolve(Array.isArray(found) ? found.map(({ address }) => address) : [found]);
    });
  });
}
var TYPES, NO_RECORD;
var init_dns = __esm({
  "src/probers/dns.ts"() {
    init_prober();
    init_target();
    TYPES = ["A", "AAAA", "CAA", "CNAME", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV", "TXT"];
    NO_RECORD = /* @__PURE__ */ new Set(["ENOTFOUND", "ENODATA"]);
  },
});

// src/client/exchange.ts
function exchange(socket, request, reader) {
  const listener = new AnswerListener(socket, reader);
  socket.listen(listener);
  socket.write(request);
  return listener.answer;
}
var AnswerListener;
var init_exchange = __esm({
  "src/client/exchange.ts"() {
    init_broken_call();
    AnswerListener = class {
      answer;
      #socket;
      #reader;
      #resolve = () => {};
      #reject = () => {};
      #hasBegun = false;
      constructor(socket, reader) {
        this.#socket = socket;
        this.#reader = reader;
        this.answer = new Promise((resolve, reject) => {
          this.#resolve = resolve;
          this.#reject = reject;
        });
      }
      onBytes(bytes) {
        this.#hasBegun = true;
        try {
          const answer = this.#reader.push(bytes);
          if (answer === void 0) return;
          this.#socket.listen(void 0);
          this.#resolve(answer);
        } catch (error) {
          this.#socket.listen(void 0);
          this.#socket.close();
          this.#reject(error);
        }
      }
      onEnd(error) {
        try {
          if (!this.#hasBegun)
            throw new Unanswered(error ?? new BrokenCall("closed", "the connection ended without an answer"));
          if (error !== void 0) throw error;
          this.#resolve(this.#reader.end());
        } catch (reason) {
          this.#reject(reason);
        }
      }
    };
  },
});

// src/client/http-chunks.ts
function broken(text2) {
  return new BrokenCall("protocol", text2);
}
var MAX_LINE_BYTES, MAX_TRAILERS, ChunkedBody;
var init_http_chunks = __esm({
  "src/client/http-chunks.ts"() {
    init_broken_call();
    MAX_LINE_BYTES = 1024;
    MAX_TRAILERS = 32;
    ChunkedBody = class {
      #expecting = "size";
      #missing = 0;
      #line = "";
      #trailers = 0;
      /**
       * Takes the next bytes and passes the data in them to `onData`. Returns how many bytes follow the end of the body, or
       * `undefined` before its end.
       * @throws BrokenCall `protocol`
       */
      push(bytes, onData) {
        let at2 = 0;
        while (at2 < bytes.length) {
          if (this.#expecting === "data") {
            const data = bytes.subarray(at2, at2 + this.#missing);
            onData(data);
            at2 += data.length;
            this.#missing -= data.length;
            if (this.#missing === 0) this.#expecting = "end-of-data";
            continue;
          }
          const end = bytes.indexOf(10, at2);
          const stop = end === -1 ? bytes.length : end + 1;
          this.#line += bytes.toString("latin1", at2, stop);
          at2 = stop;
          if (this.#line.length > MAX_LINE_BYTES)
            throw broken("a chunk size line or a trailer line of the answer is too long");
          if (end !== -1 && this.#takeLine()) return bytes.length - at2;
        }
        return void 0;
      }
      /** Takes a complete line. Returns true for the last line of the body. */
      #takeLine() {
        if (!this.#line.endsWith("\r\n"))
          throw broken("a chunk size line or a trailer line of the answer does not end with CRLF");
        const line = this.#line.slice(0, -2);
        this.#line = "";
        switch (this.#expecting) {
          case "size":
            this.#takeSize(line);
            return false;
          case "end-of-data":
            if (line !== "") throw broken("a chunk of the answer is longer than its size");
            this.#expecting = "size";
            return false;
          case "trailer":
            this.#trailers += 1;
            if (this.#trailers > MAX_TRAILERS) throw broken("the trailer section of the answer has too many lines");
            return line === "";
          default:
            throw broken("a chunk of the answer is not complete");
        }
      }
      #takeSize(line) {
        const [, size] = /^([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(line) ?? [];
        if (size === void 0) throw broken("the size of a chunk of the answer is not a number");
        this.#missing = Number.parseInt(size, 16);
        this.#expecting = this.#missing === 0 ? "trailer" : "data";
      }
    };
  },
});

// src/client/http-head.ts
function readHead(text2) {
  const [statusLine = "", ...lines] = text2.split("\r\n");
  const [, minor, code] = STATUS_LINE.exec(statusLine) ?? [];
  if (code === void 0) throw broken2("the answer does not start with a status line of HTTP/1");
  if (lines.length > MAX_FIELDS) throw broken2(`the answer has more than ${MAX_FIELDS} header fields`);
  if (CONTROL.test(text2)) throw broken2("the head of the answer has control characters");
  const headers = /* @__PURE__ */ new Map();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!FIELD_NAME.test(name)) throw broken2("a header line of the answer is malformed");
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === void 0 ? value : `${before}, ${value}`);
  }
  const status = Number(code);
  const connection = headers.get("connection")?.toLowerCase() ?? "";
  return {
    status,
    headers,
    bodyLength: bodyLengthOf(status, headers),
    keepAlive: minor === "1" ? !connection.includes("close") : connection.includes("keep-alive"),
  };
}
function bodyLengthOf(status, headers) {
  if (status < 200 || status === 204 || status === 304) return 0;
  const coding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (coding !== void 0) {
    if (length !== void 0) throw broken2("the answer has both a transfer-encoding and a content-length");
    if (coding.toLowerCase() !== "chunked") throw broken2("the answer's transfer-encoding is not chunked");
    return "chunked";
  }
  if (length === void 0) return "until-close";
  const [first = "", ...others] = length.split(",").map((each) => each.trim());
  if (!/^\d{1,15}$/.test(first)) throw broken2("the answer's content-length is not a number");
  if (others.some((other) => other !== first)) throw broken2("the answer has two content-lengths");
  return Number(first);
}
function broken2(text2) {
  return new BrokenCall("protocol", text2);
}
var STATUS_LINE, FIELD_NAME, CONTROL, MAX_FIELDS;
var init_http_head = __esm({
  "src/client/http-head.ts"() {
    init_broken_call();
    STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/;
    FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
    CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/;
    MAX_FIELDS = 100;
  },
});

// src/client/http-response.ts
function requireStart(text2) {
  const start = text2.toString("latin1", 0, START.length);
  const end = text2.indexOf(LINE_FEED);
  if (!START.startsWith(start) || (end !== -1 && text2[end - 1] !== CARRIAGE_RETURN))
    throw new BrokenCall("protocol", "the answer does not start with a status line of HTTP/1");
}
var MAX_HEAD_BYTES,
  MAX_INTERIM_HEADS,
  END_OF_HEAD,
  START,
  LINE_FEED,
  CARRIAGE_RETURN,
  NO_BYTES,
  ResponseReader,
  BoundedBytes;
var init_http_response = __esm({
  "src/client/http-response.ts"() {
    init_broken_call();
    init_http_chunks();
    init_http_head();
    MAX_HEAD_BYTES = 16384;
    MAX_INTERIM_HEADS = 8;
    END_OF_HEAD = "\r\n\r\n";
    START = "HTTP/1.";
    LINE_FEED = 10;
    CARRIAGE_RETURN = 13;
    NO_BYTES = Buffer.alloc(0);
    ResponseReader = class {
      #maxBodyBytes;
      #pending = NO_BYTES;
      #interimHeads = 0;
      #head;
      #chunks;
      #body;
      #bodyBytes = 0;
      constructor(maxBodyBytes) {
        this.#maxBodyBytes = maxBodyBytes;
        this.#body = new BoundedBytes(maxBodyBytes);
      }
      /**
       * Takes the next bytes, which may be overwritten afterwards. Returns the response when it is complete, or when its
       * body has more bytes than are kept.
       * @throws BrokenCall `protocol`
       */
      push(bytes) {
        if (this.#head !== void 0) return this.#pushBody(this.#head, bytes);
        const text2 = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
        const end = text2.indexOf(END_OF_HEAD);
        if (end > MAX_HEAD_BYTES || (end === -1 && text2.length > MAX_HEAD_BYTES + END_OF_HEAD.length))
          throw new BrokenCall("protocol", `the head of the answer is longer than ${MAX_HEAD_BYTES} bytes`);
        if (end === -1) {
          requireStart(text2);
          this.#pending = text2 === bytes ? Buffer.from(bytes) : text2;
          return void 0;
        }
        this.#pending = NO_BYTES;
        const head = readHead(text2.toString("latin1", 0, end));
        const rest = text2.subarray(end + END_OF_HEAD.length);
        if (head.status < 200) return this.#skip(head, rest);
        this.#head = head;
        if (head.bodyLength === "chunked") this.#chunks = new ChunkedBody();
        return this.#pushBody(head, rest);
      }
      /**
       * The connection has ended. Returns the response where that is the end of its body.
       * @throws BrokenCall `closed` when the response is not complete
       */
      end() {
        if (this.#head?.bodyLength === "until-close") return this.#finish(this.#head, false);
        throw new BrokenCall("closed", "the connection ended within the answer");
      }
      #skip({ status }, rest) {
        this.#interimHeads += 1;
        if (status === 101)
          throw new BrokenCall("protocol", "the target answers 101 Switching Protocols, which was not asked for");
        if (this.#interimHeads > MAX_INTERIM_HEADS)
          throw new BrokenCall("protocol", `the target sends more than ${MAX_INTERIM_HEADS} interim (1xx) responses`);
        return rest.length === 0 ? void 0 : this.push(rest);
      }
      #pushBody(head, bytes) {
        const { bodyLength } = head;
        if (typeof bodyLength === "number") {
          const missing = bodyLength - this.#bodyBytes;
          this.#addBody(bytes.length > missing ? bytes.subarray(0, missing) : bytes);
          if (bytes.length >= missing) return this.#finish(head, bytes.length === missing);
        } else if (this.#chunks === void 0) this.#addBody(bytes);
        else {
          const surplus = this.#chunks.push(bytes, (part) => this.#addBody(part));
          if (surplus !== void 0) return this.#finish(head, surplus === 0);
        }
        return this.#bodyBytes > this.#maxBodyBytes ? this.#finish(head, false) : void 0;
      }
      #addBody(part) {
        this.#body.add(part);
        this.#bodyBytes += part.length;
      }
      #finish({ status, headers, keepAlive }, endsHere) {
        const isCut = this.#bodyBytes > this.#maxBodyBytes;
        return { status, headers, body: this.#body.bytes, isCut, isReusable: keepAlive && endsHere && !isCut };
      }
    };
    BoundedBytes = class {
      #maxBytes;
      #buffer = NO_BYTES;
      #length = 0;
      constructor(maxBytes) {
        this.#maxBytes = maxBytes;
      }
      get bytes() {
        return this.#buffer.subarray(0, this.#length);
      }
      /** Adds a copy of `part`, up to the limit. */
      add(part) {
        const length = Math.min(this.#maxBytes, this.#length + part.length);
        if (length > this.#buffer.length) {
          const buffer = Buffer.allocUnsafe(this.#length === 0 ? length : Math.min(this.#maxBytes, length * 2));
          this.#buffer.copy(buffer, 0, 0, this.#length);
          this.#buffer = buffer;
        }
        part.copy(this.#buffer, this.#length, 0, length - this.#length);
        this.#length = length;
      }
    };
  },
});

// src/probers/http-request.ts
function requestOf(target, path, { headers = {}, reuse = true }) {
  const fields = /* @__PURE__ */ new Map([
    ["host", target.host],
    ["accept", "*/*"],
    ["user-agent", "healthbridge"],
  ]);
  if (target.username !== "" || target.password !== "") fields.set("authorization", basicOf(target));
  if (!reuse) fields.set("connection", "close");
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (!FIELD_NAME2.test(name) || !FIELD_VALUE.test(value) || FRAMING.has(key))
      throw new HealthError("INVALID_OPTION", `headers: ${JSON.stringify(name)} cannot be sent with this value`);
    fields.set(key, value);
  }
  const lines = [...fields]
    .map(
      ([name, value]) => `${name}: ${value}\r
`,
    )
    .join("");
  return Buffer.from(
    `GET ${path} HTTP/1.1\r
${lines}\r
`,
    "latin1",
  );
}
function basicOf(target) {
  try {
    const pair = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
    return `Basic ${Buffer.from(pair).toString("base64")}`;
  } catch (cause) {
    throw invalidTarget(target.href, "the user name or password has an invalid percent-encoding", { cause });
  }
}
var FIELD_NAME2, FIELD_VALUE, FRAMING;
var init_http_request = __esm({
  "src/probers/http-request.ts"() {
    init_health_error();
    init_target();
    FIELD_NAME2 = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
    FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
    FRAMING = /* @__PURE__ */ new Set([
      "content-length",
      "transfer-encoding",
      "connection",
      "upgrade",
      "te",
      "trailer",
    ]);
  },
});

// src/probers/expectation.ts
import { createRequire as createRequire2 } from "node:module";

function compileExpectation(expect = {}) {
  const parts = [judgeStatus(expect.status ?? ["200-299"])];
  for (const [name, value] of Object.entries(expect.headers ?? {})) parts.push(judgeHeader(name, value));
  if (expect.body !== void 0) parts.push(judgeBody(expect.body));
  if (expect.json !== void 0) parts.push(judgeJson(expect.json));
  return (response) => {
    for (const judge7 of parts) {
      const failure2 = judge7(response);
      if (failure2 !== void 0) return failure2;
    }
    return PASS;
  };
}
function judgeStatus(given2) {
  if (given2.length === 0) throw invalid("status", "must name at least one status");
  const ranges = given2.map(readRange);
  const text2 = given2.join(", ");
  return ({ status }) => {
    if (ranges.some(([first, last]) => status >= first && status <= last)) return void 0;
    const reason = status >= 300 && status <= 399 ? "redirect" : "status";
    return fail(reason, `HTTP status ${status}, expected ${text2}`);
  };
}
function readRange(given2) {
  const [, first, last = first] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(given2)) ?? [];
  if (first === void 0 || Number(first) > Number(last))
    throw invalid("status", `must be statuses and ranges such as 204 or "200-299"; got ${JSON.stringify(given2)}`);
  return [Number(first), Number(last)];
}
function judgeHeader(name, expected) {
  if (!FIELD_NAME2.test(name)) throw invalid("headers", `${JSON.stringify(name)} is not a valid header name`);
  const key = name.toLowerCase();
  return ({ headers }) => {
    const got = headers.get(key);
    if (got === expected.trim()) return void 0;
    return fail("header", `header ${key} is ${JSON.stringify(got ?? null)}, expected ${JSON.stringify(expected)}`);
  };
}
function judgeBody(expected) {
  const isText = typeof expected === "string";
  const matches = isText ? (body) => body.includes(expected) : compilePattern(expected.matches);
  const what = isText ? `text ${JSON.stringify(expected)}` : `pattern ${expected.matches}`;
  return ({ body, isCut }) => {
    if (matches(body.toString("utf8"))) return void 0;
    return fail("body", `${what} not found in ${isCut ? `first ${body.length} bytes` : "the body"}`);
  };
}
function compilePattern(pattern) {
  const { RE2JS } = load("re2js");
  let compiled;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw invalid("body.matches", `is not a valid RE2 regular expression: ${messageOf(cause)}`, { cause });
  }
  if (compiled.programSize() > MAX_PATTERN_STEPS)
    throw invalid("body.matches", `is too large: the compiled pattern has more than ${MAX_PATTERN_STEPS} steps`);
  return (text2) => compiled.matcher(text2).find();
}
function judgeJson(expected) {
  const paths = Object.entries(expected).map(([path, value]) => ({ path, value, find: compileJsonPath(path) }));
  return ({ body, isCut }) => {
    if (isCut) return fail("json", `the body is longer than ${body.length} bytes`);
    let root;
    try {
      root = JSON.parse(body.toString("utf8"));
    } catch {
      return fail("json", "the body is not JSON");
    }
    for (const { path, value, find } of paths) {
      const got = find(root);
      if (got !== value)
        return fail("json", `${path} is ${JSON.stringify(got) ?? "missing"}, expected ${JSON.stringify(value)}`);
    }
    return void 0;
  };
}
function compileJsonPath(path) {
  const steps = [];
  let at2 = 0;
  do {
    const pattern = at2 === 0 ? FIRST : NEXT;
    const [whole, name, index, quoted] = pattern.exec(path.slice(at2)) ?? [];
    const step = name ?? index ?? quoted;
    if (whole === void 0 || step === void 0)
      throw invalid(
        "json",
        `${JSON.stringify(path)} is not a path; expected one such as checks.db.ok or items[0].name`,
      );
    steps.push(step);
    at2 += whole.length;
  } while (at2 < path.length);
  return (root) => steps.reduce(inside2, root);
}
function inside2(value, step) {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return void 0;
  return Object(value)[step];
}
function invalid(setting2, text2, options) {
  return new HealthError("INVALID_OPTION", `expect.${setting2} ${text2}`, options);
}
var MAX_PATTERN_STEPS, load, FIRST, NEXT;
var init_expectation = __esm({
  "src/probers/expectation.ts"() {
    init_health_error();
    init_http_request();
    init_prober();
    MAX_PATTERN_STEPS = 300;
    load = createRequire2(import.meta.url);
    FIRST = /^(?:([^.[\]"\s]+)|\[(\d{1,6})\]|\["([^"\\]+)"\])/;
    NEXT = /^(?:\.([^.[\]"\s]+)|\[(\d{1,6})\]|\["([^"\\]+)"\])/;
  },
});

// src/probers/http.ts
function openHttp(target, deps, options) {
  const probe = { path: `${target.pathname}${target.search}`, judge: compileExpectation(options.expect) };
  return openHttpProbe(target, probe, deps, options);
}
function openHttpProbe(target, { path, judge: judge7, maxBodyBytes = DEFAULT_MAX_BODY_BYTES }, deps, options) {
  const secure = target.protocol.endsWith("https:");
  const host = hostOf(target);
  const tls = secure ? tlsOptions(host, options.tls, ["http/1.1"]) : void 0;
  const address = {
    host,
    port: Number(target.port) || (secure ? 443 : 80),
    resolver: deps.resolver,
    readBuffer: deps.readBuffer,
    tls,
    closesByReset: true,
  };
  const request = requestOf(target, path, options);
  const connection = new ReusedConnection(
    (timeoutMs) => new TargetSocket(address, timeoutMs),
    reuseOptionsOf(options, deps),
  );
  const ask = (socket) => exchange(socket, request, new ResponseReader(maxBodyBytes));
  return {
    async probe({ timeoutMs }) {
      try {
        const response = await connection.call(timeoutMs, ask);
        if (!response.isReusable) connection.close();
        const result = judge7(response);
        if (!secure) return result;
        return withCertificate(result, connection.certificateEndsAt, deps.clock.wallTime(), options.tls?.warnBeforeMs);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}
var DEFAULT_MAX_BODY_BYTES;
var init_http = __esm({
  "src/probers/http.ts"() {
    init_exchange();
    init_http_response();
    init_reused_connection();
    init_target_socket();
    init_tls_options();
    init_certificate();
    init_expectation();
    init_http_request();
    init_options();
    init_reasons();
    init_target();
    DEFAULT_MAX_BODY_BYTES = 65536;
  },
});

// src/probers/flower.ts
function openFlower(target, deps, options) {
  const path = `${target.pathname.replace(/\/$/, "")}/api/workers?status=true`;
  return openHttpProbe(target, { path, judge: judge3, maxBodyBytes: MAX_BODY_BYTES }, deps, options);
}
function judge3(response) {
  const { status, body, isCut } = response;
  const refusal = refusalOf(response);
  if (refusal !== void 0) return fail("auth", refusal);
  if (status === 404) return fail("status", "HTTP status 404: is Flower's --url-prefix the path of the target?");
  if (status !== 200) return fail(status >= 300 && status <= 399 ? "redirect" : "status", `HTTP status ${status}`);
  if (isCut) return fail("answer", `Flower's list of workers is longer than ${MAX_BODY_BYTES} bytes`);
  const workers = readWorkers(body.toString("utf8"));
  return workers === void 0 ? fail("answer", "the answer is not that of Flower's API") : resultOf(workers);
}
function refusalOf({ status, headers, body }) {
  if (status === 401 && body.includes("FLOWER_UNAUTHENTICATED_API"))
    return "Flower requires authentication for its API: start it with --basic-auth=name:password and put both into the target, or start it with FLOWER_UNAUTHENTICATED_API=true";
  if (status === 401 || status === 403)
    return "Flower refuses the name and password: put those of its --basic-auth into the target";
  if (status >= 300 && status <= 399 && headers.get("location")?.includes("/login") === true)
    return "Flower requires an interactive login (--auth); a check needs --basic-auth";
  return void 0;
}
function readWorkers(text2) {
  let value;
  try {
    value = JSON.parse(text2);
  } catch {
    return void 0;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return void 0;
  const workers = /* @__PURE__ */ new Map();
  for (const [name, online] of Object.entries(value)) {
    if (typeof online !== "boolean") return void 0;
    workers.set(name, online);
  }
  return workers;
}
function resultOf(workers) {
  const online = [...workers].filter(([, isOnline]) => isOnline);
  const offline = [...workers].filter(([, isOnline]) => !isOnline);
  const named = [...online, ...offline].map(([name, isOnline]) => [`celery.worker/${name}`, isOnline]);
  const published = named.filter(([service]) => serviceNameFault(service) === void 0).slice(0, MAX_WORKERS);
  const discovered = new Map(published.map(([service, isOnline]) => [service, isOnline ? ONLINE : OFFLINE]));
  const skipped = named.length - published.length;
  const detail = `${online.length} of ${workers.size} workers are online${skipped === 0 ? "" : `, ${skipped} are not published`}`;
  return online.length === 0 ? { ...fail("no-workers", detail), discovered } : { ...PASS, detail, discovered };
}
var MAX_WORKERS, MAX_BODY_BYTES, ONLINE, OFFLINE;
var init_flower = __esm({
  "src/probers/flower.ts"() {
    init_service_name();
    init_http();
    init_prober();
    MAX_WORKERS = 1e3;
    MAX_BODY_BYTES = 1048576;
    ONLINE = { outcome: "pass" };
    OFFLINE = { outcome: "fail", reason: "offline" };
  },
});

// src/wire/grpc-code.ts
function grpcCodeOf(number2) {
  return NAMES[number2] ?? "UNKNOWN";
}
var GRPC_CODES, NAMES;
var init_grpc_code = __esm({
  "src/wire/grpc-code.ts"() {
    GRPC_CODES = {
      OK: 0,
      CANCELLED: 1,
      UNKNOWN: 2,
      INVALID_ARGUMENT: 3,
      DEADLINE_EXCEEDED: 4,
      NOT_FOUND: 5,
      ALREADY_EXISTS: 6,
      PERMISSION_DENIED: 7,
      RESOURCE_EXHAUSTED: 8,
      FAILED_PRECONDITION: 9,
      ABORTED: 10,
      OUT_OF_RANGE: 11,
      UNIMPLEMENTED: 12,
      INTERNAL: 13,
      UNAVAILABLE: 14,
      DATA_LOSS: 15,
      UNAUTHENTICATED: 16,
    };
    NAMES = Object.keys(GRPC_CODES);
  },
});

// src/wire/http2/hpack-table.ts
function staticIndexOf(name) {
  for (let index = 0; index < STATIC.length; index += 2) if (STATIC[index] === name) return index / 2 + 1;
  return 0;
}
var STATIC, STATIC_ENTRIES, ENTRY_OVERHEAD, TABLE_OCTETS, HpackTable;
var init_hpack_table = __esm({
  "src/wire/http2/hpack-table.ts"() {
    STATIC = [
      ":authority",
      "",
      ":method",
      "GET",
      ":method",
      "POST",
      ":path",
      "/",
      ":path",
      "/index.html",
      ":scheme",
      "http",
      ":scheme",
      "https",
      ":status",
      "200",
      ":status",
      "204",
      ":status",
      "206",
      ":status",
      "304",
      ":status",
      "400",
      ":status",
      "404",
      ":status",
      "500",
      "accept-charset",
      "",
      "accept-encoding",
      "gzip, deflate",
      "accept-language",
      "",
      "accept-ranges",
      "",
      "accept",
      "",
      "access-control-allow-origin",
      "",
      "age",
      "",
      "allow",
      "",
      "authorization",
      "",
      "cache-control",
      "",
      "content-disposition",
      "",
      "content-encoding",
      "",
      "content-language",
      "",
      "content-length",
      "",
      "content-location",
      "",
      "content-range",
      "",
      "content-type",
      "",
      "cookie",
      "",
      "date",
      "",
      "etag",
      "",
      "expect",
      "",
      "expires",
      "",
      "from",
      "",
      "host",
      "",
      "if-match",
      "",
      "if-modified-since",
      "",
      "if-none-match",
      "",
      "if-range",
      "",
      "if-unmodified-since",
      "",
      "last-modified",
      "",
      "link",
      "",
      "location",
      "",
      "max-forwards",
      "",
      "proxy-authenticate",
      "",
      "proxy-authorization",
      "",
      "range",
      "",
      "referer",
      "",
      "refresh",
      "",
      "retry-after",
      "",
      "server",
      "",
      "set-cookie",
      "",
      "strict-transport-security",
      "",
      "transfer-encoding",
      "",
      "user-agent",
      "",
      "vary",
      "",
      "via",
      "",
      "www-authenticate",
      "",
    ];
    STATIC_ENTRIES = STATIC.length / 2;
    ENTRY_OVERHEAD = 32;
    TABLE_OCTETS = 4096;
    HpackTable = class {
      /** Alternating names and values, the oldest first. */
      #dynamic = [];
      #octets = 0;
      #limit = TABLE_OCTETS;
      #version = 0;
      /** Changes when an index may have another entry than before. */
      get version() {
        return this.#version;
      }
      /** The name at an index; `undefined` outside the tables. */
      name(index) {
        return this.#at(index, 0);
      }
      /** The value at an index; `undefined` outside the tables. */
      value(index) {
        return this.#at(index, 1);
      }
      /** Adds an entry and evicts the oldest. An entry larger than the table empties it (section 4.4). */
      add(name, value) {
        const octets = name.length + value.length + ENTRY_OVERHEAD;
        this.#version += 1;
        this.#shrinkTo(this.#limit - octets);
        if (octets > this.#limit) return;
        this.#dynamic.push(name, value);
        this.#octets += octets;
      }
      /** Sets the size that the peer's encoder uses; false above the limit (section 6.3). */
      resize(octets) {
        if (octets > TABLE_OCTETS) return false;
        this.#version += 1;
        this.#limit = octets;
        this.#shrinkTo(octets);
        return true;
      }
      #at(index, part) {
        if (index <= STATIC_ENTRIES) return STATIC[(index - 1) * 2 + part];
        return this.#dynamic[this.#dynamic.length - (index - STATIC_ENTRIES) * 2 + part];
      }
      #shrinkTo(octets) {
        let dropped = 0;
        while (this.#octets > Math.max(octets, 0)) {
          const name = this.#dynamic[dropped] ?? "";
          const value = this.#dynamic[dropped + 1] ?? "";
          this.#octets -= name.length + value.length + ENTRY_OVERHEAD;
          dropped += 2;
        }
        if (dropped > 0) this.#dynamic.splice(0, dropped);
      }
    };
  },
});

// src/wire/http2/hpack-encoder.ts
function encodeHeaders(fields) {
  const parts = [];
  for (const [name, value] of fields) {
    if (name === ":status" && value === "200") parts.push(Buffer.from([STATUS_200]));
    else parts.push(literalName(name), literal(value));
  }
  return Buffer.concat(parts);
}
function literalName(name) {
  const index = staticIndexOf(name);
  return index === 0 ? Buffer.concat([Buffer.from([0]), literal(name)]) : integer2(index, 4);
}
function literal(text2) {
  const octets = Buffer.from(text2, "latin1");
  return Buffer.concat([integer2(octets.length, 7), octets]);
}
function integer2(value, prefixBits) {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return Buffer.from([value]);
  const bytes = [mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
var EMPTY_TABLE, STATUS_200;
var init_hpack_encoder = __esm({
  "src/wire/http2/hpack-encoder.ts"() {
    init_hpack_table();
    EMPTY_TABLE = Buffer.from([32]);
    STATUS_200 = 136;
  },
});

// src/client/grpc-call.ts
function encodeCallHead(url) {
  return encodeHeaders([
    [":method", "POST"],
    [":scheme", url.scheme],
    [":path", url.path],
    [":authority", url.authority],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["user-agent", "healthbridge"],
  ]);
}
function startCall(connection, call, listener) {
  connection.request({ head: call.head, body: withPrefix(call.message) }, new GrpcResponse(listener));
}
function hasStatus(end) {
  return !(end instanceof Error) && end.code in GRPC_CODES;
}
function refusalOf2(head) {
  const status = Number(head.get(":status"));
  if (status !== 200) return { code: HTTP_CODES[status] ?? "UNKNOWN", text: `HTTP status ${status}` };
  const type = head.get("content-type") ?? "";
  if (!type.startsWith("application/grpc")) return { code: "UNKNOWN", text: "the answer is not gRPC" };
  return void 0;
}
function statusOf(trailers) {
  const number2 = trailers.get("grpc-status");
  if (number2 === void 0) return void 0;
  const code = /^\d{1,2}$/.test(number2) ? grpcCodeOf(Number(number2)) : "UNKNOWN";
  return { code, text: trailers.get("grpc-message") ?? "" };
}
function withPrefix(message) {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
var MAX_MESSAGE_BYTES, PREFIX_BYTES, NO_BYTES2, GrpcResponse, HTTP_CODES, MessagePrefixReader;
var init_grpc_call = __esm({
  "src/client/grpc-call.ts"() {
    init_grpc_code();
    init_hpack_encoder();
    init_broken_call();
    MAX_MESSAGE_BYTES = 4096;
    PREFIX_BYTES = 5;
    NO_BYTES2 = Buffer.alloc(0);
    GrpcResponse = class {
      #listener;
      #messages = new MessagePrefixReader();
      /** The status that an answer has which is not gRPC. */
      #refusal;
      constructor(listener) {
        this.#listener = listener;
      }
      onHead(head) {
        this.#refusal = refusalOf2(head);
        if (this.#refusal !== void 0) throw new BrokenCall("protocol", this.#refusal.text);
      }
      onData(bytes) {
        for (const message of this.#messages.read(bytes)) this.#listener.onMessage(message);
      }
      onEnd(end) {
        if (this.#refusal !== void 0) this.#listener.onEnd(this.#refusal);
        else if (end instanceof Error) this.#listener.onEnd(end);
        else
          this.#listener.onEnd(statusOf(end) ?? new BrokenCall("protocol", "the answer ended without a grpc-status"));
      }
    };
    HTTP_CODES = {
      400: "INTERNAL",
      401: "UNAUTHENTICATED",
      403: "PERMISSION_DENIED",
      404: "UNIMPLEMENTED",
      429: "UNAVAILABLE",
      502: "UNAVAILABLE",
      503: "UNAVAILABLE",
      504: "UNAVAILABLE",
    };
    MessagePrefixReader = class {
      #bytes = NO_BYTES2;
      *read(chunk) {
        this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
        while (this.#bytes.length >= PREFIX_BYTES) {
          const length = this.#bytes.readUInt32BE(1);
          if (this.#bytes[0] !== 0) throw new BrokenCall("protocol", "the answer is compressed, which was not offered");
          if (length > MAX_MESSAGE_BYTES)
            throw new BrokenCall("protocol", `the answer has ${length} bytes, more than ${MAX_MESSAGE_BYTES}`);
          const end = PREFIX_BYTES + length;
          if (this.#bytes.length < end) break;
          yield this.#bytes.subarray(PREFIX_BYTES, end);
          this.#bytes = this.#bytes.subarray(end);
        }
        this.#bytes = this.#bytes.length === 0 ? NO_BYTES2 : Buffer.from(this.#bytes);
      }
    };
  },
});

// src/wire/http2/frames.ts
function writeFrameHeader(bytes, offset, frame) {
  bytes.writeUIntBE(frame.length, offset, 3);
  bytes[offset + 3] = frame.type;
  bytes[offset + 4] = frame.flags;
  bytes.writeUInt32BE(frame.streamId, offset + 5);
}
function frameOf(type, flags, streamId, payload) {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, { length: payload.length, type, flags, streamId });
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}
function resetFrame(streamId, code) {
  return frameOf(RST_STREAM, 0, streamId, uint32(ERROR_CODES[code]));
}
function goAwayFrame(lastStreamId, code) {
  return frameOf(GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(ERROR_CODES[code])]));
}
function windowUpdateFrame(streamId, increment) {
  return frameOf(WINDOW_UPDATE, 0, streamId, uint32(increment));
}
function uint32(value) {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
var FRAME_HEADER_BYTES,
  MAX_FRAME_BYTES,
  DATA,
  HEADERS,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  PUSH_PROMISE,
  PING,
  GOAWAY,
  WINDOW_UPDATE,
  CONTINUATION,
  END_STREAM,
  ACK,
  END_HEADERS,
  PADDED,
  PRIORITY_FLAG,
  ERROR_CODES,
  MAX_31_BITS,
  DEFAULT_WINDOW,
  ConnectionError;
var init_frames = __esm({
  "src/wire/http2/frames.ts"() {
    FRAME_HEADER_BYTES = 9;
    MAX_FRAME_BYTES = 16384;
    DATA = 0;
    HEADERS = 1;
    PRIORITY = 2;
    RST_STREAM = 3;
    SETTINGS = 4;
    PUSH_PROMISE = 5;
    PING = 6;
    GOAWAY = 7;
    WINDOW_UPDATE = 8;
    CONTINUATION = 9;
    END_STREAM = 1;
    ACK = 1;
    END_HEADERS = 4;
    PADDED = 8;
    PRIORITY_FLAG = 32;
    ERROR_CODES = {
      NO_ERROR: 0,
      PROTOCOL_ERROR: 1,
      INTERNAL_ERROR: 2,
      FLOW_CONTROL_ERROR: 3,
      SETTINGS_TIMEOUT: 4,
      STREAM_CLOSED: 5,
      FRAME_SIZE_ERROR: 6,
      REFUSED_STREAM: 7,
      CANCEL: 8,
      COMPRESSION_ERROR: 9,
      ENHANCE_YOUR_CALM: 11,
    };
    MAX_31_BITS = 2147483647;
    DEFAULT_WINDOW = 65535;
    ConnectionError = class extends Error {
      name = "ConnectionError";
      code;
      constructor(code, message) {
        super(message);
        this.code = code;
      }
    };
  },
});

// src/wire/http2/frame-reader.ts
function lengthAt(bytes, at2) {
  return ((bytes[at2] ?? 0) << 16) | ((bytes[at2 + 1] ?? 0) << 8) | (bytes[at2 + 2] ?? 0);
}
var PREFACE, NO_BYTES3, FrameReader;
var init_frame_reader = __esm({
  "src/wire/http2/frame-reader.ts"() {
    init_frames();
    PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
    NO_BYTES3 = Buffer.alloc(0);
    FrameReader = class {
      #onFrame;
      #rest = NO_BYTES3;
      #hasPreface;
      #stopped = false;
      /** @param peer a client begins with the preface, a server with its first frame */
      constructor(onFrame, peer = "client") {
        this.#onFrame = onFrame;
        this.#hasPreface = peer === "server";
      }
      /** Reads bytes as they came from the socket. @throws ConnectionError, and what the listener throws */
      read(chunk) {
        const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
        let at2 = this.#hasPreface ? 0 : this.#readPreface(bytes);
        while (this.#hasPreface && !this.#stopped && bytes.length - at2 >= FRAME_HEADER_BYTES) {
          const length = lengthAt(bytes, at2);
          if (length > MAX_FRAME_BYTES) throw new ConnectionError("FRAME_SIZE_ERROR", "a frame above 16,384 bytes");
          const start = at2 + FRAME_HEADER_BYTES;
          if (bytes.length < start + length) break;
          at2 = start + length;
          const streamId = bytes.readUInt32BE(start - 4) & 2147483647;
          this.#onFrame(bytes[start - 6] ?? 0, bytes[start - 5] ?? 0, streamId, bytes.subarray(start, at2));
        }
        this.#rest = at2 === bytes.length ? NO_BYTES3 : Buffer.from(bytes.subarray(at2));
      }
      /** Reads no more frames. May be called from the listener. */
      stop() {
        this.#stopped = true;
      }
      #readPreface(bytes) {
        const length = Math.min(bytes.length, PREFACE.length);
        if (PREFACE.compare(bytes, 0, length, 0, length) !== 0)
          throw new ConnectionError("PROTOCOL_ERROR", "no connection preface");
        if (length < PREFACE.length) return 0;
        this.#hasPreface = true;
        return PREFACE.length;
      }
    };
  },
});

// src/wire/http2/huffman.ts
function decodeHuffman(bytes, start, end) {
  let decoded = "";
  const endBit = end * 8;
  for (let at2 = start * 8; at2 < endBit; ) {
    const step = STEPS[eightBits(bytes, at2, end)] ?? 0;
    const length = step === 0 ? 0 : step & 15;
    if (length > 0 && at2 + length <= endBit) {
      decoded += String.fromCharCode(step >> 4);
      at2 += length;
      continue;
    }
    const found = length === 0 ? findLong(bytes, at2, endBit) : void 0;
    if (found === void 0) return isPadding(bytes, at2, endBit) ? decoded : void 0;
    if (found.symbol === EOS) return void 0;
    decoded += String.fromCharCode(found.symbol);
    at2 += found.length;
  }
  return decoded;
}
function lengthOf(symbol) {
  return LENGTHS[symbol] ?? 0;
}
function eightBits(bytes, at2, end) {
  const index = at2 >> 3;
  const next = index + 1 < end ? (bytes[index + 1] ?? 255) : 255;
  return ((((bytes[index] ?? 255) << 8) | next) >> (8 - (at2 & 7))) & 255;
}
function findLong(bytes, at2, endBit) {
  let code = 0;
  for (let length = 1; length <= MAX_CODE_BITS && at2 + length <= endBit; length += 1) {
    code = code * 2 + bitAt(bytes, at2 + length - 1);
    const offset = code - (FIRST_CODE[length] ?? 0);
    if (offset < (COUNT[length] ?? 0)) return { symbol: SYMBOLS[(FIRST_INDEX[length] ?? 0) + offset] ?? EOS, length };
  }
  return void 0;
}
function isPadding(bytes, at2, endBit) {
  if (endBit - at2 > 7) return false;
  for (let bit = at2; bit < endBit; bit += 1) if (bitAt(bytes, bit) === 0) return false;
  return true;
}
function bitAt(bytes, bit) {
  return ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}
var LENGTHS, EOS, MAX_CODE_BITS, STEP_BITS, SYMBOLS, FIRST_CODE, FIRST_INDEX, COUNT, STEPS;
var init_huffman = __esm({
  "src/wire/http2/huffman.ts"() {
    LENGTHS = [
      13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
      28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6,
      12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15,
      5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20,
      22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
      22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
      23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
      21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26,
      27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
    ];
    EOS = 256;
    MAX_CODE_BITS = 30;
    STEP_BITS = 8;
    SYMBOLS = LENGTHS.map((_, symbol) => symbol).sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
    FIRST_CODE = new Uint32Array(MAX_CODE_BITS + 1);
    FIRST_INDEX = new Uint16Array(MAX_CODE_BITS + 1);
    COUNT = new Uint16Array(MAX_CODE_BITS + 1);
    STEPS = new Uint16Array(1 << STEP_BITS);
    for (let length = 1, code = 0, index = 0; length <= MAX_CODE_BITS; length += 1) {
      FIRST_CODE[length] = code;
      FIRST_INDEX[length] = index;
      for (; index < SYMBOLS.length && lengthOf(SYMBOLS[index] ?? EOS) === length; index += 1) {
        COUNT[length] = (COUNT[length] ?? 0) + 1;
        if (length <= STEP_BITS) {
          const spread = STEP_BITS - length;
          STEPS.fill((SYMBOLS[index] ?? EOS) * 16 + length, code << spread, (code + 1) << spread);
        }
        code += 1;
      }
      code *= 2;
    }
  },
});

// src/wire/http2/hpack-decoder.ts
function broken3(message) {
  return new ConnectionError("COMPRESSION_ERROR", message);
}
var MAX_HEADER_LIST_OCTETS, MAX_FIELDS2, MAX_INTEGER, NO_BYTES4, COMMON_WORDS, HpackDecoder;
var init_hpack_decoder = __esm({
  "src/wire/http2/hpack-decoder.ts"() {
    init_frames();
    init_hpack_table();
    init_huffman();
    MAX_HEADER_LIST_OCTETS = 16384;
    MAX_FIELDS2 = 64;
    MAX_INTEGER = 16777215;
    NO_BYTES4 = Buffer.alloc(0);
    COMMON_WORDS = new Map(
      [
        ...[":method", ":scheme", ":path", ":authority", "content-type", "user-agent", "te", "grpc-timeout"],
        ...["grpc-accept-encoding", "accept-encoding", "POST", "http", "https", "application/grpc", "trailers"],
        ...["Check", "Watch", "List"].map((method) => `/grpc.health.v1.Health/${method}`),
      ].map((word) => [word, word]),
    );
    HpackDecoder = class {
      #table = new HpackTable();
      #bytes = NO_BYTES4;
      #end = 0;
      #at = 0;
      #fields = [];
      #octets = 0;
      #tooLong = false;
      /** Changes when the same block may decode to other fields than before. */
      get version() {
        return this.#table.version;
      }
      /**
       * Decodes one whole header block.
       * @throws ConnectionError COMPRESSION_ERROR: the tables of both sides may differ from here on
       */
      decode(block) {
        this.#bytes = block;
        this.#end = block.length;
        this.#at = 0;
        this.#fields = [];
        this.#octets = 0;
        this.#tooLong = false;
        while (this.#at < this.#end && this.#isTableSize()) this.#resize();
        while (this.#at < this.#end) this.#readField();
        const list2 = { fields: this.#fields, tooLong: this.#tooLong };
        this.#bytes = NO_BYTES4;
        this.#fields = [];
        return list2;
      }
      #isTableSize() {
        return ((this.#bytes[this.#at] ?? 0) & 224) === 32;
      }
      #resize() {
        if (!this.#table.resize(this.#readInteger(5))) throw broken3("a table size above the limit");
      }
      #readField() {
        const first = this.#bytes[this.#at] ?? 0;
        if (first >= 128) {
          const index = this.#readInteger(7);
          this.#keep(this.#nameAt(index), this.#table.value(index) ?? "");
        } else if (first >= 64) {
          const name = this.#readName(6);
          const value = this.#readString();
          this.#table.add(name, value);
          this.#keep(name, value);
        } else if (first >= 32) {
          throw broken3("a table size update after a field");
        } else {
          const name = this.#readName(4);
          this.#keep(name, this.#readString());
        }
      }
      #readName(prefixBits) {
        const index = this.#readInteger(prefixBits);
        return index === 0 ? this.#readString() : this.#nameAt(index);
      }
      #nameAt(index) {
        const name = this.#table.name(index);
        if (name === void 0) throw broken3("an index outside the tables");
        return name;
      }
      #keep(name, value) {
        this.#octets += name.length + value.length + ENTRY_OVERHEAD;
        if (this.#octets > MAX_HEADER_LIST_OCTETS || this.#fields.length === 2 * MAX_FIELDS2) this.#tooLong = true;
        else this.#fields.push(name, value);
      }
      /** Section 5.1. */
      #readInteger(prefixBits) {
        const mask = (1 << prefixBits) - 1;
        let value = this.#readByte() & mask;
        if (value < mask) return value;
        for (let shift = 0; ; shift += 7) {
          const byte = this.#readByte();
          value += (byte & 127) * 2 ** shift;
          if (value > MAX_INTEGER || shift > 28) throw broken3("an integer that is too large");
          if (byte < 128) return value;
        }
      }
      /** Section 5.2. */
      #readString() {
        const isHuffman = (this.#bytes[this.#at] ?? 0) >= 128;
        const start = this.#readLength();
        const text2 = isHuffman
          ? decodeHuffman(this.#bytes, start, this.#at)
          : this.#bytes.toString("latin1", start, this.#at);
        if (text2 === void 0) throw broken3("a string that is not a valid Huffman code");
        return COMMON_WORDS.get(text2) ?? text2;
      }
      /** Reads the length of a string and skips the string. Returns its offset. */
      #readLength() {
        const length = this.#readInteger(7);
        const start = this.#at;
        this.#at += length;
        if (this.#at > this.#end) throw broken3("a string beyond the end of its block");
        return start;
      }
      #readByte() {
        const byte = this.#bytes[this.#at];
        if (byte === void 0 || this.#at >= this.#end) throw broken3("an integer beyond the end of its block");
        this.#at += 1;
        return byte;
      }
    };
  },
});

// src/wire/http2/settings.ts
function settingsFrame(settings) {
  const { enablePush, maxConcurrentStreams, maxHeaderListSize } = settings;
  const entries = [
    [ENABLE_PUSH, enablePush === void 0 ? void 0 : Number(enablePush)],
    [MAX_CONCURRENT_STREAMS, maxConcurrentStreams],
    [MAX_HEADER_LIST_SIZE, maxHeaderListSize],
  ];
  const payload = entries.flatMap(([id, value]) => (value === void 0 ? [] : [setting(id, value)]));
  return frameOf(SETTINGS, 0, 0, Buffer.concat(payload));
}
function defaultPeerSettings() {
  return {
    initialWindow: DEFAULT_WINDOW,
    tableLimit: TABLE_OCTETS,
    owesTableSize: false,
    maxConcurrentStreams: Number.POSITIVE_INFINITY,
    enablesPush: false,
  };
}
function readSettings2(payload, settings) {
  for (let at2 = 0; at2 < payload.length; at2 += BYTES_EACH) {
    readSetting(payload.readUInt16BE(at2), payload.readUInt32BE(at2 + 2), settings);
  }
}
function readSetting(id, value, settings) {
  switch (id) {
    case HEADER_TABLE_SIZE:
      settings.owesTableSize ||= value < settings.tableLimit;
      settings.tableLimit = value;
      return;
    case ENABLE_PUSH:
      if (value > 1) throw new ConnectionError("PROTOCOL_ERROR", "ENABLE_PUSH is neither 0 nor 1");
      settings.enablesPush ||= value === 1;
      return;
    case MAX_CONCURRENT_STREAMS:
      settings.maxConcurrentStreams = value;
      return;
    case INITIAL_WINDOW_SIZE:
      if (value > MAX_31_BITS) throw new ConnectionError("FLOW_CONTROL_ERROR", "INITIAL_WINDOW_SIZE above 2^31-1");
      settings.initialWindow = value;
      return;
    case MAX_FRAME_SIZE:
      if (value < MAX_FRAME_BYTES || value > MAX_MAX_FRAME_SIZE)
        throw new ConnectionError("PROTOCOL_ERROR", "MAX_FRAME_SIZE out of its range");
  }
}
function setting(id, value) {
  const bytes = Buffer.alloc(BYTES_EACH);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}
var BYTES_EACH,
  HEADER_TABLE_SIZE,
  ENABLE_PUSH,
  MAX_CONCURRENT_STREAMS,
  INITIAL_WINDOW_SIZE,
  MAX_FRAME_SIZE,
  MAX_HEADER_LIST_SIZE,
  MAX_MAX_FRAME_SIZE,
  SETTINGS_ACK;
var init_settings2 = __esm({
  "src/wire/http2/settings.ts"() {
    init_frames();
    init_hpack_table();
    BYTES_EACH = 6;
    HEADER_TABLE_SIZE = 1;
    ENABLE_PUSH = 2;
    MAX_CONCURRENT_STREAMS = 3;
    INITIAL_WINDOW_SIZE = 4;
    MAX_FRAME_SIZE = 5;
    MAX_HEADER_LIST_SIZE = 6;
    MAX_MAX_FRAME_SIZE = 16777215;
    SETTINGS_ACK = frameOf(SETTINGS, ACK, 0, Buffer.alloc(0));
  },
});

// src/client/frame-budget.ts
var BURST, PER_SECOND, FrameBudget;
var init_frame_budget = __esm({
  "src/client/frame-budget.ts"() {
    init_frames();
    BURST = 1e3;
    PER_SECOND = 100;
    FrameBudget = class {
      #clock;
      #left = BURST;
      #filledAt;
      constructor(clock) {
        this.#clock = clock;
        this.#filledAt = clock.now();
      }
      /** A frame has come. @throws ConnectionError ENHANCE_YOUR_CALM */
      spend(payloadBytes) {
        const cost = 1 + Math.floor(payloadBytes / 1024);
        if (this.#left < cost) this.#fill();
        this.#left -= cost;
        if (this.#left < 0) throw new ConnectionError("ENHANCE_YOUR_CALM", "more frames than any call needs");
      }
      #fill() {
        const now = this.#clock.now();
        this.#left = Math.min(BURST, this.#left + ((now - this.#filledAt) / 1e3) * PER_SECOND);
        this.#filledAt = now;
      }
    };
  },
});

// src/wire/http2/fields.ts
function isFieldName(name) {
  return FIELD_NAME3.test(name) && !CONNECTION_FIELDS.has(name);
}
var FIELD_NAME3, CONNECTION_FIELDS;
var init_fields = __esm({
  "src/wire/http2/fields.ts"() {
    FIELD_NAME3 = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
    CONNECTION_FIELDS = /* @__PURE__ */ new Set([
      "connection",
      "keep-alive",
      "proxy-connection",
      "transfer-encoding",
      "upgrade",
    ]);
  },
});

// src/client/http2-stream.ts
function readFields2(list2, kind) {
  const fields = /* @__PURE__ */ new Map();
  for (let at2 = 0; at2 < list2.length; at2 += 2) {
    const name = list2[at2] ?? "";
    const value = list2[at2 + 1] ?? "";
    const isStatus = name === ":status" && kind === "head" && at2 === 0 && STATUS.test(value);
    if (!isStatus && (!isFieldName(name) || BAD_VALUE.test(value)))
      throw new StreamError("PROTOCOL_ERROR", `the ${kind} of the answer has a malformed field`);
    const before = fields.get(name);
    fields.set(name, before === void 0 ? value : `${before}, ${value}`);
  }
  if (kind === "head" && !fields.has(":status")) throw new StreamError("PROTOCOL_ERROR", "the answer has no :status");
  return fields;
}
function brokenBy(error) {
  if (error instanceof StreamError) return new BrokenCall("protocol", error.message, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
}
var StreamError, NO_FIELDS, Http2Stream, BAD_VALUE, STATUS;
var init_http2_stream = __esm({
  "src/client/http2-stream.ts"() {
    init_fields();
    init_frames();
    init_broken_call();
    StreamError = class extends Error {
      name = "StreamError";
      code;
      constructor(code, message) {
        super(message);
        this.code = code;
      }
    };
    NO_FIELDS = /* @__PURE__ */ new Map();
    Http2Stream = class {
      /** 0 until the request is sent. */
      id = 0;
      /** Octets of DATA that the target takes now. */
      sendWindow = 0;
      /** Octets of DATA since the last WINDOW_UPDATE of the stream. */
      unacknowledged = 0;
      head;
      /** The part of the body that is still to be sent. */
      unsent;
      #listener;
      #hasBegun = false;
      #hasHead = false;
      #hasEnded = false;
      /** @param head the header block of the request */
      constructor(head, body, listener) {
        this.head = head;
        this.unsent = body;
        this.#listener = listener;
      }
      /** Whether any part of the response has come. */
      get hasBegun() {
        return this.#hasBegun;
      }
      get hasEnded() {
        return this.#hasEnded;
      }
      /** Takes a header block. @throws StreamError, and what the listener throws */
      receiveHeaders({ fields, tooLong: tooLong2 }, endsStream) {
        this.#hasBegun = true;
        if (tooLong2) throw new StreamError("ENHANCE_YOUR_CALM", "the header fields of the answer are too long");
        if (this.#hasHead) {
          if (!endsStream) throw new StreamError("PROTOCOL_ERROR", "the answer has a second head");
          this.#end(readFields2(fields, "trailers"));
          return;
        }
        const head = readFields2(fields, "head");
        if (head.get(":status")?.startsWith("1") === true) {
          if (endsStream) throw new StreamError("PROTOCOL_ERROR", "the answer ends with an interim (1xx) head");
          return;
        }
        this.#hasHead = true;
        this.#listener.onHead(head);
        if (endsStream) this.#end(head);
      }
      /** Takes a part of the body. @throws StreamError, and what the listener throws */
      receiveData(bytes, endsStream) {
        this.#hasBegun = true;
        if (!this.#hasHead) throw new StreamError("PROTOCOL_ERROR", "the answer has data before its head");
        if (bytes.length > 0) this.#listener.onData(bytes);
        if (endsStream) this.#end(NO_FIELDS);
      }
      /** The target takes so many octets more; a setting may take some back. Returns false when the window is too large. */
      widen(octets) {
        this.sendWindow += octets;
        return this.sendWindow <= MAX_31_BITS;
      }
      /** Ends the call without a response. */
      fail(error) {
        this.#end(error);
      }
      #end(end) {
        if (this.#hasEnded) return;
        this.#hasEnded = true;
        this.#listener.onEnd(end);
      }
    };
    BAD_VALUE = /[\0\r\n]/;
    STATUS = /^(?!101)[1-5]\d\d$/;
  },
});

// src/wire/http2/header-block.ts
function withoutPadding(flags, payload) {
  if ((flags & PADDED) === 0) return payload;
  const padding = payload[0];
  if (padding === void 0) throw new ConnectionError("FRAME_SIZE_ERROR", "a padded frame without a length of padding");
  if (padding >= payload.length) throw new ConnectionError("PROTOCOL_ERROR", "more padding than payload");
  return payload.subarray(1, payload.length - padding);
}
function readHeadersPayload(flags, payload) {
  const content = withoutPadding(flags, payload);
  if ((flags & PRIORITY_FLAG) === 0) return { fragment: content, dependency: void 0 };
  if (content.length < PRIORITY_BYTES) throw new ConnectionError("FRAME_SIZE_ERROR", "a priority that is cut");
  return { fragment: content.subarray(PRIORITY_BYTES), dependency: content.readUInt32BE(0) & 2147483647 };
}
var MAX_BLOCK_BYTES, MAX_CONTINUATIONS, PRIORITY_BYTES, HeaderBlock;
var init_header_block = __esm({
  "src/wire/http2/header-block.ts"() {
    init_frames();
    MAX_BLOCK_BYTES = 32 * 1024;
    MAX_CONTINUATIONS = 64;
    PRIORITY_BYTES = 5;
    HeaderBlock = class {
      streamId;
      endStream;
      #fragments;
      #bytes;
      constructor(streamId, endStream, fragment) {
        this.streamId = streamId;
        this.endStream = endStream;
        this.#fragments = [fragment];
        this.#bytes = fragment.length;
      }
      /** Adds the payload of a CONTINUATION. @throws ConnectionError above the limits */
      add(fragment) {
        this.#fragments.push(fragment);
        this.#bytes += fragment.length;
        if (this.#bytes > MAX_BLOCK_BYTES || this.#fragments.length > MAX_CONTINUATIONS)
          throw new ConnectionError("ENHANCE_YOUR_CALM", "a header block that is too long");
      }
      whole() {
        return Buffer.concat(this.#fragments);
      }
    };
  },
});

// src/client/http2-streams.ts
function errorName(code) {
  return Object.entries(ERROR_CODES).find(([, number2]) => number2 === code)?.[0] ?? `error code ${code}`;
}
var MAX_WAITING, MAX_RESET, Http2Streams;
var init_http2_streams = __esm({
  "src/client/http2-streams.ts"() {
    init_frames();
    init_header_block();
    init_hpack_decoder();
    init_hpack_encoder();
    init_settings2();
    init_broken_call();
    init_http2_stream();
    MAX_WAITING = 64;
    MAX_RESET = 32;
    Http2Streams = class {
      #send;
      #peer = defaultPeerSettings();
      #decoder = new HpackDecoder();
      #open = /* @__PURE__ */ new Map();
      #waiting = /* @__PURE__ */ new Set();
      #reset = /* @__PURE__ */ new Set();
      #nextId = 1;
      #block;
      #sendWindow = DEFAULT_WINDOW;
      /** Octets of DATA since the last WINDOW_UPDATE of the connection. */
      #unacknowledged = 0;
      /** @param send writes a frame to the target */
      constructor(send) {
        this.#send = send;
      }
      /** Whether no request is open or waits. */
      get isEmpty() {
        return this.#open.size === 0 && this.#waiting.size === 0;
      }
      /** Streams that the target allows at once. */
      get maxConcurrent() {
        return this.#peer.maxConcurrentStreams;
      }
      /** The stream whose header block is not complete: only its CONTINUATION may come now (section 6.10). */
      get expectsContinuationOf() {
        return this.#block?.streamId;
      }
      /** Sends a request, now or when a stream is free. */
      request(stream) {
        if (this.#waiting.size >= MAX_WAITING) {
          stream.fail(new Unanswered(new BrokenCall("unprocessed", "too many calls wait for a free stream")));
          return;
        }
        this.#waiting.add(stream);
        this.#openWaiting();
      }
      /** Fails every call. When the connection is lost, a call without any answer fails with Unanswered. */
      failAll(error, isLost) {
        const streams = [...this.#open.values(), ...this.#waiting];
        this.#waiting.clear();
        this.#open.clear();
        for (const stream of streams) stream.fail(isLost && !stream.hasBegun ? new Unanswered(error) : error);
      }
      /** GOAWAY with `code`: the streams above `lastId` and all that wait were not processed (section 6.8). */
      failAbove(lastId, code) {
        const text2 = `the target is going away and did not take the call (GOAWAY ${errorName(code)})`;
        const error = new BrokenCall("unprocessed", text2);
        const refused = [...this.#open.values()].filter(({ id }) => id > lastId);
        const waiting = [...this.#waiting];
        this.#waiting.clear();
        for (const { id } of refused) {
          this.#open.delete(id);
          this.#noteReset(id);
        }
        for (const stream of [...refused, ...waiting]) stream.fail(new Unanswered(error));
      }
      /** Section 6.5. */
      onSettings(payload) {
        const { initialWindow } = this.#peer;
        readSettings2(payload, this.#peer);
        if (this.#peer.enablesPush) throw new ConnectionError("PROTOCOL_ERROR", "a server that sends ENABLE_PUSH 1");
        const shift = this.#peer.initialWindow - initialWindow;
        for (const stream of this.#open.values())
          if (!stream.widen(shift)) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
        this.#pumpAll();
        this.#openWaiting();
      }
      /** Section 6.2. */
      onHeaders(flags, streamId, payload) {
        this.#requireKnown(streamId, "HEADERS");
        const { fragment } = readHeadersPayload(flags, payload);
        const block = new HeaderBlock(streamId, (flags & END_STREAM) !== 0, fragment);
        if ((flags & END_HEADERS) === 0) this.#block = block;
        else this.#onBlock(block);
      }
      /** Section 6.10. */
      onContinuation(flags, payload) {
        const block = this.#block;
        if (block === void 0) throw new ConnectionError("PROTOCOL_ERROR", "CONTINUATION without HEADERS");
        block.add(payload);
        if ((flags & END_HEADERS) === 0) return;
        this.#block = void 0;
        this.#onBlock(block);
      }
      /** Section 6.1. */
      onData(flags, streamId, payload) {
        this.#requireKnown(streamId, "DATA");
        const content = withoutPadding(flags, payload);
        const endsStream = (flags & END_STREAM) !== 0;
        this.#unacknowledged = this.#acknowledge(0, this.#unacknowledged + payload.length);
        const stream = this.#open.get(streamId);
        if (stream === void 0) return;
        const octets = stream.unacknowledged + payload.length;
        if (!endsStream) stream.unacknowledged = this.#acknowledge(streamId, octets);
        this.#receive(stream, () => stream.receiveData(content, endsStream));
      }
      /** Section 6.4. */
      onReset(streamId, payload) {
        if (payload.length !== 4) throw new ConnectionError("FRAME_SIZE_ERROR", "RST_STREAM of a wrong length");
        this.#requireNotIdle(streamId, "RST_STREAM");
        const stream = this.#open.get(streamId);
        if (stream === void 0) return;
        this.#forget(stream);
        const code = payload.readUInt32BE(0);
        if (code === ERROR_CODES.REFUSED_STREAM)
          stream.fail(new Unanswered(new BrokenCall("unprocessed", "the target refused the call (REFUSED_STREAM)")));
        else stream.fail(new BrokenCall("reset", `the target reset the stream (${errorName(code)})`));
      }
      /** Section 6.9. */
      onWindowUpdate(streamId, payload) {
        if (payload.length !== 4) throw new ConnectionError("FRAME_SIZE_ERROR", "WINDOW_UPDATE of a wrong length");
        const increment = payload.readUInt32BE(0) & MAX_31_BITS;
        if (streamId === 0) this.#widen(increment);
        else this.#widenStream(streamId, increment);
      }
      #onBlock(block) {
        const list2 = this.#decoder.decode(block.whole());
        const stream = this.#open.get(block.streamId);
        if (stream !== void 0) this.#receive(stream, () => stream.receiveHeaders(list2, block.endStream));
      }
      /** Lets a stream take something, and ends it where that is the end, or breaks a rule. */
      #receive(stream, take) {
        try {
          take();
        } catch (error) {
          this.#resetStream(stream, error instanceof StreamError ? error.code : "CANCEL");
          this.#forget(stream);
          stream.fail(brokenBy(error));
          return;
        }
        if (!stream.hasEnded) return;
        if (stream.unsent.length > 0) this.#resetStream(stream, "CANCEL");
        this.#forget(stream);
      }
      #openWaiting() {
        for (const stream of this.#waiting) {
          if (this.#open.size >= this.#peer.maxConcurrentStreams) return;
          this.#waiting.delete(stream);
          stream.id = this.#nextId;
          stream.sendWindow = this.#peer.initialWindow;
          this.#nextId += 2;
          this.#open.set(stream.id, stream);
          const block = this.#peer.owesTableSize ? Buffer.concat([EMPTY_TABLE, stream.head]) : stream.head;
          this.#peer.owesTableSize = false;
          this.#send(
            frameOf(HEADERS, stream.unsent.length === 0 ? END_HEADERS | END_STREAM : END_HEADERS, stream.id, block),
          );
          this.#pump(stream);
        }
      }
      /** Sends as much of a request's body as the windows allow (section 6.9.1). */
      #pump(stream) {
        while (stream.unsent.length > 0) {
          const length = Math.min(stream.unsent.length, stream.sendWindow, this.#sendWindow, MAX_FRAME_BYTES);
          if (length <= 0) return;
          const part = stream.unsent.subarray(0, length);
          stream.unsent = stream.unsent.subarray(length);
          stream.sendWindow -= length;
          this.#sendWindow -= length;
          this.#send(frameOf(DATA, stream.unsent.length === 0 ? END_STREAM : 0, stream.id, part));
        }
      }
      #pumpAll() {
        for (const stream of this.#open.values()) this.#pump(stream);
      }
      #widen(increment) {
        if (increment === 0) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE of nothing");
        this.#sendWindow += increment;
        if (this.#sendWindow > MAX_31_BITS) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
        this.#pumpAll();
      }
      #widenStream(streamId, increment) {
        this.#requireNotIdle(streamId, "WINDOW_UPDATE");
        const stream = this.#open.get(streamId);
        if (stream === void 0) return;
        this.#receive(stream, () => {
          if (increment === 0) throw new StreamError("PROTOCOL_ERROR", "the target sent a WINDOW_UPDATE of 0");
          if (!stream.widen(increment))
            throw new StreamError("FLOW_CONTROL_ERROR", "the target sent a window above 2^31-1");
          this.#pump(stream);
        });
      }
      /**
       * Gives a window back when half of it is used (section 6.9.1). Data is never stored, so a target cannot send more than
       * a window before this answers. Returns the octets that are still to be given back.
       */
      #acknowledge(streamId, octets) {
        if (octets <= DEFAULT_WINDOW / 2) return octets;
        this.#send(windowUpdateFrame(streamId, octets));
        return 0;
      }
      #resetStream(stream, code) {
        this.#send(resetFrame(stream.id, code));
        this.#noteReset(stream.id);
      }
      #noteReset(streamId) {
        this.#reset.add(streamId);
        const [oldest = streamId] = this.#reset;
        if (this.#reset.size > MAX_RESET) this.#reset.delete(oldest);
      }
      #forget(stream) {
        this.#open.delete(stream.id);
        this.#openWaiting();
      }
      /** A server opens no streams, so one that no request has opened is idle. */
      #requireNotIdle(streamId, frame) {
        if (streamId % 2 === 0 || streamId >= this.#nextId)
          throw new ConnectionError("PROTOCOL_ERROR", `${frame} on a stream without a request`);
      }
      #requireKnown(streamId, frame) {
        this.#requireNotIdle(streamId, frame);
        if (!this.#open.has(streamId) && !this.#reset.has(streamId))
          throw new ConnectionError("STREAM_CLOSED", `${frame} on a stream that has ended`);
      }
    };
  },
});

// src/client/http2-connection.ts
function hasValidLength(type, isAck, length) {
  if (type === PING) return length === 8;
  if (type === GOAWAY) return length >= 8;
  return isAck ? length === 0 : length % 6 === 0;
}
var GREETING, HTTP_1, Http2Connection;
var init_http2_connection = __esm({
  "src/client/http2-connection.ts"() {
    init_frame_reader();
    init_frames();
    init_hpack_decoder();
    init_settings2();
    init_broken_call();
    init_frame_budget();
    init_http2_stream();
    init_http2_streams();
    GREETING = Buffer.concat([
      PREFACE,
      settingsFrame({ enablePush: false, maxHeaderListSize: MAX_HEADER_LIST_OCTETS }),
    ]);
    HTTP_1 = "HTTP/1.";
    Http2Connection = class {
      #socket;
      #reader = new FrameReader(
        (type, flags, streamId, payload) => this.onFrame(type, flags, streamId, payload),
        "server",
      );
      #streams = new Http2Streams((frame) => this.#outgoing.push(frame));
      #budget;
      #outgoing = [GREETING];
      #hasSettings = false;
      #isGoingAway = false;
      /** Takes a socket that is connected or connecting. Requests may be made at once. */
      constructor(socket, clock) {
        this.#socket = socket;
        this.#budget = new FrameBudget(clock);
        socket.listen(this);
      }
      get isOpen() {
        return this.#socket.isOpen && !this.#isGoingAway;
      }
      get certificateEndsAt() {
        return this.#socket.certificateEndsAt;
      }
      /** Requests that the target allows at once. */
      get maxConcurrentStreams() {
        return this.#streams.maxConcurrent;
      }
      ref() {
        this.#socket.ref();
      }
      unref() {
        this.#socket.unref();
      }
      /** Sends a request, or has it wait for a free stream. The connection must be open. */
      request({ head, body }, listener) {
        this.#streams.request(new Http2Stream(head, body, listener));
        this.#flush();
      }
      /** Says goodbye and closes. Calls that run fail with `error`. */
      close(error) {
        if (this.#socket.isOpen)
          this.#end("NO_ERROR", error ?? new BrokenCall("cancelled", "the connection is closed"));
      }
      onBytes(bytes) {
        try {
          if (!this.#hasSettings) this.#requireHttp2(bytes);
          this.#reader.read(Buffer.from(bytes));
        } catch (error) {
          this.#fail(error);
        }
        if (this.#isGoingAway && this.#streams.isEmpty) this.close();
        this.#flush();
      }
      /** A target of another protocol fails with a reason that names it. */
      #requireHttp2(bytes) {
        const isRefused = this.#socket.alpnProtocol === false;
        if (isRefused) throw new ConnectionError("PROTOCOL_ERROR", "it does not offer HTTP/2 over TLS (ALPN h2)");
        if (bytes.toString("latin1", 0, HTTP_1.length) === HTTP_1)
          throw new ConnectionError("PROTOCOL_ERROR", "it answers in HTTP/1");
      }
      onEnd(error) {
        this.#reader.stop();
        this.#streams.failAll(error ?? new BrokenCall("closed", "the connection ended before the answer did"), true);
      }
      onFrame(type, flags, streamId, payload) {
        this.#budget.spend(payload.length);
        if (!this.#hasSettings && (type !== SETTINGS || (flags & ACK) !== 0))
          throw new ConnectionError("PROTOCOL_ERROR", "another frame before SETTINGS");
        const { expectsContinuationOf } = this.#streams;
        if (expectsContinuationOf !== void 0 && (type !== CONTINUATION || streamId !== expectsContinuationOf))
          throw new ConnectionError("PROTOCOL_ERROR", "a frame within a header block");
        switch (type) {
          case DATA:
            this.#streams.onData(flags, streamId, payload);
            break;
          case HEADERS:
            this.#streams.onHeaders(flags, streamId, payload);
            break;
          case CONTINUATION:
            this.#streams.onContinuation(flags, payload);
            break;
          case RST_STREAM:
            this.#streams.onReset(streamId, payload);
            break;
          case WINDOW_UPDATE:
            this.#streams.onWindowUpdate(streamId, payload);
            break;
          case PUSH_PROMISE:
            throw new ConnectionError("PROTOCOL_ERROR", "PUSH_PROMISE, which is not enabled");
          case PRIORITY:
            if (payload.length !== 5) throw new ConnectionError("FRAME_SIZE_ERROR", "PRIORITY of a wrong length");
            if (streamId === 0) throw new ConnectionError("PROTOCOL_ERROR", "PRIORITY without a stream");
            break;
          case SETTINGS:
          case PING:
          case GOAWAY:
            this.#onControl(type, flags, streamId, payload);
        }
      }
      /** Frames of the connection as a whole. Types that are not known are ignored (section 5.5). */
      #onControl(type, flags, streamId, payload) {
        if (streamId !== 0) throw new ConnectionError("PROTOCOL_ERROR", "a frame of the connection on a stream");
        const isAck = type !== GOAWAY && (flags & ACK) !== 0;
        if (!hasValidLength(type, isAck, payload.length))
          throw new ConnectionError("FRAME_SIZE_ERROR", "a frame of a wrong length");
        if (type === GOAWAY) this.#onGoAway(payload.readUInt32BE(0) & MAX_31_BITS, payload.readUInt32BE(4));
        else if (isAck) return;
        else if (type === PING) this.#outgoing.push(frameOf(PING, ACK, 0, payload));
        else {
          this.#hasSettings = true;
          this.#outgoing.push(SETTINGS_ACK);
          this.#streams.onSettings(payload);
        }
      }
      /** Section 6.8. An error code fails only the requests that the target may have processed. */
      #onGoAway(lastStreamId, code) {
        if (!this.#isGoingAway) this.#outgoing.push(goAwayFrame(0, "NO_ERROR"));
        this.#isGoingAway = true;
        this.#streams.failAbove(lastStreamId, code);
        if (code !== ERROR_CODES.NO_ERROR)
          this.#end("NO_ERROR", new BrokenCall("reset", `the target ended the connection (GOAWAY ${errorName(code)})`));
      }
      #flush() {
        if (this.#outgoing.length === 0) return;
        const frames = this.#outgoing;
        this.#outgoing = [];
        if (this.#socket.isOpen)
          this.#socket.write(frames.length === 1 ? (frames[0] ?? GREETING) : Buffer.concat(frames));
      }
      /**
       * An error that the target did not cause is a fault of healthbridge: the calls fail, and the process keeps running.
       */
      #fail(error) {
        if (error instanceof ConnectionError)
          this.#end(
            error.code,
            new BrokenCall("protocol", `the target violates HTTP/2: ${error.message}`, { cause: error }),
          );
        else this.#end("INTERNAL_ERROR", error instanceof Error ? error : new Error(String(error)));
      }
      /** Tells the target the reason, closes the socket and fails what runs. */
      #end(code, error) {
        if (!this.#socket.isOpen) return;
        this.#reader.stop();
        if (!this.#isGoingAway || code !== "NO_ERROR") this.#outgoing.push(goAwayFrame(0, code));
        this.#flush();
        this.#socket.listen(void 0);
        this.#socket.close();
        this.#streams.failAll(error, false);
      }
    };
  },
});

// src/client/health-client.ts
var HealthClient;
var init_health_client = __esm({
  "src/client/health-client.ts"() {
    init_health_messages();
    init_broken_call();
    init_grpc_call();
    init_http2_connection();
    init_reused_connection();
    init_target_socket();
    init_tls_options();
    HealthClient = class {
      #connection;
      #heads;
      /** @throws HealthError TLS_FAILED for a certificate or key that cannot be read */
      constructor({ host, port, resolver, readBuffer, tls, ...reuse }) {
        const scheme = tls === void 0 ? "http" : "https";
        const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
        const headOf = (method) => encodeCallHead({ scheme, authority, path: `/${HEALTH_SERVICE}/${method}` });
        const secure = tls === void 0 ? void 0 : tlsOptions(host, tls, ["h2"]);
        const open = (timeoutMs) =>
          new Http2Connection(
            new TargetSocket({ host, port, resolver, readBuffer, tls: secure }, timeoutMs),
            reuse.clock,
          );
        this.#heads = { Check: headOf("Check"), Watch: headOf("Watch") };
        this.#connection = new ReusedConnection(open, reuse);
      }
      /** When the certificate of the last connection ends, in wall time; `undefined` without TLS. */
      get certificateEndsAt() {
        return this.#connection.certificateEndsAt;
      }
      /**
       * Makes one Check; one at a time. `timeoutMs` is the time until the caller cancels: half of it may go to one address
       * of several. Rejects with an error of the system or a BrokenCall when no answer came.
       */
      check(service, timeoutMs) {
        return this.#connection.call(timeoutMs, (connection) => this.#check(connection, service));
      }
      /** Ends the Check that runs, if there is one, and the connection with it. */
      cancel() {
        this.#connection.cancel();
      }
      /** Starts to watch on the present connection. Returns false where there is none, or no room beside a Check. */
      watch(service, listener) {
        const connection = this.#connection.current;
        if (connection === void 0 || connection.maxConcurrentStreams < 2) return false;
        startCall(connection, this.#request("Watch", service), {
          onMessage: (message) => listener.onStatus(readHealthCheckResponse(message) ?? "unreadable"),
          onEnd: (end) => listener.onEnd(end),
        });
        return true;
      }
      /** Ends the connection, and what runs on it as `cancelled`. */
      close() {
        this.#connection.close();
      }
      #check(connection, service) {
        return new Promise((resolve, reject) => {
          let answer;
          startCall(connection, this.#request("Check", service), {
            onMessage: (message) => {
              if (answer !== void 0) throw new BrokenCall("protocol", "the answer has more than one message");
              answer = { status: readHealthCheckResponse(message) ?? "unreadable" };
            },
            onEnd: (end) => {
              if (!hasStatus(end)) reject(end);
              else resolve(end.code === "OK" ? (answer ?? { status: "unreadable" }) : end);
            },
          });
        });
      }
      #request(method, service) {
        return { head: this.#heads[method], message: writeHealthCheckRequest(service) };
      }
    };
  },
});

// src/client/reused-watch.ts
function retryDelayMs(failedAttempts, random) {
  return Math.min(BASE_MS * FACTOR ** failedAttempts, MAX_MS2) * (1 + JITTER * (2 * random() - 1));
}
var MAX_STATUSES, ReusedWatch, BASE_MS, FACTOR, MAX_MS2, JITTER;
var init_reused_watch = __esm({
  "src/client/reused-watch.ts"() {
    init_broken_call();
    init_grpc_call();
    MAX_STATUSES = 100;
    ReusedWatch = class {
      #source;
      #service;
      #deps;
      #state = "closed";
      #lastStatus;
      /** Statuses since the last `ensureOpen`. */
      #statusCount = 0;
      #openedAt = 0;
      #retryAt = Number.NEGATIVE_INFINITY;
      #failedAttempts = 0;
      constructor(source, service, deps) {
        this.#source = source;
        this.#service = service;
        this.#deps = deps;
      }
      /** Opens the Watch, unless it is open or must not be asked for yet. */
      ensureOpen() {
        this.#statusCount = 0;
        const now = this.#deps.clock.now();
        if (this.#state !== "closed" || now < this.#retryAt) return;
        this.#lastStatus = void 0;
        const isOpened = this.#source.watch(this.#service, {
          onStatus: (status) => this.#onStatus(status),
          onEnd: (end) => this.#onEnd(end),
        });
        if (!isOpened) return;
        this.#state = "open";
        this.#openedAt = now;
      }
      #onStatus(status) {
        this.#statusCount += 1;
        if (this.#statusCount > MAX_STATUSES) throw new BrokenCall("protocol", "the target floods its Watch");
        const isChange = this.#lastStatus !== void 0 && this.#lastStatus !== status;
        this.#lastStatus = status;
        if (isChange) this.#deps.onChange();
      }
      #onEnd(end) {
        if (hasStatus(end) && end.code === "UNIMPLEMENTED") {
          this.#state = "unimplemented";
          return;
        }
        this.#state = "closed";
        const isOurs = end instanceof BrokenCall && (end.kind === "cancelled" || end.kind === "protocol");
        const isNews = this.#lastStatus !== void 0 && !isOurs;
        this.#failedAttempts = isNews ? 0 : this.#failedAttempts + 1;
        this.#retryAt = this.#openedAt + retryDelayMs(this.#failedAttempts, this.#deps.random);
        if (isNews) this.#deps.onChange();
      }
    };
    BASE_MS = 1e3;
    FACTOR = 1.6;
    MAX_MS2 = 12e4;
    JITTER = 0.2;
  },
});

// src/probers/grpc.ts
function openGrpc(target, deps, options) {
  const { tls } = options;
  const service = serviceOf(target);
  const client = new HealthClient({
    host: hostOf(target),
    port: Number(target.port),
    tls: target.protocol === "grpcs:" ? (tls ?? {}) : void 0,
    resolver: deps.resolver,
    readBuffer: deps.readBuffer,
    ...reuseOptionsOf(options, deps),
  });
  let watch;
  return {
    async probe({ timeoutMs }) {
      try {
        const result = resultOfAnswer(await client.check(service, timeoutMs));
        if (result.outcome !== "fail") watch?.ensureOpen();
        return withCertificate(result, client.certificateEndsAt, deps.clock.wallTime(), tls?.warnBeforeMs);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel: () => client.cancel(),
    onChange(listener) {
      watch = new ReusedWatch(client, service, { clock: deps.clock, random: deps.random, onChange: listener });
    },
    close: () => client.close(),
  };
}
function serviceOf(target) {
  let service;
  try {
    service = decodeURIComponent(target.pathname.slice(1));
  } catch (cause) {
    throw invalidTarget(target.href, "the path is the service's name, and has an invalid percent-encoding", { cause });
  }
  if (Buffer.byteLength(service) <= MAX_SERVICE_NAME_BYTES) return service;
  throw invalidTarget(target.href, `a service name must have at most ${MAX_SERVICE_NAME_BYTES} bytes of UTF-8`);
}
function resultOfAnswer(answer) {
  if ("code" in answer) return fail(REASON_OF_CODE2[answer.code] ?? "grpc", `${answer.code}: ${answer.text}`);
  if (answer.status === "SERVING") return PASS;
  return fail(REASON_OF_STATUS[answer.status], `the target answered ${answer.status}`);
}
var REASON_OF_STATUS, REASON_OF_CODE2;
var init_grpc = __esm({
  "src/probers/grpc.ts"() {
    init_health_client();
    init_reused_watch();
    init_service_name();
    init_certificate();
    init_options();
    init_prober();
    init_reasons();
    init_target();
    REASON_OF_STATUS = {
      NOT_SERVING: "not-serving",
      UNKNOWN: "unknown",
      SERVICE_UNKNOWN: "service-unknown",
      unreadable: "protocol",
    };
    REASON_OF_CODE2 = {
      NOT_FOUND: "service-unknown",
      UNIMPLEMENTED: "unimplemented",
      UNAVAILABLE: "unavailable",
      DEADLINE_EXCEEDED: "timeout",
    };
  },
});

// src/probers/mysql.ts
import { connect as connectSocket3 } from "node:net";

function openMysql(target, deps, options) {
  requirePackage("mysql2", "mysql");
  const host = hostOf(target);
  const port = Number(target.port) || 3306;
  const database = decodeURIComponent(target.pathname.slice(1));
  const { tls } = options;
  const settings = {
    ...credentialsOf(target),
    ...(database === "" ? {} : { database }),
    ...(tls === void 0
      ? {}
      : { ssl: { ...given({ ca: tls.ca, cert: tls.cert, key: tls.key }), rejectUnauthorized: tls.verify ?? true } }),
  };
  const connect = async ({ signal, timeoutMs }) => {
    const { createConnection } = await import("mysql2/promise");
    signal.throwIfAborted();
    const socket = connectSocket3({ ...connectOptions({ host, port, resolver: deps.resolver, timeoutMs }), signal });
    const connection = await createConnection({ ...settings, host, port, stream: socket });
    connection.on("error", () => {});
    return { socket, ping: () => connection.ping() };
  };
  return openLibraryProber({ connect, judge: judge4 }, reuseOptionsOf(options, deps));
}
function judge4(error) {
  const { code, message } = Object(error);
  if (REFUSALS.has(code)) return fail("auth", String(message));
  if (UNAVAILABLE.has(code)) return fail("unavailable", String(message));
  if (code === "PROTOCOL_CONNECTION_LOST") return fail("closed", String(message));
  if (typeof code === "string" && code.startsWith("ER_")) return fail("answer", `${code} ${message}`);
  if (error instanceof Error && code === void 0 && error.name !== "BrokenCall") return fail("protocol", error.message);
  return void 0;
}
function given(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== void 0));
}
var REFUSALS, UNAVAILABLE;
var init_mysql = __esm({
  "src/probers/mysql.ts"() {
    init_target_socket();
    init_library_prober();
    init_options();
    init_prober();
    init_target();
    REFUSALS = /* @__PURE__ */ new Set([
      "ER_ACCESS_DENIED_ERROR",
      "ER_DBACCESS_DENIED_ERROR",
      "ER_HOST_NOT_PRIVILEGED",
      "ER_ACCESS_DENIED_NO_PASSWORD_ERROR",
      "AUTH_SWITCH_PLUGIN_ERROR",
    ]);
    UNAVAILABLE = /* @__PURE__ */ new Set([
      "ER_CON_COUNT_ERROR",
      "ER_TOO_MANY_USER_CONNECTIONS",
      "ER_SERVER_SHUTDOWN",
      "ER_HOST_IS_BLOCKED",
    ]);
  },
});

// src/probers/postgres.ts
import { Socket } from "node:net";

function openPostgres(target, deps, options) {
  requirePackage("pg", "postgres");
  const host = hostOf(target);
  const port = Number(target.port) || 5432;
  const database = decodeURIComponent(target.pathname.slice(1));
  const settings = {
    ...credentialsOf(target),
    ...(database === "" ? {} : { database }),
    ...(options.tls === void 0 ? {} : { ssl: tlsOptions(host, options.tls) }),
    application_name: "healthbridge",
  };
  const connect = async ({ signal, timeoutMs }) => {
    const { default: pg } = await import("pg");
    signal.throwIfAborted();
    const socket = new Socket({ signal });
    const connectSocket4 = socket.connect.bind(socket);
    const tcp = connectOptions({ host, port, resolver: deps.resolver, timeoutMs });
    Object.assign(socket, { connect: () => connectSocket4(tcp) });
    const client = new pg.Client({ ...settings, host, port, stream: () => socket });
    client.on("error", () => {});
    await client.connect();
    return { socket, ping: () => client.query("select 1") };
  };
  return openLibraryProber({ connect, judge: judge5 }, reuseOptionsOf(options, deps));
}
function judge5(error) {
  const { code, message } = Object(error);
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || /^E[A-Z]/.test(code)) return ended(error);
  if (INVALID_AUTHORIZATION.test(code)) return fail("auth", `${code} ${message}`);
  const isBusy = INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN.test(code);
  return fail(isBusy ? "unavailable" : "answer", `${code} ${message}`);
}
function ended(error) {
  if (!(error instanceof Error) || "code" in error) return void 0;
  if (/terminated|ended|closed|deadline/i.test(error.message)) return fail("closed", error.message);
  return fail("protocol", error.message);
}
var INVALID_AUTHORIZATION, INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN;
var init_postgres = __esm({
  "src/probers/postgres.ts"() {
    init_target_socket();
    init_tls_options();
    init_library_prober();
    init_options();
    init_prober();
    init_target();
    INVALID_AUTHORIZATION = /^28/;
    INSUFFICIENT_RESOURCES_OR_SHUTTING_DOWN = /^(?:53|57P)/;
  },
});

// src/probers/redis.ts
function openRedis(target, deps, options) {
  const secure = target.protocol === "rediss:";
  const host = hostOf(target);
  const tls = secure ? tlsOptions(host, options.tls) : void 0;
  const address = {
    host,
    port: Number(target.port) || 6379,
    resolver: deps.resolver,
    readBuffer: deps.readBuffer,
    tls,
  };
  const login = loginOf(target);
  const connection = new ReusedConnection(
    (timeoutMs) => new TargetSocket(address, timeoutMs),
    reuseOptionsOf(options, deps),
  );
  const ask = (socket, isNew) => {
    const commands = [...(isNew ? login : []), PING2];
    return exchange(socket, commands.join(""), new ReplyReader(commands.length));
  };
  return {
    async probe({ timeoutMs }) {
      try {
        const result = judge6(await connection.call(timeoutMs, ask));
        if (result.outcome === "fail") connection.close();
        return withCertificate(result, connection.certificateEndsAt, deps.clock.wallTime(), options.tls?.warnBeforeMs);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}
function loginOf({ username, password, pathname, href }) {
  const database = pathname.slice(1);
  if (!/^\d{0,5}$/.test(database)) throw invalidTarget(href, "the path must be the number of a database, such as /0");
  const user = username === "" ? [] : [decodeURIComponent(username)];
  const auth = password === "" ? [] : [command("AUTH", ...user, decodeURIComponent(password))];
  return [...auth, ...(database === "" ? [] : [command("SELECT", database)])];
}
function judge6(reply) {
  if (reply === "+PONG") return PASS;
  const text2 = reply.slice(1);
  if (REFUSALS2.test(text2)) return fail("auth", text2);
  return fail(UNAVAILABLE2.test(text2) ? "unavailable" : "answer", text2);
}
function command(...words) {
  return `*${words.length}\r
${words
  .map(
    (word) => `$${Buffer.byteLength(word)}\r
${word}\r
`,
  )
  .join("")}`;
}
var REFUSALS2, UNAVAILABLE2, MAX_ANSWER_BYTES, PING2, ReplyReader;
var init_redis = __esm({
  "src/probers/redis.ts"() {
    init_broken_call();
    init_exchange();
    init_reused_connection();
    init_target_socket();
    init_tls_options();
    init_certificate();
    init_options();
    init_prober();
    init_reasons();
    init_target();
    REFUSALS2 = /^(?:NOAUTH|WRONGPASS|NOPERM|ERR invalid password|ERR AUTH|ERR Client sent AUTH)/;
    UNAVAILABLE2 = /^(?:LOADING|MASTERDOWN|BUSY|CLUSTERDOWN|TRYAGAIN)/;
    MAX_ANSWER_BYTES = 65536;
    PING2 = command("PING");
    ReplyReader = class {
      #count;
      #bytes = Buffer.alloc(0);
      constructor(count2) {
        this.#count = count2;
      }
      push(bytes) {
        this.#bytes = Buffer.concat([this.#bytes, bytes]);
        if (this.#bytes.length > MAX_ANSWER_BYTES)
          throw new BrokenCall("protocol", `the target sent no answer within ${MAX_ANSWER_BYTES} bytes`);
        const lines = this.#bytes.toString("latin1").split("\r\n");
        const rest = lines.pop() ?? "";
        if (![...lines, rest || "+"].every((line) => /^[+-]/.test(line)))
          throw new BrokenCall("protocol", "the target does not speak RESP");
        return lines.find((line) => line.startsWith("-")) ?? lines[this.#count - 1];
      }
      end() {
        throw new BrokenCall("closed", "the connection ended within the answer");
      }
    };
  },
});

// src/probers/schemes.ts
import { isIP as isIP5 } from "node:net";

function systemDeps() {
  return { clock: systemClock, random: Math.random, resolver: resolverFor(false), readBuffer: createReadBuffer() };
}
function openTarget(text2, deps = systemDeps(), options = {}) {
  const target = parseTarget(text2);
  const scheme = schemeOf(text2, target.protocol.slice(0, -1));
  if (scheme.needsHost !== false && target.hostname === "")
    throw invalidTarget(text2, `a host is missing; expected ${scheme.example}`);
  if (scheme.needsPort && target.port === "")
    throw invalidTarget(text2, `a port is missing; expected ${scheme.example}`);
  if (target.port === "0") throw invalidTarget(text2, "port 0 is not a port of a server");
  if (!scheme.takesCredentials && (target.username !== "" || target.password !== "")) {
    throw invalidTarget(text2, `this scheme takes no name and password; expected ${scheme.example}`);
  }
  refuseSurplus(text2, target, scheme);
  const host = hostOf(target);
  if (isIP5(host) !== 0 && !deps.resolver.permits(host))
    throw invalidTarget(text2, "link-local addresses are not probed; allowLinkLocal: true allows them");
  requireOptions(text2, scheme, options);
  return scheme.open(target, deps, options);
}
function refuseSurplus(text2, target, { takes, example }) {
  const { pathname, search, hash } = target;
  const more = [hash, takes === "query" ? "" : search, takes === "host" && pathname !== "/" ? pathname : ""];
  const surplus = more.find((part) => part !== "");
  if (surplus !== void 0)
    throw invalidTarget(
      text2,
      `this scheme does not allow the part from ${JSON.stringify(surplus[0])} on; expected ${example}`,
    );
}
function requireOptions(text2, scheme, options) {
  const given2 = Object.entries(options).filter(([, value]) => value !== void 0);
  const surplus = given2.find(([name]) => !scheme.options.some((known2) => known2 === name));
  if (surplus === void 0) return;
  const known = scheme.options.length === 0 ? "none" : scheme.options.join(", ");
  throw invalidTarget(text2, `this scheme has no option ${surplus[0]}; it takes ${known}`);
}
function schemeOf(text2, name) {
  const known = SCHEMES;
  const scheme = Object.hasOwn(known, name) ? known[name] : void 0;
  if (scheme !== void 0) return scheme;
  const nearest = nearestTo(name, Object.keys(known));
  const hint = nearest === void 0 ? "" : `; did you mean ${nearest}://?`;
  throw invalidTarget(text2, `scheme ${JSON.stringify(name)} is none of ${Object.keys(known).join(", ")}${hint}`);
}
var HTTP, FLOWER, GRPC, SERVER, SCHEMES;
var init_schemes = __esm({
  "src/probers/schemes.ts"() {
    init_resolver();
    init_target_socket();
    init_clock();
    init_nearest();
    init_amqp();
    init_connect();
    init_dns();
    init_flower();
    init_grpc();
    init_http();
    init_mysql();
    init_postgres();
    init_redis();
    init_target();
    HTTP = {
      open: openHttp,
      options: ["expect", "reuse", "maxConnectionAge", "headers", "tls"],
      needsPort: false,
      takesCredentials: true,
      takes: "query",
    };
    FLOWER = {
      open: openFlower,
      options: ["reuse", "maxConnectionAge", "headers", "tls"],
      needsPort: false,
      takesCredentials: true,
      takes: "path",
    };
    GRPC = {
      open: openGrpc,
      options: ["reuse", "maxConnectionAge", "tls"],
      needsPort: true,
      takesCredentials: false,
      takes: "path",
    };
    SERVER = {
      options: ["reuse", "maxConnectionAge", "tls"],
      needsPort: false,
      takesCredentials: true,
      takes: "path",
    };
    SCHEMES = {
      http: { ...HTTP, example: "http://host:port/path" },
      https: { ...HTTP, example: "https://host/path" },
      tcp: {
        open: openTcp,
        options: [],
        needsPort: true,
        takesCredentials: false,
        takes: "host",
        example: "tcp://host:port",
      },
      tls: {
        open: openTls,
        options: ["tls"],
        needsPort: true,
        takesCredentials: false,
        takes: "host",
        example: "tls://host:port",
      },
      unix: {
        open: openUnix,
        options: [],
        needsPort: false,
        needsHost: false,
        takesCredentials: false,
        takes: "path",
        example: "unix:///run/service.sock",
      },
      redis: { ...SERVER, open: openRedis, example: "redis://host:6379" },
      rediss: { ...SERVER, open: openRedis, example: "rediss://host:6379" },
      postgres: { ...SERVER, open: openPostgres, example: "postgres://user@host:5432/database" },
      postgresql: { ...SERVER, open: openPostgres, example: "postgresql://user@host:5432/database" },
      mysql: { ...SERVER, open: openMysql, example: "mysql://user@host:3306/database" },
      amqp: { ...SERVER, open: openAmqp, example: "amqp://user@host:5672/vhost" },
      amqps: { ...SERVER, open: openAmqp, example: "amqps://user@host:5671/vhost" },
      dns: {
        open: openDns,
        options: [],
        needsPort: false,
        needsHost: false,
        takesCredentials: false,
        takes: "query",
        example: "dns:example.com",
      },
      grpc: { ...GRPC, example: "grpc://host:port/package.Service" },
      grpcs: { ...GRPC, example: "grpcs://host:port/package.Service" },
      "flower+http": { ...FLOWER, example: "flower+http://host:5555" },
      "flower+https": { ...FLOWER, example: "flower+https://host/prefix" },
    };
  },
});

// src/checks/sources.ts
var SourceOpener;
var init_sources = __esm({
  "src/checks/sources.ts"() {
    init_resolver();
    init_target_socket();
    init_clock();
    init_duration();
    init_exec();
    init_exec_limit();
    init_function();
    init_heartbeat();
    init_schemes();
    SourceOpener = class {
      #options;
      #exec;
      /** By whether link-local addresses are allowed: the cache of a resolver outlives the targets that use it. */
      #targets = /* @__PURE__ */ new Map();
      constructor(options = { clock: systemClock, random: Math.random }) {
        this.#options = options;
        this.#exec = { clock: options.clock, gate: new ExecLimit(), environment: options.environment ?? {} };
      }
      /** @throws HealthError INVALID_TARGET, INVALID_OPTION, MISSING_PACKAGE */
      open(source, proberOptions, allowLinkLocal) {
        if (source.kind !== "heartbeat")
          return { prober: this.#openProber(source, proberOptions, allowLinkLocal), heartbeat: void 0 };
        const heartbeat = openHeartbeat(parseDuration(source.ttl) ?? 0, this.#options.clock);
        return { prober: heartbeat, heartbeat };
      }
      #openProber(source, proberOptions, allowLinkLocal) {
        switch (source.kind) {
          case "target":
            return openTarget(source.url, this.#depsFor(allowLinkLocal), proberOptions);
          case "exec":
            return openExec(source.command, this.#exec);
          case "function":
            return openFunction(source.call);
          case "prober":
            return source.prober;
          default:
            return source;
        }
      }
      #depsFor(allowLinkLocal) {
        const known = this.#targets.get(allowLinkLocal);
        if (known !== void 0) return known;
        const { clock, random, nameServers } = this.#options;
        const resolver = new NameResolver({ clock, allowLinkLocal, servers: nameServers });
        const deps = { clock, random, resolver, readBuffer: createReadBuffer() };
        this.#targets.set(allowLinkLocal, deps);
        return deps;
      }
    };
  },
});

// src/core/listen-address.ts
function parseListenAddress(text2) {
  const plain = text2.startsWith(PLAIN);
  const rest = plain ? text2.slice(PLAIN.length) : text2;
  if (rest.startsWith("unix:")) return parseUnix(text2, rest, plain);
  const { ipv6, host, port } = HOST_AND_PORT.exec(rest)?.groups ?? {};
  if (port === void 0) throw invalidAddress(text2, "expected :PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH");
  if (Number(port) > 65535) throw invalidAddress(text2, "a port is a number from 0 to 65535");
  return { host: ipv6 ?? (host === "" ? void 0 : host), port: Number(port), plain };
}
function formatAddress(address) {
  if ("path" in address) return `unix:${address.path}`;
  const { host, port } = address;
  if (host === void 0) return `:${port}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
function parseUnix(text2, rest, plain) {
  const path = rest.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (path === "" || path.includes("\0")) throw invalidAddress(text2, "expected unix:/PATH");
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES) {
    throw invalidAddress(text2, `the path of a unix socket has at most ${MAX_UNIX_PATH_BYTES} bytes`);
  }
  return { path, plain };
}
function invalidAddress(text2, expected) {
  return new HealthError("INVALID_ADDRESS", `address to listen on ${JSON.stringify(text2)}: ${expected}`);
}
var PLAIN, HOST_AND_PORT, MAX_UNIX_PATH_BYTES;
var init_listen_address = __esm({
  "src/core/listen-address.ts"() {
    init_health_error();
    PLAIN = "plain://";
    HOST_AND_PORT = /^(?:\[(?<ipv6>[0-9a-fA-F:.%\w]+)\]|(?<host>[^:[\]/\s\0]*)):(?<port>\d{1,5})$/;
    MAX_UNIX_PATH_BYTES = 107;
  },
});

// src/transports/grpc/engine.ts
var REFLECTION_PATHS;
var init_engine = __esm({
  "src/transports/grpc/engine.ts"() {
    REFLECTION_PATHS = [
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ];
  },
});

// src/config/config-input.ts
var NO_NAMES, NO_FLAGS, ConfigInput;
var init_config_input = __esm({
  "src/config/config-input.ts"() {
    init_violation();
    init_service_name();
    init_fault();
    init_files();
    NO_NAMES = /* @__PURE__ */ new Map();
    NO_FLAGS = { content: {}, checks: [], flags: NO_NAMES };
    ConfigInput = class {
      content;
      files;
      /** The names of all checks and services, also of those that have a fault. */
      names;
      #source;
      #flags;
      #flagChecks;
      constructor(source, flags) {
        this.#source = source;
        this.#flags = flags;
        this.files = source.files;
        this.#flagChecks = this.#findFlagChecks();
        const { content } = source;
        this.content = {
          ...content,
          ...flags.content,
          paths: [...(content.paths ?? []), ...(flags.content.paths ?? [])],
          statusCodePaths: [...(content.statusCodePaths ?? []), ...(flags.content.statusCodePaths ?? [])],
          checks: Object.fromEntries([...Object.entries(content.checks ?? {}), ...this.#flagChecks]),
        };
        this.names = /* @__PURE__ */ new Set([...source.names, ...this.#flagChecks.keys()]);
      }
      /** Adds a fault of a value. */
      refuse = (path, text2) => {
        this.#source.faults.add({ place: this.#flagOf(path) ?? this.#source.locate(path), path, text: text2 });
      };
      /** Adds a rule that a declaration breaks. */
      refuseViolation({ path, text: text2, other }) {
        const place = this.#toFilePath(path);
        const conflict = other === void 0 ? "" : ` (${this.#describe(this.#toFilePath(other))})`;
        this.refuse(place, `${text2}${conflict}`);
      }
      /** Whether a check comes from a flag. */
      isFromFlag(check2) {
        return this.#flagChecks.has(check2);
      }
      /** @throws ConfigError with every fault, if there is one */
      throwFaults() {
        const { name, faults, redact } = this.#source;
        if (faults.faults.length > 0) throw new ConfigError(name, redact(faults.faults));
      }
      /** The checks of flags, without those whose name is in use. */
      #findFlagChecks() {
        const found = /* @__PURE__ */ new Map();
        for (const [name, entry] of this.#flags.checks) {
          const inFile = this.#source.names.has(name) && Object.hasOwn(this.#source.content.checks ?? {}, name);
          if (!inFile && !found.has(name)) {
            found.set(name, entry);
            continue;
          }
          const where = inFile ? "in the file" : "on the command line";
          const text2 = `there is another check named ${JSON.stringify(name)} ${where}`;
          this.#source.faults.add({ place: `--check ${name}`, path: [], text: text2 });
        }
        return found;
      }
      #describe(path) {
        return this.#flagOf(path) ?? formatPath(path);
      }
      /** The flag that a value comes from. */
      #flagOf(path) {
        const [key = "", step, setting2] = path;
        const { flags, content } = this.#flags;
        if (key === "checks" && this.#flagChecks.has(String(step)))
          return (setting2 === void 0 ? void 0 : flags.get(String(setting2))) ?? `--check ${step}`;
        if (!Object.hasOwn(content, key)) return void 0;
        const isAdded = key === "paths" || key === "statusCodePaths";
        if (isAdded && Number(step) < (this.#source.content[key]?.length ?? 0)) return void 0;
        return flags.get(`${key}.${step}`) ?? flags.get(String(key));
      }
      /** The path of a value in the file, from its path in the declarations. */
      #toFilePath(path) {
        const [key, name = "", ...rest] = path;
        if (key === "services") return this.#toServicePath(String(name), rest);
        if (key !== "checks" || this.isFromFlag(String(name))) return path;
        const [setting2] = rest;
        if (setting2 !== void 0 && !this.#source.has(path)) {
          const inDefaults = ["defaults", setting2];
          return this.#source.has(inDefaults) ? inDefaults : this.#nearest(path);
        }
        return path;
      }
      /** Members are in a list, or under `all`, `any` or `of`. */
      #toServicePath(name, [part, index]) {
        const entry = this.content.services?.[name];
        const path = name === OVERALL ? ["overall"] : ["services", name];
        const key = entry === void 0 || Array.isArray(entry) ? [] : "of" in entry ? ["of"] : Object.keys(entry);
        if (part === "members") return [...path, ...key, ...(index === void 0 ? [] : [index])];
        return part === "policy" && key.length > 0 ? [...path, "quorum"] : path;
      }
      /** A target that is written as `NAME: URL` has no key of its own. */
      #nearest(path) {
        if (path.length <= 2 || this.#source.has(path) || this.#flagOf(path) !== void 0) return path;
        return this.#nearest(path.slice(0, -1));
      }
    };
  },
});

// src/config/daemon-config.ts
var DEFAULT_CONFIG;
var init_daemon_config = __esm({
  "src/config/daemon-config.ts"() {
    init_keys();
    DEFAULT_CONFIG = Object.freeze({
      listen: TOP_KEYS.listen.default,
      checks: [],
      services: [],
      isolation: void 0,
      allowLinkLocal: TOP_KEYS.allowLinkLocal.default,
      tls: void 0,
      engine: TOP_KEYS.engine.default,
      statusCodePaths: TOP_KEYS.statusCodePaths.default,
      paths: TOP_KEYS.paths.default,
      drainDelayMs: TOP_KEYS.drainDelay.default,
      token: void 0,
      listLimit: TOP_KEYS.listLimit.default,
      maxWatchers: TOP_KEYS.maxWatchers.default,
      warnings: [],
    });
  },
});

// src/config/tls-files.ts
import { X509Certificate as X509Certificate2 } from "node:crypto";

function readServerTls({ certFile, keyFile, clientCaFile }, files, refuse) {
  const cert = files.text(certFile, (text2) => refuse("certFile", text2));
  const key = files.secret(keyFile, (text2) => refuse("keyFile", text2));
  const clientCa = clientCaFile && files.text(clientCaFile, (text2) => refuse("clientCaFile", text2));
  if (clientCa !== void 0) {
    attempt2(
      () => requireAuthorities(clientCa),
      (text2) => refuse("clientCaFile", text2),
    );
    if (isExpired(clientCa))
      refuse("clientCaFile", `the certificate in ${clientCaFile} has expired: no client could connect`);
  }
  if (cert === void 0 || key === void 0) return void 0;
  attempt2(
    () => requireTlsPair(cert, key),
    (text2) => refuse(void 0, text2),
  );
  return { cert, key, clientCa };
}
function readTargetTls(tls, files, refuse) {
  const { caFile, certFile, keyFile, serverName, verify, warnBefore } = tls;
  const ca = caFile === void 0 ? void 0 : files.text(caFile, (text2) => refuse("caFile", text2));
  const cert = certFile === void 0 ? void 0 : files.text(certFile, (text2) => refuse("certFile", text2));
  const key = keyFile === void 0 ? void 0 : files.secret(keyFile, (text2) => refuse("keyFile", text2));
  if (certFile !== void 0 && keyFile === void 0) refuse("certFile", "needs keyFile too");
  if (keyFile !== void 0 && certFile === void 0) refuse("keyFile", "needs certFile too");
  if (cert !== void 0 && key !== void 0)
    attempt2(
      () => requireTlsPair(cert, key),
      (text2) => refuse("certFile", text2),
    );
  if (ca !== void 0)
    attempt2(
      () => requireAuthorities(ca, "CA"),
      (text2) => refuse("caFile", text2),
    );
  return { ca, cert, key, serverName, verify, warnBeforeMs: parseDuration(warnBefore) };
}
function isExpired(pem) {
  try {
    return Date.parse(new X509Certificate2(pem).validTo) < Date.now();
  } catch {
    return false;
  }
}
function attempt2(action, refuse) {
  try {
    action();
  } catch (error) {
    refuse(messageOf(error));
  }
}
var init_tls_files = __esm({
  "src/config/tls-files.ts"() {
    init_duration();
    init_health_error();
    init_tls_pair();
  },
});

// src/config/validate-checks.ts
function readChecks(input) {
  const readTls = createTlsReader(input);
  return Object.entries(input.content.checks ?? {}).map(([name, given2]) => {
    const entry = typeof given2 === "string" ? { target: given2 } : given2;
    const tls = entry.tls && readTls(entry.tls, ["checks", name, "tls"]);
    return readCheck(name, { ...entry, tls }, input);
  });
}
function createTlsReader({ files, refuse }) {
  const known = /* @__PURE__ */ new Map();
  return (table3, path) => {
    const key = JSON.stringify(table3);
    const same = known.get(key);
    if (same !== void 0) return same;
    let isFaulty = false;
    const tls = readTargetTls(table3, files, (inner, text2) => {
      isFaulty = true;
      refuse([...path, ...(inner === void 0 ? [] : [inner])], text2);
    });
    if (!isFaulty) known.set(key, tls);
    return tls;
  };
}
function readCheck(name, entry, input) {
  const { refuse, content } = input;
  const path = ["checks", name];
  const { target, exec, heartbeat, ...options } = entry;
  const sources = [target, exec, heartbeat].filter((source) => source !== void 0);
  if (sources.length !== 1) refuse(path, "must have exactly one of target, exec and heartbeat");
  if (exec !== void 0 && content.allowExec !== true)
    refuse([...path, "exec"], "programs need allowExec: true at the top of the file");
  const defaults = heartbeat === void 0 && !input.isFromFlag(name) ? content.defaults : {};
  return { name, source: sourceOf(entry), options: { ...defaults, ...options } };
}
function sourceOf({ target = "", exec, heartbeat }) {
  if (exec !== void 0) return { kind: "exec", command: exec };
  if (heartbeat !== void 0) return { kind: "heartbeat", ttl: heartbeat.ttl, token: heartbeat.token };
  return { kind: "target", url: target };
}
function readServices(checks, input) {
  const { services = {}, overall } = input.content;
  const known = /* @__PURE__ */ new Set([
    ...checks.flatMap(({ name, options }) => [name, ...(options.services ?? [])]),
    ...input.names,
  ]);
  let unknownCount = 0;
  const checkMembers2 = (members, path) => {
    for (const [index, member] of members.entries()) {
      if (known.has(member)) continue;
      unknownCount += 1;
      input.refuse([...path, index], unknownMember(member, unknownCount > MAX_SUGGESTIONS ? NO_NAMES2 : known));
    }
  };
  const declared = Object.entries(services).map(([name, entry]) => {
    const path = ["services", name];
    if (name === OVERALL) input.refuse(path, "the name must not be empty; the server as a whole is `overall`");
    const { policy, members, key } = readService(entry);
    checkMembers2(members, key === void 0 ? path : [...path, key]);
    return { name, policy, members };
  });
  if (overall === void 0) return declared;
  checkMembers2(overall, ["overall"]);
  return [...declared, { name: OVERALL, policy: { kind: "all" }, members: overall }];
}
function readService(entry) {
  if (Array.isArray(entry)) return { policy: { kind: "all" }, members: entry, key: void 0 };
  if ("all" in entry) return { policy: { kind: "all" }, members: entry.all, key: "all" };
  if ("any" in entry) return { policy: { kind: "any" }, members: entry.any, key: "any" };
  return { policy: { kind: "quorum", count: entry.quorum }, members: entry.of, key: "of" };
}
function unknownMember(member, known) {
  const nearest = nearestTo(member, known);
  const hint = nearest === void 0 ? "" : `; did you mean ${nearest}?`;
  return `there is no check or service ${JSON.stringify(member)}${hint}`;
}
var MAX_SUGGESTIONS, NO_NAMES2;
var init_validate_checks = __esm({
  "src/config/validate-checks.ts"() {
    init_nearest();
    init_service_name();
    init_tls_files();
    MAX_SUGGESTIONS = 50;
    NO_NAMES2 = /* @__PURE__ */ new Set();
  },
});

// src/config/validate.ts
function validateConfig(source, flags = NO_FLAGS) {
  const input = new ConfigInput(source, flags);
  const config = readConfig(input);
  return {
    config,
    accept(violations) {
      for (const violation of violations) input.refuseViolation(violation);
      input.throwFaults();
    },
  };
}
function requireValid({ config, accept }) {
  const { plan, violations } = planConfiguration(NOTHING_RUNNING, config, new SourceOpener());
  discardPlan(plan);
  accept(violations);
  return config;
}
function readConfig(input) {
  const { content, files, refuse } = input;
  const { listen: listen2 = DEFAULT_CONFIG.listen, paths = [], statusCodePaths = [], isolation, tls } = content;
  checkAddresses(listen2, input);
  checkPaths("paths", paths, input);
  checkPaths("statusCodePaths", statusCodePaths, input);
  checkMethods(statusCodePaths, input);
  const checks = readChecks(input);
  const config = {
    listen: listen2,
    checks,
    services: readServices(checks, input),
    isolation: isolation && { selfCheck: { kind: "target", url: isolation.selfCheck }, maxHold: isolation.maxHold },
    allowLinkLocal: content.allowLinkLocal ?? DEFAULT_CONFIG.allowLinkLocal,
    tls: tls && readServerTls(tls, files, (key, text2) => refuse(key === void 0 ? ["tls"] : ["tls", key], text2)),
    engine: content.engine ?? DEFAULT_CONFIG.engine,
    statusCodePaths,
    paths,
    drainDelayMs: parseDuration(content.drainDelay) ?? DEFAULT_CONFIG.drainDelayMs,
    token: readToken(input),
    listLimit: content.listLimit ?? DEFAULT_CONFIG.listLimit,
    maxWatchers: content.maxWatchers ?? DEFAULT_CONFIG.maxWatchers,
    warnings: [...files.warnings, ...limitWarnings(input)],
  };
  return Object.freeze(config);
}
function checkAddresses(listen2, { refuse }) {
  if (listen2.length === 0) refuse(["listen"], "must have at least one address, such as :8080");
  const seen = /* @__PURE__ */ new Set();
  for (const [index, text2] of listen2.entries()) {
    try {
      const address = parseListenAddress(text2);
      const key = formatAddress(address);
      if (seen.has(key) && !key.endsWith(":0")) refuse(["listen", index], `${JSON.stringify(text2)} is listed twice`);
      seen.add(key);
    } catch (error) {
      refuse(["listen", index], messageOf(error));
    }
  }
}
function checkPaths(key, paths, { refuse }) {
  for (const [index, path] of paths.entries())
    if (!/^\/[\x21-\x7e]*$/.test(path))
      refuse([key, index], `must start with a slash and have no spaces; got ${JSON.stringify(path)}`);
}
function checkMethods(statusCodePaths, { refuse }) {
  const taken = new Set(OWN_METHODS);
  for (const [index, path] of statusCodePaths.entries()) {
    if (taken.has(path)) refuse(["statusCodePaths", index], `the server already has a method ${JSON.stringify(path)}`);
    taken.add(path);
  }
}
function readToken({ content, files, refuse }) {
  const { tokenFile } = content;
  if (tokenFile === void 0) return void 0;
  const text2 = files.secret(tokenFile, (fault) => refuse(["tokenFile"], fault))?.trim();
  try {
    return requireToken(text2);
  } catch {
    refuse(["tokenFile"], `${tokenFile} must contain one word without spaces`);
    return void 0;
  }
}
function limitWarnings({ content: { listLimit = 0 } }) {
  if (listLimit <= MAX_LISTED) return [];
  return [
    `listLimit ${listLimit}: a List of more than ${MAX_LISTED} services may not fit into 4 MiB, the most that clients accept by default`,
  ];
}
var OWN_METHODS, MAX_LISTED;
var init_validate = __esm({
  "src/config/validate.ts"() {
    init_plan();
    init_sources();
    init_bearer_token();
    init_duration();
    init_health_error();
    init_listen_address();
    init_engine();
    init_health_messages();
    init_config_input();
    init_daemon_config();
    init_tls_files();
    init_validate_checks();
    OWN_METHODS = [...["Check", "List", "Watch"].map((method) => `/${HEALTH_SERVICE}/${method}`), ...REFLECTION_PATHS];
    MAX_LISTED = 19e3;
  },
});

// src/config/places.ts
var Place;
var init_places = __esm({
  "src/config/places.ts"() {
    Place = class {
      /** Of the key before the value; of the value itself where there is none. */
      key;
      value;
      /** Whether the value contained `${...}`. */
      isSubstituted = false;
      /** Created for the first value inside: most values have none. */
      #inside;
      constructor(key, value) {
        this.key = key;
        this.value = value;
      }
      add(step, place) {
        this.#inside ??= /* @__PURE__ */ new Map();
        this.#inside.set(step, place);
        return place;
      }
      /** The place of the value at a path inside of this one. */
      find(path) {
        let place = this;
        for (const step of path) {
          place = place.#inside?.get(step);
          if (place === void 0) return void 0;
        }
        return place;
      }
      /** The same; where there is no such value, the place of the nearest value around it. */
      nearest(path) {
        let place = this;
        for (const step of path) {
          const next = place.#inside?.get(step);
          if (next === void 0) break;
          place = next;
        }
        return place;
      }
    };
  },
});

// src/config/substitution.ts
function substitute(template, sources, maxCharacters) {
  const faults = [];
  const pieces = [];
  let inserted = 0;
  const text2 = template.replace(REFERENCE, (whole, inside3) => {
    if (whole === "$$") return "$";
    if (inside3 === void 0) {
      faults.push("a dollar sign starts ${NAME}; write $$ for a dollar sign");
      return "";
    }
    const value = lookUp2(inside3, sources, (fault) => faults.push(fault));
    if (value === void 0 || value === "") return "";
    inserted += value.length;
    if (inserted > maxCharacters) return "";
    pieces.push(value);
    return value;
  });
  if (inserted > maxCharacters) faults.push("the values of ${...} in this file are too long together");
  return faults.length === 0 ? { text: text2, pieces } : { faults };
}
function lookUp2(inside3, { variable, secret }, refuse) {
  if (inside3.startsWith("file:")) return secret(inside3.slice("file:".length), refuse)?.replace(/\r?\n$/, "");
  const [, name, fallback] = VARIABLE.exec(inside3) ?? [];
  if (name === void 0) {
    refuse(`\${${inside3}} is neither \${NAME}, \${NAME:-default} nor \${file:/path}`);
    return void 0;
  }
  const text2 = variable(name);
  if (text2 !== void 0 && (text2 !== "" || fallback === void 0)) return text2;
  if (fallback === void 0) refuse(`the environment variable ${name} is not set (with a default: \${${name}:-default})`);
  return fallback;
}
var REFERENCE, VARIABLE;
var init_substitution = __esm({
  "src/config/substitution.ts"() {
    REFERENCE = /\$(?:\$|\{([^{}]*)\}|)/g;
    VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;
  },
});

// src/config/yaml-text.ts
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

function readYaml(text2, sources) {
  const reader = new Reader(text2, sources);
  const value = reader.read();
  return {
    value,
    faults: reader.faults,
    locate: (path, part = "value") => reader.positionAt(reader.places.nearest(path)[part]),
    has: (path) => reader.places.find(path) !== void 0,
    isSubstituted: (path) => reader.places.find(path)?.isSubstituted === true,
    pieces: reader.pieces,
  };
}
function nameOf(key) {
  if (!isScalar(key) || !["string", "number", "boolean"].includes(typeof key.value))
    return { fault: "a key must be text" };
  const name = String(key.value);
  return name.length <= MAX_KEY_CHARACTERS
    ? name
    : { fault: `a key must have at most ${MAX_KEY_CHARACTERS} characters; this one has ${name.length}` };
}
function offsetOf(node) {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : void 0;
  return range?.[0];
}
var MAX_VALUES, MAX_DEPTH, MAX_KEY_CHARACTERS, MAX_SUBSTITUTED, IMPOSSIBLE_KEYS, Reader;
var init_yaml_text = __esm({
  "src/config/yaml-text.ts"() {
    init_places();
    init_substitution();
    MAX_VALUES = 1e5;
    MAX_DEPTH = 100;
    MAX_KEY_CHARACTERS = 1e3;
    MAX_SUBSTITUTED = 4194304;
    IMPOSSIBLE_KEYS = /* @__PURE__ */ new Set(["__proto__", "constructor", "prototype"]);
    Reader = class {
      faults = [];
      pieces = /* @__PURE__ */ new Set();
      places = new Place(0, 0);
      #lines = new LineCounter();
      #text;
      #sources;
      #values = 0;
      #substituted = 0;
      /** The newest value of each anchor. */
      #anchors = /* @__PURE__ */ new Map();
      /** What an alias stands for. Inside an anchored value that is read again, its anchor may have another value by now. */
      #targets = /* @__PURE__ */ new Map();
      constructor(text2, sources) {
        this.#text = text2;
        this.#sources = sources;
      }
      read() {
        try {
          return this.#read();
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          this.#addFault(0, [], `values are nested too deeply; the limit is ${MAX_DEPTH} levels`);
          return void 0;
        }
      }
      positionAt(offset) {
        const { line, col } = this.#lines.linePos(offset);
        return { line: Math.max(1, line), column: Math.max(1, col) };
      }
      #read() {
        const options = { lineCounter: this.#lines, prettyErrors: false, version: "1.2", uniqueKeys: false };
        const { errors, contents } = parseDocument(this.#text, options);
        for (const error of errors) this.#addFault(error.pos[0], [], error.message);
        if (errors.length > 0) return void 0;
        const isEmpty = contents === null || (isScalar(contents) && contents.value === null);
        return isEmpty ? {} : this.#convert(contents, { path: [], place: this.places, aliases: [] });
      }
      #convert(node, at2) {
        const { path, place, aliases } = at2;
        this.#values += 1;
        if (this.#values > MAX_VALUES || path.length > MAX_DEPTH) {
          const isFirst = this.#values === MAX_VALUES + 1;
          if (isFirst) this.#addFault(place.value, path, `too many values; the limit is ${MAX_VALUES}`);
          else if (this.#values <= MAX_VALUES)
            this.#addFault(place.value, path, `values are nested too deeply; the limit is ${MAX_DEPTH} levels`);
          return void 0;
        }
        if (isAlias(node)) return this.#convertAlias(node, at2);
        if (aliases.length === 0) this.#rememberAnchor(node);
        if (isMap(node)) return this.#convertMap(node.items, at2);
        if (isSeq(node)) {
          return node.items.map((item, index) => {
            const offset = offsetOf(item) ?? place.value;
            const inner = place.add(index, new Place(offset, offset));
            return this.#convert(item, { path: [...path, index], place: inner, aliases });
          });
        }
        return isScalar(node) ? this.#substitute(node.value, at2) : null;
      }
      #rememberAnchor(node) {
        if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== void 0)
          this.#anchors.set(node.anchor, node);
      }
      #convertAlias(alias, at2) {
        const node = this.#targets.get(alias) ?? this.#anchors.get(alias.source);
        if (node !== void 0 && !at2.aliases.includes(node)) {
          this.#targets.set(alias, node);
          return this.#convert(node, { ...at2, aliases: [...at2.aliases, node] });
        }
        this.#addFault(at2.place.value, at2.path, `alias not found: *${alias.source}`);
        return void 0;
      }
      #convertMap(items, { path, place, aliases }) {
        const table3 = {};
        for (const { key, value } of items) {
          const offset = offsetOf(key) ?? place.value;
          const name = nameOf(key);
          if (typeof name !== "string") {
            this.#addFault(offset, path, name.fault);
            continue;
          }
          if (aliases.length === 0) this.#rememberAnchor(key);
          const inner = [...path, name];
          if (Object.hasOwn(table3, name)) {
            const { line } = this.positionAt(place.find([name])?.key ?? 0);
            const text2 = `keys must be unique; the first ${JSON.stringify(name)} is in line ${line}`;
            this.#addFault(offset, [], text2);
            continue;
          }
          const innerPlace = place.add(name, new Place(offset, offsetOf(value) ?? offset));
          if (IMPOSSIBLE_KEYS.has(name)) this.#addFault(offset, inner, "this name cannot be used as a key");
          else table3[name] = this.#convert(value, { path: inner, place: innerPlace, aliases });
        }
        return table3;
      }
      #substitute(value, { path, place }) {
        if (typeof value !== "string" || !value.includes("$")) return value;
        place.isSubstituted = true;
        const substituted = substitute(value, this.#sources, MAX_SUBSTITUTED - this.#substituted);
        if ("text" in substituted) {
          for (const piece of substituted.pieces) {
            this.pieces.add(piece);
            this.#substituted += piece.length;
          }
          return substituted.text;
        }
        for (const text2 of substituted.faults) this.#addFault(place.value, path, text2);
        return value;
      }
      #addFault(offset, path, text2) {
        this.faults.push({ place: this.positionAt(offset), path, text: text2 });
      }
    };
  },
});

// src/config/load.ts
var load_exports = {};
__export(load_exports, {
  parseConfig: () => parseConfig,
  readConfigFile: () => readConfigFile,
  readConfigText: () => readConfigText,
});
function readConfigFile(file, environment) {
  return readConfigText(file, readText(file), environment);
}
function readConfigText(file, text2, environment) {
  const files = createFiles();
  const yaml = readYaml(text2, {
    variable: (name) => (Object.hasOwn(environment, name) ? environment[name] : void 0),
    secret: (path, refuse) => files.secret(path, refuse),
  });
  if (yaml.value === void 0) throw new ConfigError(file, yaml.faults);
  const shaped = checkShape(yaml);
  const faults = new FaultList();
  for (const fault of [...yaml.faults, ...shaped.faults]) faults.add(fault);
  const { has, locate } = yaml;
  const { isSubstituted, pieces } = yaml;
  return {
    name: file,
    content: shaped.file,
    names: namesIn(yaml.value),
    faults,
    files,
    has,
    locate,
    redact(found) {
      const redactor = new Redactor(pieces);
      return found.map((fault) => ({ ...fault, text: redactor.redact(fault.text, isSubstituted(fault.path)) }));
    },
  };
}
function parseConfig(file, text2, environment) {
  return requireValid(validateConfig(readConfigText(file, text2, environment)));
}
function namesIn(value) {
  const { checks, services } = Object(value);
  return /* @__PURE__ */ new Set([...Object.keys(Object(checks)), ...Object.keys(Object(services))]);
}
function readText(file) {
  const content = isDescriptor(file) ? readDescriptor(file) : readRegularFile(file);
  if ("text" in content) return content.text;
  throw new ConfigError(file, [{ place: START2, path: [], text: `cannot read this file${content.fault}` }]);
}
var START2;
var init_load = __esm({
  "src/config/load.ts"() {
    init_fault();
    init_files();
    init_read_file();
    init_redact();
    init_shape();
    init_validate();
    init_yaml_text();
    START2 = { line: 1, column: 1 };
  },
});

// ../../../tmp/rl/kinds.mts
var many = (n, f, sep = "") => {
  const out = [];
  let len = 0;
  for (let i = 0; len < n; i++) {
    const s = f(i);
    out.push(s);
    len += s.length + sep.length;
  }
  return out.join(sep);
};
var K = {
  checks: (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  check-${i}: { target: "http://127.0.0.1:${1e4 + (i % 100)}/health", interval: 10s, timeout: 1s }
`,
    ),
  "url checks": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: tcp://h:1
`,
    ),
  "block checks": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}:
    target: tcp://h:1
    interval: 5s
    services:
      - s${i % 100}
`,
    ),
  "faulty unknown keys": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: "tcp://h:1", timout: 1s }
`,
    ),
  "faulty distinct keys": (n) => "checks: { a: { target: 'tcp://h:1', " + many(n, (i) => `k${i}: 1`, ", ") + " } }\n",
  "top unknown keys": (n) =>
    many(
      n,
      (i) => `key${i}: 1
`,
    ),
  "faulty values": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: "tcp://h:1", interval: 5 parsecs }
`,
    ),
  "faulty missing": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { heartbeat: {} }
`,
    ),
  "faulty targets": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: ftp://h${i}
`,
    ),
  "faulty timeouts": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: "tcp://h:1", interval: 1s, timeout: 2s }
`,
    ),
  "null checks": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}:
`,
    ),
  "list of faults": (n) => "paths: [" + many(n, (i) => `{}`, ", ") + "]\n",
  "list of bad paths": (n) => "paths: [" + many(n, (i) => `x${i}`, ", ") + "]\n",
  "list of same paths": (n) => "statusCodePaths: [" + many(n, (i) => `/a.b/c`, ", ") + "]\n",
  "bad listen": (n) => "listen: [" + many(n, (i) => `":x${i}"`, ", ") + "]\n",
  "many listen": (n) => "listen: [" + many(n, (i) => `":${i % 6e4}"`, ", ") + "]\n",
  "duplicate keys": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  a: tcp://h:1
`,
    ),
  "distinct keys map": (n) => "x: {" + many(n, (i) => `k${i}: 1`, ", ") + "}\n",
  "unknown members": (n) => "checks: { a: tcp://h:1 }\nservices:\n  s: [" + many(n, (i) => `m${i}`, ", ") + "]\n",
  "unknown members, many known": (n) =>
    "checks:\n" +
    many(
      n / 2,
      (i) => `  check${i}: tcp://h:1
`,
    ) +
    "services:\n  s: [" +
    many(n / 2, (i) => `chekc${i}`, ", ") +
    "]\n",
  "service chain": (n) =>
    "checks: { a: tcp://h:1 }\nservices:\n  s0: [a]\n" +
    many(
      n,
      (i) => `  s${i + 1}: [s${i}]
`,
    ),
  "service chain reversed": (n) => {
    const m = Math.floor(n / 16);
    let o = "checks: { a: tcp://h:1 }\nservices:\n";
    for (let i = m; i > 0; i--)
      o += `  s${i}: [s${i - 1}]
`;
    return o + "  s0: [a]\n";
  },
  "service cycle": (n) => {
    const m = Math.floor(n / 16);
    let o = "services:\n";
    for (let i = m; i > 0; i--)
      o += `  s${i}: [s${i - 1}]
`;
    return (
      o +
      `  s0: [s${m}]
`
    );
  },
  "wide services": (n) => {
    const m = Math.floor(Math.sqrt(n / 8));
    const names = Array.from({ length: m }, (_, i) => `c${i}`).join(", ");
    return (
      "checks:\n" +
      Array.from(
        { length: m },
        (_, i) => `  c${i}: tcp://h:1
`,
      ).join("") +
      "services:\n" +
      Array.from(
        { length: Math.floor(n / names.length) - 1 },
        (_, i) => `  s${i}: [${names}]
`,
      ).join("")
    );
  },
  "wide by alias": (n) => {
    const names = Array.from({ length: 300 }, (_, i) => `c${i}`).join(", ");
    return (
      "checks:\n" +
      Array.from(
        { length: 300 },
        (_, i) => `  c${i}: tcp://h:1
`,
      ).join("") +
      `services:
  s: &all [${names}]
` +
      many(
        n,
        (i) => `  s${i}: *all
`,
      )
    );
  },
  "check services": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: "tcp://h:1", services: [a${i}, b${i % 7}, c${i % 10}x] }
`,
    ),
  "diamond 40": (n) =>
    "checks: { a: tcp://h:1 }\nservices:\n  l0: [a]\n  r0: [a]\n" +
    many(
      n,
      (i) => `  l${i + 1}: [l${i}, r${i}]
  r${i + 1}: [l${i}, r${i}]
`,
    ),
  anchors: (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: &a${i} tcp://h:1
`,
    ),
  "anchors and aliases": (n) =>
    "x-a: [" + many(n / 2, (i) => `&a${i} x`, ", ") + "]\nx-b: [" + many(n / 2, (i) => `*a${i}`, ", ") + "]\n",
  "one alias": (n) => "x-a: &a x\nx-b: [" + many(n, (i) => `*a`, ", ") + "]\n",
  "aliases interleaved": (n) =>
    "x-b:\n" +
    many(
      n,
      (i) => `  - &a${i} x
  - *a${i}
`,
    ),
  "alias chain": (n) =>
    "x-0: &a0 [x]\n" +
    many(
      n,
      (i) => `x-${i + 1}: &a${i + 1} [*a${i}]
`,
    ),
  "same anchor": (n) =>
    "x-b:\n" +
    many(
      n,
      (i) => `  - &a x
  - *a
`,
    ),
  "unknown aliases": (n) => "x-b: [" + many(n, (i) => `*a${i}`, ", ") + "]\n",
  laughs: (n) => {
    let o = "x-0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (let i = 1; i < 40; i++)
      o += `x-${i}: &a${i} [${Array(10)
        .fill("*a" + (i - 1))
        .join(",")}]
`;
    return o + "#".repeat(n);
  },
  merges: (n) =>
    "x-d: &d { interval: 5s }\nchecks:\n" +
    many(
      n,
      (i) => `  c${i}: { <<: *d, target: "tcp://h:1" }
`,
    ),
  "merge chain": (n) =>
    "x-0: &a0 {k: 1}\n" +
    many(
      n,
      (i) => `x-${i + 1}: &a${i + 1} { <<: *a${i}, k${i}: 1 }
`,
    ),
  "deep flow": (n) => "x: " + "[".repeat(n / 2) + "]".repeat(n / 2) + "\n",
  "deep flow map": (n) => "x: " + "{a: ".repeat(n / 5) + "}".repeat(n / 5) + "\n",
  "open flow": (n) => "x: " + "[".repeat(n) + "\n",
  "deep block seq": (n) => "x:\n" + "- ".repeat(n / 2) + "a\n",
  "deep block map": (n) => {
    let o = "";
    for (let i = 0; o.length < n; i++) o += " ".repeat(i) + "a:\n";
    return o;
  },
  "deep ? keys": (n) => "? ".repeat(n / 2) + "a\n",
  "huge plain scalar": (n) => "x: " + "a".repeat(n) + "\n",
  "huge plain words": (n) => "x: " + "a ".repeat(n / 2) + "\n",
  "huge multiline plain": (n) => "x:\n" + "  a b\n".repeat(n / 6),
  "huge double quoted": (n) => 'x: "' + "a".repeat(n) + '"\n',
  "double quoted escapes": (n) => 'x: "' + "\\u0041".repeat(n / 6) + '"\n',
  "double quoted lines": (n) => 'x: "' + "a\n  ".repeat(n / 4) + '"\n',
  "single quoted": (n) => "x: '" + "''".repeat(n / 2) + "'\n",
  "block literal": (n) => "x: |\n" + "  a\n".repeat(n / 4),
  "block folded": (n) => "x: >\n" + "  a\n".repeat(n / 4),
  "long key": (n) => "a".repeat(n) + ": 1\n",
  "long unknown key in check": (n) =>
    "checks: { a: { target: 'tcp://h:1', " + "a".repeat(900) + ": 1 } }\nchecks2:\n" + "b".repeat(n) + ": 1\n",
  "long check names": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  ? ${"a".repeat(5e3)}${i}
  : tcp://h:1
`,
    ),
  "long member names": (n) =>
    "checks:\n" +
    many(
      n / 2,
      (i) => `  ? ${"a".repeat(900)}${i}
  : tcp://h:1
`,
    ) +
    "services:\n  s: [" +
    many(n / 2, (i) => `${"a".repeat(900)}${i}x`, ", ") +
    "]\n",
  comments: (n) => "# c\n".repeat(n / 4),
  "blank lines": (n) => "\n".repeat(n) + "checks: {}\n",
  spaces: (n) => " ".repeat(n) + "\n",
  tabs: (n) => "	".repeat(n) + "\n",
  "comments in seq": (n) =>
    "paths:\n" +
    many(
      n,
      (i) => `  # c
  - /p${i}
`,
    ),
  documents: (n) => "--- a\n".repeat(n / 6),
  directives: (n) => "%YAML 1.2\n".repeat(n / 10) + "--- {}\n",
  tags: (n) => "x: [" + many(n, (i) => `!!str a`, ", ") + "]\n",
  "unknown tags": (n) => "x: [" + many(n, (i) => `!t${i} a`, ", ") + "]\n",
  substitutions: (n) => 'x: "' + "${A:-bcdef}".repeat(n / 11) + '"\n',
  "distinct substitutions": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: "tcp://h:1", interval: "\${A:-value${i}}" }
`,
    ),
  "unset variables": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: "\${A${i}}"
`,
    ),
  "unset in one": (n) => 'x: "' + many(n, (i) => "${A" + i + "}") + '"\n',
  dollars: (n) => 'x: "' + "$".repeat(n) + '"\n',
  "open braces": (n) => 'x: "' + "${".repeat(n / 2) + '"\n',
  "big env many": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: "\${BIG}"
`,
    ),
  "big env one": (n) => 'x: "' + "${BIG}".repeat(n / 6) + '"\n',
  json: (n) => '{"checks":{' + many(n, (i) => `"c${i}":{"target":"tcp://h:1","interval":"5s"}`, ",") + "}}",
  "json one line lists": (n) => '{"x":[' + many(n, (i) => "1", ",") + "]}",
  binary: (n) => "\0".repeat(n),
  "errors per line": (n) =>
    many(
      n,
      (i) => `a b: c: d
`,
    ),
  "bad indent": (n) =>
    many(
      n,
      (i) => `${" ".repeat(i % 7)}k${i}: 1
`,
    ),
  "unclosed quotes": (n) =>
    many(
      n,
      (i) => `k${i}: "a
`,
    ),
  crlf: (n) =>
    "checks:\r\n" +
    many(
      n,
      (i) => `  c${i}: tcp://h:1\r
`,
    ),
  headers: (n) => "checks: { a: { target: 'http://h/', headers: {" + many(n, (i) => `h${i}: v`, ", ") + "} } }\n",
  "expect json": (n) =>
    "checks: { a: { target: 'http://h/', expect: { json: {" + many(n, (i) => `a.b${i}: v`, ", ") + "} } } }\n",
  "expect status": (n) =>
    "checks: { a: { target: 'http://h/', expect: { status: [" + many(n, (i) => `200`, ", ") + "] } } }\n",
  regex: (n) =>
    "checks: { a: { target: 'http://h/', expect: { body: { matches: '" + "(a?){50}".repeat(n / 9) + "' } } } }\n",
  regexes: (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: 'http://h/', expect: { body: { matches: '(a{1,1000}){1,1}' } } }
`,
    ),
  "exec args": (n) => "allowExec: true\nchecks: { a: { exec: [" + many(n, (i) => `a`, ", ") + "] } }\n",
  "long durations": (n) => "drainDelay: " + "1s".repeat(n / 2) + "\n",
  "bad long duration": (n) => "drainDelay: " + "1.".repeat(n / 2) + "\n",
  "long url": (n) => "checks: { a: 'http://h/" + "a/../".repeat(n / 5) + "' }\n",
  "long host": (n) => "checks: { a: 'http://" + "a.".repeat(n / 2) + "' }\n",
  "same file": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: "http://h/", headers: { x: "\${file:/proc/sys/kernel/ostype}" } }
`,
    ),
  "no files": (n) =>
    "checks:\n" +
    many(
      n,
      (i) => `  c${i}: { target: "http://h/", headers: { x: "\${file:/nope${i}}" } }
`,
    ),
  "two owners": (n) =>
    "checks:\n" +
    many(
      n / 2,
      (i) => `  c${i}: tcp://h:1
`,
    ) +
    "services:\n" +
    many(
      n / 2,
      (i) => `  c${i}: [c${i}]
`,
    ),
};

// ../../../tmp/rl/one.mts
var L = await Promise.resolve().then(() => (init_load(), load_exports));
var env = { BIG: "x".repeat(1e5) };
var warm = "checks: { a: { target: 'http://h/' , interval: 5s} }\nservices: { s: [a] }\n";
for (let i = 0; i < 200; i++) L.parseConfig("f", warm, env);
var only = process.argv.slice(2);
var sizes = (process.env.SIZES ?? "65536,262144").split(",").map(Number);
for (const k of Object.keys(K)) {
  if (only.length && !only.includes(k)) continue;
  const ts = [];
  let r = "";
  for (const n of sizes) {
    const text2 = K[k](n);
    const c0 = process.cpuUsage();
    r = "ok";
    try {
      L.parseConfig("f", text2, env);
    } catch (e) {
      r =
        e.constructor.name +
        " " +
        (e.faults?.length ?? "") +
        " " +
        String(e.message).split("\n")[0].slice(0, 90) +
        " len " +
        String(e.message).length;
      if (e.constructor.name !== "ConfigError") r += " !!! " + e.stack.split("\n").slice(1, 4).join("|");
    }
    const c = process.cpuUsage(c0);
    ts.push(((c.user + c.system) / 1e3) | 0);
  }
  const ratio = ts[1] / ts[0];
  console.log(
    (ratio > 6 && ts[1] > 200 ? "** " : "   ") + k.padEnd(28),
    ts.map((t) => String(t).padStart(7)).join(" "),
    ratio.toFixed(1).padStart(6),
    String((process.memoryUsage().rss / 1e6) | 0) + "MB",
    r,
  );
}
