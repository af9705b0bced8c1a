import { adminClient } from "./database.ts";
import type { Database, Json } from "./database.types.ts";
import { AppError } from "../platform/errors.ts";

type Functions = Database["public"]["Functions"];

export type RpcName = keyof Functions;

/**
 * The arguments of a database function: each may be null, and a JSON argument may be any value that JSON can hold.
 */
export type RpcArguments<Name extends RpcName> = {
  [Argument in keyof Functions[Name]["Args"]]: Nullable<Functions[Name]["Args"][Argument]>;
};
type Nullable<Type> = Json extends Type ? unknown : Type | null;

/** Calls a database function: through REST in an Edge Function, directly in a test. */
export type CallDatabase = <Name extends RpcName>(
  name: Name,
  args: RpcArguments<Name>,
) => Promise<Functions[Name]["Returns"]>;

/** Calls a database function as service_role. Throws `service_unavailable` when the database does not answer. */
export const callDatabase: CallDatabase = async (name, args) => {
  const { data, error } = await adminClient().rpc(name, args as never);
  if (!error) return data;
  throw new AppError("service_unavailable", "The database cannot be reached at the moment", { cause: error });
};
