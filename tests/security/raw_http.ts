import { Buffer } from "node:buffer";
import { connect } from "node:net";

import { stack } from "../support/stack.ts";
import type { Answer } from "../http/support/calls.ts";

const PATIENCE_MS = 10_000;

export interface RawRequest {
  method: string;
  path: string;
  /** Sent as they are, in this order, one line each. */
  headers: [name: string, value: string][];
  body?: Uint8Array;
}

/** Speaks HTTP by hand, as no client library would; the answer of a connection that was just closed has status 0. */
export function sendRaw({ method, path, headers, body }: RawRequest): Promise<Answer> {
  const { hostname, port } = new URL(stack.url);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${hostname}`,
    "Connection: close",
    ...(body ? [`Content-Length: ${body.length}`] : []),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const parts: Uint8Array[] = [];
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end of the answer to ${lines[0]!.slice(0, 200)}`));
    }, PATIENCE_MS);
    socket.on("data", (bytes) => parts.push(bytes as Uint8Array));
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(readRaw(Buffer.concat(parts).toString("utf8")));
    });
    socket.write(
      Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body ?? new Uint8Array()]),
    );
  });
}

function readRaw(text: string): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [first = "", ...lines] = text.slice(0, Math.max(end, 0)).split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const sent = text.slice(end + 4);
  const content = headers.get("Transfer-Encoding") === "chunked" ? withoutChunkSizes(sent) : sent;
  let body: unknown;
  try {
    body = JSON.parse(content);
  } catch {
    body = undefined;
  }
  return { status: Number(first.split(" ")[1] ?? 0), headers, text: content, body };
}

/** Good for short answers of one-byte characters, as refusals are. */
function withoutChunkSizes(text: string): string {
  return text.replace(/(^|\r\n)[0-9a-f]+\r\n/gi, "");
}
