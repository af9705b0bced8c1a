import { type Answer, NO_RIGHT } from "./answers.ts";
import { MessageRules } from "./message_rules.ts";
import { SalonRules } from "./salon_rules.ts";
import { type Message, SALONS, USERS, type World } from "./world.ts";

/** What a history says of one action, before anything is known of the world in which it happens. */
export interface Intent {
  kind: Kind;
  actor: number;
  other: number;
  salon: number;
  /** Chooses among what there is: messages, codes, words. */
  pick: number;
  flag: boolean;
}

/** A name of the model; the database has what it stands for. */
type Value = string | number | null | string[];

/** What the database is to do. */
export interface Step {
  user: string | null;
  call?: string;
  args?: Record<string, Value>;
  sql?: string;
  names?: string[];
  wait?: number;
  /** Of the answer, what gets a name. */
  saves?: { key: string; as: string };
}

/** One action with the answer that the model gives. */
export interface Turn {
  step: Step;
  answer: Answer;
}

/** The model's world, its rules, and what was called how in it. */
export class Play {
  readonly salons: SalonRules;
  readonly messages: MessageRules;
  /** All codes that ever were, also those that open nothing any more. */
  readonly codes: { name: string; salon: string; isInvitation: boolean }[] = [];
  readonly #sent: Sent[] = [];
  #numbers = 0;

  constructor(readonly world: World) {
    this.salons = new SalonRules(world);
    this.messages = new MessageRules(world);
  }

  newCode(salon: string, isInvitation: boolean): string {
    const name = `code:${this.codes.length}`;
    this.codes.push({ name, salon, isInvitation });
    return name;
  }

  newNumber(): number {
    return ++this.#numbers;
  }

  remember(sent: Sent): void {
    this.#sent.push(sent);
  }

  lastSent(user: string): Sent | undefined {
    return this.#sent.findLast((sent) => sent.user === user);
  }
}

interface Sent {
  user: string;
  salon: string;
  clientId: string;
  content: string;
  replyTo?: Message;
}

/** Who does it where, to whom, and to which message, if there is one. */
interface Scene {
  user: string;
  other: string;
  salon: string;
  intent: Intent;
  message?: Message;
}

const WORDS = ["apple", "pear", "plum", "fig"];
const EMOJI = ["👍", "🎉"];
/** No sum of waits is nearer than 100 s to an end: of a mute or a ban, of the time to edit, of an invitation. */
const WAITS_S = [400, 1300];
const SHORT_S = 600;
const INVITATION_S = 1000;

type Rule = (play: Play, scene: Scene) => Turn | undefined;

/** A turn about somebody in a salon, by a function of the database. */
function aboutMember(
  call: string,
  expect: (play: Play, scene: Scene) => Answer,
  more: (scene: Scene) => Record<string, Value> = () => ({}),
): Rule {
  return (play, scene) => ({
    step: {
      user: scene.user,
      call,
      args: { p_salon_id: `@${scene.salon}`, p_member_id: `@${scene.other}`, ...more(scene) },
    },
    answer: expect(play, scene),
  });
}

function aboutSalon(call: string, expect: (play: Play, scene: Scene) => Answer): Rule {
  return (play, scene) => ({
    step: { user: scene.user, call, args: { p_salon_id: `@${scene.salon}` } },
    answer: expect(play, scene),
  });
}

function aboutMessage(
  call: string,
  expect: (play: Play, scene: Scene & { message: Message }) => Answer,
  more: (play: Play, scene: Scene) => Record<string, Value> = () => ({}),
): Rule {
  return (play, scene) => {
    const { message, user } = scene;
    if (!message) return;
    const args = { p_message_id: `@${message.name}`, ...more(play, scene) };
    return { step: { user, call, args }, answer: expect(play, { ...scene, message }) };
  };
}

const endOf = ({ intent }: Scene) => intent.flag ? SHORT_S : Infinity;
const secondsOf = (scene: Scene) => scene.intent.flag ? SHORT_S : null;
const wordOf = ({ intent }: Scene) => WORDS[intent.pick % WORDS.length]!;
const emojiOf = ({ intent }: Scene) => EMOJI[intent.pick % EMOJI.length]!;
const reactionOf = ({ intent }: Scene) => (["toggle", "add", "remove"] as const)[intent.pick % 3]!;

function sendTurn(play: Play, sent: Sent, mentions: string[]): Turn {
  const { user, salon, clientId, content, replyTo } = sent;
  const answer = play.messages.send(user, salon, { clientId, content, replyTo, mentions });
  play.remember(sent);
  return {
    step: {
      user,
      call: "send_message",
      args: {
        p_salon_id: `@${salon}`,
        p_content: content,
        p_client_id: clientId,
        p_reply_to_id: replyTo ? `@${replyTo.name}` : null,
        p_mentions: mentions.map((one) => `@${one}`),
      },
      saves: answer.success && !answer.duplicate ? { key: "id", as: `${salon}#${answer.seq}` } : undefined,
    },
    answer,
  };
}

function send(play: Play, scene: Scene, replyTo?: Message): Turn {
  const { user, other, intent } = scene;
  const number = play.newNumber();
  const clientId = `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
  // Only a reply to a message of another salon is refused for that, so most are of the same.
  const salon = replyTo && intent.pick % 8 > 0 ? replyTo.salon : scene.salon;
  const content = `${wordOf(scene)} ${number}`;
  return sendTurn(play, { user, salon, clientId, content, replyTo }, intent.flag ? [other] : []);
}

/** What each kind of action does, how often it comes, and what is said to it. */
const RULES = {
  join: [3, (play, { user, salon }) => ({
    step: { user, call: "join_salon", args: { p_salon_id: `@${salon}` } },
    answer: play.salons.join(user, salon),
  })],
  join_by_code: [5, (play, { user, salon, intent }) => {
    const known = play.codes.filter((code) => code.salon === salon);
    // Most often the newest: old ones open nothing.
    const code = intent.flag ? known.at(-1) : known[intent.pick % known.length];
    if (!code || (play.world.wrongCodes.get(user) ?? 0) >= 8) return;
    return {
      step: { user, call: "join_salon_via_code", args: { p_code: `@${code.name}` } },
      answer: play.salons.joinByCode(user, code.name),
    };
  }],
  invite: [2, (play, { user, salon, intent }) => {
    const code = play.newCode(salon, true);
    const uses = intent.pick % 2 + 1;
    return {
      step: {
        user,
        call: "create_salon_invitation",
        args: { p_salon_id: `@${salon}`, p_max_uses: uses, p_expires_in_s: INVITATION_S },
        saves: { key: "code", as: code },
      },
      answer: play.salons.invite(user, salon, code, uses, INVITATION_S),
    };
  }],
  renew_code: [2, (play, { user, salon }) => {
    const code = play.newCode(salon, false);
    return {
      step: {
        user,
        call: "renew_salon_code",
        args: { p_salon_id: `@${salon}` },
        saves: { key: "share_code", as: code },
      },
      answer: play.salons.renewCode(user, salon, code),
    };
  }],
  leave: [2, aboutSalon("leave_salon", ({ salons }, { user, salon }) => salons.leave(user, salon))],
  kick: [
    3,
    aboutMember("kick_salon_member", ({ salons }, { user, salon, other }) => salons.kick(user, salon, other)),
  ],
  ban: [
    3,
    aboutMember(
      "ban_from_salon",
      ({ salons }, scene) => salons.ban(scene.user, scene.salon, scene.other, endOf(scene)),
      (scene) => ({ p_duration_s: secondsOf(scene) }),
    ),
  ],
  unban: [
    1,
    aboutMember("lift_salon_ban", ({ salons }, { user, salon, other }) => salons.unban(user, salon, other)),
  ],
  mute: [
    4,
    aboutMember(
      "mute_salon_member",
      ({ salons }, scene) => salons.mute(scene.user, scene.salon, scene.other, endOf(scene)),
      (scene) => ({ p_duration_s: secondsOf(scene) }),
    ),
  ],
  unmute: [
    1,
    aboutMember(
      "unmute_salon_member",
      ({ salons }, { user, salon, other }) => salons.unmute(user, salon, other),
    ),
  ],
  set_role: [
    3,
    aboutMember(
      "set_salon_role",
      ({ salons }, { user, salon, other, intent }) =>
        salons.setRole(user, salon, other, intent.flag ? "moderator" : "member"),
      ({ intent }) => ({ p_role: intent.flag ? "moderator" : "member" }),
    ),
  ],
  transfer: [
    2,
    aboutMember(
      "transfer_salon",
      ({ salons }, { user, salon, other }) => salons.transfer(user, salon, other),
    ),
  ],
  archive: [
    1,
    aboutSalon("archive_salon", ({ salons }, { user, salon }) => salons.archive(user, salon, true)),
  ],
  restore: [
    1,
    aboutSalon("restore_salon", ({ salons }, { user, salon }) => salons.archive(user, salon, false)),
  ],
  delete_salon: [1, aboutSalon("delete_salon", ({ salons }, { user, salon }) => salons.delete(user, salon))],
  show: [3, (play, { user, salon, intent }) => ({
    step: {
      user,
      sql: `update public.salons set visibility = '${
        intent.flag ? "public" : "private"
      }' where id = {${salon}}`,
      names: [salon],
    },
    answer: play.salons.show(user, salon, intent.flag),
  })],
  notify: [1, (play, { user, salon, intent }) => ({
    step: {
      user,
      sql: `update public.salon_members set notifications_enabled = ${intent.flag} where salon_id = {${salon}}
        and user_id = {${user}}`,
      names: [salon, user],
    },
    answer: play.salons.setNotified(user, salon, intent.flag),
  })],
  block: [3, (play, { user, other }) => ({
    step: { user, call: "block_user", args: { p_user_id: `@${other}` } },
    answer: play.salons.block(user, other),
  })],
  unblock: [1, (play, { user, other }) => ({
    step: { user, call: "unblock_user", args: { p_user_id: `@${other}` } },
    answer: play.salons.unblock(user, other),
  })],
  send: [8, (play, scene) => send(play, scene)],
  reply: [6, (play, scene) => scene.message && send(play, scene, scene.message)],
  send_again: [2, (play, { user, salon, intent }) => {
    const sent = play.lastSent(user);
    if (!sent) return;
    // The same, or something else with its id.
    return sendTurn(play, intent.flag ? sent : { ...sent, salon }, []);
  }],
  edit: [
    4,
    (play, scene) => {
      const content = `${wordOf(scene)} ${play.newNumber()}`;
      return aboutMessage(
        "edit_message",
        ({ messages }, { user, message }) => messages.edit(user, message, content),
        () => ({ p_content: content }),
      )(play, scene);
    },
  ],
  delete_message: [
    3,
    aboutMessage("delete_message", ({ messages }, { user, message }) => messages.delete(user, message)),
  ],
  react: [
    5,
    aboutMessage(
      "handle_message_reaction",
      ({ messages }, scene) => messages.react(scene.user, scene.message, emojiOf(scene), reactionOf(scene)),
      (_play, scene) => ({ p_emoji: emojiOf(scene), p_action: reactionOf(scene) }),
    ),
  ],
  pin: [
    3,
    aboutMessage("pin_message", ({ messages }, { user, message }) => messages.pin(user, message, true)),
  ],
  unpin: [
    1,
    aboutMessage("unpin_message", ({ messages }, { user, message }) => messages.pin(user, message, false)),
  ],
  mark_read: [3, (play, { user, salon, intent }) => ({
    step: { user, call: "mark_read", args: { p_salon_id: `@${salon}`, p_seq: intent.pick % 9 } },
    answer: play.messages.markRead(user, salon, intent.pick % 9),
  })],
  history: [
    2,
    aboutMessage("message_history", ({ messages }, { user, message }) => messages.history(user, message)),
  ],
  search: [3, (play, scene) => ({
    step: {
      user: scene.user,
      call: "search_messages",
      args: { p_query: wordOf(scene), p_salon_id: `@${scene.salon}` },
    },
    answer: play.messages.search(scene.user, wordOf(scene), scene.salon),
  })],
  invitations: [1, aboutSalon("list_salon_invitations", ({ world }, scene) => listOf(world, scene))],
  bans: [1, aboutSalon("list_salon_bans", ({ world }, scene) => listOf(world, scene))],
  decisions: [1, aboutSalon("list_salon_decisions", ({ world }, scene) => listOf(world, scene))],
  directly: [3, (_play, scene) => writeDirectly(scene)],
  from_outside: [1, (_play, { salon, intent }) => ({
    step: {
      user: null,
      call: ["join_salon", "leave_salon", "messages_after", "delete_salon"][intent.pick % 4]!,
      args: {
        p_salon_id: `@${salon}`,
        ...(intent.pick % 4 === 2 ? { p_after: 0 } : {}),
      },
    },
    answer: NO_RIGHT,
  })],
  wait: [3, (play, { intent }) => {
    const wait = WAITS_S[intent.pick % WAITS_S.length]!;
    play.world.seconds += wait;
    return { step: { user: null, wait }, answer: {} };
  }],
} satisfies Record<string, [weight: number, rule: Rule]>;

export type Kind = keyof typeof RULES;

export const WEIGHTS = Object.entries(RULES).map(([kind, [weight]]) => ({ kind: kind as Kind, weight }));

function listOf(world: World, { user, salon }: Scene): Answer {
  return world.isStaff(salon, user) ? { error: null } : { error: "forbidden" };
}

/** Nobody writes into the tables but through functions. */
function writeDirectly({ user, other, salon, intent, message }: Scene): Turn {
  const statements = [
    `insert into public.salon_members (salon_id, user_id) values ({${salon}}, {${user}})`,
    `update public.salon_members set role = 'owner' where salon_id = {${salon}} and user_id = {${user}}`,
    `update public.salon_members set muted_until = null where salon_id = {${salon}}`,
    `delete from public.salon_members where salon_id = {${salon}} and user_id = {${other}}`,
    `update public.salons set owner_id = {${user}} where id = {${salon}}`,
    `insert into public.chat_messages (salon_id, seq, user_id, client_id, content)
     values ({${salon}}, 99, {${other}}, {${other}}, 'hello')`,
    `delete from public.message_pins`,
    `select code from private.salon_codes`,
    `select * from private.archived_messages`,
    ...(message
      ? [
        `update public.chat_messages set content = 'hello' where id = {${message.name}}::bigint`,
        `insert into public.message_reactions (message_id, salon_id, user_id, emoji)
         values ({${message.name}}::bigint, {${salon}}, {${other}}, '👍')`,
      ]
      : []),
  ];
  const names = [user, other, salon, ...(message ? [message.name] : [])];
  return { step: { user, sql: statements[intent.pick % statements.length]!, names }, answer: NO_RIGHT };
}

/** What is refused to most: half of the times those do it who may, or whom something is remembered of. */
const OF_STAFF: Kind[] = [
  "invite",
  "renew_code",
  "kick",
  "ban",
  "unban",
  "mute",
  "unmute",
  "set_role",
  "transfer",
  "archive",
  "restore",
  "show",
  "pin",
  "unpin",
];
const OF_AUTHORS: Kind[] = ["edit", "delete_message"];

function actorOf({ world }: Play, { kind, actor, pick }: Intent, salon: string, message?: Message): string {
  if (Math.floor(pick / 7) % 2 === 1) return USERS[actor]!;
  if (message && OF_AUTHORS.includes(kind)) return message.author;
  const { members, absences } = world.salon(salon);
  if (["join", "join_by_code"].includes(kind)) {
    const gone = [...absences.keys()];
    const outside = gone.length > 0 ? gone : USERS.filter((one) => !members.has(one));
    if (outside.length > 0) return outside[actor % outside.length]!;
  }
  if (kind === "leave") return [...members.keys()].find((one) => world.isMuted(salon, one)) ?? USERS[actor]!;
  const staff = [...members.keys()].filter((user) => world.isStaff(salon, user));
  return staff.length > 0 && OF_STAFF.includes(kind) ? staff[actor % staff.length]! : USERS[actor]!;
}

/** Plays an intent in the model: what the database is to do, and what it must answer. Nothing, where it makes no sense. */
export function take(play: Play, intent: Intent): Turn | undefined {
  play.world.moment++;
  const newest = play.world.messages.slice(-6);
  const message = newest[intent.pick % newest.length];
  const isAboutMessage = ["pin", "unpin"].includes(intent.kind);
  const salon = message && isAboutMessage ? message.salon : SALONS[intent.salon]!;
  const user = actorOf(play, intent, salon, message);
  const [, rule]: [number, Rule] = RULES[intent.kind];
  return rule(play, { user, other: USERS[intent.other]!, salon, message, intent });
}
