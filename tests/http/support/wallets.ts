import { afterAll, expect } from "vitest";

import { connect, grant, type SignedInUser } from "../../support/stack.ts";
import { type Answer, call } from "./calls.ts";

export type Role = "owner" | "admin" | "member" | "viewer";

/** A wallet that a team shares. */
export interface Team {
  wallet: string;
  owner: SignedInUser;
  /** Lets a user in by an invitation. */
  join(user: SignedInUser, role?: Exclude<Role, "owner">): Promise<void>;
}

/** Runs an action of the function `wallets` that changes something. */
export function act(user: SignedInUser, action: string, body: Record<string, unknown>): Promise<Answer> {
  return call(`wallets/${action}`, { user, body });
}

/** Runs an action that reads. */
export function read(
  user: SignedInUser,
  action: string,
  query: Record<string, string> = {},
): Promise<Answer> {
  const text = new URLSearchParams(query).toString();
  return call(`wallets/${action}${text && `?${text}`}`, { method: "GET", user });
}

export function withWallet(wallet: string): Record<string, string> {
  return { "Tessera-Wallet": wallet };
}

async function done(answer: Promise<Answer>): Promise<Answer["body"]> {
  const { status, body, text } = await answer;
  if (status !== 200) throw new Error(`refused: ${text}`);
  return body;
}

/** Teams of a test file; after the file, the ledger of each wallet must add up. */
export function openTeams(): { newTeam(owner: SignedInUser, tokens?: number): Promise<Team> } {
  const sql = connect({ connections: 1 });
  const wallets: string[] = [];

  afterAll(async () => {
    const broken = await sql`
      select invariant, details from public.verify_token_ledger() where user_id = any(${wallets})`;
    expect([...broken]).toEqual([]);
  });

  return {
    async newTeam(owner, tokens = 0) {
      const { wallet_id: wallet } = await done(act(owner, "create", { name: "Kitchen" }));
      wallets.push(wallet);
      if (tokens > 0) await grant(wallet, tokens);
      return {
        wallet,
        owner,
        async join(user, role = "member") {
          const { code } = await done(act(owner, "invite", { wallet_id: wallet, role }));
          await done(act(user, "accept", { code }));
        },
      };
    },
  };
}
