// Blob, File, FormData.

const BLOB_BYTES = Symbol('bytes');

/** The bytes of one part of a Blob. */
function blobPart(part) {
  if (part instanceof Blob) return part[BLOB_BYTES];
  if (isBytes(part)) return bytesOf(part).slice();
  return utf8Encode(String(part));
}

function joinBytes(parts) {
  if (parts.length === 1) return parts[0];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const typeText = (type) => {
  const text = String(type ?? '');
  return /[^\x20-\x7e]/.test(text) ? '' : text.toLowerCase();
};

class Blob {
  #type;

  constructor(parts = [], options = {}) {
    if (parts === null || typeof parts !== 'object' || typeof parts[Symbol.iterator] !== 'function') {
      throw argumentTypeError('sources', 'a sequence', parts);
    }
    let list = [...parts];
    if (options?.endings === 'native') list = list.map((part) => (typeof part === 'string' ? part.replace(/\r\n?/g, '\n') : part));
    Object.defineProperty(this, BLOB_BYTES, { value: joinBytes(list.map(blobPart)) });
    this.#type = typeText(options?.type);
  }
  get size() { return this[BLOB_BYTES].length; }
  get type() { return this.#type; }
  async arrayBuffer() { return this[BLOB_BYTES].slice().buffer; }
  async bytes() { return this[BLOB_BYTES].slice(); }
  async text() { return utf8Decode(this[BLOB_BYTES]); }
  slice(start = 0, end = this.size, type = '') {
    return new Blob([this[BLOB_BYTES].subarray(...sliceBounds(start, end, this.size))], { type });
  }
  stream() { return streamOfBytes(this[BLOB_BYTES]); }
  get [Symbol.toStringTag]() { return 'Blob'; }
  [INSPECT_CUSTOM](depth, options) {
    return depth !== null && depth < 0 ? '[Blob]' : `${this.constructor.name} ${inspect({ size: this.size, type: this.type }, options)}`;
  }
}

function sliceBounds(start, end, size) {
  const clamp = (at) => (at < 0 ? Math.max(0, size + at) : Math.min(at, size));
  const from = clamp(Math.trunc(start) || 0);
  return [from, Math.max(from, clamp(Math.trunc(end) || 0))];
}

/** Bytes as a stream, in pieces of 64 KiB. */
function streamOfBytes(bytes) {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at += 65536));
      if (at >= bytes.length) controller.close();
    },
  }, { highWaterMark: 0 });
}

class File extends Blob {
  #name; #lastModified;
  constructor(parts, name, options = {}) {
    if (arguments.length < 2) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "fileBits" and "fileName" arguments must be specified');
    super(parts, options);
    this.#name = String(name);
    this.#lastModified = options?.lastModified === undefined ? Date.now() : Number(options.lastModified);
  }
  get name() { return this.#name; }
  get lastModified() { return this.#lastModified; }
  get webkitRelativePath() { return ''; }
  get [Symbol.toStringTag]() { return 'File'; }
}

class FormData {
  #list = [];

  #entry(name, value, filename) {
    let item = value;
    if (value instanceof Blob) {
      const named = filename !== undefined ? String(filename) : value instanceof File ? value.name : 'blob';
      if (!(value instanceof File) || filename !== undefined) item = new File([value], named, { type: value.type });
    } else {
      item = String(value).toWellFormed();
    }
    return [String(name).toWellFormed(), item];
  }
  append(name, value, filename) { this.#list.push(this.#entry(name, value, filename)); }
  set(name, value, filename) {
    const entry = this.#entry(name, value, filename);
    const at = this.#list.findIndex(([key]) => key === entry[0]);
    if (at < 0) this.#list.push(entry);
    else this.#list = this.#list.flatMap((held, i) => (i === at ? [entry] : held[0] === entry[0] ? [] : [held]));
  }
  delete(name) { this.#list = this.#list.filter(([key]) => key !== String(name)); }
  get(name) { return this.#list.find(([key]) => key === String(name))?.[1] ?? null; }
  getAll(name) { return this.#list.filter(([key]) => key === String(name)).map(([, value]) => value); }
  has(name) { return this.#list.some(([key]) => key === String(name)); }
  forEach(callback, self) { for (const [key, value] of this.#list) callback.call(self, value, key, this); }
  *entries() { for (const [key, value] of this.#list) yield [key, value]; }
  *keys() { for (const [key] of this.#list) yield key; }
  *values() { for (const [, value] of this.#list) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  get [Symbol.toStringTag]() { return 'FormData'; }
  [INSPECT_CUSTOM](depth, options) { return `FormData ${inspect(Object.fromEntries(this.#list), options)}`; }
}

const formName = (text) => text.replace(/\r\n|\r|\n/g, '%0D%0A').replaceAll('"', '%22');

/** `multipart/form-data`: {bytes, boundary}. The boundary comes from the run's own random numbers. */
function encodeFormData(form) {
  const noise = new Uint8Array(12);
  native.random(noise);
  const boundary = `----formdata-quicksave-${Array.from(noise, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  const parts = [];
  for (const [name, value] of form) {
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${formName(name)}"`;
    if (typeof value === 'string') {
      parts.push(utf8Encode(`${head}\r\n\r\n${value.replace(/\r\n|\r|\n/g, '\r\n')}\r\n`));
    } else {
      head += `; filename="${formName(value.name)}"\r\nContent-Type: ${value.type || 'application/octet-stream'}\r\n\r\n`;
      parts.push(utf8Encode(head), value[BLOB_BYTES], utf8Encode('\r\n'));
    }
  }
  parts.push(utf8Encode(`--${boundary}--\r\n`));
  return { bytes: joinBytes(parts), boundary };
}

/** Reads a body that was sent as `multipart/form-data`. */
function decodeFormData(bytes, boundary) {
  const form = new FormData();
  const text = bytesToText(bytes, 'latin1');
  const pieces = text.split(`--${boundary}`).slice(1, -1);
  for (const piece of pieces) {
    const split = piece.indexOf('\r\n\r\n');
    if (split < 0) throw new TypeError('Failed to parse body as FormData.');
    const heads = utf8Decode(textToBytes(piece.slice(0, split), 'latin1'));
    const body = textToBytes(piece.slice(split + 4).replace(/\r\n$/, ''), 'latin1');
    const name = /name="([^"]*)"/i.exec(heads)?.[1] ?? '';
    const filename = /filename="([^"]*)"/i.exec(heads)?.[1];
    if (filename === undefined) form.append(name, utf8Decode(body));
    else form.append(name, new File([body], filename, { type: /content-type:\s*([^\r\n]+)/i.exec(heads)?.[1] ?? '' }));
  }
  return form;
}

for (const Class of [Blob, File, FormData]) defineGlobal(Class.name, Class);
defineBuiltin('buffer', {
  Buffer: CallableBuffer, SlowBuffer: CallableBuffer, Blob, File, atob, btoa, kMaxLength: BUFFER_MAX, INSPECT_MAX_BYTES: 50,
  constants: { MAX_LENGTH: BUFFER_MAX, MAX_STRING_LENGTH: 2 ** 29 - 24 },
  isUtf8(data) {
    try { utf8Decode(bytesOf(data), { fatal: true }); return true; } catch { return false; }
  },
  isAscii: (data) => bytesOf(data).every((byte) => byte < 0x80),
});
