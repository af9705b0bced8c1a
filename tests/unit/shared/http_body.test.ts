import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { AppError } from "../../../supabase/functions/_shared/platform/errors.ts";
import { discardRest, readBody } from "../../../supabase/functions/_shared/http/body.ts";

const LIMITS = { json: 1_000, multipart: 50_000 };
const BOUNDARY = "----boundary-7";

function requestOf(body: BodyInit, headers: Record<string, string> = {}): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

function raw(text: string, boundary = BOUNDARY): Request {
  return requestOf(text, { "Content-Type": `multipart/form-data; boundary=${boundary}` });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(() => undefined, (thrown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  return error.code;
}

/** A body that tells how much of it was asked for, without a length. */
function counted(chunks: number, chunkBytes: number) {
  const state = { read: 0 };
  const stream = new ReadableStream({
    pull(controller) {
      if (state.read === chunks) return controller.close();
      state.read += 1;
      controller.enqueue(new Uint8Array(chunkBytes));
    },
  }, { highWaterMark: 0 });
  return { state, stream };
}

const PART = 'Content-Disposition: form-data; name="a"';

describe("a multipart body", () => {
  it("gives back the fields and files of any form, as the platform writes it", async () => {
    const name = fc.stringMatching(/^[a-z_]{1,10}$/);
    const text = fc.string({ unit: "grapheme", maxLength: 60 }).map((one) =>
      one.replace(/\r\n?|\n/g, "\r\n")
    );
    const file = fc.uint8Array({ maxLength: 300 });
    const forms = fc.dictionary(name, fc.oneof(text, file), { minKeys: 1, maxKeys: 6 });
    await fc.assert(fc.asyncProperty(forms, async (fields) => {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) {
        if (typeof value === "string") form.append(name, value);
        else form.append(name, new Blob([new Uint8Array(value)]), 'a "file".wav');
      }
      const parts = await readBody(requestOf(form), LIMITS) as Record<string, string | Uint8Array>;
      expect(Object.keys(parts).toSorted()).toEqual(Object.keys(fields).toSorted());
      for (const [name, value] of Object.entries(fields)) {
        expect(typeof value === "string" ? value : [...value])
          .toEqual(typeof parts[name] === "string" ? parts[name] : [...parts[name]!]);
      }
    }));
  });

  it.each(["\r\n", "This is a message with parts.\r\n", "\r\n\r\n--other\r\n"])(
    "may have a line end or words before its first boundary: %j",
    async (preamble) => {
      const text = `${preamble}--${BOUNDARY}\r\n${PART}\r\n\r\n1\r\n--${BOUNDARY}--\r\nepilogue`;
      expect(await readBody(raw(text), LIMITS)).toEqual({ a: "1" });
    },
  );

  it("has its boundary at the beginning of a line", async () => {
    const text = `words --${BOUNDARY}\r\n${PART}\r\n\r\n1`;
    expect(await codeOf(readBody(raw(text), LIMITS))).toBe("invalid_request");
  });

  it("is not fooled by a boundary inside a file, unless it begins a line there", async () => {
    const file = `--${BOUNDARY}-- x--${BOUNDARY}`;
    const body = `--${BOUNDARY}\r\n${PART}; filename="f"\r\n\r\nx${file}\r\n--${BOUNDARY}--\r\n`;
    const parts = await readBody(raw(body), LIMITS) as { a: Uint8Array };
    expect(new TextDecoder().decode(parts.a)).toBe(`x${file}`);
  });

  it("takes names without quotes, quoted boundaries and other headers", async () => {
    const body = "--b c\r\nX-A: 1\r\ncontent-disposition: form-data; NAME=a\r\n\r\n\r\n--b c--";
    expect(await readBody(raw(body, '"b c"'), LIMITS)).toEqual({ a: "" });
  });

  it("keeps what looks like a prototype as a name", async () => {
    const body = `--${BOUNDARY}\r\n${PART.replace('"a"', '"__proto__"')}\r\n\r\n1\r\n--${BOUNDARY}--`;
    const parts = await readBody(raw(body), LIMITS) as object;
    expect(Object.keys(parts)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(parts)).toBe(Object.prototype);
  });

  it.each([
    ["nothing", ""],
    ["another boundary", `--other\r\n${PART}\r\n\r\n1\r\n--other--`],
    ["no end", `--${BOUNDARY}\r\n${PART}\r\n\r\n1`],
    ["no end of a head", `--${BOUNDARY}\r\n${PART}`],
    ["a head without end", `--${BOUNDARY}\r\nX: ${"x".repeat(5_000)}\r\n\r\n1\r\n--${BOUNDARY}--`],
    ["a part without a name", `--${BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\n1\r\n--${BOUNDARY}--`],
    ["a part twice", `${`--${BOUNDARY}\r\n${PART}\r\n\r\n1\r\n`.repeat(2)}--${BOUNDARY}--`],
    [
      "too many parts",
      Array.from({ length: 30 }, (_, n) => `--${BOUNDARY}\r\n${PART.replace('"a"', `"a${n}"`)}\r\n\r\n1\r\n`)
        .join("") +
      `--${BOUNDARY}--`,
    ],
  ])("with %s is refused", async (_what, body) => {
    expect(await codeOf(readBody(raw(body), LIMITS))).toBe("invalid_request");
  });

  it("never throws anything else, whatever is in it", async () => {
    const bits = fc.constantFrom(
      `--${BOUNDARY}`,
      "\r\n",
      "--",
      PART,
      "; filename=x",
      "\r\n\r\n",
      ":",
      "a",
      "\u{1f956}",
    );
    await fc.assert(fc.asyncProperty(fc.array(bits, { maxLength: 15 }), async (parts) => {
      await readBody(raw(parts.join("")), LIMITS).catch((error) => expect(error).toBeInstanceOf(AppError));
    }));
  });
});

describe("a body's type", () => {
  it.each([
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    `multipart/form-data; boundary=${"x".repeat(71)}`,
    "multipart/mixed; boundary=x",
  ])("%s is refused before it is read", async (type) => {
    const { state, stream } = counted(3, 10);
    expect(await codeOf(readBody(requestOf(stream, { "Content-Type": type }), LIMITS))).toBe(
      "unsupported_media_type",
    );
    expect(state.read).toBe(0);
  });

  it("multipart is refused where no files are taken", async () => {
    expect(await codeOf(readBody(requestOf(new FormData()), { json: 1_000 }))).toBe("unsupported_media_type");
  });
});

describe("a body's size", () => {
  it.each([
    ["json", "application/json", LIMITS.json],
    ["multipart", "multipart/form-data; boundary=x", LIMITS.multipart],
  ])(
    "has its own limit for %s, refused by its stated length before it is read",
    async (_kind, type, limit) => {
      const { state, stream } = counted(3, 10);
      const headers = { "Content-Type": type, "Content-Length": String(limit + 1) };
      expect(await codeOf(readBody(requestOf(stream, headers), LIMITS))).toBe("payload_too_large");
      expect(state.read).toBe(0);
    },
  );

  it("without a stated length is refused once it is over, and no more is read", async () => {
    const { state, stream } = counted(1_000, 10_000);
    const headers = { "Content-Type": "multipart/form-data; boundary=x" };
    expect(await codeOf(readBody(requestOf(stream, headers), LIMITS))).toBe("payload_too_large");
    expect(state.read).toBeLessThan(8);
  });

  it("may be anything up to the limit, in chunks of any size, with or without a stated length", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 50 }), fc.boolean(), async (text, size, stated) => {
        const bytes = new TextEncoder().encode(JSON.stringify({ text }));
        const stream = new ReadableStream({
          start(controller) {
            for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
            controller.close();
          },
        });
        const headers = {
          "Content-Type": "application/json",
          ...stated && { "Content-Length": String(bytes.length) },
        };
        expect(await readBody(requestOf(stream, headers), { json: 50_000 })).toEqual({ text });
      }),
    );
  });
});

it("a body that does not end in time is refused, and read no further", async () => {
  let isCancelled = false;
  const stream = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"text":')),
    cancel: () => void (isCancelled = true),
  });
  const request = requestOf(stream, { "Content-Type": "application/json" });
  expect(await codeOf(readBody(request, { ...LIMITS, arrivalMs: 20 }))).toBe("invalid_request");
  expect(isCancelled).toBe(true);
});

it("a body that breaks off is refused", async () => {
  const stream = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
  const request = requestOf(stream, { "Content-Type": "application/json" });
  expect(await codeOf(readBody(request, LIMITS))).toBe("invalid_request");
});

describe("what is still to come of a refused body", () => {
  it("is taken and dropped, whether or not its beginning was read", async () => {
    const headers = { "Content-Type": "application/json" };
    const [unread, begun] = [counted(20, 500), counted(20, 500)];
    await discardRest(requestOf(unread.stream, headers));
    const request = requestOf(begun.stream, headers);
    expect(await codeOf(readBody(request, LIMITS))).toBe("payload_too_large");
    await discardRest(request);
    expect([unread.state.read, begun.state.read]).toEqual([20, 20]);
  });

  it("is not taken without end", async () => {
    const { state, stream } = counted(1_000, 1024 * 1024);
    await discardRest(requestOf(stream));
    expect(state.read).toBeGreaterThan(25);
    expect(state.read).toBeLessThan(100);
  });

  it("is not waited for where nothing comes", async () => {
    let isCancelled = false;
    const silent = new ReadableStream({ cancel: () => void (isCancelled = true) });
    await discardRest(requestOf(silent));
    expect(isCancelled).toBe(true);
  });

  it("is not called for where the client asks first, and nothing is there to take of no body", async () => {
    const { state, stream } = counted(3, 10);
    await discardRest(requestOf(stream, { Expect: "100-continue" }));
    await discardRest(new Request("http://localhost/"));
    expect(state.read).toBe(0);
  });

  it("may break off", async () => {
    await discardRest(
      requestOf(new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) })),
    );
  });
});
