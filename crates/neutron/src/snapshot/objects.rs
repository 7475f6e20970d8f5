//! The heap: section 2. First the kind of every object, one byte each, then their contents in the same order.

use std::collections::VecDeque;

use super::bytes::{Reader, Writer};
use super::save::Numbers;
use super::{Read, damaged};
use crate::code::{MAX_FRAMES, Program, WINDOW};
use crate::heap::{Asked, Class, Closure, Frame, FrameKind, Heap, Map, NONE, Obj, Task, Waits};
use crate::value::{Kind, Value};

/// A string that is the beginning of a growing text; among objects only, values say `Kind::Text`.
const BEGINNING: u8 = 14;

fn kind_of(obj: &Obj) -> u8 {
    match obj {
        Obj::Free => 0,
        Obj::Text { .. } => Kind::Text as u8,
        Obj::Beginning { .. } => BEGINNING,
        Obj::Growing(_) => Kind::Growing as u8,
        Obj::Array(_) => Kind::Array as u8,
        Obj::Map(_) => Kind::Map as u8,
        Obj::Closure(_) => Kind::Closure as u8,
        Obj::Cell(_) => Kind::Cell as u8,
        Obj::Class(_) => Kind::Class as u8,
        Obj::Instance { .. } => Kind::Instance as u8,
        Obj::Bound { .. } => Kind::Bound as u8,
        Obj::Bytes(_) => Kind::Bytes as u8,
        Obj::Task(_) => Kind::Task as u8,
    }
}

pub(super) fn write(heap: &Heap, numbers: &mut Numbers, w: &mut Writer) {
    let order = std::mem::take(&mut numbers.order);
    w.len(order.len());
    order.iter().for_each(|h| w.u8(kind_of(&heap.slots[*h as usize])));
    for handle in &order {
        match &heap.slots[*handle as usize] {
            Obj::Free => {}
            Obj::Text { text, interned, .. } => {
                w.bool(*interned);
                w.text(text);
            }
            Obj::Beginning { growing, len, .. } => {
                w.u32(numbers.handle(*growing));
                w.u32(*len);
            }
            Obj::Growing(text) => w.text(text),
            Obj::Array(items) => numbers.values(items, w),
            Obj::Map(map) => write_map(map, numbers, w),
            Obj::Closure(c) => {
                w.u32(c.function);
                w.u32(numbers.handle(c.home));
                w.len(c.cells.len());
                c.cells.iter().for_each(|cell| w.u32(numbers.handle(*cell)));
            }
            Obj::Cell(value) => numbers.value(*value, w),
            Obj::Class(class) => {
                w.u32(numbers.handle(class.name));
                w.u32(numbers.handle(class.parent));
                write_map(&class.methods, numbers, w);
                w.len(class.layout.len());
                class.layout.iter().for_each(|(name, _)| w.u32(numbers.handle(name)));
                numbers.value(class.fields, w);
            }
            Obj::Instance { class, fields } => {
                w.u32(numbers.handle(*class));
                numbers.values(fields, w);
            }
            Obj::Bound { this, method } => {
                numbers.value(*this, w);
                numbers.value(*method, w);
            }
            Obj::Bytes(bytes) => w.bytes(bytes),
            Obj::Task(task) => write_task(task, numbers, w),
        }
    }
    numbers.order = order;
}

fn write_map(map: &Map, numbers: &mut Numbers, w: &mut Writer) {
    w.len(map.len());
    for (key, value) in map.iter() {
        w.u32(numbers.handle(key));
        numbers.value(value, w);
    }
}

fn write_task(task: &Task, numbers: &mut Numbers, w: &mut Writer) {
    w.u32(task.id);
    w.bool(task.is_process);
    w.bool(task.failed);
    w.bool(task.awaited);
    match &task.waits {
        Waits::Nothing => w.u8(0),
        Waits::Effect { n, what } => {
            w.u8(1);
            w.u64(*n);
            match what {
                Asked::Timer { due } => {
                    w.u8(0);
                    w.f64(*due);
                }
                Asked::Line { prompt } => {
                    w.u8(1);
                    w.text(prompt);
                }
                Asked::Call { op } => {
                    w.u8(2);
                    w.text(op);
                }
            }
        }
        Waits::Task(other) => {
            w.u8(2);
            w.u32(numbers.handle(*other));
        }
        Waits::Message => w.u8(3),
        Waits::Ended => w.u8(4),
    }
    w.u32(task.dst);
    w.len(task.frames.len());
    for frame in &task.frames {
        w.u32(frame.function);
        w.u32(frame.pc);
        w.u32(frame.base);
        w.u32(numbers.handle(frame.closure));
        w.u8(frame.kind as u8);
    }
    let live = (task.live as usize).min(task.stack.len());
    numbers.values(&task.stack[..live], w);
    w.len(task.mailbox.len());
    task.mailbox.iter().for_each(|v| numbers.value(*v, w));
    numbers.value(task.result, w);
    numbers.value(task.trace, w);
    numbers.value(task.raise, w);
}

/// What values and handles are checked against.
pub(super) struct Known<'a> {
    pub kinds: &'a [u8],
    /// The machine's numbers of the functions and modules that the file names.
    pub natives: &'a [u32],
    pub modules: &'a [u32],
    pub program: &'a Program,
}

impl Known<'_> {
    pub fn handle(&self, r: &mut Reader<'_>, kind: Kind) -> Read<u32> {
        let handle = r.u32()?;
        let fits = self.kinds.get(handle as usize).is_some_and(|k| *k == kind as u8);
        if fits { Ok(handle) } else { damaged(format!("a place for a {kind:?} holds something else")) }
    }

    fn optional(&self, r: &mut Reader<'_>, kind: Kind) -> Read<u32> {
        let mut ahead = Reader::new(r.take(4)?);
        let handle = Reader::u32(&mut ahead)?;
        let fits = handle == NONE || self.kinds.get(handle as usize).is_some_and(|k| *k == kind as u8);
        if fits { Ok(handle) } else { damaged(format!("a place for a {kind:?} holds something else")) }
    }

    pub fn value(&self, r: &mut Reader<'_>) -> Read<Value> {
        let value = r.raw_value()?;
        self.checked(value)
    }

    #[inline]
    fn checked(&self, value: Value) -> Read<Value> {
        let Some(kind) = value.kind() else { return Ok(value) };
        let at = value.payload() as usize;
        let found = self.kinds.get(at).copied();
        match kind {
            Kind::Special => Ok(value),
            Kind::Native if at < self.natives.len() => Ok(Value::new(Kind::Native, self.natives[at])),
            Kind::Module if at < self.modules.len() => Ok(Value::new(Kind::Module, self.modules[at])),
            Kind::Text if found == Some(Kind::Text as u8) || found == Some(BEGINNING) => Ok(value),
            Kind::Native | Kind::Module | Kind::Text | Kind::Growing => damaged("a value's object is of another kind"),
            _ if found == Some(kind as u8) => Ok(value),
            _ => damaged("a value's object is of another kind"),
        }
    }

    pub fn values(&self, r: &mut Reader<'_>) -> Read<Vec<Value>> {
        let n = r.len(8)?;
        let bytes = r.take(n * 8)?;
        let mut out = Vec::with_capacity(n);
        for eight in bytes.chunks_exact(8) {
            let mut bits = [0; 8];
            bits.copy_from_slice(eight);
            match Value::from_bits(u64::from_le_bytes(bits)) {
                Some(value) if value.is_number() => out.push(value),
                Some(value) => out.push(self.checked(value)?),
                None => return damaged("a value has unknown bits"),
            }
        }
        Ok(out)
    }
}

/// The kinds of all objects, to be checked against before the objects are there.
pub(super) fn kinds(r: &mut Reader<'_>) -> Read<Vec<u8>> {
    let n = r.len(1)?;
    let kinds = r.take(n)?.to_vec();
    let heap = |k: &u8| *k == BEGINNING || Kind::HEAP.iter().any(|kind| *kind as u8 == *k);
    if kinds.iter().all(heap) { Ok(kinds) } else { damaged("an object is of no known kind") }
}

pub(super) fn read(heap: &mut Heap, known: &Known<'_>, r: &mut Reader<'_>) -> Read<()> {
    let mut beginnings = Vec::new();
    let mut keyed = Vec::new();
    heap.slots.reserve(known.kinds.len());
    // In an object of strings half of them are names.
    heap.reserve_names(known.kinds.iter().filter(|kind| **kind == Kind::Text as u8).count() / 2);
    let mut is_name = vec![false; known.kinds.len()];
    for (at, kind) in known.kinds.iter().enumerate() {
        if *kind == Kind::Text as u8 {
            // Most objects are strings.
            is_name[at] = r.bool()?;
            if !heap.adopt_text(r.text()?, is_name[at]) {
                return damaged("a name occurs twice");
            }
            continue;
        }
        let obj = read_object(known, *kind, r, &mut keyed)?;
        if let Obj::Beginning { growing, len, .. } = obj {
            beginnings.push((growing, len, at));
        }
        heap.alloc(obj);
    }
    if !keyed.iter().all(|key| is_name[*key as usize]) {
        return damaged("a key is no name");
    }
    count_beginnings(heap, beginnings)
}

/// Characters of beginnings, each growing text walked once however many there are.
fn count_beginnings(heap: &mut Heap, mut beginnings: Vec<(u32, u32, usize)>) -> Read<()> {
    beginnings.sort_unstable();
    let mut counts = Vec::with_capacity(beginnings.len());
    let (mut text, mut of, mut at, mut chars) = ("", NONE, 0usize, 0usize);
    for (growing, len, handle) in &beginnings {
        if *growing != of {
            let Obj::Growing(found) = &heap.slots[*growing as usize] else { return damaged("no growing text") };
            (text, of, at, chars) = (found, *growing, 0, 0);
        }
        let Some(piece) = text.get(at..*len as usize) else { return damaged("a text ends inside a character") };
        chars += piece.chars().count();
        at = *len as usize;
        counts.push((*handle, chars as u32));
    }
    for (handle, count) in counts {
        if let Obj::Beginning { chars, .. } = &mut heap.slots[handle] {
            *chars = count;
        }
    }
    Ok(())
}

fn read_object(known: &Known<'_>, kind: u8, r: &mut Reader<'_>, keyed: &mut Vec<u32>) -> Read<Obj> {
    const GROWING: u8 = Kind::Growing as u8;
    const ARRAY: u8 = Kind::Array as u8;
    const MAP: u8 = Kind::Map as u8;
    const CLOSURE: u8 = Kind::Closure as u8;
    const CELL: u8 = Kind::Cell as u8;
    const CLASS: u8 = Kind::Class as u8;
    const INSTANCE: u8 = Kind::Instance as u8;
    const BOUND: u8 = Kind::Bound as u8;
    const BYTES: u8 = Kind::Bytes as u8;
    Ok(match kind {
        BEGINNING => Obj::Beginning { growing: known.handle(r, Kind::Growing)?, len: r.u32()?, chars: 0 },
        GROWING => Obj::Growing(r.text()?.to_owned()),
        ARRAY => Obj::Array(known.values(r)?),
        MAP => Obj::Map(Box::new(read_map(known, r, keyed)?)),
        CLOSURE => {
            let function = r.u32()?;
            if function as usize >= known.program.functions.len() {
                return damaged("a closure's function does not exist");
            }
            let home = known.optional(r, Kind::Class)?;
            let cells = r.list(4, |r| known.handle(r, Kind::Cell))?;
            Obj::Closure(Closure { function, home, cells: cells.into() })
        }
        CELL => Obj::Cell(known.value(r)?),
        CLASS => {
            let name = known.handle(r, Kind::Text)?;
            let parent = known.optional(r, Kind::Class)?;
            let methods = read_map(known, r, keyed)?;
            let n = r.len(4)?;
            let mut layout = Map::default();
            for slot in 0..n {
                let name = known.handle(r, Kind::Text)?;
                keyed.push(name);
                if layout.position(name).is_some() {
                    return damaged("a class has a field twice");
                }
                layout.set(name, Value::number(slot as f64));
            }
            Obj::Class(Box::new(Class { name, parent, methods, layout, fields: known.value(r)? }))
        }
        INSTANCE => Obj::Instance { class: known.handle(r, Kind::Class)?, fields: known.values(r)? },
        BOUND => Obj::Bound { this: known.value(r)?, method: known.value(r)? },
        BYTES => Obj::Bytes(r.bytes()?.to_vec()),
        _ => Obj::Task(Box::new(read_task(known, r)?)),
    })
}

fn read_map(known: &Known<'_>, r: &mut Reader<'_>, keyed: &mut Vec<u32>) -> Read<Map> {
    let n = r.len(12)?;
    let mut entries = Vec::with_capacity(n);
    keyed.reserve(n);
    for _ in 0..n {
        let key = known.handle(r, Kind::Text)?;
        keyed.push(key);
        entries.push((key, known.value(r)?));
    }
    match Map::from_entries(entries) {
        Some(map) => Ok(map),
        None => damaged("an object has a key twice"),
    }
}

fn read_task(known: &Known<'_>, r: &mut Reader<'_>) -> Read<Task> {
    let mut task = Task::new(r.u32()?);
    task.is_process = r.bool()?;
    task.failed = r.bool()?;
    task.awaited = r.bool()?;
    task.waits = match r.u8()? {
        0 => Waits::Nothing,
        1 => {
            let n = r.u64()?;
            let what = match r.u8()? {
                0 => Asked::Timer { due: r.f64()? },
                1 => Asked::Line { prompt: r.text()?.to_owned() },
                2 => Asked::Call { op: r.text()?.to_owned() },
                _ => return damaged("a task waits for something unknown"),
            };
            Waits::Effect { n, what }
        }
        2 => Waits::Task(known.handle(r, Kind::Task)?),
        3 => Waits::Message,
        4 => Waits::Ended,
        _ => return damaged("a task waits for something unknown"),
    };
    task.dst = r.u32()?;
    task.frames = r.list(17, |r| read_frame(known, r))?;
    task.stack = known.values(r)?;
    task.live = task.stack.len() as u32;
    task.mailbox = r.list(8, |r| known.value(r))?.into_iter().collect::<VecDeque<_>>();
    task.result = known.value(r)?;
    task.trace = known.value(r)?;
    task.raise = known.value(r)?;
    let in_order = task.frames.is_sorted_by_key(|f| f.base) && task.frames.iter().all(|f| f.base <= task.live);
    if !in_order || task.frames.len() > MAX_FRAMES {
        return damaged("a task's calls do not fit its stack");
    }
    if task.waits == Waits::Ended {
        // Nothing of it is ever run.
        (task.frames, task.stack, task.live) = (Vec::new(), Vec::new(), 0);
        return Ok(task);
    }
    if task.frames.is_empty() || (task.waits != Waits::Nothing && task.dst >= task.live) {
        return damaged("a task has nothing to run");
    }
    task.stack.resize(task.live as usize + WINDOW, Value::NIL);
    Ok(task)
}

fn read_frame(known: &Known<'_>, r: &mut Reader<'_>) -> Read<Frame> {
    let (function, pc, base) = (r.u32()?, r.u32()?, r.u32()?);
    let closure = known.optional(r, Kind::Closure)?;
    let kind = match r.u8()? {
        0 => FrameKind::Plain,
        1 => FrameKind::Constructor,
        2 => FrameKind::Silent,
        _ => return damaged("a call is of no known kind"),
    };
    match known.program.functions.get(function as usize) {
        Some(f) if (pc as usize) < f.ops.len() => Ok(Frame { function, pc, base, closure, kind }),
        _ => damaged("a call is at a place that does not exist"),
    }
}
