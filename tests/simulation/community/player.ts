import { isDeepStrictEqual } from "node:util";
import postgres from "postgres";
import { createDatabase, newId } from "../../sql/support.ts";
import type { Answer } from "./answers.ts";
import { beginning, type History, lookerAfter } from "./history.ts";
import { instrument } from "./instruments.ts";
import { plainSight, type Sight, sightOf, unordered } from "./sights.ts";
import { Play, type Step, take } from "./turns.ts";
import { SALONS, USERS, World } from "./world.ts";

/** How the database and the model came to differ, in readable lines. */
export class CommunityFailure extends Error {
  constructor(readonly transcript: string[], readonly problems: string[]) {
    super(["", ...transcript, "", ...problems.map((problem) => `✗ ${problem}`)].join("\n"));
    this.name = "CommunityFailure";
  }
}

interface Look {
  user: string | null;
  salon: string;
}

/** A step with what the model says: its answer, and what each that looks then sees. */
interface Foreseen {
  step: Step;
  answer: Answer;
  looks: Look[];
  sights: Sight[];
}

interface Played {
  played: { answer: Answer; seen: Sight[] }[];
  environment: Record<string, string>;
  broken: unknown[];
  told: string[];
}

/** A database in which one history after the other is played and rolled back. */
export class Player {
  #histories = 0;

  private constructor(readonly sql: postgres.Sql, readonly users: Record<string, string>) {}

  /** Makes a migrated database with five users, changed by `plant` where a bug is wanted. */
  static async create(plant: (sql: postgres.Sql) => Promise<void> = async () => {}): Promise<Player> {
    const { url } = await createDatabase();
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    await plant(sql);
    await instrument(sql);
    const users = Object.fromEntries(USERS.map((user) => [user, newId()]));
    for (const [user, id] of Object.entries(users)) {
      await sql`
        insert into auth.users (id, email, raw_user_meta_data)
        values (${id}, ${`${id}@example.com`}, ${sql.json({ full_name: `Name of ${user}` })})`;
    }
    return new Player(sql, users);
  }

  /** Ends the connection; the database goes with the test file. */
  async end(): Promise<void> {
    await this.sql.end();
  }

  /** Plays a history, and throws where the database does not do what the model says. */
  async play(history: History): Promise<void> {
    if (++this.#histories % HISTORIES_BETWEEN_VACUUMS === 0) await this.#vacuum();
    const world = new World();
    const foreseen = foresee(new Play(world), history);
    const steps = foreseen.map(({ step, looks }) => ({ ...step, looks }));

    const results = await this.sql.unsafe(
      `begin; select community_simulation.play(${literal(this.users)}, ${
        literal(steps)
      })::text as played; rollback`,
    ).simple() as unknown as { played: string }[][];
    const text = results[1]![0]!.played;
    const played = withNames(text, (JSON.parse(text) as Played).environment);
    compare(foreseen, played);
    const end = [
      ...played.broken.map((one) => `verify_community(): ${show(one)}`),
      ...difference("who was told of replies and mentions", unordered(world.told), unordered(played.told)),
    ];
    if (end.length > 0) throw new CommunityFailure(transcriptOf(foreseen), end);
  }

  /** What was rolled back is in the way of later histories. */
  async #vacuum(): Promise<void> {
    await this.sql`
      vacuum public.salons, public.salon_members, public.chat_messages, public.message_reactions, public.message_pins,
        private.salon_codes, private.salon_streams, private.message_reads, realtime.messages`;
  }
}

const HISTORIES_BETWEEN_VACUUMS = 25;

/** Runs the model through the history. */
function foresee(play: Play, history: History): Foreseen[] {
  const foreseen: Foreseen[] = [];
  for (const turn of beginning(play, history)) foreseen.push({ ...turn, looks: [], sights: [] });
  for (const action of history.actions) {
    const turn = take(play, action.intent);
    if (!turn) continue;
    foreseen.push(looking(play.world, turn, [lookerAfter(action)]));
  }
  // In the end everybody looks at everything.
  const looks = [...USERS, null].map((user, index) => ({ user, salon: SALONS[index % SALONS.length]! }));
  foreseen.push(looking(play.world, { step: { user: null, wait: 0 }, answer: {} }, looks));
  return foreseen;
}

function looking(world: World, turn: { step: Step; answer: Answer }, looks: Look[]): Foreseen {
  // As text, because the world goes on.
  const sights = looks.map(({ user, salon }) => JSON.parse(JSON.stringify(sightOf(world, user, salon))));
  return { step: turn.step, answer: JSON.parse(JSON.stringify(turn.answer)), looks, sights };
}

function compare(foreseen: Foreseen[], { played }: Played): void {
  for (const [index, { answer, looks, sights }] of foreseen.entries()) {
    const { answer: given, seen } = played[index]!;
    const problems = Object.keys(answer).flatMap((key) =>
      difference(`the answer's ${key}`, answer[key], plainAnswer(given)[key])
    );
    if (problems.length > 0) {
      throw new CommunityFailure(transcriptOf(foreseen.slice(0, index + 1)), [
        ...problems,
        `the whole answer: ${show(given)}`,
      ]);
    }
    for (const [number, { user, salon }] of looks.entries()) {
      const sight = plainSight(seen[number]!);
      const differences = "raised" in sight
        ? [`${user ?? "anon"} looks at ${salon}: ${show(sight)}`]
        : Object.keys(sights[number]!).flatMap((key) =>
          difference(`what ${user ?? "anon"} sees of ${salon} as ${key}`, sights[number]![key], sight[key])
        );
      if (differences.length > 0) {
        throw new CommunityFailure(transcriptOf(foreseen.slice(0, index + 1)), differences);
      }
    }
  }
}

/** Of messages in an answer the names, of earlier texts the texts. */
function plainAnswer(answer: Answer): Answer {
  const { messages, edits } = answer as { messages?: { id: string }[]; edits?: { content: string }[] };
  return {
    ...answer,
    ...(messages ? { messages: messages.map(({ id }) => id) } : {}),
    ...(edits ? { edits: edits.map(({ content }) => content) } : {}),
  };
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** What was played, with the model's names in the place of ids and codes. */
function withNames(text: string, environment: Record<string, string>): Played {
  const names = new Map(Object.entries(environment).map(([name, value]) => [prefixed(name, value), name]));
  return JSON.parse(text, (key, value) => {
    if (key === "id" && typeof value === "number") return names.get(`message:${value}`) ?? value;
    if (typeof value !== "string") return value;
    return names.get(value) ?? value.replaceAll(UUID, (id) => names.get(id) ?? id);
  });
}

function prefixed(name: string, value: string): string {
  return name.includes("#") ? `message:${value}` : name.startsWith("code:") ? `code:${value}` : value;
}

function difference(what: string, expected: unknown, given: unknown): string[] {
  return isDeepStrictEqual(expected, given)
    ? []
    : [`${what}: the model says ${show(expected)}, the database ${show(given)}`];
}

function transcriptOf(foreseen: Foreseen[]): string[] {
  return foreseen.map(({ step, answer }) => {
    const what = step.wait !== undefined
      ? `${step.wait} s pass`
      : `${step.user ?? "anon"}: ${step.call ? `${step.call} ${show(step.args)}` : step.sql}`;
    return `${what} → ${show(answer)}`;
  });
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

function literal(value: unknown): string {
  return `$json$${JSON.stringify(value)}$json$::jsonb`;
}
