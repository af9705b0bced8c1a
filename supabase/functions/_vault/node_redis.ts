import type { RedisClientOptions } from "@redis/client";

import type { CommandLine } from "./script_source.ts";
import { SourceError } from "./source.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** A server that is silent for this long is gone. */
const SILENCE_MS = 15_000;

/** The address of a Redis. */
export interface RedisAddress {
  url: string;
  /** The certificate's authority as PEM, if it is not a public one. */
  caCertificate?: string;
}

/** Options for a connection that never reconnects: a cursor must not continue on another server unnoticed. */
export function connectionOptions({ url, caCertificate }: RedisAddress): RedisClientOptions {
  const isTls = url.startsWith("rediss:");
  return {
    url,
    disableOfflineQueue: true,
    // Shows in CLIENT LIST who is connected.
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
  client.on("error", () => {}); // the running command fails and reports it
  try {
    await client.connect();
  } catch (cause) {
    client.destroy();
    throw new SourceError(`Redis at ${hostOf(address.url)} cannot be reached`, { cause });
  }
  return {
    address: hostOf(address.url),
    send: (args) => client.sendCommand(args).catch(asSourceError),
    // No running command is still needed.
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
