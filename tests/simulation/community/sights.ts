import { type Message, USERS, type World } from "./world.ts";

/** What somebody sees, by the name of what was asked. */
export type Sight = Record<string, unknown>;

/** What the database must show to somebody of everything, and of one salon. */
export function sightOf(world: World, user: string | null, salonName: string): Sight {
  return user === null ? sightFromOutside() : sightOfUser(world, user, salonName);
}

function sightFromOutside(): Sight {
  const closed = [
    "chat_messages",
    "message_reactions",
    "message_pins",
    "salon_members",
    "salons",
    "my_salons",
    "salons_with_details",
    "chat_messages_with_profiles",
    "profile_private",
  ];
  return { ...Object.fromEntries(closed.map((name) => [name, "no right"])), profiles: true, hears: false };
}

function sightOfUser(world: World, user: string, salonName: string): Sight {
  const seen = world.messages.filter((message) => world.sees(user, message));
  const seenSalons = [...world.salons.values()].filter((salon) => world.seesSalon(user, salon));
  const ownSalons = seenSalons.filter(({ members }) => members.has(user));
  const focus = world.salon(salonName);
  const isMember = focus.members.has(user);
  const page = seen.filter(({ salon }) => salon === salonName).map((message) => shown(world, user, message));
  const order = world.pins.map(({ name }) => name);
  const pinned = page.filter(({ is_pinned }) => is_pinned)
    .toSorted((one, other) => order.indexOf(other.message) - order.indexOf(one.message));
  const topics = ownSalons.flatMap(({ name }) => [`salon:${name}`, `salon:${name}:typing`]);
  const error = isMember ? null : "not_found";
  return {
    messages: seen.map(({ name, author, content, isDeleted }) => [name, author, content, isDeleted]),
    messages_with_profiles: seen.filter(({ isDeleted }) => !isDeleted)
      .map(({ name, author, content }) => [name, `Name of ${author}`, content]),
    reactions: world.reactions.filter((reaction) => world.seesReaction(user, reaction))
      .map(({ message, user, emoji }) => [message.name, user, emoji]),
    members: unordered(
      ownSalons.flatMap(({ name, members }) =>
        [...members].map(([other, { role }]) => [name, other, role, world.isMuted(name, other)])
      ),
    ),
    salons: unordered(seenSalons.map((salon) => [
      salon.name,
      salon.owner,
      salon.isPublic ? "public" : "private",
      world.isActive(salon),
      salon.members.size,
    ])),
    pins: unordered(world.pins.filter(({ salon }) => world.member(salon, user)).map(({ name }) => name)),
    my_salons: unordered(ownSalons.map(({ name, code, lastSeq, members }) => {
      const { role, isNotified, lastRead } = members.get(user)!;
      const unread = world.unread(user, name);
      return [name, role, code!.name, isNotified, world.messageCount(name), lastSeq, lastRead, unread];
    })),
    salons_with_details: unordered(seenSalons.map(({ name, code, members, owner }) => [
      name,
      members.has(user) ? code!.name : null,
      `Name of ${owner}`,
      members.size,
      world.messageCount(name),
    ])),
    unread_counts: unordered(ownSalons.map(({ name, lastSeq, members }) => [
      name,
      world.unread(user, name),
      lastSeq,
      members.get(user)!.lastRead,
    ])),
    directory: unordered(
      [...world.salons.values()].filter((salon) => salon.isPublic && world.isActive(salon))
        .map(({ name }) => name),
    ),
    profiles: unordered(USERS.map((one) => `Name of ${one}`)),
    private_profiles: [user],
    blocks: unordered(world.blocks.filter(({ by }) => by === user).map(({ whom }) => whom)),
    own_messages: unordered(
      world.messages.filter(({ author, isDeleted }) => author === user && !isDeleted).map(({ name }) => name),
    ),
    hears: unordered([`user:${user}`, ...topics]),
    speaks: unordered(
      isMember && world.isActive(focus) && !world.isMuted(salonName, user)
        ? [`salon:${salonName} presence`, `salon:${salonName}:typing broadcast`]
        : [],
    ),
    after: { error, messages: page },
    before: { error, messages: page },
    pinned: { error, messages: pinned },
    people: unordered(
      isMember ? [...focus.members].map(([other, { role }]) => [other, role, `Name of ${other}`]) : [],
    ),
    is_member: isMember,
    standing: [
      focus.members.get(user)?.role ?? null,
      world.isMuted(salonName, user),
      world.isBanned(salonName, user),
      focus.absences.get(user)?.removedAt !== undefined,
    ],
  };
}

/** A message as a page shows it. */
function shown(world: World, user: string, message: Message) {
  const { replyTo } = message;
  const isHidden = replyTo !== undefined && !world.sees(user, replyTo);
  return {
    message: message.name,
    author: message.author,
    content: message.content,
    is_pinned: world.pins.includes(message),
    reactions: reactionsTo(world, user, message),
    reply_to: replyTo === undefined ? null : {
      message: replyTo.name,
      author: isHidden ? null : replyTo.author,
      content: isHidden ? null : replyTo.content,
    },
    is_own: message.author === user,
  };
}

/** In the order in which the emoji first came, of the reactions that the reader sees. */
function reactionsTo(world: World, user: string, message: Message) {
  const seen = world.reactions
    .filter((one) => one.message === message && world.seesReaction(user, one));
  return [...new Set(seen.map(({ emoji }) => emoji))].map((emoji) => {
    const same = seen.filter((one) => one.emoji === emoji);
    return { emoji, count: same.length, has_reacted: same.some((one) => one.user === user) };
  });
}

/** Of what has no order the one of its text. */
export function unordered(list: unknown[]): unknown[] {
  return list.toSorted((one, other) => JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);
}

/** What of a sight has no order in the database. */
const UNORDERED = [
  "members",
  "salons",
  "pins",
  "my_salons",
  "salons_with_details",
  "unread_counts",
  "directory",
  "profiles",
  "private_profiles",
  "blocks",
  "own_messages",
  "hears",
  "speaks",
  "people",
];

/** What the database showed, in the same form: nothing is an empty list, and what has no order gets one. */
export function plainSight(sight: Sight): Sight {
  return Object.fromEntries(
    Object.entries(sight).map(([name, value]) => {
      const plain = value ?? [];
      return [name, UNORDERED.includes(name) && Array.isArray(plain) ? unordered(plain) : plain];
    }),
  );
}
