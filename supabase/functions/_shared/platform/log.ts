/** What is known about a request when it is answered. Never put bodies, keys or tokens here. */
export interface RequestLog {
  request_id: string;
  function: string;
  user_id?: string;
  /** The team's wallet that pays. */
  wallet_id?: string;
  status: number;
  code?: string;
  tokens_charged?: number;
  replayed?: boolean;
  model?: string;
  /** The trace that the request belongs to, if tracing is on. */
  trace_id?: string;
  duration_ms: number;
  cause?: string;
}

/** Writes one JSON line per request. */
export function logRequest(entry: RequestLog): void {
  logEvent(entry.status >= 500 ? "error" : "info", { ...entry });
}

/** Writes one JSON line. Warnings and errors go to the error stream. */
export function logEvent(level: "info" | "warning" | "error", fields: Record<string, unknown>): void {
  const line = JSON.stringify({ time: new Date().toISOString(), level, ...fields });
  if (level === "info") console.log(line);
  else console.error(line);
}

/** Tokens and keys, and the password in an address, up to its last @. */
const SECRETS =
  /(?<=\b[a-z][a-z+.-]*:\/\/[^\s:/@]*:)\S+(?=@)|\b(?:eyJ[\w-]+\.[\w-]+\.[\w-]*|(?:sb_secret|sb_publishable|sk)[_-][\w-]+)|data:[\w/+.-]+;base64,[\w+/=]+/g;

const MAX_CAUSES = 5;

/** Why a request failed, for the log: names and messages down the chain of causes, without anything secret. */
export function describeCause(cause: unknown): string | undefined {
  if (cause === undefined) return undefined;
  const lines: string[] = [];
  let current = cause;
  for (let depth = 0; depth < MAX_CAUSES; depth++) {
    if (!(current instanceof Error)) {
      lines.push(asJson(current));
      break;
    }
    lines.push(`${current.name}: ${current.message}`);
    if (current.cause === undefined) {
      lines.push(...(current.stack?.split("\n").slice(1, 6) ?? []));
      break;
    }
    current = current.cause;
  }
  return withoutSecrets(lines.join("\n")).slice(0, 2_000);
}

/** A text without the tokens, keys and passwords in it. */
export function withoutSecrets(text: string): string {
  return text.replaceAll(SECRETS, "[secret]");
}

function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
