// What the members of groups and the items of fan-outs gave, until the flow goes on behind them.
import type { MemberResult } from './contracts.ts';
import { ExecutionError } from './errors.ts';
import type { Invocation, Place, World } from './invocation.ts';
import type { Site } from './machine.ts';
import { INTERNAL, NodeStateBase, cloneState } from './state.ts';

/** Results of members are kept with those of items, under the member's place and this. */
const MEMBER = 0x4000_0000;
/** What most flows never have; it is made when something is put into it. */
const NONE_YET: Map<number, any> = new Map();

export class Gather {
  readonly #world: World;
  #results: Map<number, MemberResult[]>;
  /** Fan-out → its items, as they were when they were counted. */
  #items: Map<number, readonly unknown[]> = NONE_YET;

  constructor(world: World, results: Map<number, MemberResult[]> = NONE_YET) {
    this.#world = world;
    this.#results = results;
  }

  /** For the progress of an unfinished flow. */
  get results(): Map<number, MemberResult[]> {
    return this.#results;
  }

  #keep(key: number, results: MemberResult[]): void {
    if (this.#results === NONE_YET) this.#results = new Map();
    this.#results.set(key, results);
  }

  /** How many items a fan-out has; its source as it stands is what they are from here on. */
  count({ call, state }: Invocation, site: Site): number {
    const items = this.#itemsOf(call.site, site, state);
    if (!Array.isArray(items)) {
      throw new ExecutionError(`The source ${JSON.stringify(site.source)} of ${site.path} is ${items === undefined ? 'missing' : typeof items}, not an array`);
    }
    this.#keep(call.site, []);
    return items.length;
  }

  #itemsOf(number: number, site: Site, state: any): unknown {
    const known = this.#items.get(number);
    if (known !== undefined) return known;
    const items = this.#world.accessor.get(state, site.source!);
    if (!Array.isArray(items)) return items;
    const kept = items.slice();
    if (this.#items === NONE_YET) this.#items = new Map();
    this.#items.set(number, kept);
    return kept;
  }

  /** Gives a run its item, on a copy of the state. */
  prepare(invocation: Invocation, { site }: Place, item: number): void {
    const items = this.#itemsOf(invocation.call.site, site, invocation.state) as readonly unknown[] | undefined;
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

  /** What a custom fan-in is given. */
  ofItems(number: number): MemberResult[] {
    return this.#results.get(number) ?? [];
  }

  /** What a custom combination is given. */
  ofMembers({ site }: Place): MemberResult[] {
    const { places } = this.#world.plan;
    return (site.members ?? []).map((member) => this.#results.get(member + MEMBER)?.[0] ?? { name: places[member]!.site.name, output: null });
  }

  /** An item has ended with a port. */
  keepItem(invocation: Invocation, { site }: Place, output: string, given: unknown): void {
    const { target, item, index } = invocation;
    let result = given;
    if (result === undefined) {
      // What the node left in the item's place, in either of the two.
      const noted = target.metadata[site.itemKey!];
      result = noted !== item ? noted : this.#world.accessor.get(target, site.itemKey!);
    }
    takeNotes(invocation);
    this.#results.get(invocation.call.site)![index!] = { name: index!, item, result, output };
  }

  /** An item has failed for good. */
  failItem(site: number, item: number, error: unknown): void {
    const kept = this.#results.get(site);
    if (kept !== undefined) kept[item] = { name: item, item: this.#items.get(site)?.[item], output: null, error };
  }

  /** A member of a group has ended, or failed for good. */
  keepMember(site: number, result: MemberResult): void {
    this.#keep(site + MEMBER, [result]);
  }

  hasMember(site: number): boolean {
    return this.#results.has(site + MEMBER);
  }

  /** All of a group or fan-out have ended: items' results go where the document says, in the items' order. */
  merge(number: number, { site }: Place, state: any): void {
    if (site.kind !== 'fan-out') {
      for (const member of site.members ?? []) this.#results.delete(member + MEMBER);
      return;
    }
    const results = this.#results.get(number) ?? [];
    const fanIn = site.fanIn!;
    for (const result of results) {
      if (result === undefined) continue;
      if (fanIn.strategy === 'append') {
        if (result.output !== null && result.output !== 'error') this.#append(state, site, fanIn.target, result.result);
      } else if (fanIn.strategy === 'partition') {
        const path = fanIn.partitions.find(([port]) => port === (result.output ?? 'error'))?.[1];
        if (path !== undefined) this.#append(state, site, path, result.output === null ? result.item : result.result);
      }
    }
    this.#results.delete(number);
    this.#items.delete(number);
  }

  #append(state: any, site: Site, path: string, value: unknown): void {
    const { accessor } = this.#world;
    const list = accessor.get(state, path);
    if (Array.isArray(list)) list.push(value);
    else if (list === undefined || list === null) accessor.set(state, path, [value]);
    else throw new ExecutionError(`The results of ${site.path} cannot be appended to ${JSON.stringify(path)}: it is no array`);
  }
}

/** What an item noted on its copy of the state goes into the state. */
export function takeNotes({ target, state }: Invocation): void {
  if (target === state) return;
  state[INTERNAL].errors.push(...target[INTERNAL].errors);
  state[INTERNAL].warnings.push(...target[INTERNAL].warnings);
}
