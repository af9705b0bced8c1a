import type { CommandLine } from "./script_source.ts";
import { SourceError } from "./source.ts";

const TIMEOUT_MS = 15_000;
/** Between tries. All commands only read: each may be sent again. */
const PAUSES_MS = [100, 400];

/** A Redis of Upstash over HTTP, where connections of its own protocol are not possible. */
export async function openUpstash({ url, token }: { url: string; token: string }): Promise<CommandLine> {
  const { Redis } = await import("@upstash/redis");
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false,
    enableTelemetry: false,
    retry: false, // it knows only of connections that fail
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  return {
    address: new URL(url).host,
    async send([command, ...args]) {
      for (let tries = 0;; tries++) {
        try {
          return await redis.exec([command!, ...args]);
        } catch (error) {
          // Its errors repeat the command, and with it what fingerprints are made with.
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

/** Redis itself refused (`ERR …`, `NOPERM …`), or Upstash the token: another try ends the same way. */
function isFinal(message: string): boolean {
  if (/^(?:LOADING|BUSY|TRYAGAIN) /.test(message)) return false;
  return /^[A-Z]{3,} /.test(message) || /unauthorized/i.test(message);
}
