//! Machine to bytes.

use super::bytes::Writer;
use super::{BadSnapshot, FORMAT, HEADER, MAGIC, checksum, objects, program};
use crate::heap::NONE;
use crate::modules;
use crate::value::{Kind, Value};
use crate::vm::{Method, Vm, World};

/// The numbers that objects and functions have in the file.
pub(super) struct Numbers {
    /// By handle; `NONE` for what is not reached.
    pub of: Vec<u32>,
    /// Handles in the file's order.
    pub order: Vec<u32>,
    /// Native functions that values name.
    pub natives: Vec<u32>,
    pub modules: Vec<u32>,
}

impl Numbers {
    fn reach(&mut self, handle: u32) {
        if handle != NONE && self.of[handle as usize] == NONE {
            self.of[handle as usize] = self.order.len() as u32;
            self.order.push(handle);
        }
    }

    fn reach_value(&mut self, value: Value) {
        if let Some(handle) = value.heap_index() {
            self.reach(handle);
        }
    }

    pub fn handle(&self, handle: u32) -> u32 {
        if handle == NONE { NONE } else { self.of[handle as usize] }
    }

    /// A value's bits in the file.
    #[inline]
    pub fn bits(&mut self, value: Value) -> u64 {
        if let Some(n) = value.as_number() {
            // Processors have different NaNs.
            return if n.is_nan() { f64::NAN.to_bits() } else { n.to_bits() };
        }
        if value.is(Kind::Special) {
            return value.bits();
        }
        let number = match value.kind() {
            Some(Kind::Native) => place(&mut self.natives, value.payload()),
            Some(Kind::Module) => place(&mut self.modules, value.payload()),
            _ => self.of[value.payload() as usize],
        };
        value.bits() & !0xffff_ffff | u64::from(number)
    }

    pub fn value(&mut self, value: Value, w: &mut Writer) {
        let bits = self.bits(value);
        w.u64(bits);
    }

    /// A list of values: its length, then eight bytes each.
    pub fn values(&mut self, values: &[Value], w: &mut Writer) {
        w.len(values.len());
        w.out.reserve(values.len() * 8);
        for value in values {
            let bits = self.bits(*value);
            w.out.extend_from_slice(&bits.to_le_bytes());
        }
    }
}

fn place(list: &mut Vec<u32>, id: u32) -> u32 {
    match list.iter().position(|known| *known == id) {
        Some(at) => at as u32,
        None => {
            list.push(id);
            (list.len() - 1) as u32
        }
    }
}

/// The machine's bytes. What lies above the live part of the stacks is cleared on the way, here as in the machine
/// that will be restored, so that both go on alike.
pub(crate) fn save(vm: &mut Vm) -> Result<Vec<u8>, BadSnapshot> {
    let current = vm.current;
    vm.park();
    for handle in tasks_to_clear(vm) {
        if let Some(task) = vm.heap.task_mut(handle) {
            let live = (task.live as usize).min(task.stack.len());
            task.stack[live..].fill(Value::NIL);
        }
    }
    let bytes = save_parked(vm, current);
    if current != NONE {
        vm.switch_to(current);
    }
    // Lengths are written in 32 bits.
    if bytes.len() > u32::MAX as usize {
        return Err(BadSnapshot::TooLarge { need: bytes.len() as u64, limit: u64::from(u32::MAX) });
    }
    Ok(bytes)
}

fn tasks_to_clear(vm: &Vm) -> Vec<u32> {
    let mut tasks = vm.tasks.clone();
    tasks.extend(&vm.ready);
    tasks
}

fn save_parked(vm: &Vm, current: u32) -> Vec<u8> {
    let mut numbers =
        Numbers { of: vec![NONE; vm.heap.slots.len()], order: Vec::new(), natives: Vec::new(), modules: Vec::new() };
    vm.tasks.iter().chain(&vm.ready).chain([&vm.main, &current]).for_each(|h| numbers.reach(*h));
    vm.globals.iter().for_each(|v| numbers.reach_value(*v));
    let mut at = 0;
    while let Some(handle) = numbers.order.get(at).copied() {
        vm.heap.children(handle, &mut |child| numbers.reach(child));
        at += 1;
    }
    let mut w = Writer { out: Vec::with_capacity(vm.heap.bytes / 2 + 4096) };
    w.out.extend_from_slice(MAGIC);
    w.u32(FORMAT);
    w.u32(0);
    w.out.resize(HEADER, 0);
    w.section(1, |w| program::write(&vm.program, w));
    w.section(2, |w| objects::write(&vm.heap, &mut numbers, w));
    w.section(3, |w| roots(vm, current, &mut numbers, w));
    w.section(4, |w| world(&vm.world, w));
    w.section(5, |w| {
        w.len(numbers.natives.len());
        numbers.natives.iter().for_each(|id| w.text(modules::native(*id).map_or("", |n| n.name)));
        w.len(numbers.modules.len());
        numbers.modules.iter().for_each(|id| w.text(modules::name(*id)));
    });
    let mut out = w.out;
    let length = (out.len() - HEADER) as u64;
    out[16..24].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(&out[..24], &out[HEADER..]);
    out[24..HEADER].copy_from_slice(&sum);
    out
}

fn roots(vm: &Vm, current: u32, numbers: &mut Numbers, w: &mut Writer) {
    let handles = |list: &mut dyn ExactSizeIterator<Item = &u32>, w: &mut Writer| {
        w.len(list.len());
        list.for_each(|h| w.u32(numbers.handle(*h)));
    };
    handles(&mut vm.tasks.iter(), w);
    // The running task is the first in line.
    let running = Some(current).filter(|h| *h != NONE);
    let ready: Vec<u32> = running.into_iter().chain(vm.ready.iter().copied()).collect();
    handles(&mut ready.iter(), w);
    w.u32(numbers.handle(vm.main));
    w.u32(vm.next_task);
    w.bool(vm.fresh_from_file);
    match &vm.method {
        Method::None => w.u8(0),
        Method::Later { name, params } => {
            w.u8(1);
            w.text(name);
            w.text(params);
        }
        Method::Called { name } => {
            w.u8(2);
            w.text(name);
        }
    }
    numbers.values(&vm.globals, w);
}

fn world(world: &World, w: &mut Writer) {
    w.out.extend_from_slice(&world.seed.0);
    w.u64(world.draws);
    world.rng.state.iter().for_each(|n| w.u64(*n));
    w.bool(world.rng.by_program);
    w.bool(world.rng.spare.is_some());
    w.f64(world.rng.spare.unwrap_or(0.0));
    w.u64(world.clock);
    w.text(&world.run);
    w.len(world.args.len());
    world.args.iter().for_each(|arg| w.text(arg));
    w.option(world.cwd.as_deref());
    w.bool(world.cwd_chosen);
    w.u8(world.log.level);
    w.option(world.log.file.as_deref());
    w.bool(world.log.color);
    w.bool(world.log.timestamp);
    w.u64(world.temporary);
    w.bool(world.observed);
}
