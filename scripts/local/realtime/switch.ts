import { readProjectConfig } from "../config.ts";
import { StackError } from "../errors.ts";
import { isSwitchedOn, SWITCH_VARIABLE } from "./settings.ts";

/** Tells whether a stack serves Realtime: unless the environment or the project's config.toml says no. */
export function isRealtimeOn(supabaseFolder?: string): boolean {
  try {
    if (!isSwitchedOn(Deno.env.get(SWITCH_VARIABLE))) return false;
  } catch (error) {
    throw new StackError((error as Error).message);
  }
  return readProjectConfig(supabaseFolder).realtime?.enabled ?? true;
}
