// One flow: what the dispatcher says is done here, and what happens is told to it. Nothing is routed here.
import { random } from 'quicksave:host';
import type { ExecuteOptions, MemberResult, NodeContext, NodeOutput } from './contracts.ts';
import type { ExecutionResult, NodeResult } from './entities.ts';
import { ExecutionError, NodeTimeoutError } from './errors.ts';
import type { Driver } from './execution.ts';
import { type Hooks, Invocation, type Place, type Plan, type World, abortReason, messageOf, reasonText } from './invocation.ts';
import { LifecycleMachine } from './lifecycle.ts';
import { Machine, NONE, type Site, UNKNOWN_PORT, WORDS } from './machine.ts';
import type { Progress } from './progress.ts';
import { nextFlow, record } from './record.ts';
import { INTERNAL, NodeStateBase, cloneState } from './state.ts';

/** Events, as the dispatcher numbers them. */
const START = 0, RESUME = 1, FINISHED = 2, FAILED = 3, ABORTED = 4, ITEMS = 5, TIMER = 6, CANCEL = 7, DEADLINE = 8;
/** Roles of runs. */
const ROLE_ITEMS = 1, ROLE_FAN_IN = 2, ROLE_COMBINE = 3;
const ENDS = ['completed', 'failed', 'cancelled', 'timed_out'] as const;

/** How long a cancelled node that does not listen to its signal may go on before it counts as cut short. */
const GRACE_MS = 5_000;

/** Results of members are kept with those of items, under the member's place and this. */
const MEMBER = 0x4000_0000;

const serialOf = (low: number, high: number): number => high * 0x1_0000_0000 + low;

export class Flow<TState> implements Driver<TState> {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #state: TState & NodeStateBase;
  readonly #options: ExecuteOptions;
  /** `undefined`: from the entrypoint. */
  readonly #cursor: string | undefined;
  readonly #number = nextFlow();
  readonly #done = Promise.withResolvers<ExecutionResult<TState>>();
  #machine: Machine | null = null;
  #open = new Map<number, Invocation>();
  /** Runs that a cancellation came before. */
  #unborn = new Map<number, Invocation>();
  /** Runs that were answered since the last step, and before it. */
  #answered: Invocation[] = [];
  #told: Invocation[] = [];
  #timers = new Map<number, () => void>();
  #children = new Map<number, any>();
  #fans = new Map<number, MemberResult[]>();
  /** Fan-out → its items, as they were when they were counted. */
  #items = new Map<number, readonly unknown[]>();
  #failures = new Map<number, unknown>();
  #executed: string[] = [];
  #skipped: string[] = [];
  /** A cancellation or deadline that has not reached the dispatcher, or has. */
  #stop: { tag: number; reason: unknown; told: boolean } | null = null;
  #release: (() => void)[] = [];
  #tell: ((node: NodeResult<TState>) => void) | null = null;
  #draining = false;
  #begun = false;
  #ended = false;
  #paused = false;
  /** Actions that wait for an iteration to go on. */
  #rest: { actions: Uint32Array; at: number } | null = null;

  constructor(world: World, state: TState & NodeStateBase, options: ExecuteOptions, cursor?: string) {
    this.#world = world;
    this.#plan = world.plan;
    this.#state = state;
    this.#options = options;
    this.#cursor = cursor;
  }

  begin(): Promise<ExecutionResult<TState>> {
    try {
      this.#begin();
    } catch (error) {
      this.#crash(error);
    }
    return this.#done.promise;
  }

  watch(tell: (node: NodeResult<TState>) => void): void {
    this.#tell = tell;
    this.#paused = true;
  }

  unwatch(): void {
    this.#tell = null;
  }

  go(): void {
    this.#paused = false;
    this.#drain();
  }

  cancel(reason: string): void {
    this.#interrupt(CANCEL, reason);
  }

  #begin(): void {
    const { signal, deadlineMs } = this.#options;
    const internals = this.#state[INTERNAL];
    const resumed = this.#restored(internals.progress);
    internals.lifecycle = LifecycleMachine.start(internals.lifecycle, this.#world.clock.now());
    this.#begun = true;
    if (signal !== undefined) {
      if (signal.aborted) this.#stop = { tag: this.#tagOf(signal.reason), reason: signal.reason, told: false };
      else {
        const listener = (): void => this.#interrupt(this.#tagOf(signal.reason), signal.reason);
        signal.addEventListener('abort', listener);
        this.#release.push(() => signal.removeEventListener('abort', listener));
      }
    }
    if (deadlineMs !== undefined) {
      this.#release.push(this.#world.scheduler.schedule(() => {
        this.#interrupt(DEADLINE, new DOMException(`The deadline of ${deadlineMs} ms is over`, 'TimeoutError'));
      }, deadlineMs));
    }
    if (this.#stop !== null && this.#cursor !== undefined) return this.#end(this.#stop.tag === DEADLINE ? 'timed_out' : 'cancelled', this.#cursor);
    internals.progress = null;
    internals.history = null;
    // What is cancelled before it begins begins nothing.
    const actions = this.#stop !== null ? this.#tellStop() : this.#machine!.step(resumed ? RESUME : START, this.#cursor ?? null);
    this.#rest = { actions, at: 0 };
    this.#drain();
  }

  /** Takes up where an earlier leg stood, if its progress is of this DAG. */
  #restored(progress: Progress | null): boolean {
    const { compiled } = this.#plan;
    const { history } = this.#state[INTERNAL];
    if (this.#cursor !== undefined) {
      // The history goes on, wherever the flow does.
      this.#executed = [...(history?.executed ?? progress?.executed ?? [])];
      this.#skipped = [...(history?.skipped ?? progress?.skipped ?? [])];
    }
    if (this.#cursor === undefined || progress === null || progress.dag !== compiled.handle) {
      const seed = new Uint8Array(8);
      random(seed);
      this.#machine = Machine.fresh(compiled, seed);
      return false;
    }
    this.#machine = new Machine(compiled, progress.machine);
    this.#children = new Map(progress.children);
    this.#fans = new Map([...progress.fans].map(([site, results]) => [site, results.slice()]));
    return true;
  }

  #tagOf(reason: unknown): number {
    return (reason as Error | null)?.name === 'TimeoutError' ? DEADLINE : CANCEL;
  }

  #interrupt(tag: number, reason: unknown): void {
    if (this.#ended || this.#stop !== null) return;
    this.#stop = { tag, reason, told: false };
    this.#drain();
  }

  #tellStop(): Uint32Array {
    const stop = this.#stop!;
    stop.told = true;
    return this.#machine!.step(stop.tag, stop.tag === CANCEL ? reasonText(stop.reason) : null);
  }

  /** Gives events to the dispatcher and does what it says, until nothing is left to do now. */
  #drain(): void {
    if (this.#draining || this.#machine === null) return;
    this.#draining = true;
    try {
      for (;;) {
        if (this.#rest !== null) {
          const { actions, at } = this.#rest;
          this.#rest = null;
          this.#perform(actions, at);
          if (this.#rest !== null) return;
        }
        if (this.#ended) return;
        this.#told = this.#answered;
        this.#answered = [];
        if (this.#machine.ready) this.#rest = { actions: this.#machine.step(), at: 0 };
        else if (this.#stop !== null && !this.#stop.told) this.#rest = { actions: this.#tellStop(), at: 0 };
        else return;
      }
    } catch (error) {
      this.#crash(error);
    } finally {
      this.#draining = false;
    }
  }

  #perform(actions: Uint32Array, from: number): void {
    for (let at = from; at < actions.length; at += WORDS) {
      const site = actions[at + 1]!, item = actions[at + 2]!, low = actions[at + 3]!, high = actions[at + 4]!, a = actions[at + 5]!;
      if (this.#paused && this.#tell !== null) {
        this.#rest = { actions, at };
        return;
      }
      switch (actions[at]) {
        case 0:
          this.#hook('flowStart', this.#plan.compiled.flows[site]!.dag, this.#stateOf(site));
          break;
        case 1:
          if (item === NONE) {
            if (this.#world.hooks.nodeStart !== null) this.#hook('nodeStart', this.#place(site).site.name, this.#stateAt(site));
          }
          break;
        case 2:
          this.#run(site, item, low, high, a, actions[at + 6]!);
          break;
        case 3:
          this.#startTimer(site, item, low, high, a + actions[at + 6]! * 0x1_0000_0000);
          break;
        case 4: {
          const key = serialOf(low, high);
          this.#timers.get(key)?.();
          this.#timers.delete(key);
          break;
        }
        case 5:
          this.#cut(serialOf(low, high), site);
          break;
        case 6:
          this.#nodeError(site, item, low, high, a & 0xff, actions[at + 6]! + actions[at + 7]! * 0x1_0000_0000);
          break;
        case 7:
          this.#nodeEnd(site, item, a);
          break;
        case 8:
          this.#merge(site);
          break;
        case 9:
          this.#enter(site);
          break;
        case 10:
          this.#leave(site, a === 1);
          break;
        case 11:
          // The outermost flow's end is told with its result.
          if (site !== 0) this.#hook('flowEnd', this.#plan.compiled.flows[site]!.dag, this.#stateOf(site), null);
          break;
        case 12:
          this.#finish(ENDS[a]!);
          return;
      }
    }
  }

  #place(site: number): Place {
    return this.#plan.places[site]!;
  }

  /** The state of a flow: its own, or that of the flow around it. */
  #stateOf(flow: number): any {
    for (let at: number | null = flow; at !== 0 && at !== null;) {
      const own = this.#children.get(at);
      if (own !== undefined) return own;
      const parent: number | null = this.#plan.compiled.flows[at]!.parent;
      at = parent === null ? null : this.#place(parent).site.flow;
    }
    return this.#state;
  }

  #stateAt(site: number): any {
    return this.#stateOf(this.#place(site).site.flow);
  }

  /** Hooks watch. What they throw is noted, and changes nothing. */
  #hook(name: keyof Hooks, ...args: unknown[]): void {
    const hook = this.#world.hooks[name] as ((...args: unknown[]) => unknown) | null;
    if (hook === null) return;
    const failed = (error: unknown): void => {
      this.#state[INTERNAL].warnings.push({ code: 'HOOK_FAILED', message: `${name}: ${messageOf(error)}` });
    };
    try {
      const result = hook(...args) as PromiseLike<unknown> | undefined;
      if (typeof result?.then === 'function') result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  #run(site: number, item: number, low: number, high: number, attempt: number, role: number): void {
    const place = this.#place(site);
    const { compiled } = this.#plan;
    const invocation = new Invocation(
      site, item, low, high, role, place, compiled.flows[place.site.flow]!.dag, this.#world.services, attempt,
    );
    invocation.state = invocation.target = this.#stateAt(site);
    if (this.#stop !== null) {
      this.#unborn.set(serialOf(low, high), invocation);
      return;
    }
    if (role === ROLE_ITEMS) return this.#count(invocation, place);
    let node = place.node;
    let given: unknown;
    try {
      if (role === ROLE_FAN_IN || role === ROLE_COMBINE) {
        node = place.gather;
        (invocation as { results?: readonly MemberResult[] }).results = this.#results(site, place, role);
      }
      if (item !== NONE) this.#prepareItem(invocation, place, item);
      given = node!.execute(invocation.target, invocation as NodeContext<any>);
    } catch (error) {
      return this.#threw(invocation, error);
    }
    if (given !== null && typeof given === 'object' && typeof (given as any).then === 'function') {
      const key = serialOf(low, high);
      this.#open.set(key, invocation);
      // A run that was given up is none of ours any more.
      (given as PromiseLike<any>).then(
        (output) => {
          if (!this.#open.delete(key)) return;
          this.#gave(invocation, output);
          this.#drain();
        },
        (error) => {
          if (!this.#open.delete(key)) return;
          this.#threw(invocation, error);
          this.#drain();
        },
      );
    } else {
      this.#gave(invocation, given as NodeOutput | string | void);
    }
  }

  #count(invocation: Invocation, { site }: Place): void {
    const items = this.#itemsOf(invocation.siteNumber, site, invocation.state);
    if (Array.isArray(items)) {
      this.#fans.set(invocation.siteNumber, []);
      this.#event(ITEMS, invocation, items.length);
    } else {
      const error = new ExecutionError(`The source ${JSON.stringify(site.source)} of ${site.path} is ${items === undefined ? 'missing' : typeof items}, not an array`);
      this.#threw(invocation, error);
    }
  }

  #itemsOf(number: number, site: Site, state: any): readonly unknown[] | undefined {
    const known = this.#items.get(number);
    if (known !== undefined) return known;
    const items = this.#world.accessor.get(state, site.source!);
    if (!Array.isArray(items)) return items as undefined;
    const kept = items.slice();
    this.#items.set(number, kept);
    return kept;
  }

  #prepareItem(invocation: Invocation, { site }: Place, item: number): void {
    const items = this.#itemsOf(invocation.siteNumber, site, invocation.state);
    const value = items?.[item];
    const { state } = invocation;
    const own = state.clone === NodeStateBase.prototype.clone;
    const target = own ? cloneState(state as NodeStateBase, site.source!.split('.', 1)[0]!) : state.clone();
    // Its notes are its own until they are merged.
    target[INTERNAL].errors = [];
    target[INTERNAL].warnings = [];
    target.metadata[site.itemKey!] = value;
    this.#world.accessor.set(target, site.itemKey!, value);
    const open = invocation as { target: any; item?: unknown; index?: number };
    open.target = target;
    open.item = value;
    open.index = item;
  }

  /** What a custom fan-in or combination is given. */
  #results(number: number, { site }: Place, role: number): MemberResult[] {
    if (role === ROLE_FAN_IN) return this.#fans.get(number) ?? [];
    return (site.members ?? []).map((member) => this.#fans.get(member + MEMBER)?.[0] ?? { name: this.#place(member).site.name, output: null });
  }

  #event(tag: number, { siteNumber, itemNumber, low, high }: Invocation, argument = 0): void {
    this.#machine!.push(tag, siteNumber, itemNumber, low, high, argument);
  }

  #gave(invocation: Invocation, given: NodeOutput | string | void | null): void {
    let port = 'success';
    let result: unknown;
    if (typeof given === 'string') port = given;
    else if (given !== null && given !== undefined) {
      if (given.output !== undefined) port = String(given.output);
      result = given.result;
      if (given.errors !== undefined) for (const error of given.errors) invocation.target.collectError(error);
    }
    const place = this.#place(invocation.siteNumber);
    invocation.output = port;
    if (invocation.role === 0) {
      if (invocation.itemNumber !== NONE) this.#keepItem(invocation, place, port, result);
      else if (place.site.owner !== null) this.#fans.set(invocation.siteNumber + MEMBER, [{ name: place.site.name, output: port, result }]);
    }
    this.#answered.push(invocation);
    this.#event(FINISHED, invocation, this.#plan.ports.get(port) ?? UNKNOWN_PORT);
  }

  #keepItem(invocation: Invocation, { site }: Place, output: string, given: unknown): void {
    const { target, item, index } = invocation;
    let result = given;
    if (result === undefined) {
      // What the node left in the item's place, in either of the two.
      const noted = target.metadata[site.itemKey!];
      result = noted !== item ? noted : this.#world.accessor.get(target, site.itemKey!);
    }
    this.#takeNotes(invocation);
    this.#fans.get(invocation.siteNumber)![index!] = { name: index!, item, result, output };
  }

  #takeNotes({ target, state }: Invocation): void {
    if (target === state) return;
    state[INTERNAL].errors.push(...target[INTERNAL].errors);
    state[INTERNAL].warnings.push(...target[INTERNAL].warnings);
  }

  #threw(invocation: Invocation, error: unknown): void {
    invocation.error = error;
    this.#answered.push(invocation);
    if (invocation.isReason(error)) this.#event(ABORTED, invocation);
    else this.#event(FAILED, invocation, (error as { fatal?: boolean } | null)?.fatal === true ? 1 : 0);
  }

  #startTimer(site: number, item: number, low: number, high: number, ms: number): void {
    const key = serialOf(low, high);
    this.#timers.set(key, this.#world.scheduler.schedule(() => {
      this.#timers.delete(key);
      this.#machine!.push(TIMER, site, item, low, high, 0);
      this.#drain();
    }, ms));
  }

  /** The dispatcher wants a run cut short: because the flow is to end, or because its own time is over. */
  #cut(key: number, site: number): void {
    const unborn = this.#unborn.get(key);
    if (unborn !== undefined) {
      this.#unborn.delete(key);
      this.#event(ABORTED, unborn);
      return;
    }
    const invocation = this.#open.get(key);
    if (invocation === undefined) return;
    const stop = this.#stop !== null && this.#stop.told ? this.#stop : null;
    const place = this.#place(site);
    invocation.abort(stop === null ? new NodeTimeoutError(place.site.path, place.timeoutMs) : abortReason(stop.reason));
    if (stop === null) {
      this.#open.delete(key);
      return;
    }
    const abandon = (): void => {
      if (this.#open.delete(key)) {
        this.#event(ABORTED, invocation);
        this.#drain();
      }
    };
    // A deadline is hard. A cancelled node may come to its end: what it has done is then not done again.
    if (stop.tag === DEADLINE) abandon();
    else this.#release.push(this.#world.scheduler.schedule(abandon, GRACE_MS));
  }

  #nodeError(site: number, item: number, low: number, high: number, cause: number, retry: number): void {
    const place = this.#place(site);
    const { path } = place.site;
    const invocation = this.#told.find((one) => one.siteNumber === site && one.low === low && one.high === high);
    const error = this.#errorOf(place, site, cause, invocation);
    const state = this.#stateAt(site);
    const name = item === NONE ? place.site.name : `${place.site.name}[${item}]`;
    this.#hook('error', name, error, state);
    if (retry !== 0) return;
    this.#failures.set(place.site.flow, error);
    if (item !== NONE) {
      if (invocation !== undefined) this.#takeNotes(invocation);
      this.#failures.set(-1 - site, error);
      const kept = this.#fans.get(site);
      if (kept !== undefined) kept[item] = { name: item, item: this.#items.get(site)?.[item], output: null, error };
    } else if (place.site.owner !== null) {
      this.#failures.set(-1 - place.site.owner, error);
      this.#fans.set(site + MEMBER, [{ name: place.site.name, output: null, error }]);
    }
    state[INTERNAL].errors.push({
      code: (error as { code?: unknown } | null)?.code === undefined ? 'NODE_FAILED' : String((error as { code: unknown }).code),
      message: messageOf(error),
      nodeName: item === NONE ? path : `${path}[${item}]`,
      timestamp: new Date(this.#world.clock.now()).toISOString(),
      recoverable: false,
    });
  }

  #errorOf(place: Place, number: number, cause: number, invocation: Invocation | undefined): unknown {
    const { site } = place;
    switch (cause) {
      case 1:
        return new NodeTimeoutError(site.path, place.timeoutMs);
      case 2: {
        const wired = [...place.wired].join(', ');
        return new ExecutionError(`The node ${site.path} gave the port ${JSON.stringify(invocation?.output)}, which is not wired; wired are: ${wired}`, { path: site.path });
      }
      case 3: {
        const inner = this.#failures.get(site.child!);
        return new ExecutionError(`The sub-DAG ${site.path} failed: ${messageOf(inner)}`, { cause: inner, path: site.path });
      }
      case 4: {
        const inner = this.#failures.get(-1 - number);
        return new ExecutionError(`Members of ${site.path} failed: ${messageOf(inner)}`, { cause: inner, path: site.path });
      }
      default:
        return invocation?.error;
    }
  }

  #nodeEnd(number: number, item: number, port: number): void {
    const place = this.#place(number);
    const { site } = place;
    const name = this.#plan.compiled.ports[port] ?? '';
    const dag = this.#plan.compiled.name;
    if (item !== NONE) {
      record(dag, this.#number, `${site.path}[${item}] ${name}`);
      return;
    }
    const skipped = site.kind === 'fan-out' && name === 'empty';
    (skipped ? this.#skipped : this.#executed).push(site.path);
    record(dag, this.#number, place.labels[port] ??= `${site.path} ${name}`);
    if (site.owner !== null && !this.#fans.has(number + MEMBER)) this.#fans.set(number + MEMBER, [{ name: site.name, output: name }]);
    const state = this.#stateAt(number);
    if (this.#world.hooks.nodeEnd !== null) this.#hook('nodeEnd', site.name, name, state);
    if (this.#tell !== null) {
      this.#paused = true;
      this.#tell({ nodeName: site.path, output: name, skipped, state: this.#state });
    }
  }

  /** All items of a fan-out have ended: their results go where the document says, in the items' order. */
  #merge(number: number): void {
    const { site } = this.#place(number);
    if (site.kind !== 'fan-out') {
      for (const member of site.members ?? []) this.#fans.delete(member + MEMBER);
      return;
    }
    const state = this.#stateAt(number);
    const results = this.#fans.get(number) ?? [];
    const append = (path: string, value: unknown): void => {
      const list = this.#world.accessor.get(state, path);
      if (Array.isArray(list)) list.push(value);
      else if (list === undefined || list === null) this.#world.accessor.set(state, path, [value]);
      else throw new ExecutionError(`The results of ${site.path} cannot be appended to ${JSON.stringify(path)}: it is no array`);
    };
    const fanIn = site.fanIn!;
    for (const result of results) {
      if (result === undefined) continue;
      if (fanIn.strategy === 'append') {
        if (result.output !== null && result.output !== 'error') append(fanIn.target, result.result);
      } else if (fanIn.strategy === 'partition') {
        const path = fanIn.partitions.find(([port]) => port === (result.output ?? 'error'))?.[1];
        if (path !== undefined) append(path, result.output === null ? result.item : result.result);
      }
    }
    this.#fans.delete(number);
    this.#items.delete(number);
  }

  #enter(flow: number): void {
    const parent = this.#plan.compiled.flows[flow]!.parent!;
    const { mapping } = this.#place(parent).site;
    if (!mapping) return;
    const outer = this.#stateAt(parent);
    const child = outer.clone();
    child[INTERNAL].errors = [];
    child[INTERNAL].warnings = [];
    for (const [inside, outside] of mapping.input) {
      this.#world.accessor.set(child, inside, this.#world.accessor.get(outer, outside));
    }
    this.#children.set(flow, child);
  }

  #leave(flow: number, completed: boolean): void {
    const child = this.#children.get(flow);
    if (child === undefined) return;
    const parent = this.#plan.compiled.flows[flow]!.parent!;
    const outer = this.#stateAt(parent);
    const { mapping } = this.#place(parent).site;
    if (completed) {
      for (const [outside, inside] of mapping!.output) {
        this.#world.accessor.set(outer, outside, this.#world.accessor.get(child, inside));
      }
    }
    outer[INTERNAL].errors.push(...child[INTERNAL].errors);
    outer[INTERNAL].warnings.push(...child[INTERNAL].warnings);
    this.#children.delete(flow);
  }

  #finish(end: (typeof ENDS)[number]): void {
    let cursor: string | null = null;
    if (end !== 'completed') {
      cursor = this.#machine!.look().cursor;
      if (cursor !== null) {
        this.#state[INTERNAL].progress = {
          dag: this.#plan.compiled.handle, cursor, machine: this.#machine!.state.slice(),
          children: this.#children, fans: this.#fans, executed: this.#executed, skipped: this.#skipped,
        };
      }
    }
    this.#end(end, cursor);
  }

  #end(end: (typeof ENDS)[number], cursor: string | null): void {
    const internals = this.#state[INTERNAL];
    this.#close();
    internals.lifecycle = LifecycleMachine.end(internals.lifecycle, end, this.#world.clock.now(), {
      reason: this.#stop === null ? '' : reasonText(this.#stop.reason),
      error: this.#failures.get(0),
    });
    const result: ExecutionResult<TState> = {
      cursor, executedNodes: this.#executed, skippedNodes: this.#skipped, state: this.#state,
    };
    this.#hook('flowEnd', this.#plan.compiled.name, this.#state, result);
    this.#done.resolve(result);
  }

  /** A fault of the program's DAG or of ours: the flow cannot be driven. */
  #crash(error: unknown): void {
    if (this.#ended) return;
    this.#close();
    const internals = this.#state[INTERNAL];
    // Where it did not begin, the state may be another flow's.
    if (this.#begun && internals.lifecycle.kind === 'running') {
      internals.lifecycle = LifecycleMachine.end(internals.lifecycle, 'failed', this.#world.clock.now(), { error });
    }
    this.#done.reject(error);
  }

  #close(): void {
    this.#ended = true;
    for (const release of this.#release.splice(0)) release();
    for (const stop of this.#timers.values()) stop();
    this.#timers.clear();
  }
}
