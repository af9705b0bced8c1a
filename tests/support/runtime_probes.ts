// Tries the platform's interfaces that functions use, by the names of docs/runtime.md, on whatever Deno it runs. Prints as JSON
// what each of them does; the same is expected everywhere, but for what the page says.

import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { createHash, createHmac, hkdfSync, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { lookup } from "node:dns/promises";
import process from "node:process";

type Probe = () => unknown;

const pause = (ms = 5) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A server of one answer, for one probe. */
async function served<Result>(
  handler: Deno.ServeHandler,
  ask: (address: string) => Promise<Result>,
): Promise<Result> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  try {
    return await ask(`127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

/** What comes back over a WebSocket, and its subprotocol. */
async function echoed(address: string): Promise<string> {
  const socket = new WebSocket(`ws://${address}`, ["one", "two"]);
  const { promise, resolve } = Promise.withResolvers<string>();
  const closed = new Promise((done) => socket.onclose = done);
  socket.onopen = () => socket.send("hello");
  socket.onmessage = ({ data }) => resolve(`${data} ${socket.protocol}`);
  const heard = await promise;
  await closed;
  return heard;
}

async function aesGcm(alter: (sealed: Uint8Array<ArrayBuffer>) => void): Promise<string> {
  const key = await crypto.subtle.importKey("raw", new Uint8Array(32), "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
  const options = {
    name: "AES-GCM",
    iv: new Uint8Array(12),
    additionalData: new Uint8Array([1]),
    tagLength: 128,
  };
  const sealed = new Uint8Array(
    await crypto.subtle.encrypt(options, key, new TextEncoder().encode("secret")),
  );
  alter(sealed);
  return new TextDecoder().decode(await crypto.subtle.decrypt(options, key, sealed));
}

const nameOfFailure = (error: unknown) => (error as Error).name;

const PROBES: Record<string, Probe> = {
  ".findLastIndex()": () => [1, 2, 1].findLastIndex((one) => one === 1),
  ".toReversed()": () => [1, 2].toReversed(),
  ".toSorted()": () => [2, 1].toSorted(),
  "AbortController": () => {
    const controller = new AbortController();
    controller.abort(new Error("why"));
    return controller.signal.reason.message;
  },
  "AbortSignal.any": () => {
    const controller = new AbortController();
    const signal = AbortSignal.any([AbortSignal.any([controller.signal]), new AbortController().signal]);
    controller.abort(new Error("why"));
    return signal.reason.message;
  },
  "AbortSignal.timeout": async () => {
    const signal = AbortSignal.timeout(1);
    while (!signal.aborted) await pause();
    return signal.reason.name;
  },
  "Deno.connect": () => Deno.connect({ hostname: "127.0.0.1", port: 1 }).catch(nameOfFailure),
  "Deno.env.get": () => typeof Deno.env.get("PATH"),
  "Deno.upgradeWebSocket": async () => {
    const responses = new Set<Response>();
    const heard = await served((request) => {
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "one", idleTimeout: 30 });
      responses.add(response);
      socket.onmessage = ({ data }) => (socket.send(data), socket.close());
      return response;
    }, async (address) => [await echoed(address), await echoed(address)]);
    return [heard, `${responses.size} responses`];
  },
  "Headers": () => [...new Headers({ "B": "1", "a": "2" })],
  "Intl.DisplayNames": () => new Intl.DisplayNames(["en"], { type: "language" }).of("fr"),
  "Intl.Locale": () => new Intl.Locale("pt-br").toString(),
  "Map.groupBy": () => [...Map.groupBy([1, 2, 3], (one) => one % 2)],
  "Promise.withResolvers": () => Promise.withResolvers().promise instanceof Promise,
  "ReadableStream": () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array([97]));
          controller.close();
        },
      }, { highWaterMark: 0 }),
    ).text(),
  "ReadableStream.from": async () => {
    let isEnded = false;
    const stream = ReadableStream.from((async function* () {
      try {
        yield 1;
        yield 2;
      } finally {
        isEnded = true;
      }
    })());
    const reader = stream.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return [value, isEnded];
  },
  "Request": () => new Request("http://a.example/", { method: "POST", body: "text" }).text(),
  "Response": () => new Response(null, { status: 204 }).body,
  "Response.json": () => Response.json({ a: 1 }).headers.get("content-type"),
  "TextDecoder": () => {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff]));
    } catch (error) {
      return nameOfFailure(error);
    }
  },
  "TextEncoder": () => new TextEncoder().encode("é").length,
  "TextEncoderStream": () =>
    new Response(ReadableStream.from(["a", "é"]).pipeThrough(new TextEncoderStream())).text(),
  "URL": () => new URL("http://0x7f.1/../a").href,
  "URL.canParse": () => [URL.canParse("no address"), URL.canParse("http://a.example")],
  "URLSearchParams": () => new URLSearchParams({ a: "b c" }).toString(),
  "WebSocket": () => {
    const silenced = (
      socket: WebSocket,
    ) => (socket.onerror = (event) => event.preventDefault(), socket.readyState);
    const state = silenced(new WebSocket("ws://127.0.0.1:1", ["realtime", "key.value"]));
    try {
      silenced(new WebSocket("ws://127.0.0.1:1", { headers: { a: "b" } }));
      return [state, "takes headers"];
    } catch (error) {
      return [state, nameOfFailure(error)];
    }
  },
  "addEventListener": () => {
    let heard = 0;
    const hear = () => heard++;
    addEventListener("tried", hear);
    dispatchEvent(new Event("tried"));
    removeEventListener("tried", hear);
    dispatchEvent(new Event("tried"));
    return heard;
  },
  "atob": () => atob("aGk="),
  "btoa": () => btoa("hi"),
  "clearInterval": () => clearInterval(setInterval(() => {}, 60_000)),
  "clearTimeout": () => clearTimeout(setTimeout(() => {}, 60_000)),
  "crypto.getRandomValues": () => crypto.getRandomValues(new Uint8Array(8)).length,
  "crypto.randomUUID": () => crypto.randomUUID().length,
  "crypto.subtle.decrypt": () => aesGcm((sealed) => sealed[0]! ^= 1).catch(nameOfFailure),
  "crypto.subtle.encrypt": () => aesGcm(() => {}),
  "crypto.subtle.importKey": () =>
    crypto.subtle.importKey("raw", new Uint8Array(31), "AES-GCM", false, ["encrypt"]).catch(nameOfFailure),
  "fetch": () =>
    served(
      () => new Response("moved", { status: 302, headers: { Location: "/elsewhere" } }),
      async (address) => {
        const response = await fetch(`http://${address}`, {
          redirect: "manual",
          signal: AbortSignal.timeout(9_000),
        });
        return [response.status, response.headers.get("location"), await response.text()];
      },
    ),
  "node:async_hooks AsyncLocalStorage": () => {
    const storage = new AsyncLocalStorage<number>();
    return storage.run(7, async () => {
      await pause();
      const seen: unknown[] = [];
      const stream = new ReadableStream({
        async pull(controller) {
          await pause();
          seen.push(storage.getStore());
          controller.close();
        },
      });
      await new Response(stream).text();
      return [...seen, storage.getStore()];
    });
  },
  "node:buffer Buffer": () => [
    Buffer.from("_-8", "base64url").toString("hex"),
    Buffer.from([255, 255]).toString("base64url"),
    Buffer.from("é").toString("latin1"),
    Buffer.from("zz", "hex").length,
  ],
  "node:crypto createHash": () =>
    createHash("sha256").update("a").update(Buffer.from("b")).digest("base64url"),
  "node:crypto createHmac": () => [
    createHmac("sha256", Buffer.alloc(32)).update("a").digest("hex"),
    createHmac("sha1", "k".repeat(100)).update("a", "utf8").digest().length,
  ],
  "node:crypto hkdfSync": () =>
    Buffer.from(hkdfSync("sha256", Buffer.alloc(32), "", "use", 32)).toString("hex"),
  "node:crypto randomBytes": () => randomBytes(16).length,
  "node:crypto randomInt": () =>
    Array.from({ length: 1_000 }, () => randomInt(0, 10)).every((one) => one < 10),
  "node:crypto timingSafeEqual": () =>
    ["ab", "ac", "abc"].map((one) => {
      try {
        return timingSafeEqual(Buffer.from(`x${one}`).subarray(1), Buffer.from("ab"));
      } catch (error) {
        return nameOfFailure(error);
      }
    }),
  "node:dns/promises lookup": async () => [
    (await lookup("localhost", { all: true })).map(({ address }) => address).includes("127.0.0.1"),
    await lookup("nobody.invalid", { all: true }).catch(({ code }) => code !== undefined),
  ],
  "node:process cpuUsage": () => process.cpuUsage().user > 0,
  "performance.now": () => performance.now() > 0,
  "performance.timeOrigin": () => Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 60_000,
  "removeEventListener": () => typeof removeEventListener,
  "setInterval": async () => {
    let times = 0;
    const timer = setInterval(() => times++, 1);
    while (times < 2) await pause();
    clearInterval(timer);
    return times >= 2;
  },
  "setTimeout": () => new Promise((resolve) => setTimeout(resolve, 1, "given")),
  "structuredClone": () => structuredClone({ a: [1], b: undefined }).a,
};

if (import.meta.main) {
  const outcomes: [string, unknown][] = [];
  for (const [api, probe] of Object.entries(PROBES)) {
    try {
      outcomes.push([api, await probe() ?? null]);
    } catch (error) {
      outcomes.push([api, `throws ${error}`]);
    }
  }
  console.log(JSON.stringify(Object.fromEntries(outcomes)));
}
