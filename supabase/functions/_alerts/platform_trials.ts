import { type AddressesOf, publicAddressOf, systemAddressesOf } from "../_shared/http/addresses.ts";
import { get } from "../_shared/http/download.ts";
import { EnvelopeError, open, seal } from "../_shared/security/envelope.ts";
import { flawsOfEnvelopes } from "../_shared/security/envelope_proof.ts";
import type { Keyring } from "../_shared/security/keyring.ts";
import { describeCause } from "../_shared/platform/log.ts";
import type { PinnedRequest } from "../_shared/http/pinned_request.ts";
import { publicHttpsUrl } from "../_shared/http/public_url.ts";
import { post } from "./receiver.ts";

/** The trials, in this order. */
export const TRIALS = ["sealing", "opening", "refusing", "picture", "alert"] as const;

export interface TrialResult {
  trial: typeof TRIALS[number];
  /** untried: a requirement is missing, such as https for a local project. */
  outcome: "good" | "bad" | "untried";
  /** The result in words, for operators. */
  message: string;
}

export interface Trying {
  /** Undefined if no key is set. */
  keyring: Keyring | undefined;
  /** The project's own address: no other server is called. */
  projectUrl: string;
  signal: AbortSignal;
  addressesOf?: AddressesOf;
  /** For servers that tests run. */
  connection?: Pick<PinnedRequest, "port" | "ca">;
}

/** A trial cannot be made. */
class Untried extends Error {}

const SECRET = "What was sealed opens, and nothing else does";
const PLACE = "platform/trial";

/**
 * Tests on the platform itself what envelopes, pictures and alerts depend on. Nothing is stored, and a failed trial
 * does not stop the others.
 */
export async function tryPlatform(trying: Trying): Promise<TrialResult[]> {
  const { keyring } = trying;
  const withKey = (work: (keyring: Keyring) => Promise<string>) => () => {
    if (keyring === undefined) throw new Untried("TOKEN_ENCRYPTION_KEYS is not set");
    return work(keyring);
  };
  const works: Record<typeof TRIALS[number], () => Promise<string>> = {
    sealing: withKey(async (keyring) => {
      const [one, other] = [await seal(keyring, SECRET, PLACE), await seal(keyring, SECRET, PLACE)];
      if (one === other) {
        throw new Error("Two envelopes of a secret are the same: their nonces are not random");
      }
      if (one.includes(SECRET)) throw new Error("An envelope contains its secret in plain text");
      return `sealed under the key ${keyring.active.id}`;
    }),
    opening: withKey(async (keyring) => {
      if (await open(keyring, await seal(keyring, SECRET, PLACE), PLACE) === SECRET) {
        return "opened a sealed secret";
      }
      throw new Error("A sealed secret opens to something else");
    }),
    refusing: withKey(refusing),
    picture: () => asking(trying, (url, address) => get(url, address, trying.signal, trying.connection)),
    alert: () => asking(trying, (url, address) => posting(url, address, trying)),
  };
  const results: TrialResult[] = [];
  for (const trial of TRIALS) {
    try {
      results.push({ trial, outcome: "good", message: await works[trial]() });
    } catch (error) {
      const isUntried = error instanceof Untried;
      const message = isUntried ? error.message : describeCause(error)!.split("\n")[0]!;
      results.push({ trial, outcome: isUntried ? "untried" : "bad", message });
    }
  }
  return results;
}

async function refusing(keyring: Keyring): Promise<string> {
  const flaws = await flawsOfEnvelopes();
  if (flaws.length > 0) throw new Error(flaws.join("; "));
  const sealed = await seal(keyring, SECRET, PLACE);
  const at = sealed.length - 6;
  const altered = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
  for (const [envelope, place] of [[altered, PLACE], [sealed, `${PLACE}/other`]] as const) {
    const refusal = await open(keyring, envelope, place).catch((error) => error);
    if (!(refusal instanceof EnvelopeError)) {
      throw new Error("An envelope that was altered or moved is opened", { cause: refusal });
    }
  }
  return "refused envelopes that were altered, moved or of another key";
}

interface Reply {
  status: number;
  close?(): void;
}

/** Calls the project at one of its checked addresses. Any response counts as success. */
async function asking(
  { projectUrl, signal, addressesOf = systemAddressesOf }: Trying,
  ask: (url: URL, address: string) => Promise<Reply>,
): Promise<string> {
  const url = publicHttpsUrl("/auth/v1/health", new URL(projectUrl));
  if (url === undefined) throw new Untried("The project has no https URL with a public name");
  const address = await publicAddressOf(url.hostname, signal, addressesOf);
  if (address === undefined) throw new Untried(`${url.hostname} is not on the public internet`);
  const reply = await ask(url, address);
  reply.close?.();
  const impostor = new URL("https://impostor.invalid/");
  const taken = await ask(impostor, address).catch(() => undefined);
  taken?.close?.();
  if (taken !== undefined) {
    throw new Error("A server was accepted for a host that its certificate does not name");
  }
  return `${url.hostname} answered ${reply.status}, and was not accepted as another host`;
}

function posting(url: URL, address: string, { signal, connection }: Trying): Promise<Reply> {
  const message = { headers: { "Content-Type": "application/json" }, body: "{}" };
  return post(url, address, message, signal, connection);
}
