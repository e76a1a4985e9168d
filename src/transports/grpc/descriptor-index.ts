/**
 * Serialized file descriptors, and what they declare: the lookups that reflection needs.
 *
 *     FileDescriptorProto --> messages --> fields, oneofs, extensions, nested messages and enums
 *                        '--> enums ----> values          '--> services --> methods
 *
 * Every declaration is found by its full name, as in grpc-go. The values of an enum are named beside it, not below it:
 * `pkg.Message.SERVING`, not `pkg.Message.Status.SERVING`. A package is no declaration.
 *
 * Source of the field numbers: google/protobuf/descriptor.proto.
 */
import { type Field, readFields, readString, readVarint } from "../../wire/protobuf.js";
import type { Extension } from "../../wire/reflection-messages.js";

export interface DescribedFile {
  readonly name: string;
  /** The serialized FileDescriptorProto. */
  readonly bytes: Uint8Array;
  /** The names of the files that it imports. */
  readonly imports: readonly string[];
}

type Kind = "file" | "message" | "field" | "oneof" | "extension" | "enum" | "value" | "service" | "method";

/** What a declaration contains, by the number of the field that holds it. */
const PARTS: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  file: { 4: "message", 5: "enum", 6: "service", 7: "extension" },
  message: { 2: "field", 3: "message", 4: "enum", 6: "extension", 8: "oneof" },
  enum: { 2: "value" },
  service: { 2: "method" },
  field: {},
  oneof: {},
  extension: {},
  value: {},
  method: {},
};

export class DescriptorIndex {
  readonly #files = new Map<string, DescribedFile>();
  readonly #symbols = new Map<string, DescribedFile>();
  /** By the extended message, then by number. */
  readonly #extensions = new Map<string, Map<number, DescribedFile>>();
  readonly #services: string[] = [];

  /** @throws Error for bytes that are not a message of protobuf. */
  constructor(files: Iterable<Uint8Array>) {
    for (const bytes of files) this.#addFile(new Declaration(bytes));
    this.#services.sort();
  }

  /** The full names of all services, sorted. */
  get services(): readonly string[] {
    return this.#services;
  }

  file(name: string): DescribedFile | undefined {
    return this.#files.get(name);
  }

  /** The file that declares a full name. */
  fileOfSymbol(name: string): DescribedFile | undefined {
    return this.#symbols.get(name);
  }

  fileOfExtension({ type, number }: Extension): DescribedFile | undefined {
    return this.#extensions.get(type)?.get(number);
  }

  /** The numbers of all extensions of a message, ascending; `undefined` for an unknown name. */
  extensionNumbers(type: string): readonly number[] | undefined {
    const extensions = this.#extensions.get(type);
    if (extensions !== undefined) return [...extensions.keys()].sort((one, other) => one - other);
    return this.#symbols.has(type) ? [] : undefined;
  }

  /** A file and all that it imports, directly or not; the file first. An import that is not described is left out. */
  withImports(file: DescribedFile): ReadonlySet<DescribedFile> {
    const files = new Set([file]);
    // a set is iterated to its end, what was added meanwhile included
    for (const { imports } of files) {
      for (const name of imports) {
        const imported = this.#files.get(name);
        if (imported !== undefined) files.add(imported);
      }
    }
    return files;
  }

  #addFile(declaration: Declaration): void {
    const file = { name: declaration.text(1), bytes: declaration.bytes, imports: declaration.texts(3) };
    this.#files.set(file.name, file);
    this.#addParts("file", declaration, { file, scope: declaration.text(2) });
  }

  #addParts(kind: Kind, declaration: Declaration, within: { readonly file: DescribedFile; readonly scope: string }) {
    for (const field of declaration.fields) {
      const part = PARTS[kind][field.number];
      if (part !== undefined) this.#add(part, new Declaration(declaration.content(field)), within);
    }
  }

  #add(kind: Kind, declaration: Declaration, { file, scope }: { file: DescribedFile; scope: string }): void {
    const name = declaration.text(1);
    const fullName = scope === "" ? name : `${scope}.${name}`;
    this.#symbols.set(fullName, file);
    if (kind === "service") this.#services.push(fullName);
    if (kind === "extension") this.#addExtension(declaration, file);
    this.#addParts(kind, declaration, { file, scope: kind === "enum" ? scope : fullName });
  }

  /** A FieldDescriptorProto { extendee = 2; number = 3 }: protoc writes a dot before the name of the message. */
  #addExtension(declaration: Declaration, file: DescribedFile): void {
    const type = declaration.text(2).replace(/^\./, "");
    const extensions = this.#extensions.get(type) ?? new Map<number, DescribedFile>();
    this.#extensions.set(type, extensions.set(declaration.number(3), file));
  }
}

/** One message of descriptor.proto. */
class Declaration {
  readonly bytes: Uint8Array;
  readonly fields: readonly Field[];

  constructor(bytes: Uint8Array) {
    const fields = readFields(bytes);
    if (fields === undefined) throw new Error("malformed file descriptor");
    this.bytes = bytes;
    this.fields = fields;
  }

  content({ start, end }: Field): Uint8Array {
    return this.bytes.subarray(start, end);
  }

  texts(fieldNumber: number): readonly string[] {
    return this.fields
      .filter(({ number }) => number === fieldNumber)
      .map((field) => readString(this.bytes, field) ?? "");
  }

  text(fieldNumber: number): string {
    return this.texts(fieldNumber).at(-1) ?? "";
  }

  number(fieldNumber: number): number {
    const field = this.fields.findLast(({ number }) => number === fieldNumber);
    return (field && readVarint(this.bytes, field.start)?.value) ?? 0;
  }
}
