import type { RedisClientOptions } from "@redis/client";

import type { CommandLine } from "./script_source.ts";
import { SourceError } from "./source.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** A server that says nothing for so long is gone. */
const SILENCE_MS = 15_000;

/** How a Redis is reached. */
export interface RedisAddress {
  url: string;
  /** PEM, where the certificate's authority is not a public one. */
  caCertificate?: string;
}

/** Options for a connection that is opened once: a cursor must not go on at another server unnoticed. */
export function connectionOptions({ url, caCertificate }: RedisAddress): RedisClientOptions {
  const isTls = url.startsWith("rediss:");
  return {
    url,
    disableOfflineQueue: true,
    // Says at least who is connected, in CLIENT LIST.
    name: "tessera-token-manager",
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: false,
      ...(isTls ? { tls: true as const, ca: caCertificate } : {}),
    },
  };
}

/** Connects to one server. Throws SourceError. */
export async function connectRedis(address: RedisAddress): Promise<CommandLine> {
  const { createClient } = await import("@redis/client");
  const client = createClient(connectionOptions(address));
  client.on("error", () => {}); // the command under way fails, and says so
  try {
    await client.connect();
  } catch (cause) {
    client.destroy();
    throw new SourceError(`Redis at ${hostOf(address.url)} cannot be reached`, { cause });
  }
  return {
    address: hostOf(address.url),
    send: (args) => client.sendCommand(args).catch(asSourceError),
    // Nothing is under way that is still wanted.
    close: () => Promise.resolve(client.destroy()),
  };
}

/** Host and port, without user and password. */
export function hostOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || "6379"}`;
}

export function asSourceError(cause: unknown): never {
  throw new SourceError("Redis went away or refused a command", { cause });
}
