//! The names that a CommonJS file seems to export, so that `import { name }` works.
//!
//! A guess from the syntax, like Node's: it knows what people write and what TypeScript, Babel, swc and esbuild emit.
//! A name guessed wrongly is `undefined`; a missed one is added when some module imports it by name.

use std::collections::{BTreeMap, BTreeSet};

use oxc_ast::ast::*;
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::{IsGlobalReference as _, Scoping};

use crate::requests::{literal, required};

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct CjsExports {
    pub names: BTreeSet<String>,
    /// Specifiers of files all of whose exports are passed on.
    pub reexports: BTreeSet<String>,
}

/// Looks through a file.
pub(crate) fn find(program: &Program<'_>, scoping: &Scoping) -> CjsExports {
    let mut visitor = Finder { scoping, found: CjsExports::default(), required: BTreeMap::new() };
    visitor.visit_program(program);
    visitor.found
}

struct Finder<'s> {
    scoping: &'s Scoping,
    found: CjsExports,
    /// `var x = require('y')`, for Babel's loops over `Object.keys(x)`.
    required: BTreeMap<String, String>,
}

impl Finder<'_> {
    /// `exports` or `module.exports`.
    fn is_exports(&self, expression: &Expression<'_>) -> bool {
        match expression.get_inner_expression() {
            Expression::Identifier(id) => id.name == "exports" && id.is_global_reference(self.scoping),
            Expression::StaticMemberExpression(member) => self.is_module_exports(member),
            // `module.exports = exports = …` as the object of something.
            Expression::AssignmentExpression(assignment) => self.is_exports_target(&assignment.left),
            _ => false,
        }
    }

    fn is_module_exports(&self, member: &StaticMemberExpression<'_>) -> bool {
        member.property.name == "exports"
            && matches!(&member.object, Expression::Identifier(id)
                if id.name == "module" && id.is_global_reference(self.scoping))
    }

    fn is_exports_target(&self, target: &AssignmentTarget<'_>) -> bool {
        match target {
            AssignmentTarget::AssignmentTargetIdentifier(id) => {
                id.name == "exports" && id.is_global_reference(self.scoping)
            }
            AssignmentTarget::StaticMemberExpression(member) => self.is_module_exports(member),
            _ => false,
        }
    }

    fn add(&mut self, name: &str) {
        if name != "default" {
            self.found.names.insert(name.to_owned());
        }
    }

    /// The specifier of `require('y')`, perhaps inside a helper's call: `__importStar(require('y'))`.
    fn specifier(&self, expression: &Expression<'_>) -> Option<String> {
        let Expression::CallExpression(call) = expression.get_inner_expression() else { return None };
        match callee_name(call) {
            Some("require") => required(call).map(|(specifier, _)| specifier.to_owned()),
            Some("__importStar" | "__importDefault" | "_interopRequireWildcard" | "__toESM") => {
                match call.arguments.first()?.as_expression()?.get_inner_expression() {
                    Expression::CallExpression(inner) if callee_name(inner) == Some("require") => {
                        required(inner).map(|(specifier, _)| specifier.to_owned())
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn whole(&mut self, value: &Expression<'_>) {
        match value.get_inner_expression() {
            Expression::ObjectExpression(object) => self.keys(object),
            // `module.exports = cond ? require('./a') : require('./b')`
            Expression::ConditionalExpression(choice) => {
                self.whole(&choice.consequent);
                self.whole(&choice.alternate);
            }
            Expression::AssignmentExpression(inner) => self.whole(&inner.right),
            other => {
                if let Some(specifier) = self.specifier(other) {
                    self.found.reexports.insert(specifier);
                }
            }
        }
    }

    fn keys(&mut self, object: &ObjectExpression<'_>) {
        for property in &object.properties {
            match property {
                ObjectPropertyKind::ObjectProperty(property) => {
                    if let Some(name) = property.key.static_name() {
                        self.add(&name);
                    }
                }
                ObjectPropertyKind::SpreadProperty(spread) => {
                    if let Some(specifier) = self.specifier(&spread.argument) {
                        self.found.reexports.insert(specifier);
                    }
                }
            }
        }
    }

    /// `Object.defineProperty(exports, 'name', …)` and `Object.defineProperties(exports, {…})`.
    fn define(&mut self, call: &CallExpression<'_>) {
        let [first, second, ..] = call.arguments.as_slice() else { return };
        let (Some(object), Some(what)) = (first.as_expression(), second.as_expression()) else { return };
        if !self.is_exports(object) {
            return;
        }
        match what.get_inner_expression() {
            Expression::ObjectExpression(object) => self.keys(object),
            other => {
                if let Some((name, _)) = literal(other) {
                    let name = name.to_owned();
                    self.add(&name);
                }
            }
        }
    }

    /// Helpers that copy or define many exports at once.
    fn helper(&mut self, call: &CallExpression<'_>) {
        for argument in call.arguments.iter().filter_map(Argument::as_expression) {
            match argument.get_inner_expression() {
                Expression::ObjectExpression(object) => self.keys(object),
                other => {
                    if let Some(specifier) = self.specifier(other) {
                        self.found.reexports.insert(specifier);
                    }
                }
            }
        }
    }

    /// Babel: `Object.keys(_y).forEach(function (key) { … exports[key] = _y[key] … })`.
    fn copy_loop(&mut self, member: &StaticMemberExpression<'_>) {
        if member.property.name != "forEach" {
            return;
        }
        let Expression::CallExpression(keys) = &member.object else { return };
        let Expression::StaticMemberExpression(callee) = &keys.callee else { return };
        let is_keys = callee.property.name == "keys" && callee.object.is_specific_id("Object");
        if is_keys
            && let Some(Expression::Identifier(id)) = keys.arguments.first().and_then(Argument::as_expression)
            && let Some(specifier) = self.required.get(id.name.as_str())
        {
            self.found.reexports.insert(specifier.clone());
        }
    }
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if let (Some(id), Some(init)) = (it.id.get_binding_identifier(), &it.init)
            && let Some(specifier) = self.specifier(init)
        {
            self.required.insert(id.name.to_string(), specifier);
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        match &it.left {
            target if self.is_exports_target(target) => self.whole(&it.right),
            AssignmentTarget::StaticMemberExpression(member) if self.is_exports(&member.object) => {
                self.add(&member.property.name);
            }
            AssignmentTarget::ComputedMemberExpression(member) if self.is_exports(&member.object) => {
                if let Some((name, _)) = literal(&member.expression) {
                    let name = name.to_owned();
                    self.add(&name);
                }
            }
            _ => {}
        }
        walk::walk_assignment_expression(self, it);
    }

    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        match callee_name(it) {
            Some("defineProperty" | "defineProperties") => self.define(it),
            Some("__exportStar" | "__export" | "__reExport" | "_export_star" | "_export") => self.helper(it),
            _ => {}
        }
        if let Expression::StaticMemberExpression(member) = &it.callee {
            self.copy_loop(member);
        }
        walk::walk_call_expression(self, it);
    }
}

/// `f` of `f()` and of `x.f()`.
fn callee_name<'t>(call: &'t CallExpression<'_>) -> Option<&'t str> {
    match call.callee.get_inner_expression() {
        Expression::Identifier(id) => Some(id.name.as_str()),
        Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
        // Compilers write `(0, helper)(…)`.
        Expression::SequenceExpression(sequence) => match sequence.expressions.last()? {
            Expression::Identifier(id) => Some(id.name.as_str()),
            Expression::StaticMemberExpression(member) => Some(member.property.name.as_str()),
            _ => None,
        },
        _ => None,
    }
}
