import { z } from "zod";

import { type CallDatabase, callDatabase } from "../_shared/database/rpc.ts";

const Claimed = z.object({
  deliveries: z.array(z.object({
    alert_id: z.number(),
    endpoint_id: z.string(),
    lease_id: z.string(),
    attempt: z.number(),
    webhook_id: z.string(),
    alert_type: z.string(),
    payload: z.unknown(),
    created_at: z.string(),
    sealed: z.string(),
    signs_with_previous: z.boolean(),
  })),
});

/** One alert for one endpoint, leased. */
export type Delivery = z.infer<typeof Claimed>["deliveries"][number];

export type Failure = z.infer<typeof Failure>;
const Failure = z.object({
  success: z.boolean(),
  status: z.enum(["pending", "dead", "cancelled"]).nullable(),
});

/** Longer than any try takes, and short enough that a dead worker delays nothing for long. */
const LEASE = "1 minute";

/** The calls of a delivery worker to the database. */
export class Outbox {
  constructor(private readonly call: CallDatabase = callDatabase) {}

  async claim(options: { limit: number; endpointId?: string; without: string[] }): Promise<Delivery[]> {
    const claimed = await this.call("claim_alert_deliveries", {
      p_limit: options.limit,
      p_lease: LEASE,
      p_endpoint_id: options.endpointId ?? null,
      p_without: options.without,
    });
    return Claimed.parse(claimed).deliveries;
  }

  /** Returns whether the lease was still ours. */
  async complete({ alert_id, endpoint_id, lease_id }: Delivery, status: number): Promise<boolean> {
    return await this.call("complete_alert_delivery", {
      p_alert_id: alert_id,
      p_endpoint_id: endpoint_id,
      p_lease_id: lease_id,
      p_http_status: status,
    }) as boolean;
  }

  async fail(
    { alert_id, endpoint_id, lease_id }: Delivery,
    { error, status, retryAfterS }: { error: string; status?: number; retryAfterS?: number },
  ): Promise<Failure> {
    return Failure.parse(
      await this.call("fail_alert_delivery", {
        p_alert_id: alert_id,
        p_endpoint_id: endpoint_id,
        p_lease_id: lease_id,
        p_error: error,
        p_http_status: status,
        p_retry_after_s: retryAfterS,
      }),
    );
  }

  async reseal(endpointId: string, oldSealed: string, sealed: string): Promise<void> {
    await this.call("reseal_alert_endpoint", {
      p_endpoint_id: endpointId,
      p_old_sealed: oldSealed,
      p_sealed: sealed,
    });
  }
}
