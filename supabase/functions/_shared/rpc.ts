import { adminClient } from "./database.ts";
import type { Database } from "./database.types.ts";
import { AppError } from "./errors.ts";

type Functions = Database["public"]["Functions"];

/** Calls a database function as service_role. Throws `service_unavailable` without an answer. */
export async function callDatabase<Name extends keyof Functions>(
  name: Name,
  args: Functions[Name]["Args"],
): Promise<Functions[Name]["Returns"]> {
  const { data, error } = await adminClient().rpc(name, args as never);
  if (error) {
    throw new AppError("service_unavailable", "The database cannot be reached at the moment", {
      cause: error,
    });
  }
  return data as Functions[Name]["Returns"];
}
