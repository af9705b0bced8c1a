import { databaseUrl } from "./database_url.ts";
import { StackError } from "./errors.ts";
import { defaultDataFolder, exists } from "./paths.ts";
import { portBaseFromEnvironment, type Ports, portsAt } from "./ports.ts";
import { readSecrets, type Secrets } from "./secrets.ts";
import { isRunning } from "./state.ts";

/** A stack that another process runs: its URLs and keys. */
export interface RunningStack {
  portBase: number;
  dataDir: string;
  ports: Ports;
  secrets: Secrets;
  url: string;
  /** As role postgres. */
  databaseUrl: string;
}

/** The running stack on the ports of this project and environment. Throws StackError if there is none. */
export async function findRunningStack(): Promise<RunningStack> {
  const portBase = portBaseFromEnvironment();
  const dataDir = defaultDataFolder(portBase);
  if (!await exists(dataDir) || !await isRunning(dataDir)) {
    throw new StackError("No stack is running. To start one: deno task start");
  }
  const ports = portsAt(portBase);
  const secrets = await readSecrets(dataDir).catch((error) => {
    throw error instanceof Deno.errors.NotFound ? new StackError("The stack is starting") : error;
  });
  return {
    portBase,
    dataDir,
    ports,
    secrets,
    url: `http://127.0.0.1:${ports.api}`,
    databaseUrl: databaseUrl(ports.postgres, "postgres", secrets.postgresPassword),
  };
}
