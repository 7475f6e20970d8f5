//! The settings that machine code depends on; the build script compiles with them and the library loads with them.

use wasmtime::{Config, OptLevel};

/// The WebAssembly stack of a turn, in bytes. QuickJS's own limit (the linker's stack, see build.rs) comes first.
pub const WASM_STACK: usize = 28 << 20;

/// Deterministic on every machine: no relaxed SIMD, one NaN; 4 GiB of address space instead of bounds checks.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .async_stack_size(WASM_STACK) // unused, but wasmtime compares the two
        .max_wasm_stack(WASM_STACK)
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .memory_init_cow(true)
        .native_unwind_info(false)
        .generate_address_map(false);
    config
}
