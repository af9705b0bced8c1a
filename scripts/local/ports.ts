import { createServer } from "node:net";
import { readProjectConfig } from "./config.ts";
import { StackError } from "./errors.ts";
import { listenerOf } from "./listener.ts";

/** The ports of one stack, all on 127.0.0.1. */
export interface Ports {
  api: number;
  postgres: number;
  studio: number;
  functions: number;
  demoModel: number;
  lite: number;
}

const PURPOSES: Record<keyof Ports, string> = {
  api: "the API",
  postgres: "Postgres",
  studio: "the Studio",
  functions: "the functions process",
  demoModel: "the demo model server",
  lite: "REST, Auth and Storage",
};

/** The base that supabase/config.toml uses: the API's port less one. */
export function configuredPortBase(): number {
  return readProjectConfig().api.port - 1;
}

/** The base to use: TESSERA_PORT_BASE, or the one of supabase/config.toml. */
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

/** The ports of supabase/config.toml, moved to another base. */
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
  };
}

/** Tells whether nothing listens on a port of 127.0.0.1. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Fails with the name of the first port that is taken, who holds it where that can be told, and the fix. */
export async function requireFreePorts(ports: Ports): Promise<void> {
  for (const [name, port] of Object.entries(ports) as [keyof Ports, number][]) {
    if (await isFree(port)) continue;
    const holder = await listenerOf(port);
    throw new StackError(
      `Cannot start as port ${port} (${PURPOSES[name]}) is taken${holder ? ` by ${holder}` : ""}.\n` +
        `Stop that program, or use other ports: TESSERA_PORT_BASE=${await findFreePortBase()} deno task start`,
    );
  }
}

/** A base whose ports are all free now, for a second stack beside others. */
export async function findFreePortBase(): Promise<number> {
  const first = configuredPortBase() + 2_000;
  const offset = Math.floor(Math.random() * 300) * 10;
  for (let step = 0; step < 3_000; step += 10) {
    const base = first + ((offset + step) % 3_000);
    const free = await Promise.all(Object.values(portsAt(base)).map(isFree));
    if (free.every(Boolean)) return base;
  }
  throw new StackError("Cannot find a free range of ports above 56320");
}

/** One free port, chosen by the system. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port: 0, host: "127.0.0.1" }, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
