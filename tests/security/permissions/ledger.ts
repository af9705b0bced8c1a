import { BUCKET_ACTIONS, type Permissions } from "../permissions.ts";

export default {
  tables: {
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
  },
  routines: {
    account_limits: { server: ["call"], why: "reads about the user that its caller names" },
    add_tokens: { server: ["call"], why: "grants tokens: for payments and operators" },
    admit_reading: { server: ["call"], why: "takes from the limits of the user that its caller names" },
    admit_request: { server: ["call"], why: "claims a request for the user that its caller names" },
    cleanup_expired_locks: { server: ["call"], why: "run by a schedule" },
    consume_tokens_atomic: { server: ["call"], why: "charges the user that its caller names" },
    consume_tokens_batch: { server: ["call"], why: "charges the users that its caller names" },
    detect_high_frequency_requests: { server: ["call"], why: "records anomalies" },
    explain_request: { server: ["call"], why: "reads any user's request" },
    extend_token_hold: { server: ["call"], why: "lets a hold live on" },
    files_of_user: { server: ["call"], why: "names any user's files" },
    files_to_remove: { server: ["call"], why: "names files of all users" },
    hold_tokens: { server: ["call"], why: "claims a request for the user that its caller names" },
    pause_account: { server: ["call"], why: "locks out the user that its caller names" },
    record_token_anomaly: { server: ["call"], why: "writes about the user that its caller names" },
    release_tokens: { server: ["call"], why: "ends a hold" },
    resolve_token_anomaly: { server: ["call"], why: "an operator notes what came of it" },
    resume_account: { server: ["call"], why: "ends a pause" },
    run_token_operations: { server: ["call"], why: "holds, settles, releases and charges in one call" },
    set_account_plan: { server: ["call"], why: "changes the user that its caller names" },
    set_spend_caps: { server: ["call"], why: "changes the user that its caller names" },
    settle_tokens: { server: ["call"], why: "charges a hold and stores the answer" },
    verify_token_chain: { server: ["call"], why: "reads every user's ledger" },
    verify_token_ledger: { server: ["call"], why: "reads every user's ledger" },
  },
  buckets: {
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
  },
  endpoints: {
    "account/caps": { own: ["call"], why: "sets the caps of whom the token names" },
    "account/clean-up-files": { server: ["call"], why: "removes files of all users" },
    "account/export": { own: ["call"], why: "what is kept of whom the token names" },
    "account/forget": { server: ["call"], why: "takes personal data away" },
    "account/ledger": { own: ["call"], why: "the ledger of whom the token names" },
    "account/limits": { own: ["call"], why: "the user is whom the token names" },
    "account/try-model": { server: ["call"], why: "asks the model at the project's cost" },
    "account/why": { own: ["call"], server: ["call"], why: "a user's own requests; a server anybody's" },
    balance: { own: ["call"], why: "the user is whom the token names" },
  },
} satisfies Permissions;
