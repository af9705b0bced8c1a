import { StackError } from "../local/errors.ts";
import { commandLineOf } from "../local/process_ids.ts";
import { readState } from "../local/state.ts";

/** Megabytes by the name of a part of the stack. */
export type MemoryMb = Record<string, number>;

/**
 * The memory of each part of a stack, for Postgres the sum over its processes: only private resident memory, because
 * shared buffers and mapped programs would count again for each Postgres process.
 */
export async function readMemory(dataDir: string): Promise<MemoryMb> {
  const state = await readState(dataDir);
  if (!state) throw new StackError(`Cannot measure memory as no stack runs in ${dataDir}`);
  const memory: MemoryMb = {};
  for (const pid of state.childPids) {
    const name = /scripts\/local\/(?!with_parent)(\w+)\.ts/.exec(await commandLineOf(pid))?.[1];
    if (name) memory[name.replace("_", "-")] = await residentMb(pid);
  }
  const postmaster = parseInt(await Deno.readTextFile(`${state.pgdata}/postmaster.pid`));
  const family = [postmaster, ...await childrenOf(postmaster)];
  memory.postgres = (await Promise.all(family.map(residentMb))).reduce((sum, one) => sum + one, 0);
  return memory;
}

/** Only Linux reports it; elsewhere a soak cannot run. */
export function requireMemoryFigures(): void {
  if (Deno.build.os === "linux") return;
  throw new StackError("Cannot soak here: the memory of processes is read from /proc, which Linux has");
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`).catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

/** 0 for a process that has ended meanwhile. */
async function residentMb(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}
