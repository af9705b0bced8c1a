import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";

import { EnvelopeError, keyIdOf } from "../../../supabase/functions/_shared/security/envelope.ts";
import {
  type Envelopes,
  flawsOfEnvelopes,
} from "../../../supabase/functions/_shared/security/envelope_proof.ts";

/** Envelopes by `node:crypto`, which checks no tag on the hosted runtime. */
function byNodeCrypto(options: { checksTag: boolean }): Envelopes {
  const associatedData = (id: string, place: string) => Buffer.from(`t1\n${id}\n${place}`);
  return {
    seal({ active: { id, key } }, secret, place) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(associatedData(id, place));
      const encrypted = Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
      return Promise.resolve(`t1.${id}.${encrypted.toString("base64url")}`);
    },
    open(keyring, envelope, place) {
      const id = keyIdOf(envelope);
      const sealed = Buffer.from(envelope.split(".")[2]!, "base64url");
      const decipher = createDecipheriv("aes-256-gcm", keyring.key(id)!, sealed.subarray(0, 12))
        .setAAD(associatedData(id, place)).setAuthTag(sealed.subarray(-16));
      const secret = decipher.update(sealed.subarray(12, -16), undefined, "utf8");
      try {
        if (options.checksTag) decipher.final();
      } catch {
        return Promise.reject(new EnvelopeError("altered", "altered"));
      }
      return Promise.resolve(secret);
    },
  };
}

describe("the proof of a platform's envelopes", () => {
  it("finds nothing where an altered one is refused", async () => {
    expect(await flawsOfEnvelopes()).toEqual([]);
  });

  it("names what a platform opens that checks no tag", async () => {
    expect(await flawsOfEnvelopes(byNodeCrypto({ checksTag: false }))).toEqual([
      "an envelope whose secret was altered is opened",
      "an envelope whose tag was altered is opened",
      "an envelope of another row is opened",
      "an envelope of another key is opened",
    ]);
  });

  it("names a platform that cannot do it at all", async () => {
    const broken = {
      seal: () => Promise.reject(new Error("no")),
      open: () => Promise.reject(new Error("no")),
    };
    expect(await flawsOfEnvelopes(broken)).toContain("envelopes cannot be sealed or opened: no");
  });

  it("finds nothing in the same envelopes of another implementation that looks at the tag", async () => {
    // Deno up to 2.1.6 does not, whatever it is told.
    const flaws = await flawsOfEnvelopes(byNodeCrypto({ checksTag: true }));
    if (Deno.version.deno.startsWith("2.1.")) return expect(flaws).toHaveLength(4);
    expect(flaws).toEqual([]);
  });
});
