import { join } from "node:path";
import postgres from "postgres";

import { findFreePortBase, type Stack } from "../../scripts/local/stack.ts";
import { startUnlimitedStack } from "../../scripts/local/unlimited.ts";
import type { Effort } from "../interleave.ts";
import { makeUsers } from "../ledger/users.ts";
import { scriptOf } from "../ledger/scripts.ts";
import { Pgbench, requirePgbench } from "../pgbench.ts";
import { measure, type Report } from "../section.ts";
import { cpuMs } from "../server_cpu.ts";
import type { Side } from "../side.ts";
import { hearWhile, measureChanges } from "./changes.ts";
import { type Loaded, runLoad } from "./load.ts";
import { openSlowReader } from "./slow_reader.ts";
import { openClient } from "./clients.ts";

const CLIENTS = 500;
const ROOM_SIZE = 50;
const PER_SECOND = 100;
/** A minute with the usual effort. */
const LOAD_PER_SECOND_OF_EFFORT = 20;
const CHANGES_PER_SECOND_OF_EFFORT = 5;

/** Measures Realtime under load, and what following the database costs a charge. */
export async function measureRealtime(plain: Stack, effort: Effort, report: Report): Promise<void> {
  await requirePgbench();
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-bench-" });
  let live: Stack | undefined;
  try {
    live = await startUnlimitedStack({
      portBase: await findFreePortBase(),
      dataDir,
      quiet: true,
      realtime: true,
    });
    await measureStarts(report);
    await measureLoad(live, effort.seconds * LOAD_PER_SECOND_OF_EFFORT, report);
    await measureSlowReader(live, report);
    await measureChanges(live, effort.seconds * CHANGES_PER_SECOND_OF_EFFORT, report);
    await measureCharges(plain, live, effort, report);
  } finally {
    await live?.stop();
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** How long a stack takes to be there, with Realtime and without: with no data yet, and with its own. */
async function measureStarts(report: Report): Promise<void> {
  const rows: string[] = [];
  for (const realtime of [true, false]) {
    const dataDir = await Deno.makeTempDir({ prefix: "tessera-bench-" });
    const seconds: string[] = [];
    try {
      for (const _ of ["first", "second"]) {
        const beganMs = performance.now();
        const stack = await startUnlimitedStack({
          portBase: await findFreePortBase(),
          dataDir,
          quiet: true,
          realtime,
        });
        seconds.push(((performance.now() - beganMs) / 1_000).toFixed(1));
        await stack.stop();
      }
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
    rows.push(`| ${realtime ? "on" : "off"} | ${seconds[0]} s | ${seconds[1]} s |`);
  }
  report({
    title: "Realtime: the start of a stack",
    table: ["| Realtime | with no data yet | again |", "| --- | ---: | ---: |", ...rows].join("\n"),
  });
}

async function measureLoad(stack: Stack, seconds: number, report: Report): Promise<void> {
  const sql = postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });
  try {
    const address = { url: stack.url, publishableKey: stack.publishableKey };
    const load = { clients: CLIENTS, roomSize: ROOM_SIZE, perSecond: PER_SECOND };
    const idleMb = memoryMb(stack);
    await runLoad(address, sql, { ...load, seconds: 5 });
    const warmMb = memoryMb(stack);
    const [server, gateway] = [pidOf(stack, "realtime/main.ts"), pidOf(stack, "gateway.ts")];
    const before = [server, gateway].map(cpuMs);
    const loaded = await runLoad(address, sql, { ...load, seconds });
    const [serverUs, gatewayUs] = [server, gateway].map((pid, at) =>
      (cpuMs(pid) - before[at]!) * 1_000 / loaded.received
    );
    const afterMb = memoryMb(stack);
    report({
      title:
        `Realtime: ${CLIENTS} clients in rooms of ${ROOM_SIZE}, ${PER_SECOND} broadcasts a second from the database`,
      text:
        `For ${seconds} s, ${
          PER_SECOND * ROOM_SIZE
        } deliveries a second, through the gateway; the clients run beside it. ` +
        "Memory is the process's own, after a first load of 5 s and after the measured one.",
      table: loadTable(loaded, {
        idleMb,
        warmMb,
        afterMb,
        serverUs: serverUs!,
        gatewayUs: gatewayUs!,
      }),
    });
  } finally {
    await sql.end();
  }
}

/** What a load takes of the machine. */
interface Taken {
  idleMb: number;
  warmMb: number;
  afterMb: number;
  /** Of a processor, for one delivery; the joins are among it. */
  serverUs: number;
  gatewayUs: number;
}

function loadTable(loaded: Loaded, { idleMb, warmMb, afterMb, serverUs, gatewayUs }: Taken): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return [
    "| what | |",
    "| --- | ---: |",
    `| deliveries lost | ${loaded.expected - loaded.received} of ${loaded.expected} |`,
    `| from the statement to the client, p50 | ${ms(loaded.p50Ms)} |`,
    `| p99 | ${ms(loaded.p99Ms)} |`,
    `| the longest | ${ms(loaded.maxMs)} |`,
    `| a join, p50 | ${ms(loaded.joinP50Ms)} |`,
    `| p99 | ${ms(loaded.joinP99Ms)} |`,
    `| memory, idle | ${idleMb.toFixed(0)} MB |`,
    `| after 5 s of load | ${warmMb.toFixed(0)} MB |`,
    `| after the load | ${afterMb.toFixed(0)} MB |`,
    `| processor for a delivery, Realtime | ${serverUs.toFixed(1)} µs |`,
    `| the gateway | ${gatewayUs.toFixed(1)} µs |`,
  ].join("\n");
}

async function measureSlowReader(stack: Stack, report: Report): Promise<void> {
  const address = { url: stack.url, publishableKey: stack.publishableKey };
  const topic = `bench:${crypto.randomUUID()}`;
  const before = memoryMb(stack);
  let received = 0;
  const reader = await openClient(address, topic, () => received++);
  const { ended } = await openSlowReader(address, topic);
  let isOver = false;
  ended.then(() => isOver = true);
  let sent = 0;
  let mostMb = before;
  const payload = { text: "x".repeat(100_000) };
  while (!isOver && sent < 2_000) {
    await (await fetch(`${stack.url}/realtime/v1/api/broadcast`, {
      method: "POST",
      headers: { apikey: stack.publishableKey, "content-type": "application/json" },
      body: JSON.stringify({ messages: [{ topic, event: "e", payload }] }),
    })).text();
    sent++;
    mostMb = Math.max(mostMb, memoryMb(stack));
  }
  const tookMs = isOver ? await ended : NaN;
  await new Promise((resolve) => setTimeout(resolve, 500));
  reader.socket.onclose = null;
  reader.socket.close();
  report({
    title: "Realtime: a client that does not read",
    text: "Messages of 100 KB to a room with one that reads and one that does not.",
    table: [
      "| what | |",
      "| --- | ---: |",
      `| let go after | ${(tookMs / 1_000).toFixed(1)} s, ${sent} messages |`,
      `| heard meanwhile by the other | ${received} of ${sent} |`,
      `| memory before, and at most | ${before.toFixed(0)} MB, ${mostMb.toFixed(0)} MB |`,
    ].join("\n"),
  });
}

async function measureCharges(plain: Stack, live: Stack, effort: Effort, report: Report): Promise<void> {
  const sides: Side[] = [];
  for (const [name, stack] of [["without Realtime", plain], ["with Realtime", live]] as const) {
    const folder = join(stack.dataDir, `pgbench-realtime-${crypto.randomUUID()}`);
    await Deno.mkdir(folder);
    const pgbench = new Pgbench(folder, stack.databaseUrl);
    sides.push({
      name,
      async prepare() {
        const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
        try {
          await sql.unsafe(await Deno.readTextFile(join(import.meta.dirname!, "..", "ledger", "bare.sql")));
          await makeUsers(sql);
        } finally {
          await sql.end();
        }
      },
      run: (seconds: number) => pgbench.forSeconds(scriptOf("hold, settle", "spread"), seconds),
    });
  }
  const withRealtime = sides.at(-1)!;
  sides.push({
    name: "and one who hears every balance",
    run: (seconds) => hearWhile(live, "token_balances", () => withRealtime.run(seconds)),
  });
  report(
    await measure({
      title: "What logical replication costs a charge",
      text:
        "Hold and settle, on two databases that differ in `wal_level` and in that Realtime follows one of them; " +
        "the third side is the second with a channel that hears all changes of `token_balances`.",
      unit: "charges",
      reference: "without Realtime",
      sides,
    }, effort),
  );
}

/** Of the process that serves Realtime; files that it has mapped count as the system sees fit, and are left out. */
function memoryMb(stack: Stack): number {
  const status = Deno.readTextFileSync(`/proc/${pidOf(stack, "realtime/main.ts")}/status`);
  return Number(/RssAnon:\s+(\d+)/.exec(status)![1]) / 1_024;
}

function pidOf(stack: Stack, script: string): number {
  const state = JSON.parse(Deno.readTextFileSync(join(stack.dataDir, "state.json")));
  const found = (state.childPids as number[]).find((pid) =>
    Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(script)
  );
  if (found === undefined) throw new Error(`${script} does not run`);
  return found;
}
