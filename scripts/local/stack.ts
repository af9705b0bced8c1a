import { join } from "node:path";
import { bootstrapRoles, finishSystemSchemas } from "./bootstrap.ts";
import { databaseUrl } from "./database_url.ts";
import { CALLER_HEADER, FUNCTIONS_PORT_PATH } from "./caller.ts";
import { messageOf, StackError } from "./errors.ts";
import { otherFunctionsDeno } from "./functions_deno.ts";
import { functionsEnvironment } from "./functions_environment.ts";
import { writeImportMap } from "./import_map.ts";
import { applyMigrations } from "./migrate.ts";
import { stopOrphans } from "./orphans.ts";
import { defaultDataFolder, functionsFolder } from "./paths.ts";
import { ADMIN_ROLE, ensureCluster, isServing, postgresCommand, stopOrphan } from "./postgres.ts";
import { preparePostgresFiles } from "./postgres_files.ts";
import { postgresUser } from "./postgres_user.ts";
import {
  findFreePort,
  findFreePortBase,
  portBaseFromEnvironment,
  type Ports,
  portsAt,
  requireFreePorts,
} from "./ports.ts";
import {
  demoModelSpec,
  functionsSpec,
  gatewaySpec,
  liteSpec,
  logFile,
  realtimeSpec,
  scheduleSpec,
} from "./process_specs.ts";
import { isRealtimeOn } from "./realtime/switch.ts";
import { ManagedProcess, type ProcessEvents, type ProcessSpec } from "./processes.ts";
import { ensureSecrets, type Secrets } from "./secrets.ts";
import { takeLock, writeState } from "./state.ts";
import { watchFolder } from "./watch.ts";

export { type ExtraFunctions, startFunctions } from "./extra_functions.ts";
export { findFreePortBase } from "./ports.ts";

/** How to start a stack. */
export interface StackOptions {
  portBase?: number;
  dataDir?: string;
  /** Prints nothing, neither progress nor the functions' logs. */
  quiet?: boolean;
  /** Environment variables of the functions, in addition to the defaults. */
  env?: Record<string, string>;
  /** Serves this folder instead of supabase/functions. */
  functionsFolder?: string;
  /**
   * Serves another project instead of this one: the folder that contains its supabase/. The ports stay this one's.
   */
  project?: string;
  /**
   * Without fsync and with the cheapest password hashes: the data is lost on a power cut, and passwords are easily
   * guessed; for tests.
   */
  fast?: boolean;
  /** The functions' Deno version; default: TESSERA_FUNCTIONS_DENO, or this one. */
  functionsDeno?: string;
  /** Runs the jobs of private.jobs at their times; default: true. */
  schedule?: boolean;
  /** Serves Realtime; what TESSERA_REALTIME and supabase/config.toml say unless said otherwise. */
  realtime?: boolean;
  /** Limits of Realtime over its defaults, as TESSERA_REALTIME_LIMITS has them. */
  realtimeLimits?: string;
  /** Aborts a start. */
  signal?: AbortSignal;
}

/** A running stack. */
export interface Stack {
  url: string;
  publishableKey: string;
  secretKey: string;
  studioUrl: string;
  /** Undefined where Realtime is off. */
  realtimeUrl: string | undefined;
  /** As role postgres, the owner of the project's tables. */
  databaseUrl: string;
  /** As the superuser, which a hosted project does not offer. */
  adminDatabaseUrl: string;
  portBase: number;
  ports: Ports;
  dataDir: string;
  /** The migrations that this start applied. */
  appliedMigrations: string[];
  readonly functionsPid: number | undefined;
  restart(name: ProcessName): Promise<void>;
  stop(): Promise<void>;
}

/** The stack's processes, by the names in its messages. */
export type ProcessName =
  | "postgres"
  | "lite"
  | "realtime"
  | "functions"
  | "gateway"
  | "demo-model"
  | "schedule";

/** Starts the whole stack and resolves when it is ready; on any failure everything is stopped again. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const portBase = options.portBase ?? portBaseFromEnvironment();
  const dataDir = options.dataDir ?? defaultDataFolder(portBase);
  const say = options.quiet ? () => {} : (message: string) => console.log(message);
  const { signal } = options;
  const supabase = options.project && join(options.project, "supabase");
  const folder = options.functionsFolder ?? (supabase ? join(supabase, "functions") : functionsFolder);
  const ports = portsAt(portBase);
  const withRealtime = options.realtime ?? isRealtimeOn(supabase);

  await makeDataFolder(dataDir);
  const lock = await takeLock(dataDir);
  if (!lock) {
    throw new StackError(
      `A stack already runs on these ports (http://127.0.0.1:${ports.api}).\n` +
        "Its keys: deno task status. To end it: deno task stop. " +
        `A second one beside it: TESSERA_PORT_BASE=${await findFreePortBase()} deno task start`,
    );
  }

  const processes = new Map<ProcessName, ManagedProcess>();
  let endWatch = () => {};
  const stop = async () => {
    endWatch();
    setPhase("stopping");
    // In this order a running request can still be finished with everything it depends on. The functions reach the
    // database through the gateway, and write their last counts when they end.
    await processes.get("schedule")?.stop();
    await processes.get("functions")?.stop();
    await processes.get("gateway")?.stop();
    await Promise.all(
      (["lite", "realtime", "demo-model"] as const).map((name) => processes.get(name)?.stop()),
    );
    await processes.get("postgres")?.stop();
    lock.release();
  };

  let phase: "starting" | "ready" | "stopping" = "starting";
  let pgdata = "";
  const saveState = () => {
    const childPids = [...processes].flatMap(([name, one]) => name === "postgres" ? [] : one.pids);
    writeState(dataDir, { supervisorPid: Deno.pid, phase, childPids, pgdata, hasRealtime: withRealtime });
  };
  const setPhase = (next: typeof phase) => {
    phase = next;
    saveState();
  };
  const events: ProcessEvents = { report: say, onPidsChanged: saveState };

  try {
    if (await stopOrphans(dataDir)) say("Ended processes that an earlier start had left running");
    const user = await postgresUser();
    const files = await preparePostgresFiles(dataDir, user);
    await stopOrphan(files.pgdata);
    pgdata = files.pgdata;
    saveState();
    await requireFreePorts(ports);
    signal?.throwIfAborted();
    const secrets = await ensureSecrets(dataDir);
    const adminUrl = databaseUrl(ports.postgres, ADMIN_ROLE, secrets.adminPassword);
    const ownerUrl = databaseUrl(ports.postgres, "postgres", secrets.postgresPassword);

    const add = (spec: ProcessSpec & { name: ProcessName }) => {
      const process = new ManagedProcess(spec, events);
      processes.set(spec.name, process);
      process.spawn();
      return process;
    };
    const context = { dataDir, portBase, ports };
    // The Deno processes load while Postgres creates its files: most of a start is loading.
    const lite = add(liteSpec(context, files.pgdata, { fast: options.fast ?? false, supabase }));
    let functionsPort = ports.functions;
    const gateway = add(gatewaySpec(context, () => functionsPort, { withRealtime }));
    const realtime = withRealtime ? add(realtimeSpec(context, options.realtimeLimits)) : undefined;
    const demoModel = add(demoModelSpec(context));

    say("Starting Postgres …");
    await ensureCluster(files, user, secrets.adminPassword, signal);
    signal?.throwIfAborted();
    const postgres = add({
      name: "postgres",
      command: () =>
        postgresCommand(files, ports.postgres, { fast: options.fast ?? false, isReplicated: withRealtime }),
      user,
      logFile: logFile(dataDir, "postgres"),
      isReady: () => isServing(files.pgdata),
      readyTimeoutMs: 60_000,
      stopSignal: "SIGINT",
      stopTimeoutMs: 10_000,
    });
    await postgres.ready(signal);
    const { isNew } = await bootstrapRoles(adminUrl, secrets);

    say("Starting REST, Auth and Storage …");
    await lite.ready(signal);
    if (isNew) await finishSystemSchemas(adminUrl);

    say("Applying supabase/migrations …");
    const { applied } = await applyMigrations(ownerUrl, dataDir, signal, options.project);

    say("Starting the functions …");
    const importMap = supabase && join(dataDir, "import_map.json");
    if (importMap) await writeImportMap(supabase, folder, importMap);
    const functions = add(functionsSpec(context, {
      name: "functions",
      deno: await otherFunctionsDeno(options.functionsDeno),
      port: () => functionsPort,
      folder,
      importMap,
      environment: () => functionsEnvironment(ports, secrets, folder, options.env),
      onLine: options.quiet ? undefined : (line) => console.log(line),
    }));
    await Promise.all(
      [gateway, demoModel, functions, realtime].map((process) => process?.ready(signal)),
    );
    const reloadFunctions = oneAtATime(async () => {
      if (importMap) await writeImportMap(supabase, folder, importMap);
      functionsPort = await findFreePort();
      await functions.replace(() => announceFunctionsPort(ports, secrets, functionsPort));
    });
    endWatch = await watchFolder(folder, () => {
      say("The functions changed and were reloaded");
      reloadFunctions().catch((error) => say(messageOf(error)));
    });
    signal?.throwIfAborted();
    if (options.schedule ?? true) add(scheduleSpec(context));
    setPhase("ready");

    return {
      url: `http://127.0.0.1:${ports.api}`,
      publishableKey: secrets.publishableKey,
      secretKey: secrets.secretKey,
      studioUrl: studioUrl(ports, secrets),
      realtimeUrl: withRealtime ? realtimeUrl(ports) : undefined,
      portBase,
      databaseUrl: ownerUrl,
      adminDatabaseUrl: adminUrl,
      ports,
      dataDir,
      appliedMigrations: applied,
      get functionsPid() {
        return functions.pid;
      },
      restart: (name) => name === "functions" ? reloadFunctions() : processes.get(name)!.restart(),
      stop,
    };
  } catch (error) {
    await stop();
    signal?.throwIfAborted();
    throw error;
  }
}

/** Sends all further requests to a new functions process. */
async function announceFunctionsPort(ports: Ports, secrets: Secrets, port: number): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      const answer = await fetch(`http://127.0.0.1:${ports.api}${FUNCTIONS_PORT_PATH}${port}`, {
        method: "PUT",
        headers: { [CALLER_HEADER]: secrets.gatewayToken, connection: "close" },
        signal: AbortSignal.timeout(1_000),
      });
      await answer.text();
      return;
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

/** Runs work repeatedly, never twice at once; requests that arrive before a run begins share it. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () =>
    next ??= running.catch(() => {}).then(() => {
      next = undefined;
      return running = work();
    });
}

/** What `@supabase/realtime-js` is given as its address; supabase-js makes it of the project's. */
export function realtimeUrl(ports: Ports): string {
  return `ws://127.0.0.1:${ports.api}/realtime/v1`;
}

/** The Studio's address with the token that opens it. */
export function studioUrl(ports: Ports, secrets: Secrets): string {
  return `http://127.0.0.1:${ports.studio}/?token=${secrets.studioToken}`;
}

/** Others may pass through, as Postgres's user must if root starts the stack, but read nothing. */
async function makeDataFolder(dataDir: string): Promise<void> {
  await Deno.mkdir(join(dataDir, "logs"), { recursive: true });
  if (Deno.build.os === "windows") return;
  await Deno.chmod(dataDir, 0o711);
  await Deno.chmod(join(dataDir, "logs"), 0o700);
}
