/** What one connection, and the whole server, may do. Hosted, they come with the plan. */
export interface Limits {
  connections: number;
  channels_per_connection: number;
  joins_per_second: number;
  /** Sent and received by one connection. */
  events_per_second: number;
  payload_kb: number;
  presence_calls: number;
  presence_window_ms: number;
  presence_events_per_second: number;
  /** Renewals of a channel's token that follow each other within it are put off to its end. */
  token_window_ms: number;
  /** What a client that does not read may have waiting for it. */
  unread_bytes: number;
}

/** Those of a plan without a spend cap. */
export const DEFAULT_LIMITS: Limits = {
  connections: 10_000,
  channels_per_connection: 100,
  joins_per_second: 2_500,
  events_per_second: 2_500,
  payload_kb: 3_000,
  presence_calls: 5,
  presence_window_ms: 30_000,
  presence_events_per_second: 1_000,
  token_window_ms: 10_000,
  unread_bytes: 8_000_000,
};

/** Where limits are given: `TESSERA_REALTIME_LIMITS="connections=200,events_per_second=100"`. */
export const LIMITS_VARIABLE = "TESSERA_REALTIME_LIMITS";

/** Switches Realtime off: `TESSERA_REALTIME=off`. */
export const SWITCH_VARIABLE = "TESSERA_REALTIME";

/** Reads limits over the defaults; the error says what to mend. */
export function readLimits(text: string | undefined): Limits {
  const limits = { ...DEFAULT_LIMITS };
  for (const part of (text ?? "").split(",").map((one) => one.trim()).filter(Boolean)) {
    const [name, value] = part.split("=").map((one) => one.trim());
    if (!name || !(name in limits)) {
      throw new Error(
        `${LIMITS_VARIABLE} has no limit named ${JSON.stringify(name)}; it has ${
          Object.keys(limits).join(", ")
        }`,
      );
    }
    if (!/^[1-9]\d{0,9}$/.test(value ?? "")) {
      throw new Error(`${LIMITS_VARIABLE} has ${part}, and ${name} is a whole number above 0`);
    }
    limits[name as keyof Limits] = Number(value);
  }
  return limits;
}

/** Tells whether Realtime is to run, by the environment; throws for what is neither on nor off. */
export function isSwitchedOn(value: string | undefined): boolean {
  if (value === undefined || value === "" || value === "on") return true;
  if (value === "off") return false;
  throw new Error(`${SWITCH_VARIABLE} is ${JSON.stringify(value)}, and may be on or off`);
}
