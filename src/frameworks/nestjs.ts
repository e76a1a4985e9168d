/**
 * The module for NestJS 11 and 12: provides a `Health`, serves it, and drains it before anything of the application ends.
 *
 *     HealthbridgeModule       its hooks run last at the start, and first at the end: `started`, the drain
 *       imports HealthModule   its hooks run first at the start, and last at the end: `listen`, `health.shutdown`
 *
 * Nest runs the hooks of its modules by their distance from the root module. So the two modules set their own. The types of
 * Nest are not imported: a program without it can compile the types of this package. `@nestjs/core` is loaded by `forRoot`.
 */
import { createRequire } from "node:module";
import { HealthError } from "../core/health-error.js";
import { requireKnownOptions, trueOrFalse } from "../core/option.js";
import { Health } from "../daemon/health.js";
import { type NestHost, NestLifecycle } from "./nestjs-lifecycle.js";
import { type NestHealthOptions, requireNestOptions } from "./nestjs-options.js";

/** Options of `forRootAsync`: `useFactory` gets what `inject` names, and returns the options. */
export interface NestHealthAsyncOptions {
  /** Modules that provide what `inject` names. Default none. */
  readonly imports?: readonly unknown[] | undefined;
  /** The tokens of what `useFactory` gets, in this order. Default none. */
  readonly inject?: readonly unknown[] | undefined;
  readonly useFactory: (...injected: never[]) => NestHealthOptions | Promise<NestHealthOptions>;
  /** Whether every module can inject `Health`. Default true. */
  readonly isGlobal?: boolean | undefined;
}

/** What `imports` of a module of Nest takes. */
export interface NestHealthModule {
  readonly module: typeof HealthbridgeModule;
}

/** The token of the options. */
const OPTIONS_TOKEN = Symbol.for("healthbridge.nestjs.options");

const ASYNC_OPTIONS = ["imports", "inject", "useFactory", "isGlobal"] as const;

/** Provides `Health`; `HealthbridgeModule` imports it. */
class HealthModule {}

/** The module of NestJS: `imports: [HealthbridgeModule.forRoot({ checks })]`. `Health` can then be injected. */
// biome-ignore lint/complexity/noStaticOnlyClass: a module of Nest is a class
export class HealthbridgeModule {
  /**
   * The module with these options. Import it once, in the root module.
   * @throws HealthError INVALID_OPTION, MISSING_PACKAGE without `@nestjs/core`. A wrong check rejects `NestFactory.create`
   */
  static forRoot(options: NestHealthOptions & Pick<NestHealthAsyncOptions, "isGlobal"> = {}): NestHealthModule {
    requireNestOptions("HealthbridgeModule.forRoot", options);
    const { isGlobal, ...others } = options;
    return createModule({ isGlobal, useFactory: () => others });
  }

  /**
   * The module with options that a function returns, from what it gets injected.
   * @throws HealthError INVALID_OPTION, MISSING_PACKAGE without `@nestjs/core`. A wrong option of the function rejects
   *   `NestFactory.create`
   */
  static forRootAsync(options: NestHealthAsyncOptions): NestHealthModule {
    requireKnownOptions("HealthbridgeModule.forRootAsync", Object(options), ASYNC_OPTIONS);
    if (typeof options?.useFactory !== "function")
      throw new HealthError("INVALID_OPTION", "HealthbridgeModule.forRootAsync: useFactory must be a function");
    return createModule(options);
  }
}

/** The classes of `@nestjs/core` that are injected. */
interface NestCore {
  readonly HttpAdapterHost: object;
  readonly ModulesContainer: object;
}

const load = createRequire(import.meta.url);

function loadCore(): NestCore {
  try {
    return load("@nestjs/core");
  } catch (cause) {
    if (Object(cause).code !== "MODULE_NOT_FOUND") throw cause;
    const text = "healthbridge/nestjs needs the package @nestjs/core; try: npm install @nestjs/core";
    throw new HealthError("MISSING_PACKAGE", text, { cause });
  }
}

function createModule({ imports, inject, useFactory, isGlobal }: NestHealthAsyncOptions): NestHealthModule {
  const global = trueOrFalse("isGlobal", isGlobal, true);
  const { HttpAdapterHost, ModulesContainer } = loadCore();
  const createLifecycle = (options: NestHealthOptions, host: NestHost, modules: NestModules) => {
    requireNestOptions("useFactory of HealthbridgeModule", options);
    setDistance(modules, HealthModule, Number.MAX_VALUE);
    setDistance(modules, HealthbridgeModule, -1);
    return new NestLifecycle(options, host);
  };
  const provide = (token: unknown, read: (lifecycle: NestLifecycle) => object) => {
    return { provide: token, useFactory: read, inject: [NestLifecycle] };
  };
  const inner = {
    module: HealthModule,
    global,
    imports: imports ?? [],
    providers: [
      { provide: OPTIONS_TOKEN, useFactory, inject: inject ?? [] },
      {
        provide: NestLifecycle,
        useFactory: createLifecycle,
        inject: [OPTIONS_TOKEN, HttpAdapterHost, ModulesContainer],
      },
      provide(Health, ({ health }) => health),
      provide("healthbridge.server-hooks", ({ serverHooks }) => serverHooks),
    ],
    exports: [Health, NestLifecycle],
  };
  const outer = {
    module: HealthbridgeModule,
    imports: [inner],
    providers: [provide("healthbridge.drain-hooks", ({ drainHooks }) => drainHooks)],
    exports: [HealthModule],
  };
  return outer;
}

/** The part of Nest's `ModulesContainer` that is used. */
type NestModules = ReadonlyMap<unknown, { readonly metatype: unknown; distance: number }>;

/** Sets when Nest runs the hooks of a module: from the largest distance at the start, from the smallest at the end. */
function setDistance(modules: NestModules, metatype: unknown, distance: number): void {
  for (const module of modules.values()) if (module.metatype === metatype) module.distance = distance;
}
