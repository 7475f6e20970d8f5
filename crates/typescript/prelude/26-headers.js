// Headers.

const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function checkHeaderName(name) {
  const text = String(name);
  if (!headerName.test(text)) throw new TypeError(`Headers: ${JSON.stringify(text)} is an invalid header name.`);
  return text.toLowerCase();
}

function checkHeaderValue(name, value) {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  if (/[\0\r\n]|[^\x00-\xff]/.test(text)) throw new TypeError(`Headers: the value of ${JSON.stringify(name)} is an invalid header value.`);
  return text;
}

class Headers {
  /** Lower-case name → values in their order. */
  #map = new Map();

  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init !== 'object') throw argumentTypeError('init', 'an object', init);
    const pairs = typeof init[Symbol.iterator] === 'function' ? init
      : Reflect.ownKeys(init).filter((key) => typeof key === 'string').map((key) => [key, init[key]]);
    for (const pair of pairs) {
      const [name, value, ...rest] = [...pair];
      if (value === undefined && [...pair].length !== 2 || rest.length) throw new TypeError('Headers: each header pair must be a name and a value.');
      this.append(name, value);
    }
  }
  append(name, value) {
    const key = checkHeaderName(name);
    const held = this.#map.get(key);
    const text = checkHeaderValue(key, value);
    if (held) held.push(text);
    else this.#map.set(key, [text]);
  }
  set(name, value) {
    const key = checkHeaderName(name);
    this.#map.set(key, [checkHeaderValue(key, value)]);
  }
  get(name) {
    const key = checkHeaderName(name);
    const held = this.#map.get(key);
    return held === undefined ? null : held.join(key === 'cookie' ? '; ' : ', ');
  }
  has(name) { return this.#map.has(checkHeaderName(name)); }
  delete(name) { this.#map.delete(checkHeaderName(name)); }
  getSetCookie() { return [...this.#map.get('set-cookie') ?? []]; }
  forEach(callback, self) { for (const [key, value] of this) callback.call(self, value, key, this); }
  *entries() {
    for (const key of [...this.#map.keys()].sort()) {
      // Cookies may hold commas: each is an entry of its own.
      if (key === 'set-cookie') for (const value of this.#map.get(key)) yield [key, value];
      else yield [key, this.get(key)];
    }
  }
  *keys() { for (const [key] of this.entries()) yield key; }
  *values() { for (const [, value] of this.entries()) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  get [Symbol.toStringTag]() { return 'Headers'; }
  [INSPECT_CUSTOM](depth, options) {
    return depth !== null && depth < 0 ? '[Headers]' : `Headers ${inspect(Object.fromEntries(this.entries()), options)}`;
  }
}
defineGlobal('Headers', Headers);
