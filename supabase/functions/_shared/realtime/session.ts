import { Alarms } from "./alarms.ts";
import { AUDIO_BYTES_PER_S, ClientMessages } from "./client_messages.ts";
import { describeCause, logRequest } from "../platform/log.ts";
import { AppError } from "../platform/errors.ts";
import {
  type ClientEvent,
  EventNames,
  hasOutput,
  isOutput,
  isPassedOn,
  type ProviderEvent,
  readProviderEvent,
  responseEvent,
  usageOf,
} from "./events.ts";
import { type Ending, ENDINGS, type SessionLimits } from "./limits.ts";
import { type Slice, type Slices, talkCost } from "./slices.ts";
import type { Billing } from "./billing.ts";
import { OPEN, type Socket } from "../http/websocket.ts";

export interface SessionParts {
  sessionId: string;
  name: string;
  userId: string;
  walletId: string | null;
  model: string;
  client: Socket;
  openProvider(): Socket;
  /** The event that sets up the conversation at the provider. */
  setup: Record<string, unknown>;
  billing: Pick<Billing, "takeSeat" | "leaveSeat" | "forfeitSeat" | "hold" | "settle">;
  slices: Slices;
  limits: SessionLimits;
  /** When the client's token expires, and the session ends. */
  tokenEndsAtMs: number;
}

/** How long the end of a session waits for the usage of an answer that it cancelled. */
const LAST_USAGE_MS = 5_000;
const LAST_WORDS_MS = 5_000;

/**
 * A conversation between a client and the provider. The provider answers a turn only on request, which is sent when a
 * slice has room for the most that an answer may cost.
 */
export class RealtimeSession {
  /** Resolves when everything is settled and released. */
  readonly finished: Promise<void>;
  readonly #parts: SessionParts;
  readonly #startedAtMs = Date.now();
  readonly #messages: ClientMessages;
  readonly #alarms = new Alarms<"notice" | "end" | "idle" | "provider">();
  #provider: Socket | undefined;
  #opening: Promise<void> = Promise.resolve();
  #holding: Promise<void> | undefined;
  readonly #settling = new Set<Promise<void>>();
  #isReady = false;
  #isPreparing = false;
  #ending: Ending | undefined;
  #cause: unknown;
  readonly #names = new EventNames();
  #isSeatForfeit = false;
  #turnBytes = 0;
  #isSpeaking = false;
  /** A turn waits for its answer. */
  #hasInput = false;
  #isAnswerWanted = false;
  /** The answer in progress. */
  #answer: { isHeard: boolean; done: PromiseWithResolvers<void> } | undefined;
  /** Answers whose usage was counted, so that a repeated report is not counted again. */
  readonly #counted = new Set<unknown>();
  #charged = 0;
  #balance: number | null = null;
  readonly #end = Promise.withResolvers<void>();

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { client, limits } = parts;
    this.#messages = new ClientMessages(limits, this.#startedAtMs);
    client.onopen = () => this.#opening = this.#open().catch((error) => this.#fail(error));
    client.onmessage = ({ data }) => this.#fromClient(data);
    client.onerror = () => this.end("closed");
    client.onclose = () => this.end("closed");
    this.finished = this.#end.promise.then(() => this.#finish());
  }

  /** Ends the session; the first reason counts. */
  end(ending: Ending): void {
    if (this.#ending) return;
    this.#ending = ending;
    this.#alarms.end();
    this.#end.resolve();
  }

  #fail(error: unknown): void {
    this.#cause ??= error;
    this.end(error instanceof AppError && error.code in ENDINGS ? error.code as Ending : "internal");
  }

  async #open(): Promise<void> {
    const { billing, limits, slices } = this.#parts;
    const seat = await billing.takeSeat(limits.sessions);
    if (seat === "none_free") return this.end("rate_limited");
    if (seat === "taken") await this.#holdNext();
    if (!slices.current) return this.end("balance_exhausted");
    if (this.#ending) return;
    const provider = this.#provider = this.#parts.openProvider();
    provider.onmessage = ({ data }) => this.#fromProvider(data);
    provider.onerror = () => this.end("provider_error");
    provider.onclose = () => {
      this.#answer?.done.resolve();
      this.end("provider_error");
    };
    this.#alarms.set("provider", limits.provider_s, () => this.end("provider_timeout"));
  }

  #start(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#alarms.clear("provider");
    const { limits, sessionId, tokenEndsAtMs } = this.#parts;
    const longestMs = this.#startedAtMs + limits.session_s * 1000;
    const endsAtMs = Math.min(longestMs, tokenEndsAtMs);
    const left = (endsAtMs - Date.now()) / 1000;
    const ends_at = new Date(endsAtMs).toISOString();
    this.#alarms.set(
      "end",
      left,
      () => this.end(tokenEndsAtMs < longestMs ? "token_expired" : "session_ended"),
    );
    this.#alarms.set("notice", left - limits.notice_s, () => this.#tell({ type: "session_ending", ends_at }));
    this.#heard();
    this.#tell({ type: "session_ready", session_id: sessionId, ends_at });
  }

  // --- The client's messages ---

  #fromClient(data: unknown): void {
    if (this.#ending) return;
    const { event, ending, isSeatForfeit } = this.#messages.read(data);
    if (ending) {
      this.#isSeatForfeit = isSeatForfeit ?? false;
      return this.end(ending);
    }
    if (!event) return this.#mistake("Unknown event type, or an event that clients may not send");
    if (this.#isReady) return this.#pass(event);
    // A microphone that is open early is no mistake, and its chunks need no error each.
    if (event.type !== "input_audio_buffer.append") this.#mistake("Wait for session_ready");
  }

  #mistake(message: string): void {
    if (this.#messages.countMistake()) return this.end("invalid_request");
    this.#tell({ type: "error", error: { code: "invalid_request", message } });
  }

  #pass(event: ClientEvent): void {
    switch (event.type) {
      case "response.create":
        this.#isAnswerWanted = true;
        return this.#answerNext();
      case "response.cancel":
        if (!this.#answer) return;
        break;
      case "conversation.item.create":
        this.#hasInput = true;
        this.#heard();
        break;
      case "input_audio_buffer.append":
        if (!this.#listen(event.audio.length * 3 / 4)) return this.end("rate_limited");
        break;
    }
    this.#toProvider(event);
    if (event.type === "input_audio_buffer.append") this.#closeLongTurn();
  }

  #listen(bytes: number): boolean {
    this.#turnBytes += bytes;
    return this.#messages.takeAudio(bytes);
  }

  /** Ends the turn of a speaker who never stops; its sound is input of the next answer. */
  #closeLongTurn(): void {
    if (this.#turnBytes < this.#parts.limits.turn_s * AUDIO_BYTES_PER_S) return;
    this.#turnBytes = 0;
    if (this.#isSpeaking) this.#toProvider({ type: "input_audio_buffer.commit" });
  }

  // --- The provider's events ---

  #fromProvider(data: unknown): void {
    const sent = readProviderEvent(data);
    if (!sent) return this.#giveUp("The provider sent a message that is not an event");
    const event = this.#names.translate(sent);
    if (!event) return;
    if (event.type === "response.done") this.#answered(event);
    if (this.#ending) return;
    if (this.#answer) this.#awaitProvider();
    switch (event.type) {
      case "session.created":
        return this.#toProvider({ type: "session.update", session: this.#parts.setup });
      case "session.updated":
        return this.#start();
      case "response.created":
      case "response.done":
        this.#tell(responseEvent(event));
        break;
      case "error":
        return this.#providerError(event);
      case "input_audio_buffer.speech_started":
        this.#turnBytes = 0;
        this.#isSpeaking = true;
        this.#heard();
        break;
      case "input_audio_buffer.speech_stopped":
        this.#isSpeaking = false;
        break;
      case "input_audio_buffer.committed":
        this.#turnBytes = 0;
        this.#isSpeaking = false;
        this.#hasInput = this.#isAnswerWanted = true;
        this.#heard();
        break;
    }
    if (isOutput(event) && this.#answer) this.#answer.isHeard = true;
    if (isPassedOn(event)) this.#tell(event === sent ? data as string : event);
    this.#answerNext();
  }

  /** The client gets none of the provider's words, which may quote what it must not see. */
  #providerError({ error }: ProviderEvent): void {
    const { event_id, code } = (error ?? {}) as { event_id?: unknown; code?: unknown };
    this.#cause ??= new Error(`The provider refused an event: ${String(code).slice(0, 100)}`);
    if (!this.#isReady) return this.end("provider_error");
    if (this.#answer && event_id === ANSWER_EVENT) this.#forgetAnswer();
    this.#tell({
      type: "error",
      error: { code: "provider_error", message: "The AI provider refused an event" },
    });
  }

  /** The provider broke the protocol. */
  #giveUp(why: string): void {
    this.#cause ??= new Error(why);
    this.end("provider_error");
  }

  #answered(event: ProviderEvent): void {
    const { slices } = this.#parts;
    const { id } = (event.response ?? {}) as { id?: unknown };
    if (id !== undefined && this.#counted.has(id)) return;
    this.#counted.add(id);
    if (this.#answer && !this.#answer.isHeard && hasOutput(event)) {
      this.#forgetAnswer(); // An answer that was never understood is not charged.
      return this.#giveUp("The provider reported an answer without any event that we understand");
    }
    const usage = usageOf(event);
    if (slices.current && (usage || this.#answer?.isHeard)) slices.use(usage);
    this.#forgetAnswer();
    const { current } = slices;
    if (this.#ending || !current) return;
    this.#tell({
      type: "usage",
      slice: current.number,
      held: current.held,
      used: talkCost(slices.price, current.used),
      ...usage,
    });
    if (slices.wantsHold) this.#holdNext().catch((error) => this.#fail(error));
  }

  #forgetAnswer(): void {
    this.#answer?.done.resolve();
    this.#answer = undefined;
    this.#alarms.clear("provider");
    this.#heard();
  }

  // --- Answers and the slices that pay for them ---

  #answerNext(): void {
    if (!this.#hasInput || !this.#isAnswerWanted || this.#answer || this.#isPreparing) return;
    this.#isPreparing = true;
    this.#prepareAnswer()
      .catch((error) => this.#fail(error))
      .finally(() => this.#isPreparing = false);
  }

  async #prepareAnswer(): Promise<void> {
    const { slices } = this.#parts;
    if (!slices.hasRoom) {
      await this.#holdNext();
      const finished = slices.turnOver();
      if (finished) this.#settle(finished);
    }
    if (this.#ending) return;
    if (!slices.hasRoom) return this.end("balance_exhausted");
    this.#hasInput = this.#isAnswerWanted = false;
    this.#answer = { isHeard: false, done: Promise.withResolvers<void>() };
    this.#alarms.clear("idle"); // It is the provider's turn, which has its own limit for silence.
    this.#toProvider({ type: "response.create", event_id: ANSWER_EVENT });
    this.#awaitProvider();
  }

  /** Holds the next slice if needed; one call at a time. */
  #holdNext(): Promise<void> {
    this.#holding ??= this.#holdOne().finally(() => this.#holding = undefined);
    return this.#holding;
  }

  async #holdOne(): Promise<void> {
    const { slices, billing } = this.#parts;
    if (this.#ending || !slices.wantsHold) return;
    const held = await billing.hold(slices.nextNumber, slices.sliceTokens, slices.leastTokens);
    if (held > 0) slices.add(held);
  }

  #settle(slice: Slice): void {
    const work = this.#parts.billing.settle(slice).then(({ charged, balance }) => {
      this.#charged += charged;
      this.#balance = balance ?? this.#balance;
      if (!this.#ending) this.#tell({ type: "slice_settled", slice: slice.number, charged, balance });
    }, (error) => this.#fail(error)).finally(() => this.#settling.delete(work));
    this.#settling.add(work);
  }

  // --- The end ---

  async #finish(): Promise<void> {
    const { client, limits, billing } = this.#parts;
    const ending = this.#ending!;
    const { closeCode, message } = ENDINGS[ending];
    if (ending === "balance_exhausted") this.#tell({ type: ending, message });
    else if (ending !== "closed") this.#tell({ type: "error", error: { code: ending, message } });

    const isProviderGone = ending === "provider_timeout" || ending === "provider_error";
    if (this.#answer && this.#provider?.readyState === OPEN && !isProviderGone) {
      this.#toProvider({ type: "response.cancel" });
      await within(this.#answer.done.promise, Math.min(LAST_USAGE_MS, limits.provider_s * 1000));
    }
    close(this.#provider, 1000, "");
    const leave = () => this.#isSeatForfeit ? billing.forfeitSeat() : billing.leaveSeat();
    const settled = this.#settleAll().finally(leave).catch((error) => this.#cause ??= error);
    await within(settled, LAST_WORDS_MS);
    this.#tell({ type: "session_ended", reason: ending, charged: this.#charged, balance: this.#balance });
    close(client, closeCode, ending);
    await settled;
    this.#log(ending);
  }

  /** Settles everything that is still held; nothing is added any more. */
  async #settleAll(): Promise<void> {
    const { slices } = this.#parts;
    await Promise.allSettled([this.#opening, this.#holding]);
    if (this.#answer?.isHeard) slices.use(undefined);
    for (const slice of slices.close()) this.#settle(slice);
    await Promise.all(this.#settling);
  }

  #log(ending: Ending): void {
    const { sessionId, name, userId, walletId, model } = this.#parts;
    const { closeCode } = ENDINGS[ending];
    logRequest({
      request_id: sessionId,
      function: name,
      user_id: userId,
      wallet_id: walletId ?? undefined,
      status: closeCode >= 4500 ? closeCode - 4000 : 101,
      code: ending,
      tokens_charged: this.#charged,
      model,
      duration_ms: Date.now() - this.#startedAtMs,
      cause: describeCause(this.#cause),
    });
  }

  // --- Sockets and timers ---

  #tell(event: object | string | undefined): void {
    const { client, limits } = this.#parts;
    if (event === undefined || client.readyState !== OPEN) return;
    if (client.bufferedAmount > limits.buffered_bytes) return this.end("client_too_slow");
    client.send(typeof event === "string" ? event : JSON.stringify(event));
  }

  #toProvider(event: object): void {
    const provider = this.#provider;
    if (provider?.readyState !== OPEN) return;
    if (provider.bufferedAmount > this.#parts.limits.buffered_bytes) return this.end("provider_timeout");
    provider.send(JSON.stringify(event));
  }

  /** Resets the idle timer. */
  #heard(): void {
    if (this.#answer) return;
    this.#alarms.set("idle", this.#parts.limits.idle_s, () => this.end("idle_timeout"));
  }

  #awaitProvider(): void {
    this.#alarms.set("provider", this.#parts.limits.provider_s, () => this.end("provider_timeout"));
  }
}

/** The id of our own events, which the provider's error repeats. */
const ANSWER_EVENT = "tessera_answer";

function close(socket: Socket | undefined, code: number, reason: string): void {
  try {
    socket?.close(code, reason);
  } catch {
    // The socket never opened.
  }
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work, new Promise((resolve) => timer = setTimeout(resolve, ms))]);
  clearTimeout(timer);
}
