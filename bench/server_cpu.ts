import type postgres from "postgres";

const TICK_MS = 10;
/** The server counts a connection's CPU time once it has reaped its process. */
const REAP_MS = 150;

/** The CPU time of all connections that have ended so far; undefined if the system does not report it. */
export async function serverCpuMs(sql: postgres.Sql): Promise<number | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  await new Promise((resolve) => setTimeout(resolve, REAP_MS));
  const [{ pid }] = await sql<[{ pid: number }]>`select pg_backend_pid() as pid`;
  const [, parent] = fieldsOf(pid);
  const fields = fieldsOf(Number(parent));
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

/** The CPU time that a process has taken so far. */
export function cpuMs(pid: number): number {
  const fields = fieldsOf(pid);
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** The fields of /proc/<pid>/stat after the name, from the state on. */
function fieldsOf(pid: number): string[] {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}
