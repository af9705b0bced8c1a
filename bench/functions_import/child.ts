// Prints the time and CPU time of importing a module in a process that has loaded nothing yet.
import { cpuUsage } from "node:process";

const before = cpuUsage();
const startedAt = performance.now();
await import(Deno.args[0]!);
const durationMs = performance.now() - startedAt;
const { user, system } = cpuUsage(before);
console.log(JSON.stringify({ durationMs, cpuMs: (user + system) / 1_000 }));
Deno.exit(0);
