//! Places in the code that look up a member, and what they found the last time.

/// What the last look-up found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cache {
    Empty,
    /// Instances of this class have the field at this place.
    Field {
        class: u32,
        slot: u32,
    },
    /// Instances of this class have no such field, but this method.
    Method {
        class: u32,
        closure: u32,
        function: u32,
    },
    /// The last object had the member at this position.
    Entry {
        position: u32,
    },
    /// A function of a module (by its number), or a method of built-in values (by their kind, above all modules).
    Native {
        owner: u32,
        id: u32,
    },
    /// The method `push` of arrays.
    Push,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// The member's name, interned.
    pub name: u32,
    pub cache: Cache,
}

impl Site {
    pub fn new(name: u32) -> Self {
        Self { name, cache: Cache::Empty }
    }
}
