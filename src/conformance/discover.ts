/**
 * Finds out what a server is, before the first row:
 *
 *     connect --> Check --> List and Watch --> Check of listed services --> facts
 *        '----------'--> Unreachable: no row can be tried
 *
 * With a control program, which may start the server, a server that does not listen yet is waited for.
 */
import { LIST, RowContext, type ServerFacts, type TestedServer, Unreachable, unknownName } from "./context.js";
import type { ControlProgram } from "./control.js";
import type { FrameConnection } from "./frame-connection.js";
import { type ListedStatuses, readList } from "./list-answer.js";
import type { StreamAnswer } from "./stream-answer.js";

/** Services of a List that rows ask for. */
const MAX_NAMES = 20;

/** Rows do not ask for a service with a longer name. */
const MAX_NAME_LENGTH = 1_024;

/** The time that a control program has to start the server. */
const MAX_START_MS = 10_000;

/** The time that the calls have, once there is a connection. */
const MAX_CALLS_MS = 6_000;

const RETRY_MS = 100;

const NO_FACTS: ServerFacts = {
  known: undefined,
  names: [],
  overallIsKnown: false,
  noWatch: undefined,
  noList: undefined,
};

const OVERALL = "";

export interface DiscoverOptions {
  /** A service that the server has. Default `""`, or else one that List names. */
  readonly service?: string | undefined;
  readonly control?: ControlProgram | undefined;
  /** Ends it early; then it throws. */
  readonly signal: AbortSignal;
}

/** @throws Unreachable with what to do about it */
export async function discover(server: TestedServer, options: DiscoverOptions): Promise<ServerFacts> {
  const context = new RowContext(server, NO_FACTS);
  const close = () => context.close();
  let isLate = false;
  let cancelTimer = () => {};
  options.signal.addEventListener("abort", close);
  try {
    const connection = await connect(context, options);
    cancelTimer = server.clock.setTimer(MAX_CALLS_MS, () => {
      isLate = true;
      close();
    });
    const facts = await factsOf(context, connection, options.service);
    if (!isLate) return facts;
  } catch (error) {
    if (!isLate) throw error;
  } finally {
    cancelTimer();
    options.signal.removeEventListener("abort", close);
    close();
  }
  throw new Unreachable(`the server did not answer Check, List and Watch within ${MAX_CALLS_MS / 1000} s`);
}

async function factsOf(
  context: RowContext,
  connection: FrameConnection,
  service: string | undefined,
): Promise<ServerFacts> {
  const overall = await firstCheck(context, connection, OVERALL);
  if (service !== undefined && !(await firstCheck(context, connection, service)).isOk)
    throw new Unreachable(`Check of ${JSON.stringify(service)} has no status (see --service)`);
  const { answer: list } = context.send(connection, LIST);
  const { answer: watch } = context.send(connection, { method: "Watch", service: service ?? OVERALL });
  await context.ended(connection, list);
  await context.firstMessage(connection, watch);
  const statuses = list.isOk ? readList(list) : undefined;
  const names = namesOf(statuses);
  return {
    known: service ?? (overall.isOk ? OVERALL : await firstKnown(context, connection, names)),
    names,
    overallIsKnown: overall.isOk,
    noWatch: isUnimplemented(watch) ? "the server does not offer Watch" : undefined,
    noList: statuses === "too long" ? "the server lists too many services" : noListOf(list),
  };
}

async function connect(context: RowContext, { control, signal }: DiscoverOptions): Promise<FrameConnection> {
  const { clock } = context.server;
  const triesUntil = clock.now() + (control === undefined ? 0 : MAX_START_MS);
  for (;;) {
    try {
      return await context.connect();
    } catch (error) {
      if (control?.ended !== undefined) throw new Unreachable(`the control program: ${control.ended}`);
      if (signal.aborted || clock.now() >= triesUntil) throw error;
      await new Promise<void>((resolve) => clock.setTimer(RETRY_MS, resolve));
    }
  }
}

/** A Check that tells whether there is a health service. */
async function firstCheck(context: RowContext, connection: FrameConnection, service: string): Promise<StreamAnswer> {
  const answer = await context.call(connection, { service });
  const { code } = answer;
  if (!answer.hasEnded) throw new Unreachable(`no answer to Check: ${connection.describe()}`);
  if (code === "UNIMPLEMENTED")
    throw new Unreachable("the server has no service grpc.health.v1.Health (UNIMPLEMENTED)");
  if (code === "UNAUTHENTICATED" || code === "PERMISSION_DENIED")
    throw new Unreachable(`the server requires credentials (${code}; see --rpc-header)`);
  if (code === undefined && answer.field("content-type")?.startsWith("application/grpc") !== true)
    throw new Unreachable(`the answer to Check is not gRPC: ${answer.describe()}`);
  return answer;
}

function namesOf(statuses: ListedStatuses | "too long" | undefined): readonly string[] {
  if (statuses === undefined || statuses === "too long") return [];
  const isUsable = (name: string) => !name.startsWith(unknownName("")) && name.length <= MAX_NAME_LENGTH;
  return [...statuses.keys()].filter(isUsable).slice(0, MAX_NAMES);
}

/** All are asked at once, so that a server which does not answer takes the time of one answer. */
async function firstKnown(
  context: RowContext,
  connection: FrameConnection,
  names: readonly string[],
): Promise<string | undefined> {
  const asked = names.slice(0, connection.settings.maxConcurrentStreams);
  const answers = asked.map((service) => context.send(connection, { service }).answer);
  await connection.until(() => answers.every(({ hasEnded }) => hasEnded), context.answerMs);
  return asked.find((_name, index) => answers[index]?.isOk === true);
}

function isUnimplemented({ code, messages }: StreamAnswer): boolean {
  return code === "UNIMPLEMENTED" && messages.length === 0;
}

function noListOf({ code }: StreamAnswer): string | undefined {
  if (code === "UNIMPLEMENTED") return "the server does not offer List";
  return code === "RESOURCE_EXHAUSTED" ? "the server has more services than it lists" : undefined;
}
