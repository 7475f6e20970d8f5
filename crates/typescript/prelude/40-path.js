// node:path. The rules are those of POSIX; `path.win32` has the same functions with the other separator.

function makePath({ sep, delimiter, isSep, rootOf, cwd }) {
  const check = (path, name = 'path') => {
    if (typeof path !== 'string') throw argumentTypeError(name, 'of type string', path);
  };

  /** Resolves `.` and `..`; `above` keeps what climbs out of a relative path. */
  const collapse = (path, above) => {
    const parts = [];
    for (const part of path.split(isSep)) {
      if (part === '' || part === '.') continue;
      if (part !== '..') parts.push(part);
      else if (parts.length && parts[parts.length - 1] !== '..') parts.pop();
      else if (above) parts.push('..');
    }
    return parts.join(sep);
  };

  const api = {
    sep,
    delimiter,
    isAbsolute(path) {
      check(path);
      return /[/\\]$/.test(rootOf(path)) && rootOf(path) !== '';
    },
    normalize(path) {
      check(path);
      if (path === '') return '.';
      const root = rootOf(path);
      const rest = path.slice(root.length);
      let body = collapse(rest, root === '');
      if (body !== '' && isSep.test(path[path.length - 1])) body += sep;
      if (body === '' && root === '') return isSep.test(path[path.length - 1]) ? `.${sep}` : '.';
      return root.replaceAll('/', sep) + body;
    },
    join(...parts) {
      parts.forEach((part) => check(part));
      const joined = parts.filter((part) => part !== '').join(sep);
      return joined === '' ? '.' : api.normalize(joined);
    },
    resolve(...parts) {
      let path = '';
      for (let i = parts.length - 1; i >= 0; i--) {
        check(parts[i], `paths[${i}]`);
        if (parts[i] === '') continue;
        path = path === '' ? parts[i] : `${parts[i]}${sep}${path}`;
        if (api.isAbsolute(path)) break;
      }
      if (path === '' || !api.isAbsolute(path)) path = path === '' ? cwd() : `${cwd()}${sep}${path}`;
      const root = rootOf(path);
      const body = collapse(path.slice(root.length), false);
      return root.replaceAll('/', sep) + body;
    },
    relative(from, to) {
      check(from, 'from');
      check(to, 'to');
      const [a, b] = [api.resolve(from), api.resolve(to)];
      if (a === b) return '';
      const split = (path) => path.split(sep).filter((part) => part !== '');
      const [x, y] = [split(a), split(b)];
      let same = 0;
      while (same < x.length && same < y.length && x[same] === y[same]) same += 1;
      return [...x.slice(same).map(() => '..'), ...y.slice(same)].join(sep);
    },
    dirname(path) {
      check(path);
      const root = rootOf(path);
      const rest = path.slice(root.length).replace(/[/\\]+$/, (end) => (isSep.test(end[0]) ? '' : end));
      const cut = lastSep(rest, isSep);
      if (cut < 0) return root === '' ? '.' : root;
      return root + rest.slice(0, cut).replace(sep === '/' ? /\/+$/ : /[/\\]+$/, '');
    },
    basename(path, suffix) {
      check(path);
      if (suffix !== undefined) check(suffix, 'suffix');
      if (suffix !== undefined && suffix === path) return '';
      const rest = path.slice(sep === '/' ? 0 : rootOf(path).length).replace(sep === '/' ? /\/+$/ : /[/\\]+$/, '');
      const base = rest.slice(lastSep(rest, isSep) + 1);
      return suffix && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base;
    },
    extname(path) {
      const base = api.basename(path);
      const dot = base.lastIndexOf('.');
      return dot <= 0 || base === '..' ? '' : base.slice(dot);
    },
    parse(path) {
      check(path);
      const root = rootOf(path);
      const base = api.basename(path.slice(root.length));
      const ext = api.extname(base);
      const folder = api.dirname(path);
      return { root, dir: path === root || folder === '.' && !path.startsWith('.') ? root : folder, base, ext, name: ext ? base.slice(0, -ext.length) : base };
    },
    format(parts) {
      if (parts === null || typeof parts !== 'object') throw argumentTypeError('pathObject', 'of type object', parts);
      const folder = parts.dir || parts.root;
      const dotted = parts.ext ? (parts.ext.startsWith('.') ? parts.ext : `.${parts.ext}`) : '';
      const base = parts.base || `${parts.name || ''}${dotted}`;
      if (!folder) return base;
      return folder === parts.root ? `${folder}${base}` : `${folder}${sep}${base}`;
    },
    toNamespacedPath: (path) => path,
    matchesGlob: (path, pattern) => globToRegExp(pattern).test(path),
  };
  return api;
}

function lastSep(text, isSep) {
  for (let i = text.length - 1; i >= 0; i--) if (isSep.test(text[i])) return i;
  return -1;
}

/** `**`, `*`, `?`, `[…]`, `{a,b}`. */
function globToRegExp(pattern) {
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i];
    if (char === '*' && pattern[i + 1] === '*') {
      const slash = pattern[i + 2] === '/';
      source += slash ? '(?:.*/)?' : '.*';
      i += slash ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[' && pattern.indexOf(']', i) > i) {
      const end = pattern.indexOf(']', i);
      source += `[${pattern.slice(i + 1, end).replace(/^!/, '^')}]`;
      i = end;
    } else if (char === '{' && pattern.indexOf('}', i) > i) {
      const end = pattern.indexOf('}', i);
      source += `(?:${pattern.slice(i + 1, end).split(',').map((part) => globToRegExp(part).source.slice(1, -1)).join('|')})`;
      i = end;
    } else source += char.replace(/[.+^${}()|[\]\\]/, '\\$&');
  }
  return new RegExp(`^${source}$`);
}

const posixPath = makePath({
  sep: '/', delimiter: ':', isSep: /\//, rootOf: (path) => (path.startsWith('/') ? '/' : ''), cwd: () => platformProcess.cwd(),
});
const win32Path = makePath({
  sep: '\\', delimiter: ';', isSep: /[/\\]/,
  rootOf: (path) => /^(?:[A-Za-z]:[/\\]?|[/\\]{2}[^/\\]+[/\\]+[^/\\]+[/\\]?|[/\\])/.exec(path)?.[0] ?? '', cwd: () => 'C:\\',
});
for (const api of [posixPath, win32Path]) Object.assign(api, { posix: posixPath, win32: win32Path });
platformModules.path = posixPath;
defineBuiltin(['path', 'path/posix'], posixPath);
defineBuiltin('path/win32', win32Path);

defineBuiltin('os', {
  EOL: '\n', devNull: '/dev/null', constants: { signals: {}, errno: {}, priority: {} },
  platform: () => processInfo().platform, arch: () => processInfo().arch, hostname: () => processInfo().hostname,
  homedir: () => processInfo().homedir, tmpdir: () => processInfo().tmpdir, endianness: () => 'LE',
  type: () => ({ linux: 'Linux', darwin: 'Darwin', win32: 'Windows_NT' })[processInfo().platform] ?? processInfo().platform,
  release: () => '', version: () => '', machine: () => ({ x64: 'x86_64', arm64: 'aarch64' })[processInfo().arch] ?? processInfo().arch,
  uptime: () => platformProcess.uptime(), loadavg: () => [0, 0, 0], totalmem: () => 0, freemem: () => 0, availableParallelism: () => 1,
  cpus: () => [], networkInterfaces: () => ({}),
  userInfo: () => ({ uid: 0, gid: 0, username: 'user', homedir: processInfo().homedir, shell: null }),
  getPriority: () => 0, setPriority() {},
});
