import { TesseraError } from "./errors.ts";
import { sleep } from "./retry.ts";

/** What of the typed client is used. A backend need not have it. */
export interface WatchingClient {
  accountWatch(
    input: Record<string, never>,
    options: { wallet?: string | null; signal?: AbortSignal },
  ): Promise<{ data: { wallet_id: string; topic: string; balance: number; held: number; sequence: number } }>;
}

/** What of supabase-js is used: a client of any version that has private channels. */
export interface RealtimeClient {
  channel(topic: string, options: { config: { private: boolean } }): RealtimeChannel;
  // deno-lint-ignore no-explicit-any -- each version has a type of its own for channels
  removeChannel(channel: any): Promise<unknown>;
}

/** A channel of supabase-js. */
export interface RealtimeChannel {
  // deno-lint-ignore no-explicit-any -- it is a payload of the database, which is looked at
  on(type: "broadcast", filter: { event: string }, heard: (message: any) => void): RealtimeChannel;
  subscribe(told: (status: string, error?: Error) => void): unknown;
}

/** What a wallet has at a moment. */
export interface LiveBalance {
  walletId: string;
  balance: number;
  /** The part of it that running requests hold. */
  held: number;
  available: number;
  /** Greater for what came later. */
  sequence: number;
}

export interface OnBalanceOptions {
  /** A team's wallet; null or nothing: the user's own. */
  wallet?: string | null;
  /** Told once it is over, as the user may not read this wallet, or not any more. */
  onEnd?: (error: TesseraError) => void;
  signal?: AbortSignal;
  /** The first pause before a lost topic is joined again, doubled up to half a minute. Default: 1 s. */
  retryDelayMs?: number;
}

/** Below the 10 minutes for which a wallet is watched at least. */
const WATCH_EVERY_MS = 8 * 60_000;
const LAST_RETRY_MS = 30_000;
/** So many first pauses supabase-js may take to join again by itself, as it does after most losses. */
const PAUSES_TO_REJOIN = 5;

/**
 * Calls `listener` with the balance as it is, and whenever it or what is held changes: in order, each once, and never with an
 * older one after a newer. It joins the wallet's topic again after any loss of the connection, and then asks for the balance, so
 * that nothing missed stays unseen; of changes that follow each other while it is away only the last is shown.
 *
 * `supabase` is the app's own supabase-js client, signed in; it has one topic of a wallet at a time. Returns what ends it.
 */
export function onBalance(
  tessera: WatchingClient,
  supabase: RealtimeClient,
  listener: (balance: LiveBalance) => void,
  options: OnBalanceOptions = {},
): () => Promise<void> {
  const end = new AbortController();
  const { signal: given, wallet, retryDelayMs = 1_000 } = options;
  let shown: LiveBalance | undefined;
  let asking: Promise<string> | undefined;
  let isAskedAgain = false;

  /** Asks until there is an answer; resolves to the topic. */
  function ask(): Promise<string> {
    isAskedAgain = asking !== undefined;
    return asking ??= askNow().finally(() => {
      asking = undefined;
      if (isAskedAgain) ask().catch(() => {});
    });
  }

  async function askNow(): Promise<string> {
    for (let retryMs = retryDelayMs;; retryMs = Math.min(2 * retryMs, LAST_RETRY_MS)) {
      try {
        const { data } = await tessera.accountWatch({}, { wallet, signal: end.signal });
        show({ id: data.wallet_id, ...data });
        return data.topic;
      } catch (error) {
        if (end.signal.aborted) throw error;
        if (error instanceof TesseraError && error.code === "forbidden") {
          stop();
          options.onEnd?.(error);
          throw error;
        }
      }
      await sleep(retryMs * (0.5 + Math.random() / 2), end.signal);
    }
  }

  /** Whether a change is missing before it. */
  function show(told: { id: string; balance: number; held: number; sequence: number }): boolean {
    if (end.signal.aborted || (shown && told.sequence <= shown.sequence)) return false;
    const before = shown;
    const { id: walletId, balance, held, sequence } = told;
    shown = { walletId, balance, held, available: balance - held, sequence };
    if (before?.balance !== balance || before.held !== held) tell(shown);
    return before !== undefined && sequence > before.sequence + 1;
  }

  /** What the app throws is its own matter, and is seen as from any other listener. */
  function tell(balance: LiveBalance): void {
    queueMicrotask(() => {
      if (!end.signal.aborted) listener(balance);
    });
  }

  /** Joins the topic; resolves once the channel is lost for good. */
  async function listen(topic: string, onJoined: () => void): Promise<void> {
    const { promise: lost, resolve: lose } = promiseOfNothing();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const channel = supabase.channel(topic, { config: { private: true } });
    channel.on("broadcast", { event: "balance" }, ({ payload }) => {
      if (isChange(payload) && show(payload)) ask().catch(() => {});
    });
    end.signal.addEventListener("abort", lose);
    channel.subscribe((status) => {
      clearTimeout(timer);
      if (status === "SUBSCRIBED") {
        onJoined();
        ask().catch(() => {});
      } else if (status === "CLOSED") lose();
      else timer = setTimeout(lose, PAUSES_TO_REJOIN * retryDelayMs);
    });
    await lost;
    clearTimeout(timer);
    end.signal.removeEventListener("abort", lose);
    await supabase.removeChannel(channel);
  }

  async function work(): Promise<void> {
    let retryMs = retryDelayMs;
    while (!end.signal.aborted) {
      // Says too whether the topic may still be heard.
      const topic = await ask();
      // A client of supabase-js in the middle of its own closing may refuse: it is asked again.
      await listen(topic, () => retryMs = retryDelayMs).catch(() => {});
      await sleep(retryMs * (0.5 + Math.random() / 2), end.signal);
      retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
    }
  }

  function stop(): void {
    clearInterval(watching);
    given?.removeEventListener("abort", stop);
    end.abort();
  }

  const watching = setInterval(() => ask().catch(() => {}), WATCH_EVERY_MS);
  given?.addEventListener("abort", stop);
  if (given?.aborted) stop();
  // It ends over its signal, or over what onEnd was told.
  const working = work().catch(() => {});
  return async () => {
    stop();
    await working;
  };
}

function isChange(value: unknown): value is { id: string; balance: number; held: number; sequence: number } {
  const { id, balance, held, sequence } = (value ?? {}) as Record<string, unknown>;
  return typeof id === "string" && [balance, held, sequence].every(Number.isSafeInteger);
}

/** `Promise.withResolvers` is missing in React Native. */
function promiseOfNothing(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((given) => resolve = given);
  return { promise, resolve };
}
