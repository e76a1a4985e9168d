/** Installs packages of the npm registry for the interop suite, each set in a folder of its own, without install scripts. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { once, run } from "./install.js";

/** Loads packages that read reflection's answers: a client for Node, and protobuf-es. */
export function npmReflection(): NodeJS.Require {
  const packages = ["grpc-js-reflection-client@1.4.2", "@grpc/grpc-js@1.14.7", "@bufbuild/protobuf@2.17.0"];
  return load(npmPackages("reflection", packages));
}

/** Loads a version of grpc-js. */
export function grpcJs(version: string): unknown {
  return load(npmPackages("grpc-js", [`@grpc/grpc-js@${version}`]))("@grpc/grpc-js");
}

/** The folder of grpc-js with its resolver `xds:`. */
export function npmXdsFolder(): string {
  return npmPackages("grpc-js-xds", ["@grpc/grpc-js-xds@1.14.1", "@grpc/grpc-js@1.14.7"]);
}

/** Loads servers that npm has: an OpenID provider, and a WebSocket server. */
export function npmServers(): NodeJS.Require {
  return load(npmPackages("servers", ["oidc-provider@9.13.3", "ws@8.23.0"]));
}

/** Loads the library of Standard Webhooks, which verifies signatures. */
export function npmStandardWebhooks(): NodeJS.Require {
  return load(npmPackages("standard-webhooks", ["standardwebhooks@1.1.1"]));
}

/** Loads the frameworks whose applications use the library. */
export function npmFrameworks(): NodeJS.Require {
  const packages = [
    ...["express4@npm:express@4.22.3", "express5@npm:express@5.3.0", "fastify@5.12.8"],
    ...["koa@3.3.0", "koa-bodyparser@4.4.1", "hono@4.13.19", "@hono/node-server@2.1.9"],
  ];
  return load(npmPackages("frameworks", packages));
}

/** The folder of frameworks for RPC: connect-node (its last version for Node 20) and nice-grpc. */
export function npmRpcFolder(): string {
  return npmPackages("rpc-frameworks", [
    ...["@connectrpc/connect@2.1.2", "@connectrpc/connect-node@2.1.2", "@bufbuild/protobuf@2.17.0"],
    ...["nice-grpc@2.1.18", "@grpc/grpc-js@1.14.7"],
  ]);
}

/** Loads frameworks for RPC. */
export function npmRpcFrameworks(): NodeJS.Require {
  return load(npmRpcFolder());
}

/** Loads queues of jobs, microservices, and servers of WebSockets with polling. */
export function npmWorkers(): NodeJS.Require {
  const packages = [
    ...["bullmq@6.7.0", "bullmq5@npm:bullmq@5.81.5", "ioredis@5.11.1", "moleculer@0.14.36"],
    ...["socket.io@4.8.4", "socket.io-client@4.8.4", "koa@3.3.0", "koa-mount@4.2.0"],
  ];
  return load(npmPackages("workers", packages));
}

/** Versions of NestJS, with the packages of applications. */
const NEST = {
  11: [
    ...["common@11.2.10", "core@11.2.10", "platform-express@11.2.10", "platform-fastify@11.2.8"],
    ...["microservices@11.2.6", "terminus@11.1.1", "testing@11.2.6", "axios@4.0.1"],
  ],
  12: [
    ...["common@12.5.1", "core@12.5.1", "platform-express@12.5.1", "platform-fastify@12.5.0"],
    ...["microservices@12.1.1", "terminus@12.1.0", "testing@12.1.1", "axios@12.0.1"],
  ],
} as const;

/** The folder of a version of NestJS. */
export function npmNest(version: keyof typeof NEST): string {
  const packages = [
    ...NEST[version].map((name) => `@nestjs/${name}`),
    ...["@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1", "@types/node@20.19.43"],
    ...["axios@1.21.1", "reflect-metadata@0.2.2", "rxjs@7.8.2"],
  ];
  return npmPackages(`nest-${version}`, packages);
}

/** The folder of packages with which applications serve their health over HTTP. */
export function npmHealthPackages(): string {
  return npmPackages("health", ["@godaddy/terminus@4.12.1", "lightship@9.0.4"]);
}

/** The folder of the frameworks, access logs and tracers of docs/library/application.md. */
export function npmApplications(): string {
  const tracing = ["instrumentation@0.223.0", "instrumentation-http@0.223.0", "instrumentation-grpc@0.223.0"];
  const sdk = ["sdk-trace-base@2.12.1", "sdk-trace-node@2.12.1", "api@1.9.1"];
  return npmPackages("applications", [
    ...["express@5.3.0", "koa@3.3.0", "hono@4.13.19", "@hono/node-server@2.1.9", "pino-http@11.0.0", "morgan@1.12.1"],
    ...[...tracing, ...sdk].map((name) => `@opentelemetry/${name}`),
    "@grpc/grpc-js@1.14.7",
  ]);
}

/** Loads what drives a browser, without a browser, and axe, which judges the accessibility of a page. */
export function npmBrowser(): NodeJS.Require {
  return load(npmPackages("browser", ["playwright-core@1.65.1", "axe-core@4.14.1"]));
}

/** Loads the library of CycloneDX, which has its schema. */
export function npmCycloneDx(): {
  readonly Spec: { readonly Version: { readonly v1dot5: string } };
  readonly Validation: {
    readonly JsonStrictValidator: new (version: string) => { validate(text: string): Promise<unknown> };
  };
} {
  const validators = ["ajv@8.20.0", "ajv-formats@3.0.1", "ajv-formats-draft2019@1.6.1"];
  const folder = npmPackages("cyclonedx", ["@cyclonedx/cyclonedx-library@10.3.0", ...validators]);
  return load(folder)("@cyclonedx/cyclonedx-library");
}

/** The compiler `tsc` of TypeScript 5, which still has the `moduleResolution` of `node10`. */
export function typescript(): string {
  return join(npmPackages("typescript", ["typescript@5.9.3"]), "node_modules/typescript/bin/tsc");
}

/** Installs packages of the registry into a folder of their own, without their install scripts. */
function npmPackages(name: string, packages: readonly string[]): string {
  const key = createHash("sha256").update(packages.join()).digest("hex").slice(0, 12);
  return once(`npm-${name}-${key}`, (target) => {
    run("npm", ["install", "--prefix", target, "--ignore-scripts", "--no-save", ...packages]);
  });
}

/** Loads packages from a folder. */
function load(folder: string): NodeJS.Require {
  return createRequire(join(folder, "package.json"));
}
