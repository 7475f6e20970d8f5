// Lists, maps and sets that say what changes in them, and `Collection`, a list that is asked as a table is.

const silent = () => {};

/** A list whose changes are told: `emitter('items:added', {…})`. */
class ReactiveArray extends Array {
  static create(name, emitter, items = []) {
    const list = new this();
    Object.defineProperty(list, '_watch', { value: { name, emitter }, configurable: true });
    if (items.length > 0) Array.prototype.push.apply(list, items);
    return list;
  }
  #tell(what, data) {
    const { name, emitter = silent } = this._watch ?? {};
    emitter(`${name ?? 'items'}:${what}`, data);
  }
  push(...items) {
    const length = super.push(...items);
    for (const item of items) this.#tell('added', item);
    return length;
  }
  unshift(...items) {
    const length = super.unshift(...items);
    for (const item of items) this.#tell('added', item);
    return length;
  }
  pop() { return this.#taken(this.length > 0, super.pop()); }
  shift() { return this.#taken(this.length > 0, super.shift()); }
  #taken(any, item) {
    if (any) this.#tell('removed', item);
    return item;
  }
  splice(start, ...rest) {
    const removed = super.splice(start, ...rest);
    for (const item of removed) this.#tell('removed', item);
    for (const item of rest.slice(1)) this.#tell('added', item);
    return removed;
  }
  set(index, value) {
    this[index] = value;
    this.#tell('updated', { index, value });
  }
  replaceAll(items) {
    this.length = 0;
    Array.prototype.push.apply(this, items);
    this.#tell('changed', [...this]);
  }
  clear() { this.replaceAll([]); }
  sort(compare) { return this.#changed(super.sort(compare)); }
  reverse() { return this.#changed(super.reverse()); }
  fill(...args) { return this.#changed(super.fill(...args)); }
  copyWithin(...args) { return this.#changed(super.copyWithin(...args)); }
  #changed(list) {
    this.#tell('changed', [...this]);
    return list;
  }
  /** What methods of Array make of it is an ordinary list. */
  static get [Symbol.species]() { return Array; }
}

const reactive = (Base, added, take) => class extends Base {
  #watch = {};
  static create(name, emitter, items = []) {
    const made = new this(items);
    made.#watch = { name, emitter };
    return made;
  }
  #tell(what, data) { this.#watch?.emitter?.(`${this.#watch.name}:${what}`, data); }
  [added](...args) {
    super[added](...args);
    // The constructor of the base class adds before there is anybody to tell.
    if (#watch in this) this.#tell(added === 'set' ? 'set' : 'added', take(args));
    return this;
  }
  delete(key) {
    const had = super.delete(key);
    if (had) this.#tell('removed', key);
    return had;
  }
  clear() {
    super.clear();
    this.#tell('cleared', undefined);
  }
};
const ReactiveMap = reactive(Map, 'set', ([key, value]) => ({ key, value }));
const ReactiveSet = reactive(Set, 'add', ([value]) => value);

const comparisons = {
  '=': (a, b) => a == b, // eslint-disable-line eqeqeq
  '===': (a, b) => a === b,
  '!=': (a, b) => a != b, // eslint-disable-line eqeqeq
  '>': (a, b) => a > b,
  '<': (a, b) => a < b,
  '>=': (a, b) => a >= b,
  '<=': (a, b) => a <= b,
};

/** A list that is asked as a table is: `where`, `sortBy`, `groupBy`, sums; `.as('table')` says how it is shown. */
class Collection extends ReactiveArray {
  #shown;
  constructor(items) {
    super();
    if (Array.isArray(items)) Array.prototype.push.apply(this, items);
  }
  static from(items) { return new Collection([...items]); }
  where(key, comparison, value) {
    const [named, wanted] = value === undefined ? ['=', comparison] : [comparison, value];
    if (!Object.hasOwn(comparisons, named)) throw new RangeError(`${inspect(named)} is no comparison: there are ${Object.keys(comparisons).join(' ')}`);
    return this.query((item) => comparisons[named](item[key], wanted));
  }
  query(wanted) { return new Collection([...this].filter(wanted)); }
  collect(change) { return new Collection([...this].map(change)); }
  pluck(key) { return this.collect((item) => item[key]); }
  sortBy(by, direction = 'asc') {
    const way = direction === 'desc' ? -1 : 1;
    const compare = typeof by === 'function' ? by : (a, b) => (a[by] < b[by] ? -way : a[by] > b[by] ? way : 0);
    return new Collection([...this].sort(compare));
  }
  groupBy(by) {
    const groups = Object.groupBy(this, (item) => (typeof by === 'function' ? by(item) : String(item[by])));
    return Object.fromEntries(Object.entries(groups).map(([name, items]) => [name, new Collection(items)]));
  }
  unique(key) {
    const seen = new Set();
    return this.query((item) => {
      const value = key === undefined ? item : item[key];
      return !seen.has(value) && seen.add(value);
    });
  }
  take(n) { return new Collection(this.slice(0, n)); }
  skip(n) { return new Collection(this.slice(n)); }
  first(wanted) { return wanted ? this.find(wanted) : this[0]; }
  last(wanted) { return wanted ? this.findLast(wanted) : this[this.length - 1]; }
  count() { return this.length; }
  isEmpty() { return this.length === 0; }
  sum(key) { return [...this].reduce((sum, item) => sum + (Number(key === undefined ? item : item[key]) || 0), 0); }
  avg(key) { return this.length === 0 ? 0 : this.sum(key) / this.length; }
  min(key) { return this.#extreme(key, (a, b) => a < b); }
  max(key) { return this.#extreme(key, (a, b) => a > b); }
  #extreme(key, better) {
    const of = (item) => (key === undefined ? item : item[key]);
    return this.length === 0 ? undefined : [...this].reduce((best, item) => (better(of(item), of(best)) ? item : best));
  }
  aggregate(step, initial) { return [...this].reduce((sum, item) => step(sum, item), initial); }
  as(format, options) {
    this.#shown = { format, options };
    return this;
  }
  toJSON() {
    const items = [...this];
    if (!this.#shown) return items;
    const { format, options } = this.#shown;
    return { _photonType: `collection:${format}`, items, count: items.length, ...(options ? { renderOptions: options } : {}) };
  }
}

defineGlobal('Collection', Collection);
