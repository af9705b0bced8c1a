import type postgres from "postgres";

import { type Arguments, type Call, createDatabase, newId, run } from "../support.ts";

export type SalonRole = "owner" | "moderator" | "member";

/** What the functions of salons answer. */
export interface SalonOutcome {
  success: boolean;
  error: string | null;
  message?: string;
  salon_id?: string;
  share_code?: string;
  invitation_id?: string;
  code?: string;
  role?: SalonRole;
  is_new?: boolean;
  until?: string | null;
  [more: string]: unknown;
}

/** Runs a function with the rights and the claims of a signed-in user, as REST does. */
const AS_USER_SQL = `
  create function public.as_user(p_user_id uuid, p_name text, p_args jsonb) returns jsonb
  language plpgsql as $$
  declare
    v_outcome jsonb;
  begin
    perform set_config('request.jwt.claims',
      jsonb_build_object('sub', p_user_id, 'role', 'authenticated')::text, true);
    perform set_config('role', 'authenticated', true);
    execute format('select to_jsonb(public.%I(%s))', p_name,
      (select string_agg(format('%I => %L', key, value), ', ') from jsonb_each_text(p_args))) into v_outcome;
    perform set_config('role', 'postgres', true);
    return v_outcome;
  end;
  $$`;

/** A call by a user of one of the functions that users may call. */
export function by(user: string, name: string, args: Arguments = {}): Call {
  return { name: "as_user", args: { p_user_id: user, p_name: name, p_args: args } };
}

/** A database whose users talk in salons. */
export async function createCommunity(): Promise<Community> {
  const { url, sql } = await createDatabase();
  await sql.unsafe(AS_USER_SQL);
  return new Community(url, sql);
}

export class Community {
  constructor(readonly url: string, readonly sql: postgres.Sql) {}

  /** Signs somebody up. */
  async user(): Promise<string> {
    const id = newId();
    await this.sql`insert into auth.users (id) values (${id})`;
    return id;
  }

  users(count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => this.user()));
  }

  /** Calls a function as a user. */
  do(user: string, name: string, args: Arguments = {}): Promise<SalonOutcome> {
    return run<SalonOutcome>(this.sql, by(user, name, args));
  }

  /** Runs a query as a user, under the policies, as REST does. */
  async read(user: string, query: string): Promise<Record<string, unknown>[]> {
    return await this.sql.begin(async (transaction) => {
      await this.be(transaction, user);
      return [...await transaction.unsafe(query)];
    }) as Record<string, unknown>[];
  }

  /** Makes the rest of a transaction a user's. */
  async be(transaction: postgres.ISql, user: string | null): Promise<void> {
    const role = user ? "authenticated" : "anon";
    await transaction`select set_config('request.jwt.claims', ${
      JSON.stringify({ sub: user ?? undefined, role })
    }, true),
      set_config('role', ${role}, true)`;
  }

  /** Makes a salon. */
  async open({ owner, ...more }: { owner?: string } & Arguments = {}): Promise<Salon> {
    const user = owner ?? await this.user();
    const made = await this.do(user, "create_salon_with_code", { p_name: "Kitchen", ...more });
    if (!made.success) throw new Error(`No salon was made: ${made.error}`);
    return new Salon(this, made.salon_id!, user, made.share_code!);
  }

  /** What the nightly audit finds. */
  async problems(): Promise<unknown[]> {
    return [...await this.sql`select * from public.verify_community()`];
  }

  async deadlocks(): Promise<number> {
    await this.sql`select pg_stat_force_next_flush()`;
    const [row] = await this.sql`
      select deadlocks::integer as count from pg_stat_database where datname = current_database()`;
    return row!.count;
  }
}

export class Salon {
  constructor(
    readonly community: Community,
    readonly id: string,
    readonly owner: string,
    readonly code: string,
  ) {}

  /** Calls a function about this salon as a user. */
  do(user: string, name: string, args: Arguments = {}): Promise<SalonOutcome> {
    return this.community.do(user, name, { p_salon_id: this.id, ...args });
  }

  /** The same, to be run on any connection. */
  call(user: string, name: string, args: Arguments = {}): Call {
    return by(user, name, { p_salon_id: this.id, ...args });
  }

  /** Lets somebody in. */
  async join(role: "moderator" | "member" = "member"): Promise<string> {
    const user = await this.community.user();
    const { success, error } = await this.community.do(user, "join_salon_via_code", { p_code: this.code });
    if (!success) throw new Error(`Could not join: ${error}`);
    if (role === "moderator") {
      await this.do(this.owner, "set_salon_role", { p_member_id: user, p_role: role });
    }
    return user;
  }

  /** Makes an invitation and returns its code. */
  async invite(args: Arguments = {}): Promise<string> {
    const { code, error } = await this.do(this.owner, "create_salon_invitation", args);
    if (!code) throw new Error(`No invitation was made: ${error}`);
    return code;
  }

  async roles(): Promise<Record<string, SalonRole>> {
    const rows = await this.community.sql`
      select user_id, role from public.salon_members where salon_id = ${this.id}`;
    return Object.fromEntries(rows.map((row) => [row.user_id, row.role]));
  }

  async row() {
    const [row] = await this.community.sql`select * from public.salons where id = ${this.id}`;
    return row!;
  }

  /** What was decided, the oldest first. */
  async decisions(): Promise<Record<string, unknown>[]> {
    return [
      ...await this.community.sql`
        select action, actor_id, subject_id, reason, details from private.salon_decisions
        where salon_id = ${this.id} order by id`,
    ];
  }
}
