/** The values in a message. */
export interface MessageText {
  subject: string;
  text: string;
}

export interface TemplateValues {
  code: string;
  appName: string;
  minutes: number;
  /** Lets the Android app read the code: https://developers.google.com/identity/sms-retriever/verify */
  appHash?: string;
  /** Lets browsers fill in the code only on this site: https://wicg.github.io/sms-one-time-codes/ */
  webDomain?: string;
}

/** Which apps read a code from an SMS. */
export const CODE_READERS = ["android", "web"] as const;
export type CodeReader = typeof CODE_READERS[number];

type Template = { subject: string; text: string };

/** In the alphabet of an SMS (GSM 03.38) if the language allows, so that a message is one SMS. */
const TEMPLATES: Record<string, Template> = {
  en: {
    subject: "{code} is your code for {app}",
    text: "{app}: your code is {code}. It is valid for {minutes} min. Do not share it.",
  },
  fr: {
    subject: "{code} est votre code pour {app}",
    text: "{app} : votre code est {code}. Il est valable {minutes} min. Ne le donnez à personne.",
  },
  de: {
    subject: "{code} ist Ihr Code für {app}",
    text: "{app}: Ihr Code ist {code}. Er gilt {minutes} min. Geben Sie ihn niemandem weiter.",
  },
  es: {
    subject: "{code} es tu código para {app}",
    text: "{app}: tu codigo es {code}. Vale {minutes} min. No lo compartas con nadie.",
  },
  it: {
    subject: "{code} è il tuo codice per {app}",
    text: "{app}: il tuo codice è {code}. Vale {minutes} min. Non darlo a nessuno.",
  },
  pt: {
    subject: "{code} é o seu código para {app}",
    text: "{app}: o seu codigo é {code}. Vale {minutes} min. Nao o partilhe com ninguém.",
  },
  nl: {
    subject: "{code} is uw code voor {app}",
    text: "{app}: uw code is {code}. Hij geldt {minutes} min. Geef hem aan niemand door.",
  },
  ar: {
    subject: "{code} هو رمزك في {app}",
    text: "{app}: رمزك هو {code}. صالح لمدة {minutes} دقائق. لا تشاركه مع أحد.",
  },
};

const DEFAULT_LOCALE = "en";

/** The languages with texts. */
export const LOCALES: string[] = Object.keys(TEMPLATES);

/** The message in the language of a tag (`fr-CA`, `fr_FR`, `fr_FR.UTF-8`); English for other languages. */
export function messageText(locale: string | undefined, values: TemplateValues): MessageText {
  const language = /^[a-z]+/i.exec(locale?.trim() ?? "")?.[0].toLowerCase() ?? DEFAULT_LOCALE;
  const { subject, text } = Object.hasOwn(TEMPLATES, language)
    ? TEMPLATES[language]!
    : TEMPLATES[DEFAULT_LOCALE]!;
  const lines = [
    filled(text, values),
    ...(values.appHash ? [values.appHash] : []),
    // Must be the last line.
    ...(values.webDomain ? [`@${values.webDomain} #${values.code}`] : []),
  ];
  return { subject: filled(subject, values), text: lines.join("\n") };
}

function filled(template: string, { code, appName, minutes }: TemplateValues): string {
  const values: Record<string, string> = { code, app: appName, minutes: String(minutes) };
  return template.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => values[name]!);
}
