/**
 * Reads `Retry-After`, which is a number of seconds or a date: the milliseconds from now, at least 0. Undefined if it is
 * missing or invalid. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfterMs(text: string | null | undefined): number | undefined {
  if (!text) return undefined;
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
