//! The syntax tree.

use std::rc::Rc;

use crate::source::Span;

/// A name at one place. `id` is unique in its file; the resolver's findings are kept by it.
#[derive(Clone, Debug)]
pub(crate) struct Ident {
    pub name: Rc<str>,
    pub span: Span,
    pub id: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Float,
    String,
    Bool,
    Array,
    Object,
    Any,
}

impl Type {
    pub const ALL: [(&'static str, Type); 7] = [
        ("int", Type::Int),
        ("float", Type::Float),
        ("string", Type::String),
        ("bool", Type::Bool),
        ("array", Type::Array),
        ("object", Type::Object),
        ("any", Type::Any),
    ];
}

#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub kind: ExprKind,
    pub span: Span,
    /// Levels of expressions in it, functions included.
    pub height: u32,
}

impl Expr {
    pub fn new(kind: ExprKind, span: Span) -> Self {
        let height = 1 + kind.height();
        Self { kind, span, height }
    }
}

impl ExprKind {
    /// The height of the highest part.
    fn height(&self) -> u32 {
        let highest = |parts: &mut dyn Iterator<Item = &Expr>| parts.map(|e| e.height).max().unwrap_or(0);
        match self {
            Self::Nil | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Name(_) => 0,
            Self::Say | Self::This | Self::SuperGet(_) => 0,
            Self::Interpolated(parts) => highest(&mut parts.iter()),
            Self::Array(items) => highest(&mut items.iter().map(|item| &item.value)),
            Self::Object(members) => highest(&mut members.iter().map(|(_, e)| e)),
            Self::Lambda(fun) => fun.height,
            Self::Unary(_, e) => e.height,
            Self::Binary(b) => b.left.height.max(b.right.height),
            Self::And(pair) | Self::Or(pair) => pair.0.height.max(pair.1.height),
            Self::Cond(c) => c.0.height.max(c.1.height).max(c.2.height),
            Self::Assign(a) => a.target.height.max(a.value.height),
            Self::Step(step) => step.target.height,
            Self::Call(call) => call.callee.height.max(highest(&mut call.args.iter().map(|arg| &arg.value))),
            Self::Member(m) => m.object.height,
            Self::Index(i) => i.object.height.max(i.index.height),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Nil,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    Interpolated(Vec<Expr>),
    Name(Ident),
    Say,
    This,
    SuperGet(Rc<str>),
    Array(Vec<Arg>),
    Object(Vec<(Rc<str>, Expr)>),
    Lambda(Rc<Fun>),
    Unary(Unary, Box<Expr>),
    Binary(Box<Binary>),
    And(Box<(Expr, Expr)>),
    Or(Box<(Expr, Expr)>),
    Cond(Box<(Expr, Expr, Expr)>),
    Assign(Box<Assign>),
    Step(Box<Step>),
    Call(Box<Call>),
    Member(Box<Member>),
    Index(Box<Index>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Neg,
    Complement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Clone, Debug)]
pub(crate) struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    /// The right side changes variables: the left side's value must be copied before.
    pub right_changes: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Assign {
    pub target: Expr,
    /// `+=` and its kin.
    pub op: Option<BinaryOp>,
    pub value: Expr,
    pub value_changes: bool,
}

/// `++` or `--`.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub target: Expr,
    pub up: bool,
    pub prefix: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Arg {
    pub value: Expr,
    pub spread: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub callee: Expr,
    pub args: Vec<Arg>,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub object: Expr,
    pub name: Rc<str>,
    pub optional: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub object: Expr,
    pub index: Expr,
    pub index_changes: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub name: Ident,
    pub ty: Option<Type>,
    pub default: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) struct Fun {
    pub name: Option<Ident>,
    pub params: Vec<Param>,
    pub result: Option<Type>,
    pub body: Vec<Stmt>,
    pub span: Span,
    /// The closing brace, where a function that falls off its end is.
    pub end: Span,
    /// The height of the highest expression in it.
    pub height: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(crate) struct Var {
    pub name: Ident,
    pub value: Option<Expr>,
}

#[derive(Clone, Debug)]
pub(crate) enum VarDecl {
    Names(Option<Type>, Vec<Var>),
    Array(Vec<Ident>, Expr),
    Object(Vec<(Rc<str>, Ident)>, Expr),
}

#[derive(Clone, Debug)]
pub(crate) enum UseKind {
    /// `use m as n;`
    Module { module: Ident, name: Ident },
    /// `use (a, b) = from m;`
    Members { module: Ident, names: Vec<Ident> },
    /// `using "file";`
    File { path: Rc<str> },
    /// `using (a, b) = from "file";`
    FileMembers { path: Rc<str>, names: Vec<Ident> },
}

#[derive(Clone, Debug)]
pub(crate) struct Class {
    pub name: Ident,
    pub parent: Option<Ident>,
    pub fields: Vec<Var>,
    pub field_types: Vec<Option<Type>>,
    pub methods: Vec<Rc<Fun>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub value: Expr,
    pub guard: Option<Expr>,
    pub body: Stmt,
}

#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub body: Vec<Stmt>,
    pub catch: Option<(Ident, Vec<Stmt>)>,
    pub finally: Option<Vec<Stmt>>,
}

#[derive(Clone, Debug)]
pub(crate) struct For {
    pub init: Option<Stmt>,
    pub test: Option<Expr>,
    pub step: Option<Expr>,
    pub body: Stmt,
}

#[derive(Clone, Debug)]
pub(crate) enum StmtKind {
    Empty,
    Say(Expr),
    Var {
        is_static: bool,
        decl: VarDecl,
    },
    /// In a row, so that long chains are not deep.
    If {
        branches: Vec<(Expr, Stmt)>,
        otherwise: Option<Box<Stmt>>,
    },
    While {
        test: Expr,
        body: Box<Stmt>,
    },
    DoWhile {
        body: Box<Stmt>,
        test: Expr,
    },
    For(Box<For>),
    ForIn {
        declares: bool,
        name: Ident,
        object: Expr,
        body: Box<Stmt>,
    },
    Class(Rc<Class>),
    Use(UseKind),
    Fun(Rc<Fun>),
    Return(Option<Expr>),
    Break,
    Continue,
    Match {
        subject: Expr,
        cases: Vec<Case>,
        default: Option<Box<Stmt>>,
    },
    Try(Box<Try>),
    Throw(Expr),
    Retry {
        count: Expr,
        body: Vec<Stmt>,
        catch: Option<(Ident, Vec<Stmt>)>,
    },
    Enum {
        name: Ident,
        members: Vec<(Rc<str>, Option<Expr>)>,
    },
    Block(Vec<Stmt>),
    Expr(Expr),
}

/// A file's tree.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub body: Vec<Stmt>,
    /// How many `Ident`s it has.
    pub idents: u32,
    pub end: Span,
    /// The paths of its `using` statements.
    pub uses: Vec<(Rc<str>, Span)>,
}
