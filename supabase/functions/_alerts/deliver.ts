import { HttpError } from "../_shared/http/http_connection.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { logEvent } from "../_shared/platform/log.ts";
import { type EndpointSecrets, openEndpoint, resealed } from "./endpoints.ts";
import { signedMessage } from "./message.ts";
import type { Delivery, Outbox } from "./outbox.ts";
import { type Network, type Reply, send, UnusableReceiver } from "./receiver.ts";

export interface Delivering {
  outbox: Outbox;
  keyring: Keyring;
  /** The time for the whole run. */
  budgetMs: number;
  /** The time for one receiver and one alert. */
  timeoutMs: number;
  mayBeLoopback: boolean;
  /** Deliver only to this endpoint. */
  endpointId?: string;
  network?: Network;
}

export interface Delivered {
  delivered: number;
  /** Failed, and will be tried again. */
  failed: number;
  /** Dead letters: given up. */
  dead: number;
  /** Taken over by another worker, as they took too long. */
  lost: number;
  /** Why the last delivery failed. */
  lastError?: string;
}

/** How many alerts of one endpoint are sent at once, all with different ordering keys. */
const BATCH = 8;

/**
 * Sends due alerts until none is left or the time is over. An endpoint that answers none of a batch is skipped for
 * the rest of the run. If the worker is killed, its leased deliveries are due again when the lease expires.
 */
export async function deliver(options: Delivering): Promise<Delivered> {
  const { outbox, budgetMs, timeoutMs, endpointId } = options;
  const endsAtMs = performance.now() + budgetMs;
  const total: Delivered = { delivered: 0, failed: 0, dead: 0, lost: 0 };
  const unreachable: string[] = [];
  const isTimeLeft = () => performance.now() + timeoutMs < endsAtMs;
  do {
    const claimed = await outbox.claim({ limit: BATCH, endpointId, without: unreachable });
    if (claimed.length === 0) break;
    const byEndpoint = Map.groupBy(claimed, ({ endpoint_id }) => endpoint_id);
    await Promise.all([...byEndpoint].map(async ([id, deliveries]) => {
      const answered = await deliverBatch(id, deliveries, options, total);
      if (!answered) unreachable.push(id);
    }));
  } while (isTimeLeft());
  return total;
}

/** Delivers a batch to one endpoint. Returns whether it answered any of them. */
async function deliverBatch(
  endpointId: string,
  deliveries: Delivery[],
  options: Delivering,
  total: Delivered,
): Promise<boolean> {
  const { keyring, outbox } = options;
  const sealed = deliveries[0]!.sealed;
  let secrets: EndpointSecrets;
  try {
    secrets = await openEndpoint(keyring, endpointId, sealed);
    const anew = await resealed(keyring, endpointId, sealed);
    if (anew) await outbox.reseal(endpointId, sealed, anew);
  } catch (cause) {
    const error = `The endpoint cannot be unsealed: ${(cause as Error).message}`;
    await Promise.all(deliveries.map((delivery) => noteFailure(delivery, { error }, outbox, total)));
    return false;
  }
  const answered = await Promise.all(
    deliveries.map((delivery) => deliverOne(delivery, secrets, options, total)),
  );
  return answered.includes(true);
}

/** Delivers one alert. Returns whether the receiver answered. */
async function deliverOne(
  delivery: Delivery,
  secrets: EndpointSecrets,
  { outbox, timeoutMs, mayBeLoopback, network }: Delivering,
  total: Delivered,
): Promise<boolean> {
  const { webhook_id: webhookId, alert_type: type, payload: data } = delivery;
  const keys = delivery.signs_with_previous && secrets.previous_secret
    ? [secrets.secret, secrets.previous_secret]
    : [secrets.secret];
  const alert = { webhookId, type, data, createdAt: new Date(delivery.created_at) };
  const signal = AbortSignal.timeout(timeoutMs);
  let reply: Reply;
  try {
    const message = signedMessage(alert, keys, new Date());
    reply = await send(secrets.url, message, { signal, mayBeLoopback, network });
  } catch (cause) {
    await noteFailure(delivery, { error: reasonOf(cause, signal, timeoutMs) }, outbox, total);
    return false;
  }
  if (reply.status >= 200 && reply.status < 300) {
    if (await outbox.complete(delivery, reply.status)) total.delivered++;
    else total.lost++;
  } else {
    await noteFailure(delivery, { ...reply, error: `The receiver answered ${reply.status}` }, outbox, total);
  }
  return true;
}

async function noteFailure(
  delivery: Delivery,
  failure: Parameters<Outbox["fail"]>[1],
  outbox: Outbox,
  total: Delivered,
): Promise<void> {
  total.lastError = failure.error;
  const { success, status } = await outbox.fail(delivery, failure);
  if (!success) total.lost++;
  else if (status === "dead") total.dead++;
  else if (status === "cancelled") {
    total.dead++;
    const cause = "The receiver answered 410 Gone: it gets no more alerts until it is subscribed again";
    logEvent("error", { component: "alerts", endpoint_id: delivery.endpoint_id, cause });
  } else total.failed++;
}

/** The error in words, without any part of the address that could be secret. */
function reasonOf(cause: unknown, signal: AbortSignal, timeoutMs: number): string {
  if (cause instanceof UnusableReceiver) return cause.message;
  if (signal.aborted) return `No answer within ${timeoutMs} ms`;
  if (cause instanceof HttpError) return `The receiver does not answer as HTTP: ${cause.message}`;
  const { code, message } = cause as { code?: unknown; message?: string };
  if (message?.includes("peer certificate")) return "The receiver's certificate does not name its host";
  return `The connection failed${typeof code === "string" ? `: ${code}` : ""}`;
}
