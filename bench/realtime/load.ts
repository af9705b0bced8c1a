import type postgres from "postgres";

import { quantile } from "../statistics.ts";
import { type Address, type Client, heartbeat, openClient } from "./clients.ts";

/** How much is measured. */
export interface Load {
  clients: number;
  roomSize: number;
  perSecond: number;
  seconds: number;
}

/** What came of a load. */
export interface Loaded {
  joinP50Ms: number;
  joinP99Ms: number;
  /** From the commit's statement to the client. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  expected: number;
  received: number;
}

const JOINS_PER_SECOND = 100;
const HEARTBEAT_EVERY_MS = 20_000;
const LAST_ONES_MS = 5_000;

/** Broadcasts from the database to rooms of clients, at an even rate. */
export async function runLoad(address: Address, sql: postgres.Sql, load: Load): Promise<Loaded> {
  const rooms = Array.from(
    { length: load.clients / load.roomSize },
    () => `bench:${crypto.randomUUID()}`,
  );
  const latenciesMs: number[] = [];
  const clients = await openClients(address, load, rooms, (text) => {
    const sentMs = /"sent": (\d+\.?\d*)/.exec(text)?.[1];
    if (sentMs !== undefined) latenciesMs.push(Date.now() - Number(sentMs));
  });
  const beats = setInterval(() => clients.forEach(heartbeat), HEARTBEAT_EVERY_MS);
  try {
    const sentCount = await send(sql, rooms, load);
    const expected = sentCount * load.roomSize;
    const end = performance.now() + LAST_ONES_MS;
    while (latenciesMs.length < expected && performance.now() < end) await delay(50);
    const joinsMs = clients.map(({ joinMs }) => joinMs);
    return {
      joinP50Ms: quantile(joinsMs, 0.5),
      joinP99Ms: quantile(joinsMs, 0.99),
      p50Ms: quantile(latenciesMs, 0.5),
      p99Ms: quantile(latenciesMs, 0.99),
      maxMs: quantile(latenciesMs, 1),
      expected,
      received: latenciesMs.length,
    };
  } finally {
    clearInterval(beats);
    for (const { socket } of clients) {
      socket.onclose = null;
      socket.close();
    }
  }
}

async function openClients(
  address: Address,
  { clients: count, roomSize }: Load,
  rooms: string[],
  onText: (text: string) => void,
): Promise<Client[]> {
  const opening: Promise<Client>[] = [];
  for (let index = 0; index < count; index++) {
    opening.push(openClient(address, rooms[Math.floor(index / roomSize)]!, onText));
    await delay(1_000 / JOINS_PER_SECOND);
  }
  return await Promise.all(opening);
}

async function send(sql: postgres.Sql, rooms: string[], { perSecond, seconds }: Load): Promise<number> {
  const beganMs = performance.now();
  const sending: Promise<unknown>[] = [];
  const text = "x".repeat(100);
  for (;;) {
    const elapsedMs = performance.now() - beganMs;
    if (elapsedMs > seconds * 1_000) break;
    while (sending.length < elapsedMs / 1_000 * perSecond) {
      const room = rooms[sending.length % rooms.length]!;
      sending.push(sql`
        select realtime.send(
          jsonb_build_object('sent', extract(epoch from clock_timestamp()) * 1000, 'text', ${text}::text),
          'message', ${room}, false)`);
    }
    await delay(5);
  }
  await Promise.all(sending);
  return sending.length;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
