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
        let mut rest = form;
        while let Some((before, after)) = rest.split_once('{') {
            self.push(before);
            let (hole, after) = after.split_once('}').unwrap_or((after, ""));
            match hole {
                ".." => {
                    self.separated(", ", arguments, |out, argument| out.node(argument));
                }
                place => {
                    let argument = place.parse().ok().and_then(|at: usize| arguments.get(at));
                    if let Some(&argument) = argument {
                        // An argument between commas needs no parentheses of its own.
                        let opens = before.ends_with('(') || before.ends_with(", ");
                        let closes = after.starts_with(')') || after.starts_with(',');
                        self.argument(argument, opens && closes);
                    }
                }
            }
            rest = after;
        }
        self.push(rest);
    }
}
