use anyorm::prelude::*;

fn main() {
    let _ = sql!();
}
