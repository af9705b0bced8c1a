import { beforeAll, describe, expect, it } from "vitest";

import type { ExtraFunctions } from "../../scripts/local/stack.ts";
import { functionsFolder } from "../../scripts/local/paths.ts";
import { RECORDING_BYTES } from "../../supabase/functions/_shared/media/audio.ts";
import { needing } from "../support/needs.ts";
import { wav } from "../support/recordings.ts";
import { connect } from "../support/stack.ts";
import { openAccounts } from "./support/accounts.ts";
import { call, expectCharged, expectRefusal, formOf } from "./support/calls.ts";
import { openFunctions } from "./support/functions.ts";
import { openLedgerProxy } from "./support/ledger_proxy.ts";

const PLENTY = 1_000_000;
const MAX_GROWTH_MB = 256;
/** All 50 are sent completely, even if nobody reads them. */
const PATIENCE_MS = 120_000;

const { newUser, accountOf, expectUntouched } = openAccounts();
const sql = connect({ connections: 1 });
let functions: ExtraFunctions;

beforeAll(async () => {
  // Its memory is measured: nothing may be imported later.
  const env = { AI_TRANSCRIBE_MODEL: "demo-transcribe-slow-500" };
  functions = await openFunctions(env, functionsFolder, { lazy: false });
});

async function setPlan(userId: string, limits: Record<string, { quota: number; window_s: number }>) {
  const plan = `test ${userId}`;
  await sql`insert into private.token_plans (plan, request_limits) values (${plan}, ${sql.json(limits)})`;
  await sql`select public.set_account_plan(${userId}, ${plan})`;
}

/** 25 MB, almost to the byte. */
const large = formOf({ file: wav((RECORDING_BYTES - 44) / 44_100, { rate: 44_100 }) });

/** The same upload as a stream of unknown length. */
function withoutLength(): { body: ReadableStream; headers: Record<string, string> } {
  const request = new Request("http://localhost/", { method: "POST", body: large });
  return { body: request.body!, headers: { "Content-Type": request.headers.get("Content-Type")! } };
}

/** Its private memory, which Linux reports. */
async function residentMb(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)![1]) / 1024;
}

describe.each([["50", "told", true], ["10", "not told", false]])(
  "%s uploads of 25 MB at once, their length %s",
  await needing("linux"),
  (count, _how, isTold) => {
    it("are answered or refused, within 256 MB, and the next one is answered", async () => {
      // One user's leave room for another's.
      const users = [await newUser(PLENTY), await newUser(PLENTY)];
      const send = (_: unknown, index: number) =>
        call("audio-transcribe", {
          base: functions.url,
          user: users[index % users.length],
          ...isTold ? { body: large } : withoutLength(),
        });
      const small = { base: functions.url, user: users[0], body: { file: wav(1) } };
      expectCharged(await call("audio-transcribe", small));
      const before = await residentMb(functions.pid);
      let peak = before;
      const timer = setInterval(async () => peak = Math.max(peak, await residentMb(functions.pid)), 10);
      const answers = await Promise.all(Array.from({ length: Number(count) }, send));
      clearInterval(timer);
      console.log(`From ${before.toFixed(0)} to at most ${peak.toFixed(0)} MB`);

      const refused = answers.filter(({ status }) => status !== 200);
      for (const answer of refused) {
        expectRefusal(answer, 503, "service_unavailable");
        expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0);
      }
      expect(answers.length - refused.length).toBeGreaterThanOrEqual(2);
      expect(peak - before).toBeLessThan(MAX_GROWTH_MB);

      expectCharged(await send(undefined, 0));
      const accounts = await Promise.all(users.map(accountOf));
      const charges = accounts.flatMap((account) => account.charges);
      expect({ held: accounts.map(({ held }) => held), charged: charges.length }).toEqual({
        held: [0, 0],
        charged: answers.length - refused.length + 2,
      });
      // A refused request never reached a hold.
      expect(accounts.flatMap(({ locks }) => locks)).toHaveLength(charges.length);
    }, PATIENCE_MS);
  },
);

describe("an upload", () => {
  it("over the limit is refused before it is read", async () => {
    const user = await newUser(PLENTY);
    const answer = await call("audio-transcribe", {
      base: functions.url,
      user,
      body: { file: wav(30_000_000 / 8_000) },
    });
    expectRefusal(answer, 413, "payload_too_large");
    await expectUntouched(user, PLENTY);
  });

  it("of a function that takes none is refused", async () => {
    const user = await newUser(PLENTY);
    const answer = await call("meal-analyzer", { user, body: { photo: wav(1) } });
    expectRefusal(answer, 415, "unsupported_media_type");
    await expectUntouched(user, PLENTY);
  });

  it("of another file is refused by its bytes, whatever its name", async () => {
    const user = await newUser(PLENTY);
    const form = new FormData();
    form.append("file", new File(["This is a text."], "voice.wav", { type: "audio/wav" }));
    expectRefusal(await call("audio-transcribe", { user, body: form }), 400, "invalid_request");
    expectRefusal(
      await call("audio-transcribe", { user, body: { file: new Uint8Array() } }),
      400,
      "invalid_request",
    );
    await expectUntouched(user, PLENTY);
  });

  it("with two files, or a file and a path, is refused", async () => {
    const user = await newUser(PLENTY);
    const form = formOf({ file: wav(1) });
    form.append("file", new Blob([wav(2)]), "second.wav");
    expectRefusal(await call("audio-transcribe", { user, body: form }), 400, "invalid_request");
    const both = { file: wav(1), storage_path: `uploads/${user.id}/voice.wav` };
    expectRefusal(await call("audio-transcribe", { user, body: both }), 400, "invalid_request");
    await expectUntouched(user, PLENTY);
  });
});

describe("a recording in Storage", () => {
  it("is read as the caller, charged by its length, and another's is not there", async () => {
    const [user, other] = [await newUser(PLENTY), await newUser(PLENTY)];
    const path = `${user.id}/voice.wav`;
    const { error } = await user.client.storage.from("uploads").upload(path, wav(90), {
      contentType: "audio/wav",
    });
    expect(error).toBeNull();
    const body = { storage_path: `uploads/${path}` };
    const answer = await call("audio-transcribe", { user, body });
    expectCharged(answer);
    expect(answer.body.data.duration_s).toBe(90);
    expect(answer.body.usage.charged).toBe(1 + 9);

    expectRefusal(await call("audio-transcribe", { user: other, body }), 400, "invalid_request");
    await expectUntouched(other, PLENTY);
    for (
      const storage_path of [
        "voice.wav",
        `generated/${path}`,
        `uploads/${user.id}/../x`,
        `uploads/${user.id}/none.wav`,
      ]
    ) {
      expectRefusal(await call("audio-transcribe", { user, body: { storage_path } }), 400, "invalid_request");
    }
  });

  it("is not read for a user who cannot pay, and each read takes from a limit, whatever the result", async () => {
    const project = await openLedgerProxy();
    const { url: base } = await openFunctions({ TEST_SUPABASE_URL: project.url });
    const [poor, user] = [await newUser(1), await newUser(PLENTY)];
    const put = async ({ client, id }: typeof user, bytes: Uint8Array) => {
      const path = `${id}/voice.wav`;
      const { error } = await client.storage.from("uploads").upload(path, bytes, {
        contentType: "audio/wav",
      });
      expect(error).toBeNull();
      return { storage_path: `uploads/${path}` };
    };
    const paid = { base, user: poor, body: await put(poor, wav(60)) };
    const unpaid = await call("audio-transcribe", paid);
    expectRefusal(unpaid, 402, "insufficient_tokens");
    expect(unpaid.body.details).toEqual({ required: 2, available: 1 });
    expect(project.readingsOf(paid.body.storage_path)).toBe(0);

    await setPlan(user.id, { stored_recording: { quota: 2, window_s: 3600 } });
    const body = await put(user, new TextEncoder().encode("This is no recording."));
    for (let count = 0; count < 2; count++) {
      expectRefusal(await call("audio-transcribe", { base, user, body }), 400, "invalid_request");
    }
    expect(project.readingsOf(body.storage_path)).toBe(2);
    const denied = await call("audio-transcribe", { base, user, body });
    expectRefusal(denied, 429, "rate_limited");
    expect(Number(denied.headers.get("Retry-After"))).toBeGreaterThan(1_000);
    expect(project.readingsOf(body.storage_path)).toBe(2);
    // Other parts need no reading.
    expectCharged(await call("audio-transcribe", { base, user, body: { file: wav(1) } }));
  });

  it("is refused while others of its size are being processed, and each other one is charged", async () => {
    const user = await newUser(PLENTY);
    const path = `${user.id}/large.wav`;
    const bytes = wav((RECORDING_BYTES - 44) / 44_100, { rate: 44_100 });
    const { error } = await user.client.storage.from("uploads").upload(path, bytes, {
      contentType: "audio/wav",
    });
    expect(error).toBeNull();
    const body = { storage_path: `uploads/${path}` };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => call("audio-transcribe", { base: functions.url, user, body })),
    );
    const answered = answers.filter(({ status }) => status === 200).length;
    expect(answered).toBeGreaterThanOrEqual(2);
    expect(answered).toBeLessThan(answers.length);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expectRefusal(answer, 503, "service_unavailable");
      expect(answer.headers.get("Retry-After")).toBe("5");
    }
    expect((await accountOf(user)).charges).toHaveLength(answered);
  });

  it("is refused as any other where it is too large, too long, or none", async () => {
    const user = await newUser(PLENTY);
    const put = async (name: string, bytes: Uint8Array) => {
      const path = `${user.id}/${name}`;
      const { error } = await user.client.storage.from("uploads").upload(path, bytes, {
        contentType: "audio/wav",
      });
      expect(error).toBeNull();
      return { storage_path: `uploads/${path}`, weight_kg: 70 };
    };
    const long = await put("long.wav", wav(400));
    const answer = await call("activity-transcriber", { user, body: long });
    expectRefusal(answer, 400, "invalid_request");
    expect(answer.body.message).toBe("storage_path: Expected a recording of at most 300 seconds");
    const text = await put("text.wav", new TextEncoder().encode("This is a text."));
    expectRefusal(await call("activity-transcriber", { user, body: text }), 400, "invalid_request");
    await expectUntouched(user, PLENTY);
  });
});

it("an upload's key stands for its bytes: the same again is replayed, another is refused", async () => {
  const user = await newUser(PLENTY);
  const key = crypto.randomUUID();
  const first = await call("audio-transcribe", { user, key, body: { file: wav(3) } });
  const again = await call("audio-transcribe", { user, key, body: { file: wav(3) } });
  expect(again.headers.get("Idempotent-Replayed")).toBe("true");
  expect(again.text).toBe(first.text);
  expectRefusal(
    await call("audio-transcribe", { user, key, body: { file: wav(3.01) } }),
    422,
    "idempotency_key_reused",
  );
});
