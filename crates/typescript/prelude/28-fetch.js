// Request, Response, fetch.

const plainMethods = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH']);

function checkMethod(method) {
  const text = String(method);
  if (!headerName.test(text)) throw new TypeError(`'${text}' is not a valid HTTP method.`);
  const upper = text.toUpperCase();
  if (['CONNECT', 'TRACE', 'TRACK'].includes(upper)) throw new TypeError(`'${text}' HTTP method is unsupported.`);
  return plainMethods.has(upper) ? upper : text;
}

class Request extends Body {
  #url; #method; #headers; #redirect; #signal;

  constructor(input, init = {}) {
    init ??= {};
    const base = input instanceof Request ? input : null;
    const url = base ? base.url : parseUrl(input)?.href;
    if (url === undefined) throw new TypeError(`Failed to parse URL from ${input}`);
    if (!base && /^[a-z]+:\/\/[^/]*@/i.test(url)) throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${url}`);
    const method = init.method !== undefined ? checkMethod(init.method) : base?.method ?? 'GET';
    const content = init.body !== undefined && init.body !== null ? extractBody(init.body)
      : base ? takeBody(base) : { bytes: null, stream: null, type: null };
    if ((method === 'GET' || method === 'HEAD') && (content.bytes !== null || content.stream !== null)) {
      throw new TypeError('Request with GET/HEAD method cannot have body.');
    }
    super(content);
    this.#url = url;
    this.#method = method;
    this.#headers = new Headers(init.headers ?? base?.headers);
    if (content.type && !this.#headers.has('content-type')) this.#headers.set('content-type', content.type);
    this.#redirect = init.redirect ?? base?.redirect ?? 'follow';
    if (!['follow', 'manual', 'error'].includes(this.#redirect)) throw new TypeError(`'${this.#redirect}' is not a redirect mode.`);
    const signal = init.signal !== undefined ? init.signal : base?.signal;
    if (signal !== null && signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError('Failed to construct \'Request\': member signal is not of type AbortSignal.');
    }
    this.#signal = signal ?? new AbortController().signal;
  }
  get url() { return this.#url; }
  get method() { return this.#method; }
  get headers() { return this.#headers; }
  get redirect() { return this.#redirect; }
  get signal() { return this.#signal; }
  get cache() { return 'default'; }
  get credentials() { return 'same-origin'; }
  get destination() { return ''; }
  get integrity() { return ''; }
  get keepalive() { return false; }
  get mode() { return 'cors'; }
  get referrer() { return 'about:client'; }
  get referrerPolicy() { return ''; }
  get duplex() { return 'half'; }
  clone() {
    const content = this[SPLIT_BODY]();
    return new Request(this.#url, {
      method: this.#method, headers: this.#headers, redirect: this.#redirect, signal: this.#signal,
      ...(content.bytes !== null ? { body: content.bytes } : content.stream !== null ? { body: content.stream } : {}),
    });
  }
  get [Symbol.toStringTag]() { return 'Request'; }
  [INSPECT_CUSTOM](depth, options) {
    if (depth !== null && depth < 0) return '[Request]';
    const { method, url, headers, redirect, bodyUsed, signal } = this;
    return `Request ${inspect({ method, url, headers, redirect, bodyUsed, signal }, options)}`;
  }
}

/** A request made from another takes its body over. */
function takeBody(request) {
  if (request.bodyUsed) throw new TypeError('Cannot construct a Request with a Request object that has already been used.');
  const { bytes, stream, fromBytes } = request[BODY];
  if (bytes === null && stream === null) return { bytes: null, stream: null, type: null };
  request[BODY].used = true;
  return { bytes, stream: fromBytes ? null : stream, type: null };
}

const MAKE_RESPONSE = Symbol('response');

class Response extends Body {
  #status; #statusText; #headers; #url = ''; #redirected = false; #type = 'default';

  constructor(body = null, init = {}) {
    init ??= {};
    const status = init.status === undefined ? 200 : Math.trunc(Number(init.status));
    if (!init[MAKE_RESPONSE] && !(status >= 200 && status <= 599)) {
      throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.');
    }
    const content = extractBody(body);
    if (!init[MAKE_RESPONSE] && [204, 205, 304].includes(status) && (content.bytes !== null || content.stream !== null)) {
      throw new TypeError(`Response constructor: Invalid response status code ${status}`);
    }
    super(content);
    this.#status = status;
    this.#statusText = init.statusText === undefined ? '' : String(init.statusText);
    this.#headers = new Headers(init.headers);
    if (content.type && !this.#headers.has('content-type')) this.#headers.set('content-type', content.type);
    if (init[MAKE_RESPONSE]) ({ url: this.#url, redirected: this.#redirected, type: this.#type } = init[MAKE_RESPONSE]);
  }
  get status() { return this.#status; }
  get statusText() { return this.#statusText; }
  get ok() { return this.#status >= 200 && this.#status <= 299; }
  get headers() { return this.#headers; }
  get url() { return this.#url; }
  get redirected() { return this.#redirected; }
  get type() { return this.#type; }
  clone() {
    const content = this[SPLIT_BODY]();
    return new Response(content.bytes ?? content.stream, {
      status: this.#status, statusText: this.#statusText, headers: this.#headers,
      [MAKE_RESPONSE]: { url: this.#url, redirected: this.#redirected, type: this.#type },
    });
  }
  static error() { return new Response(null, { status: 0, [MAKE_RESPONSE]: { url: '', redirected: false, type: 'error' } }); }
  static json(data, init = {}) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError('The data is not JSON serializable');
    const headers = new Headers(init?.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    return new Response(text, { ...init, headers });
  }
  static redirect(url, status = 302) {
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`Invalid status code ${status}`);
    return new Response(null, { status, headers: { location: new URL(url).href } });
  }
  get [Symbol.toStringTag]() { return 'Response'; }
  [INSPECT_CUSTOM](depth, options) {
    if (depth !== null && depth < 0) return '[Response]';
    const { status, statusText, headers, bodyUsed, ok, redirected, type, url } = this;
    return `Response ${inspect({ status, statusText, headers, body: this[BODY].stream, bodyUsed, ok, redirected, type, url }, options)}`;
  }
}

async function fetch(input, init = undefined) {
  if (arguments.length === 0) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "input" argument must be specified');
  const request = new Request(input, init);
  const { signal } = request;
  if (signal.aborted) throw signal.reason;
  if (request.url.startsWith('data:')) return fetchData(request.url);
  if (!/^https?:/.test(request.url)) {
    throw new TypeError('fetch failed', { cause: new Error(`unknown scheme: ${request.url.slice(0, request.url.indexOf(':') + 1)} only http:, https: and data: can be fetched`) });
  }
  const held = request[BODY];
  const body = held.bytes ?? (held.stream === null ? undefined : await readStream(held.stream));
  const asked = new Error('asked here');
  const url = request.url.replace(/#.*$/, '');
  try {
    return await perform('fetch', {
      url, method: request.method, headers: [...request.headers], redirect: request.redirect,
    }, {
      bytes: body, signal, what: { op: 'fetch', url, method: request.method },
      read: (result, bytes) => fetchedResponse(result, bytes, request.method),
    });
  } catch (error) {
    if (error === signal.reason && signal.aborted) throw error;
    // Node reports what went wrong on the way as the cause of one TypeError. A missing permission is said as it is.
    if (error instanceof TypeError && error.message === 'fetch failed' || error.name === 'PermissionDenied') throw error;
    throw borrowStack(new TypeError('fetch failed', { cause: error }), asked);
  }
}

function fetchedResponse({ url, status, statusText, headers, redirected }, bytes, method) {
  const bare = [101, 103, 204, 205, 304].includes(status) || method === 'HEAD';
  return new Response(bare ? null : new Uint8Array(bytes ?? 0), {
    status, statusText, headers, [MAKE_RESPONSE]: { url, redirected: Boolean(redirected), type: 'basic' },
  });
}

function fetchData(url) {
  const found = /^data:([^,]*?)(;\s*base64)?,([^#]*)/is.exec(url);
  if (!found) throw new TypeError('fetch failed', { cause: new Error('invalid data: URL') });
  const [, type, base64, text] = found;
  const decoded = percentDecode(text);
  const bytes = base64 ? base64ToBytes(decoded) : percentBytes(text);
  const header = type === '' || type.startsWith(';') ? `text/plain${type || ';charset=US-ASCII'}` : type;
  return new Response(bytes, { headers: { 'content-type': header }, [MAKE_RESPONSE]: { url, redirected: false, type: 'basic' } });
}

/** Percent-decoding to bytes, which need not be text. */
function percentBytes(text) {
  const out = [];
  for (const part of text.match(/%[0-9a-f]{2}|[^%]+|%/gi) ?? []) {
    if (/^%[0-9a-f]{2}$/i.test(part)) out.push(parseInt(part.slice(1), 16));
    else out.push(...utf8Encode(part));
  }
  return Uint8Array.from(out);
}

for (const value of [Request, Response, fetch]) defineGlobal(value.name, value);
