import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { nextTick } from "node:process";

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
export const RETRY_EVERY_MS = 50;

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

/** The system may give a connection its own target's port while nobody listens there: it then meets itself. */
export function isToItself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort;
}

/** As the system says it. */
export function refused(): Error {
  return Object.assign(new Error("nothing listens"), { code: "ECONNREFUSED" });
}

/** A request's headers as they go on: without those of the client's own connection. */
export function headersFor(incoming: IncomingMessage, target: Target): Record<string, string | string[]> {
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
