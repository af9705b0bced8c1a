import { SMTPServer } from "smtp-server";
import { afterAll } from "vitest";

export interface Mailbox {
  /** For SMTP_URL. */
  url: string;
  /** The mail for an address, with headers. */
  mails(address: string): string[];
}

/**
 * An SMTP server that accepts everything except mail to addresses that begin with `nobody`, or with `greylisted`,
 * which it defers; ends after the test file.
 */
export async function openMailbox(): Promise<Mailbox> {
  const received: { to: string[]; text: string }[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, callback) =>
      username === "tessera" && password === "mail-password"
        ? callback(null, { user: username })
        : callback(new Error("Invalid username or password")),
    onRcptTo({ address }, _session, callback) {
      if (address.startsWith("nobody")) {
        return callback(Object.assign(new Error("No such mailbox"), { responseCode: 550 }));
      }
      if (address.startsWith("greylisted")) {
        return callback(Object.assign(new Error("4.2.0 Greylisted, try again later"), { responseCode: 450 }));
      }
      callback();
    },
    onData(stream, session, callback) {
      const chunks: Uint8Array[] = [];
      stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
      stream.on("end", async () => {
        received.push({
          to: session.envelope.rcptTo.map(({ address }) => address),
          text: await new Blob(chunks as BlobPart[]).text(),
        });
        callback();
      });
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as { port: number };
  return {
    url: `smtp://tessera:mail-password@127.0.0.1:${port}`,
    mails: (address) => received.filter(({ to }) => to.includes(address)).map(({ text }) => text),
  };
}
