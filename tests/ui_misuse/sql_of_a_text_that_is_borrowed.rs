use anyorm::prelude::*;

fn main() {}

pub fn query(text: &String) {
    let _ = sql(text);
}
