/** A call of the control service that is refused. */
import type { GrpcCode } from "../wire/grpc-code.js";

export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly code: GrpcCode;

  constructor(code: GrpcCode, message: string) {
    super(message);
    this.code = code;
  }
}
