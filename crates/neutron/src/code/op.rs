//! Instructions. Eight bytes each: a number, then the fields in order, little endian, zeros to the end. Numbers and
//! fields are part of the snapshot format (docs/neutron-snapshot.md); a number is never used again for something else.

/// What a field holds; decides how it is checked when it comes from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Reg,
    Byte,
    Imm8,
    Imm16,
    Imm,
    Jump,
    Const,
    Global,
    Site,
    Fun,
    Up,
    Unit,
}

macro_rules! field_type {
    (Reg) => {
        u8
    };
    (Byte) => {
        u8
    };
    (Imm8) => {
        i8
    };
    (Imm16) => {
        i16
    };
    (Imm) => {
        i32
    };
    (Jump) => {
        i32
    };
    ($other:ident) => {
        u32
    };
}

macro_rules! ops {
    ($( $number:literal $name:ident { $($field:ident: $kind:ident),* } )*) => {
        /// One instruction. `Jump`s count from the instruction behind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Op {
            $( $name { $($field: field_type!($kind)),* } ),*
        }

        impl Op {
            /// Number, name and fields of every instruction, for the tests that compare them with the document.
            pub const NAMES: &'static [(u8, &'static str, &'static [(&'static str, FieldKind)])] =
                &[$( ($number, stringify!($name), &[$( (stringify!($field), FieldKind::$kind) ),*]) ),*];

            pub fn encode(&self) -> [u8; 8] {
                let mut out = [0u8; 8];
                match *self {
                    $( Op::$name { $($field),* } => {
                        out[0] = $number;
                        #[allow(unused_mut, unused_variables)]
                        let mut at = 1;
                        $(
                            let bytes = $field.to_le_bytes();
                            out[at..at + bytes.len()].copy_from_slice(&bytes);
                            #[allow(unused_assignments)]
                            { at += bytes.len(); }
                        )*
                    } ),*
                }
                out
            }

            pub fn decode(bytes: [u8; 8]) -> Option<Op> {
                match bytes[0] {
                    $( $number => {
                        #[allow(unused_mut, unused_variables)]
                        let mut at = 1;
                        $(
                            const { assert!(size_of::<field_type!($kind)>() <= 4) };
                            let mut part = [0u8; size_of::<field_type!($kind)>()];
                            part.copy_from_slice(&bytes[at..at + size_of::<field_type!($kind)>()]);
                            let $field = <field_type!($kind)>::from_le_bytes(part);
                            #[allow(unused_assignments)]
                            { at += part.len(); }
                        )*
                        Some(Op::$name { $($field),* })
                    } )*
                    _ => None,
                }
            }

            /// Gives the fields to `see`.
            pub fn fields(&self, see: &mut dyn FnMut(FieldKind, i64)) {
                match *self {
                    $( Op::$name { $($field),* } => {
                        let _ = &see;
                        $( see(FieldKind::$kind, i64::from($field)); )*
                    } ),*
                }
            }
        }
    };
}

ops! {
    1 Move { a: Reg, b: Reg }
    2 Nil { a: Reg }
    3 Bool { a: Reg, v: Byte }
    4 Int { a: Reg, v: Imm }
    5 Const { a: Reg, k: Const }
    6 GetGlobal { a: Reg, g: Global }
    7 SetGlobal { a: Reg, g: Global }
    8 DefGlobal { a: Reg, g: Global }
    9 NewCell { a: Reg }
    10 EmptyCell { a: Reg }
    11 FreshCell { a: Reg }
    12 GetCell { a: Reg, b: Reg }
    13 SetCell { a: Reg, b: Reg }
    14 GetUp { a: Reg, u: Up }
    15 SetUp { a: Reg, u: Up }
    16 Closure { a: Reg, f: Fun }
    17 Add { a: Reg, b: Reg, c: Reg }
    18 Sub { a: Reg, b: Reg, c: Reg }
    19 Mul { a: Reg, b: Reg, c: Reg }
    20 Div { a: Reg, b: Reg, c: Reg }
    21 Rem { a: Reg, b: Reg, c: Reg }
    22 AddImm { a: Reg, b: Reg, v: Imm }
    23 SubImm { a: Reg, b: Reg, v: Imm }
    24 MulImm { a: Reg, b: Reg, v: Imm }
    25 DivImm { a: Reg, b: Reg, v: Imm }
    26 RemImm { a: Reg, b: Reg, v: Imm }
    27 BitAnd { a: Reg, b: Reg, c: Reg }
    28 BitOr { a: Reg, b: Reg, c: Reg }
    29 BitXor { a: Reg, b: Reg, c: Reg }
    30 Shl { a: Reg, b: Reg, c: Reg }
    31 Shr { a: Reg, b: Reg, c: Reg }
    32 Not { a: Reg, b: Reg }
    33 Neg { a: Reg, b: Reg }
    34 Complement { a: Reg, b: Reg }
    35 Eq { a: Reg, b: Reg, c: Reg }
    36 Ne { a: Reg, b: Reg, c: Reg }
    37 Lt { a: Reg, b: Reg, c: Reg }
    38 Le { a: Reg, b: Reg, c: Reg }
    39 Jump { to: Jump }
    40 JumpIf { a: Reg, to: Jump }
    41 JumpIfNot { a: Reg, to: Jump }
    42 JumpIfNil { a: Reg, to: Jump }
    43 JumpIfSet { a: Reg, to: Jump }
    44 JumpEq { a: Reg, b: Reg, to: Jump }
    45 JumpNe { a: Reg, b: Reg, to: Jump }
    46 JumpLt { a: Reg, b: Reg, to: Jump }
    47 JumpNotLt { a: Reg, b: Reg, to: Jump }
    48 JumpLe { a: Reg, b: Reg, to: Jump }
    49 JumpNotLe { a: Reg, b: Reg, to: Jump }
    50 JumpEqImm { a: Reg, v: Imm16, to: Jump }
    51 JumpNeImm { a: Reg, v: Imm16, to: Jump }
    52 JumpLtImm { a: Reg, v: Imm16, to: Jump }
    53 JumpNotLtImm { a: Reg, v: Imm16, to: Jump }
    54 JumpLeImm { a: Reg, v: Imm16, to: Jump }
    55 JumpNotLeImm { a: Reg, v: Imm16, to: Jump }
    56 JumpGtImm { a: Reg, v: Imm16, to: Jump }
    57 JumpNotGtImm { a: Reg, v: Imm16, to: Jump }
    58 JumpGeImm { a: Reg, v: Imm16, to: Jump }
    59 JumpNotGeImm { a: Reg, v: Imm16, to: Jump }
    60 Array { a: Reg, n: Imm }
    61 Push { a: Reg, b: Reg }
    62 PushAll { a: Reg, b: Reg }
    63 Object { a: Reg }
    64 GetMember { a: Reg, b: Reg, s: Site }
    65 SetMember { a: Reg, b: Reg, s: Site }
    66 GetIndex { a: Reg, b: Reg, c: Reg }
    67 SetIndex { a: Reg, b: Reg, c: Reg }
    68 Call { a: Reg, n: Byte }
    69 CallSpread { a: Reg }
    70 Invoke { a: Reg, n: Byte, s: Site }
    71 InvokeSpread { a: Reg, s: Site }
    72 SuperInvoke { a: Reg, n: Byte, s: Site }
    73 SuperInvokeSpread { a: Reg, s: Site }
    74 SuperGet { a: Reg, s: Site }
    75 CallGlobal { a: Reg, n: Byte, g: Global }
    76 Return { a: Reg }
    77 ReturnNil {}
    78 Class { a: Reg, k: Const }
    79 Inherit { a: Reg, b: Reg }
    80 Method { a: Reg, b: Reg, k: Const }
    81 Fields { a: Reg, b: Reg }
    82 SuperFields { a: Reg }
    83 Throw { a: Reg }
    84 Rethrow { a: Reg }
    85 Say { a: Reg }
    86 CheckType { a: Reg, t: Byte, k: Const }
    87 ForPrep { a: Reg }
    88 ForNext { a: Reg, b: Reg, to: Jump }
    89 RunUnit { a: Reg, u: Unit }
    90 Concat { a: Reg, b: Reg, n: Byte }
    91 RetryCount { a: Reg }
    92 IsSet { a: Reg, g: Global }
    93 SetMark { g: Global }
    94 GetSpill { a: Reg, b: Reg, v: Imm }
    95 SetSpill { a: Reg, b: Reg, v: Imm }
    96 AddJumpLt { a: Reg, b: Reg, c: Reg, to: Jump }
    97 AddJumpLe { a: Reg, b: Reg, c: Reg, to: Jump }
    98 AddImmJumpLt { a: Reg, v: Imm8, c: Reg, to: Jump }
    99 AddImmJumpLe { a: Reg, v: Imm8, c: Reg, to: Jump }
    100 SubImmJumpLt { a: Reg, v: Imm8, c: Reg, to: Jump }
    101 SubImmJumpLe { a: Reg, v: Imm8, c: Reg, to: Jump }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_eight_bytes_and_survives_its_encoding() {
        assert_eq!(size_of::<Op>(), 8);
        for (number, name, _) in Op::NAMES {
            let bytes = [*number, 1, 2, 3, 0, 0, 0, 0];
            let op = Op::decode(bytes).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(Op::decode(op.encode()), Some(op), "{name}");
        }
    }
}
