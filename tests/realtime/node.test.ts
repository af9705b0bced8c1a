import { join } from "node:path";
import { expect, inject, it } from "vitest";

import { projectFolder } from "../../scripts/local/paths.ts";
import { needing } from "../support/needs.ts";
import { anonymousClient, connect } from "../support/stack.ts";
import { newTopic } from "./support/clients.ts";
import { withPolicies } from "./support/policies.ts";

const sql = connect({ connections: 1 });
const { url, publishableKey } = inject("stack");

/** Where Node finds each version: it knows none of deno.json's names. */
const VERSIONS = ["2.119.0", "2.86.0"];

withPolicies(sql, {
  reads: "for select to authenticated using (realtime.topic() like 'node-test:%')",
  writes: "for insert to authenticated with check (realtime.topic() like 'node-test:%')",
});

it.each(VERSIONS)(
  "supabase-js %s in Node hears and is heard, in private",
  await needing("npm"),
  async (version) => {
    const topic = newTopic("node-test");
    const credentials = { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
    const { error } = await anonymousClient().auth.signUp(credentials);
    if (error) throw error;
    const file = join(
      projectFolder,
      `node_modules/.deno/@supabase+supabase-js@${version}/node_modules/@supabase/supabase-js`,
    );
    const child = new Deno.Command("node", {
      args: [
        "tests/realtime/support/node_client.mjs",
        file,
        url,
        publishableKey,
        credentials.email,
        credentials.password,
        topic,
      ],
      cwd: projectFolder,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    let printed = "";
    let isSent = false;
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      printed += text;
      if (isSent || !printed.includes("ready")) continue;
      isSent = true;
      await sql`select realtime.send('{"from": "the database"}', 'from the database', ${topic}, true)`;
    }
    const { code } = await child.status;
    expect({ code, errors: (await errors).replaceAll(/.*(Node\.js 20|Warning).*\n?/g, "") }).toMatchObject({
      code: 0,
    });
    expect(JSON.parse(printed.split("\n")[1]!)).toMatchObject({
      status: "SUBSCRIBED",
      sent: "ok",
      tracked: "ok",
      refused: "CHANNEL_ERROR",
      broadcasts: [
        { event: "from node", payload: { text: "Grüße" } },
        { event: "from the database", payload: { from: "the database" } },
      ],
      joins: ["node"],
    });
  },
);
