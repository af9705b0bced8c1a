// One URL for the whole project, as hosted, and the Studio's door.
// deno run -A scripts/local/gateway.ts --data-folder <folder> --port-base <base> [--port <port> --functions-port <port>]

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { CALLER_HEADER, FUNCTIONS_PORT_PATH } from "./caller.ts";
import { openGatewayTraces } from "./gateway_traces.ts";
import { forward, type Target } from "./http_proxy.ts";
import { portsAt } from "./ports.ts";
import { announceReady } from "./ready.ts";
import { publicKeySet, readSecrets } from "./secrets.ts";
import { serveStudio } from "./studio.ts";
import { TokenExchange } from "./tokens.ts";
import { forwardUpgrade, refuseUpgrade } from "./upgrades.ts";

/** How long a request waits for the functions process, which restarts when a file changes. */
const FUNCTIONS_WAIT_MS = 5_000;
/** How long one waits for Realtime, which is started again when it falls over. */
const REALTIME_WAIT_MS = 3_000;
const REALTIME = "/realtime/v1";
/** Links in e-mails and redirects of a sign-in page: browsers follow them without an API key. */
const OPEN_AUTH_PATHS = /^\/auth\/v1\/(verify|callback|authorize|\.well-known\/)/;
/** The headers that a browser on another origin may read, as in a hosted project. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Preference-Applied, sb-error-code, x-request-id",
};

const { values } = parseArgs({
  args: Deno.args,
  options: {
    "data-folder": { type: "string" },
    "port-base": { type: "string" },
    "port": { type: "string" },
    "functions-port": { type: "string" },
    "realtime-off": { type: "boolean" },
  },
});
const ports = portsAt(Number(values["port-base"]));
const port = Number(values.port ?? ports.api);
let functionsPort = Number(values["functions-port"] ?? ports.functions);
const secrets = await readSecrets(values["data-folder"]!);
const tokens = new TokenExchange(secrets, `http://127.0.0.1:${ports.api}`);
const keySet = JSON.stringify(publicKeySet(secrets));
const traces = await openGatewayTraces();

const server = createServer((incoming, answer) => {
  traces?.follow(incoming, answer);
  const target = route(incoming, answer);
  if (target instanceof Promise) target.then((found) => pass(incoming, answer, found));
  else if (target) pass(incoming, answer, target);
});

server.on("upgrade", async (incoming, socket, head) => {
  const path = incoming.url ?? "/";
  socket.on("error", () => socket.destroy());
  if (isForRealtime(path)) return await forwardUpgrade(incoming, socket, head, toRealtime(path));
  if (!path.startsWith("/functions/v1/")) return refuseUpgrade(socket, "404 Not Found");
  const target = await withProtocolToken(incoming, await toFunctions(incoming, path));
  await forwardUpgrade(incoming, socket, head, target);
});

/** A browser's WebSocket sends no Authorization header; functions may accept the token as a subprotocol. */
async function withProtocolToken(incoming: IncomingMessage, target: Target): Promise<Target> {
  const protocols = incoming.headers["sec-websocket-protocol"]?.split(/\s*,\s*/) ?? [];
  const exchanged = await Promise.all(protocols.map(async (protocol) => {
    if (!protocol.startsWith("bearer.")) return protocol;
    const authorization = await tokens.forFunctions(`Bearer ${protocol.slice("bearer.".length)}`);
    return `bearer.${authorization.slice("Bearer ".length)}`;
  }));
  if (exchanged.length === 0) return target;
  return { ...target, headers: { ...target.headers, "sec-websocket-protocol": exchanged.join(", ") } };
}

/** The target of a request; undefined if it is answered here. */
function route(incoming: IncomingMessage, answer: ServerResponse): Target | Promise<Target> | undefined {
  const path = incoming.url ?? "/";
  if (path.startsWith("/functions/v1/")) return toFunctions(incoming, path);
  if (path.startsWith(FUNCTIONS_PORT_PATH) && incoming.headers[CALLER_HEADER] === secrets.gatewayToken) {
    functionsPort = Number(path.slice(FUNCTIONS_PORT_PATH.length));
    answer.end();
    return undefined;
  }
  if (/^\/auth\/v1\/\.well-known\/jwks\.json(\?|$)/.test(path)) {
    answer.writeHead(200, {
      ...CORS,
      "content-type": "application/json",
      "cache-control": "public, max-age=600",
    });
    answer.end(keySet);
    return undefined;
  }
  if (isPreflightOfService(incoming, path)) {
    answer.writeHead(204, {
      ...CORS,
      "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
      "access-control-allow-headers": incoming.headers["access-control-request-headers"] ?? "*",
      "access-control-max-age": "3600",
      "vary": "Access-Control-Request-Headers",
    });
    answer.end();
    return undefined;
  }
  const isStorage = /^\/storage\/v1(\/|\?|$)/.test(path);
  const isOpen = OPEN_AUTH_PATHS.test(path);
  if (isStorage || isOpen || /^\/(rest|auth)\/v1(\/|\?|$)/.test(path)) {
    if (!isStorage && !isOpen && incoming.method !== "OPTIONS" && !hasApiKey(incoming, path)) {
      refuse(answer, 401, {
        message: "No API key found in request",
        hint: "No `apikey` request header or url param was found.",
      });
      return undefined;
    }
    return toServices(incoming, path, isOpen);
  }
  if (isForRealtime(path)) {
    if (!hasApiKey(incoming, path) && !incoming.headers.authorization) {
      refuse(answer, 401, {
        message: "No API key found in request",
        hint: "No `apikey` request header or url param was found.",
      });
      return undefined;
    }
    return toRealtime(path);
  }
  refuse(answer, 404, {
    error: "not_found",
    message: path.startsWith(`${REALTIME}/`)
      ? "Realtime is off: by TESSERA_REALTIME, or in supabase/config.toml"
      : `Nothing is served at ${path.split("?")[0]}`,
    request_id: newId(),
  });
  return undefined;
}

/** Auth, REST and Storage accept any header from a page: a new version of supabase-js may add one. */
function isPreflightOfService({ method, headers }: IncomingMessage, path: string): boolean {
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined &&
    (/^\/(rest|auth|storage)\/v1(\/|\?|$)/.test(path) || isForRealtime(path));
}

function isForRealtime(path: string): boolean {
  return path.startsWith(`${REALTIME}/`) && !values["realtime-off"];
}

function toRealtime(path: string): Target {
  return {
    port: ports.realtime,
    path: path.slice(REALTIME.length),
    headers: {},
    waitMs: REALTIME_WAIT_MS,
    answerHeaders: CORS,
  };
}

/** Functions see the same path as when hosted: /<name>/…, with the host that the client used. */
function toFunctions(incoming: IncomingMessage, path: string): Target | Promise<Target> {
  return withToken(incoming, "forFunctions", {
    port: functionsPort,
    path: path.slice("/functions/v1".length),
    headers: {},
    waitMs: FUNCTIONS_WAIT_MS,
  });
}

function toServices(incoming: IncomingMessage, path: string, isOpen: boolean): Target | Promise<Target> {
  const headers: Target["headers"] = { [CALLER_HEADER]: secrets.gatewayToken };
  if (isOpen && !hasApiKey(incoming, path)) headers.apikey = secrets.publishableKey;
  return withToken(incoming, "forServices", {
    port: ports.lite,
    path,
    headers,
    waitMs: 0,
    answerHeaders: CORS,
  });
}

function withToken(
  incoming: IncomingMessage,
  direction: "forFunctions" | "forServices",
  target: Target,
): Target | Promise<Target> {
  const { authorization } = incoming.headers;
  if (!authorization) return target;
  const exchanged = tokens[direction](authorization);
  if (typeof exchanged !== "string") {
    return exchanged.then((value) => ({ ...target, headers: { ...target.headers, authorization: value } }));
  }
  target.headers.authorization = exchanged;
  return target;
}

function hasApiKey(incoming: IncomingMessage, path: string): boolean {
  return Boolean(incoming.headers.apikey) || /[?&]apikey=[^&]/.test(path);
}

function pass(incoming: IncomingMessage, answer: ServerResponse, target: Target): void {
  forward(incoming, answer, target, (error) => {
    console.error(`${incoming.method} ${incoming.url?.split("?")[0]}: ${error.message}`);
    const name = target.port === functionsPort ? "The functions process" : "The service";
    refuse(answer, 503, {
      error: "service_unavailable",
      message: `${name} does not answer`,
      request_id: newId(),
    });
  });
}

function refuse(
  answer: ServerResponse,
  status: number,
  body: { request_id?: string; [name: string]: unknown },
): void {
  answer.writeHead(status, {
    ...CORS,
    "content-type": "application/json",
    ...(body.request_id ? { "x-request-id": body.request_id } : {}),
  });
  answer.end(JSON.stringify(body));
}

function newId(): string {
  return crypto.randomUUID();
}

server.listen(port, "127.0.0.1", announceReady);
const studio = values.port ? undefined : serveStudio(ports, secrets);

Deno.addSignalListener("SIGTERM", () => {
  studio?.close();
  server.close(async () => {
    await traces?.flush();
    Deno.exit(0);
  });
  server.closeIdleConnections();
});
