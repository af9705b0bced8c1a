import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { nextTick } from "node:process";

/** A request's target, and the changes on the way. */
export interface Target {
  port: number;
  path: string;
  /** Headers that replace the client's; undefined removes a header. */
  headers: Record<string, string | undefined>;
  /** How long to wait for a process that is restarting. */
  waitMs: number;
  /** Headers for the response, unless it already has them. */
  answerHeaders?: Record<string, string>;
}

/** Headers of a connection, not of the request. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"];
export const RETRY_EVERY_MS = 50;

const agent = new Agent({ keepAlive: true, maxSockets: Infinity, maxFreeSockets: 256 });

/** Forwards a request and returns the response unchanged, without buffering either. */
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
        // The response came before the body was read. The rest must not block the next request, and closing the
        // connection could discard the response.
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
      // Once there is a response only its end counts: an unwanted body can no longer be written.
      if (isOver || isGone || isAnswered) return;
      isOver = true;
      // A refused connection means that nothing was sent: the body waits for the next connection. After any other
      // error the request may have been processed, so only a safe one is repeated, once.
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
      // Only the connection shows that the peer was killed, not the request.
      const onEnd = () => fail(new Error("the connection was closed without a response"));
      socket.once("end", onEnd).once("close", onEnd);
      outgoing.once("response", () => socket.off("end", onEnd).off("close", onEnd));
      const send = () => {
        if (!hasBody) return outgoing.end();
        outgoing.flushHeaders();
        incoming.pipe(outgoing);
      };
      const check = () => isToItself(socket) ? outgoing.destroy(refused()) : send();
      // Not in this event itself: a long body that is written before the request has its reused socket is never
      // drained.
      if (socket.connecting) socket.once("connect", check);
      else nextTick(send);
    });
  };
  attempt();
}

/** The system may give a connection its own target's port while nobody listens there; it then connects to itself. */
export function isToItself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort;
}

/** As the system reports it. */
export function refused(): Error {
  return Object.assign(new Error("nothing listens"), { code: "ECONNREFUSED" });
}

/** A request's headers without those of the client's own connection. */
export function headersFor(incoming: IncomingMessage, target: Target): Record<string, string | string[]> {
  const headers = { ...incoming.headers, ...forwardedHeaders(incoming), ...target.headers };
  for (const name of HOP_BY_HOP) delete headers[name];
  for (const name of Object.keys(headers)) if (headers[name] === undefined) delete headers[name];
  return headers as Record<string, string | string[]>;
}

/** The client's own values of these headers are not trusted, because a rate limit may use them. */
function forwardedHeaders(incoming: IncomingMessage): Record<string, string | undefined> {
  return {
    "x-forwarded-for": incoming.socket.remoteAddress,
    "x-forwarded-host": incoming.headers.host,
    "x-forwarded-proto": "http",
  };
}
