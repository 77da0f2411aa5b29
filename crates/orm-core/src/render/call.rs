//! Functions, by the forms that the dialects give for them.
//!
//! A form is SQL with holes for the arguments: `{0}` for the first, `{..}` for all of them with commas between.

use super::Writer;
use crate::expr::{Function, Node};

impl Writer<'_> {
    pub(super) fn call(&mut self, function: Function, arguments: &[Node]) {
        let Some(form) = (self.dialect.function)(function) else {
            let instead = "compute it in the program, or write it by `sql!`";
            return self.lacks(&format!("function like {function:?}"), instead);
        };
        self.form(form, &arguments.iter().collect::<Vec<_>>());
    }

    /// Adds a form with its arguments.
    pub(super) fn form(&mut self, form: &str, arguments: &[&Node]) {
        self.fill(form, |out, hole, between_commas| match hole {
            ".." => {
                out.separated(", ", arguments, |out, argument| out.node(argument));
            }
            place => {
                let argument = place.parse().ok().and_then(|at: usize| arguments.get(at));
                if let Some(&argument) = argument {
                    out.argument(argument, between_commas);
                }
            }
        });
    }

    /// Adds a form; `each` adds what stands in a hole, and is told whether it stands between commas, where it needs no
    /// parentheses of its own.
    pub(super) fn fill(&mut self, form: &str, mut each: impl FnMut(&mut Self, &str, bool)) {
        let mut rest = form;
        while let Some((before, after)) = rest.split_once('{') {
            self.push(before);
            let (hole, after) = after.split_once('}').unwrap_or((after, ""));
            let opens = before.ends_with('(') || before.ends_with(", ");
            let closes = after.starts_with(')') || after.starts_with(',');
            each(self, hole, opens && closes);
            rest = after;
        }
        self.push(rest);
    }
}
