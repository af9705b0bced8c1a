import type { Delivered, Delivering } from "../_alerts/deliver.ts";
import { Outbox } from "../_alerts/outbox.ts";
import { alertSettings } from "../_alerts/settings.ts";
import { activeKeyring } from "./endpoints.ts";

/**
 * Delivers what is due. Loads the deliverer late: signatures, TLS and DNS take as long to load as the rest, and most
 * actions need none of them.
 */
export async function deliverDue(options: Pick<Delivering, "budgetMs" | "endpointId">): Promise<Delivered> {
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
