use anyorm::prelude::*;

fn main() {
    let name = "Ada";
    let _ = sql!("SELECT * FROM users WHERE name = '{name}'");
}
