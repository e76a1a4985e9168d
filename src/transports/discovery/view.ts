/**
 * A view: one list that clients of discovery ask for, such as the passing instances of a service in Consul's form.
 *
 *     path, query --> view --+--> index, known: is there an answer, and is it a new one?
 *                            '--> content: the list as pieces of JSON, read from the catalog in one step
 */
import type { InstanceCatalog } from "../../instances/catalog.js";
import type { ServiceInstances } from "../../instances/instance.js";

/** The list at one time. Its entries never change, so it may be rendered later. */
export interface ListContent {
  readonly before: string;
  /** The pieces between `before` and `after`, separated by commas. */
  readonly pieces: Iterable<string>;
  readonly after: string;
  /** About how many pieces there are. */
  readonly size: number;
}

export interface ListView {
  /** Identifies the list: two views with the same key have the same content at the same index. */
  readonly key: string;
  /** The service that it is about; `undefined`: all services. */
  readonly service: string | undefined;
  /** The index of the last change, above 0. */
  readonly index: number;
  /** False: the list must not be sent now. */
  readonly isKnown: boolean;
  content(): ListContent;
}

/** Makes the pieces of one service. */
export type RenderService = (service: ServiceInstances) => Iterable<string>;

interface ListOptions {
  readonly key: string;
  readonly render: RenderService;
}

/**
 * A list of the instances of one service. A service that does not exist has none, and the index of the set of services.
 * Each blocked query holds one: an object with getters of its own would take ten times as much memory.
 */
class ServiceView implements ListView {
  readonly service: string;
  readonly key: string;
  readonly #catalog: InstanceCatalog;
  readonly #render: RenderService;

  constructor(catalog: InstanceCatalog, { key, service, render }: ListOptions & { readonly service: string }) {
    this.#catalog = catalog;
    this.service = service;
    this.key = JSON.stringify([key, service]);
    this.#render = render;
  }

  get index(): number {
    return this.#catalog.service(this.service)?.index ?? this.#catalog.namesIndex;
  }

  get isKnown(): boolean {
    return this.#catalog.service(this.service)?.known ?? true;
  }

  content(): ListContent {
    const found = this.#catalog.service(this.service);
    return contentOf(found === undefined ? [] : [found], this.#render);
  }
}

export function serviceView(catalog: InstanceCatalog, list: ListOptions & { readonly service: string }): ListView {
  return new ServiceView(catalog, list);
}

/** A list over all services. One service that is not known makes the whole list unknown. */
class CatalogView implements ListView {
  readonly service = undefined;
  readonly key: string;
  readonly #catalog: InstanceCatalog;
  readonly #render: RenderService;

  constructor(catalog: InstanceCatalog, { key, render }: ListOptions) {
    this.#catalog = catalog;
    this.key = key;
    this.#render = render;
  }

  get index(): number {
    return this.#catalog.index;
  }

  get isKnown(): boolean {
    return this.#catalog.known;
  }

  content(): ListContent {
    return contentOf([...this.#catalog.services()], this.#render);
  }
}

export function catalogView(catalog: InstanceCatalog, list: ListOptions): ListView {
  return new CatalogView(catalog, list);
}

function contentOf(services: readonly ServiceInstances[], render: RenderService): ListContent {
  const size = services.reduce((sum, { instances }) => sum + instances.length, 0);
  return { before: "[", pieces: piecesOf(services, render), after: "]\n", size };
}

function* piecesOf(services: readonly ServiceInstances[], render: RenderService): Generator<string> {
  for (const service of services) yield* render(service);
}
