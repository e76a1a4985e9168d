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

/** A list of the instances of one service. A service that does not exist has none, and the index of the set of services. */
export function serviceView(
  catalog: InstanceCatalog,
  { key, service, render }: { readonly key: string; readonly service: string; readonly render: RenderService },
): ListView {
  const entry = () => catalog.service(service);
  return {
    key: JSON.stringify([key, service]),
    service,
    get index() {
      return entry()?.index ?? catalog.namesIndex;
    },
    get isKnown() {
      return entry()?.known ?? true;
    },
    content() {
      const found = entry();
      return contentOf(found === undefined ? [] : [found], render);
    },
  };
}

/** A list over all services. One service that is not known makes the whole list unknown. */
export function catalogView(
  catalog: InstanceCatalog,
  { key, render }: { readonly key: string; readonly render: RenderService },
): ListView {
  return {
    key,
    service: undefined,
    get index() {
      return catalog.index;
    },
    get isKnown() {
      return catalog.known;
    },
    content: () => contentOf([...catalog.services()], render),
  };
}

function contentOf(services: readonly ServiceInstances[], render: RenderService): ListContent {
  const size = services.reduce((sum, { instances }) => sum + instances.length, 0);
  return { before: "[", pieces: piecesOf(services, render), after: "]\n", size };
}

function* piecesOf(services: readonly ServiceInstances[], render: RenderService): Generator<string> {
  for (const service of services) yield* render(service);
}
