import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isTooLarge } from "./channel_presence.ts";
import type { Context } from "./context.ts";
import type { Claims } from "./credentials.ts";
import { AuthorizationFailure } from "./authorization.ts";
import { Rate } from "./rate.ts";
import { roomOf } from "./rooms.ts";
import { parseExactly, type RoomMessage, textOf, UserBroadcast } from "./wire/message.ts";

/** What is answered. */
interface Answer {
  status: number;
  body?: unknown;
}

/** The rules that a value breaks, by field, in the real server's words. */
type Broken = Record<string, unknown>;

const MAX_BODY_BYTES = 8_000_000;
const SINGLE = /^\/api\/broadcast\/([^/]+)\/events\/([^/]+)$/;
const BLANK = "can't be blank";
const INVALID = "is invalid";

/** Broadcasts that come by HTTP: a batch of messages, or one in a path of its own. */
export class BroadcastApi {
  readonly #events: Rate;

  constructor(readonly context: Context) {
    this.#events = new Rate(context.limits.events_per_second);
  }

  /** Undefined where the path is none of its own. */
  async answer(request: IncomingMessage, url: URL): Promise<Answer | undefined> {
    const single = SINGLE.exec(url.pathname);
    if (request.method !== "POST" || (url.pathname !== "/api/broadcast" && !single)) return undefined;
    const names = single?.slice(1).map(decoded);
    if (names?.includes(undefined)) return { status: 400, body: { errors: { detail: "Bad Request" } } };
    const claims = await this.#claimsOf(request);
    if (!claims) return { status: 401, body: { message: "Unauthorized" } };
    const type = request.headers["content-type"];
    const isBinary = type?.startsWith("application/octet-stream") ?? false;
    if (single && type && !isBinary && !type.startsWith("application/json")) {
      return {
        status: 415,
        body: { error: "Unsupported Media Type. Use application/json or application/octet-stream" },
      };
    }
    const bytes = await bodyOf(request);
    if (!bytes) return { status: 413, body: { message: "Payload too large" } };
    let body: unknown;
    try {
      body = isBinary ? bytes : parseExactly(bytes.length > 0 ? textOf(bytes) : "{}");
    } catch {
      return { status: 400, body: { errors: { detail: "Bad Request" } } };
    }
    if (!names) return await this.#batch(request, claims, body);
    return await this.#single(request, claims, {
      topic: names[0]!,
      event: names[1]!,
      isPrivate: url.searchParams.get("private") === "true",
      bytes,
      encoding: isBinary ? "binary" : "json",
    });
  }

  async #batch(request: IncomingMessage, claims: Claims, body: unknown): Promise<Answer> {
    const { messages } = (body ?? {}) as { messages?: unknown };
    if (messages === undefined || messages === null) return unprocessable({ messages: [BLANK] });
    if (!Array.isArray(messages)) return unprocessable({ messages: [INVALID] });
    if (messages.length === 0) return unprocessable({ messages: [BLANK] });
    const read = messages.map((one) => readMessage(one, this.context));
    const broken = read.map((one) => one.broken);
    if (broken.some((one) => Object.keys(one).length > 0)) return unprocessable({ messages: broken });
    const limited = this.#limited(messages.length);
    if (limited) return limited;

    const allowed = new Map<string, Promise<boolean>>();
    for (const { topic, event, payload, isPrivate } of read) {
      if (isPrivate) {
        if (!allowed.has(topic)) {
          allowed.set(
            topic,
            this.#mayWrite(request, claims, topic).catch(() => false),
          );
        }
        // Nobody is told of a message that was refused, as others of its batch have gone out.
        if (!await allowed.get(topic)) continue;
      }
      this.#send(roomOf(topic, isPrivate), {
        kind: "json",
        event: "broadcast",
        payload: { payload, event, type: "broadcast" },
      });
    }
    return { status: 202 };
  }

  async #single(
    request: IncomingMessage,
    claims: Claims,
    { topic, event, isPrivate, bytes, encoding }: {
      topic: string;
      event: string;
      isPrivate: boolean;
      bytes: Uint8Array;
      encoding: "json" | "binary";
    },
  ): Promise<Answer> {
    if (isTooLarge(bytes.length, this.context.limits)) {
      return unprocessable({ payload: ["Payload size exceeds tenant limit"] });
    }
    const limited = this.#limited(1);
    if (limited) return limited;
    if (isPrivate) {
      try {
        if (!await this.#mayWrite(request, claims, topic)) {
          return { status: 403, body: { message: "Unauthorized" } };
        }
      } catch (error) {
        return failed(error);
      }
    }
    const payload = bytes.length === 0 && encoding === "json" ? new TextEncoder().encode("{}") : bytes;
    this.#send(roomOf(topic, isPrivate), {
      kind: "user",
      broadcast: new UserBroadcast(event, encoding, payload),
    });
    return { status: 202 };
  }

  #send(room: string, message: RoomMessage): void {
    this.#events.add();
    this.context.rooms.send(room, message);
  }

  #limited(count: number): Answer | undefined {
    const average = this.#events.average();
    const limit = this.context.limits.events_per_second;
    if (average > limit) return { status: 429, body: { message: "You have exceeded your rate limit" } };
    if (count + average > limit) {
      return {
        status: 429,
        body: { message: "Too many messages to broadcast, please reduce the batch size" },
      };
    }
  }

  #mayWrite(request: IncomingMessage, claims: Claims, topic: string): Promise<boolean> {
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    return this.context.authorization.mayWrite({ topic, claims, headers }, "broadcast");
  }

  async #claimsOf({ headers }: IncomingMessage): Promise<Claims | undefined> {
    const token = /^bearer (.+)$/i.exec(headers.authorization ?? "")?.[1] ?? headers.apikey;
    if (typeof token !== "string") return undefined;
    return await this.context.credentials.claimsOf(token).catch(() => undefined);
  }
}

/** A part of a path; undefined for what is none. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function readMessage(value: unknown, { limits }: Context) {
  const broken: Broken = {};
  const { topic, event, payload, private: isPrivate } = (value ?? {}) as Record<string, unknown>;
  const text = (name: string, given: unknown) => {
    if (given === undefined || given === null || given === "") broken[name] = [BLANK];
    else if (typeof given !== "string") broken[name] = [INVALID];
    return String(given);
  };
  const read = { topic: text("topic", topic), event: text("event", event) };
  if (payload === undefined || payload === null) broken.payload = [BLANK];
  else if (typeof payload !== "object" || Array.isArray(payload)) broken.payload = [INVALID];
  else if (isTooLarge(JSON.stringify(payload).length, limits)) {
    broken.payload = ["Payload size exceeds tenant limit"];
  }
  const isTrue = isPrivate === true || isPrivate === "true" || isPrivate === "1";
  const isFalse = [undefined, null, false, "false", "0"].includes(isPrivate as string);
  if (!isTrue && !isFalse) broken.private = [INVALID];
  return { ...read, payload, isPrivate: isTrue, broken };
}

function unprocessable(errors: Broken): Answer {
  return { status: 422, body: { errors } };
}

function failed(error: unknown): Answer {
  if (!(error instanceof AuthorizationFailure)) {
    return { status: 500, body: { message: "Unable to authorize broadcast" } };
  }
  const messages = {
    policy: "RLS policy error",
    canceled: "Query canceled",
    partition: "Missing messages partition",
    unavailable: "Tenant database unavailable",
  };
  return { status: 422, body: { message: messages[error.kind] } };
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let byteCount = 0;
  for await (const part of request) {
    byteCount += part.length;
    if (byteCount > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Sends an answer. */
export function send(answer: Answer, response: ServerResponse): void {
  if (answer.body === undefined) {
    response.writeHead(answer.status).end();
    return;
  }
  response.writeHead(answer.status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(answer.body));
}
