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
  alert_types: { server: ["read"], why: "a list that migrations add to" },
  job_status: { server: ["read"], why: "what is overdue" },
  otp_codes: { why: "codes, used through their functions alone" },
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
  token_key_mappings: { why: "written by the sync alone; an operator reads it in SQL" },
  tokens: { why: "encrypted tokens of providers, used through functions alone" },
  tradovate_tokens: { why: "encrypted; read through read_provider_token, which writes it down" },
  user_phones: { own: ["read"], server: ["read"], why: "written by verify_otp alone" },
};

/** Functions of schema public, which REST serves as /rpc/<name>. */
export const ROUTINES: Record<string, Rule<"call">> = {
  account_limits: { server: ["call"], why: "reads about the user that its caller names" },
  add_tokens: { server: ["call"], why: "grants tokens: for payments and operators" },
  admit_reading: { server: ["call"], why: "takes from the limits of the user that its caller names" },
  admit_request: { server: ["call"], why: "claims a request for the user that its caller names" },
  alert_queue: { server: ["call"], why: "counts what waits" },
  answer_oauth_authorization: { server: ["call"], why: "keeps a provider's answer, sealed" },
  begin_token_sync: { server: ["call"], why: "claims a sync of third-party tokens" },
  claim_alert_deliveries: { server: ["call"], why: "leases what a deliverer sends" },
  claim_oauth_lease: { server: ["call"], why: "gives the right to renew a token" },
  cleanup_expired_locks: { server: ["call"], why: "run by a schedule" },
  cleanup_provider_tokens: { server: ["call"], why: "run by a schedule" },
  clear_tokens: { server: ["call"], why: "empties a namespace of the token store" },
  complete_alert_delivery: { server: ["call"], why: "ends a lease" },
  consume_tokens_atomic: { server: ["call"], why: "charges the user that its caller names" },
  consume_tokens_batch: { server: ["call"], why: "charges the users that its caller names" },
  create_alert_endpoint: { server: ["call"], why: "says where alerts go" },
  delete_tokens: { server: ["call"], why: "deletes from the token store" },
  detect_high_frequency_requests: { server: ["call"], why: "records anomalies" },
  diff_provider_tokens: { server: ["call"], why: "a part of a sync" },
  emit_test_alert: { server: ["call"], why: "sends to an endpoint" },
  end_alert_endpoint: { server: ["call"], why: "says where alerts go" },
  list_oauth_revocations: { server: ["call"], why: "whose access is to be revoked" },
  end_oauth_revocation: { server: ["call"], why: "notes that access is revoked" },
  export_user_data: { server: ["call"], why: "reads all of the user that its caller names" },
  extend_token_hold: { server: ["call"], why: "lets a hold live on" },
  explain_request: { server: ["call"], why: "reads any user's request" },
  fail_alert_delivery: { server: ["call"], why: "ends a lease" },
  files_to_remove: { server: ["call"], why: "names files of all users" },
  files_of_user: { server: ["call"], why: "names any user's files" },
  finish_oauth_lease: { server: ["call"], why: "ends the right to renew a token" },
  finish_token_sync: { server: ["call"], why: "a part of a sync" },
  forget_user: { server: ["call"], why: "takes personal data away" },
  hold_tokens: { server: ["call"], why: "claims a request for the user that its caller names" },
  keep_oauth_authorization: { server: ["call"], why: "begins an authorization" },
  list_alert_deliveries: { server: ["call"], why: "reads what was told of every user" },
  list_gone_alert_endpoints: { server: ["call"], why: "hosts of receivers that ended" },
  list_alert_endpoints: { server: ["call"], why: "reads where alerts go" },
  list_tokens: { server: ["call"], why: "reads encrypted tokens" },
  note_caller_networks: { server: ["call"], why: "reported by the functions" },
  oauth_tokens_to_rotate: { server: ["call"], why: "gives out envelopes" },
  oauth_status: { server: ["call"], why: "counts tokens, and tells of providers that fail" },
  pause_account: { server: ["call"], why: "locks out the user that its caller names" },
  prove_token_key: { server: ["call"], why: "remembers a proof of an encryption key" },
  provider_token_status: { server: ["call"], why: "names accounts, no tokens" },
  provider_tokens_to_rotate: { server: ["call"], why: "gives out envelopes, and writes it down" },
  put_provider_tokens: { server: ["call"], why: "a part of a sync" },
  read_metrics: { server: ["call"], why: "sums over every user's ledger" },
  read_oauth_lease: { server: ["call"], why: "tells what is revoked" },
  read_provider_token: { server: ["call"], why: "gives out one envelope, and writes it down" },
  read_tokens: { server: ["call"], why: "reads encrypted tokens" },
  record_otp_delivery: { server: ["call"], why: "says what became of a code" },
  record_otp_report: { server: ["call"], why: "takes a report whose signature its caller has checked" },
  record_request_metrics: { server: ["call"], why: "adds to what is counted" },
  record_token_anomaly: { server: ["call"], why: "writes about the user that its caller names" },
  release_tokens: { server: ["call"], why: "ends a hold" },
  replay_alerts: { server: ["call"], why: "sends again" },
  request_otp: { server: ["call"], why: "issues a code for the phone that its caller names" },
  reseal_alert_endpoint: { server: ["call"], why: "changes what is sealed of an endpoint" },
  resolve_token_anomaly: { server: ["call"], why: "an operator notes what came of it" },
  resume_account: { server: ["call"], why: "ends a pause" },
  revoke_oauth_lease: { server: ["call"], why: "revokes the token that its caller names" },
  rotate_oauth_tokens: { server: ["call"], why: "replaces envelopes" },
  rotate_provider_tokens: { server: ["call"], why: "replaces envelopes" },
  run_job: { server: ["call"], why: "runs a job of the list, by its name" },
  run_token_operations: { server: ["call"], why: "holds, settles, releases and charges in one call" },
  set_account_plan: { server: ["call"], why: "changes the user that its caller names" },
  set_spend_caps: { server: ["call"], why: "changes the user that its caller names" },
  settle_tokens: { server: ["call"], why: "charges a hold and stores the answer" },
  take_call_limit: { server: ["call"], why: "takes from the limits of the user that its caller names" },
  take_oauth_authorization: { server: ["call"], why: "gives out an answered authorization, once" },
  take_rate_limits: { server: ["call"], why: "takes from the quotas that its caller names" },
  use_otp_proof: { server: ["call"], why: "uses up a proof whose signature its caller has checked" },
  verify_otp: { server: ["call"], why: "judges a guess, and names the user whose phone it becomes" },
  verify_token_chain: { server: ["call"], why: "reads every user's ledger" },
  verify_token_ledger: { server: ["call"], why: "reads every user's ledger" },
  write_tokens: { server: ["call"], why: "writes encrypted tokens" },
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
  "account/caps": { own: ["call"], why: "sets the caps of whom the token names" },
  "account/clean-up-files": { server: ["call"], why: "removes files of all users" },
  "account/forget": { server: ["call"], why: "takes personal data away" },
  "account/ledger": { own: ["call"], why: "the ledger of whom the token names" },
  "account/limits": { own: ["call"], why: "the user is whom the token names" },
  "account/why": { own: ["call"], server: ["call"], why: "a user's own requests; a server anybody's" },
  "activity-analyzer": { own: ["call"], why: "charged to whom the token names" },
  "activity-progress-generator": { own: ["call"], why: "charged to whom the token names" },
  "activity-transcriber": { own: ["call"], why: "charged to whom the token names" },
  "alerts/deliver": { server: ["call"], why: "called by the schedule" },
  "alerts/list": { server: ["call"], why: "reads what was told of every user" },
  "alerts/replay": { server: ["call"], why: "sends again" },
  "alerts/rotate": { server: ["call"], why: "gives out a signing secret" },
  "alerts/subscribe": { server: ["call"], why: "says where alerts go" },
  "alerts/try-platform": { server: ["call"], why: "asks the project itself over https" },
  "alerts/test": { server: ["call"], why: "sends to an endpoint" },
  "alerts/unsubscribe": { server: ["call"], why: "says where alerts go" },
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
  "metrics": { server: ["call"], why: "sums over every user's ledger, none of them named" },
  "nutrition-trend-analysis": { own: ["call"], why: "charged to whom the token names" },
  "oauth-token/authorize": { own: ["call"], why: "begins an authorization of whom the token names" },
  "oauth-token/callback": {
    anon: ["call"],
    own: ["call"],
    server: ["call"],
    why: "a provider's redirect; needs a state, and shows nothing",
  },
  "oauth-token/complete": { own: ["call"], why: "for the user who began it" },
  "oauth-token/revoke-forgotten": { server: ["call"], why: "called by the schedule" },
  "oauth-token/revoke": {
    own: ["call"],
    server: ["call"],
    why: "a user its own access, a server anybody's",
  },
  "oauth-token/status": { server: ["call"], why: "for operators" },
  "oauth-token/token": { server: ["call"], why: "access tokens of any user, and never a refresh token" },
  "otp/hook": {
    anon: ["call"],
    own: ["call"],
    server: ["call"],
    why: "for Supabase Auth alone: does nothing without its signature",
  },
  "otp/twilio-report": {
    anon: ["call"],
    own: ["call"],
    server: ["call"],
    why: "for Twilio alone: does nothing without its signature",
  },
  "otp/request": {
    anon: ["call"],
    own: ["call"],
    why: "for the publishable key, and for whom the token names",
  },
  "otp/verify": {
    anon: ["call"],
    own: ["call"],
    why: "for the publishable key, and for whom the token names",
  },
  "recipe-detail-generator": { own: ["call"], why: "charged to whom the token names" },
  "recipe-generator": { own: ["call"], why: "charged to whom the token names" },
  "scan-estimate": { own: ["call"], why: "charged to whom the token names" },
  "scan-refine-morphs": { own: ["call"], why: "charged to whom the token names" },
  "scan-semantic": { own: ["call"], why: "charged to whom the token names" },
  "shopping-list-generator": { own: ["call"], why: "charged to whom the token names" },
  "token-manager/cleanup": { server: ["call"], why: "tokens are money: for secret keys alone" },
  "token-manager/get": { server: ["call"], why: "tokens are money: for secret keys alone" },
  "token-manager/status": { server: ["call"], why: "tokens are money: for secret keys alone" },
  "token-manager/sync": { server: ["call"], why: "tokens are money: for secret keys alone" },
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
