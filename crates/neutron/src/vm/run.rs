//! The loop that runs instructions.

use run::{Effect, Json, Port, Stop};

use super::arith::{self, Bit};
use super::fast::{Left, Window};
use super::pieces::{concat, for_prep, has_type, inherit, push_all, set_home, wrong_type};
use super::{Cache, Vm};
use crate::code::{Op, WINDOW};
use crate::fault::{Fault, R, kind, shown};
use crate::heap::{Class, Closure, Frame, FrameKind, Map, NONE, Obj};
use crate::value::{Kind, Value};

/// Jumps back and calls between two looks at whether the turn must end.
const FUEL: u32 = 20_000;

/// Why the running task stopped.
pub(crate) enum Exit {
    /// Its function returned; the result is in register 0.
    Ended,
    /// An error that nothing caught, with its trace.
    Failed(Value, String),
    /// It waits.
    Waiting,
    Stopped(Stop),
    /// The program ended itself.
    Ordered(i32),
    /// `steps` instructions were done.
    Stepped,
}

#[inline(always)]
fn window(stack: &mut [Value], base: usize) -> &mut Window {
    // Room was made when the frame was entered.
    (&mut stack[base..base + WINDOW]).try_into().expect("a window's size")
}

impl Vm {
    pub(super) fn run_task(&mut self, port: &mut dyn Port) -> Exit {
        if self.steps > 0 { self.run_loop::<true>(port) } else { self.run_loop::<false>(port) }
    }

    fn run_loop<const STEP: bool>(&mut self, port: &mut dyn Port) -> Exit {
        let program = self.program.clone();
        let mut fuel = FUEL;
        'frames: loop {
            let left = self.fast::<STEP>(&program, &mut fuel, port);
            let Some(frame) = self.task.frames.last() else { return Exit::Ended };
            let Frame { function: running, pc, base, closure, .. } = *frame;
            let ops: &[Op] = &program.functions[running as usize].ops;
            let base = base as usize;
            let mut pc = pc as usize;
            let failed = match left {
                Left::Next => None,
                Left::Full => self.collect_or_fail().err(),
                Left::Fault(fault) => Some(fault),
            };
            let mut regs = window(&mut self.task.stack, base);

            macro_rules! r {
                ($reg:expr) => {
                    regs[$reg as usize]
                };
            }
            macro_rules! save {
                () => {
                    if let Some(frame) = self.task.frames.last_mut() {
                        frame.pc = pc as u32;
                    }
                };
            }
            let fault: Box<Fault> = 'ops: {
                if let Some(fault) = failed {
                    break 'ops fault;
                }
                // Does what needs the whole machine, then looks at the registers anew.
                macro_rules! slow {
                    ($e:expr) => {{
                        let result = $e;
                        regs = window(&mut self.task.stack, base);
                        match result {
                            Ok(value) => value,
                            Err(fault) => break 'ops fault,
                        }
                    }};
                }
                macro_rules! quick {
                    ($e:expr) => {
                        match $e {
                            Ok(value) => value,
                            Err(fault) => break 'ops fault,
                        }
                    };
                }
                macro_rules! collect {
                    () => {
                        if self.heap.full() {
                            slow!(self.collect_or_fail());
                        }
                    };
                }
                // Continues in whatever frame is the top one now.
                macro_rules! enter {
                    ($e:expr) => {{
                        save!();
                        match $e {
                            Ok(()) => {}
                            Err(fault) => break 'ops fault,
                        }
                        if self.heap.full() {
                            match self.collect_or_fail() {
                                Ok(()) => {}
                                Err(fault) => break 'ops fault,
                            }
                        }
                        tick!();
                        continue 'frames;
                    }};
                }
                macro_rules! tick {
                    () => {
                        fuel = fuel.saturating_sub(1);
                        if fuel == 0 {
                            fuel = FUEL;
                            if let Some(stop) = port.interrupted() {
                                break 'ops stop.into();
                            }
                        }
                    };
                }
                macro_rules! jump {
                    ($to:expr) => {{
                        pc = pc.wrapping_add_signed($to as isize);
                        tick!();
                    }};
                }
                macro_rules! set {
                    ($a:expr, $e:expr) => {{
                        r!($a) = quick!($e);
                        collect!();
                    }};
                }
                macro_rules! imm {
                    ($v:expr) => {
                        Value::number(f64::from($v))
                    };
                }
                macro_rules! jump_if {
                    ($to:expr, $test:expr) => {
                        if $test {
                            jump!($to)
                        }
                    };
                }
                if STEP {
                    if self.steps <= 1 {
                        save!();
                        self.steps = 0;
                        return Exit::Stepped;
                    }
                    self.steps -= 1;
                }
                let op = ops[pc];
                pc += 1;
                match op {
                    Op::Move { a, b } => r!(a) = r!(b),
                    Op::Nil { a } => r!(a) = Value::NIL,
                    Op::Bool { a, v } => r!(a) = Value::bool(v != 0),
                    Op::Int { a, v } => r!(a) = Value::number(f64::from(v)),
                    Op::Const { a, k } => r!(a) = self.consts[k as usize],
                    Op::GetGlobal { a, g } => {
                        let value = self.globals[g as usize];
                        if value == Value::EMPTY {
                            break 'ops self.undefined(g);
                        }
                        r!(a) = value;
                    }
                    Op::SetGlobal { a, g } => {
                        if self.globals[g as usize] == Value::EMPTY {
                            break 'ops self.undefined(g);
                        }
                        self.globals[g as usize] = r!(a);
                    }
                    Op::DefGlobal { a, g } => self.globals[g as usize] = r!(a),
                    Op::NewCell { a } => {
                        r!(a) = self.heap.cell(r!(a));
                        collect!();
                    }
                    Op::EmptyCell { a } => r!(a) = self.heap.cell(Value::EMPTY),
                    Op::FreshCell { a } => {
                        let value = cell_value(&self.heap, r!(a).payload());
                        r!(a) = self.heap.cell(value);
                        collect!();
                    }
                    Op::GetCell { a, b } => {
                        let value = cell_value(&self.heap, r!(b).payload());
                        if value == Value::EMPTY {
                            break 'ops too_early();
                        }
                        r!(a) = value;
                    }
                    Op::SetCell { a, b } => set_cell(&mut self.heap, r!(a).payload(), r!(b)),
                    Op::GetUp { a, u } => {
                        let value = match self.heap.closure(closure).and_then(|c| c.cells.get(u as usize)) {
                            Some(cell) => cell_value(&self.heap, *cell),
                            None => Value::EMPTY,
                        };
                        if value == Value::EMPTY {
                            break 'ops too_early();
                        }
                        r!(a) = value;
                    }
                    Op::SetUp { a, u } => {
                        let cell = self.heap.closure(closure).and_then(|c| c.cells.get(u as usize)).copied();
                        if let Some(cell) = cell {
                            set_cell(&mut self.heap, cell, r!(a));
                        }
                    }
                    Op::Closure { a, f } => {
                        let captures = &program.functions[f as usize].captures;
                        let outer = self.heap.closure(closure);
                        let home = outer.map_or(NONE, |c| c.home);
                        let cell = |capture: &crate::code::Capture| match capture {
                            crate::code::Capture::Reg(reg) => r!(*reg).as_handle(Kind::Cell),
                            crate::code::Capture::Up(u) => outer.and_then(|c| c.cells.get(*u as usize)).copied(),
                        };
                        let cells: Option<Box<[u32]>> = captures.iter().map(cell).collect();
                        let Some(cells) = cells else { break 'ops too_early() };
                        let made = Obj::Closure(Closure { function: f, home, cells });
                        r!(a) = Value::new(Kind::Closure, self.heap.alloc(made));
                        collect!();
                    }
                    Op::Add { a, b, c } => set!(a, arith::add(&mut self.heap, r!(b), r!(c))),
                    Op::Sub { a, b, c } => set!(a, arith::sub(&self.heap, r!(b), r!(c))),
                    Op::Mul { a, b, c } => set!(a, arith::mul(&mut self.heap, r!(b), r!(c))),
                    Op::Div { a, b, c } => set!(a, arith::div(&self.heap, r!(b), r!(c))),
                    Op::Rem { a, b, c } => set!(a, arith::rem(&self.heap, r!(b), r!(c))),
                    Op::AddImm { a, b, v } => set!(a, arith::add(&mut self.heap, r!(b), imm!(v))),
                    Op::SubImm { a, b, v } => set!(a, arith::sub(&self.heap, r!(b), imm!(v))),
                    Op::MulImm { a, b, v } => set!(a, arith::mul(&mut self.heap, r!(b), imm!(v))),
                    Op::DivImm { a, b, v } => set!(a, arith::div(&self.heap, r!(b), imm!(v))),
                    Op::RemImm { a, b, v } => set!(a, arith::rem(&self.heap, r!(b), imm!(v))),
                    Op::BitAnd { a, b, c } => set!(a, arith::bits(&self.heap, Bit::And, r!(b), r!(c))),
                    Op::BitOr { a, b, c } => set!(a, arith::bits(&self.heap, Bit::Or, r!(b), r!(c))),
                    Op::BitXor { a, b, c } => set!(a, arith::bits(&self.heap, Bit::Xor, r!(b), r!(c))),
                    Op::Shl { a, b, c } => set!(a, arith::bits(&self.heap, Bit::Shl, r!(b), r!(c))),
                    Op::Shr { a, b, c } => set!(a, arith::bits(&self.heap, Bit::Shr, r!(b), r!(c))),
                    Op::Not { a, b } => r!(a) = Value::bool(!r!(b).truth()),
                    Op::Neg { a, b } => set!(a, arith::neg(&self.heap, r!(b))),
                    Op::Complement { a, b } => set!(a, arith::complement(&self.heap, r!(b))),
                    Op::Eq { a, b, c } => r!(a) = Value::bool(self.heap.equal(r!(b), r!(c))),
                    Op::Ne { a, b, c } => r!(a) = Value::bool(!self.heap.equal(r!(b), r!(c))),
                    Op::Lt { a, b, c } => r!(a) = Value::bool(quick!(arith::less(&self.heap, r!(b), r!(c), false))),
                    Op::Le { a, b, c } => r!(a) = Value::bool(quick!(arith::less(&self.heap, r!(b), r!(c), true))),
                    Op::Jump { to } => jump!(to),
                    Op::JumpIf { a, to } => jump_if!(to, r!(a).truth()),
                    Op::JumpIfNot { a, to } => jump_if!(to, !r!(a).truth()),
                    Op::JumpIfNil { a, to } => jump_if!(to, r!(a).is_nil()),
                    Op::JumpIfSet { a, to } => jump_if!(to, r!(a) != Value::EMPTY),
                    Op::JumpEq { a, b, to } => jump_if!(to, self.heap.equal(r!(a), r!(b))),
                    Op::JumpNe { a, b, to } => jump_if!(to, !self.heap.equal(r!(a), r!(b))),
                    Op::JumpLt { a, b, to } => jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(b), false))),
                    Op::JumpNotLt { a, b, to } => jump_if!(to, !quick!(arith::less(&self.heap, r!(a), r!(b), false))),
                    Op::JumpLe { a, b, to } => jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(b), true))),
                    Op::JumpNotLe { a, b, to } => jump_if!(to, !quick!(arith::less(&self.heap, r!(a), r!(b), true))),
                    Op::JumpEqImm { a, v, to } => jump_if!(to, r!(a).as_number() == Some(f64::from(v))),
                    Op::JumpNeImm { a, v, to } => jump_if!(to, r!(a).as_number() != Some(f64::from(v))),
                    Op::JumpLtImm { a, v, to } => {
                        jump_if!(to, quick!(arith::less(&self.heap, r!(a), imm!(v), false)))
                    }
                    Op::JumpNotLtImm { a, v, to } => {
                        jump_if!(to, !quick!(arith::less(&self.heap, r!(a), imm!(v), false)))
                    }
                    Op::JumpLeImm { a, v, to } => jump_if!(to, quick!(arith::less(&self.heap, r!(a), imm!(v), true))),
                    Op::JumpNotLeImm { a, v, to } => {
                        jump_if!(to, !quick!(arith::less(&self.heap, r!(a), imm!(v), true)))
                    }
                    Op::JumpGtImm { a, v, to } => {
                        jump_if!(to, quick!(arith::less(&self.heap, imm!(v), r!(a), false)))
                    }
                    Op::JumpNotGtImm { a, v, to } => {
                        jump_if!(to, !quick!(arith::less(&self.heap, imm!(v), r!(a), false)))
                    }
                    Op::JumpGeImm { a, v, to } => jump_if!(to, quick!(arith::less(&self.heap, imm!(v), r!(a), true))),
                    Op::JumpNotGeImm { a, v, to } => {
                        jump_if!(to, !quick!(arith::less(&self.heap, imm!(v), r!(a), true)))
                    }
                    Op::AddJumpLt { a, b, c, to } => {
                        set!(a, arith::add(&mut self.heap, r!(a), r!(b)));
                        jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(c), false)));
                    }
                    Op::AddJumpLe { a, b, c, to } => {
                        set!(a, arith::add(&mut self.heap, r!(a), r!(b)));
                        jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(c), true)));
                    }
                    Op::AddImmJumpLt { a, v, c, to } => {
                        set!(a, arith::add(&mut self.heap, r!(a), imm!(v)));
                        jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(c), false)));
                    }
                    Op::AddImmJumpLe { a, v, c, to } => {
                        set!(a, arith::add(&mut self.heap, r!(a), imm!(v)));
                        jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(c), true)));
                    }
                    Op::SubImmJumpLt { a, v, c, to } => {
                        set!(a, arith::sub(&self.heap, r!(a), imm!(v)));
                        jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(c), false)));
                    }
                    Op::SubImmJumpLe { a, v, c, to } => {
                        set!(a, arith::sub(&self.heap, r!(a), imm!(v)));
                        jump_if!(to, quick!(arith::less(&self.heap, r!(a), r!(c), true)));
                    }
                    Op::Array { a, n } => {
                        r!(a) = self.heap.array(Vec::with_capacity(n.clamp(0, 1 << 20) as usize));
                        collect!();
                    }
                    Op::Push { a, b } => {
                        self.heap.push(r!(a), r!(b));
                        collect!();
                    }
                    Op::PushAll { a, b } => {
                        quick!(push_all(&mut self.heap, r!(a), r!(b)));
                        collect!();
                    }
                    Op::Object { a } => {
                        r!(a) = self.heap.map(Map::with_capacity(4));
                        collect!();
                    }
                    Op::GetMember { a, b, s } => {
                        let object = r!(b);
                        let found = slow!(self.get_member(object, s));
                        r!(a) = found;
                        collect!();
                    }
                    Op::SetMember { a, b, s } => {
                        let (object, value) = (r!(a), r!(b));
                        slow!(self.set_member(object, s, value));
                        collect!();
                    }
                    Op::GetIndex { a, b, c } => {
                        let (object, index) = (r!(b), r!(c));
                        let found = slow!(self.get_index(object, index));
                        r!(a) = found;
                        collect!();
                    }
                    Op::SetIndex { a, b, c } => {
                        let (object, index, value) = (r!(a), r!(b), r!(c));
                        slow!(self.set_index(object, index, value));
                        collect!();
                    }
                    Op::GetSpill { a, b, v } => {
                        r!(a) = self.heap.items(r!(b)).get(v.max(0) as usize).copied().unwrap_or(Value::NIL);
                    }
                    Op::SetSpill { a, b, v } => {
                        let (v, value) = (v.clamp(0, 1 << 17) as usize, r!(b));
                        let mut grown = 0;
                        if let Some(items) = self.heap.items_mut(r!(a)) {
                            let before = items.capacity();
                            if items.len() <= v {
                                items.resize(v + 1, Value::NIL);
                            }
                            items[v] = value;
                            grown = items.capacity() - before;
                        }
                        self.heap.bytes += grown * 8;
                        collect!();
                    }
                    Op::Call { a, n } => enter!(self.call_value(base + a as usize, n as usize, port)),
                    Op::CallGlobal { a, n, g } => {
                        let callee = self.globals[g as usize];
                        if callee == Value::EMPTY {
                            break 'ops self.undefined(g);
                        }
                        r!(a) = callee;
                        enter!(self.call_value(base + a as usize, n as usize, port));
                    }
                    Op::CallSpread { a } => {
                        let at = base + a as usize;
                        let n = slow!(self.spread(at));
                        enter!(self.call_value(at, n, port));
                    }
                    Op::Invoke { a, n, s } => {
                        let object = r!(a);
                        let at = base + a as usize;
                        if let (Cache::Native { owner, id }, Some(k)) = (self.sites[s as usize].cache, object.kind()) {
                            let is = match k {
                                Kind::Module => object.payload(),
                                _ => crate::modules::METHODS_OF + k as u32,
                            };
                            if owner == is {
                                enter!(self.call_native(id, at, n as usize, port));
                            }
                        }
                        enter!(self.invoke(at, n as usize, s, port));
                    }
                    Op::InvokeSpread { a, s } => {
                        let at = base + a as usize;
                        let n = slow!(self.spread(at));
                        enter!(self.invoke(at, n, s, port));
                    }
                    Op::SuperInvoke { a, n, s } => {
                        let method = slow!(self.super_method(s));
                        enter!(self.call_method(method, base + a as usize, n as usize, port));
                    }
                    Op::SuperInvokeSpread { a, s } => {
                        let at = base + a as usize;
                        let method = slow!(self.super_method(s));
                        let n = slow!(self.spread(at));
                        enter!(self.call_method(method, at, n, port));
                    }
                    Op::SuperGet { a, s } => {
                        let method = slow!(self.super_method(s));
                        r!(a) = self.heap.bound(r!(a), method);
                        collect!();
                    }
                    Op::Return { a } => {
                        let value = r!(a);
                        if let Some(Frame { kind: FrameKind::Plain, .. }) = self.task.frames.pop() {
                            r!(0) = value;
                        }
                        continue 'frames;
                    }
                    Op::ReturnNil {} => {
                        if let Some(Frame { kind: FrameKind::Plain, .. }) = self.task.frames.pop() {
                            r!(0) = Value::NIL;
                        }
                        continue 'frames;
                    }
                    Op::Class { a, k } => {
                        let name = self.consts[k as usize].payload();
                        let class = Class {
                            name,
                            parent: NONE,
                            methods: Map::default(),
                            layout: Map::default(),
                            fields: Value::NIL,
                        };
                        r!(a) = Value::new(Kind::Class, self.heap.alloc(Obj::Class(Box::new(class))));
                        collect!();
                    }
                    Op::Inherit { a, b } => quick!(inherit(&mut self.heap, r!(a), r!(b))),
                    Op::Method { a, b, k } => {
                        let class = r!(a).as_handle(Kind::Class).unwrap_or(NONE);
                        let (method, name) = (r!(b), self.consts[k as usize].payload());
                        set_home(&mut self.heap, method, class);
                        if let Some(class) = self.heap.class_mut(class) {
                            class.methods.set(name, method);
                        }
                    }
                    Op::Fields { a, b } => {
                        let (class, method) = (r!(a).as_handle(Kind::Class).unwrap_or(NONE), r!(b));
                        set_home(&mut self.heap, method, class);
                        if let Some(class) = self.heap.class_mut(class) {
                            class.fields = method;
                        }
                    }
                    Op::SuperFields { a } => {
                        let home = self.heap.closure(closure).map_or(NONE, |c| c.home);
                        let parent = self.heap.class(home).map_or(NONE, |c| c.parent);
                        let fields = self.heap.class(parent).map_or(Value::NIL, |c| c.fields);
                        if let Some(fields) = fields.as_handle(Kind::Closure) {
                            enter!(self.enter_fields(fields, base + a as usize, FrameKind::Silent));
                        }
                    }
                    Op::Throw { a } => break 'ops Box::new(Fault::Throw(r!(a))),
                    Op::Rethrow { a } => {
                        let (value, trace) = (r!(a), r!(a.wrapping_add(1)));
                        break 'ops Box::new(Fault::Rethrow(value, trace));
                    }
                    Op::Say { a } => {
                        let message = quick!(shown(&self.heap, r!(a)));
                        quick!(self.world.say(message, "info", port));
                    }
                    Op::CheckType { a, t, k } => {
                        let value = r!(a);
                        if !has_type(value, t) {
                            let what = self.heap.str_at(self.consts[k as usize].payload());
                            break 'ops wrong_type(&self.heap, what, t, value);
                        }
                    }
                    Op::ForPrep { a } => {
                        let (source, mode) = quick!(for_prep(&mut self.heap, r!(a)));
                        r!(a) = source;
                        r!(a.wrapping_add(1)) = Value::number(0.0);
                        r!(a.wrapping_add(2)) = mode;
                        collect!();
                    }
                    Op::ForNext { a, b, to } => {
                        let (source, mode) = (r!(a), r!(a.wrapping_add(2)));
                        let at = r!(a.wrapping_add(1)).as_number().unwrap_or(0.0);
                        let len = match source.kind() {
                            Some(Kind::Array) => self.heap.items(source).len(),
                            _ => source.as_number().map_or(0, |n| n as usize),
                        };
                        if (at as usize) < len {
                            r!(a.wrapping_add(1)) = Value::number(at + 1.0);
                            r!(b) = if mode == Value::TRUE {
                                self.heap.items(source).get(at as usize).copied().unwrap_or(Value::NIL)
                            } else {
                                Value::number(at)
                            };
                            jump!(to);
                        }
                    }
                    Op::RunUnit { a, u } => {
                        let main = program.units[u as usize].main;
                        enter!(self.enter(main, NONE, base + a as usize, 0, FrameKind::Plain));
                    }
                    Op::Concat { a, b, n } => {
                        let parts = &regs[b as usize..(b as usize + n as usize).min(WINDOW)];
                        r!(a) = quick!(concat(&mut self.heap, parts));
                        collect!();
                    }
                    Op::RetryCount { a } => match r!(a).as_number() {
                        Some(n) if n >= 1.0 && n == n.trunc() => {}
                        _ => {
                            let shown = self.heap.show_short(r!(a));
                            let text = format!("retry needs a whole number of attempts of at least 1, not {shown}");
                            break 'ops Box::new(Fault::Error(kind::VALUE, text));
                        }
                    },
                    Op::IsSet { a, g } => r!(a) = Value::bool(self.globals[g as usize] != Value::EMPTY),
                    Op::SetMark { g } => self.globals[g as usize] = Value::TRUE,
                }
                save!();
                continue 'frames;
            };
            save!();
            // Errors that are caught may go round for ever without a jump back.
            fuel = fuel.saturating_sub(1);
            if fuel == 0 {
                fuel = FUEL;
                if let Some(stop) = port.interrupted() {
                    return Exit::Stopped(stop);
                }
            }
            match self.handle(*fault, pc as u32, running, base, port) {
                Some(exit) => return exit,
                None => continue 'frames,
            }
        }
    }

    #[cold]
    pub(super) fn collect_or_fail(&mut self) -> R<()> {
        self.collect();
        if self.heap.bytes > self.heap.limit { self.out_of_memory() } else { Ok(()) }
    }

    #[cold]
    fn undefined(&self, g: u32) -> Box<Fault> {
        let name = &self.program.globals[g as usize].name;
        let hint = if crate::modules::find(name).is_some() { format!("; add: use {name};") } else { String::new() };
        Box::new(Fault::Error(kind::NAME, format!("{name} is not defined{hint}")))
    }
}

#[cold]
fn too_early() -> Box<Fault> {
    Box::new(Fault::Error(kind::NAME, "this is used before it is defined".into()))
}

fn cell_value(heap: &crate::heap::Heap, handle: u32) -> Value {
    match heap.slots.get(handle as usize) {
        Some(Obj::Cell(value)) => *value,
        _ => Value::EMPTY,
    }
}

fn set_cell(heap: &mut crate::heap::Heap, handle: u32, value: Value) {
    if let Some(Obj::Cell(cell)) = heap.slots.get_mut(handle as usize) {
        *cell = value;
    }
}

impl super::World {
    /// Shows a line.
    pub(crate) fn say(&mut self, message: String, level: &str, port: &mut dyn Port) -> R<()> {
        self.observed = true;
        let data = Json::from(serde_json::json!({ "level": level }));
        port.effect(Effect::Emit { kind: "log".into(), message: Some(message), data: Some(data) })?;
        Ok(())
    }
}
