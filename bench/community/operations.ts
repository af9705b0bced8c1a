import { ACTIVE_SALONS, ACTIVE_USERS, salonOf, type Size, userOf, wordsOf } from "./community_of_size.ts";

export interface Operation {
  title: string;
  unit: string;
  /** How many begin each second; by default as many as can. */
  perSecond?: number;
  script(size: Size): string;
}

const SALON = salonOf(":salon");

/** Chooses who asks, of which salon, and signs in: the same two lines before each call, which are measured, too. */
function as(salons = ACTIVE_SALONS): string {
  return `\\set user random(1, ${ACTIVE_USERS})
\\set salon random(1, ${salons})
select set_config('request.jwt.claims', json_build_object('sub', ${
    userOf(":user")
  }, 'role', 'authenticated')::text, false);
`;
}

const middleOf = ({ messages, salons }: Size) => Math.ceil(messages / salons / 2);
const send = `select send_message(${SALON}, 'What do you say about it today?', gen_random_uuid());\n`;

/** What people do, each in one round trip. */
export const OPERATIONS: Operation[] = [
  { title: "a message sent", unit: "messages", script: () => as() + send },
  { title: "a message sent, all in one salon", unit: "messages", script: () => as(1) + send },
  { title: "500 messages sent a second", unit: "messages", perSecond: 500, script: () => as() + send },
  {
    title: "100 messages sent a second, all in one salon",
    unit: "messages",
    perSecond: 100,
    script: () => as(1) + send,
  },
  {
    title: "the newest page of a salon",
    unit: "pages",
    script: () => `${as()}select messages_before(${SALON}, null, 50);\n`,
  },
  {
    title: "a page in the middle of a salon",
    unit: "pages",
    script: (size) => `${as()}select messages_before(${SALON}, ${middleOf(size)}, 20);\n`,
  },
  {
    title: "what came since",
    unit: "pages",
    script: (size) =>
      `${as()}select messages_after(${SALON}, ${Math.floor(size.messages / size.salons) - 10}, 20);\n`,
  },
  {
    title: `the list of one's ${ACTIVE_SALONS} salons, with what is unread`,
    unit: "lists",
    script: () => `${as()}select * from my_salons;\n`,
  },
  {
    title: "a search in one salon",
    unit: "searches",
    script: (size) =>
      `\\set word random(0, ${
        wordsOf(size) - 1
      })\n${as()}select search_messages('word' || :word, ${SALON});\n`,
  },
  {
    title: `a search in one's ${ACTIVE_SALONS} salons`,
    unit: "searches",
    script: (size) =>
      `\\set word random(0, ${wordsOf(size) - 1})\n${as()}select search_messages('word' || :word);\n`,
  },
  {
    title: "a page of the directory",
    unit: "pages",
    script: () => `${as()}select list_public_salons();\n`,
  },
];
