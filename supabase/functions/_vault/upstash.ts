import type { CommandLine } from "./script_source.ts";
import { SourceError } from "./source.ts";

const TIMEOUT_MS = 15_000;
/** Pauses between tries. All commands only read, so each may be sent again. */
const PAUSES_MS = [100, 400];

/** A Redis of Upstash over HTTP, for platforms without TCP connections. */
export async function openUpstash({ url, token }: { url: string; token: string }): Promise<CommandLine> {
  const { Redis } = await import("@upstash/redis");
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false,
    enableTelemetry: false,
    retry: false, // the library retries only failed connections
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  return {
    address: new URL(url).host,
    async send([command, ...args]) {
      for (let tries = 0;; tries++) {
        try {
          return await redis.exec([command!, ...args]);
        } catch (error) {
          // Its errors repeat the command, which contains the fingerprints' salt.
          const [message = ""] = String(error instanceof Error ? error.message : error).split(
            ", command was",
          );
          if (isFinal(message) || tries === PAUSES_MS.length) {
            throw new SourceError("Upstash does not answer, or refused a command", {
              cause: new Error(message),
            });
          }
          await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[tries]));
        }
      }
    },
    close: () => Promise.resolve(),
  };
}

/** Redis itself refused (`ERR …`, `NOPERM …`), or Upstash refused the token: a retry would fail too. */
function isFinal(message: string): boolean {
  if (/^(?:LOADING|BUSY|TRYAGAIN) /.test(message)) return false;
  return /^[A-Z]{3,} /.test(message) || /unauthorized/i.test(message);
}
