import { STATUS } from "../../supabase/functions/_shared/platform/errors.ts";
import { camelCase, type Declared, isForApps, pascalCase } from "./declared.ts";
import { type JsonSchema, jsonSchema } from "./schemas.ts";

/** The generated part of the client: the types of each function an app may call, and the list of functions. */
export function clientTypes(functions: Declared[]): string {
  const callable = functions.filter(isForApps);
  return `// Written by \`deno task docs\` from the functions' declarations; do not edit it.

/** Every error code of a response. */
export type ErrorCode = ${Object.keys(STATUS).map((code) => JSON.stringify(code)).join(" | ")};

/** The input and output of each function. */
export interface Calls {
${callable.map(entry).join("\n")}
}

/** How each function is called. */
export const FUNCTIONS = {
${
    callable.map(({ name, method, kind, takesWallet }) =>
      `  ${camelCase(name)}: { name: "${name}", method: "${method}", isMetered: ${
        kind === "feature"
      }, takesWallet: ${takesWallet === true} },`
    ).join("\n")
  }
} as const satisfies Record<keyof Calls, unknown>;

${callable.flatMap(types).join("\n\n")}
`;
}

function entry({ name, description, input }: Declared): string {
  const type = pascalCase(name);
  const { required, description: rule } = jsonSchema(input!, "input");
  const isOptional = !required?.length && rule === undefined;
  return `  /** ${description} */
  ${camelCase(name)}: { input: ${type}Input${isOptional ? " | undefined" : ""}; output: ${type}Output };`;
}

function types({ name, input, output }: Declared): string[] {
  const type = pascalCase(name);
  const sent = jsonSchema(input!, "input");
  return [
    Object.keys(sent.properties ?? {}).length > 0
      ? `${comment(sent.description)}export interface ${type}Input ${typeOf(sent)}`
      : `export type ${type}Input = Record<string, never>;`,
    `export interface ${type}Output ${typeOf(jsonSchema(output!, "output"))}`,
  ];
}

/** A JSON Schema as a TypeScript type. */
export function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.map((option) => grouped(typeOf(option))).join(" | ");
  if (schema.allOf) return schema.allOf.map((part) => grouped(typeOf(part))).join(" & ");
  const kinds = [schema.type ?? "unknown"].flat();
  if (kinds.length > 1) return kinds.map((type) => typeOf({ ...schema, type })).join(" | ");
  switch (kinds[0]) {
    case "string":
      return schema.format === "binary" ? "Blob" : "string";
    case "integer":
    case "number":
      return "number";
    case "array":
      if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
      return `${grouped(typeOf(schema.items ?? {}))}[]`;
    case "object":
      return objectType(schema);
    default:
      return kinds[0]!; // boolean, null, unknown
  }
}

function objectType({ properties, required = [], additionalProperties, propertyNames }: JsonSchema): string {
  if (properties === undefined) {
    const value = typeof additionalProperties === "object" ? typeOf(additionalProperties) : "unknown";
    return propertyNames?.enum
      ? `Partial<Record<${typeOf(propertyNames)}, ${value}>>`
      : `Record<string, ${value}>`;
  }
  const fields = Object.entries(properties).map(([name, property]) =>
    `${comment(property.description)}${/^\w+$/.test(name) ? name : JSON.stringify(name)}${
      required.includes(name) ? "" : "?"
    }: ${typeOf(property)};`
  );
  return `{\n${fields.join("\n")}\n}`;
}

function comment(text: string | undefined): string {
  return text === undefined ? "" : `/** ${text.replaceAll("*/", "*\\/")} */\n`;
}

function grouped(type: string): string {
  return /[|&]/.test(type) && !type.startsWith("{") ? `(${type})` : type;
}
