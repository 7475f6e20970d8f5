//! Makes the image that every TypeScript program starts from, in four steps:
//!
//! 1. QuickJS-ng (its C sources come with the crate `libquickjs-ng-sys`, which is never compiled) and `shim/*.c` are
//!    compiled to WebAssembly with clang and Debian's wasi-libc. Kept in OUT_DIR under a hash of everything that goes
//!    in, so that a change of the prelude does not compile C again.
//! 2. The module is run: runtime and context are made, and the prelude is evaluated. All files of `prelude/*.js`, in
//!    the order of their names, are one script in one function scope: they share what they declare, and programs see
//!    only what they put into `globalThis`.
//! 3. The memory that this leaves is written back into the module (wasmtime-wizer).
//! 4. That is compiled to machine code for a fixed set of CPU features, so that it loads on any machine of its kind.
//!
//! OUT_DIR then holds `image.cwasm` and `image.rs` (hash of the image, size of the stack).

use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
    process::{Command, exit},
    task::{Context, Poll, Waker},
};

use wasmtime::{Caller, Engine, Instance, Linker, Memory, Module, Store, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

#[path = "src/engine_config.rs"]
mod engine_config;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

/// The C stack of the engine; it lies at the bottom of memory. JavaScript may recurse until 256 KiB of it are left.
const STACK: u32 = 4 << 20;

/// Changes when the host and the image no longer understand each other.
const ABI: u32 = 1;

/// `-D…`: wasi-libc has no rounding modes to set; `NDEBUG` leaves out the checks of QuickJS's own development.
const CFLAGS: &[&str] = &[
    "--target=wasm32-wasi",
    "-O3",
    "-mbulk-memory",
    "-msign-ext",
    "-mnontrapping-fptoint",
    "-mmutable-globals",
    "-D_GNU_SOURCE",
    "-DFE_DOWNWARD=0",
    "-DFE_UPWARD=0",
    "-DNDEBUG",
];

/// What is put into quickjs.c, and behind which text; each text must occur once.
const INSERTED: &[(&str, &str)] = &[
    // Loops that may run for hours without running any JavaScript, such as `includes` on `{length: 2 ** 53}` or a search
    // for a long text in a long text: there, too, the host is asked now and then whether to go on.
    (
        "static int JS_TryGetPropertyInt64(JSContext *ctx, JSValueConst obj, int64_t idx, JSValue *pval)\n{\n",
        "    qs_poll();\n",
    ),
    ("JSValue JS_GetPropertyInt64(JSContext *ctx, JSValueConst obj, int64_t idx)\n{\n", "    qs_poll();\n"),
    (
        "int JS_SetPropertyInt64(JSContext *ctx, JSValueConst this_obj,\n                        int64_t idx, JSValue val)\n{\n",
        "    qs_poll();\n",
    ),
    ("int JS_DeleteProperty(JSContext *ctx, JSValueConst obj, JSAtom prop, int flags)\n{\n", "    qs_poll();\n"),
    ("static int string_cmp(JSString *p1, JSString *p2, int x1, int x2, int len)\n{\n", "    qs_poll();\n"),
    // The limit of recursion is one of the C stack. These functions need little of it and much of the stack of the
    // machine code, which would end first.
    (
        "static __exception int js_parse_postfix_expr(JSParseState *s, int parse_flags)\n{\n",
        "    char weight[512];\n    __asm__ volatile(\"\" : : \"r\"(weight));\n",
    ),
    (
        "static JSValue json_parse_value(JSParseState *s, JSONParseRecord *pr)\n{\n",
        "    char weight[256];\n    __asm__ volatile(\"\" : : \"r\"(weight));\n",
    ),
    // QuickJS makes its own errors (no memory, text too long) uncatchable, as it does with interrupts. A turn that is
    // stopped ends in a trap here, so an error is an error.
    ("bool JS_IsUncatchableError(JSValueConst val)\n{\n", "    return false;\n"),
];

const LIBRARY: &[&str] = &["libregexp.c", "libunicode.c", "dtoa.c"];

fn main() {
    if let Err(error) = build() {
        // One line: cargo shows what a build script prints when it fails, and a backtrace would bury it.
        eprintln!("error: {error}");
        exit(1);
    }
}

fn build() -> Fallible<()> {
    let home = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for path in ["build.rs", "src/engine_config.rs", "shim", "prelude"] {
        println!("cargo::rerun-if-changed={path}");
    }
    for name in ["CLANG", "QUICKSAVE_PRELUDE"] {
        println!("cargo::rerun-if-env-changed={name}");
    }

    let (wasm, key) = compile_c(&home, &out)?;
    // Another folder may stand in, for work on the engine while the platform changes.
    let prelude = env::var_os("QUICKSAVE_PRELUDE").map_or_else(|| home.join("prelude"), PathBuf::from);
    let prelude = read_prelude(&prelude)?;
    let image = initialise(&wasm, &prelude, &out, &key)?;
    let hash = blake3::Hasher::new().update(&image).update(&ABI.to_le_bytes()).update(&STACK.to_le_bytes()).finalize();

    let code = target_engine()?.precompile_module(&image)?;
    fs::write(out.join("image.cwasm"), code)?;
    fs::write(
        out.join("image.rs"),
        format!(
            "/// Identifies the image, what it expects of the host, and its layout.\n\
             pub const IMAGE_HASH: [u8; 32] = {:?};\n\
             /// Bytes of stack at the bottom of memory.\n\
             pub const STACK: usize = {STACK};\n",
            hash.as_bytes()
        ),
    )?;
    Ok(())
}

/// The folder with QuickJS-ng's sources, in the registry's own folder.
fn quickjs_sources(home: &Path) -> Fallible<PathBuf> {
    let metadata = |offline: bool| {
        let mut command = cargo_metadata::MetadataCommand::new();
        command.manifest_path(home.join("Cargo.toml"));
        // A build must not touch the network when cargo has fetched what the lock file names, as it has by now.
        command.other_options(if offline { vec!["--offline".into(), "--locked".into()] } else { vec![] });
        command.exec()
    };
    let metadata = metadata(true).or_else(|_| metadata(false))?;
    let package = metadata
        .packages
        .iter()
        .find(|p| p.name.as_str() == "libquickjs-ng-sys")
        .ok_or("libquickjs-ng-sys is not among the dependencies; its sources are QuickJS-ng's. Run: cargo fetch")?;
    let folder = package.manifest_path.parent().ok_or("its manifest has no folder")?.join("embed/quickjs");
    if !folder.join("quickjs.c").exists() {
        return Err(format!("{folder} does not hold quickjs.c. Run: cargo fetch").into());
    }
    Ok(folder.into())
}

/// QuickJS-ng and the shim as one WebAssembly module, and the hash of what it was made from.
fn compile_c(home: &Path, out: &Path) -> Fallible<(Vec<u8>, String)> {
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let version = Command::new(&clang).arg("--version").output().map_err(|_| missing_tools())?.stdout;
    let quickjs = quickjs_sources(home)?;
    let shim = home.join("shim");

    let mut hasher = blake3::Hasher::new();
    hasher.update(&version).update(&STACK.to_le_bytes()).update(CFLAGS.join(" ").as_bytes());
    for (place, text) in INSERTED {
        hasher.update(place.as_bytes()).update(text.as_bytes());
    }
    hasher.update(quickjs.to_string_lossy().as_bytes());
    let mut units = Vec::new();
    for path in sorted(&shim)? {
        hasher.update(&fs::read(&path)?);
        if path.extension().is_some_and(|e| e == "c") {
            units.push(path);
        }
    }
    units.extend(LIBRARY.iter().map(|name| quickjs.join(name)));
    let key = hasher.finalize().to_hex()[..16].to_string();
    let wasm = out.join(format!("engine-{key}.wasm"));
    if !wasm.exists() {
        check_tools(&clang, out)?;
        let objects = out.join("objects");
        fs::create_dir_all(&objects)?;
        fs::write(objects.join("quickjs.c"), with_insertions(&fs::read_to_string(quickjs.join("quickjs.c"))?)?)?;
        let mut running = Vec::new();
        let mut made = Vec::new();
        for unit in &units {
            let object = objects.join(unit.file_name().expect("a source has a name")).with_extension("o");
            let mut command = Command::new(&clang);
            command.args(CFLAGS).arg("-I").arg(&objects).arg("-I").arg(&quickjs).arg("-I").arg(&shim);
            command.arg("-c").arg(unit).arg("-o").arg(&object);
            running.push((unit, command.spawn()?));
            made.push(object);
        }
        let mut failed = None;
        for (unit, mut child) in running {
            if !child.wait()?.success() {
                failed = Some(unit);
            }
        }
        if let Some(unit) = failed {
            return Err(format!("clang could not compile {}; its messages are above", unit.display()).into());
        }
        let linked = out.join("engine.wasm.tmp");
        let status = Command::new(&clang)
            .args(["--target=wasm32-wasi", "-nostartfiles", "-Wl,--no-entry", "-Wl,--stack-first", "-Wl,--strip-all"])
            .args([&format!("-Wl,-z,stack-size={STACK}"), "-Wl,--gc-sections", "-Wl,--export=__stack_pointer", "-o"])
            .arg(&linked)
            .args(&made)
            .status()?;
        if !status.success() {
            return Err("the WebAssembly module could not be linked; the messages are above".into());
        }
        fs::rename(&linked, &wasm)?;
    }
    Ok((fs::read(wasm)?, key))
}

fn with_insertions(source: &str) -> Fallible<String> {
    let mut out = source.to_string();
    for (place, text) in INSERTED {
        if source.matches(place).count() != 1 {
            return Err(
                format!("quickjs.c has changed: this does not occur once, see INSERTED in build.rs: {place}").into()
            );
        }
        out = out.replace(place, &format!("{place}{text}"));
    }
    Ok(out)
}

/// One line that names what to install, rather than pages of messages about missing headers.
fn check_tools(clang: &str, out: &Path) -> Fallible<()> {
    let source = out.join("probe.c");
    fs::write(&source, "#include <stdio.h>\nint probe(void) { return puts(\"\"); }\n")?;
    let output = Command::new(clang)
        .args(["--target=wasm32-wasi", "-nostartfiles", "-Wl,--no-entry", "-Wl,--export=probe", "-o"])
        .arg(out.join("probe.wasm"))
        .arg(&source)
        .output()?;
    if output.status.success() { Ok(()) } else { Err(missing_tools().into()) }
}

fn missing_tools() -> String {
    "the TypeScript engine is built with clang for WebAssembly, and some of it is missing. Install Debian's packages: \
     apt-get install clang lld wasi-libc libclang-rt-dev-wasm32"
        .into()
}

fn sorted(folder: &Path) -> Fallible<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// The prelude: one script, and which of its lines come from which file.
struct Prelude {
    text: String,
    starts: Vec<(usize, String)>,
}

fn read_prelude(folder: &Path) -> Fallible<Prelude> {
    let mut prelude = Prelude { text: "(function () {".into(), starts: Vec::new() };
    for path in sorted(folder)?.iter().filter(|p| p.extension().is_some_and(|e| e == "js")) {
        let line = prelude.text.matches('\n').count();
        prelude.starts.push((line, path.file_name().expect("a file has a name").to_string_lossy().into()));
        prelude.text.push_str(&fs::read_to_string(path)?);
        prelude.text.push('\n');
    }
    prelude.text.push_str("}).call(globalThis);\n");
    Ok(prelude)
}

impl Prelude {
    /// An error's text, with places in the files instead of in the whole.
    fn explain(&self, text: &str) -> String {
        const NAME: &str = "quicksave:prelude:";
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(NAME) {
            out.push_str(&rest[..at]);
            rest = &rest[at + NAME.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let line = rest[..digits].parse::<usize>().unwrap_or(1);
            let (start, file) = self.starts.iter().rev().find(|(s, _)| *s < line).cloned().unwrap_or_default();
            out.push_str(&format!("prelude/{file}:{}", line - start));
            rest = &rest[digits..];
        }
        out + rest
    }
}

/// Runs the module's start and the prelude, and puts the memory that they leave into the module.
fn initialise(wasm: &[u8], prelude: &Prelude, out: &Path, key: &str) -> Fallible<Vec<u8>> {
    let wizer = Wizer::new();
    let (cx, instrumented) = wizer.instrument(wasm)?;
    let engine = Engine::new(&engine_config::config())?;
    // Its code does not depend on the prelude: compiled once.
    let compiled = out.join(format!("engine-{key}.cwasm"));
    if !compiled.exists() {
        let part = out.join("engine.cwasm.tmp");
        fs::write(&part, engine.precompile_module(&instrumented)?)?;
        fs::rename(&part, &compiled)?;
    }
    // Safety: the file was written by this script, in its own folder, and wasmtime checks version and settings.
    #[allow(unsafe_code)]
    let module =
        unsafe { Module::deserialize_file(&engine, &compiled) }.or_else(|_| Module::new(&engine, &instrumented))?;

    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    forbid_imports(&mut linker, &module)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let memory = instance.get_memory(&mut store, "memory").ok_or("the module has no memory")?;

    // Deep recursion of the prelude is not expected; the main thread's stack is what there is.
    let status = instance.get_typed_func::<(), i32>(&mut store, "qs_init")?.call(&mut store, ())?;
    if status != 0 {
        return Err(format!("the JavaScript engine does not start (status {status})").into());
    }
    evaluate(&mut store, &instance, memory, prelude)?;

    let mut state = State { store: &mut store, instance };
    Ok(block_on(wizer.snapshot(&cx, &mut state))?)
}

/// The image is the same for all programs, so nothing in it may come from outside.
fn forbid_imports(linker: &mut Linker<()>, module: &Module) -> Fallible<()> {
    for import in module.imports() {
        let Some(ty) = import.ty().func().cloned() else { continue };
        let name = import.name().to_string();
        linker.func_new(import.module(), import.name(), ty, move |_: Caller<'_, ()>, _, results| {
            match name.as_str() {
                "interrupted" => Ok(()),
                // Nothing is known: the caller makes an error of it.
                "resolve" | "source" => {
                    results.iter_mut().for_each(|r| *r = Val::I32(0));
                    Ok(())
                }
                _ => Err(wasmtime::Error::msg(format!(
                    "the prelude asked the host for `{name}` while the image is built"
                ))),
            }
        })?;
    }
    Ok(())
}

fn evaluate(store: &mut Store<()>, instance: &Instance, memory: Memory, prelude: &Prelude) -> Fallible<()> {
    let alloc = instance.get_typed_func::<u32, u32>(&mut *store, "qs_alloc")?;
    let free = instance.get_typed_func::<u32, ()>(&mut *store, "qs_free")?;
    let mut text = prelude.text.clone().into_bytes();
    let len = text.len() as u32;
    text.push(0);
    let source = alloc.call(&mut *store, text.len() as u32)?;
    memory.write(&mut *store, source as usize, &text)?;
    let name = alloc.call(&mut *store, 32)?;
    memory.write(&mut *store, name as usize, b"quicksave:prelude\0")?;
    let reply = alloc.call(&mut *store, 64)?;
    memory.write(&mut *store, reply as usize, &[0; 64])?;
    let run = instance.get_typed_func::<(u32, u32, u32, u32), ()>(&mut *store, "qs_prelude")?;
    run.call(&mut *store, (source, len, name, reply))
        .map_err(|e| format!("the prelude stopped the engine: {}", prelude.explain(&format!("{e:?}"))))?;
    let word = |store: &Store<()>, at: u32| -> u32 {
        let mut bytes = [0; 4];
        memory.read(store, (reply + at) as usize, &mut bytes).map_or(0, |()| u32::from_le_bytes(bytes))
    };
    if word(store, 0) == 0 {
        let (at, len) = (word(store, 4) as usize, word(store, 8) as usize);
        let text = memory.data(&*store).get(at..at + len).unwrap_or_default();
        return Err(format!("the prelude failed: {}", prelude.explain(&String::from_utf8_lossy(text))).into());
    }
    for block in [source, name, reply] {
        free.call(&mut *store, block)?;
    }
    Ok(())
}

/// What wizer reads of the instance.
struct State<'a> {
    store: &'a mut Store<()>,
    instance: Instance,
}

impl InstanceState for State<'_> {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut *self.store, name).expect("wizer exports what it asks for");
        match global.get(&mut *self.store) {
            Val::I32(x) => SnapshotVal::I32(x),
            Val::I64(x) => SnapshotVal::I64(x),
            Val::F32(x) => SnapshotVal::F32(x),
            Val::F64(x) => SnapshotVal::F64(x),
            other => panic!("the engine has a global of type {:?}", other.ty(&*self.store)),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        let memory = self.instance.get_memory(&mut *self.store, name).expect("wizer exports what it asks for");
        let mut data = memory.data(&*self.store).to_vec();
        // Nothing runs now: what lies on the stack is dead, and would be part of every image.
        data[..STACK as usize].fill(0);
        contents(&data);
    }
}

/// Wizer's own function is async for the sake of others; nothing here ever waits.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
    }
}

/// Compiles for every CPU of the kind since about 2009 (x86-64-v2), not for the one that happens to build.
fn target_engine() -> Fallible<Engine> {
    let mut config = engine_config::config();
    config.target(&env::var("TARGET")?)?;
    if env::var("CARGO_CFG_TARGET_ARCH")? == "x86_64" {
        for flag in ["has_sse3", "has_ssse3", "has_sse41", "has_sse42", "has_popcnt"] {
            // Safety: these are features that wasmtime checks for when it loads the code.
            #[allow(unsafe_code)]
            unsafe {
                config.cranelift_flag_enable(flag);
            }
        }
    }
    Ok(Engine::new(&config)?)
}
