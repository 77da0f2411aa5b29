//! Parts of JSON values.

use super::Writer;
use crate::dialect::JsonForms;
use crate::expr::{JsonAnswer, JsonStep, Node};
use crate::value::Value;

impl Writer<'_> {
    pub(super) fn json(&mut self, of: &Node, path: &[JsonStep], answer: JsonAnswer) {
        let JsonForms { by_path, forms } = self.dialect.json;
        let form = forms[answer as usize];
        debug_assert!(by_path || !form.contains("{path}"), "a form of the other kind");
        self.fill(form, |out, hole, between_commas| match hole {
            "0" => out.argument(of, between_commas),
            "path" => {
                out.bind(&Value::Text(path_of(path)));
            }
            // By one operator for each step, the last of which may answer text.
            last => out.steps(of, path, last),
        });
    }

    fn steps(&mut self, of: &Node, path: &[JsonStep], last: &str) {
        self.argument(of, false);
        for (at, step) in path.iter().enumerate() {
            self.push(" ").push(if at + 1 == path.len() { last } else { "->" }).push(" ");
            match step {
                // The type says whether it is a name or a place.
                JsonStep::Key(key) => self.push("CAST(").bind(&Value::Text(key.clone())).push(" AS TEXT)"),
                JsonStep::Index(index) => self.number(u64::from(*index)),
            };
        }
    }
}

/// `$."name"[0]`
fn path_of(path: &[JsonStep]) -> String {
    let mut text = "$".to_owned();
    for step in path {
        match step {
            JsonStep::Key(key) => {
                text.push_str(".\"");
                for character in key.chars() {
                    if matches!(character, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(character);
                }
                text.push('"');
            }
            JsonStep::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
