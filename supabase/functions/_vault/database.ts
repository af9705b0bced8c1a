import { callDatabase, type RpcArguments } from "../_shared/database/rpc.ts";

/** The changes of one page of a scan. */
export interface PageDiff {
  held: boolean;
  /** Names separated by commas. */
  changed: string;
  unchanged_count: number;
  expired_count: number;
}

/** A sync's lease, and where its scan continues. */
export type BegunSync =
  | { started: true; continues: boolean; fence: number; cursor: string; scan_number: number }
  | { started: false; retry_after_s: number };

/** The state at the end of a sync. */
export interface FinishedSync {
  held: boolean;
  gone_count: number;
  mapping_count: number;
  active_count: number;
}

/** One envelope that a rotation reads. */
export interface TokenEnvelope {
  account_name: string;
  envelope: string;
}

/** The results of the token manager's RPCs; the generated types only say JSON. */
interface Answers {
  prove_token_key: string;
  begin_token_sync: BegunSync;
  diff_provider_tokens: PageDiff;
  put_provider_tokens: { held: boolean; put_count: number };
  finish_token_sync: FinishedSync;
  provider_tokens_to_rotate: TokenEnvelope[];
  rotate_provider_tokens: number;
}

/** The RPCs that a sync and a rotation need, by name. */
export type VaultDatabase = {
  [Name in keyof Answers]: (args: RpcArguments<Name>) => Promise<Answers[Name]>;
};

/** Builds these RPCs from a function that calls an RPC. */
export function vaultDatabase(
  call: (name: keyof Answers, args: Record<string, unknown>) => Promise<unknown>,
): VaultDatabase {
  const callOf = (name: keyof Answers) => (args: object) => call(name, args as Record<string, unknown>);
  return {
    prove_token_key: callOf("prove_token_key"),
    begin_token_sync: callOf("begin_token_sync"),
    diff_provider_tokens: callOf("diff_provider_tokens"),
    put_provider_tokens: callOf("put_provider_tokens"),
    finish_token_sync: callOf("finish_token_sync"),
    provider_tokens_to_rotate: callOf("provider_tokens_to_rotate"),
    rotate_provider_tokens: callOf("rotate_provider_tokens"),
  } as VaultDatabase;
}

/** The project's database, as service_role. */
export function projectDatabase(): VaultDatabase {
  return vaultDatabase((name, args) => callDatabase(name, args as never));
}
