// What Request and Response share: a body that is read once.

/** A body given by a program as {bytes | stream, type}. */
function extractBody(init) {
  if (init === null || init === undefined) return { bytes: null, stream: null, type: null };
  if (init instanceof ReadableStream) {
    if (init.locked || init[READABLE].disturbed) throw new TypeError('Response body object should not be disturbed or locked');
    return { bytes: null, stream: init, type: null };
  }
  if (init instanceof Blob) return { bytes: init[BLOB_BYTES], stream: null, type: init.type || null };
  if (isBytes(init)) return { bytes: bytesOf(init).slice(), stream: null, type: null };
  if (init instanceof FormData) {
    const { bytes, boundary } = encodeFormData(init);
    return { bytes, stream: null, type: `multipart/form-data; boundary=${boundary}` };
  }
  if (init instanceof URLSearchParams) {
    return { bytes: utf8Encode(init.toString()), stream: null, type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  if (typeof init === 'object' && typeof init[Symbol.asyncIterator] === 'function') {
    return { bytes: null, stream: ReadableStream.from(init), type: null };
  }
  return { bytes: utf8Encode(String(init)), stream: null, type: 'text/plain;charset=UTF-8' };
}

async function readStream(stream) {
  const parts = [];
  for await (const chunk of stream) {
    if (typeof chunk !== 'string' && !isBytes(chunk)) throw new TypeError('Received non-Uint8Array chunk');
    parts.push(typeof chunk === 'string' ? utf8Encode(chunk) : bytesOf(chunk));
  }
  return joinBytes(parts.length ? parts : [new Uint8Array(0)]);
}

const BODY = Symbol('body');
const SPLIT_BODY = Symbol('split');

class Body {
  constructor(content) {
    Object.defineProperty(this, BODY, { value: { ...content, used: false }, writable: true });
  }
  get body() {
    const held = this[BODY];
    if (held.stream === null && held.bytes !== null) {
      held.stream = streamOfBytes(held.bytes);
      held.fromBytes = true;
    }
    return held.stream;
  }
  get bodyUsed() { return this[BODY].used || Boolean(this[BODY].stream?.[READABLE].disturbed); }

  async #consume() {
    if (this.bodyUsed) throw new TypeError('Body is unusable: Body has already been read');
    const held = this[BODY];
    if (held.stream?.locked) throw new TypeError('Body is unusable: Body is locked');
    if (held.bytes === null && held.stream === null) return new Uint8Array(0);
    held.used = true;
    // Nobody has read the stream, so the bytes are still all there.
    const bytes = held.bytes ?? await readStream(held.stream);
    held.bytes = null;
    return bytes;
  }
  async text() { return utf8Decode(await this.#consume(), { ignoreBOM: false }); }
  async json() { return JSON.parse(await this.text()); }
  async arrayBuffer() {
    const bytes = await this.#consume();
    return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  }
  async bytes() { return new Uint8Array(await this.arrayBuffer()); }
  async blob() { return new Blob([await this.#consume()], { type: this.headers.get('content-type') ?? '' }); }
  async formData() {
    const type = this.headers.get('content-type') ?? '';
    const bytes = await this.#consume();
    if (/^multipart\/form-data/i.test(type)) {
      const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type);
      if (boundary) return decodeFormData(bytes, boundary[1] ?? boundary[2]);
    } else if (/^application\/x-www-form-urlencoded/i.test(type)) {
      const form = new FormData();
      for (const [name, value] of new URLSearchParams(utf8Decode(bytes))) form.append(name, value);
      return form;
    }
    throw new TypeError('Content-Type was not one of "multipart/form-data" or "application/x-www-form-urlencoded".');
  }

  /** Two bodies of one, for `clone`. */
  [SPLIT_BODY]() {
    if (this.bodyUsed || this[BODY].stream?.locked) throw new TypeError('Response.clone: Body has already been consumed.');
    const held = this[BODY];
    if (held.stream === null || held.fromBytes) return { bytes: held.bytes, stream: null };
    const [mine, other] = held.stream.tee();
    held.stream = mine;
    return { bytes: null, stream: other };
  }
}
