import type postgres from "postgres";

import { type Call, newId } from "../support.ts";

/** What a function of the community answers. */
export interface Answer {
  success: boolean;
  error: string | null;
  message: string | null;
  // deno-lint-ignore no-explicit-any
  [more: string]: any;
}

/** Users of a database of a test's own, who read and call with their own rights. */
export class People {
  constructor(readonly sql: postgres.Sql) {}

  /** Signs somebody up, as Auth does. */
  async newUser(name: string | null = null, metadata: Record<string, unknown> = {}): Promise<string> {
    const id = newId();
    await this.sql`
      insert into auth.users (id, email, raw_user_meta_data)
      values (${id}, ${`${id}@example.com`}, ${
      this.sql.json({ full_name: name, ...metadata } as postgres.JSONValue)
    })`;
    return id;
  }

  async newUsers(count: number): Promise<string[]> {
    return await Promise.all(Array.from({ length: count }, () => this.newUser()));
  }

  /** Works with the rights of a user; null: of nobody who is signed in. */
  async as<Result>(
    user: string | null,
    work: (transaction: postgres.TransactionSql) => Promise<Result>,
  ): Promise<Result> {
    return await this.sql.begin(async (transaction) => {
      const claims = user === null ? { role: "anon" } : { sub: user, role: "authenticated" };
      await transaction`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true)`;
      await transaction.unsafe(`set local role ${claims.role}`);
      return await work(transaction);
    }) as Result;
  }

  /** Calls a function of the database as a user. */
  async call<Result = Answer>(
    user: string,
    name: string,
    args: Record<string, unknown> = {},
  ): Promise<Result> {
    const names = Object.keys(args);
    const list = names.map((one, index) => `${one} => $${index + 1}`).join(", ");
    const [row] = await this.as(
      user,
      (transaction) =>
        transaction.unsafe(`select public.${name}(${list}) as it`, Object.values(args) as string[]),
    );
    return row!.it;
  }

  /** The same for `race()`: `statement` is a call, as `block_user('…')`. */
  async actAtOnce(): Promise<(user: string, statement: string) => Call> {
    await this.sql.unsafe(`
      create schema if not exists tests;
      create or replace function tests.act(p_user_id uuid, p_call text) returns jsonb language plpgsql as $$
      declare
        v_answer jsonb;
      begin
        perform set_config('request.jwt.claims', jsonb_build_object('sub', p_user_id, 'role', 'authenticated')::text, true);
        execute 'select to_jsonb(public.' || p_call || ')' into v_answer;
        return v_answer;
      end $$`);
    return (user, statement) => ({ name: "tests.act", args: { p_user_id: user, p_call: statement } });
  }

  /** The code of the error with which a statement of a user's is refused; null where it runs. */
  async refusal(user: string | null, statement: string): Promise<string | null> {
    try {
      await this.as(user, (transaction) => transaction.unsafe(statement));
      return null;
    } catch (error) {
      return (error as postgres.PostgresError).code;
    }
  }
}
