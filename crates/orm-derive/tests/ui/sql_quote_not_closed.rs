use anyorm::prelude::*;

fn main() {
    let _ = sql!("SELECT * FROM users WHERE name = 'Ada");
}
