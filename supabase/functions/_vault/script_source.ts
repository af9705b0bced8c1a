import { COUNT_SCRIPT, PAGE_SCRIPT, PROBE_SCRIPT, VALUES_SCRIPT } from "./scripts.ts";
import { type KeyPage, type KeyValue, MARKS, SourceError, TOO_LARGE, type VaultSource } from "./source.ts";

/** Errors of servers that refuse a script, or what it does. */
const FORBIDDEN = /undeclared key|^NOPERM|unknown command|not allowed|not supported|disabled/i;

/** A connection to one Redis server. */
export interface CommandLine {
  /** Identifies a server that does not report its own id. */
  address: string;
  send(args: string[]): Promise<unknown>;
  close(): Promise<void>;
}

/** Reads keys with scripts that run in Redis: values of unchanged keys never leave it. */
export class ScriptSource implements VaultSource {
  roundTrips = 0;
  valuesRead = 0;
  bytesRead = 0;
  /** How many values are requested at once: fewer after the server refused a response as too large. */
  private maxNames = Infinity;

  constructor(private readonly line: CommandLine) {}

  /**
   * Whether the server runs scripts that read undeclared keys. Dragonfly does not, nor does a server whose operator
   * forbids scripts. Throws SourceError when it does not answer.
   */
  async canRunScripts(): Promise<boolean> {
    try {
      await this.evaluate(PROBE_SCRIPT);
      return true;
    } catch (error) {
      if (error instanceof SourceError && FORBIDDEN.test(error.refusal)) return false;
      throw error;
    }
  }

  async serverId(): Promise<string> {
    return runIdIn(await this.send("INFO", "server")) ?? this.line.address;
  }

  async page(cursor: string, salt: string, count: number): Promise<KeyPage> {
    const reply = await this.evaluate(PAGE_SCRIPT, cursor, salt, String(count));
    if (!Array.isArray(reply) || reply.length !== 6) throw unexpected();
    const [next, names, fingerprints, ttlsMs, found, unusable] = reply;
    const page: KeyPage = {
      cursor: String(next),
      names: String(names),
      fingerprints: String(fingerprints),
      ttlsMs: String(ttlsMs),
      count: Number(found),
      unusableCount: Number(unusable),
    };
    this.bytesRead += page.names.length + page.fingerprints.length + page.ttlsMs.length;
    return page;
  }

  async values(names: string[], salt: string): Promise<KeyValue[]> {
    if (names.length > this.maxNames) return await this.halves(names, salt);
    try {
      return await this.fetch(names, salt);
    } catch (error) {
      const isTooLarge = error instanceof SourceError && TOO_LARGE.test(error.refusal);
      if (!isTooLarge || names.length === 1) throw error;
      this.maxNames = Math.ceil(names.length / 2);
      return await this.halves(names, salt);
    }
  }

  private async halves(names: string[], salt: string): Promise<KeyValue[]> {
    const middle = Math.ceil(names.length / 2);
    const first = await this.values(names.slice(0, middle), salt);
    return [...first, ...await this.values(names.slice(middle), salt)];
  }

  private async fetch(names: string[], salt: string): Promise<KeyValue[]> {
    const reply = await this.evaluate(VALUES_SCRIPT, salt, names.join());
    if (!Array.isArray(reply) || !Array.isArray(reply[0])) throw unexpected();
    const fingerprints = String(reply[1]).split(",");
    const ttlsMs = String(reply[2]).split(",");
    this.valuesRead += reply[0].length;
    return reply[0].map((value: unknown, index: number) => {
      const fingerprint = fingerprints[index] ?? "";
      const isGone = fingerprint === "";
      const hasValue = !isGone && fingerprint !== MARKS.wrongType && fingerprint !== MARKS.tooLong;
      const text = hasValue ? String(value) : undefined;
      this.bytesRead += text?.length ?? 0;
      return {
        value: text,
        isGone,
        fingerprint,
        ttlMs: Number(ttlsMs[index]),
      };
    });
  }

  async count(maxMs: number): Promise<number | undefined> {
    const end = performance.now() + maxMs;
    let count = 0;
    let cursor = "0";
    do {
      const reply = await this.evaluate(COUNT_SCRIPT, cursor);
      if (!Array.isArray(reply)) throw unexpected();
      cursor = String(reply[0]);
      count += Number(reply[1]);
      if (cursor !== "0" && performance.now() > end) return undefined;
    } while (cursor !== "0");
    return count;
  }

  close(): Promise<void> {
    return this.line.close();
  }

  private evaluate(script: string, ...args: string[]): Promise<unknown> {
    return this.send("EVAL", script, "0", ...args);
  }

  private send(...args: string[]): Promise<unknown> {
    this.roundTrips++;
    return this.line.send(args);
  }
}

/** The id of a Redis server, new at each start. */
export function runIdIn(info: unknown): string | undefined {
  return typeof info === "string" ? /^run_id:(\w+)/m.exec(info)?.[1] : undefined;
}

function unexpected(): SourceError {
  return new SourceError("Redis answered something else than was asked for");
}
