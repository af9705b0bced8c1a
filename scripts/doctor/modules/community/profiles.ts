import type { Examination, Finding } from "../../finding.ts";

/** Whether everybody who signed up has a profile, and whoever signs up next gets one. */
export const profilesExamination: Examination = {
  name: "profiles",
  async examine({ sql }) {
    const findings: Finding[] = [];
    const [trigger] = await sql`
      select from pg_trigger
      where tgrelid = 'auth.users'::regclass and tgname = 'handle_new_user' and tgenabled in ('O', 'A')`;
    if (trigger === undefined) {
      findings.push({
        severity: "missing",
        what: "auth.users has no trigger that makes profiles",
        why: "Who signs up has none until the app calls profile/ensure",
        fix: "In the SQL editor: create trigger handle_new_user after insert on auth.users " +
          "for each row execute function private.handle_new_user()",
      });
    }
    const [{ count }] = await sql<[{ count: number }]>`
      select count(*)::integer as count from auth.users
      left join public.profiles on profiles.id = users.id
      left join public.profile_private on user_id = users.id
      where profiles.id is null or user_id is null`;
    if (count > 0) {
      findings.push({
        severity: "missing",
        what: `${count} ${count === 1 ? "user has" : "users have"} no complete profile`,
        why: "Nobody finds them, and they are offline for everybody",
        fix: "select private.make_profile(id, raw_user_meta_data ->> 'full_name') from auth.users",
      });
    }
    return findings;
  },
};
