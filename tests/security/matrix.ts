/** Who asks for whose: the columns of the table in docs/security.md. */
export const CALLERS = {
  anon: "nobody signed in (publishable key)",
  own: "a user, its own",
  others: "a user, another's",
  server: "a server (secret key)",
} as const;

export type CallerName = keyof typeof CALLERS;

export type TableAction = "read" | "insert" | "update" | "delete";
export type BucketAction = "list" | "download" | "sign" | "upload" | "overwrite" | "remove" | "configure";

/** What each caller may do with an object, and why; a caller that is not named may do nothing. */
export type Rule<Action extends string> = Partial<Record<CallerName, Action[]>> & { why: string };

export const TABLE_ACTIONS: TableAction[] = ["read", "insert", "update", "delete"];

export const BUCKET_ACTIONS: BucketAction[] = [
  "list",
  "download",
  "sign",
  "upload",
  "overwrite",
  "remove",
  "configure",
];

/** Tables and views of schema public. */
export const TABLES: Record<string, Rule<TableAction>> = {
  rate_limits: { why: "counters, used through take_rate_limits alone" },
  token_accounts: {
    own: ["read"],
    server: ["read"],
    why: "plan, pause and caps; changed by functions alone",
  },
  token_anomalies: { own: ["read"], server: ["read"], why: "written by the ledger's functions alone" },
  token_balance_history: {
    own: ["read"],
    server: ["read"],
    why: "append-only: no role updates or deletes a row",
  },
  token_balances: { own: ["read"], server: ["read"], why: "changed by the ledger's functions alone" },
  token_consumption_locks: {
    own: ["read"],
    server: ["read"],
    why: "a user may see its requests and their stored answers",
  },
  token_plans: { server: ["read"], why: "an operator changes it in SQL" },
  token_settings: { server: ["read"], why: "an operator changes it in SQL" },
};

/** Functions of schema public, which REST serves as /rpc/<name>. */
export const ROUTINES: Record<string, Rule<"call">> = {
  account_limits: { server: ["call"], why: "reads about the user that its caller names" },
  add_tokens: { server: ["call"], why: "grants tokens: for payments and operators" },
  admit_request: { server: ["call"], why: "claims a request for the user that its caller names" },
  archive_token_history: { server: ["call"], why: "takes old months out of the ledger" },
  chain_token_entries: { why: "a part of consume_tokens_batch" },
  cleanup_expired_locks: { server: ["call"], why: "run by a schedule" },
  cleanup_rate_limits: { server: ["call"], why: "run by a schedule" },
  consume_tokens_atomic: { server: ["call"], why: "charges the user that its caller names" },
  consume_tokens_batch: { server: ["call"], why: "charges the users that its caller names" },
  detect_high_frequency_requests: { server: ["call"], why: "records anomalies" },
  expire_token_holds_of: { why: "a part of hold_tokens and cleanup_expired_locks" },
  forbid_token_history_change: { why: "a trigger" },
  hold_tokens: { server: ["call"], why: "claims a request for the user that its caller names" },
  pause_account: { server: ["call"], why: "locks out the user that its caller names" },
  prepare_token_history: { server: ["call"], why: "makes the months of the ledger" },
  record_request_excess: { why: "a part of admit_request" },
  record_token_anomaly: { server: ["call"], why: "writes about the user that its caller names" },
  release_tokens: { server: ["call"], why: "ends a hold" },
  request_limits_of: { why: "a part of admit_request" },
  resume_account: { server: ["call"], why: "ends a pause" },
  run_token_operations: { server: ["call"], why: "holds, settles, releases and charges in one call" },
  set_account_plan: { server: ["call"], why: "changes the user that its caller names" },
  set_spend_caps: { server: ["call"], why: "changes the user that its caller names" },
  settle_tokens: { server: ["call"], why: "charges a hold and stores the answer" },
  spend_cap_refusal: { why: "a part of admit_request" },
  take_rate_limits: { server: ["call"], why: "takes from the quotas that its caller names" },
  token_entry_chain: { why: "a part of every charge and of verify_token_chain" },
  token_refusal: { why: "a part of every answer that refuses" },
  token_request_problem: { why: "a part of hold_tokens, consume_tokens_atomic and add_tokens" },
  token_response_tail: { why: "a part of settle_tokens" },
  verify_token_chain: { server: ["call"], why: "reads every user's ledger" },
  verify_token_ledger: { server: ["call"], why: "reads every user's ledger" },
};

/** Buckets of Storage. A file is its user's when the first folder of its path is the user's id. */
export const BUCKETS: Record<string, Rule<BucketAction>> = {
  generated: {
    own: ["list", "download", "sign"],
    server: BUCKET_ACTIONS,
    why: "private: functions write, each user reads its folder, a signed address opens one file for 7 days",
  },
  uploads: {
    own: ["list", "download", "sign", "upload", "remove"],
    server: BUCKET_ACTIONS,
    why:
      "private: each user fills and empties its folder, no file changes under its path, functions read as the user",
  },
};

/** Functions at /functions/v1/<name>. Another user's id in body, query or header is not looked at. */
export const ENDPOINTS: Record<string, Rule<"call">> = {
  "activity-analyzer": { own: ["call"], why: "charged to whom the token names" },
  "activity-progress-generator": { own: ["call"], why: "charged to whom the token names" },
  "activity-transcriber": { own: ["call"], why: "charged to whom the token names" },
  "audio-transcribe": { own: ["call"], why: "charged to whom the token names" },
  "balance": { own: ["call"], why: "the user is whom the token names" },
  "biometric-insights-analyzer": { own: ["call"], why: "charged to whom the token names" },
  "daily-nutrition-summary": { own: ["call"], why: "charged to whom the token names" },
  "detect-equipment": { own: ["call"], why: "charged to whom the token names" },
  "fasting-insights-generator": { own: ["call"], why: "charged to whom the token names" },
  "fasting-progression-analyzer": { own: ["call"], why: "charged to whom the token names" },
  "fridge-scan-vision": { own: ["call"], why: "charged to whom the token names" },
  "generate-morph-insights": { own: ["call"], why: "charged to whom the token names" },
  "generate-voice-preview": { own: ["call"], why: "charged to whom the token names" },
  "image-generator": { own: ["call"], why: "charged to whom the token names" },
  "inventory-complementer": { own: ["call"], why: "charged to whom the token names" },
  "inventory-processor": { own: ["call"], why: "charged to whom the token names" },
  "meal-analyzer": { own: ["call"], why: "charged to whom the token names" },
  "meal-plan-generator": { own: ["call"], why: "charged to whom the token names" },
  "nutrition-trend-analysis": { own: ["call"], why: "charged to whom the token names" },
  "recipe-detail-generator": { own: ["call"], why: "charged to whom the token names" },
  "recipe-generator": { own: ["call"], why: "charged to whom the token names" },
  "scan-estimate": { own: ["call"], why: "charged to whom the token names" },
  "scan-refine-morphs": { own: ["call"], why: "charged to whom the token names" },
  "scan-semantic": { own: ["call"], why: "charged to whom the token names" },
  "shopping-list-generator": { own: ["call"], why: "charged to whom the token names" },
  "voice-coach-realtime": { own: ["call"], why: "a WebSocket, charged to whom the token names" },
};

/** Whether the declaration lets a caller do something. */
export function mayDo<Action extends string>(
  rule: Rule<Action>,
  caller: CallerName,
  action: Action,
): boolean {
  return rule[caller]?.includes(action) ?? false;
}
