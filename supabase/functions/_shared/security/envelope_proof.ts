import { EnvelopeError, open, seal } from "./envelope.ts";
import { AppError } from "../platform/errors.ts";
import { type Keyring, KeyringText } from "./keyring.ts";

const SECRET = "What was sealed opens, and nothing else does";
const PLACE = "proof/row";

/** Test keys that protect nothing. */
const KEYS = { given: btoa("\x07".repeat(32)), other: btoa("\x08".repeat(32)) };

/** The secret, sealed with the first key on another platform. */
const KEPT =
  "t1.proof.6myXtYEAhCYGq-creXR7PYxiBQIh93zrY76p4MQu6NX4yAIAEw0Ge5SFEFsKEN9aNPSd6Z4hkav_ChyULJabLOKskwyRK49k";

/** The functions under test. */
export interface Envelopes {
  seal(keyring: Keyring, secret: string, place: string): Promise<string>;
  open(keyring: Keyring, envelope: string, place: string): Promise<string>;
}

/**
 * Lists what this platform does wrong with envelopes, in words. On a sound platform the list is empty: sealed
 * envelopes open, and envelopes that were altered, moved to another row or sealed with another key do not. One
 * runtime's `node:crypto` was seen to open them all.
 */
export async function flawsOfEnvelopes({ seal, open }: Envelopes = ENVELOPES): Promise<string[]> {
  const [given, other] = [KEYS.given, KEYS.other].map((key) => KeyringText.parse(`proof:${key}`)) as [
    Keyring,
    Keyring,
  ];
  const refusals: Record<string, () => Promise<string>> = {
    "an envelope whose secret was altered is opened": () => open(given, altered(KEPT, -30), PLACE),
    "an envelope whose tag was altered is opened": () => open(given, altered(KEPT, -6), PLACE),
    "an envelope of another row is opened": () => open(given, KEPT, "proof/other"),
    "an envelope of another key is opened": () => open(other, KEPT, PLACE),
  };
  const flaws: string[] = [];
  try {
    if (await open(given, KEPT, PLACE) !== SECRET) flaws.push("a known envelope opens to something else");
    if (await open(given, await seal(given, SECRET, PLACE), PLACE) !== SECRET) {
      flaws.push("a sealed secret opens to something else");
    }
  } catch (error) {
    flaws.push(`envelopes cannot be sealed or opened: ${(error as Error).message}`);
  }
  for (const [flaw, attempt] of Object.entries(refusals)) {
    try {
      await attempt();
      flaws.push(flaw);
    } catch (error) {
      if (!(error instanceof EnvelopeError)) {
        flaws.push(`${flaw.replace(/ is opened$/, "")} fails unexpectedly`);
      }
    }
  }
  return flaws;
}

let found: Promise<string[]> | undefined;
let isSound = false;

/**
 * Throws `service_unavailable` on a platform whose envelopes protect nothing. Checked once, before the first request.
 */
export async function requireSoundEnvelopes(): Promise<void> {
  if (isSound) return;
  const flaws = await (found ??= flawsOfEnvelopes());
  isSound = flaws.length === 0;
  if (isSound) return;
  throw new AppError("service_unavailable", "The platform cannot protect secrets: nothing is served", {
    cause: new Error(flaws.join("; ")),
  });
}

/** The text with one character changed, counted from the end; not a character whose bits are partly unused. */
function altered(envelope: string, at: number): string {
  const index = envelope.length + at;
  return envelope.slice(0, index) + (envelope[index] === "A" ? "B" : "A") + envelope.slice(index + 1);
}

const ENVELOPES: Envelopes = { seal, open };
