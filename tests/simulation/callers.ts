import postgres from "postgres";
import { type Answer, type Call } from "./calls.ts";
import type { SimulatedDatabase } from "./database.ts";
import type { Rival } from "./history.ts";
import type { Observed } from "./possibilities.ts";
import { parseAnswer, statementOf } from "./statements.ts";
import type { Tally } from "./tally.ts";

/** A call on its way, with all that befalls it. */
export interface Delivery extends Omit<Rival, "intent"> {
  call: Call;
  minute: bigint;
}

/** The error of a lost connection. */
const CONNECTION_LOST = new Set([
  "57P01",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "ECONNRESET",
  "EPIPE",
]);
/** A call that takes longer hangs. */
const ANSWER_LIMIT_MS = 20_000;
/** Outcomes after which a caller repeats the call. */
const TRY_AGAIN = new Set(["40001", "40P01"]);

/** A caller with a separate connection, which makes one call after the other and may be cut off. */
export class Caller {
  #sql: postgres.Sql;

  constructor(readonly database: SimulatedDatabase, readonly name: string, readonly tally: Tally) {
    this.#sql = this.#connect();
  }

  async end(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }

  /** Makes a call, again and again while the database says that it should be tried again. */
  async deliver(delivery: Delivery): Promise<Observed> {
    const { call, fault } = delivery;
    for (;;) {
      const cut = fault.name === "cut" ? this.#cutAfter(fault.milliseconds) : undefined;
      const [result] = await Promise.allSettled([this.#send(delivery), cut]);
      const code = result.status === "rejected" ? String(result.reason.code) : undefined;
      const isLost = code !== undefined && CONNECTION_LOST.has(code);
      if (isLost || cut) await this.#reconnect();
      else if (code) await this.#sql`rollback`;

      if (result.status === "fulfilled") return { call, answer: result.value, happened: "yes" };
      if (isLost && fault.name !== "none") {
        this.tally.add(fault.name);
        const happened = { crash: "no", "lost answer": "yes", cut: "perhaps" } as const;
        return { call, happened: happened[fault.name] };
      }
      if (!TRY_AGAIN.has(code!)) throw result.reason;
      this.tally.add(`tried again after ${code}`);
    }
  }

  async #send(delivery: Delivery): Promise<Answer> {
    const query = this.#sql.unsafe(messageOf(delivery)).simple() as unknown as Promise<
      { answer: string }[][]
    >;
    const results = await withinTime(query);
    return parseAnswer(results.find((rows) => rows.length > 0)![0]!.answer);
  }

  async #cutAfter(milliseconds: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    await this.database.sql`
      select pg_terminate_backend(pid, 1000) from pg_stat_activity
      where application_name = ${this.name} and datname = current_database()`;
  }

  /** A new connection, so that the end of the old one cannot be taken for the end of a later call. */
  async #reconnect(): Promise<void> {
    await this.#sql.end({ timeout: 0 });
    this.#sql = this.#connect();
  }

  #connect(): postgres.Sql {
    return postgres(this.database.url, {
      max: 1,
      onnotice: () => {},
      fetch_types: false,
      backoff: () => 0,
      connection: { application_name: this.name, statement_timeout: 10_000 },
    });
  }
}

async function withinTime<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${ANSWER_LIMIT_MS} ms`)), ANSWER_LIMIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function messageOf({ call, minute, fault, isolation, pauses }: Delivery): string {
  const plan = fault.name === "crash"
    ? [...Array.from({ length: fault.writes }, (_, write) => pauses[write] ?? 0), "die"]
    : pauses;
  return [
    `begin isolation level ${isolation}`,
    `set local simulation.minute = '${minute}'`,
    `set local simulation.plan = '${plan.length > 0 ? `{${plan}}` : ""}'`,
    `select (${statementOf(call)})::text as answer`,
    ...(fault.name === "crash" ? ["do 'begin perform simulation.die(); end'"] : []),
    "commit",
    ...(fault.name === "lost answer" ? ["do 'begin perform simulation.die(); end'"] : []),
  ].join(";");
}
