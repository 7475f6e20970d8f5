//! Calls. The callee and its arguments lie in consecutive registers of the caller, which become the first registers
//! of what is called. The result replaces the callee.

use run::Port;

use super::Vm;
use crate::code::{Function, MAX_FRAMES, REGISTER_PARAMS, WINDOW};
use crate::fault::{R, fail, kind};
use crate::heap::{Frame, FrameKind, NONE, Obj};
use crate::modules::{self, Cx, MANY, Native};
use crate::value::{Kind, Value};

impl Vm {
    /// Makes room for the registers of a frame that begins at `base`.
    #[inline(always)]
    pub(super) fn reserve(&mut self, base: usize) {
        if self.task.stack.len() < base + WINDOW {
            let before = self.task.stack.capacity();
            self.task.stack.resize(base + WINDOW * 2, Value::NIL);
            self.heap.bytes += (self.task.stack.capacity() - before) * 8;
        }
    }

    /// Enters a function whose callee is at `at` in the stack, with `n` arguments behind it.
    pub(super) fn enter(&mut self, function: u32, closure: u32, at: usize, n: usize, kind: FrameKind) -> R<()> {
        let program = self.program.clone();
        let f = &program.functions[function as usize];
        if self.task.frames.len() >= MAX_FRAMES {
            let text = format!("more than {MAX_FRAMES} calls are in progress; does {} call itself for ever?", f.name);
            return fail(kind::STACK, text);
        }
        if n < f.required as usize || n > f.params as usize {
            return wrong_count(f, n);
        }
        self.reserve(at);
        let registers = f.registers as usize;
        let params = f.params as usize;
        if params > REGISTER_PARAMS {
            self.spill_params(at, n, params);
        } else {
            self.task.stack[at + 1 + n..at + 1 + params].fill(Value::EMPTY);
            self.task.stack[at + 1 + params..at + registers].fill(Value::NIL);
        }
        self.task.frames.push(Frame { function, pc: 0, base: at as u32, closure, kind });
        Ok(())
    }

    /// Parameters beyond the registers go to an array behind them. The arguments lie in the stack so far.
    fn spill_params(&mut self, at: usize, n: usize, params: usize) {
        let mut rest: Vec<Value> = (at + 1 + REGISTER_PARAMS..at + 1 + n).map(|i| self.task.stack[i]).collect();
        rest.resize(params - REGISTER_PARAMS, Value::EMPTY);
        let given = n.min(REGISTER_PARAMS);
        self.task.stack[at + 1 + given..at + 1 + REGISTER_PARAMS].fill(Value::EMPTY);
        let array = self.heap.array(rest);
        self.task.stack[at + 1 + REGISTER_PARAMS] = array;
        self.task.stack[at + 2 + REGISTER_PARAMS..at + WINDOW].fill(Value::NIL);
    }

    /// Calls the value at `at`. Either a frame was entered or the result is in its place.
    pub(super) fn call_value(&mut self, at: usize, n: usize, port: &mut dyn Port) -> R<()> {
        let callee = self.task.stack[at];
        match callee.kind() {
            Some(Kind::Closure) => {
                let handle = callee.payload();
                let function = self.heap.closure(handle).map_or(0, |c| c.function);
                self.enter(function, handle, at, n, FrameKind::Plain)
            }
            Some(Kind::Native) => self.call_native(callee.payload(), at, n, port),
            Some(Kind::Class) => self.construct(callee.payload(), at, n),
            Some(Kind::Bound) => {
                let Obj::Bound { this, method } = self.heap.slots[callee.payload() as usize] else {
                    return self.not_callable(callee);
                };
                self.task.stack[at] = this;
                self.call_method(method, at, n, port)
            }
            _ => self.not_callable(callee),
        }
    }

    /// Calls a method whose object is at `at`.
    pub(super) fn call_method(&mut self, method: Value, at: usize, n: usize, port: &mut dyn Port) -> R<()> {
        match method.kind() {
            Some(Kind::Closure) => {
                let handle = method.payload();
                let function = self.heap.closure(handle).map_or(0, |c| c.function);
                self.enter(function, handle, at, n, FrameKind::Plain)
            }
            Some(Kind::Native) => self.call_native(method.payload(), at, n, port),
            _ => self.not_callable(method),
        }
    }

    #[cold]
    pub(super) fn not_callable<T>(&self, value: Value) -> R<T> {
        let what =
            if value.is_nil() { "nil".into() } else { format!("a value of type {}", self.heap.type_name(value)) };
        fail(kind::TYPE, format!("cannot call {what}"))
    }

    /// A new instance in place of its class.
    fn construct(&mut self, handle: u32, at: usize, n: usize) -> R<()> {
        let Some(class) = self.heap.class(handle) else { return fail(kind::TYPE, "this is no class") };
        let init = class.methods.get(self.known.init).or_else(|| class.methods.get(self.known.initialize));
        let (fields, size) = (class.fields, class.layout.len());
        let instance = Obj::Instance { class: handle, fields: Vec::with_capacity(size) };
        let instance = Value::new(Kind::Instance, self.heap.alloc(instance));
        let fields = fields.as_handle(Kind::Closure);
        let Some(init) = init.and_then(|v| v.as_handle(Kind::Closure)) else {
            if n > 0 {
                let name = self.heap.class(handle).map_or("", |c| self.heap.str_at(c.name)).to_owned();
                return fail(kind::ARGUMENT, format!("{name} has no init, so it takes no arguments, not {n}"));
            }
            self.task.stack[at] = instance;
            return match fields {
                Some(closure) => self.enter_fields(closure, at, FrameKind::Constructor),
                None => Ok(()),
            };
        };
        let function = self.heap.closure(init).map_or(0, |c| c.function);
        self.enter(function, init, at, n, FrameKind::Constructor)?;
        self.task.stack[at] = instance;
        if let Some(closure) = fields {
            // The fields are set first: their frame lies above the constructor's, whose arguments are in place.
            let above = at + self.program.functions[function as usize].registers as usize;
            self.reserve(above);
            self.task.stack[above] = instance;
            if let Err(fault) = self.enter_fields(closure, above, FrameKind::Silent) {
                self.task.frames.pop();
                return Err(fault);
            }
        }
        Ok(())
    }

    pub(super) fn enter_fields(&mut self, closure: u32, at: usize, kind: FrameKind) -> R<()> {
        let function = self.heap.closure(closure).map_or(0, |c| c.function);
        self.enter(function, closure, at, 0, kind)
    }

    /// Arguments from the array behind `at` into the stack; gives their number.
    pub(super) fn spread(&mut self, at: usize) -> R<usize> {
        let array = self.task.stack[at + 1];
        let n = self.heap.items(array).len();
        if n > 65_535 {
            return fail(kind::ARGUMENT, format!("a call takes at most 65,535 arguments, not {n}"));
        }
        self.reserve(at + 1 + n);
        self.task.stack[at + 1..at + 1 + n].copy_from_slice(self.heap.items(array));
        Ok(n)
    }

    pub(super) fn call_native(&mut self, id: u32, at: usize, n: usize, port: &mut dyn Port) -> R<()> {
        let Some(native) = modules::native(id) else { return fail(kind::TYPE, "there is no such function") };
        if n < native.min as usize || n > native.max as usize {
            return wrong_native_count(native, n);
        }
        // A method has its object as its first argument.
        let first = if native.is_method() { at } else { at + 1 };
        let args = &self.task.stack[first..at + 1 + n];
        let mut cx = Cx { heap: &mut self.heap, world: &mut self.world, port };
        let result = (native.call)(&mut cx, args)?;
        self.task.stack[at] = result;
        if self.heap.bytes > self.heap.limit {
            return self.out_of_memory();
        }
        Ok(())
    }

    /// Collects, and fails if there is still too much.
    #[cold]
    pub(super) fn out_of_memory(&mut self) -> R<()> {
        self.collect();
        if self.heap.bytes <= self.heap.limit {
            return Ok(());
        }
        let limit = self.heap.limit >> 20;
        fail(kind::MEMORY, format!("the program holds more than {limit} MiB; free something or raise its limit"))
    }

    /// Calls a method by name on the object at `at`.
    pub(super) fn invoke(&mut self, at: usize, n: usize, s: u32, port: &mut dyn Port) -> R<()> {
        let object = self.task.stack[at];
        let name = self.sites[s as usize].name;
        match object.kind() {
            Some(Kind::Instance) => {
                let Obj::Instance { class: class_handle, fields } = &self.heap.slots[object.payload() as usize] else {
                    return self.no_member(object, name);
                };
                let class_handle = *class_handle;
                let Some(class) = self.heap.class(class_handle) else { return self.no_member(object, name) };
                let slot = class.layout.get(name).and_then(Value::as_number);
                let field = slot.and_then(|slot| fields.get(slot as usize)).copied().unwrap_or(Value::EMPTY);
                if field != Value::EMPTY {
                    self.task.stack[at] = field;
                    return self.call_value(at, n, port);
                }
                let Some(closure) = class.methods.get(name).and_then(|m| m.as_handle(Kind::Closure)) else {
                    return self.no_member(object, name);
                };
                let function = self.heap.closure(closure).map_or(0, |c| c.function);
                if slot.is_none() {
                    let cache = super::Cache::Method { class: class_handle, closure, function };
                    self.sites[s as usize].cache = cache;
                }
                self.enter(function, closure, at, n, FrameKind::Plain)
            }
            Some(Kind::Module) => {
                let member = self.module_member(object.payload(), name)?;
                if let Some(id) = member.as_handle(Kind::Native) {
                    self.sites[s as usize].cache = super::Cache::Native { owner: object.payload(), id };
                }
                self.task.stack[at] = member;
                self.call_value(at, n, port)
            }
            Some(k @ (Kind::Text | Kind::Array | Kind::Bytes)) => {
                if let Some(id) = modules::method(k, self.heap.str_at(name)) {
                    let owner = modules::METHODS_OF + k as u32;
                    self.sites[s as usize].cache =
                        if modules::is_push(id) { super::Cache::Push } else { super::Cache::Native { owner, id } };
                    return self.call_native(id, at, n, port);
                }
                match self.array_method(k, name) {
                    Some(method) => self.call_method(method, at, n, port),
                    None => self.no_method(object, name),
                }
            }
            Some(Kind::Map) => {
                let member = self.get_member(object, s)?;
                if member.is_nil() {
                    return self.no_method(object, name);
                }
                self.task.stack[at] = member;
                self.call_value(at, n, port)
            }
            _ => self.no_member(object, name),
        }
    }

    #[cold]
    fn no_method<T>(&self, object: Value, name: u32) -> R<T> {
        let name = self.heap.str_at(name);
        let known = self.heap.class(self.array_class).into_iter().flat_map(|c| c.methods.iter());
        let library = known.map(|(key, _)| self.heap.str_at(key)).filter(|_| object.is(Kind::Array));
        let names = modules::method_names(object.kind()).into_iter().chain(library);
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        let hint = match crate::diagnostic::nearest(name, names.into_iter()) {
            Some(other) => format!("; did you mean {other}?"),
            None => String::new(),
        };
        let ty = self.heap.type_name(object);
        fail(kind::MEMBER, format!("this {ty} has no method {name}{hint}"))
    }

    /// The method of the parent of the class in which the running function was written.
    pub(super) fn super_method(&mut self, s: u32) -> R<Value> {
        let name = self.sites[s as usize].name;
        let closure = self.task.frames.last().map_or(NONE, |f| f.closure);
        let home = self.heap.closure(closure).map_or(NONE, |c| c.home);
        let parent = self.heap.class(home).map_or(NONE, |c| c.parent);
        let Some(class) = self.heap.class(parent) else {
            return fail(kind::MEMBER, "super needs a class that extends another");
        };
        let mut found = class.methods.get(name);
        if found.is_none() && name == self.known.init {
            found = class.methods.get(self.known.initialize);
        }
        match found {
            Some(method) => Ok(method),
            None => {
                let class = self.heap.str_at(class.name);
                fail(kind::MEMBER, format!("the class {class} has no method {}", self.heap.str_at(name)))
            }
        }
    }
}

#[cold]
fn wrong_count(f: &Function, n: usize) -> R<()> {
    let wanted = count(f.required as usize, f.params as usize);
    fail(kind::ARGUMENT, format!("{} takes {wanted}, not {n}", f.name))
}

#[cold]
fn wrong_native_count(native: &Native, n: usize) -> R<()> {
    let wanted = count(native.min as usize, native.max as usize);
    fail(kind::ARGUMENT, format!("{} takes {wanted}, not {n}", native.name))
}

fn count(min: usize, max: usize) -> String {
    match (min, max) {
        (1, 1) => "1 argument".into(),
        (min, max) if min == max => format!("{min} arguments"),
        (min, max) if max == MANY as usize => format!("at least {min} arguments"),
        (min, max) => format!("{min} to {max} arguments"),
    }
}
