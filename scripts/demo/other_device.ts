import { createClient } from "@supabase/supabase-js";
import { createTesseraClient, type LiveBalance, onBalance } from "../../client/mod.ts";
import { StackError } from "../local/errors.ts";

const LIMIT_MS = 10_000;

/** A device of a user that shows its balance as it changes. Resolves once it hears. */
export async function openOtherDevice(
  { url, publishableKey, token }: { url: string; publishableKey: string; token: string },
) {
  const supabase = createClient(url, publishableKey, { accessToken: () => Promise.resolve(token) });
  const tessera = createTesseraClient({ url, publishableKey, accessToken: () => token });
  const heard: LiveBalance[] = [];
  let askedCount = 0;
  let look = () => {};
  const watching: Pick<typeof tessera, "accountWatch"> = {
    accountWatch: (...given) =>
      tessera.accountWatch(...given).finally(() => {
        askedCount++;
        look();
      }),
  };
  const stop = onBalance(watching, supabase, (balance) => {
    heard.push(balance);
    look();
  });
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new StackError("The demo failed: no change of the balance is heard")),
        LIMIT_MS,
      );
      look = () => {
        if (!holds()) return;
        clearTimeout(timer);
        resolve();
      };
      look();
    });
  // Before it joins, and once it has joined.
  await until(() => askedCount >= 2);
  return {
    /** All that was heard until the balance is so much and nothing is held; then it is closed. */
    async hearUntil(balance: number): Promise<LiveBalance[]> {
      await until(() => heard.at(-1)?.balance === balance && heard.at(-1)?.held === 0);
      await stop();
      // It would stay connected for a while, for a next channel.
      await supabase.realtime.disconnect();
      return heard;
    },
  };
}
