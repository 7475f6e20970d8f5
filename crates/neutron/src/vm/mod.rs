//! The machine: registers, calls, errors, tasks. Everything that a program is lies in `Vm` between two instructions,
//! so that a snapshot can be taken at any of them.

mod arith;
mod aside;
mod call;
mod errors;
mod fast;
mod member;
mod method;
mod pieces;
mod run;
mod sites;
mod tasks;
mod turn;
mod world;

use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use arith::repeat;
pub(crate) use member::map_key;
pub(crate) use method::{MAIN_MARK, Method};
pub(crate) use run::Exit;
pub(crate) use sites::{Cache, Site};
pub(crate) use turn::End;
pub(crate) use world::{LogState, Rng, World};

use crate::code::{Const, Program, WINDOW};
use crate::heap::{Frame, FrameKind, Heap, NONE, Proto, Task, Waits};
use crate::modules;
use crate::value::{Kind, Value};

/// Names that the machine itself looks up.
pub(crate) struct Known {
    pub init: u32,
    pub initialize: u32,
    pub length: u32,
    pub chars: u32,
}

impl Known {
    fn new(heap: &mut Heap) -> Self {
        Self {
            init: heap.intern("init"),
            initialize: heap.intern("initialize"),
            length: heap.intern("length"),
            chars: heap.intern("chars"),
        }
    }

    fn all(&self) -> [u32; 4] {
        [self.init, self.initialize, self.length, self.chars]
    }
}

pub(crate) struct Vm {
    pub program: Arc<Program>,
    pub heap: Heap,
    pub world: World,
    pub globals: Vec<Value>,
    pub consts: Vec<Value>,
    pub sites: Vec<Site>,
    pub known: Known,
    /// The running task; its place in the heap holds an empty one meanwhile.
    pub task: Box<Task>,
    /// The running task's handle, or `NONE`.
    pub current: u32,
    pub main: u32,
    /// Tasks that can go on, in their order.
    pub ready: VecDeque<u32>,
    /// All tasks that have not ended, and those that ended with an error that nobody saw.
    pub tasks: Vec<u32>,
    pub next_task: u32,
    /// The classes of the library that hold methods of arrays and of strings.
    pub array_class: u32,
    /// Instructions until `run_steps` stops.
    pub steps: u64,
    /// What is called when the top level has ended, and what the run's result is.
    pub method: Method,
    /// Continued from a file, and nothing observable happened since: the next `sys.exit` belongs to the former life.
    pub fresh_from_file: bool,
}

impl Vm {
    /// A machine that has run the library and waits at the entry file's first instruction.
    pub fn new(program: Arc<Program>, memory: usize) -> Self {
        let mut vm = Self::bare(program, memory);
        let library = vm.program.units.first().map_or(0, |u| u.main);
        let library = vm.new_task(library);
        vm.run_library(library);
        vm.link_library();
        let entry = vm.program.units[vm.program.entry as usize].main;
        vm.main = vm.new_task(entry);
        vm.ready.push_back(vm.main);
        vm
    }

    /// A machine without tasks and with empty variables.
    fn bare(program: Arc<Program>, memory: usize) -> Self {
        let mut vm = Self::empty(program, memory);
        vm.link();
        vm
    }

    /// A machine with nothing in its heap, to be filled from a snapshot and linked.
    pub fn empty(program: Arc<Program>, memory: usize) -> Self {
        Self {
            program,
            heap: Heap::new(memory),
            world: World::default(),
            globals: Vec::new(),
            consts: Vec::new(),
            sites: Vec::new(),
            known: Known { init: 0, initialize: 0, length: 0, chars: 0 },
            task: Box::new(Task::new(0)),
            current: NONE,
            main: NONE,
            ready: VecDeque::new(),
            tasks: Vec::new(),
            next_task: 0,
            array_class: NONE,
            steps: 0,
            method: Method::None,
            fresh_from_file: false,
        }
    }

    /// Makes constants, sites and variables for what the program has and the machine has not yet.
    pub fn link(&mut self) {
        self.known = Known::new(&mut self.heap);
        let program = self.program.clone();
        for constant in &program.consts[self.consts.len()..] {
            let value = match constant {
                Const::Number(n) => Value::foreign_number(*n),
                Const::Text(text) => Value::new(Kind::Text, self.heap.intern(text)),
                Const::Module(name) => modules::find(name).map_or(Value::NIL, |m| Value::new(Kind::Module, m.id)),
                Const::Say => modules::say(),
            };
            self.consts.push(value);
        }
        for name in &program.sites[self.sites.len()..] {
            let name = self.heap.intern(name);
            self.sites.push(Site::new(name));
        }
        self.globals.resize(program.globals.len(), Value::EMPTY);
        for function in &program.functions[self.heap.protos.len()..] {
            self.heap.protos.push(Proto { name: function.name.clone() });
        }
    }

    /// Notes what of the library the machine itself uses.
    pub fn link_library(&mut self) {
        let array = self.program.library("Array").map_or(Value::NIL, |slot| self.globals[slot as usize]);
        self.array_class = array.as_handle(Kind::Class).unwrap_or(NONE);
    }

    /// A task that will run a function without arguments.
    pub fn new_task(&mut self, function: u32) -> u32 {
        let mut task = Task::new(self.next_task);
        self.next_task = self.next_task.wrapping_add(1);
        task.stack = vec![Value::NIL; WINDOW];
        task.frames.push(Frame { function, pc: 0, base: 0, closure: NONE, kind: FrameKind::Plain });
        task.live = self.program.functions[function as usize].registers;
        let handle = self.heap.alloc(crate::heap::Obj::Task(Box::new(task)));
        self.tasks.push(handle);
        handle
    }

    /// Puts the running task back into the heap and takes another one out.
    pub fn switch_to(&mut self, handle: u32) {
        if self.current == handle {
            return;
        }
        self.park();
        if let Some(task) = self.heap.task_mut(handle) {
            std::mem::swap(task, &mut *self.task);
            self.current = handle;
        }
    }

    /// Puts the running task back into the heap.
    pub fn park(&mut self) {
        if self.current != NONE {
            if let Some(task) = self.heap.task_mut(self.current) {
                std::mem::swap(task, &mut *self.task);
            }
            self.current = NONE;
        }
    }

    pub fn function_of(&self, frame: &Frame) -> &crate::code::Function {
        &self.program.functions[frame.function as usize]
    }

    /// How far up a task's stack values may matter to the collector.
    fn stack_end(&self) -> usize {
        let ends = self.task.frames.iter().map(|f| (f.base + self.function_of(f).registers) as usize);
        ends.max().unwrap_or(0).min(self.task.stack.len())
    }

    /// Between any two instructions all registers of the running task may matter.
    pub fn mark_live(&mut self) {
        self.task.live = self.stack_end() as u32;
    }

    pub fn collect(&mut self) {
        let end = self.stack_end();
        let (task, globals, consts, sites) = (&self.task, &self.globals, &self.consts, &self.sites);
        let (tasks, ready, known) = (&self.tasks, &self.ready, self.known.all());
        let classes = [self.array_class, self.main, self.current];
        self.heap.collect(|marker| {
            marker.values(globals);
            marker.values(consts);
            marker.values(&task.stack[..end]);
            task.frames.iter().for_each(|f| marker.handle(f.closure));
            task.mailbox.iter().for_each(|v| marker.value(*v));
            marker.value(task.result);
            marker.value(task.trace);
            marker.value(task.raise);
            if let Waits::Task(other) = task.waits {
                marker.handle(other);
            }
            sites.iter().for_each(|site| marker.handle(site.name));
            tasks.iter().chain(ready).chain(&classes).chain(&known).for_each(|h| marker.handle(*h));
        });
        // A handle in a cache may now be another object's.
        self.sites.iter_mut().for_each(|site| site.cache = Cache::Empty);
        // What lies above the live part is stale, and its objects may be gone.
        self.task.stack[end..].fill(Value::NIL);
    }
}
