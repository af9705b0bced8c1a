import type postgres from "postgres";

/** A bug to plant: each text of one function, or of the expression of one policy, is replaced by the one after it. */
export interface Mutant {
  name: string;
  function?: string;
  policy?: string;
  changes: [from: string, to: string][];
}

/** Bugs that a community like this one is likely to have. */
export const MUTANTS: Mutant[] = [
  {
    name: "who is banned stays a member",
    function: "ban_from_salon",
    changes: [["perform private.end_salon_membership(p_salon_id, p_member_id, false);", ""]],
  },
  {
    name: "who is banned may join again",
    function: "answer_at_door",
    changes: [["user_id = v_user_id and until > v_now", "user_id = v_user_id and until < v_now"]],
  },
  {
    name: "a mute keeps nobody from writing",
    function: "may_write",
    changes: [["p_place.muted_until > clock_timestamp()", "false"]],
  },
  {
    name: "the table shows replies of who is blocked",
    policy: "members read the messages of their salons on public.chat_messages",
    changes: [["(reply_to_user_id = ", "(false and reply_to_user_id = "]],
  },
  {
    name: "replies of who is blocked count as unread",
    function: "unread_counts",
    changes: [[
      "and (messages.reply_to_user_id = v_user_id and messages.user_id = any(v_blocked)) is not true",
      "",
    ]],
  },
  {
    name: "who was kicked hears on",
    function: "may_use_topic",
    changes: [[
      "elsif not private.is_salon_member(v_parts[2]::uuid) then",
      `elsif not private.is_salon_member(v_parts[2]::uuid) and not (not p_is_speaking and exists (
         select from private.salon_absences where salon_id = v_parts[2]::uuid and user_id = auth.uid())) then`,
    ]],
  },
  {
    name: "members speak for the database",
    function: "may_use_topic",
    changes: [["return not p_is_speaking or ", "return true or "]],
  },
  {
    name: "who is muted speaks where nothing is kept",
    function: "may_use_topic",
    changes: [["(members.muted_until > now()) is not true", "true"]],
  },
  {
    name: "anybody hears what is for one user",
    function: "may_use_topic",
    changes: [["coalesce(v_parts[2]::uuid = (select auth.uid()), false)", "true"]],
  },
  {
    name: "members edit what others wrote",
    function: "edit_message",
    changes: [["v_message.user_id is distinct from v_user_id", "false"]],
  },
  {
    name: "any member deletes what others wrote",
    function: "delete_message",
    changes: [["and v_place.role = 'member' then", "and false then"]],
  },
  {
    name: "a deleted message counts",
    function: "delete_message",
    changes: [["message_count = message_count - 1", "message_count = message_count"]],
  },
  {
    name: "a deleted message keeps its reactions",
    function: "empty_message",
    changes: [["delete from public.message_reactions where message_id = p_message.id;", ""]],
  },
  {
    name: "a deleted salon is read by who was in it",
    function: "close_salon_of",
    changes: [["delete from public.salon_members where salon_id = p_salon_id;", ""]],
  },
  {
    name: "private salons are shown to all",
    policy: "users see public salons and their own on public.salons",
    changes: [["(visibility = 'public'::text)", "(visibility is not null)"]],
  },
  {
    name: "share codes of public salons are read by who is no member",
    function: "my_salon_codes",
    changes: [["where members.user_id = (select auth.uid())", "group by codes.salon_id, codes.code"]],
  },
  {
    name: "who was kicked comes back with the code that it knew",
    function: "answer_at_door",
    changes: [[
      "v_absence.removed_at >= v_made_at",
      "v_absence.removed_at >= v_made_at and p_share_code is null",
    ]],
  },
  {
    name: "moderators kick each other",
    function: "outranks",
    changes: [["coalesce(p_of_role, 'member') = 'member'", "p_of_role is distinct from 'owner'"]],
  },
  {
    name: "an archived salon is written in",
    function: "may_write",
    changes: [["not p_place.is_active", "false"]],
  },
  {
    name: "a salon that is handed over keeps its owner",
    function: "make_owner",
    changes: [["update public.salons set owner_id = p_member_id where id = p_salon_id;", ""]],
  },
  {
    name: "members are counted when they come and not when they go",
    function: "count_gone_members",
    changes: [["member_count - gone.count", "member_count"]],
  },
  {
    name: "any member pins",
    function: "set_pin",
    changes: [["elsif v_place.role = 'member' then", "elsif false then"]],
  },
  {
    name: "all that was said before a member came is unread",
    function: "begin_reading",
    changes: [["streams.last_seq", "0"]],
  },
  {
    name: "any member reads what a message was before",
    function: "message_history",
    changes: [["v_role = 'member' and", "false and"]],
  },
  {
    name: "who is blocked is told of as a reply",
    function: "tell_those_addressed",
    changes: [["and members.user_id <> all(private.my_blocked_ids())", ""]],
  },
];

/** Plants a bug in a migrated database. A text that is not there means that the mutant must follow the SQL. */
export async function plant(sql: postgres.Sql, mutant: Mutant): Promise<void> {
  const before = mutant.policy ? await policyOf(sql, mutant.policy) : await functionOf(sql, mutant.function!);
  const after = mutant.changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`There is no "${from}" to plant a bug in:\n${text}`);
    return text.replace(from, () => to);
  }, before);
  await sql.unsafe(after);
}

async function functionOf(sql: postgres.Sql, name: string): Promise<string> {
  const [found] = await sql`
    select pg_get_functiondef(oid) as definition from pg_proc
    where pronamespace in ('public'::regnamespace, 'private'::regnamespace) and proname = ${name}`;
  return found!.definition;
}

async function policyOf(sql: postgres.Sql, name: string): Promise<string> {
  const [, policy, table] = /^(.*) on (\S+)$/.exec(name)!;
  const [found] = await sql`
    select pg_get_expr(polqual, polrelid) as expression from pg_policy
    where polname = ${policy!} and polrelid = ${table!}::regclass`;
  return `alter policy "${policy}" on ${table} using (${found!.expression})`;
}
