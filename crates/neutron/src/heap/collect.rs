//! Mark and sweep.

use super::{FIRST_COLLECTION, Heap, NONE, Obj, Value};

/// Marks what is reachable.
pub(crate) struct Marker<'a> {
    heap: &'a Heap,
    marks: Vec<bool>,
    todo: Vec<u32>,
}

impl Marker<'_> {
    #[inline]
    pub fn handle(&mut self, handle: u32) {
        if let Some(mark) = self.marks.get_mut(handle as usize)
            && !*mark
        {
            *mark = true;
            self.todo.push(handle);
        }
    }

    #[inline]
    pub fn value(&mut self, value: Value) {
        if let Some(handle) = value.heap_index() {
            self.handle(handle);
        }
    }

    pub fn values(&mut self, values: &[Value]) {
        for value in values {
            self.value(*value);
        }
    }

    fn drain(&mut self) {
        let heap = self.heap;
        while let Some(handle) = self.todo.pop() {
            heap.children(handle, &mut |child| self.handle(child));
        }
    }
}

impl Heap {
    /// Every handle in an object, in a fixed order: what the collector follows and the snapshot too.
    pub fn children(&self, handle: u32, visit: &mut impl FnMut(u32)) {
        let value = |v: &Value, visit: &mut dyn FnMut(u32)| {
            if let Some(handle) = v.heap_index() {
                visit(handle);
            }
        };
        match &self.slots[handle as usize] {
            Obj::Free | Obj::Text { .. } | Obj::Growing(_) | Obj::Bytes(_) => {}
            Obj::Beginning { growing, .. } => visit(*growing),
            Obj::Array(items) => items.iter().for_each(|v| value(v, visit)),
            Obj::Map(map) => {
                for (key, v) in map.iter() {
                    visit(key);
                    value(&v, visit);
                }
            }
            Obj::Closure(closure) => {
                if closure.home != NONE {
                    visit(closure.home);
                }
                closure.cells.iter().for_each(|cell| visit(*cell));
            }
            Obj::Cell(v) => value(v, visit),
            Obj::Class(class) => {
                visit(class.name);
                if class.parent != NONE {
                    visit(class.parent);
                }
                for (key, v) in class.methods.iter() {
                    visit(key);
                    value(&v, visit);
                }
                class.layout.iter().for_each(|(key, _)| visit(key));
                value(&class.fields, visit);
            }
            Obj::Instance { class, fields } => {
                visit(*class);
                fields.iter().for_each(|v| value(v, visit));
            }
            Obj::Bound { this, method } => {
                value(this, visit);
                value(method, visit);
            }
            Obj::Task(task) => {
                task.stack.iter().for_each(|v| value(v, visit));
                for frame in &task.frames {
                    if frame.closure != NONE {
                        visit(frame.closure);
                    }
                }
                task.mailbox.iter().for_each(|v| value(v, visit));
                value(&task.result, visit);
                value(&task.trace, visit);
                value(&task.raise, visit);
                if let super::Waits::Task(other) = task.waits {
                    visit(other);
                }
            }
        }
    }

    /// Frees what cannot be reached from the roots.
    pub fn collect(&mut self, roots: impl FnOnce(&mut Marker<'_>)) {
        let mut marker = Marker { heap: self, marks: vec![false; self.slots.len()], todo: Vec::new() };
        roots(&mut marker);
        marker.drain();
        let marks = marker.marks;
        self.forget_interned(|handle| marks[handle as usize]);
        self.forget_letters();
        let mut live = 0;
        self.free.clear();
        // From the end, so that low slots are used first.
        for (at, slot) in self.slots.iter_mut().enumerate().rev() {
            if marks[at] {
                live += 32 + slot.size();
            } else {
                *slot = Obj::Free;
                self.free.push(at as u32);
            }
        }
        self.bytes = live;
        self.threshold = (live * 2).max(FIRST_COLLECTION).min(self.limit.max(live + (live >> 3)));
    }
}
