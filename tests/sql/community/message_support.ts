import type postgres from "postgres";

import { type Arguments, type Call, newId } from "../support.ts";

/** What the functions of messages answer. */
export interface MessageOutcome {
  success: boolean;
  error: string | null;
  message: string | null;
  duplicate?: boolean;
  id?: number;
  seq?: number;
  created_at?: string;
  has_reacted?: boolean;
  unread?: number;
  last_read_seq?: number;
  retry_after_s?: number;
}

export interface Quotation {
  id: number;
  user_id: string | null;
  full_name: string | null;
  content: string | null;
  is_deleted: boolean;
  is_hidden: boolean;
}

export interface Message {
  id: number;
  seq: number;
  salon_id: string;
  user_id: string | null;
  full_name: string | null;
  content: string;
  client_id: string | null;
  reply_to: Quotation | null;
  mentions: string[];
  is_deleted: boolean;
  is_pinned: boolean;
  edited_at: string | null;
  attachments: { path: string; content_type: string; size_bytes: number }[];
  reactions: { emoji: string; count: number; has_reacted: boolean }[];
}

export interface Page extends MessageOutcome {
  messages: Message[];
  last_seq: number;
  up_to_seq: number;
  next_before: number | null;
}

/** What was broadcast, without the time and id of each. */
export interface Told {
  topic: string;
  event: string;
  payload: Record<string, unknown>;
}

/** SQL that calls a function with these values. */
function callOf(name: string, args: Arguments): string {
  const given = Object.entries(args).map(([key, value]) => `${key} => ${literalOf(value)}`);
  return `public.${name}(${given.join(", ")})`;
}

function literalOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return `'{${value.map((one) => `"${one}"`).join(",")}}'`;
  return typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
}

/** Users, salons and what is said in them, in a database of the test's own. */
export class Community {
  constructor(readonly sql: postgres.Sql) {}

  static async of(sql: postgres.Sql): Promise<Community> {
    // Calls on any connection as some user, for races: the claims are gone with the transaction.
    await sql.unsafe(`
      create schema racing;
      create function racing.act(p_user_id text, p_call text) returns jsonb language plpgsql as $$
      declare
        v_outcome jsonb;
      begin
        perform set_config('request.jwt.claims', jsonb_build_object('sub', p_user_id, 'role', 'authenticated')::text, true);
        execute 'select to_jsonb(' || p_call || ')' into v_outcome;
        return v_outcome;
      end;
      $$`);
    return new Community(sql);
  }

  /** A user of Auth, whose profile is made with it. */
  async user(name = "Ann"): Promise<string> {
    const id = newId();
    await this.sql`
      insert into auth.users (id, email, raw_user_meta_data)
      values (${id}, ${`${id}@example.com`}, ${this.sql.json({ full_name: name })})`;
    return id;
  }

  /** Runs statements as a user, with its rights. */
  as<Answer>(
    user: string,
    work: (transaction: postgres.TransactionSql) => Promise<Answer>,
    role = "authenticated",
  ): Promise<Answer> {
    return this.sql.begin(async (transaction) => {
      await transaction`select set_config('request.jwt.claims', ${
        JSON.stringify({ sub: user, role })
      }, true)`;
      await transaction.unsafe(`set local role ${role}`);
      return await work(transaction);
    }) as Promise<Answer>;
  }

  /** Calls a function as a user, with its rights, as REST does. */
  call<Answer = MessageOutcome>(user: string, name: string, args: Arguments = {}): Promise<Answer> {
    return this.as(user, async (transaction) => {
      const [row] = await transaction.unsafe(`select to_jsonb(${callOf(name, args)}) as outcome`);
      return row!.outcome as Answer;
    });
  }

  /** The rows of a function that returns a table. */
  rows<Row>(user: string, name: string, args: Arguments = {}): Promise<Row[]> {
    return this.as(
      user,
      async (transaction) => [...await transaction.unsafe(`select * from ${callOf(name, args)}`)] as Row[],
    );
  }

  /** The same call for race(). */
  acting(user: string, name: string, args: Arguments = {}): Call {
    return { name: "racing.act", args: { p_user_id: user, p_call: callOf(name, args) } };
  }

  /** A salon with its owner, and some members. */
  async salon({ members = 0, visibility = "private" } = {}): Promise<Salon> {
    const owner = await this.user("Owner");
    const made = await this.call<{ salon_id: string }>(owner, "create_salon_with_code", {
      p_name: "Kitchen",
      p_visibility: visibility,
    });
    const salon = new Salon(this, made.salon_id, owner);
    for (let count = 0; count < members; count++) await salon.join();
    return salon;
  }

  async verify(): Promise<unknown[]> {
    return [...await this.sql`select * from private.verify_messages()`];
  }
}

export class Salon {
  readonly members: string[] = [];

  constructor(readonly community: Community, readonly id: string, readonly owner: string) {}

  async join(role = "member", user?: string): Promise<string> {
    const member = user ?? await this.community.user(`Member ${this.members.length + 1}`);
    await this.community.sql`
      insert into public.salon_members (salon_id, user_id, role) values (${this.id}, ${member}, ${role})`;
    this.members.push(member);
    return member;
  }

  send(user: string, content = "hello", more: Arguments = {}): Promise<MessageOutcome> {
    return this.community.call(user, "send_message", this.sending(content, more));
  }

  sending(content = "hello", more: Arguments = {}): Arguments {
    return { p_salon_id: this.id, p_content: content, p_client_id: newId(), ...more };
  }

  /** Sends what must arrive, and returns its id. */
  async say(user: string, content = "hello", more: Arguments = {}): Promise<number> {
    const outcome = await this.send(user, content, more);
    if (!outcome.success) throw new Error(`${outcome.error}: ${outcome.message}`);
    return outcome.id!;
  }

  async after(user: string, after = 0, limit = 100): Promise<Page> {
    return await this.community.call(user, "messages_after", {
      p_salon_id: this.id,
      p_after: after,
      p_limit: limit,
    });
  }

  async before(user: string, before: number | null = null, limit = 50): Promise<Page> {
    return await this.community.call(user, "messages_before", {
      p_salon_id: this.id,
      p_before: before,
      p_limit: limit,
    });
  }

  /** The texts that a member sees, in their order. */
  async texts(user: string): Promise<string[]> {
    return (await this.after(user)).messages.map(({ content }) => content);
  }

  async stream() {
    const [row] = await this.community.sql`
      select last_seq::integer, message_count::integer from private.salon_streams where salon_id = ${this.id}`;
    return row && { ...row };
  }

  /** What was broadcast to this salon, or to a topic. */
  async told(topic = `salon:${this.id}`): Promise<Told[]> {
    const rows = await this.community.sql<Told[]>`
      select topic, event, payload - 'id' || coalesce(jsonb_build_object('id', payload -> 'id')
          - case when jsonb_typeof(payload -> 'id') = 'string' then 'id' else '' end, '{}') as payload
      from realtime.messages where topic = ${topic} order by inserted_at, id`;
    return rows.map((row) => ({ ...row }));
  }

  /** Makes messages look so old. */
  async age(age: string, ...ids: number[]): Promise<void> {
    await this.community.sql`
      update public.chat_messages set created_at = created_at - ${age}::interval where id = any(${ids})`;
  }
}

/** A file in the bucket, as Storage enters it. */
export async function upload(
  sql: postgres.Sql,
  path: string,
  { type = "image/png", bytes = 10, bucket = "attachments" } = {},
): Promise<string> {
  await sql`
    insert into storage.objects (bucket_id, name, metadata)
    values (${bucket}, ${path}, ${sql.json({ mimetype: type, size: bytes })})`;
  return path;
}
