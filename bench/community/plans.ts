import type postgres from "postgres";

import type { Section } from "../section.ts";
import { salonOf, userOf } from "./community_of_size.ts";

/** What earlier clients read from the tables themselves. */
const QUERIES: Record<string, string> = {
  "a page of messages": `select * from public.chat_messages where salon_id = ${
    salonOf("1")
  } order by seq desc limit 50`,
  "the view of messages with profiles": `select * from public.chat_messages_with_profiles where salon_id = ${
    salonOf("1")
  } order by seq desc limit 50`,
  "reactions to messages": `select * from public.message_reactions where message_id = any(array(
       select id from public.chat_messages where salon_id = ${salonOf("1")} order by seq desc limit 50))`,
  "members of a salon": `select * from public.salon_members where salon_id = ${salonOf("1")}`,
  "one's salons": "select * from public.my_salons",
};

/** The plans of lists under the policies: InitPlans are asked once, a function in a Filter once a row. */
export async function policyPlans(sql: postgres.Sql, name: string): Promise<Section> {
  const plans = await sql.begin(async (transaction) => {
    await transaction`
      select set_config('request.jwt.claims', json_build_object('sub', ${
      transaction.unsafe(userOf("2"))
    }, 'role', 'authenticated')::text, true)`;
    await transaction.unsafe("set local role authenticated");
    const found: string[] = [];
    for (const [title, query] of Object.entries(QUERIES)) {
      const rows = await transaction.unsafe(`explain (analyze, costs off, timing off, summary off) ${query}`);
      found.push([`${title}:`, ...rows.map((row) => `  ${row["QUERY PLAN"]}`)].join("\n"));
    }
    return found;
  });
  return {
    title: `Community: plans of lists under the policies, ${name}`,
    text: "What policies ask is an InitPlan: once for a statement, never for each row.",
    table: ["```text", plans.join("\n\n"), "```"].join("\n"),
  };
}
