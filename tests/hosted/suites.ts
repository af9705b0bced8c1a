// What runs under the Deno of the Edge Runtime, and why the rest does not. Paths are patterns: a new file of these suites
// runs, unless a pattern leaves it out for a reason.

/** Run a second time, by this Deno's vitest, against a stack whose functions run under the other. */
export const SERVED = [
  "tests/http/**/*.test.ts",
  "tests/security/*.test.ts",
  "tests/stack/token_commands.test.ts",
];

/** Of these left out, mostly for their time: they pass under 2.1.4 too. */
export const NOT_SERVED: Record<string, string> = {
  "tests/http/anomalies.test.ts": "what it looks at happens in SQL; `features` has the calls that lead there",
  "tests/http/balance.test.ts": "one statement and the rights of tables; `account` reads the same rows",
  "tests/http/charged_failures.test.ts":
    "judges over answers in plain JavaScript; `streaming` and `provider_failures` have the streams; 18 s",
  "tests/http/charging.test.ts": "what is charged is SQL; `features` has a charge of each feature; 14 s",
  "tests/http/client_package.test.ts": "of an npm package and Node; `client` has the calls",
  "tests/http/crash.test.ts": "kills processes and looks at the ledger, whose rules are SQL; 30 s",
  "tests/http/idempotency.test.ts":
    "claims and stored answers are SQL; `features` replays one of each feature; 16 s",
  "tests/http/limits.test.ts": "what it looks at happens in SQL; `endpoint_limits` has the headers",
  "tests/http/metrics.test.ts": "the numbers come from SQL and from a count in plain JavaScript; 25 s",
  "tests/http/settings.test.ts": "one schema reads them; nine processes and 20 s",
  "tests/security/dependencies.test.ts": "looks at deno.lock and calls nothing",
  "tests/security/fuzz.test.ts":
    "looks for what schemas and plain JavaScript let through, by an HTTP server that hosted functions do not have; `bad_input` has what each refusal looks like; 41 s",
  "tests/security/matrix.test.ts":
    "3000 requests, 100 s: who may call is decided by the same lines for every endpoint, and `credentials` and `features` run them",
  "tests/stack/token_commands.test.ts":
    "the commands run under the operator's Deno; the functions they call have `token_manager` and `token_sync`",
};

/**
 * Run inside the other Deno: the unit tests, and two that load functions' modules that need the stack. Not
 * tests/sql/oauth_store.test.ts: its test suite of Keyv brings a vitest with it, which cannot be installed there.
 */
export const INSIDE = [
  "tests/unit/**/*.test.ts",
  "tests/sql/alerts.test.ts",
  "tests/sql/oauth_fallback.test.ts",
];

/** Of these left out. */
export const NOT_INSIDE: Record<string, string> = {
  "tests/unit/deploy/import_map.test.ts": "asks both Denos itself",
  "tests/unit/deploy/project.test.ts": "of commands, which run under the operator's Deno",
  "tests/unit/deno_version.test.ts": "of commands, which run under the operator's Deno",
  "tests/unit/dialects.test.ts":
    "the demo model in its process does not shut down there; `tests/http/dialects` has one of its own",
  "tests/unit/docs/architecture.test.ts": "of a page, which is the same under any Deno",
  "tests/unit/docs/env_example.test.ts": "of a command, which runs under the operator's Deno",
  "tests/unit/docs/example.test.ts": "of pages, which are the same under any Deno",
  "tests/unit/docs/pages.test.ts": "of pages, which are the same under any Deno",
  "tests/unit/docs/runtime.test.ts": "asks both Denos itself",
  "tests/unit/shared/background.test.ts":
    "stands functions in for the platform's, which only vitest can; each request over HTTP leaves such work behind",
  "tests/unit/shared/pinned_request.test.ts": "asks both Denos itself",
  "tests/unit/modules/**": "of commands and declarations, which are of the operator's Deno",
  "tests/unit/ledger/recorded.test.ts":
    "half a minute of ffmpeg, for readers in plain JavaScript; `audio` has the same readers",
  "tests/unit/functions_imports.test.ts":
    "asks this Deno for the modules of each function, with its lock file",
  "tests/unit/ledger/pictures.test.ts":
    "stands a module in for another, which only vitest can; `tests/http/pictures` has the real one",
  "tests/unit/ledger/realtime_session.test.ts":
    "moves a clock of its own, which only vitest has; `tests/http/realtime` has the real one",
};

/** Single tests of files that do run, by words of their names. */
export const TESTS_NOT_INSIDE: Record<string, string> = {
  "leaves no timer and nothing at the caller's signal":
    "counts timers by standing in for them, which only vitest can; the code is plain JavaScript",
  "pixels >":
    "a program gets no input from `execFileSync` there; what the picture is made of is compared by the others",
  "with as many parts as 2 MB hold is worked off":
    "a test of the time that growth takes, in plain JavaScript; too slow beside 2,700 others",
  "the app's own go on, a user's are neither served nor refreshed":
    "the sign-in server that it starts refuses every code there; the tests of `oauth` over HTTP have one of this Deno",
  "falls silent in the middle, after garbage was collected too":
    "the test's own server never shuts down there; `aborting` has what ends the answer",
};

/** Modules with `node:` that no test inside loads: where they are asked over HTTP. */
export const OVER_HTTP: Record<string, string> = {
  "_oauth/authorizations.ts": "tests/http/oauth_token.test.ts",
  "_vault/fingerprints.ts": "tests/http/token_sync.test.ts",
  "_vault/plain_source.ts": "tests/http/token_sync.test.ts",
  "wallets/invitations.ts": "tests/http/wallets.test.ts",
};
