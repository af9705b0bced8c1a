import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { openOtherDevice } from "./demo/other_device.ts";
import { printableFailure, StackError } from "./local/errors.ts";
import { findRunningStack } from "./local/running.ts";
import { startFunctions } from "./local/stack.ts";
import { readState } from "./local/state.ts";
import { explainWhenAsked } from "./local/usage.ts";
import { tellOfCommunity } from "./demo/community.ts";
import { expect } from "./demo/story.ts";
import imageGenerator from "../supabase/functions/image-generator/index.ts";

/** One line of the story: the action, the response, the change of the balance, and the new balance. */
interface Step {
  step: string;
  answer: string;
  tokens: number | "";
  balance: number | "";
}

const MEAL = { description: "Two eggs, toast and a glass of orange juice" };
const PICTURE = { prompt: "A tessera of bread" };
const GIFT_LIFETIME_MS = 2_000;
const TOKENS_FOR_THREE_PICTURES = 3 * imageGenerator.price.per_image!;

explainWhenAsked(
  "demo",
  `deno task demo             a user, tokens and AI features, and the ledger after each step
deno task demo community   two users and a room: what one writes, the other hears

Plays the story against the running local stack, as client apps would, and checks each answer.`,
);

try {
  const [story, ...rest] = Deno.args;
  if (rest.length > 0 || (story !== undefined && story !== "community")) {
    throw new StackError(`There is no story ${Deno.args.join(" ")}: see deno task demo --help`);
  }
  if (story === "community") await tellOfCommunity(await findRunningStack());
  else print(await tell());
} catch (error) {
  console.error(printableFailure(error));
  Deno.exit(1);
}

/** Plays the story against the running stack, as a client app would, and checks each answer. */
async function tell(): Promise<Step[]> {
  const { portBase, dataDir, secrets, url, databaseUrl } = await findRunningStack();
  const operator = createClient(url, secrets.secretKey, { auth: { persistSession: false } });
  const failing = await startFunctions({ portBase, dataDir, env: { AI_TEXT_MODEL: "demo-fail-500" } });
  const sql = postgres(databaseUrl, { max: 1 });
  const steps: Step[] = [];

  const signUp = async () => {
    const client = createClient(url, secrets.publishableKey, { auth: { persistSession: false } });
    const credentials = { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
    const { data, error } = await client.auth.signUp(credentials);
    if (error || !data.session) throw new StackError(`Cannot sign up: ${error?.message ?? "no session"}`);
    return { id: data.session.user.id, token: data.session.access_token };
  };
  const grant = async (userId: string, tokens: number, step: string, terms: object = {}) => {
    const args = {
      p_user_id: userId,
      p_amount: tokens,
      p_reason: "demo",
      p_request_id: crypto.randomUUID(),
      ...terms,
    };
    const { data, error } = await operator.rpc("add_tokens", args);
    if (error) throw new StackError(`Cannot grant tokens: ${error.message}`);
    steps.push({ step, answer: "", tokens, balance: data.balance });
  };
  const call = (base: string, name: string, token: string, body: unknown, key = crypto.randomUUID()) =>
    fetch(`${base}/functions/v1/${name}`, {
      method: "POST",
      headers: {
        "apikey": secrets.publishableKey,
        "Authorization": `Bearer ${token}`,
        "Content-Type": "application/json",
        "Idempotency-Key": key,
      },
      body: JSON.stringify(body),
    });
  const balanceOf = async (userId: string): Promise<number> => {
    const { data } = await operator.from("token_balances").select("balance").eq("user_id", userId).single();
    return data?.balance;
  };

  try {
    const user = await signUp();
    steps.push({ step: "Sign up", answer: "user with 0 tokens", tokens: "", balance: 0 });
    await grant(user.id, 100, "Grant 100 tokens");

    const device = (await readState(dataDir))?.hasRealtime
      ? await openOtherDevice({ url, publishableKey: secrets.publishableKey, token: user.token })
      : undefined;
    const key = crypto.randomUUID();
    const first = await call(url, "meal-analyzer", user.token, MEAL, key);
    const firstBody = await first.text();
    const { usage } = JSON.parse(firstBody);
    expect(first.status === 200, `the meal was not analysed: ${firstBody}`);
    steps.push({ step: "Analyse a meal", answer: "200", tokens: -usage.charged, balance: usage.balance });

    if (device) {
      const heard = await device.hearUntil(usage.balance);
      steps.push({
        step: "Meanwhile on another device of the user",
        answer: `heard live: ${heard.map(({ available }) => available).join(", ")} available`,
        tokens: "",
        balance: usage.balance,
      });
    }

    const again = await call(url, "meal-analyzer", user.token, MEAL, key);
    const isReplay = again.headers.get("Idempotent-Replayed") === "true" && await again.text() === firstBody;
    expect(isReplay && await balanceOf(user.id) === usage.balance, "the retry was not the stored answer");
    steps.push({
      step: "The same request again",
      answer: "200, the same bytes, replayed",
      tokens: 0,
      balance: usage.balance,
    });

    const other = await signUp();
    await grant(other.id, TOKENS_FOR_THREE_PICTURES, "A second user, with tokens for three pictures");
    const ten = await Promise.all(
      Array.from({ length: 10 }, () => call(url, "image-generator", other.token, PICTURE)),
    );
    await Promise.all(ten.map((response) => response.body?.cancel()));
    const count = (status: number) => ten.filter((response) => response.status === status).length;
    expect(count(200) === 3 && count(402) === 7, `ten at once gave ${ten.map(({ status }) => status)}`);
    steps.push({
      step: "Ten pictures at once",
      answer: "3 × 200, 7 × 402 insufficient_tokens",
      tokens: -TOKENS_FOR_THREE_PICTURES,
      balance: await balanceOf(other.id),
    });

    const failed = await call(failing.url, "meal-analyzer", user.token, MEAL);
    const { error } = await failed.json();
    const left = await balanceOf(user.id);
    expect(
      failed.status === 502 && left === usage.balance,
      `the failing provider gave ${failed.status} ${error}`,
    );
    steps.push({ step: "A provider that fails", answer: `502 ${error}`, tokens: 0, balance: left });

    const { data: refund } = await operator.rpc("refund_tokens", {
      p_request_id: usage.request_id,
      p_refund_id: crypto.randomUUID(),
      p_reason: "demo",
    });
    expect(refund?.refunded === usage.charged, `the meal was not refunded: ${JSON.stringify(refund)}`);
    steps.push({
      step: "Refund the meal",
      answer: "into the grant that paid for it",
      tokens: refund.refunded,
      balance: refund.balance,
    });

    const gift = { p_kind: "promotion", p_expires_at: new Date(Date.now() + GIFT_LIFETIME_MS).toISOString() };
    await grant(user.id, 20, "A gift of 20 tokens that ends in 2 seconds", gift);
    await new Promise((resolve) => setTimeout(resolve, GIFT_LIFETIME_MS));
    const { data: state } = await operator.rpc("wallet_state", { p_wallet_id: user.id });
    expect(state?.balance === refund.balance, `the gift did not end: ${JSON.stringify(state)}`);
    steps.push({ step: "2 seconds later", answer: "the gift is over", tokens: -20, balance: state.balance });

    const entries = await sql<{ step: string; delta: string; balance_after: string }[]>`
      select case user_id when ${user.id} then 'first user' else 'second user' end || ', ' || operation_type as step,
        delta, balance_after
      from token_balance_history where user_id in (${user.id}, ${other.id})
      order by user_id <> ${user.id}, entry_number`;
    for (const { step, delta, balance_after } of entries) {
      steps.push({
        step: `Ledger: ${step}`,
        answer: "",
        tokens: Number(delta),
        balance: Number(balance_after),
      });
    }
    const broken = await sql`select * from verify_token_ledger()`;
    expect(broken.length === 0, `the ledger is broken: ${JSON.stringify(broken)}`);
    steps.push({
      step: "verify_token_ledger()",
      answer: "0 rows: all invariants hold",
      tokens: "",
      balance: "",
    });
    return steps;
  } finally {
    await Promise.all([failing.stop(), sql.end()]);
  }
}

function print(steps: Step[]): void {
  const line = (step: string, answer: string, tokens: string | number, balance: string | number) =>
    step.padEnd(46) + answer.padEnd(38) + String(tokens).padStart(8) + String(balance).padStart(9);
  console.log(line("step", "answer", "tokens", "balance"));
  console.log("-".repeat(101));
  for (const { step, answer, tokens, balance } of steps) console.log(line(step, answer, tokens, balance));
}
