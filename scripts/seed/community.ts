import type postgres from "postgres";

import { createRandom } from "../local/demo_model/random.ts";
import { StackError } from "../local/errors.ts";
import { people, SEED_DOMAIN } from "./people.ts";
import { type Room, rooms } from "./rooms.ts";
import { conversations } from "./talk.ts";

/** Auth's admin API of the project. */
export interface AuthAdmin {
  url: string;
  secretKey: string;
  /** Of each user that is made. */
  password: string;
}

/** A salon that was made up, and who is in it, its owner first. */
interface Salon extends Room {
  id: string;
  members: string[];
}

const DAYS = 60;
const MEMBERS = { least: 6, most: 20 };

/** Makes the users that are not there yet, and their profiles. Returns how many are new. */
export async function seedPeople(sql: postgres.Sql, admin: AuthAdmin): Promise<number> {
  const known = await sql<{ email: string }[]>`
    select email from auth.users where email = any(${people.map(({ email }) => email)})`;
  const missing = people.filter(({ email }) => !known.some((one) => one.email === email));
  for (const { email, full_name } of missing) {
    await ask(admin, "POST", "", {
      email,
      password: admin.password,
      email_confirm: true,
      user_metadata: { full_name },
    });
  }
  await sql`
    update public.profiles
    set full_name = person.full_name, city = person.city, bio = person.bio, interests = person.interests
    from jsonb_to_recordset(${sql.json(missing as never)})
      as person (email text, full_name text, city text, bio text, interests text[])
    join auth.users as users on users.email = person.email
    where profiles.id = users.id`;
  return missing.length;
}

/** Makes the salons that are not there yet, with members of the made-up people and whoever else is given. */
export async function seedSalons(sql: postgres.Sql, guests: string[]): Promise<number> {
  const ids = await idsOfPeople(sql);
  let made = 0;
  for (const [index, room] of rooms.entries()) {
    const random = createRandom(`members of ${room.name}`);
    const shuffled = ids.map((id) => ({ id, at: random.next() })).sort((one, other) => one.at - other.at);
    const members = shuffled.slice(0, random.integer(MEMBERS.least, MEMBERS.most)).map(({ id }) => id);
    if (index < 3) members.push(...guests);
    const [salon] = await sql.begin((transaction) => makeSalon(transaction, room, members));
    if (salon) made++;
  }
  return made;
}

function makeSalon(sql: postgres.ISql, room: Room, members: string[]): Promise<postgres.Row[]> {
  const [owner, moderator] = members as [string, string];
  const { name, description, category, city, color_theme, visibility } = room;
  return sql`
    with salon as (
      insert into public.salons (id, name, description, category, city, color_theme, owner_id, visibility, created_at)
      values (${
    idOf(sql, room)
  }, ${name}, ${description}, ${category}, ${city}, ${color_theme}, ${owner}, ${visibility},
        now() - make_interval(days => ${DAYS}))
      on conflict (id) do nothing
      returning id
    ), joined as (
      insert into public.salon_members (salon_id, user_id, role, joined_at)
      select salon.id, member.user_id, case member.user_id when ${owner} then 'owner' when ${moderator} then 'moderator'
        else 'member' end, now() - make_interval(days => ${DAYS})
      from salon, (select distinct unnest(${members}::uuid[]) as user_id) as member
    )
    select private.give_salon_code(id, ${owner}) from salon`;
}

/** Writes as many messages, spread over the made-up salons, each later than what is there. Returns how many. */
export async function seedMessages(sql: postgres.Sql, count: number): Promise<number> {
  const salons = await salonsOf(sql);
  if (salons.length === 0) {
    throw new StackError("There is no made-up salon to write in: deno task seed makes them");
  }
  const shares = salons.map(({ members }) => members.length);
  const total = shares.reduce((sum, share) => sum + share, 0);
  let [written, given] = [0, 0];
  for (const [index, salon] of salons.entries()) {
    given += shares[index]!;
    const wanted = Math.round(count * given / total) - written;
    await sql.begin((transaction) => writeInto(transaction, salon, wanted));
    written += wanted;
  }
  return written;
}

async function writeInto(sql: postgres.ISql, salon: Salon, count: number): Promise<void> {
  await sql`select from public.salons where id = ${salon.id} for key share`;
  const [stream] = await sql<{ last_seq: string; last_ms: number | null }[]>`
    select last_seq, extract(epoch from last_message_at)::float8 * 1000 as last_ms
    from private.salon_streams where salon_id = ${salon.id} for no key update`;
  const { last_seq, last_ms } = stream!;
  const lines = conversations(createRandom(`talk of ${salon.name} after ${last_seq}`), {
    subjects: salon.subjects,
    members: salon.members.length,
    count,
  });
  const from_ms = last_ms ?? Date.now() - DAYS * 86_400_000;
  const step_ms = (Date.now() - from_ms) / (count + 1);
  const rows = lines.map(({ author, content, replies_to, reactions }, index) => ({
    at: index + 1,
    user_id: salon.members[author],
    content,
    replies_to: replies_to === undefined ? null : index + 1 - replies_to,
    reactions: reactions.map(({ by, emoji }) => ({ user_id: salon.members[by], emoji })),
    created_at: new Date(from_ms + step_ms * (index + 1)).toISOString(),
  }));
  await sql`
    with line as (
      select * from jsonb_to_recordset(${sql.json(rows as never)})
        as line (at bigint, user_id uuid, content text, replies_to bigint, reactions jsonb, created_at timestamptz)
    ), written as (
      insert into public.chat_messages (salon_id, seq, user_id, client_id, content, created_at)
      select ${salon.id}, ${last_seq}::bigint + at, user_id, gen_random_uuid(), content, created_at from line order by at
      returning id, seq
    ), counted as (
      update private.salon_streams as streams
      set last_seq = last_seq + ${count}, message_count = message_count + ${count},
        last_message_at = (select max(created_at) from line), day = newest.day,
        day_count = newest.count + case when streams.day = newest.day then streams.day_count else 0 end
      from (
        select (created_at at time zone 'UTC')::date as day, count(*) as count from line group by 1 order by 1 desc limit 1
      ) as newest
      where streams.salon_id = ${salon.id}
    )
    insert into public.message_reactions (message_id, salon_id, user_id, emoji, created_at)
    select written.id, ${salon.id}, (reaction ->> 'user_id')::uuid, reaction ->> 'emoji', line.created_at
    from line join written on written.seq = ${last_seq}::bigint + line.at, jsonb_array_elements(line.reactions) as reaction`;
  // In a statement of its own: the one before does not see the rows that it writes.
  await sql`
    update public.chat_messages as message
    set reply_to_id = answered.id, reply_to_user_id = answered.user_id
    from jsonb_to_recordset(${sql.json(rows as never)}) as line (at bigint, replies_to bigint)
    join public.chat_messages as answered
      on answered.salon_id = ${salon.id} and answered.seq = ${last_seq}::bigint + line.replies_to
    where message.salon_id = ${salon.id} and message.seq = ${last_seq}::bigint + line.at`;
}

/** Deletes the made-up people and salons, with all that was written in those salons. Returns how many of each. */
export async function removeSeeds(
  sql: postgres.Sql,
  admin: AuthAdmin,
): Promise<{ people: number; salons: number }> {
  const salons = await salonsOf(sql);
  for (const { id } of salons) await sql`delete from public.salons where id = ${id}`;
  const ids = await idsOfPeople(sql);
  for (const id of ids) await ask(admin, "DELETE", `/${id}`);
  return { people: ids.length, salons: salons.length };
}

async function idsOfPeople(sql: postgres.Sql): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from auth.users where email like ${`%@${SEED_DOMAIN}`} order by email`;
  return rows.map(({ id }) => id);
}

async function salonsOf(sql: postgres.Sql): Promise<Salon[]> {
  const salons: Salon[] = [];
  for (const room of rooms) {
    const members = await sql<{ salon_id: string; user_id: string }[]>`
      select salon_id, user_id from public.salon_members where salon_id = ${
      idOf(sql, room)
    } order by role = 'owner' desc, user_id`;
    if (members.length === 0) continue;
    salons.push({ ...room, id: members[0]!.salon_id, members: members.map(({ user_id }) => user_id) });
  }
  return salons;
}

/** The same each time, so that a second run finds the salon. */
function idOf(sql: postgres.ISql, { name }: Room): postgres.PendingQuery<postgres.Row[]> {
  return sql`private.id_of_request('00000000-0000-0000-0000-000000000000', ${`seed ${name}`})`;
}

async function ask(
  { url, secretKey }: AuthAdmin,
  method: "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<void> {
  const response = await fetch(`${url}/auth/v1/admin/users${path}`, {
    method,
    headers: {
      "apikey": secretKey,
      "authorization": `Bearer ${secretKey}`,
      "content-type": "application/json",
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new StackError(`Auth refused to ${method} a user: ${response.status} ${text}`);
}
