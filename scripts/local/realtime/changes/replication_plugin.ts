import { type Pgoutput, PgoutputPlugin } from "pg-logical-replication";

/** What the library gives a plugin to send commands with. */
interface ReplicationClient {
  query(text: string): Promise<{ rows: Record<string, string>[] }>;
}

/** How a slot is to be made. */
export interface SlotOptions {
  slot: string;
  publication: string;
  /** Whether the slot ends with this connection; otherwise it is kept, and with it what is committed meanwhile. */
  temporary: boolean;
  /** Whether a kept slot is to be made anew, as it gives nothing any more. */
  anew: boolean;
  /** Told that a kept slot was made anew, so that changes are missing. */
  onChangesLost(reason: string): void;
}

/** A message, or why one could not be read. */
export type ReplicationMessage = Pgoutput.Message | { tag: "unreadable"; error: unknown };

/** Reads pgoutput with every value as Postgres wrote it, and makes the slot on the connection that follows it. */
export class SlotPlugin extends PgoutputPlugin {
  /** How many messages have come, whether or not somebody has looked at them. */
  parsedCount = 0;
  readonly #slot: SlotOptions;

  constructor(slot: SlotOptions) {
    super({ protoVersion: 1, publicationNames: [slot.publication] });
    this.#slot = slot;
  }

  /** Throws nothing: the library calls it where nobody could catch it. */
  // deno-lint-ignore no-explicit-any -- the library's own signature has fewer kinds of messages
  override parse(buffer: any): any {
    this.parsedCount++;
    try {
      const message: Pgoutput.Message = super.parse(buffer);
      if (message.tag === "relation") message.columns.forEach(keepAsWritten);
      return message;
    } catch (error) {
      return { tag: "unreadable", error };
    }
  }

  // deno-lint-ignore no-explicit-any -- the library's own signature, in types that it does not bring
  override async start(client: any, slotName: string, lastLsn: string): Promise<any> {
    await this.#makeSlot(client);
    return await super.start(client, slotName, lastLsn);
  }

  async #makeSlot(client: ReplicationClient): Promise<void> {
    const { slot, temporary, anew, onChangesLost } = this.#slot;
    const make = (kind: string) =>
      client.query(`CREATE_REPLICATION_SLOT "${slot}" ${kind} LOGICAL pgoutput (SNAPSHOT 'nothing')`);
    if (temporary) {
      await make("TEMPORARY");
      return;
    }
    const { rows: [found] } = await client.query(
      `select wal_status from pg_catalog.pg_replication_slots where slot_name = '${slot}'`,
    );
    if (found && found.wal_status !== "lost" && !anew) return;
    if (found) {
      await client.query(`select pg_catalog.pg_drop_replication_slot('${slot}')`);
      onChangesLost(anew ? "Postgres cannot read on in it" : "Postgres gave up the WAL that it needs");
    }
    await make("");
  }
}

function keepAsWritten(column: Pgoutput.RelationColumn): void {
  column.parser = (text) => text;
  column.typeOid >>>= 0; // The library reads it with a sign.
}
