import { createClient, type RealtimeChannel, type SupabaseClient } from "@supabase/supabase-js";
import postgres from "postgres";

import { StackError } from "../local/errors.ts";
import type { RunningStack } from "../local/running.ts";
import { expect } from "./story.ts";

/** One line of the story: what somebody does, the answer, and what the other one's app hears meanwhile. */
interface Step {
  step: string;
  answer: string;
  heard: string;
}

interface Member {
  id: string;
  client: SupabaseClient;
  /** What its app heard that nobody has asked for yet. */
  heard: { event: string; payload: Record<string, unknown> }[];
}

const PATIENCE_MS = 5_000;
/** Long enough for a broadcast that should not come to have come. */
const SILENCE_MS = 500;

/** Two users and a room: a message and a reaction that the other hears, a kick, and what there is to hear afterwards. */
export async function tellOfCommunity({ url, secrets, databaseUrl }: RunningStack): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1 });
  const members: Member[] = [];
  const steps: Step[] = [];
  const tell = (step: string, answer: string, heard = "") => steps.push({ step, answer, heard });
  try {
    for (const name of ["Ada", "Ben"]) members.push(await signUp(url, secrets.publishableKey, name));
    const [ada, ben] = members as [Member, Member];
    tell("Ada and Ben sign up", "each has a profile");

    const { salon_id, share_code } = await call(ada, "create_salon_with_code", {
      p_name: "Bread",
      p_visibility: "private",
    });
    tell("Ada makes the private salon Bread", `code ${share_code}`);
    const stranger = await ben.client.from("salons").select("id").eq("id", salon_id);
    expect(stranger.data?.length === 0, "a private salon was seen by a stranger");
    tell("Ben looks for it", "it is not there");

    await call(ben, "join_salon_via_code", { p_code: share_code });
    tell("Ben joins with the code", "member");
    await listen(ada, `salon:${salon_id}`);
    const room = await listen(ben, `salon:${salon_id}`);
    await listen(ben, `user:${ben.id}`);

    const message = {
      p_salon_id: salon_id,
      p_content: "Who brings bread?",
      p_client_id: crypto.randomUUID(),
    };
    const sent = await call(ada, "send_message", message);
    const told = await next(ben, "message");
    expect(told.id === sent.id, "Ben heard of another message");
    const page = await call(ben, "messages_after", { p_salon_id: salon_id, p_after: 0 });
    expect(
      JSON.stringify(page).includes("Who brings bread?"),
      `Ben did not find the message: ${JSON.stringify(page)}`,
    );
    tell(
      "Ada writes: Who brings bread?",
      `number ${sent.seq}`,
      `Ben hears of number ${told.seq}, and reads it`,
    );

    const again = await call(ada, "send_message", message);
    expect(again.duplicate === true && again.id === sent.id, "a retry wrote a second message");
    tell("Ada's app sends it again", "duplicate: the same message");

    await call(ben, "toggle_message_reaction", { p_message_id: sent.id, p_emoji: "🥖" });
    await next(ada, "reaction");
    tell("Ben reacts with 🥖", "added", "Ada hears of it");

    await call(ada, "kick_salon_member", { p_salon_id: salon_id, p_member_id: ben.id });
    const left = await next(ben, "salon_left");
    expect(left.salon_id === salon_id, "Ben was told of another salon");
    await ben.client.removeChannel(room);
    tell("Ada removes Ben", "removed", "Ben's app is told, and leaves the room");

    ben.heard.length = 0;
    const secret = await call(ada, "send_message", {
      ...message,
      p_content: "Now we can talk",
      p_client_id: crypto.randomUUID(),
    });
    const refused = ben.client.channel(`salon:${salon_id}`, { config: { private: true } });
    const joined = await new Promise<string>((resolve) => refused.subscribe((status) => resolve(status)));
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS));
    const seen = await ben.client.from("chat_messages").select("id").eq("id", secret.id);
    const code = await ben.client.rpc("join_salon_via_code", { p_code: share_code });
    expect(joined === "CHANNEL_ERROR" && seen.data?.length === 0, `Ben joined (${joined}) or read on`);
    expect(ben.heard.length === 0, `Ben heard on: ${JSON.stringify(ben.heard)}`);
    expect(code.data?.success === false, "the old code let Ben in again");
    tell(
      "Ada writes again",
      `number ${secret.seq}`,
      "Ben: no topic, no message, and the old code is no way back",
    );

    const broken = await sql`select * from public.verify_community()`;
    expect(broken.length === 0, `the community is broken: ${JSON.stringify(broken)}`);
    tell("verify_community()", "0 rows: all counts are right");
    print(steps);
  } finally {
    for (const { client } of members) await client.removeAllChannels();
    await sql.end();
  }
}

async function signUp(url: string, key: string, full_name: string): Promise<Member> {
  const client = createClient(url, key, { auth: { persistSession: false, autoRefreshToken: false } });
  const { data, error } = await client.auth.signUp({
    email: `${crypto.randomUUID()}@example.com`,
    password: crypto.randomUUID(),
    options: { data: { full_name } },
  });
  if (error || !data.session) throw new StackError(`Cannot sign up: ${error?.message ?? "no session"}`);
  await client.realtime.setAuth(data.session.access_token);
  return { id: data.session.user.id, client, heard: [] };
}

// deno-lint-ignore no-explicit-any -- each RPC has an outcome of its own
async function call({ client }: Member, name: string, args: Record<string, unknown>): Promise<any> {
  const { data, error } = await client.rpc(name, args);
  expect(!error && data?.success === true, `${name}: ${error?.message ?? JSON.stringify(data)}`);
  return data;
}

async function listen({ client, heard }: Member, topic: string): Promise<RealtimeChannel> {
  const channel = client.channel(topic, { config: { private: true } });
  channel.on("broadcast", { event: "*" }, ({ event, payload }) => heard.push({ event, payload }));
  await new Promise<void>((resolve, reject) =>
    channel.subscribe((status, error) => {
      if (status === "SUBSCRIBED") resolve();
      else reject(new StackError(`Cannot join ${topic}: ${error?.message ?? status}. Is Realtime on?`));
    })
  );
  return channel;
}

/** The payload of the next broadcast of a kind. */
async function next({ heard }: Member, event: string): Promise<Record<string, unknown>> {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    const at = heard.findIndex((one) => one.event === event);
    if (at >= 0) return heard.splice(at, 1)[0]!.payload;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new StackError(`The demo failed: nothing was heard of ${event}, only ${JSON.stringify(heard)}`);
}

function print(steps: Step[]): void {
  const line = ({ step, answer, heard }: Step) => `${step.padEnd(36)}${answer.padEnd(32)}${heard}`.trimEnd();
  console.log(line({ step: "step", answer: "answer", heard: "live" }));
  console.log("-".repeat(101));
  for (const step of steps) console.log(line(step));
}
