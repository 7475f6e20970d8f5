// A flow under way, as the caller holds it: awaited for its result, or iterated for its nodes as they end.
import type { ExecutionResult, NodeResult } from './entities.ts';

/** What drives the flow, seen from here. */
export interface Driver<TState> {
  begin(): Promise<ExecutionResult<TState>>;
  /** From here on each ended node is given to `tell`, and the flow stands still until `go`. */
  watch(tell: (node: NodeResult<TState>) => void): void;
  unwatch(): void;
  go(): void;
  cancel(reason: string): void;
}

/**
 * Begins by itself, whether anybody waits or not. An iteration goes in step with the flow: a node is not begun before
 * the iteration asks for it, and leaving the iteration cancels the flow.
 */
export class Execution<TState> implements PromiseLike<ExecutionResult<TState>>, AsyncIterable<NodeResult<TState>> {
  readonly #driver: Driver<TState>;
  #result: Promise<ExecutionResult<TState>> | null = null;

  constructor(driver: Driver<TState>) {
    this.#driver = driver;
    queueMicrotask(() => this.#begin());
  }

  then<A = ExecutionResult<TState>, B = never>(
    fulfilled?: ((result: ExecutionResult<TState>) => A | PromiseLike<A>) | null,
    rejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#begin().then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<ExecutionResult<TState> | B> {
    return this.#begin().catch(rejected);
  }

  finally(settled?: (() => void) | null): Promise<ExecutionResult<TState>> {
    return this.#begin().finally(settled);
  }

  get [Symbol.toStringTag](): string {
    return 'Execution';
  }

  [Symbol.asyncIterator](): AsyncIterator<NodeResult<TState>, ExecutionResult<TState>> {
    const waiting: NodeResult<TState>[] = [];
    let asked: ((node: IteratorResult<NodeResult<TState>, ExecutionResult<TState>>) => void) | null = null;
    let ended = false;
    this.#driver.watch((node) => {
      if (asked === null) waiting.push(node);
      else {
        const give = asked;
        asked = null;
        give({ done: false, value: node });
      }
    });
    const result = this.#begin();
    const next = (): Promise<IteratorResult<NodeResult<TState>, ExecutionResult<TState>>> => {
      const node = waiting.shift();
      if (node !== undefined) return Promise.resolve({ done: false, value: node });
      if (ended) return result.then((value) => ({ done: true, value }));
      return new Promise((resolve, reject) => {
        asked = resolve;
        result.then((value) => {
          ended = true;
          resolve({ done: true, value });
        }, reject);
        this.#driver.go();
      });
    };
    return {
      next,
      return: async () => {
        if (!ended) this.#driver.cancel('the iteration was left');
        this.#driver.unwatch();
        this.#driver.go();
        return { done: true, value: await result };
      },
    };
  }

  #begin(): Promise<ExecutionResult<TState>> {
    return (this.#result ??= this.#driver.begin());
  }
}
