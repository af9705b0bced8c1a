// What the published Edge Runtime leaves of `Deno` and of the globals, for a Deno that has all of them.

/** ext/runtime/js/denoOverrides.js and bootstrap.js of supabase/edge-runtime: a user worker's `Deno`, whole. */
const NAMES = [
  ...["serve", "serveHttp", "upgradeWebSocket", "listen", "connect", "connectTls", "startTls", "resolveDns"],
  ...["permissions", "Permissions", "PermissionStatus", "errors", "refTimer", "unrefTimer", "isatty"],
  ...["stdout", "stderr", "stdin", "build", "env", "pid", "args", "mainModule", "version", "memoryUsage"],
  ...["gid", "uid", "hostname", "loadavg", "osUptime", "osRelease", "systemMemoryInfo", "consoleSize"],
  ...["networkInterfaces", "execPath", "cwd", "open", "stat", "realPath", "realPathSync", "create", "remove"],
  ...["writeFile", "writeTextFile", "readFile", "readTextFile", "mkdir", "makeTempDir", "readDir"],
];
/** Present, and refused to a user worker. */
const DENIED = [
  "writeFileSync",
  "writeTextFileSync",
  "readFileSync",
  "readTextFileSync",
  "statSync",
  "lstatSync",
];
/** Present, and without effect. */
const IDLE = ["kill", "exit", "addSignalListener", "removeSignalListener"];
/** Globals of Deno that a worker does not have. */
const ABSENT = [
  ...["SharedArrayBuffer", "Worker", "BroadcastChannel", "EventSource", "WebSocketStream"],
  ...["localStorage", "sessionStorage", "alert", "confirm", "prompt"],
];

/** What a function may use of `Deno` where it is hosted. */
export const HOSTED_NAMES: ReadonlySet<string> = new Set(NAMES);

/**
 * Takes from this process what hosted functions do not have, for all that is imported from now on; what was taken from
 * `Deno` before stays usable.
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
