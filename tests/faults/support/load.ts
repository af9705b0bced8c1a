import { delay } from "../../../scripts/local/process_ids.ts";
import { Books } from "../../../scripts/soak/books.ts";
import {
  type Answer,
  type Customer,
  isRefusal,
  PLENTY,
  type Project,
} from "../../../scripts/soak/project.ts";

const CUSTOMERS = 6;
const WORKERS = 12;
const RETRY_DELAY_MS = 100;
const GRANT = 100;

/** A metered call or a grant that has no final answer yet. */
interface Open {
  customer: Customer;
  key: string;
  isGrant: boolean;
}

/**
 * Clients who do what good clients do: each request has a key and is sent again under it until it gets a final answer.
 * One that meets "still running" is put aside, as the hold of a run that was killed lasts for minutes.
 */
export class Load {
  readonly books = new Books();
  /** Answers that no crash excuses. */
  readonly misbehaviour: string[] = [];
  /** How often there was no good answer: a connection that broke, or a 5xx. */
  failures = 0;
  serverErrors = 0;
  /** How often the run of an earlier try was still, or for all that was known, under way. */
  conflicts = 0;
  /** Metered calls that were answered with 200. */
  successes = 0;
  slowestMs = 0;
  /** The newest failed response, for a message. */
  lastFailure = "none";
  readonly #customers: Customer[] = [];
  readonly #putAside: Open[] = [];
  #isStopping = false;
  #workers: Promise<unknown> = Promise.resolve();

  constructor(readonly project: Project, readonly random: () => number) {}

  get userIds(): string[] {
    return this.#customers.map(({ id }) => id);
  }

  async start(): Promise<void> {
    for (let number = 0; number < CUSTOMERS; number++) {
      const customer = await this.project.signUp();
      this.#customers.push(customer);
      const key = crypto.randomUUID();
      const { status, text } = await this.#grant({ customer, key, isGrant: true }, PLENTY);
      if (status !== 200) throw new Error(`Cannot grant: ${status} ${text}`);
    }
    this.#workers = Promise.all(Array.from({ length: WORKERS }, () => this.#work()));
  }

  /** Ends the load; what still has no final answer is kept for finish(). */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#workers;
  }

  /** Sends what was left open again until all of it is answered. */
  async finish(patienceMs = 60_000): Promise<void> {
    const end = Date.now() + patienceMs;
    while (this.#putAside.length > 0) {
      if (Date.now() > end) throw new Error(`${this.#putAside.length} requests get no final answer`);
      const again = this.#putAside.splice(0, WORKERS);
      const results = await Promise.all(again.map((open) => this.#tryOnce(open)));
      this.#putAside.push(...again.filter((_open, index) => results[index] !== "final"));
      if (results.some((result) => result !== "final")) await delay(RETRY_DELAY_MS);
    }
  }

  /** Asks for every answer once more; each must come as it came first. */
  async replayAll(): Promise<void> {
    const customers = new Map(this.#customers.map((customer) => [customer.id, customer]));
    const charges = [...this.books.charges];
    const work = async () => {
      for (let next = charges.pop(); next; next = charges.pop()) {
        const [key, { userId }] = next;
        const open = { customer: customers.get(userId)!, key, isGrant: false };
        if (await this.#tryOnce(open) !== "final") this.#putAside.push(open);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    await this.finish();
  }

  async #work(): Promise<void> {
    while (!this.#isStopping) {
      // Half of the requests are the first customer's: there they meet.
      const index = this.random() < 0.5 ? 0 : Math.floor(this.random() * CUSTOMERS);
      const open = {
        customer: this.#customers[index]!,
        key: crypto.randomUUID(),
        isGrant: this.random() < 0.15,
      };
      const wantsReplay = !open.isGrant && this.random() < 0.2;
      if (await this.#ask(open) && wantsReplay) await this.#ask(open);
    }
  }

  /** Retries until there is a final response, and records it; puts the request aside if that must wait. */
  async #ask(open: Open): Promise<boolean> {
    for (;;) {
      const result = await this.#tryOnce(open);
      if (result === "final") return true;
      if (result === "running" || this.#isStopping) {
        this.#putAside.push(open);
        return false;
      }
      await delay(RETRY_DELAY_MS * (1 + this.random()));
    }
  }

  async #tryOnce(open: Open): Promise<"final" | "running" | "failed"> {
    const start = performance.now();
    const answer = await (open.isGrant ? this.#grant(open, GRANT) : this.#charge(open)).catch((error) => {
      this.lastFailure = String(error);
      return undefined;
    });
    this.slowestMs = Math.max(this.slowestMs, performance.now() - start);
    if (answer?.status === 200) return "final";
    this.failures++;
    if (!answer) return "failed";
    this.lastFailure = `${answer.status} ${answer.text}`;
    if (answer.status >= 500) this.serverErrors++;
    // Grants go through REST, whose refusals have a shape of their own. While it reads the schema again after a crash, lite
    // knows no function, where PostgREST would answer 503.
    const isExcused = open.isGrant
      ? answer.status >= 500 || answer.status === 409 || answer.text.includes("PGRST202")
      : (answer.status >= 500 || answer.status === 409) && isRefusal(answer);
    if (!isExcused) this.misbehaviour.push(`${answer.status} ${answer.text}`);
    if (answer.status !== 409) return "failed";
    this.conflicts++;
    return "running";
  }

  async #charge({ customer, key }: Open): Promise<Answer> {
    const body = { description: `Two apples, ${key}` };
    const answer = await this.project.charge("meal-analyzer", customer, body, key);
    if (answer.status === 200) {
      this.books.noteCharge(customer.id, key, answer.text);
      this.successes++;
    }
    return answer;
  }

  async #grant({ customer, key }: Open, amount: number): Promise<Answer> {
    const answer = await this.project.rpc("add_tokens", {
      p_user_id: customer.id,
      p_amount: amount,
      p_reason: "test",
      p_request_id: key,
    });
    if (answer.status === 200) {
      if (JSON.parse(answer.text).success) this.books.noteGrant(key, { userId: customer.id, amount });
      else this.misbehaviour.push(`grant ${key}: ${answer.text}`);
    }
    return answer;
  }
}
