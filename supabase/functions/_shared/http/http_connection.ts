/** A server's response is not valid HTTP, or is too large. */
export class HttpError extends Error {
  override readonly name = "HttpError";
}

/** The bytes of a connection, inside TLS for https. */
export interface Connection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

export interface HttpRequest {
  method: "GET" | "POST";
  /** Path and query. */
  target: string;
  headers: Record<string, string>;
  body?: Uint8Array;
}

export interface HttpReply {
  status: number;
  headers: Headers;
  body: AsyncIterable<Uint8Array>;
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_CHUNK_LINE_BYTES = 4 * 1024;
const READ_BYTES = 16 * 1024;
const LINE_END = 0x0a;

/**
 * One request and its response over a connection of its own (RFC 9112). Strict where a lenient and a strict reader
 * would see different messages. Throws HttpError, and what the connection throws.
 */
export async function exchange(connection: Connection, request: HttpRequest): Promise<HttpReply> {
  await writeAll(connection, requestBytes(request));
  const reader = new Reader(connection);
  for (;;) {
    const { status, headers } = await readHead(reader);
    if (status === 101) throw new HttpError("The server changed the protocol");
    if (status < 200) continue; // only announces the response
    return { status, headers, body: bodyOf(reader, request.method, status, headers) };
  }
}

function requestBytes({ method, target, headers, body }: HttpRequest): Uint8Array {
  const fields = { ...headers, "Connection": "close", ...body && { "Content-Length": String(body.length) } };
  for (const text of [target, ...Object.entries(fields).flat()]) {
    if (/[\r\n\0]/.test(text)) throw new HttpError("A request's head must not contain a line end");
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = new TextEncoder().encode(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`);
  if (body === undefined) return head;
  const whole = new Uint8Array(head.length + body.length);
  whole.set(head);
  whole.set(body, head.length);
  return whole;
}

async function writeAll(connection: Connection, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function readHead(reader: Reader): Promise<{ status: number; headers: Headers }> {
  let room = MAX_HEAD_BYTES;
  const nextLine = async () => {
    const line = await reader.line(room);
    room -= line.length + 2;
    return line;
  };
  const first = await nextLine();
  const [, status] = /^HTTP\/1\.[01] ([1-9]\d\d)(?: |$)/.exec(first) ?? [];
  if (status === undefined) throw new HttpError("The server does not speak HTTP/1.1");
  const headers = new Headers();
  for (let line = await nextLine(); line !== ""; line = await nextLine()) {
    const [, name, value] = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value!.includes("\0")) {
      throw new HttpError("The server sent an invalid header");
    }
    headers.append(name, value!);
  }
  return { status: Number(status), headers };
}

function bodyOf(
  reader: Reader,
  method: string,
  status: number,
  headers: Headers,
): AsyncIterable<Uint8Array> {
  const encoding = headers.get("transfer-encoding");
  const length = headers.get("content-length");
  if (status === 204 || status === 304 || method === "HEAD") return sized(reader, 0);
  if (encoding !== null) {
    if (length !== null || encoding.toLowerCase() !== "chunked") {
      throw new HttpError("The server states two lengths of its response");
    }
    return chunked(reader);
  }
  if (length === null) return toItsEnd(reader);
  if (!/^\d{1,15}$/.test(length)) throw new HttpError("The server sent an invalid length");
  return sized(reader, Number(length));
}

async function* sized(reader: Reader, length: number): AsyncGenerator<Uint8Array> {
  for (let left = length; left > 0;) {
    const bytes = await reader.some(left);
    if (bytes === null) throw new HttpError("The response ended early");
    left -= bytes.length;
    yield bytes;
  }
}

async function* toItsEnd(reader: Reader): AsyncGenerator<Uint8Array> {
  for (let bytes = await reader.some(READ_BYTES); bytes !== null; bytes = await reader.some(READ_BYTES)) {
    yield bytes;
  }
}

async function* chunked(reader: Reader): AsyncGenerator<Uint8Array> {
  for (;;) {
    const line = await reader.line(MAX_CHUNK_LINE_BYTES);
    const [, size] = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?$/.exec(line) ?? [];
    if (size === undefined) throw new HttpError("The server sent an invalid chunk");
    const length = parseInt(size, 16);
    if (length === 0) break;
    yield* sized(reader, length);
    if (await reader.line(0) !== "") throw new HttpError("A chunk is longer than stated");
  }
  // Trailers are not needed, but the end must come.
  let room = MAX_HEAD_BYTES;
  for (let line = await reader.line(room); line !== ""; line = await reader.line(room)) {
    room -= line.length + 2;
  }
}

/** Reads lines and chunks from a connection. */
class Reader {
  #left = new Uint8Array(0);

  constructor(private readonly connection: Connection) {}

  /** Reads from one to `most` bytes; null at the end. */
  async some(most: number): Promise<Uint8Array | null> {
    if (this.#left.length === 0 && !await this.#more()) return null;
    const bytes = this.#left.subarray(0, most);
    this.#left = this.#left.subarray(bytes.length);
    return bytes;
  }

  /** A line without its line end, of at most so many characters. */
  async line(most: number): Promise<string> {
    for (let searched = 0;;) {
      const end = this.#left.indexOf(LINE_END, searched);
      if (end > most + 1 || end < 0 && this.#left.length > most + 1) {
        throw new HttpError("The server sent a line that is too long");
      }
      if (end >= 0) {
        if (this.#left[end - 1] !== 0x0d) throw new HttpError("The server sent an invalid line end");
        const text = String.fromCharCode(...this.#left.subarray(0, end - 1));
        this.#left = this.#left.subarray(end + 1);
        return text;
      }
      searched = this.#left.length;
      if (!await this.#more()) throw new HttpError("The response ended early");
    }
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(READ_BYTES);
    const byteCount = await this.connection.read(buffer);
    if (byteCount === null) return false;
    const joined = new Uint8Array(this.#left.length + byteCount);
    joined.set(this.#left);
    joined.set(buffer.subarray(0, byteCount), this.#left.length);
    this.#left = joined;
    return true;
  }
}
