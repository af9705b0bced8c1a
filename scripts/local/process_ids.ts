import { readFileSync } from "node:fs";
import process from "node:process";
import { run } from "./run.ts";

/** Whether a process with this pid is running; a zombie is not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
  if (Deno.build.os !== "linux") return true;
  try {
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    return status.slice(status.lastIndexOf(")") + 2, status.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

/** The command line of a process; empty if unknown. */
export async function commandLineOf(pid: number): Promise<string> {
  if (Deno.build.os === "linux") {
    return (await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "")).replaceAll("\0", " ");
  }
  return await run("ps", { args: ["-o", "args=", "-p", String(pid)] }).catch(() => "");
}

/** Waits until a process is gone. Returns false if it still exists after the timeout. */
export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (isAlive(pid)) {
    if (Date.now() > end) return false;
    await delay(20);
  }
  return true;
}

/** Resolves after a time. */
export function delay(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
