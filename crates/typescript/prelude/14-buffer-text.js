// How Buffer turns text into bytes and back.

const bufferEncodings = {
  utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', latin1: 'latin1', binary: 'latin1',
  ascii: 'ascii', utf16le: 'utf16le', 'utf-16le': 'utf16le', ucs2: 'utf16le', 'ucs-2': 'utf16le',
};

/** The encoding's own name; `utf8` if none is given. */
function encodingName(encoding) {
  if (encoding === undefined || encoding === null || encoding === '') return 'utf8';
  const name = bufferEncodings[String(encoding).toLowerCase()];
  if (name === undefined) throw codedError(TypeError, 'ERR_UNKNOWN_ENCODING', `Unknown encoding: ${encoding}`);
  return name;
}

function textToBytes(text, encoding) {
  switch (encoding) {
    case 'utf8': return utf8Encode(text);
    case 'hex': return hexToBytes(text);
    case 'base64': case 'base64url': return base64ToBytes(text);
    case 'utf16le': {
      const out = new Uint8Array(text.length * 2);
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        out[2 * i] = unit & 0xff;
        out[2 * i + 1] = unit >> 8;
      }
      return out;
    }
    default: {
      const out = new Uint8Array(text.length);
      for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
      return out;
    }
  }
}

/** As far as the text is hexadecimal. */
function hexToBytes(text) {
  const good = /^(?:[0-9a-f]{2})*/i.exec(text)[0];
  return Uint8Array.fromHex(good);
}

/** Node takes both alphabets, ignores what belongs to neither, and stops at the padding. */
function base64ToBytes(text) {
  let clean = text;
  if (/[^A-Za-z0-9+/]/.test(clean)) {
    const end = clean.indexOf('=');
    if (end >= 0) clean = clean.slice(0, end);
    clean = clean.replaceAll('-', '+').replaceAll('_', '/').replace(/[^A-Za-z0-9+/]/g, '');
  }
  if (clean.length % 4 === 1) clean = clean.slice(0, -1);
  return Uint8Array.fromBase64(clean, { lastChunkHandling: 'loose' });
}

function bytesToText(bytes, encoding) {
  if (bytes.length === 0) return '';
  switch (encoding) {
    case 'utf8': return utf8Decode(bytes);
    case 'hex': return Uint8Array.prototype.toHex.call(bytes);
    case 'base64': return Uint8Array.prototype.toBase64.call(bytes);
    case 'base64url': return Uint8Array.prototype.toBase64.call(bytes, { alphabet: 'base64url', omitPadding: true });
    case 'utf16le': {
      const units = new Uint16Array(bytes.length >> 1);
      for (let i = 0; i < units.length; i++) units[i] = bytes[2 * i] | (bytes[2 * i + 1] << 8);
      return textFromUnits(units);
    }
    case 'ascii': return textFromUnits(Uint8Array.prototype.map.call(plainView(bytes), (byte) => byte & 0x7f));
    default: return textFromUnits(plainView(bytes));
  }
}

/** A view that is no Buffer: `slice` of a Buffer is a view, not a copy, and `map` makes Buffers. */
const plainView = (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
