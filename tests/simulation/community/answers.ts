/** What a call answers, as far as the model says it. */
export type Answer = Record<string, unknown>;

export function done(more: Answer = {}): Answer {
  return { success: true, error: null, ...more };
}

export function refused(error: string, more: Answer = {}): Answer {
  return { success: false, error, ...more };
}

/** What Postgres says to who has no right at all. */
export const NO_RIGHT: Answer = { raised: "42501" };
