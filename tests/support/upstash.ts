import { Buffer } from "node:buffer";
import { createClient, RESP_TYPES } from "@redis/client";

export interface TestUpstash {
  /** As UPSTASH_REDIS_REST_URL. */
  url: string;
  /** As UPSTASH_REDIS_REST_TOKEN. */
  token: string;
  /** Refuses requests and answers that are longer, in characters. */
  maxCharacters: number;
  /** Answers so many requests with 503 before it works again. */
  fail(times: number): void;
  stop(): Promise<void>;
}

/** Speaks Upstash's REST protocol in front of a Redis: a command as a JSON array, its result in base64 when asked to. */
export async function startUpstash(redisUrl: string): Promise<TestUpstash> {
  const client = createClient({
    url: redisUrl,
    commandOptions: {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.VERBATIM_STRING]: Buffer },
    },
  });
  client.on("error", () => {});
  await client.connect();
  const token = crypto.randomUUID();
  let failures = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const text = await request.text();
    if (failures > 0) {
      failures--;
      return new Response("try again", { status: 503 });
    }
    if (request.headers.get("authorization") !== `Bearer ${token}`) {
      return Response.json({ error: "Unauthorized" }, { status: 401 });
    }
    const encode = request.headers.get("upstash-encoding") === "base64";
    try {
      const result = await client.sendCommand((JSON.parse(text) as unknown[]).map(String));
      const answer = JSON.stringify({ result: asJson(result, encode) });
      const characters = Math.max(text.length, answer.length);
      if (characters > upstash.maxCharacters) {
        const limit = `Limit: ${upstash.maxCharacters} bytes, Actual: ${characters} bytes`;
        throw new Error(`ERR max request size exceeded. ${limit}`);
      }
      return new Response(answer, { headers: { "Content-Type": "application/json" } });
    } catch (error) {
      const { message } = error as Error;
      return Response.json({ error: `${message}, command was: ${text}` }, { status: 400 });
    }
  });
  const upstash: TestUpstash = {
    maxCharacters: Infinity,
    url: `http://127.0.0.1:${server.addr.port}`,
    token,
    fail: (times) => failures = times,
    async stop() {
      await server.shutdown();
      client.destroy();
    },
  };
  return upstash;
}

function asJson(reply: unknown, encode: boolean): unknown {
  if (Array.isArray(reply)) return reply.map((one) => asJson(one, encode));
  if (!(reply instanceof Buffer)) return reply;
  return encode ? reply.toString("base64") : reply.toString();
}
