//! The loop for what programs do most. It does the common case of an instruction, and calls little, so that the state
//! of the loop stays in processor registers; what it cannot do it leaves, untouched, to `run`.

use run::Port;

use super::aside::{add, array, cell, closure, element, instance, native, set_element};
use super::{Cache, Vm};
use crate::code::{MAX_FRAMES, Op, Program, WINDOW};
use crate::fault::Fault;
use crate::heap::{Frame, FrameKind, Map, Obj, Task};
use crate::modules;
use crate::value::{Kind, Value};

/// Why the loop was left.
pub(super) enum Left {
    /// The next instruction needs more.
    Next,
    /// The last instruction filled the heap.
    Full,
    /// The last instruction failed.
    Fault(Box<Fault>),
}

pub(super) type Window = [Value; WINDOW];

/// The registers of a frame that begins at `base`, if the stack has room for them.
#[inline(always)]
fn window(stack: &mut [Value], base: usize) -> Option<&mut Window> {
    stack.get_mut(base..)?.first_chunk_mut()
}

/// Clears registers from `first` to `end`. By eights, and so beyond `end`, where nothing lies that matters.
#[inline(always)]
fn clear(regs: &mut Window, first: usize, end: usize) {
    let mut at = first;
    while at < end {
        match regs.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            Some(eight) => *eight = [Value::NIL; 8],
            None => regs[at.min(WINDOW)..].iter_mut().for_each(|r| *r = Value::NIL),
        }
        at += 8;
    }
}

/// `==` where no object must be looked at.
#[inline(always)]
fn equal(x: Value, y: Value) -> Option<bool> {
    match (x.as_number(), y.as_number()) {
        (Some(x), Some(y)) => Some(x == y),
        (None, None) if x == y => Some(true),
        (None, None) if !x.is(Kind::Special) && !y.is(Kind::Special) => None,
        _ => Some(false),
    }
}

/// The sign of the dividend, as C has it; only small whole numbers.
#[inline(always)]
fn remainder(x: f64, y: f64) -> Option<f64> {
    let (i, j) = (x as i32, y as i32);
    if f64::from(i) == x && f64::from(j) == y && j > 0 && (i > 0 || x.to_bits() == 0) {
        Some(f64::from(i % j))
    } else {
        None
    }
}

/// A whole number of 32 bits, for operators on bits.
#[inline(always)]
fn whole(value: Value) -> Option<i32> {
    let n = value.as_number()?;
    let i = n as i32;
    if f64::from(i) == n { Some(i) } else { None }
}

impl Vm {
    /// Runs until the next instruction needs more than this loop has, and leaves the task before that instruction.
    // A NaN is neither less nor not less, and the jumps must tell.
    #[allow(clippy::neg_cmp_op_on_partial_ord)]
    #[inline(never)]
    pub(super) fn fast<const STEP: bool>(&mut self, program: &Program, fuel: &mut u32, port: &mut dyn Port) -> Left {
        let Vm { task, heap, globals, consts, sites, steps, world, known, .. } = self;
        let Task { stack, frames, .. } = &mut **task;
        let mut left = Left::Next;
        let Some(Frame { function, pc, base, .. }) = frames.last().copied() else { return left };
        // These stay in processor registers; what calls alone need is read from the frames.
        let mut pc = pc as usize;
        let mut ops: &[Op] = &program.functions[function as usize].ops;
        let Some(mut regs) = window(stack, base as usize) else { return left };

        loop {
            macro_rules! r {
                ($reg:expr) => {
                    regs[$reg as usize]
                };
            }
            // Leaves the instruction to `run`.
            macro_rules! leave {
                () => {{
                    if STEP {
                        *steps += 1;
                    }
                    pc -= 1;
                    break;
                }};
            }
            macro_rules! or_leave {
                ($e:expr) => {
                    match $e {
                        Some(value) => value,
                        None => leave!(),
                    }
                };
            }
            // To be said behind what allocates.
            macro_rules! collect {
                () => {
                    if heap.full() {
                        left = Left::Full;
                        break;
                    }
                };
            }
            macro_rules! made {
                ($a:expr, $e:expr) => {{
                    r!($a) = $e;
                    collect!();
                }};
            }
            macro_rules! jump {
                ($to:expr) => {{
                    if *fuel == 0 {
                        leave!();
                    }
                    *fuel -= 1;
                    pc = pc.wrapping_add_signed($to as isize);
                }};
            }
            macro_rules! number {
                ($reg:expr) => {
                    or_leave!(r!($reg).as_number())
                };
            }
            macro_rules! arith {
                ($a:expr, $b:expr, $c:expr, $op:tt) => {{
                    let (x, y) = (number!($b), number!($c));
                    r!($a) = Value::number(x $op y);
                }};
            }
            macro_rules! arith_imm {
                ($a:expr, $b:expr, $v:expr, $op:tt) => {{
                    let x = number!($b);
                    r!($a) = Value::number(x $op f64::from($v));
                }};
            }
            macro_rules! bits {
                ($a:expr, $b:expr, $c:expr, $op:tt) => {{
                    let (x, y) = (or_leave!(whole(r!($b))), or_leave!(whole(r!($c))));
                    r!($a) = Value::number(f64::from(x $op y));
                }};
            }
            macro_rules! compare {
                ($a:expr, $b:expr, $to:expr, $x:ident, $y:ident => $test:expr) => {{
                    let ($x, $y) = (number!($a), number!($b));
                    if $test {
                        jump!($to);
                    }
                }};
            }
            macro_rules! compare_imm {
                ($a:expr, $v:expr, $to:expr, $x:ident, $y:ident => $test:expr) => {{
                    let ($x, $y) = (number!($a), f64::from($v));
                    if $test {
                        jump!($to);
                    }
                }};
            }
            // Enters a function whose callee lies in register `a`.
            macro_rules! call {
                ($function:expr, $closure:expr, $a:expr, $n:expr, $kind:ident) => {{
                    let callee = $function;
                    let f = or_leave!(program.functions.get(callee as usize));
                    let room = frames.len() < frames.capacity().min(MAX_FRAMES);
                    if f.params != u32::from($n) || !room || *fuel == 0 {
                        leave!();
                    }
                    let Some(frame) = frames.last_mut() else { leave!() };
                    let base = frame.base + u32::from($a);
                    let Some(next) = window(stack, base as usize) else { leave!() };
                    *fuel -= 1;
                    frame.pc = pc as u32;
                    frames.push(Frame { function: callee, pc: 0, base, closure: $closure, kind: FrameKind::$kind });
                    clear(next, 1 + $n as usize, f.registers as usize);
                    regs = next;
                    ops = &f.ops;
                    pc = 0;
                }};
            }
            macro_rules! call_value {
                ($callee:expr, $a:expr, $n:expr) => {{
                    let callee = $callee;
                    if let Some(handle) = callee.as_handle(Kind::Closure) {
                        let Some(Obj::Closure(found)) = heap.slots.get(handle as usize) else { leave!() };
                        call!(found.function, handle, $a, $n, Plain);
                    } else {
                        if heap.full() {
                            leave!();
                        }
                        let (made, init, function) = or_leave!(instance(heap, callee, known.init));
                        call!(function, init, $a, $n, Constructor);
                        r!(0) = made;
                    }
                }};
            }
            macro_rules! add_jump {
                ($a:expr, $by:expr, $c:expr, $to:expr, $op:tt, $test:tt) => {{
                    let (x, by) = (number!($a), $by);
                    number!($c);
                    if *fuel == 0 {
                        leave!();
                    }
                    let x = x $op by;
                    r!($a) = Value::number(x);
                    // Read behind the change: it may be the same variable.
                    if r!($c).as_number().is_some_and(|limit| x $test limit) {
                        jump!($to);
                    }
                }};
            }
            macro_rules! ret {
                ($value:expr) => {{
                    let [.., caller, own] = frames.as_slice() else { leave!() };
                    let value = $value;
                    if own.kind == FrameKind::Plain {
                        r!(0) = value;
                    }
                    let Frame { function, pc: next, base, .. } = *caller;
                    frames.pop();
                    pc = next as usize;
                    ops = &program.functions[function as usize].ops;
                    regs = match window(stack, base as usize) {
                        Some(regs) => regs,
                        None => return left,
                    };
                }};
            }
            if STEP {
                if *steps <= 1 {
                    break;
                }
                *steps -= 1;
            }
            let op = ops[pc];
            pc += 1;
            match op {
                Op::Move { a, b } => r!(a) = r!(b),
                Op::Nil { a } => r!(a) = Value::NIL,
                Op::Bool { a, v } => r!(a) = Value::bool(v != 0),
                Op::Int { a, v } => r!(a) = Value::number(f64::from(v)),
                Op::Const { a, k } => r!(a) = consts[k as usize],
                Op::GetGlobal { a, g } => {
                    let value = globals[g as usize];
                    if value == Value::EMPTY {
                        leave!();
                    }
                    r!(a) = value;
                }
                Op::SetGlobal { a, g } => {
                    if globals[g as usize] == Value::EMPTY {
                        leave!();
                    }
                    globals[g as usize] = r!(a);
                }
                Op::GetCell { a, b } => match heap.slots.get(r!(b).payload() as usize) {
                    Some(Obj::Cell(value)) if *value != Value::EMPTY => r!(a) = *value,
                    _ => leave!(),
                },
                Op::SetCell { a, b } => match heap.slots.get_mut(r!(a).payload() as usize) {
                    Some(Obj::Cell(cell)) => *cell = r!(b),
                    _ => leave!(),
                },
                Op::GetUp { a, u } => {
                    let closure = or_leave!(frames.last()).closure;
                    let Some(Obj::Closure(own)) = heap.slots.get(closure as usize) else { leave!() };
                    let Some(cell) = own.cells.get(u as usize) else { leave!() };
                    match heap.slots.get(*cell as usize) {
                        Some(Obj::Cell(value)) if *value != Value::EMPTY => r!(a) = *value,
                        _ => leave!(),
                    }
                }
                Op::SetUp { a, u } => {
                    let closure = or_leave!(frames.last()).closure;
                    let Some(Obj::Closure(own)) = heap.slots.get(closure as usize) else { leave!() };
                    let Some(cell) = own.cells.get(u as usize).copied() else { leave!() };
                    match heap.slots.get_mut(cell as usize) {
                        Some(Obj::Cell(cell)) => *cell = r!(a),
                        _ => leave!(),
                    }
                }
                Op::Add { a, b, c } => {
                    let (x, y) = (r!(b), r!(c));
                    match (x.as_number(), y.as_number()) {
                        (Some(x), Some(y)) => r!(a) = Value::number(x + y),
                        _ => made!(a, or_leave!(add(heap, x, y))),
                    }
                }
                Op::Sub { a, b, c } => arith!(a, b, c, -),
                Op::Mul { a, b, c } => arith!(a, b, c, *),
                Op::Div { a, b, c } => {
                    let (x, y) = (number!(b), number!(c));
                    if y == 0.0 {
                        leave!();
                    }
                    r!(a) = Value::number(x / y);
                }
                Op::Rem { a, b, c } => {
                    let (x, y) = (number!(b), number!(c));
                    r!(a) = Value::number(or_leave!(remainder(x, y)));
                }
                Op::AddImm { a, b, v } => arith_imm!(a, b, v, +),
                Op::SubImm { a, b, v } => arith_imm!(a, b, v, -),
                Op::MulImm { a, b, v } => arith_imm!(a, b, v, *),
                Op::DivImm { a, b, v } => {
                    if v == 0 {
                        leave!();
                    }
                    arith_imm!(a, b, v, /);
                }
                Op::RemImm { a, b, v } => {
                    let x = number!(b);
                    r!(a) = Value::number(or_leave!(remainder(x, f64::from(v))));
                }
                Op::BitAnd { a, b, c } => bits!(a, b, c, &),
                Op::BitOr { a, b, c } => bits!(a, b, c, |),
                Op::BitXor { a, b, c } => bits!(a, b, c, ^),
                Op::Not { a, b } => r!(a) = Value::bool(!r!(b).truth()),
                Op::Neg { a, b } => r!(a) = Value::number(-number!(b)),
                Op::Eq { a, b, c } => r!(a) = Value::bool(or_leave!(equal(r!(b), r!(c)))),
                Op::Ne { a, b, c } => r!(a) = Value::bool(!or_leave!(equal(r!(b), r!(c)))),
                Op::Lt { a, b, c } => r!(a) = Value::bool(number!(b) < number!(c)),
                Op::Le { a, b, c } => r!(a) = Value::bool(number!(b) <= number!(c)),
                Op::Jump { to } => jump!(to),
                Op::JumpIf { a, to } => {
                    if r!(a).truth() {
                        jump!(to);
                    }
                }
                Op::JumpIfNot { a, to } => {
                    if !r!(a).truth() {
                        jump!(to);
                    }
                }
                Op::JumpIfNil { a, to } => {
                    if r!(a).is_nil() {
                        jump!(to);
                    }
                }
                Op::JumpIfSet { a, to } => {
                    if r!(a) != Value::EMPTY {
                        jump!(to);
                    }
                }
                Op::JumpEq { a, b, to } => {
                    if or_leave!(equal(r!(a), r!(b))) {
                        jump!(to);
                    }
                }
                Op::JumpNe { a, b, to } => {
                    if !or_leave!(equal(r!(a), r!(b))) {
                        jump!(to);
                    }
                }
                // Not `>=` for not `<`: a NaN is neither.
                Op::JumpLt { a, b, to } => compare!(a, b, to, x, y => x < y),
                Op::JumpNotLt { a, b, to } => compare!(a, b, to, x, y => !(x < y)),
                Op::JumpLe { a, b, to } => compare!(a, b, to, x, y => x <= y),
                Op::JumpNotLe { a, b, to } => compare!(a, b, to, x, y => !(x <= y)),
                Op::JumpEqImm { a, v, to } => {
                    if r!(a).as_number() == Some(f64::from(v)) {
                        jump!(to);
                    }
                }
                Op::JumpNeImm { a, v, to } => {
                    if r!(a).as_number() != Some(f64::from(v)) {
                        jump!(to);
                    }
                }
                Op::JumpLtImm { a, v, to } => compare_imm!(a, v, to, x, y => x < y),
                Op::JumpNotLtImm { a, v, to } => compare_imm!(a, v, to, x, y => !(x < y)),
                Op::JumpLeImm { a, v, to } => compare_imm!(a, v, to, x, y => x <= y),
                Op::JumpNotLeImm { a, v, to } => compare_imm!(a, v, to, x, y => !(x <= y)),
                Op::JumpGtImm { a, v, to } => compare_imm!(a, v, to, x, y => x > y),
                Op::JumpNotGtImm { a, v, to } => compare_imm!(a, v, to, x, y => !(x > y)),
                Op::JumpGeImm { a, v, to } => compare_imm!(a, v, to, x, y => x >= y),
                Op::JumpNotGeImm { a, v, to } => compare_imm!(a, v, to, x, y => !(x >= y)),
                Op::Push { a, b } => match heap.slots.get_mut(r!(a).payload() as usize) {
                    Some(Obj::Array(items)) if items.len() < items.capacity() => items.push(r!(b)),
                    _ => leave!(),
                },
                Op::GetMember { a, b, s } => {
                    let object = r!(b);
                    let site = or_leave!(sites.get(s as usize));
                    let found = match heap.slots.get(object.payload() as usize) {
                        Some(Obj::Instance { class, fields }) if object.is(Kind::Instance) => match site.cache {
                            Cache::Field { class: known, slot } if *class == known => {
                                fields.get(slot as usize).copied()
                            }
                            _ => None,
                        },
                        Some(Obj::Map(map)) if object.is(Kind::Map) => match site.cache {
                            Cache::Entry { position } => map.at(position, site.name),
                            _ => None,
                        },
                        Some(Obj::Array(items)) if object.is(Kind::Array) && site.name == known.length => {
                            Some(Value::number(items.len() as f64))
                        }
                        _ => None,
                    };
                    match found {
                        Some(value) if value != Value::EMPTY => r!(a) = value,
                        _ => leave!(),
                    }
                }
                Op::SetMember { a, b, s } => {
                    let (object, value) = (r!(a), r!(b));
                    let site = or_leave!(sites.get(s as usize));
                    match heap.slots.get_mut(object.payload() as usize) {
                        Some(Obj::Instance { class, fields }) if object.is(Kind::Instance) => match site.cache {
                            Cache::Field { class: known, slot } if *class == known => {
                                let slot = slot as usize;
                                if slot < fields.len() {
                                    fields[slot] = value;
                                } else if slot == fields.len() && slot < fields.capacity() {
                                    fields.push(value);
                                } else {
                                    leave!();
                                }
                            }
                            _ => leave!(),
                        },
                        Some(Obj::Map(map)) if object.is(Kind::Map) => match site.cache {
                            Cache::Entry { position } => *or_leave!(map.at_mut(position, site.name)) = value,
                            _ => leave!(),
                        },
                        _ => leave!(),
                    }
                }
                Op::GetIndex { a, b, c } => {
                    let object = r!(b);
                    let Some(handle) = object.as_handle(Kind::Array) else {
                        if !object.is(Kind::Map) && !object.is(Kind::Text) {
                            leave!();
                        }
                        made!(a, or_leave!(element(heap, object, r!(c))));
                        continue;
                    };
                    let n = number!(c);
                    let Some(Obj::Array(items)) = heap.slots.get(handle as usize) else { leave!() };
                    let at = n as u32;
                    match items.get(at as usize) {
                        Some(value) if f64::from(at) == n => r!(a) = *value,
                        _ => leave!(),
                    }
                }
                Op::SetIndex { a, b, c } => {
                    let object = r!(a);
                    let Some(handle) = object.as_handle(Kind::Array) else {
                        or_leave!(set_element(heap, object, r!(b), r!(c)));
                        collect!();
                        continue;
                    };
                    let n = number!(b);
                    let Some(Obj::Array(items)) = heap.slots.get_mut(handle as usize) else { leave!() };
                    let at = n as u32;
                    match items.get_mut(at as usize) {
                        Some(value) if f64::from(at) == n => *value = r!(c),
                        _ => leave!(),
                    }
                }
                Op::Call { a, n } => call_value!(r!(a), a, n),
                Op::CallGlobal { a, n, g } => {
                    let callee = globals[g as usize];
                    r!(a) = callee;
                    call_value!(callee, a, n);
                }
                Op::Invoke { a, n, s } => {
                    let object = r!(a);
                    match sites[s as usize].cache {
                        Cache::Method { class: known, closure: method, function } => {
                            match heap.slots.get(object.payload() as usize) {
                                Some(Obj::Instance { class, .. }) if object.is(Kind::Instance) && *class == known => {}
                                _ => leave!(),
                            }
                            call!(function, method, a, n, Plain);
                        }
                        Cache::Push if n == 1 && object.is(Kind::Array) => {
                            match heap.slots.get_mut(object.payload() as usize) {
                                Some(Obj::Array(items)) if items.len() < items.capacity() => {
                                    items.push(r!(a.wrapping_add(1)));
                                    r!(a) = Value::number(items.len() as f64);
                                }
                                _ => leave!(),
                            }
                        }
                        Cache::Native { owner, id } => {
                            let is = match object.kind() {
                                Some(Kind::Module) => object.payload(),
                                Some(kind) => modules::METHODS_OF + kind as u32,
                                None => leave!(),
                            };
                            let (first, last) = (a as usize, a as usize + n as usize);
                            if owner != is || last >= WINDOW {
                                leave!();
                            }
                            match or_leave!(native(heap, world, port, id, &regs[first..=last])) {
                                Ok(value) => made!(a, value),
                                Err(fault) => {
                                    left = Left::Fault(fault);
                                    break;
                                }
                            }
                        }
                        _ => leave!(),
                    }
                }
                Op::Return { a } => ret!(r!(a)),
                Op::ReturnNil {} => ret!(Value::NIL),
                Op::ForNext { a, b, to } => {
                    let at = number!(a.wrapping_add(1));
                    let given = match r!(a).as_handle(Kind::Array) {
                        Some(handle) => {
                            let Some(Obj::Array(items)) = heap.slots.get(handle as usize) else { leave!() };
                            items.get(at as usize).copied()
                        }
                        None => leave!(),
                    };
                    if let Some(item) = given {
                        let item = if r!(a.wrapping_add(2)) == Value::TRUE { item } else { Value::number(at) };
                        jump!(to);
                        r!(a.wrapping_add(1)) = Value::number(at + 1.0);
                        r!(b) = item;
                    }
                }
                Op::Concat { a, b, n } => {
                    let parts = or_leave!(regs.get(b as usize..b as usize + n as usize));
                    made!(a, or_leave!(heap.join(parts)));
                }
                Op::NewCell { a } => made!(a, cell(heap, r!(a))),
                Op::Closure { a, f } => {
                    let own = or_leave!(frames.last()).closure;
                    made!(a, or_leave!(closure(heap, program, regs, own, f)));
                }
                Op::Array { a, n } => made!(a, array(heap, n)),
                Op::Object { a } => made!(a, heap.map(Map::with_capacity(4))),
                Op::AddJumpLt { a, b, c, to } => add_jump!(a, number!(b), c, to, +, <),
                Op::AddJumpLe { a, b, c, to } => add_jump!(a, number!(b), c, to, +, <=),
                Op::AddImmJumpLt { a, v, c, to } => add_jump!(a, f64::from(v), c, to, +, <),
                Op::AddImmJumpLe { a, v, c, to } => add_jump!(a, f64::from(v), c, to, +, <=),
                Op::SubImmJumpLt { a, v, c, to } => add_jump!(a, f64::from(v), c, to, -, <),
                Op::SubImmJumpLe { a, v, c, to } => add_jump!(a, f64::from(v), c, to, -, <=),
                _ => leave!(),
            }
        }
        if let Some(frame) = frames.last_mut() {
            frame.pc = pc as u32;
        }
        left
    }
}
