import { userClient } from "../_shared/database/database.ts";
import { callDatabase, type RpcArguments, type RpcName } from "../_shared/database/rpc.ts";
import { AppError, type ErrorCode } from "../_shared/platform/errors.ts";

/** What a function of the community answers. */
type Outcome<More> = { success: true } & More | { success: false; error: ErrorCode; message: string };

/** Calls a database function as a server; what it refuses is thrown. */
export async function change<More>(name: RpcName, args: RpcArguments<RpcName>): Promise<More> {
  return accepted<More>(await callDatabase(name, args));
}

/** Calls a database function as the signed-in user; what it refuses is thrown. */
export async function changeAs<More>(
  token: string,
  name: RpcName,
  args: RpcArguments<RpcName>,
): Promise<More> {
  const { data, error } = await userClient(token).rpc(name, args as never);
  if (error) {
    throw new AppError("service_unavailable", "The database cannot be reached at the moment", {
      cause: error,
    });
  }
  return accepted<More>(data);
}

function accepted<More>(answer: unknown): More {
  const outcome = answer as Outcome<More>;
  if (outcome.success) return outcome;
  throw new AppError(outcome.error, outcome.message);
}
