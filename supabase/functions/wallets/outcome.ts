import { callDatabase, type RpcArguments, type RpcName } from "../_shared/database/rpc.ts";
import { AppError, type ErrorCode } from "../_shared/platform/errors.ts";

/** What a function that changes wallets answers. */
type Outcome =
  | { success: true; [field: string]: unknown }
  | { success: false; error: ErrorCode; message: string };

/** Changes wallets; what the database refuses is thrown. */
export async function change<Name extends RpcName>(name: Name, args: RpcArguments<Name>) {
  const outcome = await callDatabase(name, args) as unknown as Outcome;
  if (outcome.success) return outcome;
  throw new AppError(outcome.error, outcome.message);
}

/** Reads of a wallet; null means that the caller may not. */
export async function read<Name extends RpcName>(name: Name, args: RpcArguments<Name>) {
  const answer = await callDatabase(name, args);
  if (answer === null) throw new AppError("forbidden", "You may not see this part of the wallet");
  return answer;
}
