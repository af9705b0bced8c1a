import { createServer } from "node:net";
import { readProjectConfig } from "./config.ts";
import { StackError } from "./errors.ts";
import { holderOf } from "./listener.ts";

/** The ports of one stack, all on 127.0.0.1. */
export interface Ports {
  api: number;
  postgres: number;
  studio: number;
  functions: number;
  demoModel: number;
  lite: number;
  realtime: number;
}

const PURPOSES: Record<keyof Ports, string> = {
  api: "the API",
  postgres: "Postgres",
  studio: "the Studio",
  functions: "the functions process",
  demoModel: "the demo model server",
  lite: "REST, Auth and Storage",
  realtime: "Realtime",
};

/** The base of supabase/config.toml: the API's port minus one. */
export function configuredPortBase(): number {
  return readProjectConfig().api.port - 1;
}

/** The port base: TESSERA_PORT_BASE, or that of supabase/config.toml. */
export function portBaseFromEnvironment(): number {
  const value = Deno.env.get("TESSERA_PORT_BASE");
  if (!value) return configuredPortBase();
  const base = Number(value);
  if (!Number.isInteger(base) || base < 1024 || base > 65_500) {
    throw new StackError(
      `Cannot use TESSERA_PORT_BASE as it is not a whole number from 1024 to 65500: ${value}`,
    );
  }
  return base;
}

/** The ports of supabase/config.toml, shifted to another base. */
export function portsAt(portBase: number): Ports {
  const config = readProjectConfig();
  const configuredBase = config.api.port - 1;
  return {
    api: portBase + config.api.port - configuredBase,
    postgres: portBase + config.db.port - configuredBase,
    studio: portBase + config.studio.port - configuredBase,
    functions: portBase + 5,
    demoModel: portBase + 6,
    lite: portBase + 8,
    realtime: portBase + 9,
  };
}

/** Whether a port of 127.0.0.1 is free. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Throws for the first port that is taken, with its name, its owner if known, and how to fix it. */
export async function requireFreePorts(ports: Ports): Promise<void> {
  for (const [name, port] of Object.entries(ports) as [keyof Ports, number][]) {
    if (await isFree(port)) continue;
    const holder = await holderOf(port);
    throw new StackError(
      `Cannot start as port ${port} (${PURPOSES[name]}) is taken${holder ? ` by ${holder}` : ""}.\n` +
        `Stop that program, or use other ports: TESSERA_PORT_BASE=${await findFreePortBase()} deno task start`,
    );
  }
}

/**
 * The searched ports: below those that systems use for outgoing connections (from 32768 on Linux, from 49152 on
 * macOS), because one of these could be taken before it is listened on.
 */
const SEARCHED = { first: 20_000, count: 12_000 };
const RANGE_LENGTH = 10;

/** A base whose ports are all free now, for a second stack. */
export async function findFreePortBase(): Promise<number> {
  for (const base of stepsFromAnywhere(RANGE_LENGTH)) {
    const free = await Promise.all(Object.values(portsAt(base)).map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw nothingFree("range of ports");
}

/** A port that is free now. */
export async function findFreePort(): Promise<number> {
  for (const port of stepsFromAnywhere(1)) if (await isFree(port)) return port;
  throw nothingFree("port");
}

/** The searched ports in steps, starting at a random one, each once. */
function* stepsFromAnywhere(step: number): Generator<number> {
  const { first, count } = SEARCHED;
  const offset = Math.floor(Math.random() * count / step) * step;
  for (let moved = 0; moved < count; moved += step) yield first + ((offset + moved) % count);
}

function nothingFree(what: string): StackError {
  const { first, count } = SEARCHED;
  return new StackError(`Cannot find a free ${what} from ${first} to ${first + count - 1}`);
}
