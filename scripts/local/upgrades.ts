import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import type { Buffer } from "node:buffer";
import { headersFor, isToItself, refused, RETRY_EVERY_MS, type Target } from "./http_proxy.ts";
import { delay } from "./process_ids.ts";

/** How long the other side may take to answer an upgrade. */
const ANSWER_LIMIT_MS = 30_000;
/** How long a refused client may take to read the reason. */
const LAST_WORDS_MS = 2_000;
/** How much a client may send before the response. */
const MAX_EARLY_BYTES = 64 * 1024;
/** Headers of a refusal that belong to its connection. */
const OF_CONNECTION = new Set(["connection", "keep-alive", "transfer-encoding"]);

/** The other side's response to an upgrade. */
type Reply =
  | { kind: "joined"; response: IncomingMessage; socket: Duplex; head: Buffer }
  | { kind: "refused"; response: IncomingMessage };

/**
 * Forwards an upgrade. Only a 101 response joins the two connections; any other response is returned, and the
 * client's connection is closed. Until then nothing that the client sends is forwarded: otherwise a refused client
 * could bypass every check with further requests.
 */
export async function forwardUpgrade(
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
  target: Target,
): Promise<void> {
  client.on("error", () => client.destroy());
  if (hasBody(incoming)) return refuseUpgrade(client, "400 Bad Request");
  const early = keepEarly(client, head);
  const reply = await ask(incoming, client, target).catch(() => undefined);
  const bytes = early.take();
  if (reply === undefined) return refuseUpgrade(client, "503 Service Unavailable");
  if (client.destroyed) {
    if (reply.kind === "joined") reply.socket.destroy();
    else reply.response.destroy();
    return;
  }
  if (reply.kind === "refused") return giveBack(reply.response, client);
  join(client, bytes, reply);
}

/**
 * Buffers what a client sends before the response, so that its data is read and its disconnection is noticed, while
 * nothing is forwarded. A client that sends more than a handshake needs is cut off.
 */
function keepEarly(client: Duplex, head: Buffer): { take(): Uint8Array[] } {
  const parts: Uint8Array[] = [head];
  let byteCount = head.length;
  const keep = (part: Uint8Array) => {
    byteCount += part.length;
    if (byteCount > MAX_EARLY_BYTES) client.destroy();
    else parts.push(part);
  };
  const leave = () => client.destroy();
  client.on("data", keep).once("end", leave);
  return {
    take() {
      client.pause();
      client.off("data", keep).off("end", leave);
      return parts;
    },
  };
}

/** Answers an upgrade with only a status, and closes the connection. */
export function refuseUpgrade(client: Duplex, status: string): void {
  client.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  close(client);
}

/** A handshake has no body; anything after it would count as the new protocol. */
function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined;
}

/** Tries to connect until the target listens, for as long as it may take to start. */
async function ask(incoming: IncomingMessage, client: Duplex, target: Target): Promise<Reply> {
  const retryUntil = Date.now() + target.waitMs;
  for (;;) {
    try {
      return await askOnce(incoming, client, target);
    } catch (error) {
      const mayRetry = (error as { code?: string }).code === "ECONNREFUSED" && Date.now() < retryUntil;
      if (!mayRetry || client.destroyed) throw error;
      await delay(RETRY_EVERY_MS);
    }
  }
}

function askOnce(incoming: IncomingMessage, client: Duplex, target: Target): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host: "127.0.0.1",
      port: target.port,
      agent: false,
      method: incoming.method,
      path: target.path,
      headers: { ...headersFor(incoming, target), connection: "Upgrade", upgrade: incoming.headers.upgrade },
    });
    const giveUp = () => outgoing.destroy(new Error("the client has left, or nobody answered"));
    const timer = setTimeout(giveUp, ANSWER_LIMIT_MS);
    client.once("close", giveUp);
    const over = () => {
      clearTimeout(timer);
      client.off("close", giveUp);
    };
    outgoing.on("upgrade", (response, socket, head) => {
      over();
      resolve({ kind: "joined", response, socket, head });
    });
    outgoing.on("response", (response) => {
      over();
      resolve({ kind: "refused", response });
    });
    outgoing.on("error", (error) => {
      over();
      reject(error);
    });
    outgoing.on("socket", (socket) => {
      socket.once("connect", () => isToItself(socket) ? outgoing.destroy(refused()) : outgoing.end());
    });
  });
}

function join(
  client: Duplex,
  early: Uint8Array[],
  { response, socket: upstream, head }: Reply & { kind: "joined" },
): void {
  let isDone = false;
  upstream.on("error", () => isDone || client.destroy());
  upstream.once("end", () => {
    // What it said last, why it ends, is still on its way to the client, who may be in the middle of a word.
    isDone = true;
    client.unpipe(upstream);
    close(client);
  });
  upstream.on("close", () => isDone || client.destroy());
  client.on("close", () => upstream.destroy());
  client.write(headOf(response, response.rawHeaders));
  if (head.length > 0) client.write(head);
  for (const part of early) upstream.write(part);
  client.pipe(upstream);
  upstream.pipe(client);
}

function giveBack(response: IncomingMessage, client: Duplex): void {
  const headers: string[] = [];
  for (let at = 0; at < response.rawHeaders.length; at += 2) {
    const [name, value] = [response.rawHeaders[at]!, response.rawHeaders[at + 1]!];
    if (!OF_CONNECTION.has(name.toLowerCase())) headers.push(name, value);
  }
  client.write(headOf(response, [...headers, "Connection", "close"]));
  response.on("error", () => client.destroy());
  response.on("aborted", () => client.destroy());
  client.on("close", () => response.destroy());
  response.on("end", () => close(client));
  response.pipe(client);
}

function headOf({ statusCode, statusMessage }: IncomingMessage, headers: string[]): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  return [...lines, "", ""].join("\r\n");
}

/** Discards what the client still sends: closing the connection at once could discard the response. */
function close(client: Duplex): void {
  client.resume();
  const timer = setTimeout(() => client.destroy(), LAST_WORDS_MS);
  client.once("close", () => clearTimeout(timer));
}
