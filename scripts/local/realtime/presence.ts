/** One presence of a key: what its client told, and a reference that changes with it. */
export type Meta = Record<string, unknown> & { phx_ref: string; phx_ref_prev?: string };

/** Presences by their key, as they are sent. */
export type Presences = Record<string, { metas: Meta[] }>;

export interface PresenceDiff {
  joins: Presences;
  leaves: Presences;
}

/** Who is present in which room. A presence ends with its owner. */
export class PresenceList<Owner> {
  readonly #rooms = new Map<string, Map<Owner, { key: string; meta: Meta }>>();

  /** Adds an owner's presence, or changes it. */
  track(room: string, owner: Owner, key: string, payload: Record<string, unknown>): PresenceDiff {
    const present = this.#rooms.get(room) ?? new Map();
    this.#rooms.set(room, present);
    const before = present.get(owner);
    const meta: Meta = {
      ...payload,
      phx_ref: newReference(),
      ...(before ? { phx_ref_prev: before.meta.phx_ref } : {}),
    };
    present.set(owner, { key, meta });
    return { joins: one(key, meta), leaves: before ? one(before.key, before.meta) : {} };
  }

  /** Takes an owner's presence away; undefined where there was none. */
  untrack(room: string, owner: Owner): PresenceDiff | undefined {
    const present = this.#rooms.get(room);
    const before = present?.get(owner);
    if (!present || !before) return undefined;
    present.delete(owner);
    if (present.size === 0) this.#rooms.delete(room);
    return { joins: {}, leaves: one(before.key, before.meta) };
  }

  state(room: string): Presences {
    const state: Presences = Object.create(null);
    for (const { key, meta } of this.#rooms.get(room)?.values() ?? []) {
      (state[key] ??= { metas: [] }).metas.push(meta);
    }
    return state;
  }
}

function one(key: string, meta: Meta): Presences {
  const presences: Presences = Object.create(null);
  presences[key] = { metas: [meta] };
  return presences;
}

/** As short as Phoenix's, and never the same again. */
function newReference(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
