import type { Database } from "../_shared/database.types.ts";
import { callDatabase } from "../_shared/rpc.ts";

/** Calls a database function by its name, with arguments as it names them. */
export type CallDatabase = (
  name: keyof Database["public"]["Functions"],
  args: Record<string, unknown>,
) => Promise<unknown>;

/** The project's database. Throws `service_unavailable` without an answer. */
export const callProject: CallDatabase = (name, args) => callDatabase(name, args as never);
