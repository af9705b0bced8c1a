import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { connect as connectSocket, createServer, type Socket } from "node:net";
import { createClient } from "@redis/client";

import { type Keyring, KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";
import { type VaultDatabase, vaultDatabase } from "../../supabase/functions/_vault/database.ts";
import { connectRedis } from "../../supabase/functions/_vault/node_redis.ts";
import { PlainSource } from "../../supabase/functions/_vault/plain_source.ts";
import { ScriptSource } from "../../supabase/functions/_vault/script_source.ts";
import type { VaultSource } from "../../supabase/functions/_vault/source.ts";
import { serviceClient } from "./stack.ts";

export const PLENTY = { wallMs: 60_000, cpuMs: 60_000 };

/** A name for one test alone. */
export function newSourceName(): string {
  return `test-${crypto.randomUUID()}`;
}

/** A main account of its own, as Apex names them. */
export function newTrader(): string {
  return String(100_000_000 + Math.floor(Math.random() * 899_999_999));
}

/** A JWT as brokers make them; its signature is of nobody's. */
export function jwt(claims: Record<string, unknown> = {}): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const head = { alg: "RS256", typ: "JWT" };
  return `${encode(head)}.${encode({ sub: crypto.randomUUID(), ...claims })}.${
    randomBytes(32).toString("base64url")
  }`;
}

export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds;
}

export function newKeyText(id: string): string {
  return `${id}:${randomBytes(32).toString("base64")}`;
}

export function keyringOf(...keys: string[]): Keyring {
  return KeyringText.parse(keys.join());
}

/** The RPCs over REST, as functions call them. */
export function restDatabase(): VaultDatabase {
  const client = serviceClient();
  return vaultDatabase(async (name, args) => {
    const { data, error } = await client.rpc(name, args);
    if (error) throw error;
    return data;
  });
}

export type RedisClient = Awaited<ReturnType<typeof openClient>>;

/** A client for what a test writes. */
export async function openClient(url: string) {
  const client = createClient({ url });
  client.on("error", () => {});
  await client.connect();
  return client;
}

export async function openSource(url: string, mode: "lua" | "plain" = "lua"): Promise<VaultSource> {
  return mode === "plain"
    ? await PlainSource.connect({ url })
    : new ScriptSource(await connectRedis({ url }));
}

/** Redis as Dragonfly is in this: a script may touch no key that it was not told of. */
export async function openStrictProxy(port: number) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectSocket(port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (client.destroy(), upstream.destroy()));
    }
    client.on("data", (chunk) => {
      if (/\r\nEVAL\r\n/.test(chunk.toString())) {
        client.write("-ERR script tried accessing undeclared key\r\n");
      } else upstream.write(chunk);
    });
    upstream.on("data", (chunk) => client.write(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `redis://127.0.0.1:${(server.address() as { port: number }).port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A TCP proxy that cuts every connection after so many bytes of answers. */
export async function openCuttingProxy(port: number, maxBytes: number) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectSocket(port, "127.0.0.1");
    let left = maxBytes;
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", cut);
      socket.on("close", cut);
    }
    client.on("data", (chunk) => upstream.write(chunk));
    upstream.on("data", (chunk) => {
      left -= chunk.length;
      if (left < 0) return cut();
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  return {
    url: `redis://127.0.0.1:${address.port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
