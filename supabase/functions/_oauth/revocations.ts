import { callDatabase } from "../_shared/database/rpc.ts";
import { providersOfUsers, revokeAllOf } from "./tokens.ts";

const PAGE = 100;

/** What came of revoking. */
export interface Revoked {
  revoked: number;
  is_done: boolean;
}

/**
 * Revokes the access of users who were forgotten, until nobody is left or the time is over. Where no provider gives tokens
 * of users there is nothing to revoke; a provider that was there once may come back.
 */
export async function revokeForgottenUsers(budgetMs: number): Promise<Revoked> {
  if (providersOfUsers().length === 0) return { revoked: 0, is_done: true };
  const endMs = performance.now() + budgetMs;
  let revoked = 0;
  for (;;) {
    const page = await callDatabase("list_oauth_revocations", { p_limit: PAGE }) as {
      subject: string;
      requested_at: string;
    }[];
    for (const { subject, requested_at } of page) {
      if (performance.now() > endMs) return { revoked, is_done: false };
      await revokeAllOf(subject);
      await callDatabase("end_oauth_revocation", { p_subject: subject, p_requested_at: requested_at });
      revoked++;
    }
    if (page.length < PAGE) return { revoked, is_done: true };
  }
}
