import { join } from "node:path";
import { findFreePortBase } from "../../scripts/local/stack.ts";
import { isFree, type Ports, portsAt } from "../../scripts/local/ports.ts";
import { projectFolder } from "../../scripts/local/paths.ts";
import { delay } from "../../scripts/local/process_ids.ts";

/** A separate stack for a test of the commands: free ports, and a folder that is removed afterwards. */
export interface Place {
  portBase: number;
  ports: Ports;
  dataDir: string;
  remove(): Promise<void>;
}

/** Finds free ports and makes a folder. */
export async function newPlace(): Promise<Place> {
  const portBase = await findFreePortBase();
  const dataDir = await Deno.makeTempDir({ prefix: "tessera-test-" });
  return {
    portBase,
    ports: portsAt(portBase),
    dataDir,
    remove: () => Deno.remove(dataDir, { recursive: true }),
  };
}

/** A running command of the stack, with all it printed. */
export interface Command {
  pid: number;
  readonly printed: string;
  kill(signal: Deno.Signal): void;
  /** Its exit code. */
  ended: Promise<number>;
}

/** Runs scripts/<name>.ts as `deno task <name>` does. */
export function runScript(
  name: "start" | "stop" | "status" | "demo" | "seed",
  place: Place,
  ...args: string[]
): Command {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(projectFolder, "scripts", `${name}.ts`), ...args],
    cwd: projectFolder,
    env: { TESSERA_PORT_BASE: String(place.portBase), TESSERA_DATA_FOLDER: place.dataDir, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: true,
  }).spawn();
  let printed = "";
  const keep = async (output: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of output.pipeThrough(new TextDecoderStream())) printed += text;
  };
  const read = Promise.all([keep(child.stdout), keep(child.stderr)]);
  return {
    pid: child.pid,
    get printed() {
      return printed;
    },
    kill: (signal) => child.kill(signal),
    ended: Promise.all([child.status, read]).then(([status]) => status.code),
  };
}

/** Runs a command to its end. */
export async function finish(command: Command): Promise<{ code: number; printed: string }> {
  return { code: await command.ended, printed: command.printed };
}

/** Waits until something is so; fails with what was awaited when it takes too long. */
export async function until(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  timeoutMs = 20_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!await isSo()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await delay(30);
  }
}

/** Tells whether nothing of a stack listens. */
export async function isAllFree(ports: Partial<Ports>): Promise<boolean> {
  return (await Promise.all(Object.values(ports).map(isFree))).every(Boolean);
}

/** Signs up a new user and returns the token of Auth. */
export async function signUp(
  url: string,
  publishableKey: string,
): Promise<{ id: string; token: string; email: string }> {
  const email = `${crypto.randomUUID()}@example.com`;
  const response = await fetch(`${url}/auth/v1/signup`, {
    method: "POST",
    headers: { apikey: publishableKey, "content-type": "application/json" },
    body: JSON.stringify({ email, password: "correct horse" }),
  });
  const body = await response.json();
  return { id: body.user.id, token: body.access_token, email };
}
