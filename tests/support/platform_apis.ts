import ts from "typescript";

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
  const root = ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
  const declared = new Set<string>();
  const apis = new Set<string>();
  /** Modules of the platform that are imported as one value, by its name. */
  const whole = new Map<string, string>();
  walk(root, (node) => {
    for (const name of declaredBy(node)) declared.add(name);
    if (!ts.isImportDeclaration(node)) return;
    const module = moduleOf(node);
    const bindings = node.importClause?.namedBindings;
    const names = [
      node.importClause?.name,
      bindings && ts.isNamespaceImport(bindings) ? bindings.name : undefined,
    ];
    if (module.startsWith("node:")) { for (const name of names) if (name) whole.set(name.text, module); }
  });
  walk(root, (node) => {
    if (ts.isImportDeclaration(node)) {
      for (const api of importedBy(node)) apis.add(api);
    } else if (ts.isCallExpression(node)) {
      const from = importedLater(node);
      if (from?.startsWith("node:")) apis.add(`${from} (import)`);
    } else if (ts.isIdentifier(node) && isReference(node)) {
      const module = whole.get(node.text);
      if (module !== undefined) apis.add(`${module} ${membersOf(node).join(".") || "(whole)"}`);
      else if (!declared.has(node.text)) addGlobal(node, apis);
    } else if (ts.isPropertyAccessExpression(node) && LATER_METHODS.has(node.name.text)) {
      apis.add(`.${node.name.text}()`);
    }
  });
  return apis;
}

/** Goes through all that is left when the types are erased. */
function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  if (isErased(node)) return;
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function isErased(node: ts.Node): boolean {
  // What a class extends is an expression, although it stands among the types.
  if (ts.isExpressionWithTypeArguments(node)) return false;
  if (ts.isHeritageClause(node)) return node.token === ts.SyntaxKind.ImplementsKeyword;
  if (ts.isImportClause(node) || ts.isExportDeclaration(node)) return node.isTypeOnly;
  return ts.isTypeNode(node) || ts.isTypeParameterDeclaration(node) || ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    (ts.canHaveModifiers(node) &&
      ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) === true);
}

function declaredBy(node: ts.Node): string[] {
  if (ts.isVariableDeclaration(node) || ts.isParameter(node)) return boundBy(node.name);
  const isNamed = ts.isImportClause(node) || ts.isNamespaceImport(node) || ts.isImportSpecifier(node) ||
    ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) || ts.isClassLike(node);
  return isNamed && node.name ? [node.name.text] : [];
}

/** The names that a pattern binds. */
function boundBy(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((one) => ts.isBindingElement(one) ? boundBy(one.name) : []);
}

function importedBy(node: ts.ImportDeclaration): string[] {
  const bindings = node.importClause?.namedBindings;
  if (!moduleOf(node).startsWith("node:") || node.importClause?.isTypeOnly) return [];
  if (!bindings || !ts.isNamedImports(bindings)) return [];
  return bindings.elements.filter(({ isTypeOnly }) => !isTypeOnly)
    .map(({ name, propertyName }) => `${moduleOf(node)} ${(propertyName ?? name).text}`);
}

/** The module of `import("…")`; undefined of any other call. */
function importedLater({ expression, arguments: [given] }: ts.CallExpression): string | undefined {
  if (expression.kind !== ts.SyntaxKind.ImportKeyword || !given) return undefined;
  return ts.isStringLiteralLike(given) ? given.text : undefined;
}

function moduleOf({ moduleSpecifier }: ts.ImportDeclaration): string {
  return ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : "";
}

/** Whether an identifier stands for a value, and not for the name of a member. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (node.text === "arguments") return false;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isPropertyAccessExpression(parent) || ts.isMetaProperty(parent)) return parent.name !== node;
  if (ts.isBindingElement(parent)) return parent.propertyName !== node;
  if (ts.isImportClause(parent) || ts.isNamespaceImport(parent) || ts.isImportSpecifier(parent)) return false;
  if (ts.isExportSpecifier(parent) || ts.isNamespaceExport(parent)) return false;
  if (ts.isLabeledStatement(parent) || ts.isBreakOrContinueStatement(parent)) return false;
  if (ts.isClassElement(parent) || ts.isObjectLiteralElement(parent)) return parent.name !== node;
  return true;
}

/** A global by its name, with its members as far as they are named: `crypto.subtle.encrypt`. */
function addGlobal(node: ts.Identifier, apis: Set<string>): void {
  const names = [node.text, ...membersOf(node)];
  if (node.text === "globalThis") names.shift();
  const [first, second] = names;
  if (first === undefined) return;
  const known = LANGUAGE[first];
  if (known && (second === undefined || known.includes(second) || second === "prototype")) return;
  apis.add(names.join("."));
}

/** The members that are named after an identifier. */
function membersOf(node: ts.Identifier): string[] {
  const members: string[] = [];
  let inner: ts.Node = node;
  for (let outer = inner.parent;; inner = outer, outer = outer.parent) {
    if (ts.isPropertyAccessExpression(outer) && outer.expression === inner) members.push(outer.name.text);
    else if (!isWrapper(outer)) return members;
  }
}

function isWrapper(node: ts.Node): boolean {
  return ts.isAsExpression(node) || ts.isSatisfiesExpression(node) || ts.isNonNullExpression(node) ||
    ts.isParenthesizedExpression(node);
}
