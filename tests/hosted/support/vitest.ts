// Stands for "vitest" under a Deno that vitest 5 does not run in: its own runner and matchers, one version older.

import {
  addCustomEqualityTesters,
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  type ExpectStatic,
  getState,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import { getCurrentTest } from "@vitest/runner";
import { restoreAllMocks, spyOn } from "@vitest/spy";

import { CONTEXT_VARIABLE } from "./unit_result.ts";

export {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  it,
  onTestFinished,
  test,
} from "@vitest/runner";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

const globals = globalThis as unknown as Record<symbol, unknown>;

export const expect: ExpectStatic = makeExpect();

function makeExpect(): ExpectStatic {
  const made = ((value: unknown, message?: string) => {
    setState({ assertionCalls: getState(made).assertionCalls + 1 }, made);
    const assertion = chai.expect(value, message) as unknown as { withTest(test: unknown): unknown };
    const test = getCurrentTest();
    return test ? assertion.withTest(test) : assertion;
  }) as ExpectStatic;
  Object.assign(made, chai.expect, globals[ASYMMETRIC_MATCHERS_OBJECT as unknown as symbol]);
  setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, made);
  Object.assign(made, {
    getState: () => getState(made),
    setState: (state: object) => setState(state, made),
    extend: (matchers: object) =>
      (chai.expect as unknown as { extend(made: ExpectStatic, matchers: object): void }).extend(
        made,
        matchers,
      ),
    addEqualityTesters: addCustomEqualityTesters,
  });
  made.extend(customMatchers);
  Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: made, writable: true, configurable: true });
  return made;
}

const stubbed = new Map<string, PropertyDescriptor | undefined>();

/** The part of vitest's `vi` that pure tests need; tests that use more of it only run in vitest. */
export const vi = {
  spyOn,
  restoreAllMocks,
  stubGlobal(name: string, value: unknown): void {
    if (!stubbed.has(name)) stubbed.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
  },
  unstubAllGlobals(): void {
    for (const [name, was] of stubbed) {
      if (was) Object.defineProperty(globalThis, name, was);
      else Reflect.deleteProperty(globalThis, name);
    }
    stubbed.clear();
  },
};

/** The values of the stack beside it that were passed to the run. */
export function inject(name: string): unknown {
  return JSON.parse(Deno.env.get(CONTEXT_VARIABLE) ?? "{}")[name];
}
