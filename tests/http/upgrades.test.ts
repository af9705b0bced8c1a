import { Buffer } from "node:buffer";
import { Agent, createServer, request } from "node:http";
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { forwardUpgrade } from "../../scripts/local/upgrades.ts";
import { type SignedInUser, stack } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { eventually } from "./support/calls.ts";

const COACH = "/functions/v1/voice-coach-realtime";
const HANDSHAKE = [
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

interface Wire {
  /** All that came so far. */
  text(): string;
  /** The first lines of the answers that came. */
  answers(): string[];
  write(text: string): void;
  /** Closes this side alone. */
  end(): void;
  isClosed(): boolean;
}

const sockets: Socket[] = [];
afterAll(() => sockets.forEach((socket) => socket.destroy()));

function open(port: number, text: string): Wire {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  sockets.push(socket);
  const parts: Uint8Array[] = [];
  let isClosed = false;
  socket.on("data", (part) => parts.push(part as Uint8Array));
  socket.on("end", () => socket.end());
  socket.on("close", () => isClosed = true);
  socket.on("error", () => {});
  socket.write(text);
  const read = () => Buffer.concat(parts).toString("latin1");
  return {
    text: read,
    answers: () => read().match(/^HTTP\/1\.1 .*$/gm) ?? [],
    write: (more) => socket.destroyed || socket.write(more),
    end: () => socket.end(),
    isClosed: () => isClosed,
  };
}

function head(line: string, headers: string[]): string {
  return [line, ...headers, "", ""].join("\r\n");
}

function closing(wire: Wire): Promise<boolean> {
  return eventually("the end of the connection", wire.isClosed, 10_000);
}

describe("an upgrade through the gateway that is refused", () => {
  const { newUser, accountOf } = openAccounts();
  const port = Number(new URL(stack.url).port);
  let user: SignedInUser;
  let next: string;

  beforeAll(async () => {
    user = await newUser(1_000);
    const body = JSON.stringify({ description: "soup" });
    next = head("POST /meal-analyzer HTTP/1.1", [
      "Host: localhost",
      `apikey: ${stack.publishableKey}`,
      `Authorization: Bearer ${user.token}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
    ]) + body;
  });

  const refusals: [string, string, string[], RegExp][] = [
    ["without a credential", COACH, HANDSHAKE, /401 .*"error":"unauthorized"/s],
    ["of a function that there is not", "/functions/v1/no-such", HANDSHAKE, /404 .*"error":"not_found"/s],
    ["elsewhere", "/rest/v1/profiles", HANDSHAKE, /404/],
    ["with a body", COACH, [...HANDSHAKE, "Content-Length: 5"], /400/],
  ];

  it.each(refusals)(
    "(%s) is answered, and the connection ends with it",
    async (_what, path, headers, answer) => {
      const wire = open(port, head(`GET ${path} HTTP/1.1`, headers));
      await eventually("an answer", () => wire.answers().length > 0);
      await eventually("its end", () => answer.test(wire.text()));
      expect(wire.text()).toMatch(/\r\nConnection: close\r\n/i);
      wire.write(next);
      await closing(wire);
      expect(wire.answers()).toHaveLength(1);
    },
  );

  it.each(refusals)("(%s) takes with it what was sent early", async (_what, path, headers, answer) => {
    const wire = open(port, head(`GET ${path} HTTP/1.1`, headers) + next + next);
    await closing(wire);
    expect(wire.answers()).toHaveLength(1);
    expect(wire.text()).toMatch(answer);
  });

  it("leaves the next request of a client that reuses connections to the gateway", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (path: string, headers: Record<string, string>) =>
      new Promise<{ status?: number; text: string }>((resolve, reject) => {
        const outgoing = request({ host: "127.0.0.1", port, agent, path, headers }, (answer) => {
          let text = "";
          answer.on("data", (part) => text += part).on(
            "end",
            () => resolve({ status: answer.statusCode, text }),
          );
        });
        outgoing.on("error", reject).end();
      });
    const upgrade = Object.fromEntries(
      HANDSHAKE.slice(1).map((line) => line.split(": ") as [string, string]),
    );
    expect((await ask(COACH, upgrade)).status).toBe(401);
    const headers = { apikey: stack.publishableKey, authorization: `Bearer ${user.token}` };
    const { status, text } = await ask("/functions/v1/balance", headers);
    expect({ status, balance: JSON.parse(text).balance }).toEqual({ status: 200, balance: 1_000 });
    agent.destroy();
  });

  it("to another protocol than the function speaks is the function's ordinary answer", async () => {
    const wire = open(
      port,
      head("GET /functions/v1/balance HTTP/1.1", [
        "Host: localhost",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAAP__",
        `apikey: ${stack.publishableKey}`,
        `Authorization: Bearer ${user.token}`,
      ]) + next,
    );
    await closing(wire);
    expect(wire.answers()).toEqual(["HTTP/1.1 200 OK"]);
    expect(wire.text()).toContain('"balance":1000');
    expect((await accountOf(user)).charges).toEqual([]);
  });
});

describe("an upgrade that is passed on", () => {
  const servers: { close(): unknown }[] = [];
  afterAll(() => servers.forEach((server) => server.close()));

  /** A proxy in front of a server that a test speaks for. */
  async function openProxy(): Promise<{ port: number; arrived: Promise<Socket>; received(): string }> {
    let received = "";
    const arrival = Promise.withResolvers<Socket>();
    const upstream = createTcpServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (part) => {
        received += part.toString("latin1");
        if (received.includes("\r\n\r\n")) arrival.resolve(socket);
      });
    });
    const target = { port: await listen(upstream), path: "/ws", headers: {}, waitMs: 0 };
    const proxy = createServer();
    proxy.on("upgrade", (incoming, socket, early) => void forwardUpgrade(incoming, socket, early, target));
    const port = await listen(proxy);
    servers.push(upstream, proxy);
    return { port, arrived: arrival.promise, received: () => received };
  }

  function listen(server: Server | ReturnType<typeof createServer>): Promise<number> {
    return new Promise((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port))
    );
  }

  it("is joined by an answer of 101 alone, with what was sent meanwhile in both directions", async () => {
    const proxy = await openProxy();
    const client = open(proxy.port, head("GET /ws HTTP/1.1", HANDSHAKE) + "early");
    const server = await proxy.arrived;
    client.write(" and later");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(proxy.received()).not.toContain("early");
    expect(proxy.received()).toMatch(/^GET \/ws HTTP\/1\.1\r\n/);
    server.write(
      head("HTTP/1.1 101 Switching Protocols", ["Upgrade: websocket", "Connection: Upgrade"]) + "hello",
    );
    await eventually("the early bytes", () => proxy.received().endsWith("early and later"));
    await eventually("the server's bytes", () => client.text().endsWith("\r\n\r\nhello"));
    const long = "x".repeat(3_000_000);
    server.write(long);
    client.write(long);
    await eventually("all of it", () => client.text().endsWith(long) && proxy.received().endsWith(long));
    server.end();
    await closing(client);
  });

  it("that the server refuses gives the refusal back whole, and neither side hears more of the other", async () => {
    const proxy = await openProxy();
    const client = open(proxy.port, head("GET /ws HTTP/1.1", HANDSHAKE) + "GET /second HTTP/1.1\r\n\r\n");
    const server = await proxy.arrived;
    server.write(head("HTTP/1.1 403 Forbidden", ["Content-Length: 2", "X-Reason: no"]) + "no");
    await closing(client);
    expect(client.text()).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n(?=.*X-Reason: no\r\n).*\r\n\r\nno$/is);
    expect(proxy.received()).not.toContain("/second");
  });

  it("ends at the server when the client has closed its side before the answer", async () => {
    const proxy = await openProxy();
    const client = open(proxy.port, head("GET /ws HTTP/1.1", HANDSHAKE));
    const server = await proxy.arrived;
    const closed = new Promise((resolve) => server.once("close", resolve));
    client.end();
    await closed;
    await closing(client);
  });

  it("ends with a client that sends more than a handshake has reason for", async () => {
    const proxy = await openProxy();
    const client = open(proxy.port, head("GET /ws HTTP/1.1", HANDSHAKE));
    await proxy.arrived;
    client.write("x".repeat(300_000));
    await closing(client);
    expect(proxy.received()).not.toContain("xx");
  });

  it("to a port where nobody listens is 503", async () => {
    const proxy = createServer();
    const silent = createTcpServer();
    const port = await listen(silent);
    await new Promise((resolve) => silent.close(resolve));
    proxy.on(
      "upgrade",
      (incoming, socket, early) =>
        void forwardUpgrade(incoming, socket, early, { port, path: "/", headers: {}, waitMs: 200 }),
    );
    servers.push(proxy);
    const client = open(await listen(proxy), head("GET /ws HTTP/1.1", HANDSHAKE));
    await closing(client);
    expect(client.answers()).toEqual(["HTTP/1.1 503 Service Unavailable"]);
  });
});
