// WebCrypto and node:crypto: what hashes and random numbers give. Randomness comes from the run's seed, so that a
// replay draws the same numbers.

function fillRandom(view) {
  native.random(bytesOf(view));
  return view;
}

function randomUUID() {
  const bytes = fillRandom(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const hashBytes = (algorithm, bytes) => new Uint8Array(pure('hash', { algorithm }, bytes).bytes);
const hmacBytes = (algorithm, key, bytes) => new Uint8Array(pure('hmac', { algorithm, key: Uint8Array.prototype.toBase64.call(key) }, bytes).bytes);

/** Text (UTF-8 unless said otherwise), a view, or a buffer as bytes. */
function cryptoBytes(data, encoding, name = 'data') {
  if (typeof data === 'string') return textToBytes(data, encodingName(encoding === 'buffer' ? undefined : encoding));
  if (isBytes(data)) return bytesOf(data);
  if (data instanceof KeyObject) return data.export();
  throw argumentTypeError(name, 'of type string or an instance of Buffer, TypedArray, or DataView', data);
}

const encodeDigest = (bytes, encoding) => {
  const buffer = makeBuffer(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return encoding === undefined || encoding === 'buffer' ? buffer : buffer.toString(encoding);
};

/** Collects what is to be hashed; the hash is made at the end, by the host. */
class Hash {
  #algorithm; #make; #parts; #done = false;

  constructor(algorithm, make, parts = []) {
    this.#algorithm = algorithm;
    this.#make = make;
    this.#parts = parts;
    make(new Uint8Array(0));
  }
  update(data, encoding) {
    if (this.#done) throw codedError(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    this.#parts.push(cryptoBytes(data, encoding).slice());
    return this;
  }
  digest(encoding) {
    if (this.#done) throw codedError(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    this.#done = true;
    return encodeDigest(this.#make(joinBytes(this.#parts.length ? this.#parts : [new Uint8Array(0)])), encoding);
  }
  copy() {
    if (this.#done) throw codedError(Error, 'ERR_CRYPTO_HASH_FINALIZED', 'Digest already called');
    return new this.constructor(this.#algorithm, this.#make, [...this.#parts]);
  }
  // Enough of a stream for `stream.pipe(hash)` and `hash.end(data)`.
  write(data, encoding) { this.update(data, typeof encoding === 'string' ? encoding : undefined); return true; }
  end(data, encoding) { if (data !== undefined) this.write(data, encoding); return this; }
  read() { return this.#done ? null : this.digest(); }
  on() { return this; }
  once() { return this; }
  emit() { return false; }
}
class Hmac extends Hash {}

/** A secret key. */
class KeyObject {
  #bytes;
  constructor(bytes) { this.#bytes = bytes; }
  get type() { return 'secret'; }
  get symmetricKeySize() { return this.#bytes.length; }
  export() { return bufferFrom(this.#bytes); }
  equals(other) { return compareBytes(this.#bytes, other.export()) === 0; }
}

function createHash(algorithm) {
  if (typeof algorithm !== 'string') throw argumentTypeError('algorithm', 'of type string', algorithm);
  return new Hash(algorithm, (bytes) => hashBytes(algorithm, bytes));
}

function createHmac(algorithm, key) {
  if (typeof algorithm !== 'string') throw argumentTypeError('hmac', 'of type string', algorithm);
  const secret = cryptoBytes(key, undefined, 'key').slice();
  return new Hmac(algorithm, (bytes) => hmacBytes(algorithm, secret, bytes));
}

/** RFC 8018. */
function pbkdf2Sync(password, salt, iterations, length, algorithm) {
  const key = cryptoBytes(password);
  const start = cryptoBytes(salt);
  const out = new Uint8Array(length);
  for (let at = 0, block = 1; at < length; block++) {
    const counter = new Uint8Array(4);
    new DataView(counter.buffer).setUint32(0, block);
    let last = hmacBytes(algorithm, key, joinBytes([start, counter]));
    const sum = last.slice();
    for (let i = 1; i < iterations; i++) {
      last = hmacBytes(algorithm, key, last);
      for (let j = 0; j < sum.length; j++) sum[j] ^= last[j];
    }
    out.set(sum.subarray(0, Math.min(sum.length, length - at)), at);
    at += sum.length;
  }
  return bufferFrom(out.buffer);
}

/** RFC 5869. */
function hkdfSync(algorithm, key, salt, info, length) {
  const size = hashBytes(algorithm, new Uint8Array(0)).length;
  const saltBytes = cryptoBytes(salt);
  const secret = hmacBytes(algorithm, saltBytes.length ? saltBytes : new Uint8Array(size), cryptoBytes(key));
  const out = new Uint8Array(length);
  let last = new Uint8Array(0);
  for (let at = 0, i = 1; at < length; at += size, i++) {
    last = hmacBytes(algorithm, secret, joinBytes([last, cryptoBytes(info), Uint8Array.of(i)]));
    out.set(last.subarray(0, Math.min(size, length - at)), at);
  }
  return out.buffer;
}

/** A uniform whole number in [low, high). */
function randomInt(low, high, callback) {
  if (high === undefined || typeof high === 'function') [low, high, callback] = [0, low, high];
  if (!Number.isSafeInteger(low)) throw argumentTypeError('min', 'a safe integer', low);
  if (!Number.isSafeInteger(high)) throw argumentTypeError('max', 'a safe integer', high);
  const span = high - low;
  if (!(span > 0)) throw rangeError('max', `greater than the value of "min" (${low})`, high);
  if (span > 2 ** 48) throw rangeError('max - min', `<= ${2 ** 48 - 1}`, span);
  // Draws beyond the last whole multiple would favour small numbers.
  const limit = 2 ** 48 - (2 ** 48 % span);
  let draw;
  do {
    const bytes = fillRandom(new Uint8Array(6));
    draw = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  } while (draw >= limit);
  const value = low + (draw % span);
  if (callback) nextTick(callback, null, value);
  return callback ? undefined : value;
}

function randomBytes(size, callback) {
  if (typeof size !== 'number') throw argumentTypeError('size', 'of type number', size);
  if (!(size >= 0 && size <= BUFFER_MAX)) throw rangeError('size', `>= 0 && <= ${BUFFER_MAX}`, size);
  const bytes = fillRandom(Buffer.alloc(size));
  if (callback) nextTick(callback, null, bytes);
  return callback ? undefined : bytes;
}

function timingSafeEqual(a, b) {
  const [x, y] = [cryptoBytes(a, undefined, 'buf1'), cryptoBytes(b, undefined, 'buf2')];
  if (x.length !== y.length) throw codedError(RangeError, 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH', 'Input buffers must have the same byte length');
  let differ = 0;
  for (let i = 0; i < x.length; i++) differ |= x[i] ^ y[i];
  return differ === 0;
}

// ---- WebCrypto ----

class CryptoKey {
  #fields;
  constructor(fields) { this.#fields = fields; }
  get type() { return 'secret'; }
  get extractable() { return this.#fields.extractable; }
  get algorithm() { return this.#fields.algorithm; }
  get usages() { return [...this.#fields.usages]; }
  static bytes(key) { return key.#fields.bytes; }
  get [Symbol.toStringTag]() { return 'CryptoKey'; }
}
const keyBytes = CryptoKey.bytes;
delete CryptoKey.bytes;

const algorithmName = (algorithm) => String(typeof algorithm === 'string' ? algorithm : algorithm?.name).toUpperCase();

function webHash(algorithm) {
  const name = algorithmName(algorithm);
  if (!['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'].includes(name)) throw new DOMException('Unrecognized algorithm name', 'NotSupportedError');
  return name;
}

function needHmac(algorithm) {
  const name = algorithmName(algorithm);
  if (name !== 'HMAC') {
    throw new DOMException(`${name}: of the algorithms of WebCrypto, digests and HMAC are supported here`, 'NotSupportedError');
  }
}

class SubtleCrypto {
  async digest(algorithm, data) { return hashBytes(webHash(algorithm), bytesOf(data)).buffer; }
  async importKey(format, data, algorithm, extractable, usages) {
    needHmac(algorithm);
    let bytes;
    if (format === 'raw') bytes = bytesOf(data).slice();
    else if (format === 'jwk') bytes = base64ToBytes(data.k);
    else throw new DOMException(`Unable to import an HMAC key as ${format}`, 'NotSupportedError');
    return new CryptoKey({ bytes, extractable, usages: [...usages], algorithm: { name: 'HMAC', hash: { name: webHash(algorithm.hash) }, length: bytes.length * 8 } });
  }
  async generateKey(algorithm, extractable, usages) {
    needHmac(algorithm);
    const size = algorithm.length ? algorithm.length / 8 : { 'SHA-384': 128, 'SHA-512': 128 }[webHash(algorithm.hash)] ?? 64;
    return this.importKey('raw', fillRandom(new Uint8Array(size)), algorithm, extractable, usages);
  }
  async exportKey(format, key) {
    if (!key.extractable) throw new DOMException('key is not extractable', 'InvalidAccessError');
    if (format === 'raw') return keyBytes(key).slice().buffer;
    if (format === 'jwk') {
      return { kty: 'oct', k: bytesToText(keyBytes(key), 'base64url'), alg: `HS${key.algorithm.hash.name.slice(4)}`, key_ops: key.usages, ext: true };
    }
    throw new DOMException(`Unable to export an HMAC key as ${format}`, 'NotSupportedError');
  }
  async sign(algorithm, key, data) {
    needHmac(algorithm);
    if (!key.usages.includes('sign')) throw new DOMException('Unable to use this key to sign', 'InvalidAccessError');
    return hmacBytes(key.algorithm.hash.name, keyBytes(key), bytesOf(data)).buffer;
  }
  async verify(algorithm, key, signature, data) {
    needHmac(algorithm);
    if (!key.usages.includes('verify')) throw new DOMException('Unable to use this key to verify', 'InvalidAccessError');
    const wanted = hmacBytes(key.algorithm.hash.name, keyBytes(key), bytesOf(data));
    const given = bytesOf(signature);
    return wanted.length === given.length && timingSafeEqual(wanted, given);
  }
  get [Symbol.toStringTag]() { return 'SubtleCrypto'; }
}
for (const method of ['encrypt', 'decrypt', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey']) {
  SubtleCrypto.prototype[method] = async function unsupported() {
    throw new DOMException(`crypto.subtle.${method}() is not supported here`, 'NotSupportedError');
  };
}

class Crypto {
  #subtle = new SubtleCrypto();
  get subtle() { return this.#subtle; }
  getRandomValues(view) {
    if (!ArrayBuffer.isView(view) || view instanceof DataView || /Float/.test(view.constructor.name)) {
      throw new DOMException('The data argument must be an integer-type TypedArray', 'TypeMismatchError');
    }
    if (view.byteLength > 65536) {
      throw new DOMException(`The ArrayBufferView's byte length (${view.byteLength}) exceeds the number of bytes of entropy available via this API (65536)`, 'QuotaExceededError');
    }
    return fillRandom(view);
  }
  randomUUID() { return randomUUID(); }
  get [Symbol.toStringTag]() { return 'Crypto'; }
}
const webcrypto = new Crypto();
for (const [name, value] of Object.entries({ crypto: webcrypto, Crypto, CryptoKey, SubtleCrypto })) defineGlobal(name, value);

const later = (compute) => (...args) => {
  const callback = requireFunction(args.pop(), 'callback');
  let result;
  try {
    result = compute(...args);
  } catch (error) {
    nextTick(callback, error);
    return;
  }
  nextTick(callback, null, result);
};
const noCipher = (name) => () => {
  throw codedError(Error, 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM', `crypto.${name}() is not supported here: hashes, HMAC and random numbers are`);
};

defineBuiltin('crypto', {
  createHash, createHmac, Hash, Hmac, KeyObject, randomUUID, randomBytes, pseudoRandomBytes: randomBytes, randomInt, timingSafeEqual,
  webcrypto, subtle: webcrypto.subtle, getRandomValues: (view) => webcrypto.getRandomValues(view),
  randomFillSync(view, offset = 0, size = view.byteLength - offset) {
    fillRandom(bytesOf(view).subarray(offset, offset + size));
    return view;
  },
  randomFill(view, ...rest) {
    const callback = rest.pop();
    const [offset = 0, size = view.byteLength - offset] = rest;
    fillRandom(bytesOf(view).subarray(offset, offset + size));
    nextTick(callback, null, view);
  },
  hash: (algorithm, data, encoding = 'hex') => encodeDigest(hashBytes(algorithm, cryptoBytes(data)), encoding),
  createSecretKey: (key, encoding) => new KeyObject(cryptoBytes(key, encoding).slice()),
  pbkdf2Sync, pbkdf2: later(pbkdf2Sync), hkdfSync, hkdf: later(hkdfSync),
  getHashes: () => ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'sha512-224', 'sha512-256'],
  getCiphers: () => [], getCurves: () => [], constants: {},
  ...Object.fromEntries(['createCipheriv', 'createDecipheriv', 'createSign', 'createVerify', 'scrypt', 'scryptSync',
    'generateKeyPair', 'generateKeyPairSync', 'createPublicKey', 'createPrivateKey', 'createECDH', 'createDiffieHellman',
    'publicEncrypt', 'privateDecrypt', 'sign', 'verify'].map((name) => [name, noCipher(name)])),
});
