// What nodes and dispatchers use while they run: paths, retries, signals, time.
import { now } from 'quicksave:host';
import type { Clock, Scheduler, StateAccessor } from './contracts.ts';
import { ConfigurationError } from './errors.ts';

const isPosition = (name: string): boolean => /^(0|[1-9]\d*)$/.test(name);
/** Names that reach what every object shares. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);

function parts(path: string): string[] {
  const names = String(path).split('.');
  for (const name of names) {
    if (name === '' || FORBIDDEN.has(name)) {
      throw new ConfigurationError(`${JSON.stringify(path)} is not a path: write names joined by dots, as in a.b.c`);
    }
  }
  return names;
}

/** `a.b.c` and `items.0.name`. */
export class DottedPathAccessor implements StateAccessor {
  get(state: object, path: string): unknown {
    let here: any = state;
    for (const name of parts(path)) {
      if (here === null || here === undefined) return undefined;
      here = here[name];
    }
    return here;
  }

  /** Makes objects that are missing on the way. */
  set(state: object, path: string, value: unknown): void {
    const names = parts(path);
    const last = names.pop()!;
    let here: any = state;
    for (const name of names) {
      if (here[name] === null || here[name] === undefined) here[name] = {};
      here = here[name];
      if (typeof here !== 'object') {
        throw new ConfigurationError(`${path} cannot be set: ${name} is a ${typeof here}, not an object`);
      }
    }
    if (Array.isArray(here) && !isPosition(last)) {
      throw new ConfigurationError(`${path} cannot be set: ${last} is no position of an array`);
    }
    here[last] = value;
  }

  has(state: object, path: string): boolean {
    return this.get(state, path) !== undefined;
  }
}

/** The run's clock: it stands at the time of what woke the program, and is the same when the run is replayed. */
export class SystemClock implements Clock {
  now(): number {
    return Math.floor(now());
  }
}

/** A clock that moves when it is told to. */
export class VirtualClock implements Clock {
  #now: number;

  constructor(start = 0) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}

/** Timers that survive the process. */
export class RealTimeScheduler implements Scheduler {
  schedule(callback: () => void, ms: number): () => void {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  }
}

/** Timers that are due when `advance` says so; for tests. */
export class VirtualScheduler implements Scheduler {
  readonly clock: VirtualClock;
  #timers: { at: number; order: number; callback: () => void }[] = [];
  #order = 0;

  constructor(clock = new VirtualClock()) {
    this.clock = clock;
  }

  get pending(): number {
    return this.#timers.length;
  }

  schedule(callback: () => void, ms: number): () => void {
    const timer = { at: this.clock.now() + Math.max(0, ms), order: this.#order++, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets so much time pass, and calls back all that is due by then, in its order. */
  advance(ms: number): void {
    const end = this.clock.now() + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.clock.advance(Math.max(0, due.at - this.clock.now()));
      due.callback();
    }
    this.clock.advance(end - this.clock.now());
  }
}

export type Backoff = 'constant' | 'linear' | 'exponential' | 'decorrelated-jitter';

export interface RetryPolicyOptions {
  /** How often it is tried in all. */
  attempts?: number;
  backoff?: Backoff;
  baseMs?: number;
  maxMs?: number;
  /** How much of a delay is left to chance: 0 to 1. */
  jitter?: number | boolean;
  /** Whether to try again after this error; always, if absent. */
  retryOn?: (error: unknown, attempt: number) => boolean;
  scheduler?: Scheduler;
  random?: () => number;
}

/** Tries work again; for what a node does inside. A placement's own `retry` is the dispatcher's. */
export class RetryPolicy {
  readonly attempts: number;
  readonly backoff: Backoff;
  readonly baseMs: number;
  readonly maxMs: number;
  readonly jitter: number;
  readonly #retryOn: (error: unknown, attempt: number) => boolean;
  readonly #scheduler: Scheduler;
  readonly #random: () => number;

  constructor(options: RetryPolicyOptions = {}) {
    this.attempts = options.attempts ?? 3;
    this.backoff = options.backoff ?? 'exponential';
    this.baseMs = options.baseMs ?? 100;
    this.maxMs = options.maxMs ?? Math.max(30_000, this.baseMs);
    this.jitter = options.jitter === true ? 1 : Number(options.jitter ?? 0);
    if (!Number.isInteger(this.attempts) || this.attempts < 1) {
      throw new ConfigurationError(`attempts must be a whole number from 1, not ${this.attempts}`);
    }
    if (!(this.baseMs >= 0) || !(this.maxMs >= this.baseMs)) {
      throw new ConfigurationError(`baseMs (${this.baseMs}) must be from 0, and maxMs (${this.maxMs}) not less`);
    }
    if (!(this.jitter >= 0 && this.jitter <= 1)) throw new ConfigurationError(`jitter must be from 0 to 1, not ${options.jitter}`);
    if (!['constant', 'linear', 'exponential', 'decorrelated-jitter'].includes(this.backoff)) {
      throw new ConfigurationError(`backoff must be constant, linear, exponential or decorrelated-jitter, not ${this.backoff}`);
    }
    this.#retryOn = options.retryOn ?? (() => true);
    this.#scheduler = options.scheduler ?? new RealTimeScheduler();
    this.#random = options.random ?? Math.random;
  }

  /** How long to wait after this attempt (from 1) has failed, in milliseconds; `before` is the delay before it. */
  delay(attempt: number, before = 0): number {
    if (this.backoff === 'decorrelated-jitter') {
      const high = Math.max(before, this.baseMs) * 3;
      return Math.round(Math.min(this.maxMs, this.baseMs + (high - this.baseMs) * this.#random()));
    }
    const grown = this.backoff === 'constant' ? this.baseMs
      : this.backoff === 'linear' ? this.baseMs * attempt : this.baseMs * 2 ** Math.min(attempt - 1, 62);
    const delay = Math.min(this.maxMs, grown);
    return Math.round(this.jitter > 0 ? delay * (1 - this.jitter * this.#random()) : delay);
  }

  /** The work's result; the last error, if no attempt succeeds. `signal` ends the waiting. */
  async run<T>(work: (attempt: number) => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    for (let attempt = 1, before = 0; ; attempt++) {
      signal?.throwIfAborted();
      try {
        return await work(attempt);
      } catch (error) {
        if (attempt >= this.attempts || signal?.aborted || !this.#retryOn(error, attempt)) throw error;
      }
      before = this.delay(attempt, before);
      await this.#wait(before, signal);
    }
  }

  #wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        withdraw();
        reject(signal!.reason);
      };
      const withdraw = this.#scheduler.schedule(() => {
        signal?.removeEventListener('abort', stop);
        resolve();
      }, ms);
      signal?.addEventListener('abort', stop, { once: true });
    });
  }
}

export interface ComposedSignal {
  readonly signal: AbortSignal;
  /** Lets go of the sources and the timer. */
  dispose(): void;
}

/** One signal of several, and of a time. */
export class SignalComposer {
  static compose(
    sources: { signals?: readonly (AbortSignal | null | undefined)[]; signal?: AbortSignal | null; deadlineMs?: number },
    scheduler: Scheduler = new RealTimeScheduler(),
  ): ComposedSignal {
    const controller = new AbortController();
    const undo: (() => void)[] = [];
    const dispose = (): void => {
      for (const one of undo.splice(0)) one();
    };
    const abort = (reason: unknown): void => {
      dispose();
      controller.abort(reason);
    };
    for (const source of [sources.signal, ...(sources.signals ?? [])]) {
      if (!source || controller.signal.aborted) continue;
      if (source.aborted) {
        abort(source.reason);
        break;
      }
      const listener = (): void => abort(source.reason);
      source.addEventListener('abort', listener);
      undo.push(() => source.removeEventListener('abort', listener));
    }
    if (sources.deadlineMs !== undefined && !controller.signal.aborted) {
      undo.push(scheduler.schedule(() => {
        abort(new DOMException(`The deadline of ${sources.deadlineMs} ms is over`, 'TimeoutError'));
      }, sources.deadlineMs));
    }
    return { signal: controller.signal, dispose };
  }
}
