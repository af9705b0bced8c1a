import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import { findFreePort } from "../../scripts/local/ports.ts";

export interface TestRedis {
  /** As REDIS_URL wants it. */
  url: string;
  port: number;
  stop(): Promise<void>;
}

const PATIENCE_MS = 10_000;
/** Somebody else may take a port that was free a moment ago. */
const TRIES = 10;

/** Starts a redis-server on a free port of 127.0.0.1 that keeps nothing; the caller stops it. */
export async function startRedis({ args = [] }: { args?: string[] } = {}): Promise<TestRedis> {
  for (let left = TRIES; left > 0; left--) {
    const redis = await tryToStart(await findFreePort(), args);
    if (redis) return redis;
  }
  throw new Error(`redis-server ended ${TRIES} times while it started; its arguments: ${args.join(" ")}`);
}

async function tryToStart(port: number, args: string[]): Promise<TestRedis | undefined> {
  const server = spawn("redis-server", [
    ...["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    ...["--dir", "/tmp", "--dbfilename", `tessera-${port}.rdb`],
    ...args,
  ], { stdio: ["ignore", "pipe", "inherit"] });
  if (!await isReady(server)) return undefined;
  // Nobody waits for a test that was killed to stop its server.
  const kill = () => server.kill("SIGKILL");
  globalThis.addEventListener("unload", kill);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    async stop() {
      globalThis.removeEventListener("unload", kill);
      if (server.exitCode !== null || server.signalCode !== null) return;
      const exit = once(server, "exit");
      kill();
      await exit;
    },
  };
}

/** Whether it takes connections; false when it ended before. */
async function isReady(server: ChildProcess): Promise<boolean> {
  let printed = "";
  return await new Promise<boolean>((resolve, reject) => {
    const timer = setTimeout(() => {
      server.kill("SIGKILL");
      reject(new Error(`redis-server is not ready after ${PATIENCE_MS} ms; it printed:\n${printed}`));
    }, PATIENCE_MS);
    const end = (isReady: boolean) => {
      clearTimeout(timer);
      resolve(isReady);
    };
    server.on("error", (error: Error & { code?: string }) => {
      clearTimeout(timer);
      reject(
        error.code === "ENOENT"
          ? new Error("redis-server is not installed; on Debian: apt-get install redis-server")
          : error,
      );
    });
    server.on("exit", () => end(false));
    server.stdout!.on("data", (chunk) => {
      printed += chunk;
      if (printed.includes("Ready to accept connections")) end(true);
    });
  });
}
