import { callDatabase, type RpcArguments, type RpcName } from "../_shared/database/rpc.ts";
import { AppError, type ErrorCode } from "../_shared/platform/errors.ts";

/** What a function that changes wallets answers. */
type Outcome<More> = { success: true } & More | { success: false; error: ErrorCode; message: string };

/** Changes wallets; what the database refuses is thrown. */
export async function change<More = unknown>(name: RpcName, args: RpcArguments<RpcName>): Promise<More> {
  const outcome = await callDatabase(name, args) as unknown as Outcome<More>;
  if (outcome.success) return outcome;
  throw new AppError(outcome.error, outcome.message);
}

/** Reads of a wallet; null is for who may not. */
export async function read<Answer>(name: RpcName, args: RpcArguments<RpcName>): Promise<Answer> {
  const answer = await callDatabase(name, args) as unknown as Answer | null;
  if (answer === null) throw new AppError("forbidden", "You may not see this of the wallet");
  return answer;
}
