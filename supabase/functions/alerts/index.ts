import { z } from "zod";

import type { Delivered, Delivering } from "../_alerts/deliver.ts";
import { newSecret, openEndpoint, sealEndpoint } from "../_alerts/endpoints.ts";
import { Outbox } from "../_alerts/outbox.ts";
import { wantedTypes } from "../_alerts/types.ts";
import { defineActions } from "../_shared/http/actions.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { misconfigured, supabase } from "../_shared/platform/env.ts";
import { encryptionSettings } from "../_shared/security/settings.ts";
import { AppError } from "../_shared/platform/errors.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { callDatabase } from "../_shared/database/rpc.ts";
import { alertSettings } from "../_alerts/settings.ts";

const EndpointId = z.uuid().describe("As `subscribe` and `list` return it");
const Time = z.string().describe("As Postgres writes a time with its zone");
const Secret = z.string().describe(
  "The signing secret of deliveries, `whsec_…`: shown only this once",
);

/** How long a replaced secret stays valid. */
const KEEP_PREVIOUS_SECRET_H = 24;

/**
 * Sends due alerts, to each endpoint in order within an ordering key, until none is due or the time is over. The
 * schedule calls it every minute; two at once do no harm.
 */
const deliver = defineEndpoint({
  name: "alerts/deliver",
  auth: "secret",
  method: "POST",
  input: z.object({
    budget_ms: z.coerce.number().int().min(1_000).max(120_000).default(40_000).describe(
      "No new delivery starts after this time",
    ),
  }),
  output: z.object({
    delivered: z.int(),
    failed: z.int().describe("Failed, and will be tried again"),
    dead: z.int().describe("Dead letters: given up"),
    lost: z.int().describe("Taken over by another worker, as they took too long"),
  }),
  async handle({ input }) {
    const { lastError: _, ...counts } = await run({ budgetMs: input.budget_ms });
    return Response.json(counts);
  },
});

const Listed = z.object({
  alert_id: z.int(),
  endpoint_id: z.string(),
  host: z.string(),
  webhook_id: z.string().describe("The alert's id for receivers"),
  alert_type: z.string(),
  data: z.record(z.string(), z.unknown()),
  created_at: Time,
  status: z.enum(["pending", "delivered", "dead", "cancelled"]),
  attempts: z.int(),
  last_attempt_at: Time.nullable(),
  next_attempt_at: Time.nullable().describe("Null if no further attempt is planned"),
  last_http_status: z.int().nullable(),
  last_error: z.string().nullable(),
  delivered_at: Time.nullable(),
});

/** Lists what waits, the endpoints, and the deliveries of one status, the newest first; default: dead letters. */
const list = defineEndpoint({
  name: "alerts/list",
  auth: "secret",
  method: "GET",
  isAlsoPost: true,
  input: z.object({
    status: z.enum(["pending", "delivered", "dead", "cancelled"]).default("dead"),
    endpoint_id: EndpointId.optional(),
    before_alert_id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional().describe(
      "For the next page: the last alert_id of this one",
    ),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
  }),
  output: z.object({
    queue: z.object({
      not_fanned_out: z.int().describe("Alerts that are not yet queued for their endpoints"),
      pending: z.int(),
      dead: z.int(),
      oldest_pending_s: z.int().describe("The age of the oldest alert that waits"),
    }),
    endpoints: z.array(z.object({
      endpoint_id: z.string(),
      host: z.string(),
      alert_types: z.array(z.string()),
      description: z.string(),
      created_at: Time,
      pending: z.int(),
      dead: z.int(),
    })),
    gone_endpoints: z.array(z.object({
      endpoint_id: z.string(),
      host: z.string(),
      alert_types: z.array(z.string()),
      description: z.string(),
      ended_at: Time,
    })).describe("Endpoints that answered 410 Gone in the last 90 days, and get no more alerts"),
    deliveries: z.array(Listed),
  }),
  async handle({ input }) {
    const [queue, endpoints, gone, deliveries] = await Promise.all([
      callDatabase("alert_queue", {}),
      readEndpoints(),
      callDatabase("list_gone_alert_endpoints", {}),
      callDatabase("list_alert_deliveries", {
        p_status: input.status,
        p_endpoint_id: input.endpoint_id ?? null,
        p_before_alert_id: input.before_alert_id ?? null,
        p_limit: input.limit,
      }),
    ]);
    const shown = endpoints.map(({ sealed: _, ...endpoint }) => endpoint);
    return Response.json({ queue, endpoints: shown, gone_endpoints: gone, deliveries });
  },
});

/**
 * Makes dead letters due again: all, or those of one endpoint. With alert ids it sends those alerts again, delivered
 * or not, to every subscribed endpoint, or only to the given one.
 */
const replay = defineEndpoint({
  name: "alerts/replay",
  auth: "secret",
  method: "POST",
  input: z.object({
    endpoint_id: EndpointId.optional(),
    alert_ids: z.array(z.int().min(1)).min(1).max(1_000).optional(),
    limit: z.int().min(1).max(10_000).default(1_000).describe("The most deliveries, the oldest first"),
  }),
  output: z.object({ replayed: z.int().describe("Deliveries that are due now") }),
  async handle({ input }) {
    const outcome = await callDatabase("replay_alerts", {
      p_endpoint_id: input.endpoint_id ?? null,
      p_alert_ids: input.alert_ids ?? null,
      p_limit: input.limit,
    });
    return Response.json({ replayed: (outcome as { replayed: number }).replayed });
  },
});

/** Extra time for alerts that already wait for the endpoint. */
const TEST_BUDGET_MS = 30_000;

/** Sends an alert of type `test` to one endpoint, and returns at once whether it was accepted. */
const test = defineEndpoint({
  name: "alerts/test",
  auth: "secret",
  method: "POST",
  codes: ["not_found"],
  input: z.object({ endpoint_id: EndpointId }),
  output: z.object({
    webhook_id: z.string(),
    delivered: z.boolean().describe("False: it is tried again, like any alert"),
    error: z.string().nullable().describe("Why it was not delivered, in words"),
  }),
  async handle({ input }) {
    const emitted = await callDatabase("emit_test_alert", { p_endpoint_id: input.endpoint_id }) as {
      success: boolean;
      alert_id: number;
      webhook_id: string;
    };
    if (!emitted.success) throw noEndpoint();
    const { lastError } = await run({ budgetMs: TEST_BUDGET_MS, endpointId: input.endpoint_id });
    const taken = await callDatabase("list_alert_deliveries", {
      p_status: "delivered",
      p_endpoint_id: input.endpoint_id,
      p_before_alert_id: emitted.alert_id + 1,
      p_limit: 1,
    }) as { alert_id: number }[];
    const delivered = taken[0]?.alert_id === emitted.alert_id;
    const error = delivered ? null : lastError ?? "Another worker is delivering it";
    return Response.json({ webhook_id: emitted.webhook_id, delivered, error });
  },
});

const TRY_PLATFORM_MS = 20_000;

/**
 * Tests on the platform itself what alerts, pictures and secrets depend on: sealing, opening, refusing an altered
 * envelope, fetching over https and posting over https. Only the project itself is called, and nothing is stored.
 */
const tryPlatform = defineEndpoint({
  name: "alerts/try-platform",
  auth: "secret",
  method: "POST",
  input: z.object({}),
  output: z.object({
    trials: z.array(z.object({
      trial: z.enum(["sealing", "opening", "refusing", "picture", "alert"]),
      outcome: z.enum(["good", "bad", "untried"]).describe("untried: a requirement is missing"),
      message: z.string(),
    })),
  }),
  async handle() {
    const trials = await import("../_alerts/platform_trials.ts");
    const results = await trials.tryPlatform({
      keyring: encryptionSettings().TOKEN_ENCRYPTION_KEYS,
      projectUrl: supabase().publicUrl,
      signal: AbortSignal.timeout(TRY_PLATFORM_MS),
    });
    return Response.json({ trials: results });
  },
});

/**
 * Adds a receiver of alerts. It gets the alerts that are emitted from now on, signed with the secret in this
 * response. Its URL must be https and lead to the public internet; it may be a secret itself, and is stored
 * encrypted.
 */
const subscribe = defineEndpoint({
  name: "alerts/subscribe",
  auth: "secret",
  method: "POST",
  input: z.object({
    url: z.string().min(1).max(2_000).describe("The URL to which alerts are posted"),
    alert_types: z.array(z.string().min(1).max(60)).min(1).max(100).optional().describe(
      "Types of docs/alerts.md; default all that exist now",
    ),
    description: z.string().trim().max(200).default(""),
  }),
  output: z.object({ endpoint_id: z.uuid(), secret: Secret }),
  async handle({ input }) {
    const keyring = activeKeyring();
    const alertTypes = await wantedTypes(input.alert_types);
    const host = await hostOf(input.url);
    const endpointId = crypto.randomUUID();
    const secret = newSecret();
    const created = await callDatabase("create_alert_endpoint", {
      p_endpoint_id: endpointId,
      p_host: host,
      p_alert_types: alertTypes,
      p_sealed: await sealEndpoint(keyring, endpointId, { url: input.url, secret }),
      p_description: input.description,
    }) as { success: boolean; message: string };
    if (!created.success) throw new AppError("invalid_request", created.message);
    return Response.json({ endpoint_id: endpointId, secret });
  },
});

/** Ends a subscription; alerts that still wait for the endpoint are cancelled. */
const unsubscribe = defineEndpoint({
  name: "alerts/unsubscribe",
  auth: "secret",
  method: "POST",
  codes: ["not_found"],
  input: z.object({ endpoint_id: EndpointId }),
  output: z.object({ unsubscribed: z.literal(true) }),
  async handle({ input }) {
    if (!await callDatabase("end_alert_endpoint", { p_endpoint_id: input.endpoint_id })) throw noEndpoint();
    return Response.json({ unsubscribed: true });
  },
});

/**
 * Gives an endpoint a new signing secret. For 24 hours each delivery is signed with both secrets, the new one first,
 * so that the receiver can switch without missing an alert.
 */
const rotate = defineEndpoint({
  name: "alerts/rotate",
  auth: "secret",
  method: "POST",
  codes: ["not_found"],
  input: z.object({ endpoint_id: EndpointId }),
  output: z.object({ secret: Secret }),
  async handle({ input }) {
    const keyring = activeKeyring();
    const endpoint = (await readEndpoints()).find(({ endpoint_id }) => endpoint_id === input.endpoint_id);
    if (endpoint === undefined) throw noEndpoint();
    const { url, secret: previous_secret } = await openEndpoint(keyring, input.endpoint_id, endpoint.sealed);
    const secret = newSecret();
    const isStored = await callDatabase("reseal_alert_endpoint", {
      p_endpoint_id: input.endpoint_id,
      p_old_sealed: endpoint.sealed,
      p_sealed: await sealEndpoint(keyring, input.endpoint_id, { url, secret, previous_secret }),
      p_keep_previous_secret: `${KEEP_PREVIOUS_SECRET_H} hours`,
    });
    if (!isStored) {
      throw new AppError("service_unavailable", "The endpoint was changed at the same moment: try again", {
        headers: { "Retry-After": "1" },
      });
    }
    return Response.json({ secret });
  },
});

export default defineActions("alerts", {
  deliver,
  list,
  replay,
  test,
  subscribe,
  unsubscribe,
  rotate,
  "try-platform": tryPlatform,
}) satisfies Deno.ServeDefaultExport;

/** Loaded late: signatures, TLS and DNS take as long to load as the rest, and most actions need none of them. */
async function run(options: Pick<Delivering, "budgetMs" | "endpointId">): Promise<Delivered> {
  const { deliver } = await import("../_alerts/deliver.ts");
  const { ALERT_LOOPBACK, ALERT_TIMEOUT_MS } = alertSettings();
  return await deliver({
    outbox: new Outbox(),
    keyring: activeKeyring(),
    timeoutMs: ALERT_TIMEOUT_MS,
    mayBeLoopback: ALERT_LOOPBACK === "allowed",
    ...options,
  });
}

function activeKeyring(): Keyring {
  const { TOKEN_ENCRYPTION_KEYS } = encryptionSettings();
  if (TOKEN_ENCRYPTION_KEYS) return TOKEN_ENCRYPTION_KEYS;
  throw misconfigured(
    "Alerts need TOKEN_ENCRYPTION_KEYS: addresses and signing secrets are stored encrypted",
  );
}

interface StoredEndpoint {
  endpoint_id: string;
  sealed: string;
}

async function readEndpoints(): Promise<StoredEndpoint[]> {
  return await callDatabase("list_alert_endpoints", {}) as unknown as StoredEndpoint[];
}

const LOOKUP_MS = 5_000;

/** The host of an allowed URL; its addresses are checked again at each delivery. */
async function hostOf(address: string): Promise<string> {
  const { findReceiver, UnusableReceiver } = await import("../_alerts/receiver.ts");
  const mayBeLoopback = alertSettings().ALERT_LOOPBACK === "allowed";
  try {
    const { url } = await findReceiver(address, { signal: AbortSignal.timeout(LOOKUP_MS), mayBeLoopback });
    return url.host;
  } catch (cause) {
    const message = cause instanceof UnusableReceiver
      ? cause.message
      : "The host of the address could not be found";
    throw new AppError("invalid_request", `url: ${message}`, { cause });
  }
}

function noEndpoint(): AppError {
  return new AppError("not_found", "There is no endpoint with this endpoint_id");
}
