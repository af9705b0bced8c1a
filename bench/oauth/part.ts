import { randomBytes } from "node:crypto";
import { createClient } from "@supabase/supabase-js";

import { functionsFolder } from "../../scripts/local/paths.ts";
import { findFreePort } from "../../scripts/local/ports.ts";
import { type ExtraFunctions, type Stack, startFunctions } from "../../scripts/local/stack.ts";
import type { CallDatabase } from "../../supabase/functions/_shared/database/rpc.ts";
import { Leases } from "../../supabase/functions/_oauth/leases.ts";
import { openStore } from "../../supabase/functions/_oauth/open_store.ts";
import { TokenBroker } from "../../supabase/functions/_oauth/token_broker.ts";
import { Upstream } from "../../supabase/functions/_oauth/upstream.ts";
import { KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";
import { ProvidersText } from "../../supabase/functions/_oauth/setting_texts.ts";
import { type OpenIdProvider, startOpenIdProvider } from "../../tests/support/openid_provider.ts";
import { makeUser } from "../http/users.ts";
import type { Effort } from "../interleave.ts";
import { table } from "../markdown.ts";
import type { Report } from "../section.ts";
import { median, quantile } from "../statistics.ts";

const CALLERS = 100;
const PROVIDER_MS = 200;
const READS = 300;

/** Measures the cost of a valid token, and how long 100 callers wait for a renewal. */
export async function measureOauth(stack: Stack, { rounds }: Effort, report: Report): Promise<void> {
  const openId = await startOpenIdProvider({ redirectUri: callbackOf(stack) });
  const env = {
    OAUTH_PROVIDERS: JSON.stringify({ people: openId.settings("people") }),
    OAUTH_REDIRECT_URLS: "https://app.example.com/connected",
  };
  const processes: Process[] = [];
  try {
    for (let index = 0; index < 2; index++) {
      const port = await findFreePort();
      const functions = await startFunctions({
        portBase: stack.portBase,
        dataDir: stack.dataDir,
        folder: functionsFolder,
        env,
        port,
      });
      processes.push({ functions, url: `http://127.0.0.1:${port}/oauth-token` });
    }
    const ask = await connect(stack, openId, processes);
    report(await measureRenewal(stack, openId, processes, ask, rounds));
    report(await measureReads(stack, openId));
  } finally {
    for (const { functions } of processes) await functions.stop();
    await openId.stop();
  }
}

interface Process {
  functions: ExtraFunctions;
  /** The function's address in the process, without the gateway. */
  url: string;
}

/** Asks a process for the user's token. */
type Ask = (process: Process, rejected?: string) => Promise<string>;

async function measureRenewal(
  stack: Stack,
  openId: OpenIdProvider,
  processes: Process[],
  ask: Ask,
  rounds: number,
) {
  const rows: string[][] = [];
  const alone = await measureProvider(openId, rounds);
  for (const process of processes) await ask(process, await ask(process)); // Loads what the first renewal needs.
  const good: number[][] = [];
  for (let round = 0; round < rounds; round++) good.push(await askAtOnce(() => ask(processes[0]!)));
  rows.push(["a good token, one process", "0", ...latencyCells(good, 0)]);
  for (const [name, count] of [["one process", 1], ["two processes", 2]] as const) {
    const latencies: number[][] = [];
    let upstream = 0;
    for (let round = 0; round < rounds; round++) {
      const rejected = await ask(processes[0]!);
      openId.calls.length = 0;
      openId.delayMs = PROVIDER_MS;
      latencies.push(await askAtOnce((index) => ask(processes[index % count]!, rejected)));
      openId.delayMs = 0;
      upstream += openId.calls.length;
    }
    rows.push([name, String(upstream / rounds), ...latencyCells(latencies, alone)]);
  }
  const { latencies, upstream } = await measureInside(stack, openId, rounds);
  rows.push(["one process, inside", String(upstream), ...latencyCells(latencies, alone)]);
  return {
    title: `A token that has to be renewed, ${CALLERS} callers at once`,
    text:
      `The provider rotates refresh tokens and would end the grant at a second refresh. It waits ${PROVIDER_MS} ms; one \
who asks it directly has its answer after ${
        alone.toFixed(0)
      } ms, the provider's time. Callers ask the functions processes over HTTP, without a gateway before them, or inside a process as other functions do. \
What the requests themselves take shows the first row. Provider, callers and processes share the machine.`,
    table: table(["", "refreshes", "p50 ms", "p99 ms", "p99 above the provider's time, ms"], rows),
  };
}

/** How long each of the callers waits for its response. */
function askAtOnce(ask: (index: number) => Promise<unknown>): Promise<number[]> {
  return Promise.all(Array.from({ length: CALLERS }, async (_, index) => {
    const startMs = performance.now();
    await ask(index);
    return performance.now() - startMs;
  }));
}

/** How long the provider takes for a direct request. */
async function measureProvider(openId: OpenIdProvider, rounds: number): Promise<number> {
  const upstream = new Upstream(10_000);
  const settings = ProvidersText.parse(JSON.stringify({ machine: openId.settings("machine") })).get(
    "machine",
  )!;
  const durations: number[] = [];
  openId.delayMs = PROVIDER_MS;
  for (let round = 0; round <= rounds; round++) {
    const startMs = performance.now();
    await upstream.clientCredentials({ name: "machine", settings });
    if (round > 0) durations.push(performance.now() - startMs); // The first request looks up the endpoints.
  }
  openId.delayMs = 0;
  return median(durations);
}

/** The medians over the rounds of the callers' p50 and p99. */
function latencyCells(rounds: number[][], alone: number): string[] {
  const [p50, p99] = [0.5, 0.99].map((share) =>
    median(rounds.map((latencies) => quantile(latencies, share)))
  );
  return [p50!, p99!, p99! - alone].map((ms) => ms.toFixed(0));
}

/** Brokers in this process; HTTP is only used for the database. */
async function measureInside(stack: Stack, openId: OpenIdProvider, rounds: number) {
  const { broker, provider } = openBroker(stack, openId, "supabase");
  const latencies: number[][] = [];
  let upstream = 0;
  for (let round = 0; round < rounds; round++) {
    const { access_token: rejected } = await broker.getAccessToken({ provider });
    openId.calls.length = 0;
    openId.delayMs = PROVIDER_MS;
    latencies.push(await askAtOnce(() => broker.getAccessToken({ provider, rejected })));
    openId.delayMs = 0;
    upstream += openId.calls.length;
  }
  return { latencies, upstream: upstream / rounds };
}

async function measureReads(stack: Stack, openId: OpenIdProvider) {
  const rows: string[][] = [];
  for (const type of ["supabase", "memory"] as const) {
    const { broker, provider } = openBroker(stack, openId, type);
    await broker.getAccessToken({ provider });
    const latencies: number[] = [];
    for (let count = 0; count < READS; count++) {
      const startMs = performance.now();
      await broker.getAccessToken({ provider });
      latencies.push(performance.now() - startMs);
    }
    rows.push([
      `TOKEN_STORE_TYPE=${type}`,
      quantile(latencies, 0.5).toFixed(2),
      quantile(latencies, 0.99).toFixed(2),
    ]);
  }
  return {
    title: "A token that is good, one call after the other",
    text:
      "Inside a process. Every call asks Postgres through REST whether the token was revoked, whatever store holds it.",
    table: table(["", "p50 ms", "p99 ms"], rows),
  };
}

function openBroker(stack: Stack, openId: OpenIdProvider, type: "supabase" | "memory") {
  const client = createClient(stack.url, stack.secretKey, { auth: { persistSession: false } });
  const call: CallDatabase = async (name, args) => {
    const { data, error } = await client.rpc(name, args);
    if (error) throw new Error(error.message);
    return data;
  };
  const keyring = KeyringText.parse(`bench:${randomBytes(32).toString("base64")}`);
  const settings = {
    TOKEN_STORE_TYPE: type,
    REDIS_URL: undefined,
    REDIS_CA_CERTIFICATE: undefined,
    OAUTH_MEMORY_FALLBACK: "none" as const,
  };
  const providerTimeoutMs = 10_000;
  const broker = new TokenBroker({
    store: openStore(settings, keyring, call),
    leases: new Leases(call),
    upstream: new Upstream(providerTimeoutMs),
    memoryFallback: "none",
    providerTimeoutMs,
  });
  const name = `bench-${crypto.randomUUID()}`;
  const providers = ProvidersText.parse(JSON.stringify({ [name]: openId.settings("machine") }));
  return { broker, provider: { name, settings: providers.get(name)! } };
}

/** Connects a user, and returns the request with which servers get its token. */
async function connect(stack: Stack, openId: OpenIdProvider, [process]: Process[]): Promise<Ask> {
  const token = await makeUser(stack);
  const subject = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))).sub;
  const asUser = { apikey: stack.publishableKey, Authorization: `Bearer ${token}` };
  const gateway = `${process!.functions.url}/functions/v1/oauth-token`;
  const { authorization_url } = await post(gateway, "authorize", { provider: "people" }, asUser);
  const { search } = new URL(await openId.visit(authorization_url));
  const redirect = await fetch(`${gateway}/callback${search}`, {
    redirect: "manual",
  });
  const state = new URL(redirect.headers.get("Location")!).searchParams.get("state");
  await post(gateway, "complete", { state }, asUser);
  return async (one, rejected) => {
    const body = { provider: "people", subject, rejected };
    return (await post(one.url, "token", body, { apikey: stack.secretKey })).access_token;
  };
}

async function post(url: string, action: string, body: unknown, headers: HeadersInit) {
  const response = await fetch(`${url}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${action}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

function callbackOf(stack: Stack): string {
  return `${stack.url}/functions/v1/oauth-token/callback`;
}
