import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import type { Buffer } from "node:buffer";
import { delay } from "./process_ids.ts";

/** Where a request goes, and what is different about it there. */
export interface Target {
  port: number;
  path: string;
  /** Set over what the client sent; undefined takes a header away. */
  headers: Record<string, string | undefined>;
  /** How long to wait for a process that is being started again. */
  waitMs: number;
  /** Headers that the answer gets where it does not have them. */
  answerHeaders?: Record<string, string>;
}

/** Headers that belong to one connection, not to the request. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"];
const RETRY_EVERY_MS = 50;

const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });

/** Passes a request on and its answer back, both as they come, without reading either whole. */
export function forward(
  incoming: IncomingMessage,
  answer: ServerResponse,
  target: Target,
  onUnavailable: (error: Error) => void,
): void {
  const hasBody = incoming.headers["content-length"] !== undefined ||
    incoming.headers["transfer-encoding"] !== undefined;
  let isHarmless = !hasBody && ["GET", "HEAD", "OPTIONS"].includes(incoming.method ?? "");
  const headers = headersFor(incoming, target);
  const retryUntil = Date.now() + target.waitMs;
  let isGone = false;
  let outgoing: ClientRequest;
  answer.on("close", () => {
    isGone = true;
    if (!answer.writableFinished) outgoing.destroy();
  });

  const attempt = () => {
    if (isGone) return;
    outgoing = request({
      host: "127.0.0.1",
      port: target.port,
      agent,
      method: incoming.method,
      path: target.path,
      headers,
    });
    let isAnswered = false;
    outgoing.on("response", (upstream) => {
      isAnswered = true;
      for (const name of HOP_BY_HOP) delete upstream.headers[name];
      const answerHeaders = { ...target.answerHeaders, ...upstream.headers };
      if (!incoming.complete) {
        // Answered before the body was read: the rest must not stand in the next request's way, and to close the
        // connection on it could take the answer away again.
        incoming.unpipe(outgoing);
        incoming.resume();
      }
      answer.writeHead(upstream.statusCode ?? 502, upstream.statusMessage, answerHeaders);
      answer.flushHeaders();
      upstream.on("error", () => answer.destroy());
      upstream.on("aborted", () => answer.destroy());
      upstream.pipe(answer);
    });
    let isOver = false;
    const fail = (error: Error & { code?: string }) => {
      // Once there is an answer its own end counts: a body that nobody wants to read any more cannot be written.
      if (isOver || isGone || isAnswered) return;
      isOver = true;
      // Refused means that nothing was sent yet: the body waits until there is a connection. After any other error it
      // cannot be told whether the request was worked on, so that only a harmless one goes again, and once.
      const mayRepeat = error.code === "ECONNREFUSED" || isHarmless;
      if (error.code !== "ECONNREFUSED") isHarmless = false;
      if (mayRepeat && !answer.headersSent && Date.now() < retryUntil) {
        setTimeout(attempt, RETRY_EVERY_MS);
      } else if (answer.headersSent) {
        answer.destroy();
      } else {
        onUnavailable(error);
      }
    };
    outgoing.on("error", fail);
    outgoing.on("socket", (socket) => {
      // Of a peer that was killed only the connection tells, not the request.
      const onEnd = () => fail(new Error("the connection was closed without an answer"));
      socket.once("end", onEnd).once("close", onEnd);
      outgoing.once("response", () => socket.off("end", onEnd).off("close", onEnd));
      const send = () => {
        if (!hasBody) return outgoing.end();
        outgoing.flushHeaders();
        incoming.pipe(outgoing);
      };
      const check = () => isToItself(socket) ? outgoing.destroy(refused()) : send();
      // Not in this event itself: a long body written before the request has its kept socket is never drained.
      if (socket.connecting) socket.once("connect", check);
      else nextTick(send);
    });
  };
  attempt();
}

/** Passes an upgrade on and joins the two connections, so that what follows is between client and function. */
export async function forwardUpgrade(
  incoming: IncomingMessage,
  client: Duplex,
  head: Buffer,
  target: Target,
): Promise<void> {
  client.on("error", () => client.destroy());
  const upstream = await connectWithin(target.port, target.waitMs).catch(() => undefined);
  if (!upstream) {
    client.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const headers = { ...incoming.headers, ...forwardedHeaders(incoming), ...target.headers };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}`)
  );
  upstream.write([`${incoming.method} ${target.path} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  if (head.length > 0) upstream.write(head);
  upstream.on("error", () => client.destroy());
  upstream.on("close", () => client.destroy());
  client.on("close", () => upstream.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
}

async function connectWithin(port: number, waitMs: number): Promise<Socket> {
  const end = Date.now() + waitMs;
  for (;;) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect({ port, host: "127.0.0.1" });
        socket.once("connect", () => {
          if (!isToItself(socket)) return resolve(socket);
          socket.destroy();
          reject(refused());
        });
        socket.once("error", reject);
      });
    } catch (error) {
      if (Date.now() > end) throw error;
      await delay(RETRY_EVERY_MS);
    }
  }
}

/** The system may give a connection its own target's port while nobody listens there: it then meets itself. */
function isToItself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort;
}

function refused(): Error {
  return Object.assign(new Error("nothing listens"), { code: "ECONNREFUSED" });
}

function headersFor(incoming: IncomingMessage, target: Target): Record<string, string | string[]> {
  const headers = { ...incoming.headers, ...forwardedHeaders(incoming), ...target.headers };
  for (const name of HOP_BY_HOP) delete headers[name];
  for (const name of Object.keys(headers)) if (headers[name] === undefined) delete headers[name];
  return headers as Record<string, string | string[]>;
}

/** What the client says of these itself is not believed: a rate limit may count by them. */
function forwardedHeaders(incoming: IncomingMessage): Record<string, string | undefined> {
  return {
    "x-forwarded-for": incoming.socket.remoteAddress,
    "x-forwarded-host": incoming.headers.host,
    "x-forwarded-proto": "http",
  };
}
