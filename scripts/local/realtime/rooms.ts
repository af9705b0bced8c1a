import type { Frame, RoomMessage, Serializer } from "./wire/message.ts";

/** Who is in a room. */
export interface Member {
  readonly serializer: Serializer;
  readonly topic: string;
  /** Takes a message, and its frame in this member's version of the protocol; `id` is that of a stored message. */
  deliver(message: RoomMessage, frame: Frame, id: string | undefined): void;
}

/** Private and public channels of one name are two rooms. */
export function roomOf(name: string, isPrivate: boolean): string {
  return isPrivate ? `private:${name}` : `public:${name}`;
}

/** Who is in which room. A message is written once for each version of the protocol among them. */
export class Rooms {
  readonly #members = new Map<string, Set<Member>>();

  join(room: string, member: Member): void {
    const members = this.#members.get(room);
    if (members) members.add(member);
    else this.#members.set(room, new Set([member]));
  }

  leave(room: string, member: Member): void {
    const members = this.#members.get(room);
    if (members?.delete(member) && members.size === 0) this.#members.delete(room);
  }

  /** Gives a message to all in a room but its sender. */
  send(room: string, message: RoomMessage, options: { id?: string; except?: Member } = {}): void {
    const members = this.#members.get(room);
    if (!members) return;
    const frames = new Map<Serializer, Frame | undefined>();
    // A copy, as a member may leave over the message that it gets.
    for (const member of [...members]) {
      if (member === options.except) continue;
      if (!frames.has(member.serializer)) {
        frames.set(member.serializer, member.serializer.room(member.topic, message));
      }
      const frame = frames.get(member.serializer);
      if (frame) member.deliver(message, frame, options.id);
    }
  }

  get count(): number {
    return this.#members.size;
  }
}
