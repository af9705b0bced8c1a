import type postgres from "postgres";

export interface Size {
  messages: number;
  users: number;
  salons: number;
}

/** Who reads and writes during the measurement, the same number in every community: growth means more of the others. */
export const ACTIVE_USERS = 500;
/** In each of which all active users are: as many as somebody may have in a list. */
export const ACTIVE_SALONS = 200;
/** Of the other users each is in so many of the other salons. */
const SALONS_PER_USER = 5;
/** What each active user has not read, in each of its salons. */
const UNREAD = 10;
/** How many messages of a salon have the same word, however many messages it has. */
const MESSAGES_PER_WORD = 5;

/** How large a community is that has so many messages. */
export function sizeOf(messages: number): Size {
  return {
    messages,
    users: Math.max(ACTIVE_USERS, messages / 50),
    salons: Math.max(ACTIVE_SALONS, Math.round(messages / 500)),
  };
}

/** How many different words there are. */
export function wordsOf({ messages, salons }: Size): number {
  return Math.max(1, Math.floor(messages / salons / MESSAGES_PER_WORD));
}

export function userOf(number: string): string {
  return `('00000000-0000-4000-9000-' || lpad((${number})::text, 12, '0'))::uuid`;
}

export function salonOf(number: string): string {
  return `('00000000-0000-4000-a000-' || lpad((${number})::text, 12, '0'))::uuid`;
}

/** Enters users, salons, memberships and messages as the functions leave them, which would take hours. */
export async function fill(sql: postgres.Sql, size: Size): Promise<void> {
  const { messages, users, salons } = size;
  const perSalon = Math.floor(messages / salons);
  await sql`set synchronous_commit = off`;
  await sql`set maintenance_work_mem = '512MB'`;
  await sql`
    insert into auth.users (id, email, raw_user_meta_data)
    select ${sql.unsafe(userOf("number"))}, 'user' || number || '@example.com',
      jsonb_build_object('full_name', 'User ' || number)
    from generate_series(1, ${users}::integer) as number`;

  await withoutTriggers(sql, ["public.salons", "public.salon_members"], async () => {
    await sql`
      insert into public.salons (id, name, owner_id, visibility, category, city)
      select ${sql.unsafe(salonOf("number"))}, 'Salon ' || number, ${sql.unsafe(userOf("1"))},
        case number % 2 when 0 then 'public' else 'private' end, 'category ' || number % 20, 'City ' || number % 50
      from generate_series(1, ${salons}::integer) as number`;
    await sql`
      insert into private.salon_codes (salon_id, code)
      select ${sql.unsafe(salonOf("number"))},
        '0000-0000-' || to_char(number, 'FM0000"-"0000')
      from generate_series(1, ${salons}::integer) as number`;
    await sql`
      insert into public.salon_members (salon_id, user_id, role)
      select ${sql.unsafe(salonOf("salon"))}, ${sql.unsafe(userOf("member"))},
        case member when 1 then 'owner' else 'member' end
      from (
        select salon, member from generate_series(1, ${ACTIVE_SALONS}::integer) as salon,
          generate_series(1, ${ACTIVE_USERS}::integer) as member
        union
        select salon, 1 from generate_series(${ACTIVE_SALONS + 1}::integer, ${salons}::integer) as salon
        union
        select ${ACTIVE_SALONS + 1}::integer + (member * 7919 + number * 104729) % ${
      Math.max(1, salons - ACTIVE_SALONS)
    }::integer, member
        from generate_series(${ACTIVE_USERS + 1}::integer, ${users}::integer) as member,
          generate_series(1, ${SALONS_PER_USER}::integer) as number
        where ${salons}::integer > ${ACTIVE_SALONS}::integer
      ) as memberships`;
    await sql`
      update public.salons set member_count = counted.members
      from (select salon_id, count(*)::integer as members from public.salon_members group by salon_id) as counted
      where salons.id = counted.salon_id`;
  });

  const index = await indexDefinition(sql, "public.chat_messages_search_idx");
  await sql.unsafe("drop index public.chat_messages_search_idx");
  await sql`
    insert into public.chat_messages (salon_id, seq, user_id, client_id, content, created_at)
    select ${sql.unsafe(salonOf("salon"))}, seq, ${
    sql.unsafe(userOf(`(salon * 31 + seq) % ${ACTIVE_USERS} + 1`))
  }, gen_random_uuid(), 'What do you say about word' || seq % ${
    wordsOf(size)
  }::integer || ' today, number ' || seq,
      now() - interval '300 days' * (${perSalon}::float8 - seq) / ${perSalon}::float8
    from generate_series(1, ${perSalon}::integer) as seq, generate_series(1, ${salons}::integer) as salon`;
  await sql.unsafe(index);
  await sql`
    insert into private.salon_streams (salon_id, last_seq, message_count, last_message_at)
    select id, ${perSalon}::integer, ${perSalon}::integer, now() from public.salons`;
  await sql`
    insert into private.message_reads (user_id, salon_id, last_read_seq)
    select user_id, salon_id, ${perSalon - UNREAD}::integer from public.salon_members`;
  await sql`
    insert into public.message_reactions (message_id, salon_id, user_id, emoji)
    select id, salon_id, ${sql.unsafe(userOf(`id % ${ACTIVE_USERS} + 1`))}, '👍'
    from public.chat_messages where seq % 5 = 0`;

  await sql`
    vacuum analyze public.chat_messages, public.message_reactions, public.salon_members, public.salons, public.profiles,
      private.message_reads, private.salon_streams, private.salon_codes`;
  await sql`checkpoint`.catch(() => {}); // Only some roles may do this.
  await sql`reset synchronous_commit`;
}

async function withoutTriggers(
  sql: postgres.Sql,
  tables: string[],
  work: () => Promise<void>,
): Promise<void> {
  for (const table of tables) await sql.unsafe(`alter table ${table} disable trigger user`);
  await work();
  for (const table of tables) await sql.unsafe(`alter table ${table} enable trigger user`);
}

async function indexDefinition(sql: postgres.Sql, name: string): Promise<string> {
  const [found] = await sql`select pg_get_indexdef(${name}::regclass) as definition`;
  return found!.definition;
}

/** The limits are asked as ever, and refuse nobody: a refusal would be measured as a fast answer. */
export async function liftLimits(sql: postgres.Sql): Promise<void> {
  await sql`update private.message_settings set user_quota = 1000000, salon_quota = 1000000`;
  const [found] = await sql`
    select pg_get_functiondef('private.community_limit(uuid,text,integer,integer)'::regprocedure) as definition`;
  const lifted = String(found!.definition).replace("'quota', p_quota", "'quota', 1000000");
  if (lifted === found!.definition) throw new Error("private.community_limit has no quota to lift");
  await sql.unsafe(lifted);
}
