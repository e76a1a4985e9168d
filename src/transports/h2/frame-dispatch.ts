/**
 * Which frame goes where, and what holds for a type of frame whatever the state of things is (RFC 9113, section 6).
 */

import {
  ACK,
  CONTINUATION,
  ConnectionError,
  DATA,
  GOAWAY,
  HEADERS,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
} from "../../wire/http2/frames.js";
import type { Budget } from "./budget.js";
import type { StreamTable } from "./stream-table.js";

/** A frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** Who takes the frames of the connection as a whole. */
export interface Controller {
  readonly budget: Budget;
  onSettings(payload: Buffer): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  onGoAway(): void;
}

/** Hands a frame to who takes it. @throws ConnectionError */
export function dispatch(frame: Frame, streams: StreamTable, controller: Controller): void {
  const { type, flags, streamId, payload } = frame;
  const { expectsContinuationOf } = streams;
  if (expectsContinuationOf !== undefined && (type !== CONTINUATION || streamId !== expectsContinuationOf))
    throw new ConnectionError("PROTOCOL_ERROR", "a frame within a header block");
  switch (type) {
    case DATA:
      streams.onData(flags, streamId, payload);
      break;
    case HEADERS:
      streams.onHeaders(flags, streamId, payload);
      break;
    case CONTINUATION:
      streams.onContinuation(flags, payload);
      break;
    case PRIORITY:
      streams.onPriority(streamId, payload);
      break;
    case RST_STREAM:
      streams.onReset(streamId, payload);
      break;
    case WINDOW_UPDATE:
      streams.onWindowUpdate(streamId, payload);
      break;
    case PUSH_PROMISE:
      throw new ConnectionError("PROTOCOL_ERROR", "PUSH_PROMISE of a client");
    default:
      controller.budget.spendFrame();
      control(frame, controller);
  }
}

/** Frames of the connection; those of a type that we don't know are passed over (section 5.5). */
function control({ type, flags, streamId, payload }: Frame, controller: Controller): void {
  if (type !== SETTINGS && type !== PING && type !== GOAWAY) return;
  if (streamId !== 0) throw new ConnectionError("PROTOCOL_ERROR", "a frame of the connection on a stream");
  const isAcknowledgement = type !== GOAWAY && (flags & ACK) !== 0;
  if (!hasRightLength(type, isAcknowledgement, payload.length))
    throw new ConnectionError("FRAME_SIZE_ERROR", "a frame of a wrong length");
  if (type === GOAWAY) controller.onGoAway();
  else if (type === PING && isAcknowledgement) controller.onPong(payload);
  else if (type === PING) controller.onPing(payload);
  else if (!isAcknowledgement) controller.onSettings(payload);
}

function hasRightLength(type: number, isAcknowledgement: boolean, length: number): boolean {
  if (type === PING) return length === 8;
  if (type === GOAWAY) return length >= 8;
  return isAcknowledgement ? length === 0 : length % 6 === 0;
}
