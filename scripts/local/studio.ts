import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Buffer } from "node:buffer";
import { CALLER_HEADER } from "./caller.ts";
import { forward } from "./http_proxy.ts";
import type { Ports } from "./ports.ts";
import type { Secrets } from "./secrets.ts";

/**
 * Serves lite's Studio, which can read and write every table, only to a browser that opened the printed URL. The
 * URL's token becomes a cookie; requests without it, from another page or for another host name are refused.
 */
export function serveStudio(ports: Ports, secrets: Secrets): Server {
  const cookieName = `tessera_studio_${ports.studio}`;
  const hosts = new Set([`127.0.0.1:${ports.studio}`, `localhost:${ports.studio}`]);

  const server = createServer((incoming, answer) => {
    const host = incoming.headers.host ?? "";
    if (!hosts.has(host)) return refuse(answer, "The Studio is served on 127.0.0.1 only");
    if (!isOwnPage(incoming, host)) return refuse(answer, "Another page may not use the Studio");

    const url = new URL(incoming.url ?? "/", `http://${host}`);
    const token = url.searchParams.get("token");
    if (token !== null && isSame(token, secrets.studioToken)) {
      url.searchParams.delete("token");
      answer.writeHead(302, {
        location: url.pathname + url.search,
        "set-cookie": `${cookieName}=${secrets.studioToken}; HttpOnly; SameSite=Strict; Path=/`,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
      });
      answer.end();
      return;
    }
    if (!isSame(cookie(incoming, cookieName), secrets.studioToken)) {
      return refuse(answer, "Open the Studio with the URL that `deno task start` printed");
    }
    answer.setHeader("x-frame-options", "DENY");
    forward(incoming, answer, {
      port: ports.lite,
      path: incoming.url ?? "/",
      headers: { [CALLER_HEADER]: secrets.adminToken, cookie: undefined },
      waitMs: 0,
    }, () => refuse(answer, "The Studio's server does not answer", 503));
  });
  server.listen(ports.studio, "127.0.0.1");
  return server;
}

/**
 * Browsers send a cookie to every port of a host, so the requesting page must be ours, according to the browser's
 * headers.
 */
function isOwnPage(incoming: IncomingMessage, host: string): boolean {
  const { origin, "sec-fetch-site": site } = incoming.headers;
  const isOwnOrigin = origin === undefined || origin === `http://${host}`;
  return isOwnOrigin && (site === undefined || site === "same-origin" || site === "none");
}

function cookie(incoming: IncomingMessage, name: string): string {
  for (const pair of (incoming.headers.cookie ?? "").split(";")) {
    const [key, value] = pair.trim().split("=");
    if (key === name) return value ?? "";
  }
  return "";
}

function isSame(given: string, expected: string): boolean {
  const [left, right] = [Buffer.from(given), Buffer.from(expected)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function refuse(answer: ServerResponse, message: string, status = 403): void {
  answer.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  answer.end(`${message}\n`);
}
