import { join } from "node:path";

import { findFreePort } from "../../scripts/local/ports.ts";
import { run } from "../../scripts/local/run.ts";
import { CLIENTS, THREADS } from "../pgbench.ts";
import type { Outcome } from "../side.ts";
import type { Spread } from "./users.ts";
import { USER_COUNT } from "./users.ts";

/**
 * One charge as a careful Redis user would write it: claim the request, check the balance, charge, record the entry.
 */
const CHARGE = `
local user, request, amount = tonumber(ARGV[1]) % tonumber(ARGV[4]), ARGV[2], tonumber(ARGV[3])
if not redis.call('SET', 'request:' .. request, amount, 'NX', 'EX', 86400) then return 'duplicate' end
local balance = tonumber(redis.call('GET', 'balance:' .. user) or '0')
if balance < amount then
  redis.call('DEL', 'request:' .. request)
  return 'insufficient_tokens'
end
redis.call('DECRBY', 'balance:' .. user, amount)
redis.call('RPUSH', 'history:' .. user, request .. ' -' .. amount)
return balance - amount`;

const GRANT = `for user = 0, ${USER_COUNT - 1} do redis.call('SET', 'balance:' .. user, '1000000000000') end`;
const FIRST_COUNT = 20_000;
/** The largest number that redis-benchmark can draw. */
const ID_RANGE = 2_147_483_647;

/** A separate Redis that flushes every write before it responds (`appendfsync always`). */
export class Redis {
  #rates = new Map<string, number>();

  private constructor(
    readonly process: Deno.ChildProcess,
    readonly port: number,
    readonly chargeSha: string,
  ) {}

  /** Starts it in a folder below this one; undefined where Redis is not installed. */
  static async open(folder: string): Promise<Redis | undefined> {
    try {
      await run("redis-server", { args: ["--version"] });
    } catch {
      return undefined;
    }
    const port = await findFreePort();
    const data = join(folder, "redis");
    await Deno.mkdir(data);
    const settings = {
      port,
      dir: data,
      bind: "127.0.0.1",
      appendonly: "yes",
      appendfsync: "always",
      save: "",
    };
    const process = new Deno.Command("redis-server", {
      args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
      stdout: "null",
      stderr: "null",
    }).spawn();
    const cli = (...args: string[]) => run("redis-cli", { args: ["-p", String(port), ...args] });
    for (let tries = 0; (await cli("ping").catch(() => "")).trim() !== "PONG"; tries++) {
      if (tries > 100) throw new Error("Redis does not start");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await cli("eval", GRANT, "0");
    return new Redis(process, port, (await cli("script", "load", CHARGE)).trim());
  }

  /** Charges with Redis's own load generator, and as many clients as pgbench has. */
  async charge(spread: Spread, seconds: number, pipeline: number): Promise<Outcome> {
    const kind = `${spread} ${pipeline}`;
    const requests = Math.round((this.#rates.get(kind) ?? FIRST_COUNT) * seconds);
    const charge = ["evalsha", this.chargeSha, "0", "__rand_int__", "__rand_int__-__rand_int__", "2"];
    const printed = await run("redis-benchmark", {
      args: [
        ...["-p", String(this.port), "-c", String(CLIENTS), "--threads", String(THREADS), "--csv"],
        ...["-n", String(requests), "-r", String(ID_RANGE), "-P", String(pipeline)],
        ...charge,
        spread === "spread" ? String(USER_COUNT) : "1",
      ],
    });
    const cells = printed.trim().split("\n").at(-1)!.split(",").map((cell) =>
      Number(cell.replaceAll('"', ""))
    );
    const [, rate, , , p50Ms, , p99Ms] = cells as [number, number, number, number, number, number, number];
    this.#rates.set(kind, rate);
    return { count: rate * seconds, p50Ms, p99Ms };
  }

  async close(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.status;
  }
}
