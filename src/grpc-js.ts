/**
 * Client-side health checking for `@grpc/grpc-js` (gRFC A17). Its import loads no third-party package: the application
 * hands its own grpc-js over.
 */
export type { GrpcJsModule } from "./client/grpc-js-policy/grpc-js.js";
export { registerHealthChecking } from "./client/grpc-js-policy/register.js";
