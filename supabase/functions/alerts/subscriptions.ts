import { z } from "zod";

import { activeKeyring, noEndpoint, readEndpoints } from "./endpoints.ts";
import { EndpointId } from "./schemas.ts";
import { newSecret, openEndpoint, sealEndpoint } from "../_alerts/endpoints.ts";
import { alertSettings } from "../_alerts/settings.ts";
import { wantedTypes } from "../_alerts/types.ts";
import { AppError } from "../_shared/platform/errors.ts";
import { defineEndpoint } from "../_shared/endpoint.ts";
import { callDatabase } from "../_shared/database/rpc.ts";

const Secret = z.string().describe(
  "The signing secret of deliveries, `whsec_…`: shown only this once",
);

/** How long a replaced secret stays valid. */
const KEEP_PREVIOUS_SECRET_H = 24;

/**
 * Adds a receiver of alerts. It gets the alerts that are emitted from now on, signed with the secret in this
 * response. Its URL must be https and lead to the public internet; it may be a secret itself, and is stored
 * encrypted.
 */
export const subscribe = defineEndpoint({
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
export const unsubscribe = defineEndpoint({
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
export const rotate = defineEndpoint({
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
