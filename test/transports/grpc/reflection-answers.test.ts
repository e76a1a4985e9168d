/** What reflection answers to each request. The cases are those of grpc-go's reflection/test, over files of a shop. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DescribedFile } from "../../../src/transports/grpc/descriptor-index.js";
import { DescriptorIndex } from "../../../src/transports/grpc/descriptor-index.js";
import { answerReflection } from "../../../src/transports/grpc/reflection-answers.js";
import { type Asking, errorIn, fileNamesIn, readAnswer, writeFile, writeRequest } from "../../support/reflection.js";
import { shopBytes, shopIndex } from "./described-files.js";

/** A stream of a client: what is asked, and what it is answered. */
function asking(index: DescriptorIndex = shopIndex()) {
  const sent = new Set<DescribedFile>();
  return (request: Asking) => {
    const bytes = answerReflection(index, writeRequest(request), sent);
    assert.ok(bytes !== undefined, "the request is readable");
    return readAnswer(bytes);
  };
}

const NOT_FOUND = 5;

describe("a file by its name", () => {
  for (const [name, bytes] of shopBytes) {
    test(`${name} comes first, as it was described`, () => {
      const answer = asking()({ file_by_filename: name });
      assert.equal(answer.message_response, "file_descriptor_response");
      assert.deepEqual(answer.file_descriptor_response?.file_descriptor_proto[0], bytes);
    });
  }

  for (const name of ["shop/base.poto", "base.proto", "shop/BASE.proto", "/shop/base.proto", "shop/lost.proto", ""]) {
    test(`${JSON.stringify(name)} is NOT_FOUND`, () => {
      assert.deepEqual(errorIn(asking()({ file_by_filename: name })), [NOT_FOUND, "file not found"]);
    });
  }
});

describe("the files that a file imports", () => {
  test("come after it, each once, those of its imports too; one that the server lacks is left out", () => {
    assert.deepEqual(fileNamesIn(asking()({ file_by_filename: "shop/all.proto" })), [
      "shop/all.proto",
      "shop/orders.proto",
      "shop/more-options.proto",
      "shop/base.proto",
    ]);
  });

  test("come once on a stream, but the file that was asked for comes again", () => {
    const ask = asking();
    const names = (name: string) => fileNamesIn(ask({ file_by_filename: name }));
    assert.deepEqual(names("shop/options.proto"), ["shop/options.proto", "shop/base.proto"]);
    assert.deepEqual(names("shop/options.proto"), ["shop/options.proto"]);
    assert.deepEqual(names("shop/base.proto"), ["shop/base.proto"]);
    assert.deepEqual(names("shop/all.proto"), ["shop/all.proto", "shop/orders.proto", "shop/more-options.proto"]);
  });

  test("come on each stream", () => {
    const index = shopIndex();
    for (const ask of [asking(index), asking(index)]) {
      const answer = ask({ file_by_filename: "shop/options.proto" });
      assert.deepEqual(fileNamesIn(answer), ["shop/options.proto", "shop/base.proto"]);
    }
  });
});

describe("the file that declares a symbol", () => {
  const symbols: readonly (readonly [kind: string, symbol: string, file: string])[] = [
    ["a service", "shop.orders.v1.Orders", "shop/orders.proto"],
    ["a method", "shop.orders.v1.Orders.Get", "shop/orders.proto"],
    ["a streaming method", "shop.orders.v1.Orders.Follow", "shop/orders.proto"],
    ["a message", "shop.orders.v1.Order", "shop/orders.proto"],
    ["a nested message", "shop.orders.v1.Order.Line", "shop/orders.proto"],
    ["a field", "shop.orders.v1.Order.id", "shop/orders.proto"],
    ["a field of a nested message", "shop.orders.v1.Order.Line.sku", "shop/orders.proto"],
    ["a oneof", "shop.orders.v1.Order.Line.item", "shop/orders.proto"],
    ["a nested enum", "shop.orders.v1.Order.State", "shop/orders.proto"],
    ["a value of a nested enum, named beside it", "shop.orders.v1.Order.NEW", "shop/orders.proto"],
    ["a message of proto2", "shop.Options", "shop/base.proto"],
    ["an enum", "shop.Currency", "shop/base.proto"],
    ["a value of an enum, named beside it", "shop.EUR", "shop/base.proto"],
    ["an extension", "shop.colour", "shop/options.proto"],
    ["an extension within a message", "shop.Holder.nested", "shop/options.proto"],
    ["a message without a package", "Loose", "shop/loose.proto"],
    ["a method without a package", "Alone.Do", "shop/loose.proto"],
  ];
  for (const [kind, symbol, file] of symbols) {
    test(`is found for ${kind}`, () => {
      assert.equal(fileNamesIn(asking()({ file_containing_symbol: symbol }))[0], file);
    });
  }

  const unknown = [
    "shop.orders.v1.Orders_",
    "shop.orders.v1.Orders.Gets",
    "shop.orders_.v1.Order",
    "sop.Options",
    "shop.orders.v1.Order.State.NEW", // a value is named beside its enum
    "shop.orders.v1", // a package
    "shop",
    ".shop.Options",
    "shop.Options.",
    "Order",
    "",
  ];
  for (const symbol of unknown) {
    test(`is NOT_FOUND for ${JSON.stringify(symbol)}`, () => {
      assert.deepEqual(errorIn(asking()({ file_containing_symbol: symbol })), [NOT_FOUND, "symbol not found"]);
    });
  }
});

describe("the file that declares an extension", () => {
  const extension = (containing_type: string, extension_number: number) => ({
    file_containing_extension: { containing_type, extension_number },
  });
  const known: readonly (readonly [number, string])[] = [
    [13, "shop/options.proto"],
    [17, "shop/options.proto"],
    [19, "shop/options.proto"],
    [23, "shop/more-options.proto"],
    [29, "shop/more-options.proto"],
  ];
  for (const [number, file] of known) {
    test(`is found for number ${number}, with the file of the extended message`, () => {
      const answer = asking()(extension("shop.Options", number));
      assert.deepEqual(fileNamesIn(answer), [file, "shop/base.proto"]);
    });
  }

  const unknown: readonly (readonly [string, number])[] = [
    ["shop.Options", 15],
    ["shop.Options", 0],
    ["shop.Options", -13],
    ["shop.Option", 13],
    ["shop.Plain", 1], // a field is no extension
    ["", 13],
  ];
  for (const [type, number] of unknown) {
    test(`is NOT_FOUND for number ${number} of ${JSON.stringify(type)}`, () => {
      assert.deepEqual(errorIn(asking()(extension(type, number))), [NOT_FOUND, "extension not found"]);
    });
  }

  test("is NOT_FOUND for a request without a type and a number", () => {
    assert.deepEqual(errorIn(asking()({ file_containing_extension: {} })), [NOT_FOUND, "extension not found"]);
  });
});

describe("the numbers of all extensions of a type", () => {
  const numbersOf = (type: string) => asking()({ all_extension_numbers_of_type: type });

  test("come from all files, in ascending order", () => {
    assert.deepEqual(numbersOf("shop.Options").all_extension_numbers_response, {
      base_type_name: "shop.Options",
      extension_number: [13, 17, 19, 23, 29],
    });
  });

  test("are none for a known type without extensions", () => {
    const answer = numbersOf("shop.Plain");
    assert.equal(answer.message_response, "all_extension_numbers_response");
    assert.deepEqual(answer.all_extension_numbers_response, { base_type_name: "shop.Plain", extension_number: [] });
  });

  test("of more than a byte are written whole", () => {
    const largest = 2 ** 29 - 1;
    const extension = [{ name: "far", extendee: ".shop.Options", number: largest, type: 9 }];
    const far = writeFile({ name: "far.proto", extension });
    const ask = asking(new DescriptorIndex([...shopBytes.values(), far]));
    const answer = ask({ all_extension_numbers_of_type: "shop.Options" });
    assert.deepEqual(answer.all_extension_numbers_response?.extension_number, [13, 17, 19, 23, 29, largest]);
  });

  for (const type of ["shop.OptionsS", "shop", ""]) {
    test(`are NOT_FOUND for the type ${JSON.stringify(type)}`, () => {
      assert.deepEqual(errorIn(numbersOf(type)), [NOT_FOUND, "type not found"]);
    });
  }
});

describe("the services", () => {
  const services = (list_services: string) =>
    asking()({ list_services }).list_services_response?.service.map(({ name }) => name);

  for (const text of ["", "*", "shop.orders.v1.Orders", "nothing"]) {
    test(`come all, sorted, for the text ${JSON.stringify(text)}`, () => {
      assert.deepEqual(services(text), ["Alone", "shop.after.Late", "shop.orders.v1.Orders"]);
    });
  }
});

describe("an answer", () => {
  const requests: readonly Asking[] = [
    { host: "shop.example", file_by_filename: "shop/base.proto" },
    { host: "shop.example", file_by_filename: "nothing" },
    { host: "shop.example", file_containing_symbol: "shop.Plain" },
    { host: "shop.example", file_containing_extension: { containing_type: "shop.Options", extension_number: 13 } },
    { host: "shop.example", all_extension_numbers_of_type: "shop.Options" },
    { host: "\u{fffd}é", list_services: "*" },
    { host: "x".repeat(300), list_services: "" },
    { list_services: "" },
    {},
  ];
  for (const request of requests) {
    test(`repeats the host and the request ${JSON.stringify(request).slice(0, 80)}`, () => {
      const { valid_host, original_request } = asking()(request);
      assert.equal(valid_host, request.host ?? "");
      assert.deepEqual(writeRequest(original_request), writeRequest({ host: "", ...request }));
    });
  }

  test("to a request without a message_request is INVALID_ARGUMENT, and the next request is answered", () => {
    const ask = asking();
    assert.deepEqual(errorIn(ask({ host: "h" })), [3, "no message_request in the request"]);
    assert.equal(ask({ list_services: "" }).message_response, "list_services_response");
  });

  const answered = (hex: string) => {
    const bytes = answerReflection(shopIndex(), Buffer.from(hex, "hex"), new Set());
    return bytes === undefined ? "malformed" : (readAnswer(bytes).message_response ?? "");
  };

  test("is to the last field of several", () => {
    assert.equal(answered("3a00220c73686f702e4f7074696f6e73"), "file_descriptor_response");
    assert.equal(answered("220c73686f702e4f7074696f6e733a00"), "list_services_response");
  });

  test("does not mind fields that this version does not know", () => {
    assert.equal(answered("40013a004a0161120161"), "list_services_response");
  });

  const malformed: readonly (readonly [string, string])[] = [
    ["cut in a length", "3a"],
    ["cut in a text", "3a0561"],
    ["cut in a varint", "80"],
    ["a text as a number", "3801"],
    ["a host as a number", "0801"],
    ["an extension as a number", "2801"],
    ["an extension that is cut", "2a020a05"],
    ["an extension whose type is a number", "2a020801"],
    ["an extension whose number is a text", "2a03120161"],
    ["a text that is not UTF-8", "1a02fffe"],
    ["a host that is not UTF-8", "0a01ff3a00"],
    ["a type that is not UTF-8", "2a040a02fffe"],
    ["field number 0", "0200"],
    ["an end of a group that did not begin", "1c"],
    ["a fault behind a good request", "3a00ff"],
  ];
  for (const [label, hex] of malformed) {
    test(`is none for a malformed request: ${label}`, () => assert.equal(answered(hex), "malformed"));
  }
});

test("descriptors that are not messages are refused", () => {
  assert.throws(() => new DescriptorIndex([Buffer.from("0a", "hex")]), /malformed file descriptor/);
});
