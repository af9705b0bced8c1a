import { parse } from "@babel/parser";

/** A node of a syntax tree, as far as it is looked at here. */
type Node = { type: string } & Record<string, unknown>;

/** What every JavaScript engine has had since ES2022, by its global name: of these only other members are told. */
const LANGUAGE: Record<string, readonly string[]> = {
  Array: ["from", "isArray", "of"],
  BigInt: [],
  Boolean: [],
  Date: ["now", "parse", "UTC"],
  Error: [],
  Function: [],
  Infinity: [],
  JSON: ["parse", "stringify"],
  Map: [],
  Math: Object.getOwnPropertyNames(Math).filter((name) => !["sumPrecise", "f16round"].includes(name)),
  NaN: [],
  Number: Object.getOwnPropertyNames(Number),
  Object: [
    "assign",
    "create",
    "defineProperty",
    "entries",
    "freeze",
    "fromEntries",
    "getOwnPropertyNames",
    "getPrototypeOf",
    "hasOwn",
    "is",
    "keys",
    "setPrototypeOf",
    "values",
  ],
  Promise: ["all", "allSettled", "any", "race", "reject", "resolve"],
  RangeError: [],
  RegExp: [],
  Set: [],
  String: ["fromCharCode", "fromCodePoint", "raw"],
  Symbol: ["asyncIterator", "for", "iterator"],
  SyntaxError: [],
  TypeError: [],
  DataView: [],
  Float32Array: ["from"],
  Int16Array: ["from"],
  Uint16Array: ["from"],
  Uint32Array: ["from"],
  Uint8Array: ["from", "of"],
  ArrayBuffer: ["isView"],
  WeakMap: [],
  WeakSet: [],
  arguments: [],
  decodeURIComponent: [],
  encodeURIComponent: [],
  isFinite: [],
  isNaN: [],
  parseFloat: [],
  parseInt: [],
  undefined: [],
};

/** Methods of values that came after ES2022. Whose they are a syntax tree does not tell: only names that nobody else has. */
const LATER_METHODS = new Set([
  ..."toSorted toReversed toSpliced findLast findLastIndex".split(" "),
  ..."isWellFormed toWellFormed transferToFixedLength".split(" "),
  ..."toBase64 toHex setFromBase64 setFromHex".split(" "),
  ..."symmetricDifference isSubsetOf isSupersetOf isDisjointFrom".split(" "),
  ..."getOrInsert getOrInsertComputed".split(" "),
]);

/**
 * The platform's interfaces that a source text uses when it runs, in the words of docs/runtime.md: `node:crypto randomBytes`,
 * `Deno.connect`, `AbortSignal.any`, `fetch`, `.toSorted()`. Types are erased and do not count.
 */
export function platformApisOf(source: string): Set<string> {
  const { program } = parse(source, { sourceType: "module", plugins: ["typescript"] }) as unknown as {
    program: Node;
  };
  const declared = new Set<string>();
  const apis = new Set<string>();
  /** Modules of the platform that are imported as one value, by its name. */
  const whole = new Map<string, string>();
  walk(program, (node) => {
    for (const name of declaredBy(node)) declared.add(name);
    if (node.type === "ImportDeclaration" && moduleOf(node).startsWith("node:")) {
      for (const one of node.specifiers as Node[]) {
        if (one.type !== "ImportSpecifier") whole.set(nameOf(one.local as Node)!, moduleOf(node));
      }
    }
  });
  walk(program, (node, parent, key) => {
    if (node.type === "ImportDeclaration") {
      for (const api of importedBy(node)) apis.add(api);
    } else if (node.type === "ImportExpression" || node.type === "CallExpression") {
      const from = importedLater(node);
      if (from?.startsWith("node:")) apis.add(`${from} (import)`);
    } else if (node.type === "Identifier" && isReference(node, parent, key)) {
      const name = node.name as string;
      const module = whole.get(name);
      if (module !== undefined) apis.add(`${module} ${membersOf(name, parent).join(".") || "(whole)"}`);
      else if (!declared.has(name)) addGlobal(name, parent, apis);
    } else if (isMember(node) && !node.computed) {
      const name = nameOf(node.property as Node);
      if (name !== undefined && LATER_METHODS.has(name)) apis.add(`.${name}()`);
    }
  });
  return apis;
}

/** Where a node stands: its ancestors, the nearest last. */
let path: Node[] = [];

type Visit = (node: Node, parent: Node | undefined, key: string) => void;

/** Goes through all that is left when the types are erased. */
function walk(root: Node, visit: Visit): void {
  path = [];
  step(root, "", visit);
}

const KEPT_TYPES = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"]);

function step(node: Node, key: string, visit: Visit): void {
  if (node.type.startsWith("TS") && !KEPT_TYPES.has(node.type) && node.type !== "TSParameterProperty") return;
  if (node.type === "ImportDeclaration" && node.importKind === "type") return;
  visit(node, path.at(-1), key);
  path.push(node);
  for (const [name, value] of Object.entries(node)) {
    if (name === "loc" || name === "typeAnnotation" || name === "typeParameters" || name === "returnType") {
      continue;
    }
    for (const child of [value].flat()) {
      if (child !== null && typeof child === "object" && typeof (child as Node).type === "string") {
        step(child as Node, name, visit);
      }
    }
  }
  path.pop();
}

function declaredBy(node: Node): string[] {
  switch (node.type) {
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
      return boundBy(node.local as Node);
    case "VariableDeclarator":
      return boundBy(node.id as Node);
    case "CatchClause":
      return boundBy(node.param as Node | null);
    case "ClassDeclaration":
    case "ClassExpression":
      return boundBy(node.id as Node | null);
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "ObjectMethod":
    case "ClassMethod":
    case "ClassPrivateMethod":
      return [node.id as Node | null, ...node.params as Node[]].flatMap(boundBy);
    default:
      return [];
  }
}

/** The names that a pattern binds. */
function boundBy(pattern: Node | null | undefined): string[] {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name as string];
    case "ObjectPattern":
      return (pattern.properties as Node[]).flatMap((one) => boundBy((one.value ?? one.argument) as Node));
    case "ArrayPattern":
      return (pattern.elements as (Node | null)[]).flatMap(boundBy);
    case "AssignmentPattern":
      return boundBy(pattern.left as Node);
    case "RestElement":
      return boundBy(pattern.argument as Node);
    case "TSParameterProperty":
      return boundBy(pattern.parameter as Node);
    default:
      return [];
  }
}

function importedBy(node: Node): string[] {
  const module = moduleOf(node);
  if (!module.startsWith("node:")) return [];
  return (node.specifiers as Node[])
    .filter(({ type, importKind }) => type === "ImportSpecifier" && importKind !== "type")
    .map(({ imported }) => `${module} ${nameOf(imported as Node)}`);
}

/** The module of `import("…")`; undefined of any other call. */
function importedLater({ type, callee, source, arguments: given }: Node): string | undefined {
  if (type === "ImportExpression") return (source as Node).value as string | undefined;
  return (callee as Node).type === "Import" ? (given as Node[])[0]?.value as string | undefined : undefined;
}

function moduleOf(node: Node): string {
  return (node.source as { value: string } & Node).value;
}

/** Whether an identifier stands for a value, and not for the name of a member. */
function isReference(node: Node, parent: Node | undefined, key: string): boolean {
  if (!parent) return false;
  if (parent.type === "PrivateName") return false;
  if (isMember(parent) && key === "property") return parent.computed === true;
  if (/^(Object|Class)(Private)?(Property|Method)$/.test(parent.type) && key === "key") {
    return parent.computed === true;
  }
  if (/^(Import|Export)\w*Specifier$/.test(parent.type)) return false;
  if (/^(LabeledStatement|BreakStatement|ContinueStatement|MetaProperty)$/.test(parent.type)) return false;
  return node.name !== "arguments";
}

/** A global by its name, with its members as far as they are named: `crypto.subtle.encrypt`. */
function addGlobal(name: string, parent: Node | undefined, apis: Set<string>): void {
  const names = [name, ...membersOf(name, parent)];
  if (name === "globalThis") names.shift();
  const [first, second] = names;
  if (first === undefined) return;
  const known = LANGUAGE[first];
  if (known && (second === undefined || known.includes(second) || second === "prototype")) return;
  apis.add(names.join("."));
}

/** The members that are named after an identifier, which is the node that is visited now. */
function membersOf(name: string, parent: Node | undefined): string[] {
  const members: string[] = [];
  let ancestors = [...path];
  let inner: Node | undefined = undefined;
  for (let outer = parent; outer; outer = ancestors.at(-1)) {
    ancestors = ancestors.slice(0, -1);
    const isWrapped = KEPT_TYPES.has(outer.type) || outer.type === "ParenthesizedExpression";
    const isOfIt = isMember(outer) && !outer.computed &&
      (inner === undefined ? nameOf(outer.object as Node) === name : outer.object === inner);
    if (!isWrapped && !isOfIt) break;
    if (isOfIt) members.push(nameOf(outer.property as Node)!);
    inner = outer;
  }
  return members;
}

function isMember({ type }: Node): boolean {
  return type === "MemberExpression" || type === "OptionalMemberExpression";
}

function nameOf(node: Node): string | undefined {
  return (node.name ?? node.value) as string | undefined;
}
