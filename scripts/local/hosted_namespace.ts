// The parts of `Deno` and of the globals that the published Edge Runtime has, for a Deno with all of them.

/** ext/runtime/js/denoOverrides.js and bootstrap.js of supabase/edge-runtime: a user worker's `Deno`, whole. */
const NAMES = [
  ...["serve", "serveHttp", "upgradeWebSocket", "listen", "connect", "connectTls", "startTls", "resolveDns"],
  ...["permissions", "Permissions", "PermissionStatus", "errors", "refTimer", "unrefTimer", "isatty"],
  ...["stdout", "stderr", "stdin", "build", "env", "pid", "args", "mainModule", "version", "memoryUsage"],
  ...["gid", "uid", "hostname", "loadavg", "osUptime", "osRelease", "systemMemoryInfo", "consoleSize"],
  ...["networkInterfaces", "execPath", "cwd", "open", "stat", "realPath", "realPathSync", "create", "remove"],
  ...["writeFile", "writeTextFile", "readFile", "readTextFile", "mkdir", "makeTempDir", "readDir"],
];
/** Present, but refused to a user worker. */
const DENIED = [
  "writeFileSync",
  "writeTextFileSync",
  "readFileSync",
  "readTextFileSync",
  "statSync",
  "lstatSync",
];
/** Present, but without effect. */
const IDLE = ["kill", "exit", "addSignalListener", "removeSignalListener"];
/** Deno's globals that a worker does not have. */
const ABSENT = [
  ...["SharedArrayBuffer", "Worker", "BroadcastChannel", "EventSource", "WebSocketStream"],
  ...["localStorage", "sessionStorage", "alert", "confirm", "prompt"],
];

/** The parts of `Deno` that a hosted function may use. */
export const HOSTED_NAMES: ReadonlySet<string> = new Set(NAMES);

/**
 * Removes from this process what hosted functions do not have, for everything that is imported later; references that
 * were taken before still work.
 */
export function narrowToHosted(): void {
  const whole = Deno as unknown as Record<string, unknown>;
  const narrow: Record<string, unknown> = {};
  for (const name of NAMES) if (name in whole) narrow[name] = whole[name];
  for (const name of DENIED) {
    narrow[name] = () => {
      throw new Deno.errors.PermissionDenied(`Deno.${name} is blocklisted`);
    };
  }
  for (const name of IDLE) narrow[name] = () => {};
  Object.defineProperty(globalThis, "Deno", { configurable: true, value: narrow });
  for (const name of ABSENT) Reflect.deleteProperty(globalThis, name);
}
