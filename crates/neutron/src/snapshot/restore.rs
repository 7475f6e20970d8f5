//! Bytes to machine. Nothing is trusted: what is wrong is refused before anything runs.

use std::sync::Arc;

use super::bytes::Reader;
use super::objects::{self, Known};
use super::{BadSnapshot, Read, damaged, program, verify};
use crate::heap::Waits;
use crate::modules;
use crate::value::Kind;
use crate::vm::{LogState, Method, Rng, Vm, World};

pub(super) fn restore(body: &[u8], memory: usize) -> Read<Vm> {
    let mut r = Reader::new(body);
    let mut section = r.section(1)?;
    let program = program::read(&mut section)?;
    section.end("the program")?;
    verify::program(&program)?;
    let program = Arc::new(program);
    let mut heap = r.section(2)?;
    let mut roots = r.section(3)?;
    let mut world = r.section(4)?;
    let mut names = r.section(5)?;
    r.end("the file")?;
    let natives = names.list(4, |r| {
        let name = r.text()?;
        modules::native_by_name(name).map_or_else(|| damaged(format!("this release has no function {name}")), Ok)
    })?;
    let used = names.list(4, |r| {
        let name = r.text()?;
        modules::find(name).map_or_else(|| damaged(format!("this release has no module {name}")), |m| Ok(m.id))
    })?;
    names.end("the names")?;
    let mut vm = Vm::empty(program.clone(), memory);
    let kinds = objects::kinds(&mut heap)?;
    let known = Known { kinds: &kinds, natives: &natives, modules: &used, program: &program };
    objects::read(&mut vm.heap, &known, &mut heap)?;
    heap.end("the heap")?;
    read_roots(&mut vm, &known, &mut roots)?;
    roots.end("the list of tasks")?;
    vm.world = read_world(&mut world)?;
    world.end("the modules' state")?;
    vm.link();
    vm.link_library();
    if vm.heap.bytes > memory {
        return Err(BadSnapshot::TooLarge { need: vm.heap.bytes as u64, limit: memory as u64 });
    }
    Ok(vm)
}

fn read_roots(vm: &mut Vm, known: &Known<'_>, r: &mut Reader<'_>) -> Read<()> {
    vm.tasks = r.list(4, |r| known.handle(r, Kind::Task))?;
    vm.ready = r.list(4, |r| known.handle(r, Kind::Task))?.into();
    vm.main = known.handle(r, Kind::Task)?;
    vm.next_task = r.u32()?;
    vm.fresh_from_file = r.bool()?;
    vm.method = match r.u8()? {
        0 => Method::None,
        1 => Method::Later { name: r.text()?.to_owned(), params: r.text()?.to_owned() },
        2 => Method::Called { name: r.text()?.to_owned() },
        _ => return damaged("what is called at the end is of no known kind"),
    };
    vm.globals = known.values(r)?;
    if vm.globals.len() != known.program.globals.len() {
        return damaged("the number of variables is wrong");
    }
    let mut seen = hashbrown::HashSet::new();
    if !vm.tasks.iter().all(|h| seen.insert(*h)) {
        return damaged("a task is there twice");
    }
    for handle in vm.ready.iter().copied() {
        let can_run = vm.heap.task(handle).is_some_and(|t| t.waits == Waits::Nothing);
        if !can_run || !seen.remove(&handle) {
            return damaged("a task cannot run");
        }
    }
    Ok(())
}

fn read_world(r: &mut Reader<'_>) -> Read<World> {
    let mut world = World::default();
    world.seed.0.copy_from_slice(r.take(32)?);
    world.draws = r.u64()?;
    let state = [r.u64()?, r.u64()?, r.u64()?, r.u64()?];
    let by_program = r.bool()?;
    let (has_spare, spare) = (r.bool()?, r.f64()?);
    world.rng = Rng { state, by_program, spare: has_spare.then_some(spare) };
    world.clock = r.u64()?;
    world.run = r.text()?.to_owned();
    world.args = r.list(4, |r| Ok(r.text()?.to_owned()))?;
    world.cwd = r.option()?;
    world.cwd_chosen = r.bool()?;
    let level = r.u8()?;
    if level > 3 {
        return damaged("there is no such level of the log");
    }
    world.log = LogState { level, file: r.option()?, color: r.bool()?, timestamp: r.bool()? };
    world.temporary = r.u64()?;
    world.observed = r.bool()?;
    Ok(world)
}
