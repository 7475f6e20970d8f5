// URL. Parsing is the host's (the WHATWG rules are long); parts are kept as it gave them.

const urlParts = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];

/** The host's parts, completed where some can be had from others. */
function urlRecord(parts) {
  const { hostname = '', port = '', host } = parts;
  return { username: '', password: '', search: '', hash: '', ...parts, hostname, port: String(port ?? ''), host: host ?? (port ? `${hostname}:${port}` : hostname) };
}

function parseUrl(url, base) {
  const args = base === undefined ? { url: String(url) } : { url: String(url), base: String(base) };
  const [ok, json] = native.pure('url.parse', JSON.stringify(args));
  return ok ? urlRecord(JSON.parse(json)) : null;
}

/** A search that changes its URL, and the other way round. */
let linkSearch;

class URL {
  #parts;
  #search;

  constructor(url, base) {
    if (arguments.length === 0) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "url" argument must be specified');
    this.#parts = parseUrl(url, base);
    if (this.#parts === null) {
      const error = codedError(TypeError, 'ERR_INVALID_URL', 'Invalid URL');
      error.input = String(url);
      if (base !== undefined) error.base = String(base);
      throw error;
    }
  }

  #set(part, value) {
    const [ok, json] = native.pure('url.set', JSON.stringify({ href: this.#parts.href, part, value: String(value) }));
    // A part that cannot be is left as it was, says the standard.
    if (!ok) return;
    this.#parts = urlRecord(JSON.parse(json));
    if (part === 'search' || part === 'href') this.#refreshSearch();
  }
  #refreshSearch() { if (this.#search) linkSearch(this.#search, this.#parts.search, undefined); }

  get href() { return this.#parts.href; }
  set href(value) {
    const parts = parseUrl(value);
    if (parts === null) {
      const error = codedError(TypeError, 'ERR_INVALID_URL', 'Invalid URL');
      error.input = String(value);
      throw error;
    }
    this.#parts = parts;
    this.#refreshSearch();
  }
  get origin() { return this.#parts.origin; }
  get protocol() { return this.#parts.protocol; }
  set protocol(value) { this.#set('protocol', value); }
  get username() { return this.#parts.username; }
  set username(value) { this.#set('username', value); }
  get password() { return this.#parts.password; }
  set password(value) { this.#set('password', value); }
  get host() { return this.#parts.host; }
  set host(value) { this.#set('host', value); }
  get hostname() { return this.#parts.hostname; }
  set hostname(value) { this.#set('hostname', value); }
  get port() { return this.#parts.port; }
  set port(value) { this.#set('port', value); }
  get pathname() { return this.#parts.pathname; }
  set pathname(value) { this.#set('pathname', value); }
  get search() { return this.#parts.search; }
  set search(value) { this.#set('search', value); }
  get hash() { return this.#parts.hash; }
  set hash(value) { this.#set('hash', value); }
  get searchParams() {
    if (!this.#search) {
      this.#search = new URLSearchParams();
      linkSearch(this.#search, this.#parts.search, (search) => {
        const [ok, json] = native.pure('url.set', JSON.stringify({ href: this.#parts.href, part: 'search', value: search }));
        if (ok) this.#parts = urlRecord(JSON.parse(json));
      });
    }
    return this.#search;
  }
  toString() { return this.#parts.href; }
  toJSON() { return this.#parts.href; }

  static canParse(url, base) { return parseUrl(url, base) !== null; }
  static parse(url, base) { return URL.canParse(url, base) ? new URL(url, base) : null; }
  static createObjectURL() { throw noObjectUrls(); }
  static revokeObjectURL() {}

  get [Symbol.toStringTag]() { return 'URL'; }
  [INSPECT_CUSTOM](depth, options) {
    if (depth !== null && depth < 0) return this.href;
    const { origin, ...rest } = Object.fromEntries(urlParts.map((part) => [part, this[part]]));
    const shown = { href: rest.href, origin, protocol: rest.protocol, username: rest.username, password: rest.password, host: rest.host,
      hostname: rest.hostname, port: rest.port, pathname: rest.pathname, search: rest.search, searchParams: this.searchParams, hash: rest.hash };
    return `${this.constructor.name} ${inspect(shown, options)}`;
  }
}
for (const part of [...urlParts, 'searchParams', 'toString', 'toJSON']) {
  Object.defineProperty(URL.prototype, part, { ...Object.getOwnPropertyDescriptor(URL.prototype, part), enumerable: true });
}

const noObjectUrls = () => codedError(Error, 'ERR_METHOD_NOT_IMPLEMENTED', 'object URLs are not there for durable programs');

/** Bytes that `application/x-www-form-urlencoded` leaves as they are. */
const formPlain = /^[A-Za-z0-9*\-._]$/;

function formEncode(text) {
  if (/^[A-Za-z0-9*\-._]*$/.test(text)) return text;
  let out = '';
  for (const byte of utf8Encode(text)) {
    const char = String.fromCharCode(byte);
    out += byte === 0x20 ? '+' : formPlain.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** Percent-decoding that leaves what is no escape alone. */
function percentDecode(text) {
  if (!text.includes('%')) return text;
  const bytes = utf8Encode(text);
  const out = [];
  for (let i = 0; i < bytes.length; i++) {
    const hex = bytes[i] === 0x25 && /^[0-9a-f]{2}$/i.test(String.fromCharCode(bytes[i + 1] ?? 0, bytes[i + 2] ?? 0))
      ? parseInt(String.fromCharCode(bytes[i + 1], bytes[i + 2]), 16) : -1;
    if (hex >= 0) i += 2;
    out.push(hex >= 0 ? hex : bytes[i]);
  }
  return utf8Decode(Uint8Array.from(out));
}

const formDecode = (text) => percentDecode(text.replaceAll('+', ' '));

function parseForm(text) {
  return text.split('&').filter((part) => part !== '').map((part) => {
    const at = part.indexOf('=');
    return at < 0 ? [formDecode(part), ''] : [formDecode(part.slice(0, at)), formDecode(part.slice(at + 1))];
  });
}

class URLSearchParams {
  #list = [];
  #changed;

  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init === 'object' || typeof init === 'function') {
      const iterate = init[Symbol.iterator];
      if (iterate !== undefined && iterate !== null) {
        if (typeof iterate !== 'function') throw codedError(TypeError, 'ERR_ARG_NOT_ITERABLE', 'Query pairs must be iterable');
        for (const pair of init) {
          const items = pair !== null && typeof pair === 'object' && typeof pair[Symbol.iterator] === 'function' ? [...pair] : [];
          if (items.length !== 2) throw codedError(TypeError, 'ERR_INVALID_TUPLE', 'Each query pair must be an iterable [name, value] tuple');
          this.#list.push(items.map((item) => String(item).toWellFormed()));
        }
      } else {
        for (const key of Reflect.ownKeys(init)) {
          if (Object.getOwnPropertyDescriptor(init, key)?.enumerable) this.#list.push([String(key).toWellFormed(), String(init[key]).toWellFormed()]);
        }
      }
      return;
    }
    const text = String(init);
    this.#list = parseForm(text.startsWith('?') ? text.slice(1) : text);
  }

  #update() { this.#changed?.(this.toString()); }
  get size() { return this.#list.length; }
  append(name, value) {
    if (arguments.length < 2) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "name" and "value" arguments must be specified');
    this.#list.push([String(name).toWellFormed(), String(value).toWellFormed()]);
    this.#update();
  }
  delete(name, value) {
    this.#list = this.#list.filter(([key, held]) => key !== String(name) || (value !== undefined && held !== String(value)));
    this.#update();
  }
  get(name) { return this.#list.find(([key]) => key === String(name))?.[1] ?? null; }
  getAll(name) { return this.#list.filter(([key]) => key === String(name)).map(([, value]) => value); }
  has(name, value) { return this.#list.some(([key, held]) => key === String(name) && (value === undefined || held === String(value))); }
  set(name, value) {
    if (arguments.length < 2) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "name" and "value" arguments must be specified');
    const key = String(name).toWellFormed();
    const at = this.#list.findIndex(([held]) => held === key);
    if (at < 0) this.#list.push([key, String(value).toWellFormed()]);
    else {
      this.#list[at][1] = String(value).toWellFormed();
      this.#list = this.#list.filter(([held], i) => held !== key || i === at);
    }
    this.#update();
  }
  sort() {
    this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#update();
  }
  forEach(callback, self) {
    requireFunction(callback, 'callback');
    for (const [key, value] of this.#list) callback.call(self, value, key, this);
  }
  *entries() { for (let i = 0; i < this.#list.length; i++) yield [...this.#list[i]]; }
  *keys() { for (const [key] of this.entries()) yield key; }
  *values() { for (const [, value] of this.entries()) yield value; }
  toString() { return this.#list.map(([key, value]) => `${formEncode(key)}=${formEncode(value)}`).join('&'); }
  get [Symbol.toStringTag]() { return 'URLSearchParams'; }
  [INSPECT_CUSTOM](depth, options) {
    if (this.#list.length === 0) return 'URLSearchParams {}';
    if (depth !== null && depth < 0) return '[URLSearchParams]';
    return `URLSearchParams { ${this.#list.map(([key, value]) => `${inspect(key, options)} => ${inspect(value, options)}`).join(', ')} }`;
  }
  static {
    linkSearch = (params, search, changed) => {
      params.#list = parseForm(search.startsWith('?') ? search.slice(1) : search);
      if (changed) params.#changed = changed;
    };
  }
}
URLSearchParams.prototype[Symbol.iterator] = URLSearchParams.prototype.entries;
Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, { enumerable: false });

defineGlobal('URL', URL);
defineGlobal('URLSearchParams', URLSearchParams);
