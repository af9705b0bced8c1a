import { Buffer } from "node:buffer";
import { type Change, type Following, followPublication } from "./changes/replication.ts";
import { isTooLarge } from "./channel_presence.ts";
import type { Context } from "./context.ts";
import { roomOf } from "./rooms.ts";
import { UserBroadcast } from "./wire/message.ts";

const PUBLICATION = "supabase_realtime_messages_publication";
const SLOT = "supabase_realtime_messages_replication_slot_tessera";

/** Sends on what is committed to `realtime.messages`, as it is committed. */
export function followDatabaseBroadcasts(
  context: Context,
  { databaseUrl, signal, log }: { databaseUrl: string; signal: AbortSignal; log: (message: string) => void },
): Following {
  const { measures } = context;
  return followPublication({
    databaseUrl,
    slot: SLOT,
    publication: PUBLICATION,
    // As the real server's: what is committed while nobody follows is found by a replay.
    temporary: true,
    onTransaction: (changes) => {
      for (const change of changes) broadcast(context, change);
      const committedMs = Date.parse(changes[0]?.commitTimestamp ?? "");
      if (!Number.isNaN(committedMs)) measures.lagMs = Math.max(0, Date.now() - committedMs);
    },
    onFollowing: () => {
      measures.isFollowing = true;
    },
    onTrouble: (message) => {
      measures.isFollowing = false;
      log(message);
    },
    signal,
  });
}

function broadcast({ rooms, measures, limits }: Context, change: Change): void {
  const row = change.new;
  if (change.kind !== "insert" || change.schema !== "realtime" || !row) return;
  const { topic, event, payload, binary_payload: binary, id } = row;
  if (row.extension !== "broadcast" || typeof topic !== "string" || typeof event !== "string") return;
  if (typeof id !== "string") return;
  const text = payload ?? undefined;
  if (isTooLarge(text?.length ?? (binary?.length ?? 0) / 2, limits)) return;
  measures.fromDatabase++;
  const room = roomOf(topic, row.private === "t");
  if (typeof binary === "string") {
    const sent = new UserBroadcast(event, "binary", Buffer.from(binary.slice(2), "hex"));
    rooms.send(room, { kind: "user", broadcast: sent, meta: { id } }, { id });
  } else if (text !== undefined) {
    // The database's JSON goes out as it is.
    const envelope = `{"event":${JSON.stringify(event)},"meta":${JSON.stringify({ id })},"payload":${text},` +
      `"type":"broadcast"}`;
    rooms.send(room, { kind: "text", event: "broadcast", payload: envelope }, { id });
  }
}
