// A flow by the dispatcher's word: what it says is done here, and what happens is told to it.
import type { MemberResult, NodeContext, NodeOutput } from './contracts.ts';
import { ExecutionError, NodeTimeoutError } from './errors.ts';
import type { Flow } from './flow.ts';
import { Gather, takeNotes } from './gather.ts';
import { Invocation, type Place, type Plan, type World, abortReason, isThenable, messageOf, reasonText } from './invocation.ts';
import { FINISHED, type Machine, NONE, UNKNOWN_PORT, WORDS } from './machine.ts';
import type { Progress } from './progress.ts';
import { record } from './record.ts';
import { INTERNAL } from './state.ts';
import { States } from './states.ts';

/** Events, as the dispatcher numbers them. */
export const RESUME = 1;
const FAILED = 3, ABORTED = 4, ITEMS = 5, TIMER = 6, CANCEL = 7, DEADLINE = 8;
/** Roles of runs. */
const ROLE_ITEMS = 1, ROLE_FAN_IN = 2, ROLE_COMBINE = 3;
const ENDS = ['completed', 'failed', 'cancelled', 'timed_out'] as const;

/** How long a cancelled node that does not listen to its signal may go on before it counts as cut short. */
const GRACE_MS = 5_000;

const serialOf = (low: number, high: number): number => high * 0x1_0000_0000 + low;
const keyOf = ({ call }: Invocation): number => serialOf(call.low, call.high);

export class Routes {
  readonly #flow: Flow<any>;
  readonly #world: World;
  readonly #plan: Plan;
  readonly #machine: Machine;
  readonly #states: States;
  readonly #gather: Gather;
  /** Runs whose end is awaited, by their serials. */
  readonly #open = new Map<number, Invocation>();
  /** Runs that a cancellation came before. */
  readonly #unborn = new Map<number, Invocation>();
  /** Runs that were answered since the last step, and before it. */
  #answered: Invocation[] = [];
  #told: Invocation[] = [];
  readonly #timers = new Map<number, () => void>();
  /** Flow, or -1 less the site of a group → what it failed with. */
  readonly #failures = new Map<number, unknown>();
  #draining = false;

  constructor(flow: Flow<any>, machine: Machine, progress: Progress | null) {
    this.#flow = flow;
    this.#world = flow.world;
    this.#plan = flow.world.plan;
    this.#machine = machine;
    this.#states = new States(this.#world, flow.state, progress === null ? undefined : new Map(progress.children));
    this.#gather = new Gather(this.#world, progress === null ? undefined
      : new Map([...progress.fans].map(([site, results]) => [site, results.slice()])));
  }

  /** A run that is under way already. */
  adopt(invocation: Invocation): void {
    this.#open.set(keyOf(invocation), invocation);
  }

  /** A run that is not begun, since the flow is to end. */
  refuse(invocation: Invocation): void {
    this.#unborn.set(keyOf(invocation), invocation);
    this.drain();
  }

  /** What awaited runs gave; one that was given up is none of ours any more. */
  settled(invocation: Invocation, given: NodeOutput | string | void): void {
    if (this.#open.delete(keyOf(invocation))) this.gave(invocation, given);
  }

  failed(invocation: Invocation, error: unknown): void {
    if (this.#open.delete(keyOf(invocation))) this.threw(invocation, error);
  }

  /** Timers that are left. */
  close(): void {
    for (const stop of this.#timers.values()) stop();
    this.#timers.clear();
  }

  #tellStop(): void {
    const stop = this.#flow.stop!;
    stop.told = true;
    this.#machine.step(stop.hard ? DEADLINE : CANCEL, stop.hard ? null : reasonText(stop.reason));
  }

  /** Gives events to the dispatcher and does what it says, until nothing is left to do now. */
  drain(): void {
    const machine = this.#machine, flow = this.#flow;
    if (this.#draining || flow.ended) return;
    this.#draining = true;
    try {
      for (;;) {
        // What is left waits for an iteration to go on.
        if (machine.at < machine.to && !this.#perform(machine)) return;
        if (flow.ended) return;
        this.#told = this.#answered;
        this.#answered = [];
        if (machine.ready) machine.step();
        else if (flow.stop !== null && !flow.stop.told) this.#tellStop();
        else return;
      }
    } catch (error) {
      flow.crash(error);
    } finally {
      this.#draining = false;
    }
  }

  /** Whether all was done. */
  #perform(machine: Machine): boolean {
    const { actions, at: from, to } = machine;
    const flow = this.#flow;
    machine.at = to;
    for (let at = from; at < to; at += WORDS) {
      if (flow.paused && flow.tell !== null) {
        machine.at = at;
        return false;
      }
      const site = actions[at + 1]!, item = actions[at + 2]!, low = actions[at + 3]!, high = actions[at + 4]!, a = actions[at + 5]!;
      switch (actions[at]) {
        case 0:
          flow.hook('flowStart', this.#plan.compiled.flows[site]!.dag, this.#states.of(site));
          break;
        case 1:
          if (item === NONE && this.#world.hooks.nodeStart !== null) flow.hook('nodeStart', this.#place(site).site.name, this.#states.at(site));
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
          this.#gather.merge(site, this.#place(site), this.#states.at(site));
          break;
        case 9:
          this.#states.enter(site);
          break;
        case 10:
          this.#states.leave(site, a === 1);
          break;
        case 11:
          // The outermost flow's end is told with its result.
          if (site !== 0) flow.hook('flowEnd', this.#plan.compiled.flows[site]!.dag, this.#states.of(site), null);
          break;
        case 12:
          this.#finish(ENDS[a]!);
          return true;
      }
    }
    return true;
  }

  #place(site: number): Place {
    return this.#plan.places[site]!;
  }

  #run(site: number, item: number, low: number, high: number, attempt: number, role: number): void {
    const place = this.#place(site);
    const dag = this.#plan.compiled.flows[place.site.flow]!.dag;
    const state = this.#states.at(site);
    const invocation = new Invocation({ site, item, low, high, role, attempt, place, dag }, this.#world.services, state);
    if (this.#flow.stop !== null) {
      this.#unborn.set(keyOf(invocation), invocation);
      return;
    }
    let node = place.node;
    let given: unknown;
    try {
      if (role === ROLE_ITEMS) return this.#event(ITEMS, invocation, this.#gather.count(invocation, place.site));
      if (role === ROLE_FAN_IN || role === ROLE_COMBINE) {
        node = place.gather;
        (invocation as { results?: readonly MemberResult[] }).results =
          role === ROLE_FAN_IN ? this.#gather.ofItems(site) : this.#gather.ofMembers(place);
      }
      if (item !== NONE) this.#gather.prepare(invocation, place, item);
      given = node!.execute(invocation.target, invocation as NodeContext<any>);
    } catch (error) {
      return this.threw(invocation, error);
    }
    if (!isThenable(given)) return this.gave(invocation, given as NodeOutput | string | void);
    this.adopt(invocation);
    given.then((output) => this.settled(invocation, output), (error) => this.failed(invocation, error));
  }

  #event(tag: number, { call }: Invocation, argument = 0): void {
    this.#machine.push(tag, call.site, call.item, call.low, call.high, argument);
  }

  /** A run has ended with what its node gave. */
  gave(invocation: Invocation, given: NodeOutput | string | void | null): void {
    try {
      this.#note(invocation, given);
    } catch (error) {
      return this.#flow.crash(error);
    }
    this.drain();
  }

  #note(invocation: Invocation, given: NodeOutput | string | void | null): void {
    let port = 'success';
    let result: unknown;
    if (typeof given === 'string') port = given;
    else if (given !== null && given !== undefined) {
      if (given.output !== undefined) port = String(given.output);
      result = given.result;
      if (given.errors !== undefined) for (const error of given.errors) invocation.target.collectError(error);
    }
    const { site, item, role, place } = invocation.call;
    invocation.output = port;
    if (role === 0) {
      if (item !== NONE) this.#gather.keepItem(invocation, place, port, result);
      else if (place.site.owner !== null) this.#gather.keepMember(site, { name: place.site.name, output: port, result });
    }
    this.#answered.push(invocation);
    this.#event(FINISHED, invocation, this.#plan.ports.get(port) ?? UNKNOWN_PORT);
  }

  /** A run has ended with an error. */
  threw(invocation: Invocation, error: unknown): void {
    invocation.error = error;
    this.#answered.push(invocation);
    if (invocation.isReason(error)) this.#event(ABORTED, invocation);
    else this.#event(FAILED, invocation, (error as { fatal?: boolean } | null)?.fatal === true ? 1 : 0);
    this.drain();
  }

  #startTimer(site: number, item: number, low: number, high: number, ms: number): void {
    const key = serialOf(low, high);
    this.#timers.set(key, this.#world.scheduler.schedule(() => {
      this.#timers.delete(key);
      this.#machine.push(TIMER, site, item, low, high, 0);
      this.drain();
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
    const flow = this.#flow;
    const stop = flow.stop !== null && flow.stop.told ? flow.stop : null;
    const place = this.#place(site);
    invocation.abort(stop === null ? new NodeTimeoutError(place.site.path, place.timeoutMs) : abortReason(stop.reason));
    if (stop === null) {
      this.#open.delete(key);
      return;
    }
    const abandon = (): void => {
      if (this.#open.delete(key)) {
        this.#event(ABORTED, invocation);
        this.drain();
      }
    };
    // A deadline is hard. A cancelled node may come to its end: what it has done is then not done again.
    if (stop.hard) abandon();
    else flow.hold(this.#world.scheduler.schedule(abandon, GRACE_MS));
  }

  #nodeError(site: number, item: number, low: number, high: number, cause: number, retry: number): void {
    const place = this.#place(site);
    const { name, path, flow, owner } = place.site;
    const invocation = this.#told.find(({ call }) => call.site === site && call.low === low && call.high === high);
    const error = this.#errorOf(place, site, cause, invocation);
    const state = this.#states.at(site);
    this.#flow.hook('error', item === NONE ? name : `${name}[${item}]`, error, state);
    if (retry !== 0) return;
    this.#failures.set(flow, error);
    if (item !== NONE) {
      if (invocation !== undefined) takeNotes(invocation);
      this.#failures.set(-1 - site, error);
      this.#gather.failItem(site, item, error);
    } else if (owner !== null) {
      this.#failures.set(-1 - owner, error);
      this.#gather.keepMember(site, { name, output: null, error });
    }
    state[INTERNAL].errors.push({
      code: (error as { code?: unknown } | null)?.code === undefined ? 'NODE_FAILED' : String((error as { code: unknown }).code),
      message: messageOf(error),
      nodeName: item === NONE ? path : `${path}[${item}]`,
      timestamp: new Date(this.#world.clock.now()).toISOString(),
      recoverable: false,
    });
  }

  #errorOf({ site, timeoutMs, wired }: Place, number: number, cause: number, invocation: Invocation | undefined): unknown {
    const { path } = site;
    const within = (what: string, inner: unknown): ExecutionError => new ExecutionError(`${what} failed: ${messageOf(inner)}`, { cause: inner, path });
    switch (cause) {
      case 1:
        return new NodeTimeoutError(path, timeoutMs);
      case 2:
        return new ExecutionError(
          `The node ${path} gave the port ${JSON.stringify(invocation?.output)}, which is not wired; wired are: ${[...wired].join(', ')}`, { path },
        );
      case 3:
        return within(`The sub-DAG ${path}`, this.#failures.get(site.child!));
      case 4:
        return within(`Members of ${path}`, this.#failures.get(-1 - number));
      default:
        return invocation?.error;
    }
  }

  #nodeEnd(number: number, item: number, port: number): void {
    const place = this.#place(number);
    const { site } = place;
    const { ports, name: dag } = this.#plan.compiled;
    const flow = this.#flow;
    const name = ports[port] ?? '';
    if (item !== NONE) {
      record(dag, flow.number, `${site.path}[${item}] ${name}`);
      return;
    }
    const skipped = site.kind === 'fan-out' && name === 'empty';
    (skipped ? flow.skipped : flow.executed).push(site.path);
    record(dag, flow.number, place.labels[port] ??= `${site.path} ${name}`);
    if (site.owner !== null && !this.#gather.hasMember(number)) this.#gather.keepMember(number, { name: site.name, output: name });
    if (this.#world.hooks.nodeEnd !== null) flow.hook('nodeEnd', site.name, name, this.#states.at(number));
    if (flow.tell !== null) {
      flow.paused = true;
      flow.tell({ nodeName: site.path, output: name, skipped, state: flow.state });
    }
  }

  #finish(end: (typeof ENDS)[number]): void {
    const flow = this.#flow;
    let cursor: string | null = null;
    if (end !== 'completed') {
      cursor = this.#machine.look().cursor;
      if (cursor !== null) {
        flow.state[INTERNAL].progress = {
          dag: this.#plan.compiled.handle, cursor, machine: this.#machine.state.slice(),
          children: this.#states.children, fans: this.#gather.results, executed: flow.executed, skipped: flow.skipped,
        };
      }
    }
    flow.end(end, cursor, this.#failures.get(0));
  }
}
