//! CommonJS files become two modules.
//!
//! Node runs a CommonJS file when it is first required, and `require` may go in circles; an ES module runs in the
//! order of the static imports. So each file is **registered** before any is run:
//!
//! * `file:///app/y.cjs?commonjs` registers the file and, by its imports, every file that it can require:
//!   ```js
//!   import "file:///app/z.cjs?commonjs";             // what it requires is registered too, never run
//!   import * as q0 from "file:///app/esm.mjs";       // ES modules cannot be started later: they are evaluated first
//!   import q1 from "file:///app/data.json";
//!   globalThis.__commonjs("file:///app/y.cjs", {
//!     "./z": "file:///app/z.cjs",                    // a string: another registered file, or a built-in ("node:fs")
//!     "fs": "node:fs",
//!     "./esm.mjs": () => q0,                         // a function: gives the value
//!     "./data.json": () => q1,
//!   }, "(function (exports, require, module, __filename, __dirname) {…\n})");
//!   ```
//! * `file:///app/y.cjs` is what `import` and the entry get; its evaluation runs the file:
//!   ```js
//!   import "file:///app/y.cjs?commonjs";
//!   const m = globalThis.__require("file:///app/y.cjs"), o = Object(m ?? {});
//!   export default m;
//!   const n0 = o.name; export { n0 as name };        // the names that the file seems to export
//!   ```
//!
//! The prelude's side:
//!
//! * `__commonjs(name, links, source)` puts a record into a table, once per name. `source` is text and is given to
//!   `evalScript(source, name)` at the first `require`: an ES module is strict, a CommonJS file need not be, so the
//!   file must be compiled as a classic script. The wrapper is on the file's first line, so lines stay the same.
//! * `__require(name)` gives `module.exports` of the registered file, and runs it if it has not begun (a file that is
//!   being run gives what it exports so far). A file that throws is forgotten, to be run again.
//! * The `require` that a file is given looks its specifier up in `links`; a specifier that is not there, but names a
//!   built-in, gives the built-in (its `default`); anything else throws `Cannot find module '…'`, code
//!   `MODULE_NOT_FOUND`. `require.resolve(specifier)` gives the path.
//! * `import()` in such a file comes from `name`, whose links are in the pinned code as usual; its source map is there
//!   too, and belongs to the text that `evalScript` was given.
