import { join } from "node:path";
import { type FunctionsDeno, mapAloneFlags } from "./functions_deno.ts";
import { localModule, projectFolder } from "./paths.ts";
import type { Ports } from "./ports.ts";
import { POSTGRES_VARIABLE } from "./postgres.ts";
import type { ProcessSpec } from "./processes.ts";
import { READY_LINE } from "./ready.ts";
import { LIMITS_VARIABLE } from "./realtime/settings.ts";
import { SUPERVISOR_VARIABLE } from "./supervisor.ts";

/** Which stack a process belongs to. */
export interface Context {
  dataDir: string;
  portBase: number;
  ports: Ports;
}

/** A module of this folder as a child process that ends when the supervisor is gone. */
function denoCommand(module: string, args: string[], env: Record<string, string> = {}, flags: string[] = []) {
  return {
    command: Deno.execPath(),
    args: ["run", "-A", ...flags, "--preload", localModule("with_parent.ts"), localModule(module), ...args],
    cwd: projectFolder,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env, [SUPERVISOR_VARIABLE]: String(Deno.pid) },
  };
}

/** The functions under another Deno, with only the interfaces that the Edge Runtime has. */
function hostedCommand(
  { command, env }: FunctionsDeno,
  args: string[],
  environment: Record<string, string>,
  importMap = join(projectFolder, "deno.json"),
) {
  const flags = ["run", "-A", "--quiet", ...mapAloneFlags(importMap)];
  return {
    command,
    args: [...flags, localModule("functions_hosted.ts"), ...args, "--hosted"],
    cwd: projectFolder,
    env: {
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
      ...environment,
      ...env,
      [SUPERVISOR_VARIABLE]: String(Deno.pid),
    },
  };
}

function stackArgs({ dataDir, portBase }: Context): string[] {
  return ["--data-folder", dataDir, "--port-base", String(portBase)];
}

/** REST, Auth and Storage. */
export function liteSpec(
  context: Context,
  pgdata: string,
  options: { fast: boolean; supabase?: string },
): ProcessSpec & { name: "lite" } {
  return {
    name: "lite",
    command: () =>
      denoCommand("lite.ts", [
        ...stackArgs(context),
        ...(options.supabase ? ["--project", options.supabase] : []),
      ], {
        LITE_TELEMETRY: "0",
        DO_NOT_TRACK: "1",
        EXPERIMENTAL_STORAGE: "1",
        // Bcrypt's lowest cost; otherwise a sign-up takes 100 ms of one core, and meanwhile no other request is
        // answered.
        ...(options.fast ? { LITE_AUTH_BCRYPT_COST: "4" } : {}),
        [POSTGRES_VARIABLE]: pgdata,
      }),
    logFile: logFile(context.dataDir, "lite"),
    isReady: READY_LINE,
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 5_000,
  };
}

/** The project's address, or another one with `portBeside`. */
export function gatewaySpec(
  context: Context,
  functionsPort: () => number,
  { portBeside, environment, withRealtime = true }: {
    portBeside?: number;
    environment?: Record<string, string>;
    withRealtime?: boolean;
  },
): ProcessSpec & { name: "gateway" } {
  return {
    name: "gateway",
    command: () =>
      denoCommand("gateway.ts", [
        ...stackArgs(context),
        ...["--functions-port", String(functionsPort())],
        ...(portBeside ? ["--port", String(portBeside)] : []),
        ...(withRealtime ? [] : ["--realtime-off"]),
      ], environment),
    logFile: logFile(context.dataDir, portBeside ? `gateway-${portBeside}` : "gateway"),
    isReady: READY_LINE,
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 3_000,
  };
}

/** The demo model. */
export function demoModelSpec(context: Context): ProcessSpec & { name: "demo-model" } {
  const { demoModel } = context.ports;
  return {
    name: "demo-model",
    // V8 keeps the memory of a burst of requests, which is of little use here.
    command: () =>
      denoCommand("demo_model.ts", ["--port", String(demoModel)], {}, ["--v8-flags=--max-semi-space-size=4"]),
    logFile: logFile(context.dataDir, "demo-model"),
    isReady: /^Demo model on /,
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 3_000,
  };
}

/** Realtime, with limits over its defaults. */
export function realtimeSpec(context: Context, limits?: string): ProcessSpec & { name: "realtime" } {
  return {
    name: "realtime",
    command: () =>
      denoCommand(
        "realtime/main.ts",
        stackArgs(context),
        limits === undefined ? {} : { [LIMITS_VARIABLE]: limits },
        ["--v8-flags=--max-semi-space-size=4"],
      ),
    logFile: logFile(context.dataDir, "realtime"),
    isReady: READY_LINE,
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 3_000,
  };
}

/** What runs the jobs of private.jobs at their times. */
export function scheduleSpec(context: Context): ProcessSpec & { name: "schedule" } {
  return {
    name: "schedule",
    command: () => denoCommand("schedule.ts", stackArgs(context)),
    logFile: logFile(context.dataDir, "schedule"),
    isReady: READY_LINE,
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 5_000,
  };
}

/** The functions, under this Deno or another. */
export function functionsSpec<Name extends string>(
  context: Context,
  options: {
    name: Name;
    /** A Deno other than this one. */
    deno?: FunctionsDeno;
    port: () => number;
    folder: string;
    /** Another project's import map, with which alone its functions are loaded. */
    importMap?: string;
    environment: () => Record<string, string>;
    /** Imports each function at its first request. */
    lazy?: boolean;
    onLine?: (line: string) => void;
  },
): ProcessSpec & { name: Name } {
  return {
    name: options.name,
    command: () => {
      const args = [
        ...["--port", String(options.port()), "--folder", options.folder],
        ...(options.lazy ? ["--lazy"] : []),
      ];
      return options.deno
        ? hostedCommand(options.deno, args, options.environment(), options.importMap)
        : denoCommand(
          "functions.ts",
          args,
          options.environment(),
          options.importMap ? mapAloneFlags(options.importMap) : [],
        );
    },
    logFile: logFile(context.dataDir, options.name),
    isReady: READY_LINE,
    readyTimeoutMs: 60_000,
    stopTimeoutMs: 30_000,
    onLine: options.onLine,
  };
}

/** Where a process of a stack writes what it prints. */
export function logFile(dataDir: string, name: string): string {
  return join(dataDir, "logs", `${name}.log`);
}
