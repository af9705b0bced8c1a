import { createClient } from "@supabase/supabase-js";

import { AppError } from "../../supabase/functions/_shared/platform/errors.ts";
import { KeyringText } from "../../supabase/functions/_shared/security/keyring.ts";
import { vaultDatabase } from "../../supabase/functions/_vault/database.ts";
import { rotateOAuthTokens } from "../../supabase/functions/_oauth/rotation.ts";
import { rotateVault } from "../../supabase/functions/_vault/rotation.ts";
import { StackError } from "../local/errors.ts";
import type { Status } from "./answers.ts";
import type { CommandOptions } from "./commands.ts";
import { EXIT, type ExitCode, Refusal } from "./exits.ts";
import { ProgressBar } from "./progress.ts";
import { ask, type Project } from "./project.ts";

/**
 * Re-encrypts everything that is not under the first key: broker tokens, then OAuth tokens. It may be stopped and
 * started again.
 */
export async function rotateKey(project: Project, options: CommandOptions): Promise<ExitCode> {
  if (!project.encryptionKeys) {
    throw new StackError("TOKEN_ENCRYPTION_KEYS is not set: the new key first, then the old ones");
  }
  const parsed = KeyringText.safeParse(project.encryptionKeys);
  if (!parsed.success) throw new StackError(`TOKEN_ENCRYPTION_KEYS: ${parsed.error.issues[0]?.message}`);
  const keyring = parsed.data;
  const { encryption, postgres } = await ask<Status>(project, "status", { limit: 1 });
  const total = postgres.tokens - (encryption.tokens_by_key_id[keyring.active.id] ?? 0);
  const client = createClient(project.url, project.secretKey, { auth: { persistSession: false } });
  const bar = new ProgressBar("Encrypting anew");
  const call = async (name: string, args: Record<string, unknown>) => {
    const { data, error } = await client.rpc(name, args);
    if (error) throw new Refusal(`The database refused ${name}: ${error.message}`, error.code, 0);
    return data;
  };
  try {
    const result = await rotateVault({
      keyring,
      keyName: "rotate-key",
      requestId: crypto.randomUUID(),
      onProgress: (rotated) => bar.show(rotated, total),
      database: vaultDatabase(call),
    });
    const oauth = await rotateOAuthTokens({ call, keyring, onProgress: (rotated) => bar.show(rotated, 0) });
    const isComplete = result.isComplete && oauth.isComplete;
    bar.end();
    if (options.json) {
      const answer = {
        rotated: result.rotated,
        failures: result.failures.map(({ name, reason }) => ({ account_name: name, reason })),
        oauth: {
          rotated: oauth.rotated,
          failures: oauth.failures.map(({ name, reason }) => ({ key: name, reason })),
        },
        is_complete: isComplete,
      };
      console.log(JSON.stringify(answer, null, 2));
    } else {
      console.log(
        `Encrypted ${result.rotated.toLocaleString("en-US")} tokens and ${
          oauth.rotated.toLocaleString("en-US")
        } OAuth tokens with the key ${keyring.active.id}`,
      );
      for (const { name, reason } of [...result.failures, ...oauth.failures].slice(0, options.limit)) {
        console.log(`   • ${name}: ${reason}`);
      }
      if (!isComplete) console.log("Some are left; run it again once they can be decrypted");
    }
    return isComplete ? EXIT.done : EXIT.failed;
  } catch (error) {
    bar.end();
    if (error instanceof AppError) throw new Refusal(error.message, error.code, 0);
    throw error;
  }
}
