import { otherFunctionsDeno } from "./functions_deno.ts";
import { functionsEnvironment } from "./functions_environment.ts";
import { defaultDataFolder, functionsFolder } from "./paths.ts";
import { findFreePort, portBaseFromEnvironment, portsAt } from "./ports.ts";
import { functionsSpec, gatewaySpec } from "./process_specs.ts";
import { ManagedProcess, type ProcessEvents } from "./processes.ts";
import { readSecrets } from "./secrets.ts";

/** How to start another functions process beside a stack's own. */
export interface FunctionsOptions {
  /** Environment variables, in addition to those of the stack's own functions. */
  env?: Record<string, string>;
  folder?: string;
  port?: number;
  /** Imports each function at its first request instead of all at the start. */
  lazy?: boolean;
  /** The stack that it belongs to; default: the one of TESSERA_PORT_BASE or supabase/config.toml. */
  portBase?: number;
  dataDir?: string;
}

/** Another functions process, with its own gateway. */
export interface ExtraFunctions {
  /** A base URL like the project's: `/functions/v1/<name>` and all else of the stack are below it. */
  url: string;
  pid: number;
  /** The process's output so far. */
  readonly log: string;
  /** Lets running requests finish. */
  stop(): Promise<void>;
  /** Kills it (kill -9); its gateway stays and answers 503. */
  kill(): Promise<void>;
}

/** Starts another functions process against a running stack, with other environment variables or another folder. */
export async function startFunctions(options: FunctionsOptions = {}): Promise<ExtraFunctions> {
  const portBase = options.portBase ?? portBaseFromEnvironment();
  const dataDir = options.dataDir ?? defaultDataFolder(portBase);
  const folder = options.folder ?? functionsFolder;
  const ports = portsAt(portBase);
  const secrets = await readSecrets(dataDir);
  const [port, gatewayPort] = [options.port ?? await findFreePort(), await findFreePort()];
  const context = { dataDir, portBase, ports };
  const lines: string[] = [];
  const events: ProcessEvents = { report: (message) => lines.push(message), onPidsChanged: () => {} };

  const functions = new ManagedProcess(
    functionsSpec(context, {
      name: `functions-${port}`,
      deno: await otherFunctionsDeno(),
      port: () => port,
      folder,
      environment: () => functionsEnvironment(ports, secrets, folder, options.env),
      lazy: options.lazy,
      onLine: (line) => lines.push(line),
    }),
    events,
  );
  const gateway = new ManagedProcess(
    gatewaySpec(context, () => port, { portBeside: gatewayPort, environment: options.env }),
    events,
  );
  const stop = async () => {
    await gateway.stop();
    await functions.stop();
  };
  functions.spawn();
  gateway.spawn();
  try {
    await Promise.all([functions.ready(), gateway.ready()]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `http://127.0.0.1:${gatewayPort}`,
    pid: functions.pid!,
    get log() {
      return lines.join("\n");
    },
    stop,
    kill: () => functions.kill(),
  };
}
