use anyorm::prelude::*;

fn main() {
    let _ = sql!("SELECT 1 }");
}
