// One flow from its beginning to its end: along the line that the dispatcher foresees, and by the dispatcher's word from
// where it leaves it. Nothing is routed here.
import { random } from 'quicksave:host';
import type { ExecuteOptions, NodeOutput } from './contracts.ts';
import type { ExecutionResult, NodeResult } from './entities.ts';
import type { Driver } from './execution.ts';
import { type Hooks, Invocation, type World, isThenable, messageOf, reasonText } from './invocation.ts';
import { LifecycleMachine } from './lifecycle.ts';
import { type Line, type Step, lineOf } from './line.ts';
import { Machine, START, WORDS } from './machine.ts';
import type { Progress } from './progress.ts';
import { nextFlow, record } from './record.ts';
import { RESUME, Routes } from './routes.ts';
import { INTERNAL, type NodeStateBase } from './state.ts';

export type End = 'completed' | 'failed' | 'cancelled' | 'timed_out';

/** A cancellation or deadline that has not reached the dispatcher, or has. */
export interface Stop {
  hard: boolean;
  reason: unknown;
  told: boolean;
}

export class Flow<TState> implements Driver<TState> {
  readonly world: World;
  readonly state: TState & NodeStateBase;
  readonly number = nextFlow();
  executed: string[] = [];
  skipped: string[] = [];
  stop: Stop | null = null;
  ended = false;
  /** Each node that ends is told, and then the flow waits. */
  tell: ((node: NodeResult<TState>) => void) | null = null;
  paused = false;
  readonly #options: ExecuteOptions;
  /** `undefined`: from the entrypoint. */
  readonly #cursor: string | undefined;
  readonly #done = Promise.withResolvers<ExecutionResult<TState>>();
  /** Where it is on the line, and what it waits for there. */
  #line: Line | null = null;
  #at = 0;
  #waiting: Invocation | null = null;
  #routes: Routes | null = null;
  #begun = false;
  /** What the flow holds as long as it runs. */
  #held: (() => void)[] | null = null;

  constructor(world: World, state: TState & NodeStateBase, options: ExecuteOptions, cursor?: string) {
    this.world = world;
    this.state = state;
    this.#options = options;
    this.#cursor = cursor;
  }

  begin(): Promise<ExecutionResult<TState>> {
    try {
      this.#begin();
    } catch (error) {
      this.crash(error);
    }
    return this.#done.promise;
  }

  watch(tell: (node: NodeResult<TState>) => void): void {
    this.tell = tell;
    this.paused = true;
  }

  unwatch(): void {
    this.tell = null;
  }

  go(): void {
    this.paused = false;
    this.#routes?.drain();
  }

  cancel(reason: string): void {
    this.#interrupt(false, reason);
  }

  /** `release` is called when the flow ends. */
  hold(release: () => void): void {
    (this.#held ??= []).push(release);
  }

  #begin(): void {
    const { signal, deadlineMs } = this.#options;
    const { world, state } = this;
    const internals = state[INTERNAL];
    const { progress, history } = internals;
    if (this.#cursor !== undefined) {
      // The history goes on, wherever the flow does.
      this.executed = [...(history?.executed ?? progress?.executed ?? [])];
      this.skipped = [...(history?.skipped ?? progress?.skipped ?? [])];
    }
    internals.lifecycle = LifecycleMachine.start(internals.lifecycle, world.clock.now());
    this.#begun = true;
    if (signal !== undefined) this.#listen(signal);
    if (deadlineMs !== undefined) {
      this.hold(world.scheduler.schedule(() => {
        this.#interrupt(true, new DOMException(`The deadline of ${deadlineMs} ms is over`, 'TimeoutError'));
      }, deadlineMs));
    }
    if (this.stop !== null && this.#cursor !== undefined) return this.end(this.stop.hard ? 'timed_out' : 'cancelled', this.#cursor);
    internals.progress = null;
    internals.history = null;
    if (this.#cursor === undefined && this.stop === null && this.tell === null && (this.#line = lineOf(world.plan)) !== null) {
      this.hook('flowStart', world.plan.compiled.name, state);
      this.#follow();
    } else {
      this.#byRoutes(progress);
    }
  }

  /** By the dispatcher's word from the first event on; where an earlier leg stood, if its progress is of this DAG. */
  #byRoutes(progress: Progress | null): void {
    const { compiled } = this.world.plan;
    const again = this.#cursor !== undefined && progress !== null && progress.dag === compiled.handle;
    const machine = again ? new Machine(compiled, progress.machine) : new Machine(compiled, this.#seed());
    this.#routes = new Routes(this, machine, again ? progress : null);
    // What is cancelled before it begins begins nothing.
    if (this.stop === null) machine.step(again ? RESUME : START, this.#cursor ?? null);
    this.#routes.drain();
  }

  #seed(): Uint8Array {
    const seed = new Uint8Array(8);
    random(seed);
    return seed;
  }

  #listen(signal: AbortSignal): void {
    const heard = (): void => this.#interrupt((signal.reason as Error | null)?.name === 'TimeoutError', signal.reason);
    if (signal.aborted) return heard();
    signal.addEventListener('abort', heard);
    this.hold(() => signal.removeEventListener('abort', heard));
  }

  #interrupt(hard: boolean, reason: unknown): void {
    if (this.ended || this.stop !== null) return;
    this.stop = { hard, reason, told: false };
    if (this.#waiting !== null) this.#leave();
    this.#routes?.drain();
  }

  /** Runs what is on the line, as long as each node ends as foreseen and nobody interferes. */
  #follow(): void {
    const { world, state } = this;
    const { hooks, services } = world;
    const { steps } = this.#line!;
    for (;;) {
      const step = steps[this.#at]!;
      if (hooks.nodeStart !== null) this.hook('nodeStart', step.place.site.name, state);
      const run = new Invocation(step, services, state);
      if (this.stop !== null) return this.#leave().refuse(run);
      let given: unknown;
      try {
        given = step.place.node!.execute(state, run);
      } catch (error) {
        return this.#leave().threw(run, error);
      }
      if (isThenable(given)) {
        this.#await(step, run, given);
        if (this.stop !== null) this.#leave().drain();
        return;
      }
      if (!this.#passed(step, run, given as NodeOutput | string | void)) return;
    }
  }

  #await(step: Step, run: Invocation, given: PromiseLike<any>): void {
    this.#waiting = run;
    given.then((output) => {
      // It is the routes' since the line was left.
      if (this.#waiting !== run) return this.#routes!.settled(run, output);
      this.#waiting = null;
      try {
        if (this.#passed(step, run, output)) this.#follow();
      } catch (error) {
        this.crash(error);
      }
    }, (error) => {
      if (this.#waiting !== run) return this.#routes!.failed(run, error);
      this.#waiting = null;
      this.#leave().threw(run, error);
    });
  }

  /** Whether a run ended as foreseen and the line goes on behind it. */
  #passed(step: Step, run: Invocation, given: NodeOutput | string | null | void): boolean {
    let output: unknown = 'success';
    let plain = true;
    if (typeof given === 'string') output = given;
    else if (given !== null && given !== undefined) {
      if (given.output !== undefined) output = given.output;
      plain = given.errors === undefined;
    }
    if (output !== step.output || !plain || this.stop !== null || this.tell !== null) {
      this.#leave().gave(run, given);
      return false;
    }
    this.executed.push(step.path);
    record(step.dag, this.number, step.label);
    if (this.world.hooks.nodeEnd !== null) this.hook('nodeEnd', step.place.site.name, step.output!, this.state);
    if (step.last) {
      this.end('completed', null);
      return false;
    }
    this.#at++;
    return true;
  }

  /** From here on by the dispatcher's word: it is told how far the flow has come. */
  #leave(): Routes {
    const { compiled } = this.world.plan;
    const known = this.#line!.events.subarray(0, (this.#at + 1) * WORDS);
    this.#line = null;
    this.#routes = new Routes(this, new Machine(compiled, this.#seed(), known), null);
    if (this.#waiting !== null) this.#routes.adopt(this.#waiting);
    this.#waiting = null;
    return this.#routes;
  }

  /** Hooks watch. What they throw is noted, and changes nothing. */
  hook(name: keyof Hooks, ...args: unknown[]): void {
    const hook = this.world.hooks[name] as ((...args: unknown[]) => unknown) | null;
    if (hook === null) return;
    const failed = (error: unknown): void => {
      this.state[INTERNAL].warnings.push({ code: 'HOOK_FAILED', message: `${name}: ${messageOf(error)}` });
    };
    try {
      const result = hook(...args) as PromiseLike<unknown> | undefined;
      if (typeof result?.then === 'function') result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  end(end: End, cursor: string | null, error?: unknown): void {
    const internals = this.state[INTERNAL];
    this.#close();
    const why = end === 'completed' ? undefined : { reason: this.stop === null ? '' : reasonText(this.stop.reason), error };
    internals.lifecycle = LifecycleMachine.end(internals.lifecycle, end, this.world.clock.now(), why);
    const result: ExecutionResult<TState> = {
      cursor, executedNodes: this.executed, skippedNodes: this.skipped, state: this.state,
    };
    if (this.world.hooks.flowEnd !== null) this.hook('flowEnd', this.world.plan.compiled.name, this.state, result);
    this.#done.resolve(result);
  }

  /** A fault of the program's DAG or of ours: the flow cannot be driven. */
  crash(error: unknown): void {
    if (this.ended) return;
    this.#close();
    const internals = this.state[INTERNAL];
    // Where it did not begin, the state may be another flow's.
    if (this.#begun && internals.lifecycle.kind === 'running') {
      internals.lifecycle = LifecycleMachine.end(internals.lifecycle, 'failed', this.world.clock.now(), { error });
    }
    this.#done.reject(error);
  }

  #close(): void {
    this.ended = true;
    if (this.#held !== null) for (const release of this.#held.splice(0)) release();
    this.#routes?.close();
  }
}
