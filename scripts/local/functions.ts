// Every function of a folder in one process.
// deno run -A scripts/local/functions.ts --port <port> [--folder <folder>] [--hosted] [--lazy]
//
// With --hosted, functions have only the parts of Deno that the Edge Runtime has. With --lazy, each is imported at its
// first request and not before.

import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { discardRest } from "../../supabase/functions/_shared/http/body.ts";
import { narrowToHosted } from "./hosted_namespace.ts";
import { exists, functionsFolder } from "./paths.ts";
import { delay } from "./process_ids.ts";
import { announceReady } from "./ready.ts";

type Handler = (request: Request, info?: Deno.ServeHandlerInfo) => Response | Promise<Response>;

/** How long running requests and background work may take once the process must end. */
const FINISH_LIMIT_MS = 20_000;
const ARRIVAL_MS = 50;
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers":
    "authorization, x-client-info, apikey, content-type, idempotency-key, x-region",
  "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
};

const { values } = parseArgs({
  args: Deno.args,
  options: {
    port: { type: "string" },
    folder: { type: "string" },
    hosted: { type: "boolean" },
    lazy: { type: "boolean" },
  },
});
const folder = resolve(values.folder ?? functionsFolder);
const handlers = new Map<string, Promise<Handler | undefined>>();
const background = new Set<Promise<unknown>>();
/** This process's Deno, whatever functions may use. */
const { serve: realServe, addSignalListener, exit, readDir } = Deno;

/**
 * The handler that the module being imported passed to Deno.serve. Imports run one after the other, so it never
 * belongs to another module.
 */
let served: Handler | undefined;
let lastImport: Promise<unknown> = Promise.resolve();

if (values.hosted) narrowToHosted();
Object.defineProperty(Deno, "serve", { configurable: true, value: collectHandler });
Object.defineProperty(globalThis, "EdgeRuntime", { configurable: true, value: { waitUntil } });

/** A failing function does not affect the others. */
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  console.error("unhandled rejection:", event.reason);
});
globalThis.addEventListener("error", (event) => {
  event.preventDefault();
  console.error("uncaught error:", event.error);
});

let requestsUnderWay = 0;
const server = realServe(
  { port: Number(values.port), hostname: "127.0.0.1", onListen: announceReady },
  async (request, info) => {
    requestsUnderWay++;
    try {
      return await answer(request, info);
    } finally {
      requestsUnderWay--;
    }
  },
);
if (!values.lazy) void warmUp();

addSignalListener("SIGTERM", async () => {
  const end = Date.now() + FINISH_LIMIT_MS;
  // As the Edge Runtime announces the end to a worker: background work can then finish.
  globalThis.dispatchEvent(new Event("beforeunload"));
  // A shutdown drops unread bodies of running requests, so it comes after them. It also ends WebSockets, which are
  // background work too.
  do await delay(ARRIVAL_MS); while ((requestsUnderWay > 0 || background.size > 0) && Date.now() < end);
  await Promise.race([server.shutdown(), delay(end - Date.now())]);
  while (background.size > 0 && Date.now() < end) {
    await Promise.race([Promise.allSettled(background), delay(end - Date.now())]);
  }
  exit(0);
});

async function answer(request: Request, info: Deno.ServeHandlerInfo): Promise<Response> {
  const name = showAsHosted(request);
  const handler = await handlerOf(name);
  if (handler === undefined) {
    return await refuse(request, 404, "not_found", `There is no function named ${JSON.stringify(name)}`);
  }
  try {
    return await handler(request, info);
  } catch (error) {
    console.error(`${name}:`, error);
    return await refuse(request, 500, "internal", "The function failed");
  }
}

/**
 * A hosted function sees /<name>/…, without the prefix. The request itself is kept, because only it can be upgraded.
 */
function showAsHosted(request: Request): string {
  const url = new URL(request.url);
  if (url.pathname.startsWith("/functions/v1/")) {
    url.pathname = url.pathname.slice("/functions/v1".length);
    Object.defineProperty(request, "url", { value: url.href });
  }
  return url.pathname.split("/")[1] ?? "";
}

function handlerOf(name: string): Promise<Handler | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(name)) return Promise.resolve(undefined);
  const known = handlers.get(name);
  if (known) return known;
  const loading = lastImport.then(() => load(name));
  lastImport = loading.catch(() => {});
  handlers.set(name, loading);
  // Missing functions are not cached, or a client could fill the memory with names.
  loading.then((handler) => handler ?? handlers.delete(name));
  return loading;
}

async function load(name: string): Promise<Handler | undefined> {
  const path = join(folder, name, "index.ts");
  if (!await exists(path)) return undefined;
  try {
    served = undefined;
    const module = await import(pathToFileURL(path).href);
    const handler: Handler | undefined = served ?? module.default?.fetch?.bind(module.default);
    if (!handler) throw new TypeError("it neither exports { fetch } as its default nor calls Deno.serve");
    return handler;
  } catch (error) {
    console.error(`Cannot load the function ${name}:`, error);
    return (request) => refuse(request, 500, "internal", "The function cannot be loaded; its log says why");
  }
}

/** Replaces Deno.serve while functions are imported: it takes the handler and opens no port. */
function collectHandler(...args: unknown[]): unknown {
  const options = args.find((arg) => typeof arg === "object") as { handler?: Handler } | undefined;
  served = (args.find((arg) => typeof arg === "function") as Handler | undefined) ?? options?.handler;
  const nothing = () => {};
  return {
    finished: new Promise(nothing),
    shutdown: () => Promise.resolve(),
    ref: nothing,
    unref: nothing,
    addr: server.addr,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Keeps the process alive until a function's background work is done. */
function waitUntil(promise: Promise<unknown>): void {
  const tracked = Promise.resolve(promise)
    .catch((error) => console.error("waitUntil:", error))
    .finally(() => background.delete(tracked));
  background.add(tracked);
}

/** Imports everything in the background, so that a function's first request is as fast as the next. */
async function warmUp(): Promise<void> {
  if (!await exists(folder)) return;
  for await (const entry of readDir(folder)) {
    if (entry.isDirectory) await handlerOf(entry.name);
  }
}

async function refuse(request: Request, status: number, error: string, message: string): Promise<Response> {
  await discardRest(request);
  const requestId = crypto.randomUUID();
  return Response.json({ error, message, request_id: requestId }, {
    status,
    headers: { ...CORS, "x-request-id": requestId },
  });
}
