import { Buffer } from "node:buffer";

import { fingerprintOf } from "./fingerprints.ts";
import { asSourceError, connectionOptions, hostOf, type RedisAddress } from "./node_redis.ts";
import { runIdIn } from "./script_source.ts";
import {
  ACCOUNT_NAME,
  KEY_PREFIX,
  type KeyPage,
  type KeyValue,
  MARKS,
  MAX_VALUE_BYTES,
  SourceError,
  type VaultSource,
} from "./source.ts";

type Send = (args: string[]) => Promise<unknown>;

/** A Redis server, or a cluster's servers with keys. */
interface Servers {
  address: string;
  /** One per server, in a stable order. */
  nodes: Send[];
  /** Sends a command to the key's server. */
  sendTo(key: string, args: string[]): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Reads keys with plain commands, including values: for clusters, and for servers that forbid scripts. A key is read
 * with two commands, between which it may change or expire; the next sync corrects the result.
 */
export class PlainSource implements VaultSource {
  roundTrips = 0;
  valuesRead = 0;
  bytesRead = 0;

  private constructor(private readonly servers: Servers) {}

  /** Connects. Throws SourceError. */
  static async connect(address: RedisAddress): Promise<PlainSource> {
    try {
      return new PlainSource(await connectServers(address));
    } catch (cause) {
      throw new SourceError(`Redis at ${hostOf(address.url)} cannot be reached`, { cause });
    }
  }

  async serverId(): Promise<string> {
    const { nodes, address } = this.servers;
    const ids = await Promise.all(
      nodes.map(async (send) => runIdIn(textOf(await this.ask(send, "INFO", "server")))),
    );
    return ids.map((id) => id ?? address).join();
  }

  async page(cursor: string, salt: string, count: number): Promise<KeyPage> {
    const { nodes } = this.servers;
    const [index, nodeCursor] = cursor.includes(":")
      ? cursor.split(":", 2) as [string, string]
      : ["0", cursor];
    const send = nodes[Number(index)];
    if (!send) throw new SourceError("The cluster has fewer servers than a moment ago");
    const reply = await this.ask(send, "SCAN", nodeCursor, "MATCH", `${KEY_PREFIX}*`, "COUNT", String(count));
    if (!Array.isArray(reply) || !Array.isArray(reply[1])) {
      throw new SourceError("Redis answered no keys to SCAN");
    }
    const names = reply[1].map((key) => textOf(key).slice(KEY_PREFIX.length));
    const usable = names.filter((name) => ACCOUNT_NAME.test(name));
    const values = await this.values(usable, salt);
    const present = usable.map((name, at) => ({ name, ...values[at]! })).filter(({ isGone }) => !isGone);
    return {
      cursor: this.after(Number(index), textOf(reply[0])),
      names: present.map(({ name }) => name).join(),
      fingerprints: present.map(({ fingerprint }) => fingerprint).join(),
      ttlsMs: present.map(({ ttlMs }) => ttlMs).join(),
      count: present.length,
      unusableCount: names.length - usable.length,
    };
  }

  async values(names: string[], salt: string): Promise<KeyValue[]> {
    if (names.length > 0) this.roundTrips++;
    return await Promise.all(names.map(async (name): Promise<KeyValue> => {
      const key = KEY_PREFIX + name;
      const { sendTo } = this.servers;
      const [value, ttl] = await Promise.all([
        sendTo(key, ["GET", key]).catch((error) =>
          isWrongType(error) ? MARKS.wrongType : asSourceError(error)
        ),
        sendTo(key, ["PTTL", key]).catch(asSourceError),
      ]);
      this.valuesRead++;
      if (value instanceof Buffer) this.bytesRead += value.length;
      return keyValue(value, Number(ttl), salt);
    }));
  }

  async count(maxMs: number): Promise<number | undefined> {
    const end = performance.now() + maxMs;
    let count = 0;
    for (const send of this.servers.nodes) {
      let cursor = "0";
      do {
        const reply = await this.ask(send, "SCAN", cursor, "MATCH", `${KEY_PREFIX}*`, "COUNT", "5000");
        if (!Array.isArray(reply)) throw new SourceError("Redis answered no keys to SCAN");
        cursor = textOf(reply[0]);
        count += (reply[1] as unknown[]).length;
        if (performance.now() > end) return undefined;
      } while (cursor !== "0");
    }
    return count;
  }

  close(): Promise<void> {
    return this.servers.close();
  }

  /** The cursor after a page of one server: after its last page, the next server's first page. */
  private after(index: number, nodeCursor: string): string {
    const { length } = this.servers.nodes;
    if (nodeCursor !== "0") return length === 1 ? nodeCursor : `${index}:${nodeCursor}`;
    return index + 1 === length ? "0" : `${index + 1}:0`;
  }

  private ask(send: Send, ...args: string[]): Promise<unknown> {
    this.roundTrips++;
    return send(args).catch(asSourceError);
  }
}

function keyValue(value: unknown, ttlMs: number, salt: string): KeyValue {
  if (value === null || ttlMs === -2) return { isGone: true, fingerprint: "", ttlMs: -2 };
  if (value === MARKS.wrongType) return { isGone: false, fingerprint: MARKS.wrongType, ttlMs };
  const bytes = value as Buffer;
  if (bytes.length > MAX_VALUE_BYTES) return { isGone: false, fingerprint: MARKS.tooLong, ttlMs };
  return { value: bytes.toString(), isGone: false, fingerprint: fingerprintOf(salt, bytes), ttlMs };
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("WRONGTYPE");
}

function textOf(value: unknown): string {
  return value instanceof Buffer ? value.toString() : String(value);
}

async function connectServers(address: RedisAddress): Promise<Servers> {
  const { createClient, createCluster, RESP_TYPES } = await import("@redis/client");
  // A digest covers the raw bytes.
  const options = {
    ...connectionOptions(address),
    commandOptions: {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.VERBATIM_STRING]: Buffer },
    },
  };
  const client = createClient(options);
  client.on("error", () => {}); // the running command fails and reports it
  try {
    await client.connect();
    if (!textOf(await client.sendCommand(["INFO", "server"])).includes("redis_mode:cluster")) {
      const send: Send = (args) => client.sendCommand(args);
      return {
        address: hostOf(address.url),
        nodes: [send],
        sendTo: (_key, args) => send(args),
        close: () => Promise.resolve(client.destroy()),
      };
    }
  } catch (error) {
    client.destroy();
    throw error;
  }
  client.destroy();
  const { url: _url, commandOptions, ...defaults } = options;
  const { username, password } = new URL(address.url);
  const cluster = createCluster({
    rootNodes: [{ url: address.url }],
    defaults: {
      ...defaults,
      username: username ? decodeURIComponent(username) : undefined,
      password: password ? decodeURIComponent(password) : undefined,
    },
    commandOptions,
  });
  cluster.on("error", () => {});
  try {
    await cluster.connect();
    const masters = cluster.masters.toSorted((one, other) => one.id < other.id ? -1 : 1);
    const clients = await Promise.all(masters.map((master) => cluster.nodeClient(master)));
    return {
      address: hostOf(address.url),
      nodes: clients.map((one) => (args) => one.sendCommand(args)),
      sendTo: (key, args) => cluster.sendCommand(key, true, args),
      close: () => Promise.resolve(cluster.destroy()),
    };
  } catch (error) {
    cluster.destroy();
    throw error;
  }
}
