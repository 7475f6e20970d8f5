// Buffer: bytes as Node's programs know them.

const BUFFER_MAX = 2 ** 31 - 1;

class Buffer extends Uint8Array {
  /** Views share memory, as `subarray` does. */
  slice(start, end) { return this.subarray(start, end); }

  toString(encoding, start = 0, end = this.length) {
    const from = Math.max(0, Math.trunc(start) || 0);
    const to = Math.min(this.length, end === undefined ? this.length : Math.trunc(end) || 0);
    if (to <= from) return '';
    return bytesToText(from === 0 && to === this.length ? this : this.subarray(from, to), encodingName(encoding));
  }
  toLocaleString(encoding, start, end) { return this.toString(encoding, start, end); }
  toJSON() { return { type: 'Buffer', data: Array.from(this) }; }

  equals(other) {
    if (!(other instanceof Uint8Array)) throw argumentTypeError('otherBuffer', 'an instance of Buffer or Uint8Array', other);
    return this === other || compareBytes(this, other) === 0;
  }

  compare(target, targetStart = 0, targetEnd = target.length, start = 0, end = this.length) {
    if (!(target instanceof Uint8Array)) throw argumentTypeError('target', 'an instance of Buffer or Uint8Array', target);
    return compareBytes(plainView(this).subarray(start, end), plainView(target).subarray(targetStart, targetEnd));
  }

  copy(target, targetStart = 0, start = 0, end = this.length) {
    if (!(target instanceof Uint8Array)) throw argumentTypeError('target', 'an instance of Buffer or Uint8Array', target);
    if (start < 0) throw rangeError('sourceStart', '>= 0', start);
    if (targetStart >= target.length || start >= end) return 0;
    const piece = plainView(this).subarray(start, Math.min(end, start + target.length - targetStart));
    Uint8Array.prototype.set.call(target, piece, targetStart);
    return piece.length;
  }

  fill(value, start = 0, end = this.length, encoding = undefined) {
    if (typeof start === 'string') [start, end, encoding] = [0, this.length, start];
    else if (typeof end === 'string') [end, encoding] = [this.length, end];
    if (start < 0 || start > this.length) throw rangeError('offset', `>= 0 and <= ${this.length}`, start);
    if (end < 0 || end > this.length) throw rangeError('end', `>= 0 and <= ${this.length}`, end);
    if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null) {
      Uint8Array.prototype.fill.call(this, Number(value) & 0xff, start, end);
      return this;
    }
    const pattern = typeof value === 'string' ? textToBytes(value, encodingName(encoding)) : bytesOf(value);
    if (pattern.length === 0) {
      if (typeof value === 'string' && value !== '') {
        throw codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The argument 'value' is invalid. Received ${inspect(value)}`);
      }
      Uint8Array.prototype.fill.call(this, 0, start, end);
    } else {
      for (let i = start; i < end; i++) this[i] = pattern[(i - start) % pattern.length];
    }
    return this;
  }

  write(text, offset, length, encoding) {
    if (typeof text !== 'string') throw argumentTypeError('string', 'of type string', text);
    if (typeof offset === 'string') [offset, length, encoding] = [undefined, undefined, offset];
    else if (typeof length === 'string') [length, encoding] = [undefined, length];
    const at = offset ?? 0;
    if (at < 0 || at > this.length) throw rangeError('offset', `>= 0 and <= ${this.length}`, at);
    const room = Math.min(length ?? Infinity, this.length - at);
    const name = encodingName(encoding);
    if (name === 'utf8') return utf8Write(text, plainView(this).subarray(at, at + room)).written;
    const bytes = textToBytes(text, name);
    const size = Math.min(bytes.length, name === 'utf16le' ? room & ~1 : room);
    Uint8Array.prototype.set.call(this, bytes.subarray(0, size), at);
    return size;
  }

  indexOf(value, from, encoding) { return searchBytes(this, value, from, encoding, false); }
  lastIndexOf(value, from, encoding) { return searchBytes(this, value, from, encoding, true); }
  includes(value, from, encoding) { return this.indexOf(value, from, encoding) !== -1; }

  swap16() { return swapBytes(this, 2); }
  swap32() { return swapBytes(this, 4); }
  swap64() { return swapBytes(this, 8); }

  get parent() { return this.buffer; }
  get offset() { return this.byteOffset; }

  [INSPECT_CUSTOM](depth, options) {
    const shown = Array.from(plainView(this).subarray(0, 50), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const more = this.length - 50;
    const extra = Object.keys(this).filter((key) => !isIndex(key)).map((key) => `, ${key}: ${inspect(this[key], options)}`).join('');
    return `<${this.constructor.name} ${shown}${more > 0 ? ` ... ${more} more byte${more > 1 ? 's' : ''}` : ''}${extra}>`;
  }

  // Called without `new`, and with all kinds of first arguments, by packages of every age.
  static from(value, second, third) { return bufferFrom(value, second, third); }
  static of(...items) { return bufferFrom(items); }
  static alloc(size, fill, encoding) {
    checkSize(size);
    const buffer = makeBuffer(new ArrayBuffer(size), 0, size);
    return fill === undefined || fill === 0 ? buffer : buffer.fill(fill, encoding);
  }
  static allocUnsafe(size) { return Buffer.alloc(size); }
  static allocUnsafeSlow(size) { return Buffer.alloc(size); }
  static isBuffer(value) { return value instanceof Buffer; }
  static isEncoding(encoding) { return typeof encoding === 'string' && Object.hasOwn(bufferEncodings, encoding.toLowerCase()); }
  static byteLength(value, encoding) {
    if (typeof value === 'string') {
      const name = encodingName(Buffer.isEncoding(encoding) ? encoding : 'utf8');
      return name === 'utf8' ? utf8Length(value) : textToBytes(value, name).length;
    }
    if (isBytes(value)) return value.byteLength;
    throw argumentTypeError('string', 'of type string or an instance of Buffer or ArrayBuffer', value);
  }
  static concat(list, total) {
    if (!Array.isArray(list)) throw argumentTypeError('list', 'an instance of Array', list);
    const size = total ?? list.reduce((sum, part) => sum + part.length, 0);
    const out = Buffer.alloc(size);
    let at = 0;
    for (const part of list) {
      if (!(part instanceof Uint8Array)) throw argumentTypeError('list[0]', 'an instance of Buffer or Uint8Array', part);
      const piece = at + part.length > size ? plainView(part).subarray(0, Math.max(0, size - at)) : part;
      Uint8Array.prototype.set.call(out, piece, at);
      at += piece.length;
    }
    return out;
  }
  static compare(a, b) {
    for (const [name, value] of [['buf1', a], ['buf2', b]]) {
      if (!(value instanceof Uint8Array)) throw argumentTypeError(name, 'an instance of Buffer or Uint8Array', value);
    }
    return compareBytes(a, b);
  }
  static copyBytesFrom(view, offset = 0, length = view.length - offset) {
    return bufferFrom(bytesOf(view.slice(offset, offset + length)));
  }
}
Buffer.poolSize = 8192;

function checkSize(size) {
  if (typeof size !== 'number') throw argumentTypeError('size', 'of type number', size);
  if (!(size >= 0 && size <= BUFFER_MAX)) throw rangeError('size', `>= 0 && <= ${BUFFER_MAX}`, size);
}

/** A Buffer on existing memory. */
function makeBuffer(memory, offset, length) {
  return Reflect.construct(Uint8Array, [memory, offset, length], Buffer);
}

function bufferFrom(value, second, third) {
  if (typeof value === 'string') {
    const bytes = textToBytes(value, encodingName(second));
    return makeBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    const offset = Math.trunc(second) || 0;
    if (offset > value.byteLength) throw codedError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', '"offset" is outside of buffer bounds');
    const length = third === undefined ? value.byteLength - offset : Math.max(0, Math.trunc(third) || 0);
    if (offset + length > value.byteLength) throw codedError(RangeError, 'ERR_BUFFER_OUT_OF_BOUNDS', '"length" is outside of buffer bounds');
    return makeBuffer(value, offset, length);
  }
  if (value !== null && typeof value === 'object') {
    if (ArrayBuffer.isView(value) || Array.isArray(value) || typeof value.length === 'number') return copyOf(value);
    if (value.type === 'Buffer' && Array.isArray(value.data)) return copyOf(value.data);
    const inner = typeof value.valueOf === 'function' ? value.valueOf() : value;
    if (inner !== value && inner !== null && (typeof inner === 'string' || typeof inner === 'object')) return bufferFrom(inner, second, third);
    if (typeof value[Symbol.toPrimitive] === 'function') return bufferFrom(value[Symbol.toPrimitive]('string'), second, third);
  }
  throw argumentTypeError('first argument', 'of type string or an instance of Buffer, ArrayBuffer, or Array or an Array-like Object', value);
}

function copyOf(items) {
  const length = Math.max(0, Math.trunc(items.length) || 0);
  const out = new Uint8Array(length);
  if (items instanceof Uint8Array) out.set(items);
  else for (let i = 0; i < length; i++) out[i] = items[i];
  return makeBuffer(out.buffer, 0, length);
}

function compareBytes(a, b) {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return Math.sign(a.length - b.length);
}

function searchBytes(buffer, value, from, encoding, backwards) {
  if (typeof from === 'string') [from, encoding] = [undefined, from];
  const length = buffer.length;
  let start = from === undefined ? NaN : Number(from);
  if (Number.isNaN(start)) start = backwards ? length : 0;
  start = Math.trunc(start);
  if (start < 0) start += length;
  if (typeof value === 'number') {
    const byte = value & 0xff;
    return backwards ? (start < 0 ? -1 : Uint8Array.prototype.lastIndexOf.call(buffer, byte, Math.min(start, length - 1)))
      : Uint8Array.prototype.indexOf.call(buffer, byte, Math.max(0, start));
  }
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw argumentTypeError('value', 'one of type number or string or an instance of Buffer or Uint8Array', value);
  }
  const needle = typeof value === 'string' ? textToBytes(value, encodingName(encoding)) : value;
  if (backwards && start < 0) return -1;
  start = Math.max(0, start);
  if (needle.length === 0) return Math.min(start, length);
  const last = length - needle.length;
  const matches = (at) => {
    for (let j = 1; j < needle.length; j++) if (buffer[at + j] !== needle[j]) return false;
    return true;
  };
  if (backwards) {
    for (let i = Math.min(start, last); i >= 0; i--) if (buffer[i] === needle[0] && matches(i)) return i;
    return -1;
  }
  let i = start;
  while (i <= last) {
    i = Uint8Array.prototype.indexOf.call(buffer, needle[0], i);
    if (i < 0 || i > last) return -1;
    if (matches(i)) return i;
    i += 1;
  }
  return -1;
}

function swapBytes(buffer, width) {
  if (buffer.length % width) throw codedError(RangeError, 'ERR_INVALID_BUFFER_SIZE', `Buffer size must be a multiple of ${width * 8}-bits`);
  for (let i = 0; i < buffer.length; i += width) Uint8Array.prototype.reverse.call(plainView(buffer).subarray(i, i + width));
  return buffer;
}
