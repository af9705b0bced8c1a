/** Where in a trace a piece of work belongs. https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits: the span that the work is a part of. */
  spanId: string;
  isSampled: boolean;
  /** Data of other tracing systems, passed on unchanged. */
  tracestate?: string;
}

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;
const MAX_TRACESTATE_CHARACTERS = 512;

/** Reads `traceparent` and `tracestate`; undefined when they are missing or invalid. */
export function readTraceContext(headers: { get(name: string): string | null }): TraceContext | undefined {
  const [, version, traceId, spanId, flags, rest] = TRACEPARENT.exec(headers.get("traceparent") ?? "") ?? [];
  const isValid = version !== undefined && version !== "ff" && (version !== "00" || rest === undefined) &&
    !/^0+$/.test(traceId!) && !/^0+$/.test(spanId!);
  if (!isValid) return undefined;
  const tracestate = headers.get("tracestate") ?? "";
  return {
    traceId: traceId!,
    spanId: spanId!,
    isSampled: (Number.parseInt(flags!, 16) & 1) === 1,
    ...tracestate !== "" && tracestate.length <= MAX_TRACESTATE_CHARACTERS && { tracestate },
  };
}

/** The headers that tell another service where its work belongs. */
export function traceContextHeaders(
  { traceId, spanId, isSampled, tracestate }: TraceContext,
): Record<string, string> {
  const traceparent = `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

export const newTraceId = (): string => randomHex(16);
export const newSpanId = (): string => randomHex(8);

function randomHex(byteCount: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(byteCount));
  bytes[0]! |= 1; // An id of only zeros is invalid.
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
