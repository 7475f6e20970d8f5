// The states that a flow and its sub-DAGs work on.
import type { Place, World } from './invocation.ts';
import { INTERNAL, type NodeStateBase } from './state.ts';

const NONE_YET: Map<number, any> = new Map();

export class States {
  readonly #world: World;
  readonly #outer: any;
  /** Flow → its state, where that is not the outer one. */
  #children: Map<number, any>;

  constructor(world: World, outer: NodeStateBase, children: Map<number, any> = NONE_YET) {
    this.#world = world;
    this.#outer = outer;
    this.#children = children;
  }

  /** For the progress of an unfinished flow. */
  get children(): Map<number, any> {
    return this.#children;
  }

  #place(site: number): Place {
    return this.#world.plan.places[site]!;
  }

  /** The state of a flow: its own, or that of the flow around it. */
  of(flow: number): any {
    for (let at: number | null = flow; at !== 0 && at !== null;) {
      const own = this.#children.get(at);
      if (own !== undefined) return own;
      const parent: number | null = this.#world.plan.compiled.flows[at]!.parent;
      at = parent === null ? null : this.#place(parent).site.flow;
    }
    return this.#outer;
  }

  at(site: number): any {
    return this.of(this.#place(site).site.flow);
  }

  /** A sub-DAG begins: with a mapping it gets a state of its own. */
  enter(flow: number): void {
    const parent = this.#world.plan.compiled.flows[flow]!.parent!;
    const { mapping } = this.#place(parent).site;
    if (!mapping) return;
    const outer = this.at(parent);
    const child = outer.clone();
    child[INTERNAL].errors = [];
    child[INTERNAL].warnings = [];
    const { accessor } = this.#world;
    for (const [inside, outside] of mapping.input) accessor.set(child, inside, accessor.get(outer, outside));
    if (this.#children === NONE_YET) this.#children = new Map();
    this.#children.set(flow, child);
  }

  /** A sub-DAG has ended: what its mapping names comes out if it has completed. */
  leave(flow: number, completed: boolean): void {
    const child = this.#children.get(flow);
    if (child === undefined) return;
    const parent = this.#world.plan.compiled.flows[flow]!.parent!;
    const outer = this.at(parent);
    if (completed) {
      const { accessor } = this.#world;
      for (const [outside, inside] of this.#place(parent).site.mapping!.output) {
        accessor.set(outer, outside, accessor.get(child, inside));
      }
    }
    outer[INTERNAL].errors.push(...child[INTERNAL].errors);
    outer[INTERNAL].warnings.push(...child[INTERNAL].warnings);
    this.#children.delete(flow);
  }
}
