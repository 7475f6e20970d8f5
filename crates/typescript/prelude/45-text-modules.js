// Small modules about text: node:url, node:querystring, node:string_decoder, node:punycode.

const urlModule = {
  URL, URLSearchParams,
  fileURLToPath(url) {
    const parsed = url instanceof URL ? url : parseUrl(url);
    if (parsed === null) throw codedError(TypeError, 'ERR_INVALID_URL', 'Invalid URL');
    if (parsed.protocol !== 'file:') throw codedError(TypeError, 'ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file');
    if (parsed.hostname !== '') throw codedError(TypeError, 'ERR_INVALID_FILE_URL_HOST', 'File URL host must be "localhost" or empty on linux');
    if (/%2f/i.test(parsed.pathname)) throw codedError(TypeError, 'ERR_INVALID_FILE_URL_PATH', 'File URL path must not include encoded / characters');
    return percentDecode(parsed.pathname);
  },
  pathToFileURL(path) {
    let resolved = posixPath.resolve(String(path));
    if (String(path).endsWith('/') && !resolved.endsWith('/')) resolved += '/';
    return new URL(`file://${resolved.replace(/[%\\\n\r\t?#]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)}`);
  },
  urlToHttpOptions: (url) => ({
    protocol: url.protocol, hostname: url.hostname, hash: url.hash, search: url.search, pathname: url.pathname,
    path: `${url.pathname}${url.search}`, href: url.href, ...(url.port !== '' ? { port: Number(url.port) } : {}),
    ...(url.username || url.password ? { auth: `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` } : {}),
  }),
  domainToASCII: (domain) => parseUrl(`http://${domain}`)?.hostname ?? '',
  domainToUnicode: (domain) => domain,
  /** The old parser, by the new one where it can be. */
  parse(text, parseQuery = false) {
    const found = /^(?:([a-z][a-z0-9+.-]*:))?(\/\/)?(?:([^/?#]*)@)?([^/?#]*)?([^?#]*)?(\?[^#]*)?(#.*)?$/i.exec(String(text).trim());
    const [, protocol = null, slashes, auth, authority = '', rest = '', search = null, hash = null] = found ?? [];
    const hosted = slashes !== undefined;
    const host = hosted ? authority.toLowerCase() : null;
    const pathname = (hosted ? rest || (protocol ? '/' : '') : authority + rest) || null;
    const port = host === null ? null : /:(\d+)$/.exec(host)?.[1] ?? null;
    const query = search === null ? (parseQuery ? {} : null) : parseQuery ? parseQuerystring(search.slice(1)) : search.slice(1);
    return {
      protocol: protocol?.toLowerCase() ?? null, slashes: hosted || null, auth: auth === undefined ? null : decodeURIComponent(auth),
      host, port, hostname: host === null ? null : host.replace(/:\d*$/, ''), hash, search, query, pathname,
      path: pathname === null && search === null ? null : `${pathname ?? ''}${search ?? ''}`, href: String(text).trim(),
    };
  },
  format(url, options = {}) {
    if (url instanceof URL) {
      const copy = new URL(url);
      if (options.fragment === false) copy.hash = '';
      if (options.search === false) copy.search = '';
      if (options.auth === false) [copy.username, copy.password] = ['', ''];
      return copy.href;
    }
    if (typeof url === 'string') return url;
    const protocol = url.protocol ? (url.protocol.endsWith(':') ? url.protocol : `${url.protocol}:`) : '';
    const host = url.host ?? (url.hostname ? `${url.hostname}${url.port ? `:${url.port}` : ''}` : '');
    const slashes = url.slashes || /^(https?|ftp|file|wss?):$/.test(protocol) ? '//' : '';
    const query = url.search ?? (isObject(url.query) && Object.keys(url.query).length ? `?${stringifyQuerystring(url.query)}` : '');
    return `${protocol}${host || slashes ? slashes : ''}${url.auth ? `${encodeURIComponent(url.auth).replace('%3A', ':')}@` : ''}${host}${url.pathname ?? ''}${query && !query.startsWith('?') ? '?' : ''}${query}${url.hash ? (url.hash.startsWith('#') ? url.hash : `#${url.hash}`) : ''}`;
  },
  resolve(from, to) {
    const base = new URL(to, new URL(from, 'resolve://placeholder'));
    return base.protocol === 'resolve:' ? `${base.pathname}${base.search}${base.hash}` : base.href;
  },
};
defineBuiltin('url', urlModule);

const escapeQuery = (text) => encodeURIComponent(String(text).toWellFormed());

function unescapeQuery(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return percentDecode(text);
  }
}

function parseQuerystring(text, sep = '&', eq = '=', { decodeURIComponent: decode = unescapeQuery, maxKeys = 1000 } = {}) {
  const result = Object.create(null);
  const parts = typeof text === 'string' && text ? text.split(sep || '&') : [];
  for (const part of maxKeys > 0 ? parts.slice(0, maxKeys) : parts) {
    if (part === '') continue;
    const at = part.indexOf(eq || '=');
    const read = (piece) => decode(piece.replaceAll('+', ' '));
    const key = read(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? '' : read(part.slice(at + (eq || '=').length));
    if (key in result) result[key] = [].concat(result[key], value);
    else result[key] = value;
  }
  return result;
}

function stringifyQuerystring(object, sep = '&', eq = '=', { encodeURIComponent: encode = escapeQuery } = {}) {
  if (!isObject(object)) return '';
  const primitive = (value) => (typeof value === 'string' ? value : (typeof value === 'number' && Number.isFinite(value)) || typeof value === 'bigint' || typeof value === 'boolean' ? `${value}` : '');
  return Object.keys(object).flatMap((key) => [].concat(object[key]).map((value) => `${encode(key)}${eq}${encode(primitive(value))}`)).join(sep);
}

defineBuiltin('querystring', {
  parse: parseQuerystring, decode: parseQuerystring, stringify: stringifyQuerystring, encode: stringifyQuerystring,
  escape: escapeQuery, unescape: unescapeQuery, unescapeBuffer: (text) => bufferFrom(percentBytes(text)),
});

/** Text from pieces of bytes that may be cut within a character. */
class StringDecoder {
  #left = Buffer.alloc(0);
  constructor(encoding) { this.encoding = encodingName(encoding); }
  get lastNeed() { return 0; }
  #unfinished(bytes) {
    switch (this.encoding) {
      case 'utf8': return utf8Unfinished(bytes);
      case 'utf16le': return utf16Unfinished(bytes, 'utf-16le');
      case 'base64': case 'base64url': return bytes.length % 3;
      default: return 0;
    }
  }
  write(chunk) {
    if (typeof chunk === 'string') return chunk;
    const bytes = Buffer.concat([this.#left, bytesOf(chunk)]);
    const keep = this.#unfinished(bytes);
    this.#left = bufferFrom(bytes.subarray(bytes.length - keep));
    return bytes.toString(this.encoding, 0, bytes.length - keep);
  }
  end(chunk) {
    const text = (chunk === undefined ? '' : this.write(chunk)) + this.#left.toString(this.encoding);
    this.#left = Buffer.alloc(0);
    return text;
  }
}
defineBuiltin('string_decoder', { StringDecoder });

defineBuiltin('punycode', {
  toASCII: (domain) => urlModule.domainToASCII(domain), toUnicode: (domain) => domain,
  ucs2: { decode: (text) => Array.from(text, (char) => char.codePointAt(0)), encode: (points) => String.fromCodePoint(...points) },
  version: '2.1.0',
});
