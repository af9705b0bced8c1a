import { createHash } from "node:crypto";
import type postgres from "postgres";

import { type Arguments, type Call, Ledger, newId, type Outcome, run } from "./support.ts";

export type Role = "owner" | "admin" | "member" | "viewer";

/** What the functions of wallets answer. */
export interface WalletOutcome {
  success: boolean;
  error: string | null;
  message?: string;
  wallet_id?: string;
  invitation_id?: string;
  role?: Role;
}

/** What an admission answers. */
export interface AdmitOutcome extends Outcome {
  cap?: string;
  cap_tokens?: number;
  spent?: number;
  resets_at?: string;
  message?: string;
}

/** An admission of a member that a team's wallet pays. */
export function admit(
  member: string,
  wallet: string,
  amount: unknown = 1,
  id: string = newId(),
  more: Arguments = {},
): Call {
  return {
    name: "admit_request",
    args: {
      p_request_id: id,
      p_user_id: member,
      p_token_amount: amount,
      p_operation_type: "meal-analyzer",
      p_fingerprint: "content",
      p_wallet_id: wallet,
      ...more,
    },
  };
}

/** Something that a member does with a wallet: `rename_wallet`, `transfer_wallet`, … */
export function act(name: string, user: string, wallet: string, more: Arguments = {}): Call {
  return { name, args: { p_user_id: user, p_wallet_id: wallet, ...more } };
}

export function remove(user: string, wallet: string, member: string): Call {
  return act("remove_wallet_member", user, wallet, { p_member_id: member });
}

export function setRole(user: string, wallet: string, member: string, role: Role): Call {
  return act("set_wallet_role", user, wallet, { p_member_id: member, p_role: role });
}

export function setCap(user: string, wallet: string, member: string, tokens: number | null): Call {
  return act("set_member_cap", user, wallet, { p_member_id: member, p_monthly_cap_tokens: tokens });
}

export function accept(user: string, code: string): Call {
  return { name: "accept_wallet_invitation", args: { p_user_id: user, p_code_digest: digestOf(code) } };
}

export function invite(user: string, wallet: string, code: string, more: Arguments = {}): Call {
  return act("invite_to_wallet", user, wallet, {
    p_code_digest: digestOf(code),
    p_role: "member",
    p_max_uses: 1,
    ...more,
  });
}

export function digestOf(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}

/** Teams of one database. */
export class Teams {
  readonly ledger: Ledger;

  constructor(readonly sql: postgres.ISql) {
    this.ledger = new Ledger(sql);
  }

  /** Runs a call on this connection. */
  do<Answer = WalletOutcome>(call: Call): Promise<Answer> {
    return run<Answer>(this.sql, call);
  }

  /** Makes a wallet with so many tokens and an owner. */
  async open({ owner = newId(), tokens = 0 } = {}): Promise<Team> {
    const { wallet_id: wallet } = await this.do({
      name: "create_wallet",
      args: { p_user_id: owner, p_name: "Kitchen" },
    });
    if (tokens > 0) await this.ledger.add(wallet!, tokens);
    return new Team(this, wallet!, owner);
  }
}

export class Team {
  constructor(readonly teams: Teams, readonly wallet: string, readonly owner: string) {}

  /** Lets somebody in by an invitation. */
  async join(role: Role = "member", user: string = newId()): Promise<string> {
    const code = newId();
    const invited = role === "owner" ? "admin" : role;
    await this.teams.do(invite(this.owner, this.wallet, code, { p_role: invited }));
    const { success, error } = await this.teams.do(accept(user, code));
    if (!success) throw new Error(`Could not join: ${error}`);
    if (role === "owner") await this.teams.do(setRole(this.owner, this.wallet, user, "owner"));
    return user;
  }

  admit(member: string, amount: unknown = 1, id = newId(), more: Arguments = {}): Promise<AdmitOutcome> {
    return this.teams.do<AdmitOutcome>(admit(member, this.wallet, amount, id, more));
  }

  /** A member's row. */
  async member(user: string) {
    const [row] = await this.teams.sql`
      select role, held::float8, spent::float8, monthly_cap_tokens::float8 as cap, removed_at is null as is_member
      from private.wallet_members where wallet_id = ${this.wallet} and user_id = ${user}`;
    return row;
  }

  async roles(): Promise<Record<string, Role>> {
    const rows = await this.teams.sql`
      select user_id, role from private.wallet_members where wallet_id = ${this.wallet} and removed_at is null`;
    return Object.fromEntries(rows.map((row) => [row.user_id, row.role]));
  }
}
