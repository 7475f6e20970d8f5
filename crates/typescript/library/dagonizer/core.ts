// The dispatcher's face: what is registered, and the flows that are begun with it.
import type { Clock, ExecuteOptions, MemberResult, NodeInterface, Scheduler, StateAccessor } from './contracts.ts';
import type { DAG, ExecutionResult, Placement } from './entities.ts';
import { ConfigurationError, NotFoundError } from './errors.ts';
import { Execution } from './execution.ts';
import { Flow } from './flow.ts';
import type { Hooks, Place, World } from './invocation.ts';
import { check, compile, refuse, type Site } from './machine.ts';
import { DottedPathAccessor, RealTimeScheduler, SystemClock } from './runtime.ts';
import { NodeStateBase } from './state.ts';

export { Execution } from './execution.ts';
export { NodeStateBase } from './state.ts';

export interface DagonizerOptions<TServices = unknown> {
  /** Handed to every node. */
  services?: TServices;
  accessor?: StateAccessor;
  clock?: Clock;
  scheduler?: Scheduler;
}

export class Dagonizer<TState extends NodeStateBase = NodeStateBase, TServices = unknown> {
  readonly services: TServices;
  readonly accessor: StateAccessor;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #dags = new Map<string, DAG>();
  readonly #nodes = new Map<string, NodeInterface<any, any, any>>();
  /** What flows of a DAG work with. */
  readonly #worlds = new Map<string, World>();
  #hooks: Hooks | null = null;
  #destroyed = false;

  constructor(options: DagonizerOptions<TServices> = {}) {
    this.services = options.services as TServices;
    this.accessor = options.accessor ?? new DottedPathAccessor();
    this.#clock = options.clock ?? new SystemClock();
    this.#scheduler = options.scheduler ?? new RealTimeScheduler();
  }

  /** Checks and adds a document; a `ValidationError` lists everything that is wrong with it. */
  registerDAG(dag: DAG): this {
    this.#alive();
    const ports = Object.fromEntries([...this.#nodes].map(([name, node]) => [name, node.outputs]));
    const { problems } = check(dag, ports);
    if (problems.length > 0) refuse(String((dag as DAG | null)?.name ?? ''), problems);
    if (this.#dags.has(dag.name)) {
      throw new ConfigurationError(`A DAG named ${JSON.stringify(dag.name)} is registered already; give this one another name`);
    }
    this.#dags.set(dag.name, structuredClone(dag));
    this.#worlds.clear();
    return this;
  }

  registerNode(node: NodeInterface<TState, any, TServices>): this {
    this.#alive();
    if (typeof node?.name !== 'string' || node.name === '') throw new ConfigurationError('A node needs a name');
    if (typeof node.execute !== 'function') throw new ConfigurationError(`The node ${JSON.stringify(node.name)} has no function execute`);
    if (!Array.isArray(node.outputs) || node.outputs.length === 0 || !node.outputs.every((port) => typeof port === 'string' && port !== '')) {
      throw new ConfigurationError(`The node ${JSON.stringify(node.name)} must list its ports: outputs: ['success', …]`);
    }
    const known = this.#nodes.get(node.name);
    if (known !== undefined && known !== node) {
      throw new ConfigurationError(`A node named ${JSON.stringify(node.name)} is registered already; give this one another name`);
    }
    this.#nodes.set(node.name, node);
    this.#worlds.clear();
    return this;
  }

  /** Names a function that combines the ports of a parallel group: its result is the group's port. */
  registerCombine(name: string, combine: (results: readonly MemberResult[], state: TState) => string | Promise<string>): this {
    return this.registerNode({ name, outputs: ['success', 'error'], execute: (state, { results }) => combine(results ?? [], state) });
  }

  getDAG(name: string): DAG {
    const dag = this.#dags.get(name);
    if (dag === undefined) throw this.#unknown('DAG', name, this.listDAGs());
    return structuredClone(dag);
  }

  getNode(name: string): NodeInterface<TState, any, TServices> {
    const node = this.#nodes.get(name);
    if (node === undefined) throw this.#unknown('node', name, this.listNodes());
    return node;
  }

  listDAGs(): string[] {
    return [...this.#dags.keys()];
  }

  listNodes(): string[] {
    return [...this.#nodes.keys()];
  }

  /** Forgets all that is registered; flows under way go on. */
  destroy(): void {
    this.#destroyed = true;
    this.#dags.clear();
    this.#nodes.clear();
    this.#worlds.clear();
  }

  /** Runs a DAG on a state. However the flow ends is in the result and in the state's lifecycle. */
  execute(name: string, state: TState, options: ExecuteOptions = {}): Execution<TState> {
    return this.#begin(name, state, options);
  }

  /** Goes on at a cursor: a path as a result gives it, or the name of a placement anywhere in the DAG. */
  resume(name: string, state: TState, cursor: string, options: ExecuteOptions = {}): Execution<TState> {
    if (typeof cursor !== 'string' || cursor === '') {
      throw new ConfigurationError('resume needs a cursor: what a result gave, or the name of a placement');
    }
    return this.#begin(name, state, options, cursor);
  }

  // Hooks: a subclass watches. They decide nothing.
  protected onFlowStart(_dagName: string, _state: TState): void {}
  /** `result` is null for a sub-DAG. */
  protected onFlowEnd(_dagName: string, _state: TState, _result: ExecutionResult<TState> | null): void {}
  protected onNodeStart(_nodeName: string, _state: TState): void {}
  protected onNodeEnd(_nodeName: string, _output: string, _state: TState): void {}
  /** An attempt failed; it may be tried again. */
  protected onError(_nodeName: string, _error: unknown, _state: TState): void {}

  #begin(name: string, state: TState, options: ExecuteOptions, cursor?: string): Execution<TState> {
    this.#alive();
    if (!(state instanceof NodeStateBase)) throw new ConfigurationError('The state must be of a class that extends NodeStateBase');
    if (options.deadlineMs !== undefined && !(options.deadlineMs >= 0)) {
      throw new ConfigurationError(`deadlineMs must be a number of milliseconds, not ${options.deadlineMs}`);
    }
    return new Execution(new Flow<TState>(this.#worldOf(name), state, options, cursor));
  }

  /** The hooks that a subclass has; what it has not costs nothing. */
  #overridden(): Hooks {
    const base = Dagonizer.prototype as any;
    const self = this as any;
    const of = (name: string): any => (self[name] === base[name] ? null : (...args: unknown[]) => self[name](...args));
    return {
      flowStart: of('onFlowStart'), flowEnd: of('onFlowEnd'), nodeStart: of('onNodeStart'), nodeEnd: of('onNodeEnd'), error: of('onError'),
    };
  }

  #worldOf(name: string): World {
    const known = this.#worlds.get(name);
    if (known !== undefined) return known;
    if (!this.#dags.has(name)) throw this.#unknown('DAG', name, this.listDAGs());
    const documents = this.#reached(name);
    const ports = Object.fromEntries([...this.#nodes].map(([node, { outputs }]) => [node, outputs]));
    for (const document of documents) {
      const { problems } = check(document, ports);
      if (problems.length > 0) refuse(document.name, problems);
    }
    const compiled = compile(name, documents);
    const byName = new Map(documents.map((document) => [document.name, document]));
    const places = compiled.sites.map((site) => this.#placeOf(site, byName.get(compiled.flows[site.flow]!.dag)!));
    this.#hooks ??= this.#overridden();
    const world: World = {
      plan: { compiled, places, ports: new Map(compiled.ports.map((port, index) => [port, index])), line: undefined },
      services: this.services, accessor: this.accessor, clock: this.#clock, scheduler: this.#scheduler, hooks: this.#hooks,
    };
    this.#worlds.set(name, world);
    return world;
  }

  #placeOf(site: Site, document: DAG): Place {
    const placement: Placement | undefined = document.nodes.find((one) => one.name === site.name);
    const where = `The DAG ${JSON.stringify(document.name)}: ${JSON.stringify(site.name)}`;
    const find = (name: string | undefined): NodeInterface<any, any, any> | null => {
      if (name === undefined) return null;
      const node = this.#nodes.get(name);
      if (node === undefined) throw new NotFoundError(`${where} runs the node ${JSON.stringify(name)}, which is not registered`, { path: site.path });
      return node;
    };
    const gather = site.kind === 'parallel' ? (site.custom ? site.combine : undefined)
      : site.fanIn?.strategy === 'custom' ? site.fanIn.customNode : undefined;
    return {
      site, node: find(site.node), gather: find(gather), timeoutMs: placement?.timeoutMs ?? 0,
      wired: new Set(Object.keys(placement?.outputs ?? {})), labels: [],
    };
  }

  /** The document of this name and those of its sub-DAGs. */
  #reached(name: string): DAG[] {
    const found = new Map<string, DAG>();
    const open = [name];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const document = this.#dags.get(next);
      if (found.has(next) || document === undefined) continue;
      found.set(next, document);
      for (const placement of document.nodes) if (placement['@type'] === 'DeepDAGNode') open.push(placement.dag);
    }
    return [...found.values()];
  }

  #alive(): void {
    if (this.#destroyed) throw new ConfigurationError('This dispatcher was destroyed; make a new one');
  }

  #unknown(what: string, name: string, known: string[]): NotFoundError {
    return new NotFoundError(`No ${what} is registered as ${JSON.stringify(name)}${known.length > 0 ? `; there are: ${known.join(', ')}` : ''}`);
  }
}
