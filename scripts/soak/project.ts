/** What a client needs to know about a running stack. */
export interface Address {
  url: string;
  publishableKey: string;
  secretKey: string;
}

export interface Customer {
  id: string;
  token: string;
}

export interface Answer {
  status: number;
  text: string;
}

/** Longer than a settlement is retried; anything slower hangs. */
const PATIENCE_MS = 20_000;
/** Enough tokens for every request. */
export const PLENTY = 1_000_000_000;

/** The project as its clients see it: single requests without retries, which the caller decides about. */
export class Project {
  constructor(readonly address: Address) {}

  /** Calls a metered feature. */
  charge(feature: string, { token }: Customer, body: unknown, key?: string): Promise<Answer> {
    return this.#send(`/functions/v1/${feature}`, {
      apikey: this.address.publishableKey,
      authorization: `Bearer ${token}`,
      ...(key === undefined ? {} : { "idempotency-key": key }),
    }, body);
  }

  /** The user's own view of the account. */
  balance({ token }: Customer): Promise<Answer> {
    return this.#send("/functions/v1/balance", {
      apikey: this.address.publishableKey,
      authorization: `Bearer ${token}`,
    });
  }

  /** Calls a database function as one of our servers does. */
  rpc(name: string, args: Record<string, unknown>): Promise<Answer> {
    const { secretKey } = this.address;
    return this.#send(`/rest/v1/rpc/${name}`, { apikey: secretKey }, args);
  }

  async signUp(): Promise<Customer> {
    const credentials = { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
    const { status, text } = await this.#send("/auth/v1/signup", {
      apikey: this.address.publishableKey,
    }, credentials);
    if (status !== 200) throw new Error(`Cannot sign up: ${status} ${text}`);
    const { access_token, user } = JSON.parse(text);
    return { id: user.id, token: access_token };
  }

  async #send(path: string, headers: Record<string, string>, body?: unknown): Promise<Answer> {
    const response = await fetch(this.address.url + path, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return { status: response.status, text: await response.text() };
  }
}

/** A refusal in the form that every endpoint uses. */
export function isRefusal({ text }: Answer): boolean {
  try {
    const { error, message, request_id } = JSON.parse(text);
    return [error, message, request_id].every((part) => typeof part === "string" && part !== "");
  } catch {
    return false;
  }
}
