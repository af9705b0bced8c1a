import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readWhole } from "../../../supabase/functions/_shared/platform/bytes.ts";
import { type Connection, exchange } from "../../../supabase/functions/_shared/http/http_connection.ts";

/** A connection whose other end sends a text, in pieces of these sizes, and then ends. */
class Recorded implements Connection {
  written = "";
  #left: Buffer;
  #sizes: number[];

  constructor(text: string, sizes: number[] = []) {
    this.#left = Buffer.from(text, "latin1");
    this.#sizes = [...sizes];
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#left.length === 0) return Promise.resolve(null);
    const piece = this.#left.subarray(0, Math.min(buffer.length, this.#sizes.shift() ?? Infinity));
    buffer.set(piece);
    this.#left = this.#left.subarray(piece.length);
    return Promise.resolve(piece.length);
  }

  write(bytes: Uint8Array): Promise<number> {
    const some = bytes.subarray(0, 7); // a connection takes what it has room for
    this.written += Buffer.from(some).toString("latin1");
    return Promise.resolve(some.length);
  }

  close(): void {}
}

const ask = { method: "GET", target: "/a?b=c", headers: { "Host": "a.example" } } as const;

async function answered(text: string, sizes?: number[]) {
  const reply = await exchange(new Recorded(text, sizes), ask);
  const body = Buffer.from(await readWhole(reply.body, () => {})).toString("latin1");
  return { status: reply.status, type: reply.headers.get("content-type"), body };
}

const PLAIN = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\npicture";
const CHUNKED = "HTTP/1.1 200 OK\r\ncontent-type:image/png\r\nTransfer-Encoding: chunked\r\n\r\n" +
  "3\r\npic\r\n4;name=value\r\nture\r\n0\r\nTrailer: x\r\n\r\n";
const TO_ITS_END = "HTTP/1.0 200\r\nContent-Type: \timage/png \r\n\r\npicture";
const AFTER_HINTS = `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${PLAIN}`;
const PICTURE = { status: 200, type: "image/png", body: "picture" };

describe("an exchange over a connection", () => {
  it("sends one request, which ends the connection", async () => {
    const connection = new Recorded(PLAIN);
    await exchange(connection, { ...ask, method: "POST", body: new TextEncoder().encode("body") });
    expect(connection.written).toBe(
      "POST /a?b=c HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody",
    );
  });

  it.each([["a length", PLAIN], ["chunks", CHUNKED], ["the end", TO_ITS_END], [
    "hints before it",
    AFTER_HINTS,
  ]])(
    "reads an answer with %s, in whatever pieces it comes",
    async (_what, text) => {
      expect(await answered(text)).toEqual(PICTURE);
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 200 }), async (sizes) => {
          expect(await answered(text, sizes)).toEqual(PICTURE);
        }),
      );
    },
  );

  it("reads nothing after the length that an answer has, nor of one without a body", async () => {
    expect((await answered(`${PLAIN}HTTP/1.1 500 smuggled\r\n\r\n`)).body).toBe("picture");
    expect((await answered("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc")).body).toBe("");
  });

  it.each([
    ["ends before its head does", "HTTP/1.1 200 OK\r\nA: b\r\n", /ended early/],
    ["ends before its length", PLAIN.slice(0, -1), /ended early/],
    ["ends in a chunk", CHUNKED.slice(0, -22), /ended early/],
    ["ends without the last chunk", CHUNKED.slice(0, -18), /ended early/],
    ["is another protocol", "SSH-2.0-OpenSSH_9.2\r\n", /speak/],
    ["is HTTP/2", "HTTP/2 200\r\n\r\n", /speak/],
    ["changes the protocol", "HTTP/1.1 101 Switching\r\n\r\n", /changed/],
    ["ends its lines with line feeds alone", PLAIN.replaceAll("\r", ""), /invalid line end/],
    ["folds a header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", /invalid header/],
    [
      "has a header with a space before the colon",
      "HTTP/1.1 200 OK\r\nContent-Length : 7\r\n\r\n",
      /invalid/,
    ],
    ["has two lengths", PLAIN.replace("7", "7\r\nContent-Length: 3"), /invalid length/],
    ["has a negative length", PLAIN.replace("7", "-7"), /invalid length/],
    ["has a length and chunks", CHUNKED.replace("Trans", "Content-Length: 7\r\nTrans"), /two lengths/],
    ["is compressed and chunked", CHUNKED.replace("chunked", "gzip, chunked"), /two lengths/],
    ["has a chunk whose size is no number", CHUNKED.replace("3\r\npic", "x\r\npic"), /invalid chunk/],
    ["has a chunk that is longer than it says", CHUNKED.replace("3\r\npic", "2\r\npic"), /line|longer/],
    ["has an endless head", `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(20_000)}\r\n`, /too long/],
    ["has an endless line", `HTTP/1.1 200 ${"x".repeat(100_000)}`, /too long/],
    ["has endless trailers", `${CHUNKED.slice(0, -2)}${"A: b\r\n".repeat(20_000)}\r\n`, /too long/],
  ])("refuses an answer that %s", async (_what, text, why) => {
    await expect(answered(text)).rejects.toThrow(why);
    await expect(answered(text, Array(50).fill(3))).rejects.toThrow(why);
  });

  it.each([["a header", { ...ask, headers: { "X": "a\r\nY: b" } }], ["a target", {
    ...ask,
    target: "/ HTTP/1.1\r\n",
  }]])(
    "sends nothing when %s would end a line",
    async (_what, request) => {
      const connection = new Recorded(PLAIN);
      await expect(exchange(connection, request)).rejects.toThrow(/line end/);
      expect(connection.written).toBe("");
    },
  );
});
