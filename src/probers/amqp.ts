/**
 * `amqp://user:password@host[:5672][/vhost]` and `amqps://`: passes when the login succeeds and the broker opens a channel.
 *
 *     new connection   header --> Start --> StartOk --> Tune --> TuneOk, Open --> OpenOk --.
 *                                                                                          v
 *     each probe                                      CloseOk <-- Channel.Close <-- OpenOk <-- Channel.Open
 *
 * AMQP 0-9-1 is spoken straight on the socket: a client library would store whatever a target sends.
 * Source: the AMQP 0-9-1 specification, sections 2.2.4 and 4.2, and https://www.rabbitmq.com/docs/auth-notification.
 */
import { BrokenCall, Unanswered } from "../client/broken-call.js";
import { type AnswerReader, exchange } from "../client/exchange.js";
import type { Goodbye } from "../client/goodbyes.js";
import { ReusedConnection } from "../client/reused-connection.js";
import { TargetSocket } from "../client/target-socket.js";
import { tlsOptions } from "../client/tls-options.js";
import {
  longText,
  MAX_FRAME_BYTES,
  type Method,
  MethodReader,
  methodFrame,
  PROTOCOL_HEADER,
  refusalOf,
  shortText,
  table,
} from "./amqp-frames.js";
import { type ProberDeps, type ProberOptions, reuseOptionsOf } from "./options.js";
import { fail, PASS, type ProbeResult, type Prober, withCertificate } from "./prober.js";
import { resultOfError } from "./reasons.js";
import { credentialsOf, hostOf, invalidTarget, pathNameOf } from "./target.js";

/** More bytes are not read for one probe. */
const MAX_ANSWER_BYTES = 65_536;

const MAX_VHOST_BYTES = 255;

const OPEN_CHANNEL = methodFrame(1, [20, 10], shortText(""));
/** Reply code 200, no text, no method that failed. */
const SUCCESS = Buffer.from([0, 200, 0, 0, 0, 0, 0]);
const CLOSE_CHANNEL = methodFrame(1, [20, 40], SUCCESS);
const CONNECTION_CLOSE_OK = methodFrame(0, [10, 51]);

/** RabbitMQ logs a warning for a client that closes the connection before it has read CloseOk (section 1.4.2.9). */
const CLOSE: Goodbye = { request: methodFrame(0, [10, 50], SUCCESS), answer: CONNECTION_CLOSE_OK };
/** The broker has sent Close: it waits for CloseOk. */
const ACCEPT_CLOSE: Goodbye = { request: CONNECTION_CLOSE_OK };

/** A prober of an AMQP 0-9-1 broker. It keeps one connection, unless `reuse` is false. */
export function openAmqp(target: URL, deps: ProberDeps, options: ProberOptions): Prober {
  const secure = target.protocol === "amqps:";
  const host = hostOf(target);
  const address = {
    goodbyes: deps.goodbyes,
    host,
    port: Number(target.port) || (secure ? 5671 : 5672),
    resolver: deps.resolver,
    readBuffer: deps.readBuffer,
    tls: secure ? tlsOptions(host, options.tls) : undefined,
  };
  const login = loginOf(target, options);
  const connection = new ReusedConnection(
    (timeoutMs) => new TargetSocket(address, timeoutMs),
    reuseOptionsOf(options, deps),
  );
  const ask = (socket: TargetSocket, isNew: boolean) =>
    isNew
      ? exchange(socket, PROTOCOL_HEADER, new Conversation(socket, login))
      : exchange(socket, OPEN_CHANNEL, new Conversation(socket)).then(
          (result) => requireOpen(result, socket),
          unanswered,
        );
  return {
    async probe({ timeoutMs }) {
      try {
        const result = await connection.call(timeoutMs, ask);
        if (result.outcome === "fail") connection.close(); // the broker has closed it, or will
        return withCertificate(result, connection.certificateEndsAt, deps.clock.wallTime(), options.tls?.warnBefore);
      } catch (error) {
        return resultOfError(error);
      }
    },
    cancel: () => connection.cancel(),
    close: () => connection.close(),
  };
}

/** A kept connection that is lost, in any way, says nothing about the broker: a new one decides. @throws Unanswered */
function unanswered(error: unknown): never {
  throw error instanceof Unanswered ? error : new Unanswered(error);
}

/** The broker has sent Close: it shuts down, an operator has closed the connection, or the virtual host is gone. */
function requireOpen(result: ProbeResult, { goodbye }: TargetSocket): ProbeResult {
  if (goodbye !== ACCEPT_CLOSE) return result;
  throw new Unanswered(new BrokenCall("closed", `the broker closed the connection: ${result.detail}`));
}

/** What is sent to log in. */
interface AmqpLogin {
  readonly startOk: Buffer;
  readonly open: Buffer;
}

/** @throws HealthError INVALID_TARGET */
function loginOf(target: URL, options: ProberOptions): AmqpLogin {
  const vhost = pathNameOf(target, "virtual host") || "/";
  if (Buffer.byteLength(vhost) > MAX_VHOST_BYTES)
    throw invalidTarget(target.href, `a virtual host must have at most ${MAX_VHOST_BYTES} bytes of UTF-8`);
  const { user = "guest", password = "guest" } = credentialsOf(target, options);
  const properties = {
    product: "healthbridge",
    connection_name: "healthbridge",
    // a refused login is answered with Connection.Close 403, and not with a closed connection
    capabilities: { authentication_failure_close: true },
  };
  const answer = [table(properties), shortText("PLAIN"), longText(`\0${user}\0${password}`), shortText("en_US")];
  return {
    startOk: methodFrame(0, [10, 11], ...answer),
    open: methodFrame(0, [10, 40], shortText(vhost), shortText(""), Buffer.from([0])),
  };
}

/** Answers the broker's methods until it has opened and closed a channel, or refuses. */
class Conversation implements AnswerReader<ProbeResult> {
  readonly #socket: TargetSocket;
  readonly #login: AmqpLogin | undefined;
  readonly #reader = new MethodReader(MAX_ANSWER_BYTES);
  /** The methods that are still to come, in this order. */
  readonly #expected: string[];

  /** @param login what a new connection sends first */
  constructor(socket: TargetSocket, login?: AmqpLogin) {
    this.#socket = socket;
    this.#login = login;
    this.#expected = [...(login === undefined ? [] : ["10.10", "10.30", "10.41"]), "20.11", "20.41"];
  }

  push(bytes: Buffer): ProbeResult | undefined {
    for (const method of this.#reader.read(bytes)) {
      const result = this.#onMethod(method);
      if (result !== undefined) return result;
    }
    return undefined;
  }

  end(): ProbeResult {
    // a broker may close the connection in place of a refusal (section 4.10.2)
    if (this.#expected[0] === "10.41")
      return fail("answer", "the broker closed the connection instead of opening the virtual host");
    throw new BrokenCall("closed", "the connection ended within the answer");
  }

  /** Sends what follows a method, or returns the result. */
  #onMethod(method: Method): ProbeResult | undefined {
    const { name, args } = method;
    if (name === "10.50") this.#socket.goodbye = ACCEPT_CLOSE; // Connection.Close
    if (name === "10.50" || name === "20.40") return evaluate(refusalOf(method));
    if (name !== this.#expected.shift())
      throw new BrokenCall("protocol", `the broker sent method ${name}, which was not asked for`);
    if (this.#login !== undefined && name === "10.10") this.#socket.write(this.#login.startOk);
    else if (this.#login !== undefined && name === "10.30") {
      if (args.length < 8) throw new BrokenCall("protocol", "the broker's Tune is too short");
      this.#socket.write(tuneOk(args));
      this.#socket.write(this.#login.open);
    } else if (name === "10.41") {
      this.#socket.goodbye = CLOSE;
      this.#socket.write(OPEN_CHANNEL);
    } else if (name === "20.11") this.#socket.write(CLOSE_CHANNEL);
    else return PASS;
    return undefined;
  }
}

/** TuneOk: the channels of the broker, frames of at most our size (0 is no limit), and no heartbeats. */
function tuneOk(tune: Buffer): Buffer {
  const limits = Buffer.alloc(6);
  limits.writeUInt32BE(Math.min(tune.readUInt32BE(2) || MAX_FRAME_BYTES, MAX_FRAME_BYTES));
  return methodFrame(0, [10, 31], tune.subarray(0, 2), limits);
}

/** CONNECTION_FORCED, RESOURCE_ERROR and INTERNAL_ERROR. */
const UNAVAILABLE_CODES: readonly number[] = [320, 506, 541];

/** Reply codes: AMQP 0-9-1, section 1.2. RabbitMQ has one code for a virtual host that is unknown, forbidden or full. */
function evaluate({ code, text }: ReturnType<typeof refusalOf>): ProbeResult {
  const isFull = UNAVAILABLE_CODES.includes(code) || /connection limit/.test(text);
  const isForbidden = code === 403 || (code === 530 && /refused for user/.test(text));
  return fail(isFull ? "unavailable" : isForbidden ? "auth" : "answer", `${code} ${text}`);
}
