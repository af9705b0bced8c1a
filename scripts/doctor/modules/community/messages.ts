import type { Examination, Finding } from "../../finding.ts";

const PUBLISHED = ["chat_messages", "message_reactions", "profiles"];
/** Whose key says who is where. */
const NEVER_PUBLISHED = ["salon_members"];
const TYPES_THAT_RUN = ["text/html", "image/svg+xml", "application/xhtml+xml", "text/xml", "application/xml"];

/** Whether rooms are live, and heard and read by their members alone. */
export const messagesExamination: Examination = {
  name: "messages",
  async examine({ sql }) {
    const policies = await sql<{ name: string; isOpen: boolean; isOurs: boolean }[]>`
      select policyname as name, 'true' in (qual, with_check) and permissive = 'PERMISSIVE' as "isOpen",
        coalesce(qual, '') || coalesce(with_check, '') like '%may_use_topic%' as "isOurs"
      from pg_policies where schemaname = 'realtime' and tablename = 'messages' order by policyname`;
    const findings: Finding[] = policies.filter(({ isOpen }) => isOpen).map(({ name }) => ({
      severity: "missing",
      what: `The policy "${name}" on realtime.messages lets everybody hear or speak on every private topic`,
      why: "Strangers hear what is told in every room",
      fix: `drop policy ${JSON.stringify(name)} on realtime.messages`,
    }));
    if (policies.filter(({ isOurs }) => isOurs).length < 2) {
      findings.push({
        severity: "missing",
        what: "The policies of rooms on realtime.messages are not there",
        why: "Nobody can join the topics of salons and users: rooms are not live",
        fix:
          "Run the policies of supabase/migrations/20260101000860_community_realtime.sql in the SQL editor",
      });
    }
    return [...findings, ...await examinePublication(sql), ...await examineBucket(sql)];
  },
};

async function examinePublication(sql: Parameters<Examination["examine"]>[0]["sql"]): Promise<Finding[]> {
  const tables = await sql<{ name: string; isPublished: boolean; isFull: boolean }[]>`
    select relname as name, relreplident = 'f' as "isFull", exists (
        select from pg_publication_tables
        where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = relname) as "isPublished"
    from pg_class
    where relnamespace = 'public'::regnamespace and relname = any(${[...PUBLISHED, ...NEVER_PUBLISHED]})
    order by relname`;
  const missing = tables.filter(({ name, isPublished }) => PUBLISHED.includes(name) && !isPublished)
    .map(({ name }) => name);
  const findings: Finding[] = tables.filter(({ isFull }) => isFull).map(({ name }) => ({
    severity: "missing",
    what: `The table ${name} has replica identity full`,
    why: "A DELETE is told to all who listen, whatever the policies say, with the whole old row",
    fix: `alter table public.${name} replica identity default`,
  }));
  const telling = tables.filter(({ name, isPublished }) => NEVER_PUBLISHED.includes(name) && isPublished);
  findings.push(...telling.map(({ name }): Finding => ({
    severity: "missing",
    what: `The publication supabase_realtime has the table ${name}`,
    why: "Strangers hear who leaves which private salon: a DELETE is told to all who listen, with its key",
    fix: `alter publication supabase_realtime drop table public.${name}; ` +
      "one that is for all tables: drop it, and create it anew for those that are to be told",
  })));
  if (missing.length === 0) return findings;
  return [...findings, {
    severity: "note",
    what: `The publication supabase_realtime lacks ${missing.join(", ")}`,
    why: "Earlier clients that listen to postgres_changes hear nothing of them; rooms do not need it",
    fix: `alter publication supabase_realtime add table only ${
      missing.map((name) => `public.${name}`).join(", ")
    }`,
  }];
}

async function examineBucket(sql: Parameters<Examination["examine"]>[0]["sql"]): Promise<Finding[]> {
  const [bucket] = await sql<[{ isSound: boolean }?]>`
    select not public and file_size_limit is not null and allowed_mime_types is not null
      and not allowed_mime_types && ${TYPES_THAT_RUN} as "isSound"
    from storage.buckets where id = 'attachments'`;
  const [trigger] = await sql`
    select from pg_trigger
    where tgrelid = 'storage.objects'::regclass and tgname = 'attachments_have_room' and tgenabled in ('O', 'A')`;
  const findings: Finding[] = [];
  if (!bucket?.isSound) {
    findings.push({
      severity: "missing",
      what: bucket
        ? "The bucket attachments is open to more than it should be"
        : "There is no bucket attachments",
      why: "It must be private, with a limit of size, and without types that a browser would run",
      fix: "Dashboard: Storage, attachments, Edit bucket: private, 10 MB, the types of its migration",
    });
  }
  if (!trigger) {
    findings.push({
      severity: "note",
      what: "storage.objects has no trigger attachments_have_room",
      why: "Uploads that run at the same time may together pass a user's quota",
      fix: "In the SQL editor: create trigger attachments_have_room before insert on storage.objects " +
        "for each row when (new.bucket_id = 'attachments') execute function private.refuse_attachment_without_room()",
    });
  }
  return findings;
}
