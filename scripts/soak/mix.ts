import { delay } from "../local/process_ids.ts";
import { Books } from "./books.ts";
import { type Answer, type Customer, isRefusal, PLENTY, Project } from "./project.ts";

/** The environment of a soak's stack: photos go to a provider that fails. */
export const SOAK_ENVIRONMENT = { AI_TEXT_MODEL: "demo-text", AI_VISION_MODEL: "demo-vision-fail-400" };

const CUSTOMERS = 20;
const CLIENTS = 8;
/** The pause between two requests of a client, so that a soak measures a working server and not an overloaded one. */
const PAUSE_MS = 20;
const CLEANUP_EVERY_MS = 5_000;
const MAX_ERRORS_KEPT = 20;
const GRANT = 100;
const PHOTO = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk" +
  "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** The share of each kind of request, in percent. */
const SHARES = { charge: 50, replay: 15, failure: 10, poor: 8, grant: 7, balance: 10 };

type Kind = keyof typeof SHARES;

const KINDS = (Object.keys(SHARES) as Kind[]).flatMap((kind) => Array<Kind>(SHARES[kind]).fill(kind));

/** Clients that keep doing everything that clients do; any unexpected response is an error. */
export class Mix {
  readonly books = new Books();
  requests = 0;
  errors = 0;
  readonly firstErrors: string[] = [];
  /** Since the last takeLatencies(). */
  #latenciesMs: number[] = [];
  #customers: Customer[] = [];
  #poor!: Customer;
  readonly #project: Project;
  readonly #stopping = new AbortController();
  #work: Promise<unknown> = Promise.resolve();

  constructor(project: Project) {
    this.#project = project;
  }

  get userIds(): string[] {
    return [...this.#customers, this.#poor].map(({ id }) => id);
  }

  async start(): Promise<void> {
    this.#poor = await this.#project.signUp();
    for (let number = 0; number < CUSTOMERS; number++) {
      const customer = await this.#project.signUp();
      this.#customers.push(customer);
      await this.#grant(customer, PLENTY);
    }
    const clients = Array.from({ length: CLIENTS }, () => this.#repeat(PAUSE_MS, () => this.#askSomething()));
    this.#work = Promise.all([...clients, this.#repeat(CLEANUP_EVERY_MS, () => this.#cleanUp())]);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
  }

  takeLatencies(): number[] {
    const taken = this.#latenciesMs;
    this.#latenciesMs = [];
    return taken;
  }

  async #repeat(pauseMs: number, step: () => Promise<void>): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await step().catch((error) => this.#noteError(String(error)));
      await delay(pauseMs);
    }
  }

  async #askSomething(): Promise<void> {
    const customer = pick(this.#customers);
    const key = crypto.randomUUID();
    switch (pick(KINDS)) {
      case "charge":
        return await this.#charge(customer, key);
      case "replay":
        await this.#charge(customer, key);
        return await this.#charge(customer, key);
      case "failure":
        return await this.#expectRefusal(502, customer, { photo: PHOTO, description: key });
      case "poor":
        return await this.#expectRefusal(402, this.#poor, { description: key });
      case "grant":
        return await this.#grant(customer, GRANT);
      case "balance":
        this.#expect(200, await this.#timed(() => this.#project.balance(customer)));
    }
  }

  async #charge(customer: Customer, key: string): Promise<void> {
    const body = { description: `Two apples, ${key}` };
    const answer = await this.#timed(() => this.#project.charge("meal-analyzer", customer, body, key));
    if (this.#expect(200, answer)) this.books.noteCharge(customer.id, key, answer.text);
  }

  async #expectRefusal(status: number, customer: Customer, body: unknown): Promise<void> {
    const answer = await this.#timed(() => this.#project.charge("meal-analyzer", customer, body));
    if (!isRefusal(answer)) this.#noteError(`not the shape of a refusal: ${answer.text}`);
    else this.#expect(status, answer);
  }

  async #grant({ id }: Customer, amount: number): Promise<void> {
    const requestId = crypto.randomUUID();
    const answer = await this.#timed(() =>
      this.#project.rpc("add_tokens", {
        p_user_id: id,
        p_amount: amount,
        p_reason: "soak",
        p_request_id: requestId,
      })
    );
    if (this.#expect(200, answer)) this.books.noteGrant(requestId, { userId: id, amount });
  }

  async #cleanUp(): Promise<void> {
    this.#expect(200, await this.#timed(() => this.#project.rpc("cleanup_expired_locks", {})));
  }

  async #timed(send: () => Promise<Answer>): Promise<Answer> {
    const start = performance.now();
    this.requests++;
    try {
      return await send();
    } finally {
      this.#latenciesMs.push(performance.now() - start);
    }
  }

  #expect(status: number, answer: Answer): boolean {
    if (answer.status === status) return true;
    this.#noteError(`expected ${status}, got ${answer.status} ${answer.text}`);
    return false;
  }

  #noteError(message: string): void {
    this.errors++;
    if (this.firstErrors.length < MAX_ERRORS_KEPT) this.firstErrors.push(message);
  }
}

function pick<Value>(values: readonly Value[]): Value {
  return values[Math.floor(Math.random() * values.length)]!;
}
