//! A value in eight bytes: a double, or in the space of its NaNs a kind and 32 bits.

/// Doubles lie below this; above are kinds. The processor's own NaN is `0xfff8…` or `0x7ff8…`.
const TAG: u64 = 0xfff9 << 48;

/// What a value is. The numbers are part of the snapshot format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Kind {
    /// nil, false, true, and the mark of what has no value yet.
    Special = 0,
    Text = 1,
    Array = 2,
    Map = 3,
    Closure = 4,
    /// A function of a module; not in the heap.
    Native = 5,
    Class = 6,
    Instance = 7,
    /// A method with its object.
    Bound = 8,
    /// A standard module; not in the heap.
    Module = 9,
    Bytes = 10,
    /// A captured variable; never seen by programs.
    Cell = 11,
    Task = 12,
    /// The growing text that several strings are beginnings of; never seen by programs.
    Growing = 13,
}

impl Kind {
    pub const HEAP: [Kind; 11] = [
        Kind::Text,
        Kind::Array,
        Kind::Map,
        Kind::Closure,
        Kind::Class,
        Kind::Instance,
        Kind::Bound,
        Kind::Bytes,
        Kind::Cell,
        Kind::Task,
        Kind::Growing,
    ];

    pub fn in_heap(self) -> bool {
        !matches!(self, Kind::Special | Kind::Native | Kind::Module)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value(u64);

impl Value {
    pub const NIL: Value = Value(TAG);
    pub const FALSE: Value = Value(TAG | 1);
    pub const TRUE: Value = Value(TAG | 2);
    /// Not a value of programs: a variable or field that has none yet.
    pub const EMPTY: Value = Value(TAG | 3);

    #[inline(always)]
    pub fn number(n: f64) -> Self {
        Self(n.to_bits())
    }

    /// A number that may be any NaN.
    pub fn foreign_number(n: f64) -> Self {
        Self(if n.is_nan() { f64::NAN.to_bits() } else { n.to_bits() })
    }

    #[inline(always)]
    pub fn bool(b: bool) -> Self {
        Self(TAG | (1 + u64::from(b)))
    }

    #[inline(always)]
    pub fn new(kind: Kind, payload: u32) -> Self {
        Self(TAG | (kind as u64) << 32 | u64::from(payload))
    }

    #[inline(always)]
    pub fn is_number(self) -> bool {
        self.0 < TAG
    }

    #[inline(always)]
    pub fn as_number(self) -> Option<f64> {
        if self.is_number() { Some(f64::from_bits(self.0)) } else { None }
    }

    /// Only nil and false are false.
    #[inline(always)]
    pub fn truth(self) -> bool {
        self.0.wrapping_sub(TAG) > 1
    }

    #[inline(always)]
    pub fn is(self, kind: Kind) -> bool {
        self.0 >> 32 == (TAG >> 32 | kind as u64)
    }

    #[inline(always)]
    pub fn as_handle(self, kind: Kind) -> Option<u32> {
        if self.is(kind) { Some(self.0 as u32) } else { None }
    }

    pub fn is_nil(self) -> bool {
        self == Self::NIL
    }

    pub fn as_bool(self) -> Option<bool> {
        match self {
            Self::TRUE => Some(true),
            Self::FALSE => Some(false),
            _ => None,
        }
    }

    /// The 32 bits beside the kind.
    #[inline(always)]
    pub fn payload(self) -> u32 {
        self.0 as u32
    }

    /// The kind, or `None` for a number.
    pub fn kind(self) -> Option<Kind> {
        if self.is_number() {
            return None;
        }
        Some(match (self.0 >> 32) as u16 {
            1 => Kind::Text,
            2 => Kind::Array,
            3 => Kind::Map,
            4 => Kind::Closure,
            5 => Kind::Native,
            6 => Kind::Class,
            7 => Kind::Instance,
            8 => Kind::Bound,
            9 => Kind::Module,
            10 => Kind::Bytes,
            11 => Kind::Cell,
            12 => Kind::Task,
            13 => Kind::Growing,
            _ => Kind::Special,
        })
    }

    /// Its index, if it lies in the heap.
    #[inline(always)]
    pub fn heap_index(self) -> Option<u32> {
        if self.is_number() {
            return None;
        }
        self.kind().filter(|k| k.in_heap()).map(|_| self.0 as u32)
    }

    pub fn bits(self) -> u64 {
        self.0
    }

    /// A value from a snapshot: `None` for bits that no value has. Every NaN becomes the same one: the sign of one
    /// with a payload, changed by an instruction, would make it a value of another kind.
    pub fn from_bits(bits: u64) -> Option<Self> {
        if bits < TAG && f64::from_bits(bits).is_nan() {
            return Some(Self::number(f64::NAN));
        }
        let value = Self(bits);
        let valid = bits < TAG
            || match (bits - TAG) >> 32 {
                0 => bits as u32 <= 3,
                kind => kind <= 13,
            };
        valid.then_some(value)
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.as_number() {
            Some(n) => write!(f, "{n}"),
            None => write!(f, "{:?}#{}", self.kind(), self.payload()),
        }
    }
}
