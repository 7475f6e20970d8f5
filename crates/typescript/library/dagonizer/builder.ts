// Documents, written as code.
import type { NodeInterface } from './contracts.ts';
import type { DAG, FanIn, Outputs, Placement, RetryOptions, StateMapping } from './entities.ts';
import { ConfigurationError } from './errors.ts';
import { check, refuse } from './machine.ts';

export interface PlacementOptions {
  timeoutMs?: number;
  retry?: RetryOptions;
}

export interface FanOutOptions extends PlacementOptions {
  fanIn: FanIn;
  itemKey?: string;
  concurrency?: number;
}

export interface DeepDAGOptions extends PlacementOptions {
  stateMapping?: StateMapping;
}

type NodeRef = string | Pick<NodeInterface, 'name' | 'outputs'>;

const nameOf = (node: NodeRef): string => (typeof node === 'string' ? node : node.name);

/** Collects placements; the first is the entrypoint unless another is named. */
export class DAGBuilder {
  readonly #name: string;
  readonly #version: string;
  readonly #nodes: Placement[] = [];
  readonly #ports: Record<string, readonly string[]> = {};
  #entrypoint: string | null = null;

  constructor(name: string, version = '1') {
    this.#name = name;
    this.#version = version;
  }

  /** Runs one node. */
  node(name: string, node: NodeRef, outputs: Outputs, options: PlacementOptions = {}): this {
    return this.#add({ '@type': 'SingleNode', name, node: this.#known(node), outputs, ...options });
  }

  /** Runs several at one time. */
  parallel(name: string, nodes: readonly NodeRef[], combine: string, outputs: Outputs, options: PlacementOptions = {}): this {
    return this.#add({ '@type': 'ParallelNode', name, nodes: nodes.map((node) => this.#known(node)), combine, outputs, ...options });
  }

  /** Runs one node for each item of an array in the state. */
  fanOut(name: string, node: NodeRef, source: string, outputs: Outputs, options: FanOutOptions): this {
    return this.#add({ '@type': 'FanOutNode', name, node: this.#known(node), source, outputs, ...options });
  }

  /** Runs another DAG. */
  deepDAG(name: string, dag: string | DAG, outputs: Outputs, options: DeepDAGOptions = {}): this {
    return this.#add({ '@type': 'DeepDAGNode', name, dag: typeof dag === 'string' ? dag : dag.name, outputs, ...options });
  }

  entrypoint(name: string): this {
    this.#entrypoint = name;
    return this;
  }

  /** The document, checked: a `ValidationError` lists everything that is wrong with it. */
  build(): DAG {
    const first = this.#nodes[0];
    if (first === undefined) throw new ConfigurationError(`The DAG ${JSON.stringify(this.#name)} has no placement; add one with node()`);
    const document: DAG = {
      '@type': 'DAG', name: this.#name, version: this.#version,
      entrypoint: this.#entrypoint ?? first.name, nodes: structuredClone(this.#nodes),
    };
    const { problems } = check(document, this.#ports);
    if (problems.length > 0) refuse(this.#name, problems);
    return document;
  }

  #known(node: NodeRef): string {
    if (typeof node !== 'string') this.#ports[node.name] = node.outputs;
    return nameOf(node);
  }

  #add(placement: Placement): this {
    // What is undefined is absent in a document.
    const entries = Object.entries(placement).filter(([, value]) => value !== undefined);
    this.#nodes.push(Object.fromEntries(entries) as unknown as Placement);
    return this;
  }
}
