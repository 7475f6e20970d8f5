//! The engine of the process: the image's machine code, and instances of it.

use std::sync::{Arc, OnceLock};

use run::GuestError;
use wasmtime::{InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig, Store};

use crate::{
    built, engine_config, imports,
    program::State,
    spare::{Made, Spare},
};

static CODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/image.cwasm"));

/// Programs in memory at one time that start in a microsecond; more of them start in some tens.
const POOL: u32 = 256;

/// The most of a table that the image may have (its functions that are called through pointers).
const TABLE: usize = 10_000;

/// Bytes of a used memory that are set back in place rather than given back to the system: taking them again costs more.
const RESIDENT: usize = 8 << 20;

/// What a program starts from.
pub struct Engine {
    /// Instances from a pool of prepared memories.
    pool: Result<InstancePre<State>, GuestError>,
    /// Instances with a memory of their own, for when the pool is used up or address space is short.
    single: OnceLock<Result<InstancePre<State>, GuestError>>,
    base: OnceLock<Vec<u8>>,
    /// The next program, where one is made ahead.
    pub spare: Spare,
}

impl Engine {
    /// The engine of the process.
    pub fn shared() -> Result<Arc<Self>, GuestError> {
        static SHARED: OnceLock<Result<Arc<Engine>, GuestError>> = OnceLock::new();
        SHARED.get_or_init(|| Self::new().map(Arc::new)).clone()
    }

    fn new() -> Result<Self, GuestError> {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_core_instances(POOL)
            .total_memories(POOL)
            .total_tables(POOL)
            .table_elements(TABLE)
            .max_memory_size(4 << 30)
            .max_unused_warm_slots(16)
            .linear_memory_keep_resident(RESIDENT)
            .table_keep_resident(TABLE * 8)
            .pagemap_scan(wasmtime::Enabled::Auto);
        let engine = Self {
            pool: prepare(InstanceAllocationStrategy::Pooling(pool)),
            single: OnceLock::new(),
            base: OnceLock::new(),
            spare: Spare::default(),
        };
        // A machine that cannot give the address space of the pool still runs programs; one that cannot run the code
        // says so here.
        if engine.pool.is_err() {
            engine.single()?;
        }
        Ok(engine)
    }

    fn single(&self) -> Result<&InstancePre<State>, GuestError> {
        self.single.get_or_init(|| prepare(InstanceAllocationStrategy::OnDemand)).as_ref().map_err(Clone::clone)
    }

    /// A fresh instance around `state`.
    pub fn instantiate(&self, state: State) -> Result<Made, GuestError> {
        if let Some((mut store, instance)) = self.spare.take(&state.limiter) {
            *store.data_mut() = state;
            return Ok((store, instance));
        }
        if let Ok(pre) = &self.pool {
            let mut store = store(pre, state);
            match pre.instantiate(&mut store) {
                Ok(instance) => return Ok((store, instance)),
                Err(error) if error.is::<wasmtime::PoolConcurrencyLimitError>() => {
                    let pre = self.single()?;
                    let mut store = self::store(pre, store.into_data());
                    let instance = pre.instantiate(&mut store).map_err(|e| no_memory(&e))?;
                    return Ok((store, instance));
                }
                Err(error) => return Err(no_memory(&error)),
            }
        }
        let pre = self.single()?;
        let mut store = store(pre, state);
        let instance = pre.instantiate(&mut store).map_err(|e| no_memory(&e))?;
        Ok((store, instance))
    }

    /// Makes the next program, where one is wanted ahead. Takes the time of a start.
    pub fn refill(&self) {
        if let Ok(pre) = &self.pool {
            self.spare.fill(pre);
        }
    }

    /// The memory that every program starts from, without the stack at its bottom. `fresh` is one that has not run.
    pub fn base(&self, fresh: impl FnOnce() -> Result<Vec<u8>, GuestError>) -> Result<&[u8], GuestError> {
        if let Some(base) = self.base.get() {
            return Ok(base);
        }
        let made = fresh()?;
        Ok(self.base.get_or_init(|| made))
    }
}

/// A store for an instance that `pre` makes.
pub fn store(pre: &InstancePre<State>, state: State) -> Store<State> {
    let mut store = Store::new(pre.module().engine(), state);
    store.limiter(|state| &mut state.limiter);
    store
}

fn no_memory(error: &wasmtime::Error) -> GuestError {
    GuestError::Engine(format!(
        "no memory for another program: {error:#}. Raise the run's memory limit above {} MiB, or run fewer at once",
        built::STACK >> 20
    ))
}

fn prepare(strategy: InstanceAllocationStrategy) -> Result<InstancePre<State>, GuestError> {
    let mut config = engine_config::config();
    config.allocation_strategy(strategy);
    let failed = |what: &str, error: wasmtime::Error| {
        GuestError::Engine(format!(
            "{what}: {error:#}. It needs a 64-bit CPU of the kind this binary was built for (on x86-64 one with \
             SSE4.2 and POPCNT, as all since about 2009 have)"
        ))
    };
    let engine = wasmtime::Engine::new(&config).map_err(|e| failed("the WebAssembly engine does not start", e))?;
    // Safety: the bytes were made by this crate's build script with `Engine::precompile_module`, and are part of the
    // binary; wasmtime checks that version, settings and CPU features fit.
    #[allow(unsafe_code)]
    let module =
        unsafe { Module::deserialize(&engine, CODE) }.map_err(|e| failed("the engine's code does not load", e))?;
    let mut linker = Linker::new(&engine);
    imports::define(&mut linker).map_err(|e| failed("the engine's imports do not fit", e))?;
    linker.instantiate_pre(&module).map_err(|e| failed("the engine's imports do not fit", e))
}
