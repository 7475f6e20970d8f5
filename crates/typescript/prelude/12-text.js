// TextEncoder, TextDecoder, atob, btoa. Long texts are decoded by the host: the engine is slow at bytes.

/** The bytes of any view or buffer, without a copy. */
function bytesOf(data) {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(data);
}

const isBytes = (data) => ArrayBuffer.isView(data) || data instanceof ArrayBuffer || data instanceof SharedArrayBuffer;

const onlyAscii = /^[\x00-\x7f]*$/;

/** The length of a text in UTF-8. */
function utf8Length(text) {
  if (onlyAscii.test(text)) return text.length;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      length += 4;
      i += 1;
    } else length += 3;
  }
  return length;
}

/** Writes `text` as UTF-8; whole characters only. Unpaired surrogates become U+FFFD. */
function utf8Write(text, out, at = 0) {
  const start = at;
  const room = out.length;
  let i = 0;
  for (; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      if (at >= room) break;
      out[at++] = code;
      continue;
    }
    let pair = 0;
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = text.charCodeAt(i + 1);
      if (code <= 0xdbff && (low & 0xfc00) === 0xdc00) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        pair = 1;
      } else {
        code = 0xfffd;
      }
    }
    const size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (at + size > room) break;
    if (size === 2) {
      out[at++] = 0xc0 | (code >> 6);
    } else if (size === 3) {
      out[at++] = 0xe0 | (code >> 12);
      out[at++] = 0x80 | ((code >> 6) & 0x3f);
    } else {
      out[at++] = 0xf0 | (code >> 18);
      out[at++] = 0x80 | ((code >> 12) & 0x3f);
      out[at++] = 0x80 | ((code >> 6) & 0x3f);
    }
    out[at++] = 0x80 | (code & 0x3f);
    i += pair;
  }
  return { read: i, written: at - start };
}

function utf8Encode(text) {
  const out = new Uint8Array(utf8Length(text));
  utf8Write(text, out);
  return out;
}

/** Characters from code units, in pieces that fit on the stack. */
function textFromUnits(units) {
  if (units.length < 4096) return String.fromCharCode.apply(null, units);
  const parts = [];
  for (let i = 0; i < units.length; i += 4096) parts.push(String.fromCharCode.apply(null, units.slice(i, i + 4096)));
  return parts.join('');
}

/** Beyond this many bytes a call to the host is cheaper than decoding here. */
const HOST_DECODES = 96;

function utf8Decode(bytes, { fatal = false, ignoreBOM = true } = {}) {
  if (bytes.length > HOST_DECODES) return pure('text.decode', { label: 'utf-8', fatal, ignoreBOM }, bytes).value;
  const units = [];
  let i = !ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (i < bytes.length) {
    const lead = bytes[i++];
    if (lead < 0x80) {
      units.push(lead);
      continue;
    }
    const more = lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    let code = more === 1 ? lead & 0x1f : more === 2 ? lead & 0x0f : lead & 0x07;
    let left = more;
    while (left > 0 && i < bytes.length && bytes[i] >= low && bytes[i] <= high) {
      code = (code << 6) | (bytes[i++] & 0x3f);
      left -= 1;
      low = 0x80;
      high = 0xbf;
    }
    if (more === 0 || left > 0) {
      if (fatal) throw codedError(TypeError, 'ERR_ENCODING_INVALID_ENCODED_DATA', 'The encoded data was not valid for encoding utf-8');
      units.push(0xfffd);
    } else if (code >= 0x10000) {
      units.push(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    } else {
      units.push(code);
    }
  }
  return textFromUnits(units);
}

/** How many bytes at the end begin a character that is not whole yet. */
function utf8Unfinished(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? back : 0;
  }
  return 0;
}

class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return utf8Encode(String(text)); }
  encodeInto(text, out) { return utf8Write(String(text), out); }
  get [Symbol.toStringTag]() { return 'TextEncoder'; }
}

const decoderNames = {
  'utf-8': 'utf-8', utf8: 'utf-8', 'unicode-1-1-utf-8': 'utf-8', 'utf-16le': 'utf-16le', 'utf-16': 'utf-16le',
  ucs2: 'utf-16le', 'ucs-2': 'utf-16le', unicode: 'utf-16le', 'utf-16be': 'utf-16be', latin1: 'windows-1252', ascii: 'windows-1252',
  'us-ascii': 'windows-1252', 'iso-8859-1': 'windows-1252', 'windows-1252': 'windows-1252', cp1252: 'windows-1252',
};

class TextDecoder {
  #encoding; #fatal; #ignoreBOM;
  #left = new Uint8Array(0);
  #begun = false;

  constructor(label = 'utf-8', options = {}) {
    const name = String(label).trim().toLowerCase();
    this.#encoding = decoderNames[name];
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBOM = Boolean(options?.ignoreBOM);
    if (this.#encoding === undefined) {
      try {
        pure('text.decode', { label: name, fatal: false, ignoreBOM: true }, new Uint8Array(0));
      } catch {
        throw codedError(RangeError, 'ERR_ENCODING_NOT_SUPPORTED', `The "${label}" encoding is not supported`);
      }
      this.#encoding = name;
    }
  }
  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }

  decode(input = new Uint8Array(0), { stream = false } = {}) {
    if (!isBytes(input)) throw argumentTypeError('list', 'an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView', input);
    let bytes = bytesOf(input);
    if (this.#left.length) {
      const joined = new Uint8Array(this.#left.length + bytes.length);
      joined.set(this.#left);
      joined.set(bytes, this.#left.length);
      bytes = joined;
    }
    let keep = 0;
    if (stream) {
      if (this.#encoding === 'utf-8') keep = utf8Unfinished(bytes);
      else if (this.#encoding.startsWith('utf-16')) keep = utf16Unfinished(bytes, this.#encoding);
    }
    this.#left = keep ? bytes.slice(bytes.length - keep) : new Uint8Array(0);
    if (keep) bytes = bytes.subarray(0, bytes.length - keep);
    // A byte order mark counts at the beginning of a stream only.
    const ignoreBOM = this.#ignoreBOM || this.#begun;
    if (bytes.length) this.#begun = true;
    if (!stream) this.#begun = false;
    if (this.#encoding === 'utf-8') {
      try {
        return utf8Decode(bytes, { fatal: this.#fatal, ignoreBOM });
      } catch (error) {
        throw error.code ? error : codedError(TypeError, 'ERR_ENCODING_INVALID_ENCODED_DATA', 'The encoded data was not valid for encoding utf-8');
      }
    }
    return pure('text.decode', { label: this.#encoding, fatal: this.#fatal, ignoreBOM }, bytes).value;
  }
  get [Symbol.toStringTag]() { return 'TextDecoder'; }
}

function utf16Unfinished(bytes, encoding) {
  const odd = bytes.length & 1;
  const last = bytes.length - odd - 2;
  if (last < 0) return odd;
  const high = bytes[last + (encoding === 'utf-16le' ? 1 : 0)];
  return odd + (high >= 0xd8 && high <= 0xdb ? 2 : 0);
}

const engineAtob = globalThis.atob;
const engineBtoa = globalThis.btoa;

function atob(text) {
  if (arguments.length === 0) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "data" argument must be specified');
  try {
    return engineAtob(String(text));
  } catch {
    throw new DOMException('The string to be decoded is not correctly encoded.', 'InvalidCharacterError');
  }
}

function btoa(text) {
  if (arguments.length === 0) throw codedError(TypeError, 'ERR_MISSING_ARGS', 'The "data" argument must be specified');
  try {
    return engineBtoa(String(text));
  } catch {
    throw new DOMException('Invalid character', 'InvalidCharacterError');
  }
}

for (const [name, value] of Object.entries({ TextEncoder, TextDecoder, atob, btoa })) defineGlobal(name, value);
