import { join } from "node:path";
import process from "node:process";

import { StackError } from "../../scripts/local/errors.ts";
import { functionsEnvironment } from "../../scripts/local/functions_environment.ts";
import { functionsFolder } from "../../scripts/local/paths.ts";
import { readSecrets } from "../../scripts/local/secrets.ts";
import { type Stack, startFunctions } from "../../scripts/local/stack.ts";
import { open, sealAll } from "../../supabase/functions/_shared/security/envelope.ts";
import { KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";
import { startRedis } from "../../tests/support/redis.ts";
import type { Effort } from "../interleave.ts";
import { count, table } from "../markdown.ts";
import type { Report } from "../section.ts";
import { median, quantile } from "../statistics.ts";
import { accountOf, newToken, setTokens } from "./keys_of_redis.ts";
import type { Cost } from "./sync_once.ts";

const KEYS = 100_000;
const CHANGED = KEYS / 100;
const READS = 500;
const SEALS = 20_000;

/** The cost of copying 100,000 tokens, and of reading one. */
export async function measureTokens(stack: Stack, { rounds }: Effort, report: Report): Promise<void> {
  const redis = await startRedis().catch((error) => {
    throw new StackError(error.message);
  });
  try {
    await setTokens(redis.url, 0, KEYS);
    const scans: [string, Cost[][]][] = [
      ["cold: all are new", [await syncWhole(stack, redis.url)]],
      ["warm: nothing has changed", await repeat(rounds, () => syncWhole(stack, redis.url))],
      [
        "1 % has changed",
        await repeat(rounds, async () => {
          await setTokens(redis.url, 0, CHANGED);
          return await syncWhole(stack, redis.url);
        }),
      ],
      ["warm, plain commands", [await syncWhole(stack, redis.url, { REDIS_SCAN_MODE: "plain" })]],
    ];
    report({
      title: `Copying ${count(KEYS)} tokens from Redis`,
      text:
        "Values of 800 characters; every invocation is a process of its own, which rests when its work counts as " +
        "1,400 ms of CPU and goes on in the next one. Counted is what the budget takes the work for, so that it holds " +
        "where no CPU is told: it must not be below CPU. CPU is the process's, what the engine does beside the program and the loading of the " +
        "Redis client included; memory is the process's peak, in brackets what it had before it began. Medians of " +
        `${rounds} rounds; cold and plain are measured once.`,
      table: table(
        [
          "",
          "invocations",
          "wall s",
          "CPU s, all",
          "counted s",
          "of it loading",
          "CPU s, most",
          "peak MB",
          "trips to Redis",
          "to Postgres",
        ],
        scans.map(([name, scan]) => rowOf(name, scan)),
      ),
    });
    report(await sealing());
    report(await reading(stack));
  } finally {
    await redis.stop();
  }
}

function rowOf(name: string, scans: Cost[][]): string[] {
  const of = (value: (costs: Cost[]) => number) => median(scans.map(value));
  const sum = (costs: Cost[], value: (cost: Cost) => number) =>
    costs.reduce((all, cost) => all + value(cost), 0);
  const most = (costs: Cost[], value: (cost: Cost) => number) => Math.max(...costs.map(value));
  return [
    name,
    String(of((costs) => costs.length)),
    (of((costs) => sum(costs, ({ wallMs }) => wallMs)) / 1_000).toFixed(2),
    (of((costs) => sum(costs, ({ cpuMs }) => cpuMs)) / 1_000).toFixed(2),
    (of((costs) => sum(costs, ({ countedCpuMs }) => countedCpuMs)) / 1_000).toFixed(2),
    (of((costs) => sum(costs, ({ loadingCpuMs }) => loadingCpuMs)) / 1_000).toFixed(2),
    (of((costs) => most(costs, ({ cpuMs }) => cpuMs)) / 1_000).toFixed(2),
    `${of((costs) => most(costs, ({ peakMb }) => peakMb)).toFixed(0)} (${
      of((costs) => most(costs, ({ baseMb }) => baseMb)).toFixed(0)
    })`,
    count(of((costs) => sum(costs, ({ redisTrips }) => redisTrips))),
    count(of((costs) => sum(costs, ({ databaseTrips }) => databaseTrips))),
  ];
}

async function repeat<Result>(times: number, work: () => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let time = 0; time < times; time++) results.push(await work());
  return results;
}

/** Calls sync until it is complete. */
async function syncWhole(
  stack: Stack,
  redisUrl: string,
  overrides: Record<string, string> = {},
): Promise<Cost[]> {
  const environment = functionsEnvironment(stack.ports, await readSecrets(stack.dataDir), functionsFolder, {
    REDIS_URL: redisUrl,
    ...overrides,
  });
  const costs: Cost[] = [];
  do {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", join(import.meta.dirname!, "sync_once.ts")],
      env: environment,
      stdout: "piped",
      stderr: "inherit",
    }).output();
    if (code !== 0) throw new StackError("A sync failed");
    costs.push(JSON.parse(new TextDecoder().decode(stdout)));
  } while (!costs.at(-1)!.isComplete);
  return costs;
}

/** The CPU time of the encryption itself. */
async function sealing() {
  const keyring = KeyringText.parse(`bench:${btoa("x".repeat(32))}`);
  const tokens = Array.from({ length: SEALS }, (_, number) => newToken(number));
  let sealed: string[] = [];
  const cpuMs = async (work: () => Promise<unknown>) => {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  const secrets = tokens.map((secret, number) => ({ secret, place: accountOf(number) }));
  const sealMs = await cpuMs(async () => sealed = await sealAll(keyring, secrets));
  const openMs = await cpuMs(async () => {
    for (const [number, envelope] of sealed.entries()) await open(keyring, envelope, accountOf(number));
  });
  const row = (
    name: string,
    ms: number,
  ) => [name, (ms * 1_000 / SEALS).toFixed(1), (ms * KEYS / SEALS / 1_000).toFixed(2)];
  return {
    title: "Encrypting tokens",
    table: table(["", "CPU µs each", `CPU s for ${count(KEYS)}`], [
      row("encrypt", sealMs),
      row("decrypt", openMs),
    ]),
  };
}

/** Reads through the gateway, one after the other; each is written to the access log. */
async function reading(stack: Stack) {
  const functions = await startFunctions({
    portBase: stack.portBase,
    dataDir: stack.dataDir,
    folder: functionsFolder,
    env: { REDIS_URL: "" },
  });
  try {
    const took: number[] = [];
    for (let read = -20; read < READS; read++) {
      const startedAt = performance.now();
      const account = accountOf((Math.abs(read) * 7_919) % KEYS);
      const response = await fetch(
        `${functions.url}/functions/v1/token-manager?action=get&account=${account}`,
        {
          headers: { apikey: stack.secretKey },
        },
      );
      const { token } = await response.json();
      if (!token) throw new StackError(`No token of ${account}: ${response.status}`);
      if (read >= 0) took.push(performance.now() - startedAt);
    }
    return {
      title: `Getting one of ${count(KEYS)} tokens`,
      text: `${READS} reads over HTTP, one after the other, audited and decrypted.`,
      table: table(["", "p50 ms", "p99 ms"], [[
        "get",
        quantile(took, 0.5).toFixed(2),
        quantile(took, 0.99).toFixed(2),
      ]]),
    };
  } finally {
    await functions.stop();
  }
}
